//! The top of the board: the cause, told; or that nothing is broken and what nobody looked at; or why nothing is
//! known yet.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

use crate::diagnosis::state::of_server;
use crate::diagnosis::{self, Cause, Severity};
use crate::model::{Clock, Kind};
use crate::theme::{Role, glyphs};
use crate::tui::app::Model;
use crate::tui::app::board::Pane;
use crate::tui::app::causes::Told as Group;
use crate::tui::app::document::{Document, Ink, Line};
use crate::tui::app::rows::Tone;
use crate::tui::app::story::{certainty, coverage, repair, tell};
use crate::tui::app::words::{counted, listed, since, some};
use crate::tui::screens::board::mark_focus;
use crate::tui::screens::{Look, below, lines, rule};
use crate::tui::widgets::lines::glyph;
use crate::tui::widgets::pen::Pen;

/// What is told, in lines.
pub(super) struct Told {
    title: String,
    tone: Tone,
    /// Why what is shown may be old.
    blind: Vec<Line>,
    /// The cause in full.
    body: Vec<Line>,
    /// The row of the body that the cause begins at, if one is told: the cursor stands there.
    selected: Option<usize>,
    /// The key that repairs it.
    repair: Vec<Line>,
    /// The other causes, a line each.
    others: Vec<Line>,
    /// What cannot be seen.
    unseen: Vec<Line>,
}

impl Told {
    /// How many rows it wants, its title included.
    #[must_use]
    pub(super) fn height(&self) -> u16 {
        let rows = 1 + self.blind.len() + self.body.len() + self.repair.len() + self.others.len() + self.unseen.len();
        u16::try_from(rows).unwrap_or(u16::MAX)
    }
}

/// The width of the labels.
const LABEL: usize = 10;
/// How many other causes have a line.
const OTHERS: usize = 4;
/// How many gaps in sight are named.
const GAPS: usize = 2;

/// Tells it at this width.
pub(super) fn told(model: &Model, width: usize) -> Told {
    let width = width.saturating_sub(1).min(150);
    let snapshot = &model.snapshot;
    let mut told = Told {
        title: String::new(),
        tone: Tone::Quiet,
        blind: Vec::new(),
        body: Vec::new(),
        selected: None,
        repair: Vec::new(),
        others: Vec::new(),
        unseen: Vec::new(),
    };
    if let Some(blind) = model.blind() {
        let mut page = Document::default();
        page.signed(Ink::Tone(Tone::Failing), glyphs::FAILING, vec![(Ink::Strong, blind)]);
        told.blind = page.lines(width);
        told.tone = Tone::Failing;
    }
    match model.told() {
        Some(cause) => with_cause(model, cause, width, &mut told),
        None if model.board.told().is_some() => healthy(model, width, &mut told),
        None if !snapshot.is_loaded() || snapshot.unasked().next().is_some() => loading(model, width, &mut told),
        None => healthy(model, width, &mut told),
    }
    told
}

fn with_cause(model: &Model, group: &Group, width: usize, told: &mut Told) {
    let snapshot = &model.snapshot;
    let (cause, causes) = (&group.cause, &model.board.index.causes);
    told.tone = tone(cause);
    let mut page = Document::default();
    let number = model.board.cause + 1;
    let which = match (model.well(), causes.len()) {
        (Some(well), all) => {
            told.selected = Some(say_well(&well, model, width, &mut page));
            let head = if model.sees_all() { "NOTHING BROKEN" } else { "NOTHING BROKEN IN SIGHT" };
            let which = if all == 1 { "1 warning".to_owned() } else { format!("warning {number} of {all}") };
            format!("{head}  {which} · ")
        }
        (None, 1) => "1 CAUSE  ".to_owned(),
        (None, all) => format!("CAUSE {number} of {all}  "),
    };
    // A sign and a blank stand before the title, a blank behind it.
    told.title = format!("{which}{}", coverage(snapshot, (width + 1).saturating_sub(which.width() + 3)));
    told.selected = told.selected.or(Some(0));
    page.signed(Ink::Tone(told.tone), glyph(told.tone), headline(model, group));
    // What is wrong with a Vault its title and state say; of all else the sentence names the names.
    if cause.subject.kind != Kind::Vault && group.subjects.len() == 1 {
        page.pair("why", LABEL, Ink::Strong, cause.summary.clone());
    }
    for (label, text) in tell(cause, snapshot, model.now) {
        page.pair(label, LABEL, if label == "do not" { Ink::Strong } else { Ink::Plain }, text);
    }
    told.body = page.lines(width);
    if let Some(repair) = repair(cause) {
        let mut page = Document::default();
        let text = if model.run_is_on() {
            vec![(Ink::Plain, "shows the runbook that goes on".to_owned())]
        } else {
            vec![(Ink::Plain, format!("repairs it: {repair}")), (Ink::Muted, "   (asks before it writes)".to_owned())]
        };
        page.signed(Ink::Key, "r", text);
        told.repair = page.lines(width);
    } else {
        let mut page = Document::default();
        if let Some(repair) = diagnosis::rule(cause.slug).and_then(|rule| rule.section("How it is repaired")) {
            page.pair("by hand", LABEL, Ink::Plain, first_sentence(&repair));
        }
        page.signed(Ink::Key, "X", vec![(Ink::Plain, "says how it is known and what repairs it; no runbook does".to_owned())]);
        told.repair = page.lines(width);
    }
    let others = causes.iter().enumerate().filter(|(number, _)| *number != model.board.cause);
    told.others.extend(others.take(OTHERS).map(|(number, other)| line_of(number, other)));
    if causes.len() > OTHERS + 1 {
        told.others.push(vec![(
            Ink::Muted,
            format!("  {} {}, j and k go through them", glyphs::CUT, counted(causes.len() - OTHERS - 1, "more cause")),
        )]);
    }
    for one in snapshot.diagnosis.unknown.iter().take(GAPS) {
        let mut page = Document::default();
        let text = vec![(Ink::Strong, "cannot be seen  ".to_owned()), (Ink::Plain, format!("{}: {}", one.subject, one.needs))];
        page.signed(Ink::Tone(Tone::Unknown), glyphs::UNKNOWN, text);
        told.unseen.extend(page.lines(width));
    }
}

