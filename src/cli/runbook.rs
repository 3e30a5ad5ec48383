//! `sealwatch runbook`: list, show, and run without a screen.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::args::{Global, Output, RunbookCommand};
use super::look::look;
use super::trace::lost;
use super::wiring::Wired;
use super::{BLIND, FINDINGS, Failure, OK, REFUSED, wiring};
use crate::diagnosis::lookup::lookup;
use crate::engine::gate::STAY_CLOSED;
use crate::engine::may::may;
use crate::engine::past::{self, Resume, told};
use crate::engine::run::RunResult;
use crate::engine::{Command, Decision, Engine, Ports, RunState, RunView, Snapshot, StepState, target_of};
use crate::gateways::shares;
use crate::model::{Fault, ObjectRef};
use crate::ports::{Remembered, Typed};
use crate::report::run_json;
use crate::runbooks::steps::bootstrap::copy_of;
use crate::runbooks::{
    Aim, Commit, Confirm, Next, Operation, Preview, Progress, RUNBOOKS, Runbook, Target, recover, runbook, unseal,
};

/// Does what was asked with runbooks.
pub(super) async fn run(global: &Global, command: RunbookCommand) -> Result<u8, Failure> {
    match command {
        RunbookCommand::List { output } => list(output),
        RunbookCommand::Show { name } => show(&name),
        RunbookCommand::Run { name, target, dry_run, resume, anew, yes, confirm, share_file, value_file, output, timeout } => {
            let runbook = find(&name)?;
            let target = target.map(|target| ObjectRef::parse(&target)).transpose().map_err(|why| Failure::usage(why, ""))?;
            let answers = Answers::new(yes, confirm, share_file.as_deref(), value_file.as_deref())?;
            let mut wired = wiring::wire(global).await?;
            wired.options.resume = match (resume, anew) {
                (true, _) => Resume::Last,
                (_, true) => Resume::Never,
                _ => Resume::Interrupted,
            };
            let history = wired.ports.journal.history();
            // Said before anything is looked at: it may be why one is here.
            for line in Remembered::unanswered(&history) {
                // A courtesy: if standard error is closed, the run goes on.
                let _ = writeln!(io::stderr().lock(), "sealwatch: {}", told(&line));
            }
            let vault = wired.ports.vault.clone();
            let begun = past::taken_up(&history, runbook, None, wired.options.resume, wired.ports.clock.now());
            let on = (target.clone(), begun.filter(|_| target.is_none()).map(|past| past.target));
            let ended = if dry_run {
                walk(wired, runbook, on, timeout).await
            } else {
                execute(wired, global.write, runbook, on, answers, output, timeout).await
            };
            wiring::leave(vault.as_ref()).await;
            ended
        }
    }
}

fn find(name: &str) -> Result<&'static Runbook, Failure> {
    runbook(name).ok_or_else(|| Failure::usage(format!("There is no runbook “{name}”."), "`sealwatch runbook list` lists them."))
}

fn list(output: Output) -> Result<u8, Failure> {
    let mut out = io::stdout().lock();
    match output {
        Output::Json => {
            let list: Vec<_> = RUNBOOKS
                .iter()
                .map(|runbook| {
                    let steps: Vec<_> = runbook.steps.iter().map(|step| step.id).collect();
                    serde_json::json!({ "name": runbook.name, "title": runbook.title, "fixes": runbook.fixes, "steps": steps })
                })
                .collect();
            writeln!(out, "{}", serde_json::json!({ "schema": "sealwatch/runbooks/v1", "runbooks": list }))?;
        }
        Output::Table => {
            let widest = RUNBOOKS.iter().map(|runbook| runbook.name.len()).max().unwrap_or(0);
            for runbook in RUNBOOKS {
                writeln!(out, "{:widest$}  {}", runbook.name, runbook.title)?;
            }
        }
    }
    Ok(OK)
}

fn show(name: &str) -> Result<u8, Failure> {
    let runbook = find(name)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{} ({})\n\n{}\n\nSteps:", runbook.title, runbook.name, runbook.summary)?;
    for (number, step) in runbook.steps.iter().enumerate() {
        writeln!(out, "{}. {}: {}", number + 1, step.id, step.explanation)?;
    }
    writeln!(out, "\nRepairs: {}", runbook.fixes.join(", "))?;
    Ok(OK)
}

