//! A kind that a cluster does not serve, in one sentence whoever noticed: the real API server or the simulated one.

use crate::model::kinds::{Api, System};
use crate::model::{Fault, FaultKind};

/// There is none of this kind, because the cluster has no such collection.
pub(super) fn absent(api: &Api) -> Fault {
    let message = format!("This cluster does not serve {}.{}: the CRD is not installed.", api.plural, api.group);
    let hint = match api.system() {
        System::ExternalSecrets => {
            "If External Secrets should be here, install its CRDs; what comes is shown as soon as it is there."
        }
        _ => "",
    };
    Fault::new(FaultKind::Absent, &message).hinted(hint)
}
