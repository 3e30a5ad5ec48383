//! What reverts live changes is held, and given back.

use super::Runbook;
use super::steps::hold;

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "hold-self-heal",
    title: "Hold or give back self-heal",
    summary: "\
Keeps an Argo CD Application from healing itself, or suspends a Kustomization or a HelmRelease of Flux, so that a live change of what
it deploys stays. The header says so until it is given back. Run once more on what it holds, it gives that back, also from another
machine: an annotation on the object tells. Run on nothing in particular it gives back everything that is held.",
    fixes: &[],
    steps: &[hold::STEP],
};
