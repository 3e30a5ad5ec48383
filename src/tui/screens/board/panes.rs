//! The three panes. A row is put into words only when it is in the window.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use crate::theme::{Role, glyphs};
use crate::tui::app::Model;
use crate::tui::app::board::Pane;
use crate::tui::app::index::Entry;
use crate::tui::app::links::InFold;
use crate::tui::app::rows::{Tone, describe};
use crate::tui::app::words::counted;
use crate::tui::screens::board::mark_focus;
use crate::tui::screens::{Look, below, rule};
use crate::tui::widgets::lines::{glyph, role};
use crate::tui::widgets::pen::Pen;
use crate::tui::widgets::table::{Cells, Cut, Table};

/// Draws a pane, with its heading where panes stand side by side.
pub(super) fn draw(model: &Model, pane: Pane, look: Look<'_>, area: Rect, heading: bool, buffer: &mut Buffer) {
    let focused = model.board.focus == pane;
    let rest = if heading {
        // A line and a blank stand before the name, a blank between it and the counts, and one behind them.
        let room = usize::from(area.width).saturating_sub(pane.title().len() + 4);
        let (name, counts, tone) = title(model, pane, room);
        let counts = format!(" {counts}");
        rule(&[(name, look.of(Role::Title)), (&counts, look.of(role(tone)))], focused, area, buffer, look);
        if focused {
            mark_focus(area, buffer, look);
        }
        below(area, 1)
    } else {
        area
    };
    let rows = model.board.index.rows(pane);
    if rows.is_empty() {
        Pen::new(buffer, rest, 0).put(&format!("  {}", nothing(model, pane)), look.of(Role::Muted));
        return;
    }
    let stale = model.blind().is_some();
    let table = Table {
        len: rows.len(),
        around: model.board.around(pane),
        focus: model.board.in_sight(pane),
        row: |number| {
            let selected = focused && number == model.board.cursor(pane);
            rows.get(number).map_or_else(Cells::default, |entry| cells(model, pane, &entry, selected, stale, look))
        },
    };
    // Side by side, a column is left free before the line to the next pane.
    let free = u16::from(heading && pane != Pane::Vault);
    table.render(Rect { width: rest.width.saturating_sub(free), ..rest }, buffer);
}

/// The line of tabs.
pub(super) fn tabs(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let shown = model.board.tab();
    let focused = model.board.focus != Pane::Causes;
    let line = look.of(if focused { Role::Focus } else { Role::Border });
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(glyphs::ACROSS, line);
    for (number, pane) in Pane::TABLES.into_iter().enumerate() {
        // Each tab begins at a third, so that a click finds it; a long one pushes the next.
        pen.skip_to(area.x + area.width * u16::try_from(number).unwrap_or(0) / 3);
        let (name, counts, tone) = title(model, pane, usize::MAX);
        // Brackets: its rows are shown. The cursor: they are also what the keys work on.
        let (open, close) = match (pane == shown, focused) {
            (true, true) => (glyphs::CURSOR, " "),
            (true, false) => ("[", "]"),
            (false, _) => (" ", " "),
        };
        let name_style = look.of(if pane == shown { Role::Title } else { Role::Muted });
        // In a third of 80 columns only the first number has room.
        let first = counts.split(" · ").find(|part| tone != Tone::Failing || part.contains(' ')).unwrap_or("");
        let first = if first.is_empty() { String::new() } else { format!(" {first}") };
        pen.put(open, line).put(name, name_style).put(&first, look.of(role(tone))).put(close, line);
    }
    pen.put(" ", line);
    pen.fill(glyphs::ACROSS, line);
}

/// The line between two panes.
pub(super) fn separator(area: Rect, buffer: &mut Buffer, look: Look<'_>) {
    for row in 1..area.height {
        Pen::new(buffer, area, row).put(glyphs::DOWN, look.of(Role::Border));
    }
}

