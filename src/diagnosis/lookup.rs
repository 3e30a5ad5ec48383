//! Which object a person means: `deploy/shop/web`, `es/web-db`, `Vault/vault/vault`, `path/secret/shop/db`.

use std::collections::BTreeSet;

use super::near;
use crate::model::kinds::{self, ExternalSecret, Pod, Visitor, Watched};
use crate::model::{Inventory, Kind, ObjectRef};

/// Why no object, or more than one, was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotOne {
    /// A sentence.
    pub why: String,
    /// What may have been meant: those with this name, or with names like it.
    pub like: Vec<ObjectRef>,
    /// Whether it may be there all the same: its kind could not be seen.
    pub unseen: bool,
}

/// How many are named where several are meant.
const NAMED: usize = 5;

/// The object behind `kind/name` or `kind/namespace/name`; without a namespace it is looked for
/// in those given, or in all.
///
/// # Errors
/// It is not a name, there is none, or there are several.
pub fn lookup(world: &Inventory, text: &str, namespaces: &[String]) -> Result<ObjectRef, NotOne> {
    let not = |why: String, like: Vec<ObjectRef>, unseen: bool| NotOne { why, like, unseen };
    let Some((called, rest)) = text.split_once('/').filter(|(_, rest)| !rest.trim_matches('/').is_empty()) else {
        let why = format!("“{text}” names no object: write KIND/NAME or KIND/NAMESPACE/NAME, such as deploy/shop/web.");
        return Err(not(why, Vec::new(), false));
    };
    let Some(kind) = Kind::from_word(called) else {
        return Err(not(format!("“{called}” is not a kind that sealwatch knows."), Vec::new(), false));
    };
    let all = all(world, kind);
    let is = |object: &&ObjectRef| {
        let whole = object.short() == rest || rest.strip_prefix('/').is_some_and(|rest| object.name.as_str() == rest);
        let here = namespaces.is_empty() || is_wide(object) || namespaces.iter().any(|one| object.namespace.as_str() == one);
        whole || (object.name.as_str() == rest && here)
    };
    let found: Vec<&ObjectRef> = all.iter().filter(is).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let unseen = kinds::api(kind).is_some() && !world.is_complete(kind);
            let place = if namespaces.is_empty() || rest.contains('/') {
                String::new()
            } else {
                format!(" in {}", namespaces.join(", "))
            };
            let seen = if unseen { " that can be seen" } else { "" };
            Err(not(format!("There is no {kind} “{rest}”{place}{seen}."), near::like(rest, all.iter()), unseen))
        }
        several => {
            let like = several.iter().take(NAMED).map(|object| (*object).clone()).collect();
            Err(not(format!("There are {} {kind}s called “{rest}”: name the namespace.", several.len()), like, false))
        }
    }
}

/// Whether an object is in no namespace that a person would name.
fn is_wide(object: &ObjectRef) -> bool {
    object.namespace.is_empty() || object.kind == Kind::VaultPath
}

/// Every object of a kind, in order.
fn all(world: &Inventory, kind: Kind) -> BTreeSet<ObjectRef> {
    struct Every<'a>(&'a Inventory, Kind, BTreeSet<ObjectRef>);
    impl Visitor for Every<'_> {
        fn visit<K: Watched>(&mut self) {
            if K::KIND == self.1 {
                self.2.extend(self.0.all::<K>().iter().map(|object| object.object_ref()));
            }
        }
    }
    let mut every = Every(world, kind, BTreeSet::new());
    kinds::visit(&mut every);
    let mut all = every.2;
    for server in world.vaults.values() {
        match kind {
            Kind::Vault => {
                all.insert(server.subject());
                let spaces = server.surroundings().into_iter().flat_map(|around| &around.namespaces);
                // Also one without a seal of its own: that is what is said of it then.
                all.extend(spaces.map(|(name, _)| server.address.space_ref(name.as_str())));
            }
            Kind::VaultReplica => all.extend(server.replicas.keys().map(|pod| server.replica_ref(pod))),
            Kind::VaultPath => all.extend(server.paths.keys().map(|path| server.address.path_ref(path))),
            _ => {}
        }
    }
    // What is named and not there is what a person looks for.
    for es in world.all::<ExternalSecret>().iter() {
        all.extend(es.store_ref().filter(|store| store.kind == kind));
        if kind == Kind::Secret {
            all.insert(es.target_ref());
        }
    }
    // A workload that may not be listed is known by its pods.
    all.extend(world.all::<Pod>().iter().filter_map(|pod| pod.workload.clone()).filter(|workload| workload.kind == kind));
    all
}
