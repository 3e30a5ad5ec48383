//! Vaults and paths that something beside External Secrets names: the Vault Secrets Operator, cert-manager, and the
//! generators, which have stores of their own.

use super::inventory::{Inventory, under};
use super::kinds::{
    ClusterIssuer, Issuer, VaultAuth, VaultConnection, VaultDynamicSecret, VaultPKISecret, VaultStaticSecret, Watched as _,
};
use super::object::{Kind, Name, ObjectRef};
use super::text::Text;
use super::vault::{SecretPath, VaultAddress};
use super::vso::{DEFAULT, Upkeep};

/// A Vault that is named, and a path of a KV mount in it, if that is named too.
type Named<'a> = (&'a VaultAddress, Option<(Text, SecretPath)>);

/// The kinds that name them. There are few objects of these, and they change seldom.
pub(super) const BESIDE: [Kind; 7] = [
    Kind::VaultConnection,
    Kind::VaultAuth,
    Kind::VaultStaticSecret,
    Kind::Issuer,
    Kind::ClusterIssuer,
    Kind::ClusterGenerator,
    Kind::VaultDynamicSecretGenerator,
];

impl Inventory {
    /// Every Vault that is named beside the stores, and every path.
    pub(super) fn named_beside(&self) -> Vec<Named<'_>> {
        let connections = self.all::<VaultConnection>().iter().filter_map(|one| one.address.as_ref());
        let wide = self.all::<ClusterIssuer>().iter().map(|one| &one.0);
        let issuers = self.all::<Issuer>().iter().map(AsRef::as_ref).chain(wide);
        let issuers = issuers.filter_map(|one| one.vault.as_ref()?.address.as_ref());
        let generators = self.generators().filter_map(|(_, one)| Some(&one.vault.as_ref()?.provider.as_ref()?.address));
        let paths = self.all::<VaultStaticSecret>().iter().filter_map(|one| self.static_path(one));
        let vaults = connections.chain(issuers).chain(generators).map(|address| (address, None));
        vaults.chain(paths.map(|(address, path, secret)| (address, Some((path, secret))))).collect()
    }

    /// What the Vault Secrets Operator keeps for this object.
    #[must_use]
    pub fn upkeep(&self, object: &ObjectRef) -> Option<&Upkeep> {
        match object.kind {
            Kind::VaultStaticSecret => self.get::<VaultStaticSecret>(object).map(|one| &one.upkeep),
            Kind::VaultDynamicSecret => self.get::<VaultDynamicSecret>(object).map(|one| &one.upkeep),
            Kind::VaultPKISecret => self.get::<VaultPKISecret>(object).map(|one| &one.upkeep),
            _ => None,
        }
    }

    /// Every object for which that operator keeps a Secret.
    pub fn upkeeps(&self) -> impl Iterator<Item = (ObjectRef, &Upkeep)> {
        let fixed = self.all::<VaultStaticSecret>().iter().map(|one| (one.object_ref(), &one.upkeep));
        let leased = self.all::<VaultDynamicSecret>().iter().map(|one| (one.object_ref(), &one.upkeep));
        let certificates = self.all::<VaultPKISecret>().iter().map(|one| (one.object_ref(), &one.upkeep));
        fixed.chain(leased).chain(certificates)
    }

    /// The Vault that such an object reads from; `None` if the way there is not seen.
    #[must_use]
    pub fn vault_beside(&self, of: &Upkeep) -> Option<&VaultAddress> {
        let auth = self.get::<VaultAuth>(&self.auth_of(of)?)?;
        self.get::<VaultConnection>(&self.connection_of(auth)?)?.address.as_ref()
    }

    /// The `VaultAuth` that an object of the Vault Secrets Operator reads through. One that names none means the
    /// operator's own default.
    #[must_use]
    pub fn auth_of(&self, of: &Upkeep) -> Option<ObjectRef> {
        of.auth.clone().or_else(|| only_default(self.all::<VaultAuth>().iter().map(|one| one.object_ref())))
    }

    /// The `VaultConnection` of a `VaultAuth`, or the operator's own default.
    #[must_use]
    pub fn connection_of(&self, auth: &VaultAuth) -> Option<ObjectRef> {
        auth.connection.clone().or_else(|| only_default(self.all::<VaultConnection>().iter().map(|one| one.object_ref())))
    }

    /// The path that an object of the Vault Secrets Operator keeps a Secret like: the Vault, the full path, and what
    /// is known of it before anybody asks. `None` if the way there is not seen. The other kinds of that operator ask
    /// engines that make what they answer.
    #[must_use]
    pub fn static_path(&self, of: &VaultStaticSecret) -> Option<(&VaultAddress, Text, SecretPath)> {
        let upkeep = &of.upkeep;
        let auth = self.get::<VaultAuth>(&self.auth_of(upkeep)?)?;
        let address = self.vault_beside(upkeep)?;
        let namespace = if upkeep.namespace.is_empty() { &auth.namespace } else { &upkeep.namespace };
        let [mount, path] = [&upkeep.mount, &upkeep.path].map(|part| part.as_str().trim_matches('/'));
        let full = under(namespace.as_str(), Text::foreign(&format!("{mount}/{path}")));
        let kv = Name::new(if of.engine.as_str() == "kv-v1" { "v1" } else { "v2" });
        Some((address, full, SecretPath::referenced(namespace.clone(), upkeep.mount.clone(), kv)))
    }
}

/// The one called `default`; which namespace is the operator's is not known, so that of several none is it.
fn only_default(all: impl Iterator<Item = ObjectRef>) -> Option<ObjectRef> {
    let mut defaults = all.filter(|one| one.name.as_str() == DEFAULT);
    defaults.next().filter(|_| defaults.next().is_none())
}
