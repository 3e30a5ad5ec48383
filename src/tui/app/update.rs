//! From a message to a changed model and what is to be done outside. Only routes: each screen knows its keys.

use super::effect::{Clip, Effect};
use super::filter::Filter;
use super::message::{Message, Moment, Spot};
use super::model::{Model, Overlay, Reader, Screen};
use super::pages::Page;
use super::palette::{Palette, PaletteDone};
use super::run::Typing;
use crate::keymap::{Action, Chord, action};
use crate::runbooks::RUNBOOKS;

/// A second `q` counts for this long.
const QUIT_AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Takes one message in.
pub fn update(model: &mut Model, message: Message, at: Moment) -> Vec<Effect> {
    model.now = model.now.max(at.now);
    match message {
        Message::Key { chord, repeat } => {
            model.saying = None;
            let effects = model.key(chord, repeat, at);
            model.last_key = Some(at.since_start);
            return effects;
        }
        Message::Paste(text) => model.paste(&text),
        Message::Hidden(length) => {
            if length > 0 && model.typing() == Some(Typing::Share) {
                model.come_back();
            }
            model.hidden = length;
        }
        Message::ComeBack => {
            model.come_back();
        }
        Message::HiddenSent => {
            model.hidden = 0;
            if matches!(model.overlay, Some(Overlay::Login(_))) {
                model.login_sent();
                return Vec::new();
            }
            if let Some(prompt) = &mut model.run.prompt {
                prompt.sent = true;
            }
        }
        Message::HiddenExpired => {
            model.hidden = 0;
            model.say("What was typed was wiped after two minutes.");
        }
        Message::Snapshot(snapshot) => model.take(snapshot, at),
        Message::Resized(columns, rows) => {
            model.size = (columns, rows);
            model.reindex();
        }
        Message::Tick => {
            model.now = at.now;
            if model.board.index.is_busy() {
                model.reindex();
            }
            return model.run_tick(at);
        }
        Message::Clicked(Spot::Row(pane, row)) if model.place() == crate::keymap::Place::Board => model.select(pane, row),
        Message::Clicked(Spot::Pane(pane)) if model.place() == crate::keymap::Place::Board => model.focus(pane),
        Message::Clicked(_) => {}
        Message::Scrolled(by) => model.scroll(by),
        Message::Copied { clip, refused: None } => {
            let text = clip.text();
            let more = text.lines().count().saturating_sub(1);
            let first = text.lines().next().unwrap_or_default();
            model.say(if more > 0 { format!("Copied: {first} (and {more} more)") } else { format!("Copied: {first}") });
        }
        // What cannot be copied is shown, so that it can be taken by hand.
        Message::Copied { clip, refused: Some(why) } => model.open(Screen::Reader(Reader::new(Page::ToCopy { clip, why }))),
        Message::Told(text) => model.say(text),
    }
    Vec::new()
}

impl Model {
    fn key(&mut self, chord: Chord, repeat: bool, at: Moment) -> Vec<Effect> {
        let place = self.place();
        let meant = action(place, chord);
        match meant {
            Some(Action::QuitNow) => return vec![Effect::Quit],
            Some(Action::Suspend) => return vec![Effect::Suspend],
            _ => {}
        }
        match self.overlay.take() {
            Some(Overlay::Filter(mut field)) => {
                match meant {
                    Some(Action::Back) => self.refilter(""),
                    Some(Action::Accept) => {}
                    _ => {
                        if field.take(chord) {
                            self.refilter(field.text());
                        }
                        self.overlay = Some(Overlay::Filter(field));
                    }
                }
                return Vec::new();
            }
            Some(Overlay::Palette(palette)) => {
                return match self.palette_key(palette, chord, meant) {
                    PaletteDone::Act(action) => self.act(action, repeat, at),
                    PaletteDone::Effects(effects) => effects,
                };
            }
            Some(Overlay::Writes(dialog)) => return self.writes_key(dialog, chord, meant),
            Some(Overlay::Login(dialog)) => {
                self.login_key(dialog, meant);
                return Vec::new();
            }
            None => {}
        }
        if self.typing().is_some() && matches!(self.stack.last(), Some(Screen::Runbook)) {
            return self.run_type(chord, meant);
        }
        if let Some(meant) = meant {
            self.act(meant, repeat, at)
        } else {
            if let Some(prompt) = &mut self.run.prompt {
                prompt.disturb();
            }
            Vec::new()
        }
    }

