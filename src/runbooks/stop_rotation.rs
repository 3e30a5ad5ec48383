//! A generator is kept from making a new value at every refresh.

use super::Runbook;
use super::steps::{keep_value};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "stop-rotation",
    title: "Stop a generator",
    summary: "\
Sets `refreshPolicy: CreatedOnce` on ExternalSecrets with a generator, so that the present value stays. It does not edit the
interval, which would make a new value at once. What Argo CD or Flux would revert is left out, with the change to commit in Git and
the place where it belongs; hold-self-heal keeps them from reverting.",
    fixes: &["generator-rotates"],
    steps: &[keep_value::STEP],
};
