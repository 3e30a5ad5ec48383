//! Opening writes: the context's name typed in full, and a reason; under `local` a `y`. Closing needs nothing.

use super::effect::{Ask, Effect};
use super::field::Field;
use super::model::{Model, Overlay};
use crate::engine::config::PolicyName;
use crate::keymap::{Action, Chord, Key};

/// The dialog.
#[derive(Clone, Debug, Default)]
pub struct WritesDialog {
    /// The context's name as typed.
    pub context: Field,
    /// The reason as typed.
    pub reason: Field,
    /// Whether the reason has the focus.
    pub on_reason: bool,
    /// What is wrong with what was typed.
    pub wrong: Option<String>,
}

impl Model {
    /// Whether opening asks for name and reason.
    #[must_use]
    pub fn writes_need_name(&self) -> bool {
        self.snapshot.writes.policy.name == PolicyName::BreakGlass
    }

    /// `W`.
    pub(super) fn writes(&mut self) -> Vec<Effect> {
        let writes = &self.snapshot.writes;
        if writes.open {
            self.say("Writes are closed.");
            return vec![Effect::Engine(Ask::CloseWrites)];
        }
        match writes.refused {
            Some(why) => self.say(why),
            None if self.snapshot.identity.context.is_empty() => {
                self.say("The context is not known yet: the API server has not answered.");
            }
            None => self.overlay = Some(Overlay::Writes(WritesDialog::default())),
        }
        Vec::new()
    }

    /// A key in the dialog.
    pub(super) fn writes_key(&mut self, mut dialog: WritesDialog, chord: Chord, action: Option<Action>) -> Vec<Effect> {
        let with_name = self.writes_need_name();
        match action {
            Some(Action::Back) => {
                self.say("Writes stay closed.");
                return Vec::new();
            }
            Some(Action::NextPane | Action::PreviousPane | Action::Down | Action::Up) => dialog.on_reason = !dialog.on_reason,
            Some(Action::Accept) if with_name && !dialog.on_reason && dialog.reason.text().is_empty() => dialog.on_reason = true,
            Some(Action::Accept) if with_name => {
                let (context, reason) = (dialog.context.text().to_owned(), dialog.reason.text().to_owned());
                let mut tried = self.snapshot.writes.clone();
                match tried.open(&context, &reason, &self.snapshot.identity, self.now) {
                    Ok(()) => return vec![Effect::Engine(Ask::OpenWrites { context, reason })],
                    Err(why) => {
                        dialog.on_reason = context == self.snapshot.identity.context.as_str();
                        dialog.wrong = Some(why);
                    }
                }
            }
            _ if !with_name && chord.key == Key::Char('y') => {
                return vec![Effect::Engine(Ask::OpenWrites {
                    context: self.snapshot.identity.context.to_string(),
                    reason: String::new(),
                })];
            }
            _ if with_name => {
                dialog.wrong = None;
                let field = if dialog.on_reason { &mut dialog.reason } else { &mut dialog.context };
                field.take(chord);
            }
            _ => {}
        }
        self.overlay = Some(Overlay::Writes(dialog));
        Vec::new()
    }
}
