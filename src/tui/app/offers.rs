//! Which keys do something now, the most useful first. What a screen handles and what the footer names are both looked up
//! here, so that no key is offered that does nothing, and none works in secret.

use super::board::Pane;
use super::index::Entry;
use super::model::{Model, Overlay, Screen};
use super::pages::Page;
use super::prompt::Way;
use super::run::{Typing, current};
use crate::engine::RunState;
use crate::keymap::{self, Action, Chord, Place};
use crate::runbooks::Confirm;

/// A key that does something now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it means.
    pub action: Action,
    /// A word or two for the footer; empty for what needs no advertising.
    pub word: &'static str,
}

/// Keys with a word for the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What they mean.
    pub action: Action,
    /// The keys as they are called.
    pub keys: String,
    /// A word or two.
    pub word: &'static str,
}

const fn offer(action: Action, word: &'static str) -> Offer {
    Offer { action, word }
}

impl Model {
    /// What the footer names, the most useful first. `scrolls`: whether there is more to read than is seen.
    #[must_use]
    pub fn hints(&self, scrolls: bool) -> Vec<Hint> {
        let place = self.place();
        let offers: Vec<Offer> = match (&self.overlay, self.stack.last()) {
            (Some(Overlay::Filter(_)), _) => vec![offer(Action::Accept, "keep the filter"), offer(Action::Back, "no filter")],
            (Some(Overlay::Palette(_)), _) => {
                vec![offer(Action::Accept, "run"), offer(Action::Down, "choose"), offer(Action::Back, "cancel")]
            }
            (Some(Overlay::Writes(_)), _) => self.writes_offers(),
            (Some(Overlay::Login(_)), _) => vec![offer(Action::Accept, "send"), offer(Action::Back, "wipe and cancel")],
            (None, Some(Screen::Runbook)) => self.run_offers(),
            (None, Some(Screen::Reader(reader))) => {
                let why = matches!(reader.page, Page::Trace(_)).then_some(offer(Action::Why, "why"));
                let ways = [offer(Action::PageDown, "page"), offer(Action::Down, "line"), offer(Action::Top, "ends")];
                let others = default_without(place, &[])
                    .into_iter()
                    .filter(|one| !ways.iter().any(|way| scrolls && way.action == one.action));
                ways.iter().filter(|_| scrolls).cloned().chain(why).chain(others).collect()
            }
            (None, Some(Screen::Runbooks(selected))) if self.ready(*selected).is_none() => {
                default_without(place, &[Action::Accept, Action::Runbooks])
            }
            (None, Some(Screen::Runbooks(_))) => default_without(place, &[Action::Runbooks]),
            (None, None) => self.board_offers(),
        };
        offers.into_iter().filter(|offer| !offer.word.is_empty()).filter_map(|offer| hint(place, &offer)).collect()
    }

    /// The keys that do something on the board now: none is offered that would only say why it does nothing.
    #[must_use]
    pub fn board_offers(&self) -> Vec<Offer> {
        let at_causes = self.board.focus == Pane::Causes;
        let selected = self.board.selected().filter(|_| !at_causes);
        let word = |binding: &keymap::Binding| match binding.action {
            Action::Repair if self.run_is_on() => Some("to the runbook"),
            Action::Repair => self.has_remedy().then_some(binding.short),
            Action::Why => self.board.object(self).map(|_| binding.short),
            // A cause is opened by asking why.
            Action::Accept => selected.as_ref().map(|entry| match entry {
                Entry::Group { open: true, .. } => "fold",
                Entry::Group { .. } | Entry::Folded { .. } => "unfold",
                _ => binding.short,
            }),
            Action::Mark => self.markable().map(|_| binding.short),
            Action::Fold => self.board.folds().map(|folds| if folds { "fold" } else { "unfold" }),
            Action::Back => match () {
                () if !self.board.view.filter.is_empty() => Some("no filter"),
                () if !self.board.marks.is_empty() => Some("no marks"),
                () => (!at_causes).then_some("causes"),
            },
            _ => Some(binding.short),
        };
        let mut offers: Vec<Offer> =
            keymap::footer(Place::Board).filter_map(|binding| Some(offer(binding.action, word(binding)?))).collect();
        // Repair and why come first, whatever else there is.
        if at_causes && self.told().is_some() && self.board.index.causes.len() > 1 {
            let at = offers.iter().take_while(|one| matches!(one.action, Action::Repair | Action::Why)).count();
            offers.insert(at, offer(Action::Down, "next cause"));
        }
        offers
    }

    /// The keys that do something on the runbook's screen now.
    #[must_use]
    pub fn run_offers(&self) -> Vec<Offer> {
        let mut offers = Vec::new();
        match self.typing() {
            Some(typing) => self.typing_offers(typing, &mut offers),
            None => self.reading_offers(&mut offers),
        }
        offers
    }

    /// Whether a key does something on the runbook's screen now.
    #[must_use]
    pub fn is_offered(&self, action: Action) -> bool {
        self.run_offers().iter().any(|offer| offer.action == action)
    }

