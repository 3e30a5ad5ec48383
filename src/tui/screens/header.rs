//! The first two lines of every screen: where one is and as whom, whether one may write and for how long, how
//! each Vault replica is, how old what is shown is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

use super::Look;
use crate::diagnosis::state::of_server;
use crate::model::{Age, Clock, Kind, Name, Replica};
use crate::ports::{SIMULATION, Scope};
use crate::theme::{Role, glyphs};
use crate::tui::app::Model;
use crate::tui::app::rows::{Tone, read_as, toned};
use crate::tui::widgets::lines::role;
use crate::tui::widgets::pen::Pen;

/// A kind that was not heard of for so many seconds longer than others is named: a watch tells at least every 30 s
/// that it is alive.
const LATE: i64 = 45;

/// A watch that nothing happens on says no more often than this, in seconds, that it is alive: younger is fresh.
const FRESH: i64 = 30;

/// A Vault that is there answers within so many seconds.
const PROMPT: i64 = 10;

/// Ages that differ by no more seconds than this are one age to a person.
const ALIKE: u64 = 5;

/// Below this width what explains itself elsewhere is left out.
const ROOMY: u16 = 100;

/// How many rows it takes.
pub const ROWS: u16 = 2;

/// Draws it.
pub fn draw(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    first(model, look, area, buffer);
    second(model, look, area, buffer);
}

fn first(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let snapshot = &model.snapshot;
    let production = snapshot.writes.policy.production;
    let bar = look.of(if production { Role::Production } else { Role::Header });
    let narrow = area.width < ROOMY;
    let right = ages(model, narrow);
    let room = area.width.saturating_sub(u16::try_from(right.width()).unwrap_or(0) + 1);
    Pen::new(buffer, area, 0).fill(" ", bar);
    let mut pen = Pen::new(buffer, Rect { width: room.saturating_sub(1), ..area }, 0);
    pen.put(if production { " PROD " } else { " " }, bar);
    let context = if snapshot.identity.context.is_empty() { "connecting…" } else { snapshot.identity.context.as_str() };
    if snapshot.identity.server.as_str() == SIMULATION {
        pen.put("SIMULATION ", bar);
    }
    pen.put(context, bar.add_modifier(ratatui::style::Modifier::BOLD));
    match (&snapshot.scope, snapshot.world.sources.get(&Kind::ExternalSecret)) {
        (Scope::Namespaces(namespaces), _) => {
            pen.put(&format!("  in {}", few(namespaces.iter())), bar);
        }
        (Scope::Everywhere, Some(source)) if source.refused.is_some() && !source.parts.is_empty() => {
            pen.put("  sees only ", bar).put(&few(source.parts.keys()), look.theme.on(Role::Warning, Role::Header));
        }
        _ => {}
    }
    let (tone, writes) = writes(model, narrow);
    // The policy is whole or not there.
    let whole = usize::from(pen.left()) >= writes.width() + 2;
    let writes = if whole { writes.as_str() } else { writes.split(',').next().unwrap_or_default() };
    let loud = if production { bar } else { look.theme.on(role(tone), Role::Header) };
    pen.put("  ", bar).put(writes, loud);
    // A name is whole or not there: the page of :whoami has it.
    let user = format!("  as {}", snapshot.identity.user);
    if !snapshot.identity.user.is_empty() && usize::from(pen.left()) >= user.width() {
        pen.put(&user, bar);
    }
    let mut pen = Pen::new(buffer, area, 0);
    pen.skip_to(area.x + room);
    pen.put(&right, bar);
}

/// Names in a line: a few, or how many.
fn few<'a>(names: impl ExactSizeIterator<Item = &'a Name>) -> String {
    if names.len() > 3 {
        return format!("{} namespaces", names.len());
    }
    names.map(Name::as_str).collect::<Vec<_>>().join(", ")
}

/// Whether one may write; the footer names the key too.
fn writes(model: &Model, narrow: bool) -> (Tone, String) {
    let writes = &model.snapshot.writes;
    if model.snapshot.identity.insecure {
        return (Tone::Failing, "NOT VERIFIED, no writes".to_owned());
    }
    match (writes.open, writes.until, writes.refused) {
        (true, Some(until), _) => {
            let key = if narrow { "" } else { " (W closes)" };
            (Tone::Warning, format!("WRITES OPEN {}{key}", Age::between(model.now, until)))
        }
        (true, None, _) => (Tone::Warning, format!("WRITES OPEN, policy {}", writes.policy.as_str())),
        (false, _, Some(_)) => (Tone::Healthy, format!("READ-ONLY, policy {}", writes.policy.as_str())),
        (false, _, None) => (Tone::Healthy, "READ-ONLY (W opens)".to_owned()),
    }
}

