//! What a write needs is asked for here, before the first one: of the API server, and of Vault.

use super::Ports;
use crate::model::{FaultKind, PathState};
use crate::ports::{MountPaths, ReplicaAddress};
use crate::runbooks::{Right, Vacancy};

/// Whether what is needed is there; nothing, if that could not be asked.
pub async fn may(ports: &Ports, right: &Right) -> Option<bool> {
    match right {
        Right::Cluster(right) => ports.cluster.may(right).await.ok(),
        Right::Vault(right) => match ports.vault.may(right).await {
            // Who has no token there, or one that is over, may nothing.
            Err(fault) if fault.kind == FaultKind::Unauthorized => Some(false),
            answer => answer.ok(),
        },
        Right::Vacant(place) => is_vacant(ports, place).await,
    }
}

/// Whether nothing ever stood at a path. A version that was deleted counts: `cas=0` is refused there too.
async fn is_vacant(ports: &Ports, place: &Vacancy) -> Option<bool> {
    let (namespace, mount, keys) = (place.namespace.clone(), place.mount.clone(), vec![place.key.clone()]);
    let asked = MountPaths { namespace, mount, kv: "v2".into(), keys };
    let at = ReplicaAddress::of(&place.server, &place.replica);
    match ports.vault.classify(&at, &asked).await.ok()?.paths.first()?.state {
        PathState::Missing => Some(true),
        PathState::Present { .. } | PathState::Deleted { .. } | PathState::Destroyed { .. } => Some(false),
        _ => None,
    }
}
