//! `sealwatch get`: one look, one list. The list goes to standard output, what is unknown to standard error.

use std::io::{self, IsTerminal as _, Write};

use super::args::{GetOutput, Global};
use super::look::look_until;
use super::{BLIND, Failure, OK, wiring};
use crate::engine::{Engine, Snapshot};
use crate::model::{Kind, ObjectRef};
use crate::report::get::{self, Found, GetFormat, TableStyle, What};

/// What is to be listed, and how.
pub(super) struct Order {
    pub(super) what: &'static What,
    pub(super) names: Vec<String>,
    pub(super) output: GetOutput,
    pub(super) no_headers: bool,
    pub(super) timeout: u64,
}

/// Looks and lists.
pub(super) async fn run(global: &Global, order: Order) -> Result<u8, Failure> {
    let wired = wiring::wire(global).await?;
    let clock = wired.ports.clock.clone();
    let engine = Engine::start(wired.ports, wired.options);
    let what = order.what;
    let snapshot =
        look_until(&mut engine.snapshots(), clock.as_ref(), order.timeout, |snapshot| get::is_told(what, snapshot)).await;
    let found = get::find(what, &order.names, &snapshot);
    let mut out = io::stdout().lock();
    let style = TableStyle { headers: !order.no_headers, colour: may_colour() };
    found.write(format(order.output), style, &mut out)?;
    out.flush()?;
    notes(&found, &order, &snapshot, &mut io::stderr().lock())?;
    let blind = get::is_blind(what, &snapshot);
    match missing(&found, what) {
        Some(failure) if !blind => Err(failure),
        _ => Ok(if blind { BLIND } else { OK }),
    }
}

const fn format(output: GetOutput) -> GetFormat {
    match output {
        GetOutput::Table => GetFormat::Table,
        GetOutput::Wide => GetFormat::Wide,
        GetOutput::Json => GetFormat::Json,
        GetOutput::Yaml => GetFormat::Yaml,
        GetOutput::Name => GetFormat::Name,
    }
}

/// Whether standard output is a terminal that is to be coloured (<https://no-color.org>).
pub(super) fn may_colour() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// That there is nothing, and what could not be seen. JSON and YAML say the latter themselves.
fn notes(found: &Found, order: &Order, snapshot: &Snapshot, err: &mut dyn Write) -> io::Result<()> {
    if matches!(order.output, GetOutput::Json | GetOutput::Yaml) {
        return Ok(());
    }
    if found.is_empty() && order.names.is_empty() {
        writeln!(err, "No {} found{}.", order.what.name, snapshot.scope.place())?;
        let sources = order.what.kinds.iter().filter_map(|kind| snapshot.world.sources.get(kind));
        for absent in sources.filter_map(|source| source.absent.as_ref()) {
            writeln!(err, "{absent}")?;
        }
    }
    let unread = found.unread.iter().filter(|_| order.what.kinds == [Kind::VaultPath]);
    for unknown in found.unknown.iter().chain(unread) {
        writeln!(err, "not seen: {}: {}", unknown.subject, unknown.needs)?;
    }
    Ok(())
}

/// That a name is not there, with those like it.
fn missing(found: &Found, what: &What) -> Option<Failure> {
    let (first, _) = found.missing.first()?;
    let names = found.missing.iter().map(|(name, _)| format!("“{name}”")).collect::<Vec<_>>().join(", ");
    let like: Vec<String> = found.missing.iter().flat_map(|(_, like)| like).map(ObjectRef::short).collect();
    let hint = if like.is_empty() {
        format!("`sealwatch get {}` lists what there is.", what.name)
    } else {
        format!("Like {first} there is: {}.", like.join(", "))
    };
    Some(Failure::usage(format!("Among {} there is no {names}.", what.name), hint))
}