/// The time, and how old what is shown is: in one number while all of it is fresh or equally old.
fn ages(model: &Model, narrow: bool) -> String {
    let since = |at: jiff::Timestamp| Age::between(at, model.now);
    let cluster = model.snapshot.kubernetes_seen().map(since);
    let vault = model.snapshot.world.vault_seen.filter(|_| !model.snapshot.world.vaults.is_empty()).map(since);
    let data = match (cluster, vault) {
        (None, None) => "no data yet".to_owned(),
        (None, Some(vault)) => format!("Vault data {vault} old"),
        (Some(cluster), None) => match model.unheard.map(since) {
            None => format!("data {cluster} old"),
            Some(Age(..PROMPT)) => format!("data {cluster} old, Vault not heard yet"),
            Some(silence) => format!("data {cluster} old, Vault never heard in {silence}"),
        },
        (Some(cluster), Some(vault)) if cluster.0.max(vault.0) <= FRESH || cluster.0.abs_diff(vault.0) <= ALIKE => {
            format!("data {} old", Age(cluster.0.max(vault.0)))
        }
        (Some(cluster), Some(vault)) => format!("cluster {cluster}, Vault {vault} old"),
    };
    // Which list is late is named where there is room; where there is not, that one is. In a simulation none is: its watches
    // say nothing while nothing happens.
    let simulated = model.snapshot.identity.server.as_str() == SIMULATION;
    let late = model.snapshot.longest_silent(LATE).filter(|_| !simulated).map_or_else(String::new, |(kind, at)| {
        let what = if narrow { "a list".to_owned() } else { format!("list of {kind}") };
        format!(", {what} {}", since(at))
    });
    format!("{}  {data}{late} ", Clock(model.now))
}

/// One dot for each replica of each Vault; and the runbook, while one goes on.
fn second(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let run = model.run_line().filter(|_| !matches!(model.stack.last(), Some(crate::tui::app::Screen::Runbook)));
    let run_width = run.as_ref().map_or(0, |run| u16::try_from(run.width()).unwrap_or(0) + 2).min(area.width * 2 / 3);
    let mut pen = Pen::new(buffer, Rect { width: area.width - run_width, ..area }, 1);
    pen.put(" ", look.of(Role::Text));
    held(model, look, &mut pen);
    let vaults = &model.snapshot.world.vaults;
    for server in vaults.values() {
        let (tone, state) = toned(of_server(server));
        pen.put(&server.subject().short(), look.of(Role::Text)).put(" ", look.of(Role::Text));
        for replica in server.replicas.values() {
            let (glyph, tone) = dot(replica);
            pen.put(glyph, look.of(role(tone)));
        }
        pen.put(" ", look.of(Role::Text)).put(&state, look.of(role(tone)));
        if let Some(whom) = read_as(server, model.now) {
            pen.put(&format!(", read {whom}"), look.of(Role::Muted));
        }
        pen.put("   ", look.of(Role::Text));
    }
    if vaults.is_empty() && model.snapshot.is_loaded() {
        pen.put("no store names a Vault", look.of(Role::Muted));
    }
    if let Some(run) = run {
        let mut pen = Pen::new(buffer, area, 1);
        pen.skip_to(area.right() - run_width);
        pen.put(glyphs::ACTIVE, look.of(Role::Active)).put(" ", look.of(Role::Active)).put(&run, look.of(Role::Active));
    }
}

/// What we hold, so that it is not forgotten.
fn held(model: &Model, look: Look<'_>, pen: &mut Pen<'_>) {
    let held = &model.snapshot.world.held;
    let Some((first, since)) = held.first_key_value() else { return };
    let age = since.map_or_else(String::new, |since| format!(" {}", Age::between(since, model.now)));
    let more = if held.len() > 1 { format!(" and {} more", held.len() - 1) } else { String::new() };
    pen.put(&format!("HELD {}{age}{more}", first.short()), look.of(Role::Warning)).put("   ", look.of(Role::Text));
}

/// The dot of a replica.
fn dot(replica: &Replica) -> (&'static str, Tone) {
    if replica.is_open() {
        (glyphs::OPEN, if replica.role.as_str() == "no leader" { Tone::Warning } else { Tone::Healthy })
    } else if replica.is_sealed() {
        (glyphs::SEALED, Tone::Failing)
    } else if replica.fault.is_some() {
        (glyphs::FAILING, Tone::Failing)
    } else {
        (glyphs::UNKNOWN, Tone::Unknown)
    }
}
