//! What the objects of a cluster say of a Vault's certificate: whose CA signed it, and which name it is for.

use std::fmt;

use super::VaultAddress;
use crate::model::inventory::Inventory;
use crate::model::kinds::VaultConnection;
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;

/// Where the certificate of a CA stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ca {
    /// In the object itself (`caBundle`).
    Bundle(Bundle),
    /// Under a key of a Secret.
    Secret {
        /// Namespace of the Secret.
        namespace: Name,
        /// Its name.
        name: Name,
        /// The key.
        key: Name,
    },
    /// Under a key of a `ConfigMap`.
    ConfigMap {
        /// Namespace of the `ConfigMap`.
        namespace: Name,
        /// Its name.
        name: Name,
        /// The key.
        key: Name,
    },
}

/// A `caBundle`, still in the base64 of the object. A thousand stores with the same one hold it once.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle(Name);

impl Bundle {
    /// As it stands in the object.
    #[must_use]
    pub fn base64(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} characters", self.0.as_str().len())
    }
}

impl Ca {
    /// A bundle as it stands in the object.
    #[must_use]
    pub fn bundle(base64: &str, names: &mut Names) -> Self {
        Self::Bundle(Bundle(names.intern(base64)))
    }
}

impl fmt::Display for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle(_) => f.write_str("a bundle of its own"),
            Self::Secret { namespace, name, key } => write!(f, "Secret/{namespace}/{name} ({key})"),
            Self::ConfigMap { namespace, name, key } => write!(f, "ConfigMap/{namespace}/{name} ({key})"),
        }
    }
}

/// A CA, and the first object that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The store or connection.
    pub of: ObjectRef,
    /// The CA.
    pub ca: Ca,
}

impl Authority {
    /// Whether it takes a right over the whole cluster to name it. Any tenant can write a `SecretStore` that names
    /// somebody else's Vault and a CA of their own: its word is good for a look, not for a token.
    #[must_use]
    pub fn is_of_the_cluster(&self) -> bool {
        self.of.kind == Kind::ClusterSecretStore
    }
}

/// What a cluster says of the certificate of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerTls {
    /// The CAs that are named for it, each once, those of the cluster first.
    pub authorities: Vec<Authority>,
    /// The name in the certificate, where it is not that of the address: `tlsServerName` of a `VaultConnection`. A
    /// store has no such field, so where one names the address, the name of the address is right.
    pub name: Option<Text>,
}

impl ServerTls {
    /// What this world says of this server; nothing of one without TLS.
    #[must_use]
    pub fn of(world: &Inventory, address: &VaultAddress) -> Self {
        let mut tls = Self::default();
        if !address.tls {
            return tls;
        }
        let mut stores =
            world.stores().filter(|store| store.vault.as_ref().is_some_and(|vault| vault.address == *address)).peekable();
        let named = stores.peek().is_some();
        for store in stores {
            tls.add(store.store_ref(), store.vault.as_ref().and_then(|vault| vault.ca.clone()));
        }
        for connection in world.all::<VaultConnection>().iter().filter(|of| of.address.as_ref() == Some(address)) {
            let of = ObjectRef {
                kind: Kind::VaultConnection,
                namespace: connection.meta.namespace.clone(),
                name: connection.meta.name.clone(),
            };
            // The operator reads this key and no other (`VaultConnection.spec.caCertSecretRef`).
            let secret =
                |name: &Name| Ca::Secret { namespace: of.namespace.clone(), name: name.clone(), key: Name::new("ca.crt") };
            let ca = Some(&connection.ca_secret).filter(|name| !name.is_empty()).map(secret);
            tls.add(of, ca);
            if !named && tls.name.is_none() {
                tls.name = Some(connection.tls_server_name.clone()).filter(|name| !name.is_empty());
            }
        }
        tls.authorities.sort_by_key(|authority| !authority.is_of_the_cluster());
        tls
    }

    fn add(&mut self, of: ObjectRef, ca: Option<Ca>) {
        let Some(ca) = ca else { return };
        match self.authorities.iter_mut().find(|known| known.ca == ca) {
            Some(known) if of.kind == Kind::ClusterSecretStore => known.of = of,
            Some(_) => {}
            None => self.authorities.push(Authority { of, ca }),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::inventory::Change;
    use crate::model::kinds::{ClusterSecretStore, SecretStore, Watched};

    fn put<K: Watched>(world: &mut Inventory, wire: &str) {
        let object = K::read(serde_json::from_str(wire).expect("an object"), &mut Names::default()).into_object();
        world.apply(Change::Applied(object), Timestamp::UNIX_EPOCH);
    }

    fn store(namespace: &str, ca: &str) -> String {
        format!(
            r#"{{"metadata": {{"name": "vault"{namespace}}},
                "spec": {{"provider": {{"vault": {{"server": "https://vault.vault.svc:8200", "caBundle": "{ca}"}}}}}}}}"#
        )
    }

    #[test]
    fn every_ca_is_named_once_and_the_clusters_come_first() {
        let address = VaultAddress::parse("https://vault.vault.svc:8200").unwrap();
        let mut world = Inventory::default();
        let connection = r#"{"metadata": {"name": "c", "namespace": "vso"}, "spec": {"address": "https://vault.vault.svc:8200",
            "tlsServerName": "vault.example.com", "caCertSecretRef": "ca", "skipTLSVerify": true}}"#;
        put::<VaultConnection>(&mut world, connection);
        let tls = ServerTls::of(&world, &address);
        assert_eq!(tls.name.as_ref().map(Text::as_str), Some("vault.example.com"));
        assert_eq!(tls.authorities[0].ca.to_string(), "Secret/vso/ca (ca.crt)");

        for (namespace, ca) in [("a", "AAAA"), ("b", "AAAA"), ("c", "BBBB")] {
            put::<SecretStore>(&mut world, &store(&format!(r#", "namespace": "{namespace}""#), ca));
        }
        put::<ClusterSecretStore>(&mut world, &store("", "BBBB"));
        let tls = ServerTls::of(&world, &address);
        let named: Vec<(String, bool)> =
            tls.authorities.iter().map(|authority| (authority.of.to_string(), authority.is_of_the_cluster())).collect();
        let expected = [("ClusterSecretStore//vault", true), ("SecretStore/a/vault", false), ("VaultConnection/vso/c", false)];
        assert_eq!(named, expected.map(|(of, cluster)| (of.to_owned(), cluster)));
        assert_eq!(tls.name, None, "a store says that the address's own name is right");
        let plain = VaultAddress { tls: false, ..address };
        assert_eq!(ServerTls::of(&world, &plain), ServerTls::default());
    }
}
