//! `sealwatch trace`: one look, the chain of one object.

use std::io::{self, Write as _};

use super::args::{Global, Output};
use super::get::may_colour;
use super::look::look_until;
use super::{BLIND, Failure, OK, USAGE, wiring};
use crate::diagnosis::chain::chain;
use crate::diagnosis::lookup::{NotOne, lookup};
use crate::engine::Engine;
use crate::model::ObjectRef;
use crate::report::trace;

/// Looks, finds the object, and tells its chain.
pub(super) async fn run(global: &Global, object: &str, output: Output, most: usize, timeout: u64) -> Result<u8, Failure> {
    let wired = wiring::wire(global).await?;
    let clock = wired.ports.clock.clone();
    let vault = wired.ports.vault.clone();
    let engine = Engine::start(wired.ports, wired.options);
    let snapshot =
        look_until(&mut engine.snapshots(), clock.as_ref(), timeout, |snapshot| snapshot.is_known() && snapshot.paths_are_told())
            .await;
    drop(engine);
    wiring::leave(vault.as_ref()).await;
    if let Some(fault) = &snapshot.offline {
        return Err(fault.clone().into());
    }
    let object = lookup(&snapshot.world, object, &global.namespace).map_err(lost)?;
    let mut out = io::stdout().lock();
    match output {
        Output::Json => {
            let chain = chain(&snapshot.world, &snapshot.diagnosis, &object, snapshot.now, usize::MAX);
            trace::json(&chain, &snapshot, &mut out)?;
        }
        Output::Table => {
            let chain = chain(&snapshot.world, &snapshot.diagnosis, &object, snapshot.now, most);
            trace::table(&chain, &snapshot, may_colour(), &mut out)?;
        }
    }
    out.flush()?;
    if output == Output::Table {
        let mut err = io::stderr().lock();
        for unknown in trace::unknown(&snapshot) {
            writeln!(err, "not seen: {}: {}", unknown.subject, unknown.needs)?;
        }
    }
    Ok(OK)
}

/// That no object, or more than one, was meant, with those that may have been.
pub(super) fn lost(not: NotOne) -> Failure {
    let like: Vec<String> = not.like.iter().map(ObjectRef::to_string).collect();
    let hint = match (like.is_empty(), not.unseen) {
        (false, _) => format!("Did you mean {}?", like.join(", ")),
        (true, true) => "Its kind could not be seen whole: `sealwatch get` says why.".to_owned(),
        (true, false) => "`sealwatch get KIND` lists what there is.".to_owned(),
    };
    Failure { message: not.why, hint, code: if not.unseen { BLIND } else { USAGE } }
}
