//! The step that is looked at: what it does and why, what it will and will not do, the command that does the
//! same, how far it is object by object, what came of it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget as _;

use crate::engine::{RunState, RunView, StepState, StepView};
use crate::model::Age;
use crate::runbooks::{Item, ItemState, Preview};
use crate::theme::{Role, glyphs};
use crate::tui::app::Model;
use crate::tui::app::document::{Document, Ink};
use crate::tui::app::rows::Tone;
use crate::tui::app::run::{Ahead, current};
use crate::tui::app::summary;
use crate::tui::app::words::{named, short};
use crate::tui::screens::{Look, below, lines, rule};
use crate::tui::widgets::lines::{glyph, role};
use crate::tui::widgets::pen::Pen;
use crate::tui::widgets::progress::Progress;

/// The width of the labels.
const LABEL: usize = 10;

/// Draws it.
pub(super) fn draw(model: &Model, run: &RunView, step: &StepView, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    rule(&[(step.id, look.of(Role::Title))], false, area, buffer, look);
    let rest = below(area, 1);
    let said = words(model, run, step).lines(usize::from(area.width).saturating_sub(1).min(140));
    // Objects keep a few rows, however long the words are.
    // Where it is asked, they are all queued: what will be done with them says more.
    let asks = model.run.looked_at.is_none() && matches!(run.state, RunState::Asks(_));
    let items_most = if asks { 3 } else { (rest.height / 2).max(3) };
    let items_want = if step.items.is_empty() { 0 } else { u16::try_from(step.items.len() + 1).unwrap_or(u16::MAX) };
    let room = usize::from(rest.height - items_want.min(items_most).min(rest.height));
    let shown = if said.len() > room { room.saturating_sub(1) } else { said.len() };
    let mut rest = below(rest, lines(&said[..shown], rest, buffer, look));
    if shown < said.len() {
        // What is for Git need not be read here to be had.
        let or = if step.commits.is_empty() { "" } else { ", or copy what is for Git with K" };
        let mark = format!("  {} {} more lines: make the window higher{or}", glyphs::CUT, said.len() - shown);
        Pen::new(buffer, rest, 0).put(&mark, look.of(Role::Muted));
        rest = below(rest, 1);
    }
    items(model, run, step, look, rest, buffer);
}

/// Everything about a step that is said in sentences.
fn words(model: &Model, run: &RunView, step: &StepView) -> Document {
    let mut page = Document::default();
    let is_current = run.steps.get(current(run)).is_some_and(|at| at.id == step.id);
    if let Some(taken_up) = run.taken_up.as_ref().filter(|_| is_current) {
        page.signed(Ink::Tone(Tone::Active), glyphs::ACTIVE, vec![(Ink::Plain, taken_up.clone())]);
    }
    if let Some(notice) = run.notice.as_ref().filter(|_| is_current) {
        page.signed(Ink::Tone(Tone::Warning), glyphs::WARNING, vec![(Ink::Strong, notice.clone())]);
    }
    let asks = is_current && model.run.ahead.is_none() && matches!(run.state, RunState::Asks(_));
    // Where it is asked, what will be done comes first, and what the step is for is cut first.
    if !asks {
        page.text(Ink::Muted, step.explanation);
    }
    match (&model.run.ahead, &run.state) {
        (Some(Ahead::Says(text)), _) => page.text(Ink::Plain, text.clone()),
        (Some(Ahead::Shows(shown)), _) => {
            page.text(Ink::Muted, "Not reached yet. As the world is now, it would ask this:");
            preview(model, &mut page, shown);
        }
        (None, RunState::Asks(shown)) if is_current => preview(model, &mut page, shown),
        (None, RunState::Running { waiting: Some(what) }) if is_current && step.items.is_empty() => {
            page.pair("waiting", LABEL, Ink::Tone(Tone::Active), what.clone());
        }
        _ => {}
    }
    if asks {
        page.text(Ink::Muted, step.explanation);
    }
    let last = run.applied.iter().rev().find(|applied| applied.step == step.id);
    if let Some(applied) = last.filter(|_| !asks) {
        page.command("ran last", LABEL, model.aim().at(&applied.operation.command()));
    }
    if let Some(report) = &step.report {
        page.pair("came out", LABEL, Ink::Plain, report.summary.clone());
        for (object, why) in &report.left {
            page.pair("", LABEL, Ink::Plain, format!("{}: {why}", named(object)));
        }
    }
    for (number, commit) in step.commits.iter().enumerate() {
        let label = if number == 0 { "for Git" } else { "" };
        page.pair(label, LABEL, Ink::Strong, format!("{}: {} (K copies it)", named(&commit.object), commit.place));
        for sentence in &commit.says {
            page.pair("", LABEL, Ink::Plain, sentence.clone());
        }
        for line in commit.snippets.iter().flat_map(|snippet| snippet.text.lines()) {
            page.pair("", LABEL, Ink::Code, line);
        }
    }
    page
}

