//! The runbook's screen: which step is looked at, and what the person's keys do to the run.

use std::time::Duration;

use super::effect::{Ask, Clip, Effect};
use super::message::Moment;
use super::model::{Model, Overlay, Reader, Screen};
use super::pages::Page;
use super::prompt::{Answer, Prompt, Way};
use crate::engine::{RunState, RunView, StepState, StepView};
use crate::keymap::{Action, Chord};
use crate::runbooks::{Commit, Confirm, Next, Outcome, Preview, Progress, Target, restart_eso, runbook};

/// The state of the runbook's screen.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// What the run was started on.
    pub target: Option<Target>,
    /// The step that is looked at; `None` follows the one that runs.
    pub looked_at: Option<usize>,
    /// What a step that is not reached yet would do, as the world is now.
    pub ahead: Option<Ahead>,
    /// What is asked.
    pub prompt: Option<Prompt>,
    clock: Duration,
}

/// A look at a step that is not reached yet.
#[derive(Clone, Debug, PartialEq)]
pub enum Ahead {
    /// It would show this.
    Shows(Preview),
    /// It would say this.
    Says(String),
}

/// What a person types on this screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// A share, unseen.
    Share,
    /// A name.
    Name,
}

impl Run {
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.prompt.as_ref()?.deadline(self.clock)
    }
}

/// The step that a run is at; of one that is over the first that needs eyes, since its reasons are what is read next, else
/// the last one that did something.
#[must_use]
pub fn current(run: &RunView) -> usize {
    let goes_on = run.steps.iter().position(|step| !matches!(step.state, StepState::Ended(_)));
    let needs_eyes = |step: &StepView| matches!(step.state, StepState::Ended(outcome) if outcome >= Outcome::Unproved);
    let failed = run.steps.iter().position(needs_eyes);
    // What a run that ended early did not reach tells nothing: what it ended at does.
    let told = if run.is_over() { failed.or(goes_on) } else { goes_on.or(failed) };
    let did = || run.steps.iter().rposition(|step| step.state == StepState::Ended(Outcome::Proved));
    told.or_else(did).unwrap_or(run.steps.len().saturating_sub(1))
}

impl Model {
    /// What the run asks, if it asks.
    #[must_use]
    pub fn asked(&self) -> Option<&Preview> {
        match &self.snapshot.run.as_ref()?.state {
            RunState::Asks(preview) => Some(preview),
            _ => None,
        }
    }

    /// Why the answer to what is asked could not be a yes, if so: writes are closed.
    #[must_use]
    pub fn closed_to(&self, confirm: &Confirm) -> Option<String> {
        let sharing = matches!(confirm, Confirm::Share { .. });
        (*confirm != Confirm::Start).then(|| self.snapshot.writes.allow(sharing, self.now).err()).flatten()
    }

    /// What the person types on the runbook's screen now, if it is the top one.
    #[must_use]
    pub fn typing(&self) -> Option<Typing> {
        let on_top = self.overlay.is_none() && matches!(self.stack.last(), Some(Screen::Runbook));
        let prompt = self.run.prompt.as_ref().filter(|prompt| on_top && prompt.way != Way::Left)?;
        let confirm = &self.asked()?.confirm;
        if self.closed_to(confirm).is_some() {
            return None;
        }
        match (confirm, prompt.way) {
            (Confirm::Share { .. } | Confirm::Value(_), Way::Typing) => Some(Typing::Share),
            (Confirm::Share { .. }, Way::FromSecret) => self.secret_needs_name().then_some(Typing::Name),
            (Confirm::TypeName(_), _) => Some(Typing::Name),
            _ => None,
        }
    }

    /// Whether another step is looked at than the one that the run is at.
    #[must_use]
    pub const fn looks_elsewhere(&self) -> bool {
        self.run.looked_at.is_some()
    }

    /// Whether what is typed now would be for another step than the one that is looked at: nothing is sent from there.
    #[must_use]
    pub fn types_elsewhere(&self) -> bool {
        self.looks_elsewhere() && self.typing().is_some()
    }

    /// Comes back to the step that the run is at; says whether another one was looked at. What is typed, sent or agreed to
    /// must be for what is shown.
    pub(super) fn come_back(&mut self) -> bool {
        let was_elsewhere = self.run.looked_at.take().is_some();
        if was_elsewhere {
            self.look_ahead();
        }
        was_elsewhere
    }

