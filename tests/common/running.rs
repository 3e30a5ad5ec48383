//! The lab that the suite started, by the `lab.json` that `SEALWATCH_LAB_JSON` names, and our gateways to it.

use std::path::PathBuf;

use sealwatch::gateways::kubernetes::{ConnectOptions, KubernetesGateway, connect};
use sealwatch::model::VaultAddress;
use serde_json::Value;

/// A running lab: what its `lab.json` says.
pub(crate) struct Lab(pub(crate) Value);

impl Lab {
    /// Reads it.
    ///
    /// # Panics
    /// There is none.
    pub(crate) fn read() -> Self {
        let path = std::env::var("SEALWATCH_LAB_JSON").expect("SEALWATCH_LAB_JSON names the lab.json of a running lab");
        Self(serde_json::from_slice(&std::fs::read(path).expect("lab.json")).expect("lab.json is JSON"))
    }

    /// A fact, by JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} is not in lab.json"))
    }

    /// The cluster, as one of the lab's users sees it.
    pub(crate) fn cluster(&self, who: &str) -> KubernetesGateway {
        let kubeconfig = Some(PathBuf::from(self.text(&format!("/kubeconfig/{who}"))));
        connect(&ConnectOptions { kubeconfig, ..ConnectOptions::default() }).expect("a cluster")
    }

    /// The Vault, as its stores name it.
    pub(crate) fn server(&self) -> VaultAddress {
        VaultAddress::parse(self.text("/vault/url")).expect("a URL")
    }
}