/// The object that was named, or the root of the cause that this runbook repairs and that reaches furthest;
/// failing that, the only Vault there is. `recover` means a Vault that is closed, or else whatever fails.
fn choose(snapshot: &Snapshot, runbook: &Runbook, named: Option<ObjectRef>) -> Result<Target, Failure> {
    if let Some(object) = named {
        // The root of a cause may be no object of its own, such as an auth method.
        let is_root = snapshot.diagnosis.causes.iter().any(|cause| cause.subject == object);
        // One that was deleted and not made anew is still what is meant.
        if !is_root && copy_of(&snapshot.world, &object).is_none() {
            lookup(&snapshot.world, &object.to_string(), &[]).map_err(lost)?;
        }
        return Ok(target_of(&object));
    }
    let causes = &snapshot.diagnosis.causes;
    let unnamed = match runbook.name {
        name if name == recover::RUNBOOK.name => recover::unnamed(causes, &snapshot.world),
        name if name == unseal::RUNBOOK.name => recover::closed(causes, name),
        _ => None,
    };
    if let Some(target) = unnamed {
        return Ok(target);
    }
    if let Some(cause) = causes.iter().find(|cause| cause.runbooks.contains(&runbook.name)) {
        return Ok(target_of(&cause.subject));
    }
    let mut vaults = snapshot.world.vaults.values();
    match (vaults.next(), vaults.next()) {
        (Some(only), None) => Ok(Target::Vault(only.subject())),
        _ => Err(Failure::blind(
            format!("Nothing in view needs “{}”.", runbook.name),
            "Name what it should run on with --target Kind/namespace/name.",
        )),
    }
}

/// Shows what every step would ask, and writes nothing: the rights are asked for, and the API server says whether it
/// would take each write.
async fn walk(
    wired: Wired,
    runbook: &'static Runbook,
    (named, begun): (Option<ObjectRef>, Option<Target>),
    timeout: u64,
) -> Result<u8, Failure> {
    let (clock, ports) = (wired.ports.clock.clone(), wired.ports.clone());
    let engine = Engine::start(wired.ports, wired.options);
    let snapshot = look(&mut engine.snapshots(), clock.as_ref(), timeout).await;
    let target = begun.map_or_else(|| choose(&snapshot, runbook, named), Ok)?;
    let mut progress = Progress::new(snapshot.now);
    let mut out = io::stdout().lock();
    writeln!(out, "{} on {} (dry run: nothing is written)", runbook.title, target.describe())?;
    for (number, step) in runbook.steps.iter().enumerate() {
        writeln!(out, "\n{}. {}: {}", number + 1, step.id, step.explanation)?;
        loop {
            match (step.next)(&target, &snapshot.world, &progress) {
                Next::Ask(rights) => {
                    for right in rights {
                        let answer = may(&ports, &right).await;
                        let word = match answer {
                            Some(true) => "yes",
                            Some(false) => "NO",
                            None => "not told",
                        };
                        writeln!(out, "   may I     {right}: {word}")?;
                        progress.rights.insert(right, answer);
                    }
                }
                // What comes after an answer is the writes: they are agreed to here, and only rehearsed.
                Next::Confirm(preview) if !progress.confirmed.contains_key(step.id) => {
                    write_preview(&preview, &snapshot.identity.aim, &mut out)?;
                    progress.confirmed.insert(step.id, snapshot.now);
                    progress.agreed.entry(step.id).or_default().extend(preview.objects);
                    if matches!(preview.confirm, Confirm::Share { .. }) {
                        break;
                    }
                    if matches!(preview.confirm, Confirm::Value(_)) {
                        progress.shares_held = 1;
                    }
                }
                Next::Apply(operations) => {
                    rehearse(&ports, &operations, &mut out).await?;
                    break;
                }
                Next::Done(report) => {
                    writeln!(out, "   {}", report.summary)?;
                    break;
                }
                Next::Wait { what, .. } => {
                    writeln!(out, "   waits for {what}")?;
                    break;
                }
                Next::Confirm(_) => break,
            }
        }
        write_commits((step.git)(&target, &snapshot.world, &progress).iter(), &mut out)?;
    }
    Ok(OK)
}

/// What the API server says to these writes.
async fn rehearse(ports: &Ports, operations: &[Operation], out: &mut dyn io::Write) -> io::Result<()> {
    for operation in operations {
        let Operation::Kubernetes(write) = operation else { continue };
        match ports.cluster.rehearse(write).await {
            Some(Ok(())) => writeln!(out, "   server    would take it: {}", write.object())?,
            Some(Err(fault)) => writeln!(out, "   server    REFUSES it: {fault}")?,
            None => {}
        }
    }
    Ok(())
}

