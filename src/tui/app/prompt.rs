//! What a step asks of the person, and when an answer counts. A key that was pressed before one could have
//! read, a key that is held down, and keys that rain as from a paste all confirm nothing.

use std::time::Duration;

use super::field::Field;
use crate::model::ObjectRef;
use crate::runbooks::step::are_among;
use crate::runbooks::{Confirm, Preview};

/// No answer counts for this long after something new is shown.
pub const DEAD_TIME: Duration = Duration::from_millis(300);
/// An agreement counts once no other key came for this long, before it and after it: keys that are held down
/// or pasted come faster, fingers do not.
pub const REST: Duration = Duration::from_millis(120);

/// What is asked now.
#[derive(Clone, Debug)]
pub struct Prompt {
    shown: Shown,
    since: Duration,
    pending: Option<Duration>,
    /// A name that is being typed.
    pub field: Field,
    /// How shares are given.
    pub way: Way,
    /// Whether an answer is on its way to the engine.
    pub sent: bool,
    /// How many answers the engine had heard when this one was sent, or the prompt appeared.
    heard: u32,
}

/// How a field is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Typed.
    #[default]
    Typing,
    /// Shares are taken from the Secret.
    FromSecret,
    /// The person left the field; Enter comes back.
    Left,
}

/// What an agreement is an agreement to. The commands are left out: they carry the time and change each second.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    step: &'static str,
    will: Vec<String>,
    will_not: Vec<String>,
    objects: Vec<ObjectRef>,
    confirm: Confirm,
}

impl Shown {
    fn of(step: &'static str, preview: &Preview) -> Self {
        Self {
            step,
            will: preview.will.clone(),
            will_not: preview.will_not.clone(),
            objects: preview.objects.clone(),
            confirm: preview.confirm.clone(),
        }
    }
}

/// What became of a key that would agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It will count if no other key follows at once.
    Waits,
    /// It came before one could have read what is shown.
    TooSoon,
    /// It is held down, or one of a rain of keys.
    TooFast,
}

impl Prompt {
    /// What this step asks.
    #[must_use]
    pub fn new(step: &'static str, preview: &Preview, at: Duration) -> Self {
        Self {
            shown: Shown::of(step, preview),
            since: at,
            pending: None,
            field: Field::default(),
            way: Way::default(),
            sent: false,
            heard: 0,
        }
    }

    /// The engine has heard this many answers. One that it refused leaves the same question on the screen, and
    /// that may be answered again.
    pub fn heard(&mut self, answers: u32) {
        if std::mem::replace(&mut self.heard, answers) != answers {
            self.sent = false;
        }
    }

    /// The same prompt after a new picture: what was typed stays as long as the same thing is asked, but an
    /// agreement to what is no longer shown does not. Says whether an agreement was dropped.
    pub fn refresh(&mut self, step: &'static str, preview: &Preview, at: Duration) -> bool {
        let shown = Shown::of(step, preview);
        if shown == self.shown {
            return false;
        }
        let same_question = shown.step == self.shown.step && shown.confirm == self.shown.confirm;
        // Some recovered by themselves while the person read: an agreement to all is one to the rest.
        if same_question && !preview.exact && !shown.objects.is_empty() && are_among(&shown.objects, &self.shown.objects) {
            self.shown = shown;
            return false;
        }
        let dropped = self.pending.take().is_some();
        let (field, way) =
            if same_question { (std::mem::take(&mut self.field), self.way) } else { (Field::default(), Way::default()) };
        *self = Self { shown, since: at, pending: None, field, way, sent: false, heard: self.heard };
        dropped
    }

    /// Whether an answer counts already.
    #[must_use]
    pub fn is_armed(&self, at: Duration) -> bool {
        at.saturating_sub(self.since) >= DEAD_TIME
    }

    /// Whether an agreement waits for the fingers to rest.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// A key that would agree was pressed.
    pub fn agree(&mut self, at: Duration, last_key: Option<Duration>, repeat: bool) -> Answer {
        if !self.is_armed(at) {
            return Answer::TooSoon;
        }
        if repeat || self.pending.is_some() || last_key.is_some_and(|last| at.saturating_sub(last) < REST) {
            self.pending = None;
            return Answer::TooFast;
        }
        self.pending = Some(at);
        Answer::Waits
    }

    /// Any other key takes an agreement back that still waits.
    pub fn disturb(&mut self) {
        self.pending = None;
    }

    /// Whether the fingers rested, so that the agreement counts now; it counts once.
    pub fn ripe(&mut self, at: Duration) -> bool {
        self.pending.take_if(|since| at.saturating_sub(*since) >= REST).is_some()
    }

    /// When to look again, since the start.
    #[must_use]
    pub fn deadline(&self, at: Duration) -> Option<Duration> {
        let armed = (!self.is_armed(at)).then(|| self.since + DEAD_TIME);
        [armed, self.pending.map(|since| since + REST)].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn prompt() -> Prompt {
        Prompt::new("stores", &Preview { confirm: Confirm::Yes, ..Preview::default() }, ms(0))
    }

    #[test]
    fn one_calm_key_agrees_once() {
        let mut prompt = prompt();
        assert_eq!(prompt.agree(ms(400), None, false), Answer::Waits);
        assert!(!prompt.ripe(ms(450)));
        assert!(prompt.ripe(ms(520)));
        assert!(!prompt.ripe(ms(600)), "it counts once");
    }

    #[test]
    fn a_key_in_the_dead_time_a_held_key_and_a_rain_of_keys_agree_to_nothing() {
        assert_eq!(prompt().agree(ms(299), None, false), Answer::TooSoon);
        assert_eq!(prompt().agree(ms(400), None, true), Answer::TooFast, "the terminal says that it is held");
        // Held: the first repeat comes after half a second, the others every 30 ms.
        let mut held = prompt();
        assert_eq!(held.agree(ms(500), Some(ms(10)), false), Answer::Waits);
        for at in (530..900).step_by(30) {
            assert_eq!(held.agree(ms(at), Some(ms(at - 30)), false), Answer::TooFast);
            assert!(!held.ripe(ms(at + 29)));
        }
        let mut rain = prompt();
        rain.agree(ms(400), None, false);
        rain.disturb();
        assert!(!rain.ripe(ms(1000)));
    }

    fn stores(names: &[&str]) -> Preview {
        let objects = names.iter().map(|name| ObjectRef::new(crate::model::Kind::SecretStore, "ns", *name)).collect();
        Preview { confirm: Confirm::Yes, will: vec![format!("Annotate {}", names.len())], objects, ..Preview::default() }
    }

    #[test]
    fn an_agreement_to_what_is_no_longer_shown_is_dropped() {
        let mut prompt = prompt();
        prompt.agree(ms(400), None, false);
        assert!(prompt.refresh("stores", &stores(&["a", "b"]), ms(450)));
        assert!(!prompt.ripe(ms(1000)));
        assert!(!prompt.is_armed(ms(700)), "and the dead time begins again");
    }

    #[test]
    fn an_agreement_holds_when_some_of_it_recovers_meanwhile() {
        let mut prompt = Prompt::new("stores", &stores(&["a", "b"]), ms(0));
        prompt.agree(ms(400), None, false);
        assert!(!prompt.refresh("stores", &stores(&["b"]), ms(450)));
        assert!(prompt.is_armed(ms(460)) && prompt.ripe(ms(1000)));
    }
}
