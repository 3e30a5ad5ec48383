//! A generated value moves to Vault, unchanged, and is read from there.

use super::Runbook;
use super::steps::move_value;

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "move-to-vault",
    title: "Move a generated value to Vault",
    summary: "\
Stops the generator, so that the value does not change meanwhile; writes the present value from the Secret to a new path of the KV
mount that the namespace reads; then has the ExternalSecret read it from there. The value is not shown and stays the same: the hash
of the Secret's data proves it. The YAML and the Terraform for Git are shown, without a value. What Argo CD or Flux would revert is
left out; hold-self-heal keeps them from reverting.",
    fixes: &["generator-rotates"],
    steps: &[move_value::STOP, move_value::COPY, move_value::SWITCH],
};