    /// Does what a key means, wherever one is.
    fn act(&mut self, meant: Action, repeat: bool, at: Moment) -> Vec<Effect> {
        match meant {
            Action::Quit => return self.quit(at),
            Action::QuitNow => return vec![Effect::Quit],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Redraw => return vec![Effect::Redraw],
            Action::Writes => return self.writes(),
            Action::CopyStatus => return vec![Effect::Copy(Clip::Words(self.status_line()))],
            Action::Palette => self.overlay = Some(Overlay::Palette(Palette::new(self.place()))),
            Action::Help => self.open(Screen::Reader(Reader::new(Page::Help))),
            Action::Errors => self.open(Screen::Reader(Reader::new(Page::Errors))),
            Action::Commands => self.open(Screen::Reader(Reader::new(Page::Commands))),
            Action::Runbooks => {
                self.open(Screen::Runbooks(0));
                self.reoffer();
            }
            Action::LastRun if self.snapshot.run.is_some() => self.open(Screen::Runbook),
            Action::LastRun => self.say("No runbook was run in this session."),
            _ => {
                return match self.stack.last() {
                    None => self.board_act(meant),
                    Some(Screen::Runbook) => self.run_act(meant, repeat, at),
                    Some(Screen::Runbooks(_)) => self.list_act(meant),
                    Some(Screen::Reader(_)) => self.reader_act(meant),
                };
            }
        }
        Vec::new()
    }

    fn quit(&mut self, at: Moment) -> Vec<Effect> {
        let again = self.quit_asked.take().is_some_and(|asked| at.since_start.saturating_sub(asked) < QUIT_AGAIN);
        if !self.run_is_on() || again {
            return vec![Effect::Quit];
        }
        self.quit_asked = Some(at.since_start);
        self.say("A runbook goes on: leaving ends it after what is in flight, unproved. q again leaves; Esc stays.");
        Vec::new()
    }

    fn refilter(&mut self, text: &str) {
        self.board.view.filter = Filter::parse(text);
        self.reindex();
    }

    fn list_act(&mut self, meant: Action) -> Vec<Effect> {
        let Some(Screen::Runbooks(selected)) = self.stack.last_mut() else { return Vec::new() };
        let last = RUNBOOKS.len().saturating_sub(1);
        match meant {
            Action::Down => *selected = (*selected + 1).min(last),
            Action::Up => *selected = selected.saturating_sub(1),
            Action::Top | Action::PageUp => *selected = 0,
            Action::Bottom | Action::PageDown => *selected = last,
            Action::Back => drop(self.stack.pop()),
            Action::Accept => {
                let selected = *selected;
                let Some(runbook) = RUNBOOKS.get(selected).copied() else { return Vec::new() };
                // What would do nothing says why, and the list stays.
                if self.ready(selected).is_some() {
                    self.stack.pop();
                }
                return self.start_named(runbook);
            }
            _ => {}
        }
        Vec::new()
    }

    fn reader_act(&mut self, meant: Action) -> Vec<Effect> {
        match meant {
            Action::Down => self.scroll(1),
            Action::Up => self.scroll(-1),
            Action::PageDown => self.scroll(self.page()),
            Action::PageUp => self.scroll(-self.page()),
            Action::Top => self.scroll(isize::MIN),
            Action::Bottom => self.scroll(isize::MAX),
            Action::Back => drop(self.stack.pop()),
            Action::Why => {
                if let Some(Screen::Reader(Reader { page: Page::Trace(object), .. })) = self.stack.last() {
                    let page = Page::Why(object.clone());
                    self.stack.push(Screen::Reader(Reader::new(page)));
                }
            }
            Action::CopyCommand => {
                if let Some(Screen::Reader(reader)) = self.stack.last() {
                    match reader.page.to_copy(self) {
                        Some(clip) => return vec![Effect::Copy(clip)],
                        None => self.say("There is no command here to copy."),
                    }
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn scroll(&mut self, by: isize) {
        match self.stack.last() {
            Some(Screen::Reader(reader)) => {
                let most = reader.page.document(self).height(self.reading_width()).saturating_sub(self.reading_height());
                if let Some(Screen::Reader(reader)) = self.stack.last_mut() {
                    reader.scroll = reader.scroll.saturating_add_signed(by).min(most);
                }
            }
            None => self.board_move(by),
            Some(_) => {}
        }
    }

    /// Pasted text goes to a field of words, and only there; it never agrees to anything.
    fn paste(&mut self, text: &str) {
        let confirms = self.typing() == Some(Typing::Name);
        match &mut self.overlay {
            Some(Overlay::Filter(field)) => {
                field.paste(text);
                let typed = field.text().to_owned();
                self.refilter(&typed);
            }
            Some(Overlay::Palette(palette)) => palette.field.paste(text),
            Some(Overlay::Writes(dialog)) if dialog.on_reason => dialog.reason.paste(text),
            Some(Overlay::Writes(_)) => self.say("A name that confirms is typed, not pasted."),
            // The hidden field has taken it already.
            Some(Overlay::Login(_)) => {}
            None if confirms => self.say("A name that confirms is typed, not pasted."),
            None => self.say("Pasted text is ignored here."),
        }
    }
}
