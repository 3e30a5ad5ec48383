//! What a person writes through sealwatch, done to the simulated cluster and its Vaults.

use jiff::Timestamp;

use super::object::{Object, Refresh, Remote};
use super::vault::{Refusal, Server};
use super::world::World;
use crate::model::{Fault, FaultKind, Kind, ObjectRef, Seal, Uid};
use crate::ports::Seen;
use crate::runbooks::{KubernetesWrite, VaultChange};

impl World {
    /// Does a write; tells the object's version after it.
    pub(super) fn write(&mut self, write: &KubernetesWrite, seen: Option<&Seen>) -> Result<u64, Fault> {
        let object = write.object();
        if let (Some(seen), Some(found)) = (seen, self.api.get(object))
            && (Uid::read(&found.meta.uid) != seen.uid || seen.version.is_some_and(|version| version != found.meta.version))
        {
            return Err(Fault::new(
                FaultKind::Conflict,
                "the object has been modified; please apply your changes to the latest version",
            ));
        }
        let version = match write {
            KubernetesWrite::Annotate { object, key, value } => self.api.change(object, |object| {
                object.meta.annotations.insert((*key).to_owned(), value.clone());
            }),
            KubernetesWrite::KeepValue { external_secret } => self.api.change(external_secret, |object| {
                object.meta.generation += 1;
                if let Some(external) = object.external_mut() {
                    external.refresh = Refresh::CreatedOnce;
                }
            }),
            KubernetesWrite::ReadVault { external_secret, store, remote, property, secret_key, .. } => {
                self.api.change(external_secret, |object| {
                    object.meta.generation += 1;
                    if let Some(external) = object.external_mut() {
                        let (key, property) = (remote.clone(), property.clone());
                        external.data = vec![Remote { secret_key: secret_key.clone(), key, property }];
                        external.store = Some((store.kind, store.name.to_string()));
                        external.generator = None;
                        external.refresh = Refresh::Periodic;
                    }
                })
            }
            KubernetesWrite::Restart { workload, .. } => self.restart_workload(workload),
            // It has no timetables, no Jobs that were kept, and no Argo CD.
            KubernetesWrite::StartJob { cron_job, .. } => return Err(missing(cron_job)),
            KubernetesWrite::RunAgain { .. }
            | KubernetesWrite::Sync { .. }
            | KubernetesWrite::Delegate { .. }
            | KubernetesWrite::Hold { .. }
            | KubernetesWrite::GiveBack { .. } => None,
        };
        version.ok_or_else(|| missing(object))
    }

    /// Its pods go, and its controller makes others.
    pub(super) fn restart_workload(&mut self, workload: &ObjectRef) -> Option<u64> {
        let owner = self.api.get(workload)?.workload()?.owner.clone();
        let mine = |object: &Object| object.meta.owner.as_ref() == Some(&owner);
        let pods: Vec<ObjectRef> =
            self.api.list(Kind::Pod).filter(|(_, object)| mine(object)).map(|(pod, _)| pod.clone()).collect();
        let version = self.api.change(workload, |object| object.meta.generation += 1);
        for pod in &pods {
            self.api.delete(pod);
        }
        version
    }
}

fn missing(object: &ObjectRef) -> Fault {
    Fault::new(FaultKind::NotFound, &format!("{} \"{}\" not found", object.kind, object.name))
}

impl Server {
    /// Whether the console's token may change values: root's may.
    pub(super) const fn may_change(&self) -> bool {
        self.visitor.is_none()
    }

    /// Does a write at one replica; an unseal tells the seal after it.
    pub(super) fn change(
        &mut self,
        replica: usize,
        change: &VaultChange,
        typed: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Seal>, Refusal> {
        match change {
            VaultChange::Unseal { .. } => match typed {
                Some(share) => self.unseal(replica, share.trim()).map(Some),
                None => Err(Refusal::new(400, "'key' must be specified in request body as JSON, or 'reset' set to true")),
            },
            VaultChange::ResetUnseal => self.reset(replica).map(Some),
            VaultChange::UnsealSpace { space, .. } => {
                self.give_share(replica, space.path.as_str(), Some(typed.unwrap_or_default().trim())).map(Some)
            }
            VaultChange::ResetSpace { space } => self.give_share(replica, space.path.as_str(), None).map(Some),
            // Its methods have the form of a pod from the start.
            VaultChange::Configure { .. } => self.serves(replica).map(|()| None),
            VaultChange::Bind { method, role, accounts, namespaces } => {
                self.serves(replica)?;
                let place = (method.mount.as_str().trim_matches('/').to_owned(), role.to_string());
                let Some(role) = self.roles.get_mut(&place) else { return Err(Refusal::new(404, "no such role")) };
                role.accounts = accounts.iter().map(ToString::to_string).collect();
                role.namespaces = namespaces.iter().map(ToString::to_string).collect();
                Ok(None)
            }
            VaultChange::Undelete { path, version } => {
                let versions = self.path(replica, path.mount.as_str())?.paths.get_mut(&path.key);
                let index = usize::try_from(*version).unwrap_or(0).wrapping_sub(1);
                if let Some(version) = versions.and_then(|versions| versions.get_mut(index)).filter(|one| !one.destroyed) {
                    version.deleted = false;
                }
                Ok(None)
            }
            VaultChange::WriteValue { path, property, version } | VaultChange::MoveValue { path, property, version, .. } => {
                let mount = self.path(replica, path.mount.as_str())?;
                let versions = mount.paths.get(&path.key).map_or(&[][..], Vec::as_slice);
                if versions.len() as u64 != *version {
                    return Err(Refusal::new(400, "check-and-set parameter did not match the current version"));
                }
                let mut data = versions.last().map(|version| version.data.clone()).unwrap_or_default();
                data.insert(property.clone(), typed.unwrap_or_default().to_owned());
                mount.write(&path.key, data, now);
                Ok(None)
            }
        }
    }

    fn path(&mut self, replica: usize, mount: &str) -> Result<&mut super::vault::kv::Mount, Refusal> {
        self.serves(replica)?;
        if !self.may_change() {
            return Err(Refusal::new(403, "1 error occurred:\n\t* permission denied\n\n"));
        }
        let mount = mount.trim_matches('/');
        self.mounts.get_mut(mount).ok_or_else(|| Refusal::new(404, format!("no handler for route \"{mount}\"")))
    }
}