fn preview(model: &Model, page: &mut Document, preview: &Preview) {
    for (label, ink, sentences) in [
        ("will", Ink::Strong, &preview.will),
        ("will not", Ink::Plain, &preview.will_not),
        ("forecast", Ink::Plain, &preview.forecast),
    ] {
        for (number, sentence) in sentences.iter().enumerate() {
            page.pair(if number == 0 { label } else { "" }, LABEL, ink, sentence.clone());
        }
    }
    if let Some(first) = preview.commands.first() {
        page.command("by hand", LABEL, model.aim().at(first));
        let more = preview.commands.len() - 1;
        if more > 0 {
            page.pair("", LABEL, Ink::Muted, format!("and {more} more like it; K copies all of them"));
        }
    }
}

/// The order in which objects are shown: what needs eyes first.
const ORDER: [ItemState; 6] =
    [ItemState::Failed, ItemState::Applied, ItemState::Queued, ItemState::LeftOut, ItemState::Proved, ItemState::Well];

fn items(model: &Model, run: &RunView, step: &StepView, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    if step.items.is_empty() || area.height == 0 {
        return;
    }
    tally(model, run, step, look, area, buffer);
    let ordered = ORDER.iter().flat_map(|state| step.items.iter().filter(move |item| item.state == *state));
    let room = usize::from(area.height - 1);
    let shown = if step.items.len() > room { room.saturating_sub(1) } else { room };
    for (row, item) in (1..).zip(ordered.take(shown)) {
        row_of(run, item, look, area, row, buffer);
    }
    if step.items.len() > shown && room > 0 {
        let mark = format!("  {} and {} more", glyphs::CUT, step.items.len() - shown);
        Pen::new(buffer, area, area.height - 1).put(&mark, look.of(Role::Muted));
    }
}

/// A bar, and its numbers in words.
fn tally(model: &Model, run: &RunView, step: &StepView, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let count = |state: ItemState| step.items.iter().filter(|item| item.state == state).count();
    let (proved, failed) = (count(ItemState::Proved), count(ItemState::Failed));
    let total = step.items.len() - count(ItemState::LeftOut) - count(ItemState::Well);
    let bar = Rect { x: area.x + 2, width: 20.min(area.width / 4), height: 1, ..area };
    (&Progress { done: proved, failed, total, theme: look.theme }).render(bar, buffer);
    let mut pen = Pen::new(buffer, area, 0);
    pen.skip_to(bar.right() + 1);
    pen.put(&format!("{proved} of {total} proved"), look.of(Role::Text));
    for state in [ItemState::Failed, ItemState::Applied, ItemState::Queued, ItemState::LeftOut, ItemState::Well] {
        let n = count(state);
        if n > 0 {
            let (tone, word) = summary::item(run, state);
            pen.put(&format!(", {n} {}", word.to_lowercase()), look.of(role(tone)));
        }
    }
    if let Some(left) = time_left(model, step, proved, total - proved - failed) {
        pen.put(&format!(", about {left} left"), look.of(Role::Muted));
    }
}

/// By the pace so far; nothing is promised before a few are proved.
fn time_left(model: &Model, step: &StepView, proved: usize, left: usize) -> Option<Age> {
    let elapsed = Age::between(step.started?, model.now).0;
    let (proved, left) = (i64::try_from(proved).ok()?, i64::try_from(left).ok()?);
    (step.state == StepState::Runs && proved >= 3 && left > 0).then(|| Age((elapsed * left / proved).max(1)))
}

fn row_of(run: &RunView, item: &Item, look: Look<'_>, area: Rect, row: u16, buffer: &mut Buffer) {
    let (tone, word) = summary::item(run, item.state);
    let mut pen = Pen::new(buffer, area, row);
    pen.put("  ", look.of(Role::Text)).put(glyph(tone), look.of(role(tone))).put(" ", look.of(Role::Text));
    pen.column_put(word, 10, false, look.of(role(tone)));
    pen.put(&short(&item.object), look.of(Role::Text));
    let why = summary::why_not_done(run).filter(|_| item.state == ItemState::Queued);
    let notes: Vec<String> = [item.note.clone(), why.unwrap_or_default()].into_iter().filter(|note| !note.is_empty()).collect();
    if !notes.is_empty() {
        pen.put(&format!("  {}", notes.join(", ")), look.of(Role::Muted));
    }
}
