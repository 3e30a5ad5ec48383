//! What could not be seen, said aloud: green is never the absence of data.

use std::collections::BTreeMap;

use serde::Serialize;

use super::server::ServerState;
use crate::model::kinds::Role;
use crate::model::kinds::generator::KINDS;
use crate::model::{FaultKind, Inventory, Kind, ObjectRef, Source, Text};

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// What.
    pub subject: String,
    /// The permission or the answer that is missing.
    pub needs: String,
}

/// How many objects that cannot be read are named before the rest is counted.
const NAMED: usize = 20;

/// How the place of what is beyond the namespaces that are read begins.
const OUTSIDE: &str = " outside ";

/// Everything of a world that could not be seen.
pub(super) fn unknown(world: &Inventory) -> Vec<Unknown> {
    let uninstalled =
        world.uninstalled().map(|fault| Unknown { subject: "every ExternalSecret".to_owned(), needs: fault.to_string() });
    let mut all: Vec<Unknown> = uninstalled.into_iter().collect();
    all.extend(of_kinds(world, |_| true));
    all.extend(stores(world));
    all.extend(vaults(world));
    all
}

/// What of these kinds cannot be read: kinds and namespaces, those for one reason together, and single objects.
pub fn of_kinds(world: &Inventory, wanted: impl Fn(Kind) -> bool) -> Vec<Unknown> {
    let mut together: BTreeMap<(String, String), Vec<(Kind, String)>> = BTreeMap::new();
    for (kind, source) in world.sources.iter().filter(|(kind, _)| wanted(**kind)) {
        for (place, fault) in gaps(source).filter(|_| world.is_in_scope(*kind)) {
            // A refusal names its kind; the right that is missing is the same for all of them.
            let reason = if fault.kind == FaultKind::Forbidden { "" } else { fault.message.as_str() };
            together.entry((place, reason.to_owned())).or_default().push((*kind, fault.to_string()));
        }
    }
    let said = |((place, _), kinds): ((String, String), Vec<(Kind, String)>)| {
        let rights = if place.starts_with(OUTSIDE) {
            "the verbs list and watch on them in all namespaces; -n NAMESPACE looks at that one only."
        } else {
            "the verbs list and watch on them."
        };
        // Nobody wants to read eighteen names for one right.
        let all_generators = KINDS.iter().all(|one| kinds.iter().any(|(kind, _)| kind == one));
        let (generators, others): (Vec<Kind>, Vec<Kind>) =
            kinds.iter().map(|(kind, _)| *kind).partition(|kind| all_generators && KINDS.contains(kind));
        let mut names: Vec<&str> = others.iter().map(|kind| kind.as_str()).collect();
        names.extend((!generators.is_empty()).then_some("generator"));
        let needs = match kinds.as_slice() {
            [(_, fault)] => fault.clone(),
            [(_, fault), rest @ ..] if rest.iter().all(|(_, other)| other == fault) => fault.clone(),
            _ => rights.to_owned(),
        };
        Unknown { subject: format!("every {}{place}", names.join(", ")), needs }
    };
    let mut together: Vec<_> = together.into_iter().collect();
    together.sort_by_key(|(_, kinds)| kinds.first().map(|(kind, _)| *kind));
    let mut all: Vec<Unknown> = together.into_iter().map(said).collect();
    all.extend(odd(world.unreadable.iter().filter(|(object, _)| wanted(object.kind))));
    all
}

/// The places where a kind is not seen, each as the end of a sentence, and why.
fn gaps(source: &Source) -> impl Iterator<Item = (String, &crate::model::Fault)> {
    let read: Vec<&str> = source.parts.keys().map(crate::model::Name::as_str).collect();
    let outside = if read.is_empty() { String::new() } else { format!("{OUTSIDE}{}", read.join(", ")) };
    let refused = source.refused.iter().map(move |fault| (outside.clone(), fault));
    let parts = source.parts.iter().filter_map(|(namespace, part)| {
        let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
        Some((place, part.fault.as_ref()?))
    });
    refused.chain(parts)
}

/// Stores that are read through and may not be seen: whether they exist is not known.
fn stores(world: &Inventory) -> Vec<Unknown> {
    let unseen = |store: &&ObjectRef| {
        let told = world.sources.get(&store.kind).is_some_and(Source::is_told);
        told && !world.would_show(store) && world.store(store).is_none()
    };
    let said = |store: &ObjectRef| Unknown {
        needs: format!(
            "the right to see it: whether it exists and works is not known, and ExternalSecrets read through it ({}).",
            world.pointing_at(store, Role::ReadsThrough).count()
        ),
        subject: store.to_string(),
    };
    world.stores_read_through().into_iter().filter(unseen).map(said).collect()
}

/// Objects that are there and cannot be read.
fn odd<'a>(mut objects: impl Iterator<Item = (&'a ObjectRef, &'a Text)>) -> Vec<Unknown> {
    let said = |(object, why): (&ObjectRef, &Text)| Unknown {
        subject: object.to_string(),
        needs: format!("fields that can be read: {why}."),
    };
    let mut all: Vec<Unknown> = objects.by_ref().take(NAMED).map(said).collect();
    let more = objects.count();
    if more > 0 {
        all.push(Unknown {
            subject: format!("{more} more object{}", if more == 1 { "" } else { "s" }),
            needs: "fields that can be read.".to_owned(),
        });
    }
    all
}

fn vaults(world: &Inventory) -> Vec<Unknown> {
    let vaults = world.vaults.values().flat_map(|server| {
        let unlisted =
            server.unlisted.iter().map(|fault| Unknown { subject: server.subject().to_string(), needs: fault.to_string() });
        let silent = server.replicas.iter().filter(|_| ServerState::of(server) != ServerState::Unreachable).filter_map(
            |(pod, replica)| {
                Some(Unknown { subject: server.replica_ref(pod).to_string(), needs: replica.fault.as_ref()?.to_string() })
            },
        );
        // That a token is refused is a finding; that there is none to show is not.
        let unread = server.unreadable.iter().filter(|fault| fault.kind == FaultKind::NoToken && !server.paths.is_empty());
        let unread = unread.map(|fault| Unknown { subject: server.subject().to_string(), needs: fault.to_string() });
        unlisted.chain(silent.collect::<Vec<_>>()).chain(unread).collect::<Vec<_>>()
    });
    vaults.collect()
}
