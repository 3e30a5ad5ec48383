//! The sibling of something broken: the nearest healthy one of the same Vault, field by field. What differs is where a
//! person would look first.

use std::cmp::Reverse;

use crate::model::kinds::secret_store::Auth;
use crate::model::kinds::{ExternalSecret, SecretStore, Watched as _};
use crate::model::{Health, Inventory, Kind, ObjectRef};

/// Something broken beside something that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// The one that works.
    pub object: ObjectRef,
    /// Field by field.
    pub fields: Vec<Beside>,
}

/// One field of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// What it is called, in the field's own words.
    pub field: &'static str,
    /// What the broken one has.
    pub here: String,
    /// What the other has.
    pub there: String,
}

impl Beside {
    /// Whether the two are not the same.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.here != self.there
    }
}

/// How many candidates are compared: the nearest of thousands is no better than the nearest of these.
const COMPARED: usize = 500;

/// The nearest healthy object of the same kind and the same Vault; `None` if there is none, or if it is of another kind.
#[must_use]
pub fn sibling(world: &Inventory, object: &ObjectRef) -> Option<Sibling> {
    match object.kind {
        Kind::SecretStore | Kind::ClusterSecretStore => of_store(world, world.store(object)?),
        Kind::ExternalSecret => of_reader(world, world.get::<ExternalSecret>(object)?),
        _ => None,
    }
}

fn of_store(world: &Inventory, store: &SecretStore) -> Option<Sibling> {
    let address = &store.vault.as_ref()?.address;
    let here = store_fields(store);
    let healthy = world.stores().filter(|other| other.health() == Health::Healthy && other.store_ref() != store.store_ref());
    let same = healthy.filter(|other| other.vault.as_ref().is_some_and(|vault| vault.address == *address));
    nearest(&here, same.take(COMPARED).map(|other| (other.store_ref(), store_fields(other))))
}

fn of_reader(world: &Inventory, es: &ExternalSecret) -> Option<Sibling> {
    let store = es.store_ref()?;
    let here = reader_fields(es);
    // Those of its own store first: they share all of the login.
    let same = world.readers_of(&store).filter(|other| other.health() == Health::Healthy && !other.remote.is_empty());
    nearest(&here, same.take(COMPARED).map(|other| (other.object_ref(), reader_fields(other))))
}

type Fields = Vec<(&'static str, String)>;

fn nearest(here: &Fields, others: impl Iterator<Item = (ObjectRef, Fields)>) -> Option<Sibling> {
    let like = |there: &Fields| here.iter().zip(there).filter(|(a, b)| a == b).count();
    let (_, object, there) = others
        .map(|(object, there)| (like(&there), object, there))
        .min_by_key(|(like, object, _)| (Reverse(*like), object.clone()))?;
    let fields = here.iter().zip(there).map(|((field, here), (_, there))| Beside { field, here: here.clone(), there });
    Some(Sibling { object, fields: fields.collect() })
}

fn store_fields(store: &SecretStore) -> Fields {
    let none = String::new;
    let Some(vault) = &store.vault else { return Vec::new() };
    let (method, mount, role, account, audiences) = match &vault.auth {
        Auth::Kubernetes { mount, role, service_account, audiences, .. } => {
            let audiences: Vec<&str> = audiences.iter().map(crate::model::Text::as_str).collect();
            ("kubernetes".to_owned(), mount.to_string(), role.to_string(), service_account.to_string(), audiences.join(", "))
        }
        Auth::Token { secret, key } => (format!("token in Secret {secret}, key {key}"), none(), none(), none(), none()),
        Auth::Other(name) => (name.to_string(), none(), none(), none(), none()),
    };
    vec![
        ("login", method),
        ("auth mount", mount),
        ("role", role),
        ("service account", account),
        ("audiences", audiences),
        ("Vault namespace", vault.namespace.to_string()),
        ("KV mount", vault.mount.to_string()),
        ("KV version", vault.version.to_string()),
        ("CA", vault.ca.as_ref().map_or_else(none, ToString::to_string)),
    ]
}

fn reader_fields(es: &ExternalSecret) -> Fields {
    let folders = es.remote.iter().map(|remote| remote.key.as_str().rsplit_once('/').map_or("", |(folder, _)| folder));
    let mut folders: Vec<&str> = folders.collect();
    folders.dedup();
    vec![
        ("reads below", folders.join(", ")),
        ("properties", if es.remote.iter().any(|remote| !remote.property.is_empty()) { "named" } else { "all" }.to_owned()),
        ("creation policy", es.creation_policy.to_string()),
        ("deletion policy", es.deletion.as_str().to_owned()),
        ("template", if es.templated { "has one" } else { "none" }.to_owned()),
        ("generators", es.generators.len().to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::Names;
    use crate::model::inventory::Change;
    use crate::model::kinds::OnShelf;

    fn store(name: &str, role: &str, mount: &str, ready: &str) -> SecretStore {
        let wire = format!(
            r#"{{"metadata": {{"name": "{name}", "namespace": "shop"}}, "spec": {{"provider": {{"vault":
            {{"server": "https://vault.vault.svc:8200", "path": "secret", "auth": {{"kubernetes": {{"mountPath": "{mount}",
            "role": "{role}", "serviceAccountRef": {{"name": "eso"}}}}}}}}}}}},
            "status": {{"conditions": [{{"type": "Ready", "status": "{ready}", "reason": "Valid"}}]}}}}"#
        );
        SecretStore::read(serde_json::from_str(&wire).unwrap(), &mut Names::default())
    }

    #[test]
    fn the_nearest_that_works_is_the_one_that_differs_least() {
        let mut world = Inventory::default();
        let stores = [
            store("broken", "shpo", "kubernetes", "False"),
            store("far", "other", "blue", "True"),
            store("near", "shop", "kubernetes", "True"),
            store("too", "shpo", "kubernetes", "False"),
        ];
        let listed = stores.into_iter().map(OnShelf::into_object).collect();
        world.apply(Change::Listed(Kind::SecretStore.into(), listed, Vec::new()), Timestamp::UNIX_EPOCH);
        let found = sibling(&world, &ObjectRef::new(Kind::SecretStore, "shop", "broken")).unwrap();
        assert_eq!(found.object.to_string(), "SecretStore/shop/near");
        let differing: Vec<_> = found.fields.iter().filter(|field| field.differs()).collect();
        assert_eq!(differing, [&Beside { field: "role", here: "shpo".to_owned(), there: "shop".to_owned() }]);
    }
}
