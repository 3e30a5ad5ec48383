//! The rows of the Vault pane: each Vault, its replicas, and of its paths what is broken and as many others as
//! there is room for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::fold::behind;
use super::lane::Group;
use super::row::{Row, Sieve};
use super::spans::{Rows, Span, Under};
use super::{Entry, FEW, Mount, View};
use crate::diagnosis::state;
use crate::model::vault::SecretPath;
use crate::model::{Inventory, VaultAddress, VaultServer};
use crate::tui::app::board::Pane;
use crate::tui::app::filter::Filter;
use crate::tui::app::rows::Tone;

/// Whether the mount of a path has to be shown, for each Vault.
pub(super) type Mounts = BTreeMap<VaultAddress, Mount>;

/// Brings the paths up to date from one picture to the next, by those that differ.
pub(super) fn follow(rows: &mut Rows, mounts: &mut Mounts, (old, new): (&Inventory, &Inventory), filter: &Filter) {
    mounts.retain(|address, _| new.vaults.contains_key(address));
    rows.keep_groups(|under| matches!(under, Under::Server(address) if new.vaults.contains_key(address)));
    for (address, server) in &new.vaults {
        let (under, before) = (Under::Server(address.clone()), old.vaults.get(address));
        let mut changes = Vec::new();
        if let Some(old) = before {
            server.paths.differences(&old.paths, |path, was, is| changes.push((path, was, is)));
        }
        if before.is_none() || changes.len() > server.paths.len() / FEW {
            let (paths, fitting) = groups(server, filter);
            rows.put_group(under, paths, fitting);
            mounts.insert(address.clone(), mount(server));
            continue;
        }
        for &(path, was, is) in &changes {
            let tone = |known: &SecretPath| Tone::from(state::of_path(&known.facts.state).health);
            match is {
                // What else is told of a path is not in its row until it is drawn.
                Some(is) if was.is_some_and(|was| was.facts.state == is.facts.state) => {}
                Some(is) => rows.put_path(&under, tone(is), path, &state::of_path(&is.facts.state).word, filter),
                None => rows.take_path(&under, path),
            }
        }
        if changes.iter().any(|(_, was, is)| was.map(|path| &path.mount) != is.map(|path| &path.mount)) {
            mounts.insert(address.clone(), mount(server));
        }
    }
}

/// All paths of a server by how they are, and those that a filter leaves.
fn groups(server: &VaultServer, filter: &Filter) -> (Group, Option<Group>) {
    let (mut all, mut fitting, mut sieve) = (Group::default(), Group::default(), Sieve::new(filter));
    for (path, known) in server.paths.iter() {
        let state = state::of_path(&known.facts.state);
        let tone = Tone::from(state.health);
        let row = Row::Path(path.clone());
        if !filter.is_empty() && sieve.keeps(&row, tone, &state.word) {
            fitting.push(tone, row.clone());
        }
        all.push(tone, row);
    }
    (all, (!filter.is_empty()).then_some(fitting))
}

/// The state of a path, in a word.
pub(super) fn word_of(world: &Inventory, under: &Under, row: &Row) -> Cow<'static, str> {
    let known = || match (under, row) {
        (Under::Server(address), Row::Path(path)) => world.vaults.get(address)?.paths.get(path),
        _ => None,
    };
    known().map_or(Cow::Borrowed(""), |known| state::of_path(&known.facts.state).word)
}

/// Of a path, not to be known is no fault.
fn is_broken(tone: Tone) -> bool {
    tone < Tone::Unknown
}

/// Counts, and lays the rows out.
pub(super) fn lay_out(rows: &mut Rows, mounts: &Mounts, world: &Inventory, view: &View) {
    let unfold = view.unfolded.contains(&Pane::Vault) || !view.filter.is_empty();
    let (mut total, mut kept, mut broken) = (0, 0, 0);
    let (mut spans, mut used) = (Vec::new(), 0);
    for (address, server) in &world.vaults {
        spans.push(Span::One(Entry::Server(address.clone())));
        spans.extend(server.replicas.keys().map(|pod| Span::One(Entry::Replica(address.clone(), pod.clone()))));
        used += 1 + server.replicas.len();
        broken += server.replicas.values().filter(|replica| !replica.is_open()).count();
        let under = Under::Server(address.clone());
        total += server.replicas.len() + rows.all_in(&under, None);
        kept += server.replicas.len();
        let Some(paths) = rows.fitting_group(&under) else { continue };
        let faults: usize = Tone::ALL.into_iter().filter(|tone| is_broken(*tone)).map(|tone| paths.count(tone)).sum();
        kept += paths.len();
        broken += faults;
        // What is broken is always shown; of the rest as many as there is room for, and the others as a count.
        let room = view.room.saturating_sub(used);
        let shown = if unfold || paths.len() <= room { paths.len() } else { faults.max(room.saturating_sub(1)).min(paths.len()) };
        spans.push(Span::Paths(address.clone(), shown, mounts.get(address).copied().unwrap_or(Mount::Only)));
        used += shown;
        if shown < paths.len() {
            let unread = behind(paths, shown, Tone::Unknown);
            spans.push(Span::One(Entry::Folded { count: paths.len() - shown, unread, due: 0, last: None }));
            used += 1;
        }
    }
    (rows.total, rows.kept, rows.broken, rows.failing) = (total, kept, broken, broken);
    rows.show(spans);
}

fn mount(server: &VaultServer) -> Mount {
    let mut mounts = server.paths.values().map(|path| &path.mount);
    let first = mounts.next();
    if mounts.all(|mount| Some(mount) == first) { Mount::Only } else { Mount::OneOfSeveral }
}
