//! `sealwatch get`: one look, one list. The list goes to standard output, what is unknown to standard error.

use std::io::{self, IsTerminal as _, Write};

use super::args::{GetOutput, Global};
use super::look::look_until;
use super::{BLIND, Failure, OK, wiring};
use crate::engine::{Command, Engine, Looks, Snapshot};
use crate::model::{Kind, ObjectRef};
use crate::report::get::{self, Found, GetFormat, TableStyle, What};

/// What is to be listed, and how.
pub(super) struct Order {
    pub(super) what: &'static What,
    pub(super) names: Vec<String>,
    pub(super) more: More,
    pub(super) output: GetOutput,
    pub(super) no_headers: bool,
    pub(super) timeout: u64,
}

/// What is asked for only if somebody wants it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct More {
    /// The names of the properties of paths.
    pub(super) properties: bool,
    /// What stands in the folders of paths.
    pub(super) neighbours: bool,
}

impl More {
    const NOTHING: Self = Self { properties: false, neighbours: false };

    /// The paths, as somebody looks at them who wants that.
    fn looks(self, paths: Vec<ObjectRef>) -> Looks {
        if self.neighbours { Looks { seen: Vec::new(), opened: paths } } else { Looks { seen: paths, opened: Vec::new() } }
    }
}

/// Looks and lists.
pub(super) async fn run(global: &Global, order: Order) -> Result<u8, Failure> {
    if order.more != More::NOTHING && order.what.kinds != [Kind::VaultPath] {
        let message = format!("--properties and --neighbours are about paths, not about {}.", order.what.name);
        return Err(Failure::usage(message, "`sealwatch get paths --properties` is one that they go with."));
    }
    let wired = wiring::wire(global).await?;
    let clock = wired.ports.clock.clone();
    let vault = wired.ports.vault.clone();
    let engine = Engine::start(wired.ports, wired.options);
    let what = order.what;
    let mut snapshot =
        look_until(&mut engine.snapshots(), clock.as_ref(), order.timeout, |snapshot| get::is_told(what, snapshot)).await;
    if order.more != More::NOTHING {
        let paths: Vec<ObjectRef> = get::find(what, &order.names, &snapshot).objects().cloned().collect();
        let told = |snapshot: &Snapshot| {
            paths.iter().all(|path| {
                (!order.more.properties || get::names_are_told(snapshot, path))
                    && (!order.more.neighbours || get::folder_is_told(snapshot, path))
            })
        };
        // An engine that has ended says so by its last picture.
        let _ = engine.commands().send(Command::Look(order.more.looks(paths.clone()))).await;
        snapshot = look_until(&mut engine.snapshots(), clock.as_ref(), order.timeout, told).await;
    }
    drop(engine);
    wiring::leave(vault.as_ref()).await;
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