fn write_preview(preview: &Preview, aim: &Aim, out: &mut dyn io::Write) -> io::Result<()> {
    let by_hand = preview.commands.iter().map(|command| aim.at(command)).collect();
    let lines =
        [("will", &preview.will), ("will not", &preview.will_not), ("forecast", &preview.forecast), ("by hand", &by_hand)];
    for (label, sentences) in lines {
        for sentence in sentences {
            writeln!(out, "   {label:9} {sentence}")?;
        }
    }
    Ok(())
}

/// What the command line answers in place of a person.
struct Answers {
    yes: bool,
    names: Vec<String>,
    shares: Vec<Typed>,
    /// How many were handed on.
    given: usize,
    /// Whether shares come from a file or a pipe: then nobody can be asked for more.
    piped: bool,
    /// The Secrets out of which shares were taken.
    secrets: Vec<ObjectRef>,
    /// The value to write, until it is given.
    value: Option<Typed>,
    value_given: bool,
}

impl Answers {
    fn new(yes: bool, names: Vec<String>, share_file: Option<&Path>, value_file: Option<&Path>) -> Result<Self, Failure> {
        let unusable = |fault: Fault| Failure::usage(fault.message.as_str(), fault.hint);
        let shares = match share_file {
            Some(path) => shares::from_file(path).map_err(unusable)?,
            None => Vec::new(),
        };
        let value = value_file.map(shares::whole_file).transpose().map_err(unusable)?;
        Ok(Self { yes, names, shares, given: 0, piped: share_file.is_some(), secrets: Vec::new(), value, value_given: false })
    }

    /// The answer to what a step shows.
    fn answer(&mut self, preview: &Preview, snapshot: &Snapshot) -> Result<Decision, Failure> {
        match &preview.confirm {
            Confirm::Start => Ok(Decision::Agree),
            Confirm::Yes if self.yes => Ok(Decision::Agree),
            Confirm::Yes => Err(Failure::usage("This step asks for a y.", "Give --yes to answer it, or use the console.")),
            Confirm::TypeName(name) if self.names.contains(name) => Ok(Decision::Name(name.clone())),
            Confirm::TypeName(name) => Err(Failure::usage(
                format!("This step asks for the name “{name}”."),
                "Give it with --confirm NAME; --yes does not answer it.",
            )),
            Confirm::Share { secret } => self.share(secret.as_ref(), preview, snapshot),
            Confirm::Value(what) => self.value(what),
        }
    }

    /// The value to write: from the file that was named, a pipe, or typed unseen.
    fn value(&mut self, what: &str) -> Result<Decision, Failure> {
        if self.value_given {
            let message = format!("The value for {what} was given already and was wiped: the run took too long.");
            return Err(Failure { message, hint: String::new(), code: FINDINGS });
        }
        self.value_given = true;
        let typed = match self.value.take() {
            Some(value) => Some(value),
            None => shares::prompt(&format!("{what} (unseen): "))?,
        };
        let typed = match typed {
            Some(typed) => typed,
            // What is typed at a terminal from here on would be seen.
            None if io::stdin().is_terminal() => return Err(Failure::usage("Nothing was typed. Nothing was done.", "")),
            None => shares::whole_stdin()?,
        };
        Ok(Decision::Share(typed))
    }

    fn share(&mut self, secret: Option<&ObjectRef>, preview: &Preview, snapshot: &Snapshot) -> Result<Decision, Failure> {
        // Of several Vaults each has its own shares; they are taken in this order.
        let which = preview.will.first().filter(|_| snapshot.run.as_ref().is_some_and(|run| run.target.contains(", ")));
        if !self.shares.is_empty() {
            self.given += 1;
            return Ok(Decision::Share(self.shares.remove(0)));
        }
        if self.piped {
            let message = match self.given {
                0 => "No unseal share was given.".to_owned(),
                n => format!("The shares that were given ({n}) do not open this Vault, or more are needed."),
            };
            let hint = which.map_or_else(String::new, |which| format!("{which} --target names one Vault alone."));
            return Err(Failure { message, hint, code: FINDINGS });
        }
        if let Some(secret) = secret.filter(|_| snapshot.writes.policy.shares_from_secret()) {
            // Once: if they do not open it, asking again changes nothing.
            if self.secrets.contains(secret) {
                self.piped = true;
                return self.share(Some(secret), preview, snapshot);
            }
            self.secrets.push(secret.clone());
            self.given += 1;
            // A courtesy: if standard error is closed, the run goes on.
            let _ = writeln!(
                io::stderr().lock(),
                "unseal: the shares are taken from the Secret that the runbook names (policy local)"
            );
            return Ok(Decision::SharesFromSecret);
        }
        if let Some(which) = which {
            let _ = writeln!(io::stderr().lock(), "unseal: {which}");
        }
        if let Some(share) = shares::prompt("Unseal share (unseen): ")? {
            self.given += 1;
            return Ok(Decision::Share(share));
        }
        if io::stdin().is_terminal() {
            return Err(Failure::usage("Nothing was typed. Nothing was done.", ""));
        }
        self.shares = shares::from_stdin()?;
        self.piped = true;
        self.share(secret, preview, snapshot)
    }
}