/// What a heading says: the name, the counts in words or, where there is no room for these, with signs, and how to take
/// them.
fn title(model: &Model, pane: Pane, room: usize) -> (&'static str, String, Tone) {
    let rows = model.board.index.rows(pane);
    let tone = if rows.failing > 0 {
        Tone::Failing
    } else if rows.broken > 0 {
        Tone::Warning
    } else {
        Tone::Quiet
    };
    let parts = if rows.kept < rows.total || !model.board.view.filter.is_empty() {
        vec![Some(format!("{} of {} fit", rows.kept, rows.total)), None, None]
    } else if pane == Pane::Vault {
        let servers = model.snapshot.world.vaults.values();
        let (replicas, sealed, paths) = servers.fold((0, 0, 0), |(r, s, p), server| {
            (r + server.replicas.len(), s + server.sealed().count(), p + server.paths.len())
        });
        vec![
            (sealed > 0).then(|| format!("{sealed} of {replicas} sealed")),
            (sealed == 0 && replicas > 0).then(|| counted(replicas, "replica")),
            (sealed == 0 && rows.failing > 0).then(|| format!("{} broken", rows.failing)),
            (paths > 0 && (sealed > 0 || rows.failing == 0)).then(|| counted(paths, "path")),
        ]
    } else {
        let warned = rows.broken - rows.failing;
        vec![
            match (model.snapshot.is_loaded(), rows.total) {
                (true, total) => Some(total.to_string()),
                (false, 0) => None,
                (false, total) => Some(format!("{total} so far")),
            },
            (rows.failing > 0).then(|| format!("{} broken", rows.failing)),
            (warned > 0).then(|| format!("{warned} to look at")),
        ]
    };
    let said = parts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let short = || said.replace(" to look at", &format!(" {}", glyphs::WARNING));
    let said = if said.width() > room { short() } else { said };
    (pane.title(), said, tone)
}

/// What an empty pane says.
fn nothing(model: &Model, pane: Pane) -> String {
    if !model.board.view.filter.is_empty() {
        return "nothing fits the filter (Esc takes it away)".to_owned();
    }
    if !model.snapshot.is_loaded() {
        return format!("listing {} …", if pane == Pane::Vault { "stores" } else { pane.title() });
    }
    match pane {
        Pane::Vault => "no store names a Vault".to_owned(),
        _ => "none".to_owned(),
    }
}

fn cells(model: &Model, pane: Pane, entry: &Entry, selected: bool, stale: bool, look: Look<'_>) -> Cells {
    let text = describe(model, entry);
    let object = entry.object();
    let linked = object.as_ref().is_some_and(|object| model.is_linked(object));
    let marked = object.as_ref().is_some_and(|object| model.board.marks.contains(object));
    let ground = match (selected, linked) {
        (true, _) => Role::Selection,
        (false, true) => Role::Linked,
        (false, false) => Role::Text,
    };
    let ink = |role: Role| if stale { look.theme.on(Role::Muted, ground) } else { look.theme.on(role, ground) };
    let cursor = match (selected, marked) {
        (true | false, true) => glyphs::MARK,
        (true, false) => glyphs::CURSOR,
        (false, false) => " ",
    };
    let (sign, name): (&str, Style) = match entry {
        Entry::Group { open, .. } => (if *open { glyphs::UNFOLDED } else { glyphs::FOLDED }, ink(Role::Text)),
        Entry::Folded { unread, .. } if *unread > 0 => (glyphs::UNKNOWN, ink(Role::Unknown)),
        Entry::Folded { .. } => (glyphs::FOLDED, ink(Role::Muted)),
        Entry::Replica(address, pod) => {
            let replica = model.snapshot.world.vaults.get(address).and_then(|server| server.replicas.get(pod));
            let sign = replica.map_or(glyphs::UNKNOWN, |replica| {
                if replica.is_sealed() {
                    glyphs::SEALED
                } else if replica.is_open() {
                    glyphs::OPEN
                } else {
                    glyph(text.tone)
                }
            });
            (sign, ink(Role::Text))
        }
        _ => (glyph(text.tone), ink(Role::Text)),
    };
    let sign_style = if matches!(entry, Entry::Group { .. } | Entry::Folded { unread: 0, .. }) {
        ink(Role::Muted)
    } else {
        ink(role(text.tone))
    };
    let label = match (entry, model.board.linked_in_fold(pane)) {
        (Entry::Folded { .. }, InFold::Count(linked)) if linked > 0 => {
            format!("{}, {linked} linked", text.name.trim_end_matches(", folded"))
        }
        (Entry::Folded { .. }, InFold::Many) => format!("{}, many linked", text.name.trim_end_matches(", folded")),
        _ => text.name,
    };
    Cells {
        lead: [(cursor.to_owned(), ink(Role::Active)), (sign.to_owned(), sign_style)],
        name: (label, name),
        state: (text.state, ink(role(text.tone))),
        note: (text.note, ink(Role::Muted)),
        ground: look.theme.on(Role::Text, ground),
        cut: match entry {
            Entry::Path(..) | Entry::Replica(..) => Cut::Tail,
            Entry::Object(..) => Cut::Middle,
            Entry::Group { .. } | Entry::Server(_) | Entry::Folded { .. } => Cut::End,
        },
        indent: text.depth,
    }
}