    /// Whether the keys of the person go to the hidden field.
    #[must_use]
    pub fn hides_input(&self) -> bool {
        self.typing() == Some(Typing::Share) || matches!(self.overlay, Some(Overlay::Login(_)))
    }

    /// Whether shares are taken from a Secret only after the context's name was typed.
    #[must_use]
    pub fn secret_needs_name(&self) -> bool {
        !self.snapshot.writes.policy.shares_from_secret()
    }

    /// Whether what is asked appeared so lately that no key counts yet.
    #[must_use]
    pub fn run_is_settling(&self) -> bool {
        self.run.prompt.as_ref().is_some_and(|prompt| !prompt.is_armed(self.run.clock))
    }

    /// Begins a runbook. It asks before it does anything.
    pub(super) fn start(&mut self, runbook: &'static str, target: Target) -> Vec<Effect> {
        if self.run_is_on() {
            self.open_running();
            return Vec::new();
        }
        // The store or Vault that is pointed at is not what is restarted.
        let own = (runbook == restart_eso::RUNBOOK.name).then(|| restart_eso::target(&self.snapshot.world)).flatten();
        let target = own.unwrap_or(target);
        self.run = Run { target: Some(target.clone()), clock: self.run.clock, ..Run::default() };
        self.open(Screen::Runbook);
        vec![Effect::Engine(Ask::Start { runbook, target })]
    }

    /// Shows the run that goes on to somebody who would begin another.
    pub(super) fn open_running(&mut self) {
        self.open(Screen::Runbook);
        self.say("A runbook goes on already: this is it. s stops it.");
    }

    /// A new picture came: is the same still asked?
    pub(super) fn run_changed(&mut self, at: Moment) {
        self.run.clock = at.since_start;
        let run = self.snapshot.run.clone();
        let here = run.as_deref().map(current);
        // The run came to the step that was looked at: nothing else is looked at any more.
        self.run.looked_at = self.run.looked_at.filter(|step| Some(*step) != here);
        let asked = run.as_deref().and_then(|run| match &run.state {
            RunState::Asks(preview) => Some((preview, run.steps.get(current(run))?.id)),
            _ => None,
        });
        let answers = run.as_ref().map_or(0, |run| run.answers);
        if let Some(prompt) = &mut self.run.prompt {
            prompt.heard(answers);
        }
        let dropped = match (asked, &mut self.run.prompt) {
            (Some((preview, step)), Some(prompt)) => prompt.refresh(step, preview, at.since_start),
            (Some((preview, step)), prompt) => {
                *prompt = Some(Prompt::new(step, preview, at.since_start));
                false
            }
            (None, prompt) => prompt.take().is_some_and(|prompt| prompt.is_pending()),
        };
        if dropped {
            self.say("What is shown changed while you agreed: nothing was done. Look again.");
        }
    }

    /// Works out what a step that is not reached yet would do.
    pub(super) fn look_ahead(&mut self) {
        self.run.ahead = self.ahead();
    }

    fn ahead(&self) -> Option<Ahead> {
        let run = self.snapshot.run.as_ref()?;
        let step = run.steps.get(self.run.looked_at?).filter(|step| step.state == StepState::Next)?;
        let def = runbook(run.runbook)?.steps.iter().find(|def| def.id == step.id)?;
        let next = (def.next)(self.run.target.as_ref()?, &self.snapshot.world, &Progress::new(self.now));
        Some(match next {
            Next::Confirm(preview) => Ahead::Shows(preview),
            Next::Done(report) => Ahead::Says(format!("As the world is now: {}", report.summary)),
            Next::Wait { what, .. } => Ahead::Says(format!("As the world is now, it would wait for {what}.")),
            Next::Ask(_) | Next::Apply(_) => Ahead::Says("It has not been reached yet.".to_owned()),
        })
    }

    /// The preview that the screen shows: what is asked, or what a step ahead would ask.
    #[must_use]
    pub fn preview(&self) -> Option<&Preview> {
        match &self.run.ahead {
            Some(Ahead::Shows(preview)) => Some(preview),
            Some(Ahead::Says(_)) => None,
            None => self.asked(),
        }
    }