/// Runs it to its end, on what was named or on what an interrupted run was on.
async fn execute(
    wired: Wired,
    write: bool,
    runbook: &'static Runbook,
    (named, begun): (Option<ObjectRef>, Option<Target>),
    mut answers: Answers,
    output: Output,
    timeout: u64,
) -> Result<u8, Failure> {
    let clock = wired.ports.clock.clone();
    let engine = Engine::start(wired.ports, wired.options);
    let (mut snapshots, commands) = (engine.snapshots(), engine.commands());
    let snapshot = look(&mut snapshots, clock.as_ref(), timeout).await;
    // Under `gitops` the run shows what to commit; the door writes nothing.
    let in_git = snapshot.writes.leaves_to_git();
    if let Some(refused) = snapshot.writes.refused.filter(|_| !in_git) {
        return Err(Failure::refused(refused, "Nothing was done."));
    }
    if let Some(fault) = &snapshot.offline {
        return Err(Failure::from(fault.clone()));
    }
    if !snapshot.writes.open && !in_git {
        // What else went wrong is no reason for that.
        let notice = snapshot.errors.iter().rev().find(|notice| write && notice.text.contains(STAY_CLOSED));
        let why = notice.map_or_else(|| "Writes are closed.".to_owned(), |notice| notice.text.clone());
        let hint = if write {
            "Nothing was done."
        } else {
            "Start with --write to open them. Nothing was done; --dry-run shows what would be."
        };
        return Err(Failure::refused(why, hint));
    }
    let target = begun.map_or_else(|| choose(&snapshot, runbook, named), Ok)?;
    send(&commands, Command::Start { runbook: runbook.name, target }).await;
    let (run, failure) = follow(&mut snapshots, &commands, &mut answers, output).await;
    let policy = snapshot.writes.policy.as_str();
    let mut out = io::stdout().lock();
    match output {
        Output::Json => run_json::write(&run, policy, &snapshot.identity.aim, &mut out)?,
        Output::Table => write_summary(&run, &mut out)?,
    }
    out.flush()?;
    failure.map_or(Ok(code(&run)), Err)
}

async fn send(commands: &mpsc::Sender<Command>, command: Command) {
    // The engine lives as long as this function's caller holds it.
    let _ = commands.send(command).await;
}

/// Follows a run to its end, answering what it asks; stops it where no answer can be given.
async fn follow(
    snapshots: &mut watch::Receiver<Arc<Snapshot>>,
    commands: &mpsc::Sender<Command>,
    answers: &mut Answers,
    output: Output,
) -> (Arc<RunView>, Option<Failure>) {
    let mut failure = None;
    let mut told = Told::default();
    let mut answered: Option<(Preview, usize)> = None;
    let mut interrupts: Option<Interrupts> = None;
    let mut stopping = false;
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        if let Some(run) = &snapshot.run {
            told.tell(run, output == Output::Table);
            // What an earlier process sent may be in flight.
            if run.taken_up.is_some() && interrupts.is_none() {
                interrupts = Interrupts::listen();
            }
            match &run.state {
                RunState::Over(_) => return (run.clone(), failure),
                // What was said on the command line was said of what was there then.
                RunState::Asks(_) if failure.is_none() && !stopping && run.withdrawn > 0 => {
                    let message = run.notice.clone().unwrap_or_else(|| "An object was changed meanwhile.".to_owned());
                    failure = Some(Failure { message, hint: "Look again, then run it again.".to_owned(), code: FINDINGS });
                    send(commands, Command::Stop).await;
                }
                RunState::Asks(preview) if failure.is_none() && !stopping => {
                    // The same question with nothing done in between is the one that was answered already.
                    let question = (preview.clone(), run.applied.len());
                    if answered.as_ref() != Some(&question) {
                        match answers.answer(preview, &snapshot) {
                            Ok(decision) => {
                                // From here on something may be in flight.
                                if preview.confirm != Confirm::Start && interrupts.is_none() {
                                    interrupts = Interrupts::listen();
                                }
                                send(commands, Command::Decide(decision)).await;
                            }
                            Err(why) => {
                                failure = Some(why);
                                send(commands, Command::Stop).await;
                            }
                        }
                        answered = Some(question);
                    } else if let Some(notice) = &run.notice {
                        failure = Some(Failure::refused(notice.clone(), ""));
                        send(commands, Command::Stop).await;
                    }
                }
                RunState::Paused => {
                    let why = run.notice.clone().unwrap_or_else(|| "The run was paused.".to_owned());
                    failure = Some(Failure::refused(why, ""));
                    send(commands, Command::Stop).await;
                }
                _ => {}
            }
        }
        let run = || snapshot.run.clone().unwrap_or_else(|| unreachable_run(&snapshot));
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() {
                return (run(), Some(Failure::blind("The run ended without a result.", "")));
            },
            () = interrupted(&mut interrupts) => {
                if stopping {
                    let message = "Left at once. What was in flight has no result in the journal.".to_owned();
                    let hint = "The same command takes it up again.".to_owned();
                    return (run(), Some(Failure { message, hint, code: FINDINGS }));
                }
                stopping = true;
                let _ = writeln!(io::stderr().lock(), "sealwatch: stopping; what is in flight is awaited. Once more leaves at once.");
                send(commands, Command::Stop).await;
            }
        }
    }
}

