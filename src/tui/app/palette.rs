//! The palette: anything that a key does, and every runbook, by name. Letters in order are enough.

use super::effect::Effect;
use super::field::Field;
use super::model::{Model, Reader, Screen};
use super::pages::Page;
use crate::keymap::{self, Action, Binding, Place};
use crate::runbooks::{RUNBOOKS, Runbook};

/// The palette's state.
#[derive(Clone, Debug)]
pub struct Palette {
    /// What was typed.
    pub field: Field,
    /// Which suggestion is selected.
    pub selected: usize,
    /// Where it was opened.
    pub place: Place,
}

/// Something that can be chosen.
#[derive(Clone, Copy)]
pub enum Choice {
    /// What a key does.
    Key(&'static Binding),
    /// A runbook.
    Runbook(&'static Runbook),
    /// The chain of what is named after it, or of what is selected.
    Trace,
    /// As whom one looks, and whose token that is.
    WhoAmI,
    /// A login with something that is typed unseen.
    LogIn,
    /// The end of every login.
    LogOut,
}

impl Choice {
    /// Its name in the list.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Key(binding) => binding.long.trim_end_matches('.').to_owned(),
            Self::Runbook(runbook) => format!("runbook {}: {}", runbook.name, runbook.title),
            Self::Trace => "trace KIND/NAMESPACE/NAME: from Vault to where a value is used".to_owned(),
            Self::WhoAmI => "whoami: as whom, with whose token, and how to use a lesser one".to_owned(),
            Self::LogIn => "login [[MOUNT/]USER]: with a token or a password, typed unseen".to_owned(),
            Self::LogOut => "logout: end all logins at Vaults".to_owned(),
        }
    }

    /// The key that does the same, if there is one.
    #[must_use]
    pub fn key(self) -> String {
        match self {
            Self::Key(binding) => keymap::Chord::parse(binding.chord).map_or_else(String::new, |chord| chord.to_string()),
            Self::Runbook(_) | Self::Trace | Self::WhoAmI | Self::LogIn | Self::LogOut => String::new(),
        }
    }
}

impl Palette {
    /// Opened at this place.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self { field: Field::default(), selected: 0, place }
    }

    /// What fits to what was typed, the best first.
    #[must_use]
    pub fn choices(&self) -> Vec<Choice> {
        let typed = self.field.text().trim_start().trim_start_matches(':').to_lowercase();
        // What follows is a name, and fits to nothing else.
        if typed.starts_with("trace ") {
            return vec![Choice::Trace];
        }
        if typed.starts_with("login ") {
            return vec![Choice::LogIn];
        }
        let mut seen = Vec::new();
        let keys = keymap::reachable(self.place).filter(|binding| {
            let moves = matches!(binding.action, Action::Palette | Action::Down | Action::Up | Action::Back | Action::Accept);
            let new = !seen.contains(&binding.action);
            seen.push(binding.action);
            new && !moves && (binding.place == Place::Anywhere || binding.action != Action::Agree)
        });
        let choices = RUNBOOKS.iter().copied().map(Choice::Runbook).chain(keys.map(Choice::Key)).chain([
            Choice::Trace,
            Choice::WhoAmI,
            Choice::LogIn,
            Choice::LogOut,
        ]);
        let mut scored: Vec<(usize, Choice)> = choices
            .filter_map(|choice| {
                let exact = !typed.is_empty() && choice.key().to_lowercase() == typed;
                let score = if exact { Some(0) } else { score(&choice.name().to_lowercase(), &typed).map(|score| score + 1) };
                score.map(|score| (score, choice))
            })
            .collect();
        scored.sort_by_key(|(score, _)| *score);
        scored.into_iter().map(|(_, choice)| choice).collect()
    }
}

/// Words that begin so come first, the nearer to the front the better; then what holds the letters together; then
/// what holds them in order, the fewer gaps the better.
fn score(name: &str, typed: &str) -> Option<usize> {
    if let Some(at) = name.find(typed) {
        let word = name.split_at(at).0.chars().next_back().is_none_or(|before| !before.is_alphanumeric());
        return Some(if word { at } else { 1_000 + at });
    }
    let mut letters = typed.chars().filter(|c| !c.is_whitespace()).peekable();
    let mut gaps = 2_000;
    let mut inside = false;
    for c in name.chars() {
        match letters.peek() {
            None => break,
            Some(wanted) if *wanted == c => {
                letters.next();
                inside = true;
            }
            Some(_) if inside => gaps += 1,
            Some(_) => {}
        }
    }
    letters.peek().is_none().then_some(gaps)
}

impl Model {
    /// A key in the palette.
    pub(super) fn palette_key(&mut self, mut palette: Palette, chord: keymap::Chord, action: Option<Action>) -> PaletteDone {
        match action {
            Some(Action::Back) => return PaletteDone::Effects(Vec::new()),
            Some(Action::Accept) => {
                return match palette.choices().get(palette.selected) {
                    Some(Choice::Key(binding)) => PaletteDone::Act(binding.action),
                    Some(Choice::Runbook(runbook)) => PaletteDone::Effects(self.start_named(runbook)),
                    Some(Choice::Trace) => {
                        self.trace(palette);
                        PaletteDone::Effects(Vec::new())
                    }
                    Some(Choice::WhoAmI) => {
                        self.open(Screen::Reader(Reader::new(Page::Identity)));
                        PaletteDone::Effects(Vec::new())
                    }
                    Some(Choice::LogIn) => {
                        self.login(&palette);
                        PaletteDone::Effects(Vec::new())
                    }
                    Some(Choice::LogOut) => PaletteDone::Effects(vec![Effect::Engine(super::effect::Ask::LogOut)]),
                    None => {
                        self.say("Nothing is called so. ? lists every key.");
                        PaletteDone::Effects(Vec::new())
                    }
                };
            }
            Some(Action::Down | Action::NextPane) => {
                palette.selected = (palette.selected + 1).min(palette.choices().len().saturating_sub(1));
            }
            Some(Action::Up | Action::PreviousPane) => palette.selected = palette.selected.saturating_sub(1),
            _ => {
                palette.field.take(chord);
                palette.selected = 0;
            }
        }
        self.overlay = Some(super::model::Overlay::Palette(palette));
        PaletteDone::Effects(Vec::new())
    }
}

/// What came of a key in the palette.
pub(super) enum PaletteDone {
    /// The same as if this key had been pressed.
    Act(Action),
    /// These are to be done.
    Effects(Vec<Effect>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_are_enough_and_words_win() {
        let chosen = |typed: &str| {
            let palette = Palette { field: Field::holding(typed), selected: 0, place: Place::Board };
            palette.choices().first().map(|choice| choice.name())
        };
        assert_eq!(chosen("recover").as_deref(), Some("runbook recover: Recover after a seal"));
        assert_eq!(chosen("rcvr").as_deref(), Some("runbook recover: Recover after a seal"));
        assert_eq!(chosen("q").as_deref(), Some("Quit. While a runbook runs it asks for a second q"));
        assert!(chosen("login").is_some_and(|name| name.starts_with("login ")));
        assert!(chosen("login alice").is_some_and(|name| name.starts_with("login ")), "what follows is a name");
        assert!(chosen("logout").is_some_and(|name| name.starts_with("logout")));
        assert!(chosen("whoami").is_some_and(|name| name.starts_with("whoami")));
        assert_eq!(chosen("zzzz"), None);
    }
}
