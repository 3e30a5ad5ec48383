//! Writing the target Secret: owner, labels, annotations, the hash of the data.

use std::fmt::Write as _;

use sha3::{Digest, Sha3_224};

use super::MANAGED;
use crate::gateways::simulation::object::{Body, Creation, External, Meta, Object, Secret, Words};
use crate::gateways::simulation::recorder::Saying;
use crate::gateways::simulation::world::World;
use crate::model::{Kind, ObjectRef};

const OWNER: &str = "reconcile.external-secrets.io/created-by";
const DATA_HASH: &str = "reconcile.external-secrets.io/data-hash";

/// What came of it.
pub(super) enum Written {
    Done { reason: &'static str, message: &'static str },
    Failed { condition: &'static str, text: String },
}

impl World {
    pub(super) fn write_target(&mut self, key: &ObjectRef, external: &External, data: &Words) -> Written {
        let target = ObjectRef::new(Kind::Secret, key.namespace.as_str(), external.target.as_str());
        let existing = self.api.get(&target).cloned();
        if data.is_empty() && external.delete_with_source {
            if self.api.delete(&target).is_some() {
                self.say(key, Saying::normal("external-secrets", "Deleted", "secret deleted due to DeletionPolicy=Delete"));
            }
            return Written::Done { reason: "SecretDeleted", message: "secret deleted due to DeletionPolicy=Delete" };
        }
        if let Some(failed) = existing.as_ref().and_then(|existing| refused(key, external, existing)) {
            return failed;
        }
        let Some(owner) = self.api.get(key).map(|object| object.meta.clone()) else {
            return Written::Done { reason: "SecretSynced", message: "secret synced" };
        };
        let now = self.now;
        match existing {
            None if external.creation == Creation::Merge => {
                return Written::Done {
                    reason: "SecretMissing",
                    message: "secret will not be created due to CreationPolicy=Merge",
                };
            }
            None => {
                let mut object = Object { meta: Meta::default(), body: Body::Secret(Secret::default()) };
                mutate(&mut object, key, &owner, external, data);
                self.api.create(target, object.meta, object.body, now);
                self.say(key, Saying::normal("external-secrets", "Created", "secret created"));
            }
            Some(existing) => {
                let version = self.api.change(&target, |object| mutate(object, key, &owner, external, data));
                if version != Some(existing.meta.version) {
                    self.say(key, Saying::normal("external-secrets", "Updated", "secret updated"));
                }
            }
        }
        Written::Done { reason: "SecretSynced", message: "secret synced" }
    }
}

/// Why it may not be written, if so. None of these is tried again.
fn refused(key: &ObjectRef, external: &External, existing: &Object) -> Option<Written> {
    let target = &external.target;
    match existing.meta.owner.as_ref() {
        Some([_, kind, name, _]) if kind == "ExternalSecret" && name != key.name.as_str() => Some(Written::Failed {
            condition: "target is owned by another ExternalSecret",
            text: format!("unable to mutate secret {target}: secret is owned by another ExternalSecret: {name}"),
        }),
        Some([_, kind, name, _]) if kind != "ExternalSecret" && external.creation == Creation::Owner => Some(Written::Failed {
            condition: "failed to take ownership of target secret",
            text: format!(
                "unable to mutate secret {target}: could not set controller reference on secret: Object {}/{target} is already owned by another {kind} controller {name}",
                key.namespace
            ),
        }),
        _ => None,
    }
}

fn mutate(object: &mut Object, key: &ObjectRef, owner: &Meta, external: &External, data: &Words) {
    let Object { meta, body: Body::Secret(secret) } = object else { return };
    if external.creation == Creation::Merge {
        secret.data.extend(data.clone());
    } else {
        secret.data.clone_from(data);
    }
    if let Some(kind) = &external.template {
        secret.kind.clone_from(kind);
    } else {
        // Without a template everything that stands on the ExternalSecret is copied, `force-sync` too.
        meta.labels.extend(owner.labels.clone());
        meta.annotations.extend(owner.annotations.clone());
    }
    if secret.kind.is_empty() {
        "Opaque".clone_into(&mut secret.kind);
    }
    if external.creation == Creation::Owner {
        let version = "external-secrets.io/v1".to_owned();
        meta.owner = Some([version, "ExternalSecret".to_owned(), key.name.to_string(), owner.uid.clone()]);
        meta.labels.insert(OWNER.to_owned(), hash(&key.short()));
    }
    meta.labels.insert(MANAGED.to_owned(), "true".to_owned());
    meta.annotations.insert(DATA_HASH.to_owned(), data_hash(&secret.data));
}

/// Whether a Secret is marked as ours and holds what we last wrote (`isSecretValid`).
pub(super) fn is_valid(object: &Object) -> bool {
    object.meta.labels.get(MANAGED).is_some_and(|managed| managed == "true")
        && object.secret().is_some_and(|secret| object.meta.annotations.get(DATA_HASH) == Some(&data_hash(&secret.data)))
}

/// SHA3-224 in hex of what Go prints, as External Secrets hashes objects.
fn hash(printed: &str) -> String {
    Sha3_224::digest(printed).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn data_hash(data: &Words) -> String {
    let bytes = |value: &str| value.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(" ");
    let inner: Vec<String> = data.iter().map(|(key, value)| format!("{key}:[{}]", bytes(value))).collect();
    hash(&format!("map[{}]", inner.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_that_external_secrets_writes() {
        // Recorded from 2.9.0, fixture 03: the label `created-by` of ameide-dev/app-db-sync, and of ghcr-pull-sync.
        assert_eq!(hash("ameide-dev/app-db-sync"), "b0f1b3a1ffbbe11bebfe332df7dfeadfccdd992ef9aeb883e9484251");
        assert_eq!(hash("ameide-dev/ghcr-pull-sync"), "53b9a758307cd60ff37da1a6a4afcde1737ae2d4d039f6b316712947");
    }
}