/// Says that nothing is broken; returns how many lines it takes.
fn say_well(well: &str, model: &Model, width: usize, page: &mut Document) -> usize {
    let (tone, sign) = if model.sees_all() { (Tone::Healthy, glyphs::HEALTHY) } else { (Tone::Unknown, glyphs::UNKNOWN) };
    page.signed(Ink::Tone(tone), sign, vec![(Ink::Strong, well.to_owned())]);
    page.height(width)
}

/// The first sentence of a paragraph.
fn first_sentence(text: &str) -> String {
    text.split_once(". ").map_or_else(|| text.to_owned(), |(first, _)| format!("{first}."))
}

/// Title, subject, state, since when, how sure.
fn headline(model: &Model, group: &Group) -> Line {
    let cause = &group.cause;
    let tone = tone(cause);
    let state = model.snapshot.world.vault(&cause.subject).map(|server| of_server(server).word);
    let mut line = vec![(Ink::Tone(tone), format!("{}  ", cause.title)), (Ink::Strong, format!("{}  ", group.subject()))];
    if let Some(state) = state.filter(|state| state.contains("of")) {
        line.push((Ink::Tone(tone), format!("{state}  ")));
    }
    if let Some(at) = cause.since {
        line.push((Ink::Plain, format!("since {}  ", since(at, model.now))));
    }
    line.push((Ink::Muted, certainty(cause, &model.snapshot, model.now)));
    line
}

fn line_of(number: usize, group: &Group) -> Line {
    let cause = &group.cause;
    let tone = tone(cause);
    let at = cause.since.map_or_else(String::new, |at| format!("  since {}", Clock(at)));
    let hit = [some(cause.failing.stores, "store"), some(cause.failing.external_secrets, "ExternalSecret")];
    let reach = match listed(hit) {
        None => String::new(),
        Some(hit) if hit == group.subject() => "  all broken".to_owned(),
        Some(hit) => format!("  {hit} broken"),
    };
    vec![
        (Ink::Muted, format!("  {} ", number + 1)),
        (Ink::Tone(tone), format!("{} {}", glyph(tone), cause.title)),
        (Ink::Plain, format!("  {}", group.subject())),
        (Ink::Muted, format!("{reach}{at}")),
    ]
}

const fn tone(cause: &Cause) -> Tone {
    match cause.severity {
        Severity::Error => Tone::Failing,
        Severity::Warning => Tone::Warning,
        Severity::Info => Tone::Unknown,
    }
}

fn loading(model: &Model, width: usize, told: &mut Told) {
    let context = &model.snapshot.identity.context;
    "READING THE CLUSTER".clone_into(&mut told.title);
    let mut page = Document::default();
    let listing = model.listing();
    if context.is_empty() && model.snapshot.offline.is_none() {
        page.text(Ink::Plain, "Connecting to the API server …");
    }
    if !listing.is_empty() {
        page.text(Ink::Plain, format!("Listing {} …", listing.join(", ")));
    }
    let unasked: Vec<String> = model.snapshot.unasked().map(|server| server.subject().short()).collect();
    if listing.is_empty() && !unasked.is_empty() {
        page.text(Ink::Plain, format!("Asking Vault {} …", unasked.join(", ")));
    }
    page.text(Ink::Muted, "Nothing is judged before the lists are complete and every Vault was asked.");
    told.body = page.lines(width);
}