    /// A key on the runbook's screen.
    pub(super) fn run_act(&mut self, action: Action, repeat: bool, at: Moment) -> Vec<Effect> {
        if !matches!(action, Action::Agree)
            && let Some(prompt) = &mut self.run.prompt
        {
            prompt.disturb();
        }
        if !self.is_offered(action) {
            self.run_refuse(action);
            return Vec::new();
        }
        match action {
            Action::Agree => self.agree_by_y(repeat, at),
            Action::Accept => return self.run_enter(repeat, at),
            Action::Down => self.look_by(1),
            Action::Up => self.look_by(-1),
            Action::Top => self.look_at(0),
            Action::Bottom => self.look_at(usize::MAX),
            Action::Pause => {
                let paused = self.snapshot.run.as_ref().is_some_and(|run| run.state == RunState::Paused);
                self.say(if paused {
                    "It goes on."
                } else {
                    "Paused: nothing new is begun; what is in flight goes on. p goes on."
                });
                return vec![Effect::Engine(Ask::Pause(!paused))];
            }
            Action::Stop => {
                self.say("Stopping after what is in flight.");
                return vec![Effect::Engine(Ask::Stop)];
            }
            Action::Other => self.other_way(),
            Action::CopyCommand => return self.to_copy().map(Effect::Copy).into_iter().collect(),
            Action::Why => {
                if let Some(subject) = self.run_subject() {
                    self.open(Screen::Reader(Reader::new(Page::Why(subject))));
                }
            }
            Action::Back => {
                self.stack.pop();
                if self.run_is_on() {
                    self.say("The runbook goes on, and asks before it writes; r comes back to it.");
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// Says why a key does nothing now, where one could expect something of it.
    fn run_refuse(&mut self, action: Action) {
        let over = !self.run_is_on();
        match action {
            Action::Agree | Action::Accept => {
                let Some(confirm) = self.asked().map(|preview| preview.confirm.clone()) else {
                    if self.snapshot.run.as_ref().is_some_and(|run| run.state == RunState::Paused) {
                        return self.say("It is paused: nothing is asked until p lets it go on.");
                    }
                    return self.say(if over { "It is over: nothing is asked any more." } else { "Nothing is asked now." });
                };
                if let Some(why) = self.closed_to(&confirm) {
                    return self.say(why);
                }
                if self.looks_elsewhere() {
                    return self.say("This is not the step that asks. Enter goes back to that.");
                }
                let from_secret = self.run.prompt.as_ref().is_some_and(|prompt| prompt.way == Way::FromSecret);
                self.say(match (action, confirm) {
                    _ if self.run.prompt.as_ref().is_none_or(|prompt| prompt.sent) => "It was sent already.".to_owned(),
                    (Action::Accept, Confirm::Yes) => "Enter agrees to nothing. y agrees to what is shown.".to_owned(),
                    (Action::Accept, Confirm::Share { .. }) if from_secret => {
                        "Enter agrees to nothing. y takes the shares from the Secret.".to_owned()
                    }
                    (_, Confirm::Start) => "Enter starts this step; it writes nothing.".to_owned(),
                    (_, Confirm::TypeName(name)) => {
                        format!("y is not enough here: type “{name}” in full. Enter goes to the field.")
                    }
                    (_, Confirm::Value(_)) => "A value is asked for. Enter goes to the field.".to_owned(),
                    _ => "A share is asked for. Enter goes to the field.".to_owned(),
                });
            }
            Action::Pause | Action::Stop if over => self.say("It is over: nothing is left to pause or to stop."),
            Action::CopyCommand => self.say("There is no command here to copy."),
            _ => {}
        }
    }

    /// What the run is about, if it is one thing or the first of several.
    pub(super) fn run_subject(&self) -> Option<crate::model::ObjectRef> {
        match self.run.target.as_ref()? {
            Target::Vault(vault) => Some(vault.clone()),
            Target::Objects(several) | Target::Vaults(several) => several.first().cloned(),
            Target::Everything => None,
        }
    }

    /// A key while a name or a share is typed on this screen. Characters of a share never come here.
    pub(super) fn run_type(&mut self, chord: Chord, action: Option<Action>) -> Vec<Effect> {
        match action {
            Some(Action::Accept) if self.typing() == Some(Typing::Name) => return self.send_name(),
            Some(Action::Accept) if self.come_back() => {}
            // The keys of a field are those of the footer; the arrows between steps lead no further than either end.
            Some(Action::Accept | Action::NextPane | Action::Down | Action::Up)
                if !action.is_some_and(|one| self.is_offered(one)) => {}
            Some(Action::Back) => {
                if let Some(prompt) = &mut self.run.prompt {
                    prompt.way = Way::Left;
                    prompt.field.clear();
                }
                self.say("Wiped, nothing was sent. Enter comes back to the field.");
            }
            Some(Action::NextPane | Action::PreviousPane) => self.other_way(),
            Some(Action::Down) => self.look_by(1),
            Some(Action::Up) => self.look_by(-1),
            _ if self.typing() == Some(Typing::Name) && self.types(chord) => {
                self.come_back();
            }
            _ => {}
        }
        Vec::new()
    }

    /// Gives a key to the field of a name; whether that took it.
    fn types(&mut self, chord: Chord) -> bool {
        self.run.prompt.as_mut().is_some_and(|prompt| prompt.field.take(chord))
    }

    /// The name that agrees to what is asked.
    fn wanted_name(&self) -> Option<String> {
        Some(match &self.asked()?.confirm {
            Confirm::TypeName(name) => name.clone(),
            _ => self.snapshot.identity.context.to_string(),
        })
    }

    /// Whether that name stands in the field, and was not sent.
    pub(super) fn name_is_typed(&self) -> bool {
        let prompt = self.run.prompt.as_ref().filter(|prompt| !prompt.sent);
        prompt.zip(self.wanted_name()).is_some_and(|(prompt, wanted)| prompt.field.text() == wanted)
    }

    fn send_name(&mut self) -> Vec<Effect> {
        if self.run.prompt.as_ref().is_some_and(|prompt| prompt.sent) {
            self.say("It was sent already.");
            return Vec::new();
        }
        if self.come_back() {
            return Vec::new();
        }
        let (Some(wanted), Some(prompt)) = (self.wanted_name(), &self.run.prompt) else { return Vec::new() };
        let typed = prompt.field.text().to_owned();
        if typed != wanted {
            self.say(if typed.is_empty() {
                format!("Type “{wanted}” in full to agree. Nothing was done.")
            } else {
                format!("That is not “{wanted}”. Nothing was done.")
            });
            return Vec::new();
        }
        self.sent();
        vec![Effect::Engine(Ask::Name(typed))]
    }

    fn sent(&mut self) {
        if let Some(prompt) = &mut self.run.prompt {
            prompt.sent = true;
            prompt.field.clear();
        }
    }

    /// Enter comes back to the step that asks, or starts what writes nothing, or comes back to a field that was left.
    fn run_enter(&mut self, repeat: bool, at: Moment) -> Vec<Effect> {
        if self.come_back() {
            return Vec::new();
        }
        let starts = self.asked().is_some_and(|preview| preview.confirm == Confirm::Start);
        let Some(prompt) = &mut self.run.prompt else { return Vec::new() };
        if !starts {
            prompt.way = Way::Typing;
            return Vec::new();
        }
        if repeat {
            return Vec::new();
        }
        if !prompt.is_armed(at.since_start) {
            self.say("That was too soon to have read it. Enter again starts it.");
            return Vec::new();
        }
        prompt.sent = true;
        vec![Effect::Engine(Ask::Agree)]
    }

    fn agree_by_y(&mut self, repeat: bool, at: Moment) {
        let last = self.last_key;
        let Some(prompt) = &mut self.run.prompt else { return };
        match prompt.agree(at.since_start, last, repeat) {
            Answer::Waits => {}
            Answer::TooSoon => self.say("That was too soon to have read it. Press y again."),
            Answer::TooFast => self.say("Keys came too fast, as when one is held down. Press y once, calmly."),
        }
    }

    /// Time went on: an agreement may have ripened.
    pub(super) fn run_tick(&mut self, at: Moment) -> Vec<Effect> {
        self.run.clock = at.since_start;
        if !self.run.prompt.as_mut().is_some_and(|prompt| prompt.ripe(at.since_start)) {
            return Vec::new();
        }
        let Some(confirm) = self.asked().map(|preview| preview.confirm.clone()) else { return Vec::new() };
        if self.closed_to(&confirm).is_some() {
            return Vec::new();
        }
        self.sent();
        match confirm {
            Confirm::Yes => vec![Effect::Engine(Ask::Agree)],
            Confirm::Share { .. } => vec![Effect::Engine(Ask::SharesFromSecret)],
            Confirm::Start | Confirm::TypeName(_) | Confirm::Value(_) => Vec::new(),
        }
    }

    /// Tab on a prompt for shares: typed, or taken from the Secret.
    fn other_way(&mut self) {
        if !matches!(self.asked().map(|preview| &preview.confirm), Some(Confirm::Share { secret: Some(_) })) {
            return;
        }
        self.come_back();
        let Some(prompt) = &mut self.run.prompt else { return };
        prompt.way = if prompt.way == Way::FromSecret { Way::Typing } else { Way::FromSecret };
        prompt.field.clear();
        prompt.disturb();
    }

    fn look_by(&mut self, by: isize) {
        let Some(run) = &self.snapshot.run else { return };
        let at = self.run.looked_at.unwrap_or_else(|| current(run));
        self.look_at(at.saturating_add_signed(by));
    }

    fn look_at(&mut self, step: usize) {
        let Some(run) = &self.snapshot.run else { return };
        let step = step.min(run.steps.len().saturating_sub(1));
        self.run.looked_at = (step != current(run)).then_some(step);
        self.look_ahead();
    }

    /// What the step that is looked at has for Git, as text.
    fn for_git(&self) -> Option<String> {
        let run = self.snapshot.run.as_ref()?;
        let step = run.steps.get(self.run.looked_at.unwrap_or_else(|| current(run)))?;
        let texts: Vec<String> = step.commits.iter().map(Commit::text).collect();
        (!texts.is_empty()).then(|| texts.join("\n---\n"))
    }

    /// Whether `K` has anything to copy. It is asked for each frame, and there may be thousands of commands to write out.
    pub(super) fn has_to_copy(&self) -> bool {
        let Some(run) = &self.snapshot.run else { return false };
        let looked_at = run.steps.get(self.run.looked_at.unwrap_or_else(|| current(run)));
        !run.applied.is_empty()
            || looked_at.is_some_and(|step| !step.commits.is_empty())
            || self.preview().is_some_and(|preview| !preview.commands.is_empty())
    }

    /// What `K` copies: what is to be committed, else the commands of what is shown, else the last one that ran.
    pub(super) fn to_copy(&self) -> Option<Clip> {
        let aim = self.aim();
        let commands = self.preview().map(|preview| aim.all(&preview.commands)).filter(|commands| !commands.is_empty());
        let last = || Some(aim.at(&self.snapshot.run.as_ref()?.applied.last()?.operation.command()));
        self.for_git().map(Clip::Words).or_else(|| commands.or_else(last).map(Clip::Commands))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::engine::run::RunResult;

    #[test]
    fn of_a_run_that_failed_the_step_that_failed_is_shown_and_not_one_that_was_never_reached() {
        let step = |id, state| StepView {
            id,
            explanation: "",
            state,
            started: None,
            ended: None,
            report: None,
            items: Vec::new(),
            commits: Vec::new(),
        };
        let states = [StepState::Ended(Outcome::Proved), StepState::Ended(Outcome::Failed), StepState::Next];
        let mut run = RunView {
            runbook: "recover",
            title: "",
            target: String::new(),
            started: Timestamp::UNIX_EPOCH,
            ended: None,
            state: RunState::Over(RunResult::Failed),
            steps: ["check", "unseal", "stores"].into_iter().zip(states).map(|(id, state)| step(id, state)).collect(),
            applied: Vec::new(),
            notice: None,
            answers: 0,
            taken_up: None,
            withdrawn: 0,
        };
        assert_eq!(current(&run), 1);
        run.state = RunState::Running { waiting: None };
        assert_eq!(current(&run), 2, "one that goes on is where it goes on");
        run.steps[1].state = StepState::Ended(Outcome::Proved);
        run.steps[2].state = StepState::Ended(Outcome::Proved);
        run.state = RunState::Over(RunResult::Proved);
        assert_eq!(current(&run), 2);
    }
}