    fn typing_offers(&self, typing: Typing, offers: &mut Vec<Offer>) {
        let shares = matches!(self.asked().map(|preview| &preview.confirm), Some(Confirm::Share { .. }));
        match typing {
            _ if self.looks_elsewhere() => offers.push(offer(Action::Accept, "the step that asks")),
            // Enter counts once the whole name is there, or anything of what is not seen.
            Typing::Name if !self.name_is_typed() => {}
            Typing::Share if self.hidden == 0 => {}
            Typing::Name => offers.push(offer(Action::Accept, if shares { "take the shares" } else { "agree" })),
            Typing::Share => offers.push(offer(Action::Accept, if shares { "send the share" } else { "keep the value" })),
        }
        let elsewhere = matches!(self.asked().map(|preview| &preview.confirm), Some(Confirm::Share { secret: Some(_) }));
        if elsewhere {
            let other = if typing == Typing::Share { "shares from the Secret" } else { "type a share" };
            offers.push(offer(Action::NextPane, other));
        }
        self.steps_offers(offers);
        offers.push(offer(Action::Back, if typing == Typing::Share { "wipe and leave" } else { "leave the field" }));
    }

    fn reading_offers(&self, offers: &mut Vec<Offer>) {
        let run = self.snapshot.run.as_ref();
        let elsewhere = self.looks_elsewhere();
        match (self.asked().map(|preview| &preview.confirm), &self.run.prompt) {
            (Some(confirm), _) if self.closed_to(confirm).is_some() => {
                if self.snapshot.writes.refused.is_none() {
                    offers.push(offer(Action::Writes, "open writes"));
                }
                if elsewhere {
                    offers.push(offer(Action::Accept, "the step that asks"));
                }
            }
            (Some(_), Some(_)) if elsewhere => offers.push(offer(Action::Accept, "the step that asks")),
            (Some(_), Some(prompt)) if prompt.sent => {}
            (Some(confirm), Some(prompt)) => match (confirm, prompt.way) {
                (Confirm::Start, _) => offers.push(offer(Action::Accept, "start")),
                (Confirm::Yes, _) => offers.push(offer(Action::Agree, "agree")),
                (Confirm::Share { .. }, Way::FromSecret) => {
                    offers.extend([offer(Action::Agree, "take the shares"), offer(Action::Other, "type a share")]);
                }
                (Confirm::Share { secret: None }, _) => offers.push(offer(Action::Accept, "type a share")),
                (Confirm::Share { .. }, _) => {
                    offers.extend([offer(Action::Accept, "type a share"), offer(Action::Other, "shares from the Secret")]);
                }
                (Confirm::TypeName(_), _) => offers.push(offer(Action::Accept, "type the name")),
                (Confirm::Value(_), _) => offers.push(offer(Action::Accept, "type the value")),
            },
            _ if elsewhere => offers.push(offer(Action::Accept, "the present step")),
            _ => {}
        }
        if self.run_is_on() {
            let paused = run.is_some_and(|run| run.state == RunState::Paused);
            offers.extend([offer(Action::Pause, if paused { "go on" } else { "pause" }), offer(Action::Stop, "stop")]);
        } else if run.is_some_and(|run| !run.applied.is_empty()) {
            offers.push(offer(Action::Commands, "commands"));
        }
        if self.has_to_copy() {
            offers.push(offer(Action::CopyCommand, "copy command"));
        }
        self.steps_offers(offers);
        if self.run_subject().is_some() {
            offers.push(offer(Action::Why, "why"));
        }
        offers.extend([
            offer(Action::CopyStatus, "copy status"),
            offer(Action::Runbooks, "runbooks"),
            offer(Action::Quit, "quit"),
        ]);
        offers.extend([offer(Action::Help, "help"), offer(Action::Back, "back")]);
    }

    /// The keys that look at other steps, where there are any.
    fn steps_offers(&self, offers: &mut Vec<Offer>) {
        let Some(run) = &self.snapshot.run else { return };
        let at = self.run.looked_at.unwrap_or_else(|| current(run));
        let last = run.steps.len().saturating_sub(1);
        // In a field letters are text: the arrows alone move there.
        let jumps = self.typing().is_none();
        if at < last {
            offers.push(offer(Action::Down, "steps"));
            offers.extend(jumps.then_some(offer(Action::Bottom, "")));
        }
        if at > 0 {
            offers.push(offer(Action::Up, if at < last { "" } else { "steps" }));
            offers.extend(jumps.then_some(offer(Action::Top, "")));
        }
    }

    fn writes_offers(&self) -> Vec<Offer> {
        let mut offers = if self.writes_need_name() {
            vec![offer(Action::Accept, "go on"), offer(Action::NextPane, "other field")]
        } else {
            vec![offer(Action::Agree, "open writes")]
        };
        offers.push(offer(Action::Back, "leave them closed"));
        offers
    }
}

fn default_without(place: Place, actions: &[Action]) -> Vec<Offer> {
    let others = keymap::footer(place).filter(|binding| !actions.contains(&binding.action));
    others.map(|binding| offer(binding.action, binding.short)).collect()
}

/// The keys of an offer by their names.
fn hint(place: Place, offer: &Offer) -> Option<Hint> {
    let name = |action: Action| {
        // The dialog that opens writes takes its `y` as a letter: no field has a key for it.
        let binding = keymap::reachable(place).find(|binding| binding.action == action);
        let binding = binding.or_else(|| keymap::KEYS.iter().find(|binding| binding.action == action))?;
        Chord::parse(binding.chord).map(|chord| chord.to_string())
    };
    let keys = match offer.action {
        Action::Down | Action::Up => format!("{} {}", name(Action::Down)?, name(Action::Up)?),
        Action::PageDown => format!("{} {}", name(Action::PageDown)?, name(Action::PageUp)?),
        Action::Top if place == Place::Reader => format!("{} {}", name(Action::Top)?, name(Action::Bottom)?),
        action => name(action)?,
    };
    Some(Hint { action: offer.action, keys, word: offer.word })
}