fn healthy(model: &Model, width: usize, told: &mut Told) {
    let snapshot = &model.snapshot;
    let mut page = Document::default();
    let (broken, unseen) = (snapshot.diagnosis.broken, snapshot.diagnosis.unknown.len());
    let starting = snapshot.diagnosis.starting.said.len();
    let well = model.well().unwrap_or_default();
    let cannot = if unseen == 0 { String::new() } else { format!("  {unseen} cannot be seen") };
    if model.looks_for_the_cause() {
        "LOOKING FOR THE CAUSE".clone_into(&mut told.title);
        told.tone = Tone::Warning;
        let text = "Something is broken. Not everything was asked yet that tells why; that takes a second or two.".to_owned();
        page.signed(Ink::Tone(Tone::Warning), glyphs::WARNING, vec![(Ink::Strong, text)]);
    } else if broken.total() > 0 {
        told.tone = Tone::Warning;
        told.title = format!("NO CAUSE FOUND  {}", coverage(snapshot, width.saturating_sub(18)));
        let text = format!("Broken: {broken}. No rule knows why. Look at the panes; n goes from one to the next.");
        page.signed(Ink::Tone(Tone::Warning), glyphs::WARNING, vec![(Ink::Strong, text)]);
    } else if snapshot.is_empty() && unseen == 0 {
        "NOTHING TO LOOK AT".clone_into(&mut told.title);
        told.tone = Tone::Unknown;
        let text = format!("There is no store and no ExternalSecret{}.", snapshot.scope.place());
        page.signed(Ink::Tone(Tone::Unknown), glyphs::UNKNOWN, vec![(Ink::Strong, text)]);
    } else if starting > 0 {
        told.title = format!("NOTHING BROKEN SO FAR  {starting} starting");
        told.tone = told.tone.min(Tone::Unknown);
        let text = "What was made a moment ago has not had its first turn yet.".to_owned();
        page.signed(Ink::Tone(Tone::Unknown), glyphs::UNKNOWN, vec![(Ink::Strong, text)]);
    } else if !snapshot.is_examined() {
        "NOTHING BROKEN SO FAR  not everything was asked yet".clone_into(&mut told.title);
        told.tone = told.tone.min(Tone::Unknown);
        let text = "Nothing that was looked at so far is broken.".to_owned();
        page.signed(Ink::Tone(Tone::Unknown), glyphs::UNKNOWN, vec![(Ink::Strong, text)]);
    } else {
        let (title, tone) = if model.sees_all() { ("ALL WELL", Tone::Healthy) } else { ("ALL WELL IN SIGHT", Tone::Unknown) };
        told.title = format!("{title}{cannot}");
        told.tone = told.tone.min(tone);
        say_well(&well, model, width, &mut page);
    }
    page.pair("looked at", LABEL + 4, Ink::Plain, model.looked_at());
    for (number, gap) in model.not_checked().into_iter().enumerate() {
        page.pair(if number == 0 { "not looked at" } else { "" }, LABEL + 4, Ink::Muted, gap);
    }
    told.body = page.lines(width);
}

/// Draws it. What does not fit is cut with a mark; the key that repairs it always stays.
pub(super) fn draw(model: &Model, told: &Told, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let title = look.of(crate::tui::widgets::lines::role(told.tone));
    let title = if told.tone == Tone::Quiet { look.of(Role::Title) } else { title };
    let (head, rest) = told.title.split_once("  ").unwrap_or((&told.title, ""));
    let rest = if rest.is_empty() { String::new() } else { format!("  {rest}") };
    let focused = model.board.focus == Pane::Causes;
    rule(&[(head, title), (&rest, look.of(Role::Muted))], focused, area, buffer, look);
    if focused {
        mark_focus(area, buffer, look);
    }
    let mut rest = below(area, 1);
    let mut room = usize::from(rest.height);
    let all = told.blind.len() + told.body.len() + told.repair.len() + told.others.len() + told.unseen.len();
    let fits = all <= room;
    room = room.saturating_sub(told.repair.len());
    for (part, least) in
        [(&told.blind, 0), (&told.body, 0), (&told.repair, told.repair.len()), (&told.others, 0), (&told.unseen, 0)]
    {
        let shown =
            if least > 0 { part.len() } else { part.len().min(room.saturating_sub(usize::from(!fits && part.len() > room))) };
        if least == 0 {
            room -= shown.min(room);
        }
        let drawn = lines(&part[..shown.min(part.len())], rest, buffer, look);
        rest = below(rest, drawn);
        if shown < part.len() && least == 0 && room > 0 {
            let more =
                vec![vec![(Ink::Muted, format!("  {} {} more, X shows all", glyphs::CUT, counted(part.len() - shown, "line")))]];
            rest = below(rest, lines(&more, rest, buffer, look));
            room -= 1;
        }
    }
    if let Some(row) = told.selected.filter(|_| focused)
        && let Ok(row) = u16::try_from(1 + told.blind.len() + row)
    {
        Pen::new(buffer, area, row).put(glyphs::CURSOR, look.of(Role::Active));
    }
}
