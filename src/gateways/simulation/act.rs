//! What a scenario lets happen: objects that somebody makes, and faults, each through what a person could
//! do. No act writes a status, a condition or an event.

use super::object::{Body, Object, Pod};
use super::platform::EXTERNAL_SECRETS;
use super::time::whole;
use super::world::{Task, World};
use crate::model::{Kind, ObjectRef};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Somebody makes an object.
    Create { key: ObjectRef, object: Box<Object> },
    /// Somebody deletes an object.
    Delete { key: ObjectRef },
    /// Replicas of a server are sealed, all if none is named.
    Seal { server: usize, replicas: Vec<String> },
    /// A namespace of a server is sealed.
    SealSpace { server: usize, space: String },
    /// Replicas lose their vote in raft.
    Demote { server: usize, replicas: Vec<String> },
    /// Their pods restart, which seals them.
    Restart { server: usize, replicas: Vec<String> },
    /// Their pods restart with new volumes: they must join the cluster again.
    Replace { server: usize, replicas: Vec<String> },
    /// A path gets a new version.
    Write { server: usize, mount: String, path: String },
    /// The current version of a path is deleted, or destroyed.
    Drop { server: usize, mount: String, path: String, destroy: bool },
    /// External Secrets stops, or starts again.
    Operator { runs: bool },
}

impl World {
    pub(super) fn act(&mut self, act: Act) {
        let now = self.now;
        match act {
            Act::Create { key, object } => {
                let pod = matches!(object.body, Body::Pod(Pod { running: None, .. }));
                if self.api.create(key.clone(), object.meta, object.body, now) && pod {
                    let wait = self.random.millis(200, 900);
                    self.schedule(super::time::after(now, wait), Task::Pod(key));
                }
            }
            Act::Delete { key } => {
                // The server in a pod ends with it, and the next one starts sealed.
                for server in self.servers.iter_mut().filter(|server| server.namespace == key.namespace.as_str()) {
                    let index =
                        server.replicas.iter().position(|replica| key.kind == Kind::Pod && replica.pod == key.name.as_str());
                    if let Some(index) = index {
                        server.seal(index);
                    }
                }
                self.api.delete(&key);
            }
            Act::Seal { server, replicas } => self.each_replica(server, &replicas, super::vault::Server::seal),
            Act::SealSpace { server, space } => {
                if let Some(server) = self.servers.get_mut(server) {
                    server.seal_space(&space);
                }
            }
            Act::Demote { server, replicas } => self.each_replica(server, &replicas, super::vault::Server::demote),
            Act::Restart { server, replicas } => self.restart(server, &replicas),
            Act::Replace { server, replicas } => {
                self.restart(server, &replicas);
                self.each_replica(server, &replicas, |server, index| server.replicas[index].joining = true);
            }
            Act::Write { server, mount, path } => self.write_path(server, &mount, &path),
            Act::Drop { server, mount, path, destroy } => {
                let mount = self.servers.get_mut(server).and_then(|server| server.mounts.get_mut(&mount));
                if let Some(version) = mount.and_then(|mount| mount.paths.get_mut(&path)?.last_mut()) {
                    version.deleted = true;
                    version.destroyed = destroy;
                }
            }
            Act::Operator { runs: true } => {
                self.scale_operator(1);
                self.start_operator();
            }
            Act::Operator { runs: false } => {
                self.scale_operator(0);
                self.stop_operator();
            }
        }
    }

    /// Somebody scales External Secrets; its process comes and goes with its pod.
    fn scale_operator(&mut self, wanted: usize) {
        let deployment = ObjectRef::new(Kind::Deployment, EXTERNAL_SECRETS, EXTERNAL_SECRETS);
        self.api.change(&deployment, |object| {
            object.meta.generation += 1;
            if let Some(workload) = object.workload_mut() {
                workload.wanted = wanted;
            }
        });
    }

    fn each_replica(&mut self, server: usize, names: &[String], mut act: impl FnMut(&mut super::vault::Server, usize)) {
        let Some(server) = self.servers.get_mut(server) else { return };
        for index in 0..server.replicas.len() {
            if names.is_empty() || names.contains(&server.replicas[index].pod) {
                act(server, index);
            }
        }
    }

    fn restart(&mut self, server: usize, replicas: &[String]) {
        let now = self.now;
        let mut pods = Vec::new();
        self.each_replica(server, replicas, |server, index| {
            server.seal(index);
            pods.push(ObjectRef::new(Kind::Pod, server.namespace.as_str(), server.replicas[index].pod.as_str()));
        });
        for key in pods {
            // A StatefulSet gives the new pod the old name. Its probe accepts a sealed server, as ameide's chart and
            // the lab have it, so it is Ready at once.
            if let Some(mut old) = self.api.delete(&key) {
                if let Some(pod) = old.pod_mut() {
                    pod.started = Some(whole(now));
                    pod.running = Some(whole(now));
                }
                self.api.create(key, old.meta, old.body, now);
            }
        }
    }

    /// Writes a path anew: the same properties, other values.
    fn write_path(&mut self, server: usize, mount: &str, path: &str) {
        let now = self.now;
        let Some(mount) = self.servers.get_mut(server).and_then(|server| server.mounts.get_mut(mount)) else { return };
        let properties: Vec<String> = mount
            .paths
            .get(path)
            .and_then(|versions| versions.last())
            .map_or_else(|| vec!["value".to_owned()], |version| version.data.keys().cloned().collect());
        let data = properties.into_iter().map(|property| (property, self.random.hex(12))).collect();
        mount.write(path, data, now);
    }
}
