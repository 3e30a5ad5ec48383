//! Guided repairs. One file a runbook: what it fixes, and its steps. A step is pure: asked with the world
//! and with what was done so far, it says what is next. It never does anything itself; `engine/door.rs`
//! does, and asks again after each answer.
//!
//! To add one: write `runbooks/<name>.rs`, add its name to `runbooks!`.

pub mod commit;
pub mod operation;
mod ready;
pub mod step;
pub mod steps;

pub use commit::{Commit, Snippet};
pub use operation::{
    Aim, AuthMethod, ClusterRight, KubernetesWrite, KvPath, Operation, Right, Space, Vacancy, VaultChange, VaultRight, VaultWrite,
};
pub use step::{Applied, Confirm, Item, ItemState, Next, Outcome, Preview, Progress, Receipt, Runbook, StepDef, StepReport};

use crate::model::{Inventory, ObjectRef};

macro_rules! runbooks {
    ($($module:ident),* $(,)?) => {
        $(pub mod $module;)*
        /// Every runbook, in the order of the list.
        pub static RUNBOOKS: &[&Runbook] = &[$(&$module::RUNBOOK),*];
    };
}

runbooks! {
    recover,
    unseal,
    refresh,
    kubernetes_auth,
    client_patcher,
    vault_bootstrap,
    stop_rotation,
    move_to_vault,
    restart_consumers,
    write_value,
    undelete_version,
    restart_eso,
    hold_self_heal,
}

/// The runbook with this name.
#[must_use]
pub fn runbook(name: &str) -> Option<&'static Runbook> {
    RUNBOOKS.iter().copied().find(|runbook| runbook.name == name)
}

/// What a runbook is run on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Target {
    /// A Vault, and everything in view that reads through it.
    Vault(ObjectRef),
    /// Several Vaults, one after the other, and everything in view that reads through them.
    Vaults(Vec<ObjectRef>),
    /// These objects.
    Objects(Vec<ObjectRef>),
    /// Whatever fails in view and is not behind a Vault that is closed.
    Everything,
}

impl Target {
    /// The words for it.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Vault(vault) => vault.to_string(),
            Self::Vaults(vaults) => vaults.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Self::Objects(objects) if objects.len() == 1 => objects[0].to_string(),
            Self::Objects(objects) => {
                let same = objects.first().filter(|first| objects.iter().all(|one| one.kind == first.kind));
                format!("{} {}s", objects.len(), same.map_or("object", |first| first.kind.as_str()))
            }
            Self::Everything => "everything that fails".to_owned(),
        }
    }

    /// These Vaults: one as it is, several in their order.
    #[must_use]
    pub fn of_vaults(mut vaults: Vec<ObjectRef>) -> Option<Self> {
        if vaults.len() > 1 { Some(Self::Vaults(vaults)) } else { vaults.pop().map(Self::Vault) }
    }

    /// The Vaults that this is about; none, if it is about objects.
    #[must_use]
    pub fn vaults(&self) -> &[ObjectRef] {
        match self {
            Self::Vault(vault) => std::slice::from_ref(vault),
            Self::Vaults(vaults) => vaults,
            Self::Objects(_) | Self::Everything => &[],
        }
    }

    /// The servers that this is about, in their order.
    #[must_use]
    pub fn servers<'a>(&self, world: &'a Inventory) -> Vec<&'a crate::model::VaultServer> {
        self.vaults().iter().filter_map(|vault| world.vault(vault)).map(AsRef::as_ref).collect()
    }
}