/// Who wants the run to stop: Ctrl-C, or whoever ends the machine.
struct Interrupts(Signal, Signal);

impl Interrupts {
    /// Listens from now on; `None` where that cannot be, and then a signal ends the process at once, as before.
    fn listen() -> Option<Self> {
        Some(Self(signal(SignalKind::interrupt()).ok()?, signal(SignalKind::terminate()).ok()?))
    }
}

async fn interrupted(interrupts: &mut Option<Interrupts>) {
    match interrupts {
        Some(Interrupts(interrupt, terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        None => std::future::pending().await,
    }
}

/// A run of which nothing was ever seen: the engine ended before it began.
fn unreachable_run(snapshot: &Snapshot) -> Arc<RunView> {
    Arc::new(RunView {
        runbook: "",
        title: "",
        target: String::new(),
        started: snapshot.now,
        ended: Some(snapshot.now),
        state: RunState::Over(RunResult::Unknown),
        steps: Vec::new(),
        applied: Vec::new(),
        notice: None,
        answers: 0,
        taken_up: None,
        withdrawn: 0,
    })
}

/// Progress lines on standard error: each step when it begins and when it ends.
#[derive(Default)]
struct Told {
    steps: Vec<StepState>,
    taken_up: bool,
}

impl Told {
    fn tell(&mut self, run: &RunView, steps: bool) {
        let mut err = io::stderr().lock();
        self.steps.resize(run.steps.len(), StepState::Next);
        if let Some(taken_up) = run.taken_up.as_ref().filter(|_| !std::mem::replace(&mut self.taken_up, true)) {
            let _ = writeln!(err, "{taken_up}");
        }
        for (step, told) in run.steps.iter().zip(&mut self.steps) {
            if !steps || step.state == *told {
                continue;
            }
            *told = step.state;
            // Progress is a courtesy: if standard error is closed, the run goes on.
            let _ = match (&step.state, &step.report) {
                (StepState::Ended(outcome), Some(report)) => {
                    writeln!(err, "{}: {}: {}", step.id, outcome.as_str(), report.summary)
                }
                (StepState::Runs, _) => writeln!(err, "{}: {}", step.id, step.explanation),
                _ => Ok(()),
            };
        }
    }
}

fn write_summary(run: &RunView, out: &mut dyn io::Write) -> io::Result<()> {
    let RunState::Over(result) = run.state else { return Ok(()) };
    writeln!(out, "{} on {}: {}", run.runbook, run.target, result.as_str())?;
    for step in &run.steps {
        let Some(report) = &step.report else { continue };
        writeln!(out, "  {:16} {}", step.id, report.summary)?;
        for (object, why) in &report.left {
            writeln!(out, "  {:16}   {object}: {why}", "")?;
        }
    }
    if let Some(notice) = &run.notice {
        writeln!(out, "  {notice}")?;
    }
    write_commits(run.steps.iter().flat_map(|step| &step.commits), out)
}

/// What to commit, apart from the rest, so that it can be copied as it is.
fn write_commits<'a>(commits: impl Iterator<Item = &'a Commit>, out: &mut dyn io::Write) -> io::Result<()> {
    for commit in commits {
        writeln!(out, "\n# For Git:\n{}", commit.text())?;
    }
    Ok(())
}

fn code(run: &RunView) -> u8 {
    match run.state {
        RunState::Over(RunResult::Proved) => OK,
        RunState::Over(RunResult::Refused) => REFUSED,
        RunState::Over(RunResult::Unknown) => BLIND,
        _ => FINDINGS,
    }
}
