//! What there is to read: why something is as it is, every key, what went wrong, the commands run so far.

use super::board::Pane;
use super::document::{Document, Ink};
use super::effect::Clip;
use super::model::Model;
use super::rows::{Tone, describe};
use super::story::{certainty, tell};
use super::vault_facts::of_property;
use super::words::{counted, first_of, named, since};
use crate::diagnosis::login::{StepState, checklist};
use crate::diagnosis::sibling::sibling;
use crate::diagnosis::{Finding, rule};
use crate::engine::RunView;
use crate::keymap;
use crate::model::kinds::ExternalSecret;
use crate::model::{Clock, Inventory, Kind, Name, ObjectRef};
use crate::runbooks::{RUNBOOKS, Runbook};

/// Room for what cannot be seen, before why.
const SUBJECT: usize = 24;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// What is known of an object.
    Why(ObjectRef),
    /// The chain of an object.
    Trace(ObjectRef),
    /// Every key.
    Help,
    /// As whom one looks.
    Identity,
    /// What went wrong inside.
    Errors,
    /// The commands run so far.
    Commands,
    /// What could not be copied, whole, to be selected with the mouse.
    ToCopy {
        /// What.
        clip: Clip,
        /// Why it could not be copied.
        why: String,
    },
}

/// Pods that are named one by one.
const PODS: usize = 6;

/// Objects under a cause that are named one by one.
const NAMED: usize = 20;

impl Page {
    /// Its heading.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Why(object) => format!("WHY  {}", named(object)),
            Self::Trace(object) => format!("TRACE  {}", named(object)),
            Self::Help => "KEYS".to_owned(),
            Self::Identity => "AS WHOM".to_owned(),
            Self::Errors => "ERRORS".to_owned(),
            Self::Commands => "COMMANDS RUN SO FAR".to_owned(),
            Self::ToCopy { .. } => "TO COPY BY HAND".to_owned(),
        }
    }

    /// Its text.
    #[must_use]
    pub fn document(&self, model: &Model) -> Document {
        match self {
            Self::Why(object) => why(model, object),
            Self::Trace(object) => super::traced::page(model, object),
            Self::Help => help(),
            Self::Identity => super::identity::page(model),
            Self::Errors => errors(model),
            Self::Commands => commands(model),
            Self::ToCopy { clip, why } => to_copy(clip, why),
        }
    }

    /// What `K` copies of it: as it is to be pasted.
    pub(super) fn to_copy(&self, model: &Model) -> Option<Clip> {
        match self {
            Self::Commands => {
                let applied = runs(model).flat_map(|run| &run.applied);
                let commands: Vec<String> = applied.map(|applied| applied.operation.command()).collect();
                (!commands.is_empty()).then(|| Clip::Commands(model.aim().all(&commands)))
            }
            // It was made ready to be pasted when it was to be copied first.
            Self::ToCopy { clip, .. } => Some(clip.clone()),
            _ => None,
        }
    }
}

impl Model {
    /// How wide a page is.
    #[must_use]
    pub fn reading_width(&self) -> usize {
        usize::from(self.size.0).saturating_sub(2).min(110)
    }

    /// How many lines of a page are seen at once.
    #[must_use]
    pub fn reading_height(&self) -> usize {
        usize::from(self.size.1).saturating_sub(4)
    }
}

fn why(model: &Model, object: &ObjectRef) -> Document {
    let mut page = Document::default();
    let diagnosis = &model.snapshot.diagnosis;
    let mut findings: Vec<&Finding> = diagnosis.about(object).collect();
    if findings.is_empty()
        && let Some(cause) = diagnosis.causes.iter().find(|cause| cause.subject == *object)
    {
        // A root that has no finding of its own is known by what hangs on it.
        findings.extend(cause.root());
    }
    let object = findings.first().map_or(object, |finding| &finding.subject);
    if findings.is_empty() {
        page.text(Ink::Plain, format!("No rule finds anything wrong with {}.", named(object)));
    }
    for finding in &findings {
        told(&mut page, model, finding);
    }
    if !findings.is_empty() {
        steps(&mut page, model, object);
        beside(&mut page, model, object);
    }
    facts(&mut page, model, object);
    let mut explained = Vec::new();
    for finding in findings {
        let Some(rule) = rule(finding.slug).filter(|rule| !explained.contains(&rule.slug)) else { continue };
        explained.push(rule.slug);
        page.title(format!("What it means: {}", rule.title));
        page.markdown(rule.explain);
        let repairs: Vec<&Runbook> = RUNBOOKS.iter().copied().filter(|runbook| rule.runbooks.contains(&runbook.name)).collect();
        if !repairs.is_empty() {
            page.title("Runbooks");
            for runbook in repairs {
                page.pair(runbook.name, 10, Ink::Plain, runbook.summary.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
    }
    page
}

fn told(page: &mut Document, model: &Model, finding: &Finding) {
    let diagnosis = &model.snapshot.diagnosis;
    let title = rule(finding.slug).map_or(finding.slug, |rule| rule.title);
    page.title(title);
    page.text(Ink::Plain, finding.summary.clone());
    if let Some(at) = finding.since {
        page.pair("since", 10, Ink::Plain, since(at, model.now));
    }
    let cause = diagnosis.causes.iter().find(|cause| (cause.slug, &cause.subject) == (finding.slug, &finding.subject));
    match (cause, &finding.because) {
        (Some(cause), None) => {
            page.pair("sure", 10, Ink::Plain, certainty(cause, &model.snapshot, model.now));
            for (label, text) in tell(cause, &model.snapshot, model.now) {
                page.pair(label, 10, Ink::Plain, text);
            }
        }
        (_, Some((slug, root))) => {
            let title = rule(slug).map_or(*slug, |rule| rule.title);
            page.pair("because", 10, Ink::Strong, format!("{title}: {}", named(root)));
        }
        _ => {}
    }
    page.title("Evidence");
    for evidence in &finding.evidence {
        let at = evidence.at.map_or_else(|| "no time".to_owned(), |at| Clock(at).to_string());
        let about = if evidence.object == finding.subject { String::new() } else { format!("{}: ", named(&evidence.object)) };
        page.pair(format!("{at}  {}", evidence.source.as_str()), 21, Ink::Plain, format!("{about}{}", evidence.what));
    }
    if finding.evidence.is_empty() {
        page.text(Ink::Muted, "The finding names none.");
    }
    if !finding.ruled_out.is_empty() {
        page.title("Ruled out");
        for one in &finding.ruled_out {
            page.text(Ink::Plain, one.clone());
        }
    }
    if let Some(cause) = cause.filter(|cause| cause.more() > 0) {
        page.title(format!("Because of it: {}, broken or about to be", counted(cause.more(), "object")));
        for under in cause.findings().skip(1).take(NAMED) {
            page.line(vec![(Ink::Strong, format!("{}  ", named(&under.subject))), (Ink::Muted, under.summary.clone())]);
        }
        if cause.more() > NAMED {
            page.text(Ink::Muted, format!("… and {} more, in the panes of the board.", cause.more() - NAMED));
        }
    }
}

/// The login that fails, step by step.
fn steps(page: &mut Document, model: &Model, object: &ObjectRef) {
    let store = matches!(object.kind, Kind::SecretStore | Kind::ClusterSecretStore | Kind::ExternalSecret);
    let Some(steps) = store.then(|| checklist(&model.snapshot.world, object, model.now)).flatten() else { return };
    page.title("The login, step by step");
    for step in steps {
        let ink = match step.state {
            StepState::Passed => Ink::Tone(Tone::Healthy),
            StepState::Failed => Ink::Tone(Tone::Failing),
            StepState::Denied => Ink::Tone(Tone::Warning),
            StepState::NotTried => Ink::Muted,
        };
        let said = if step.said.is_empty() { step.what } else { format!("{}: {}", step.what, step.said) };
        page.pair(step.state.word(), 14, ink, said);
    }
}

/// The nearest one that works, with what differs lit.
fn beside(page: &mut Document, model: &Model, object: &ObjectRef) {
    let Some(sibling) = sibling(&model.snapshot.world, object) else { return };
    page.title(format!("Beside {}, which works", named(&sibling.object)));
    let shown = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    for field in &sibling.fields {
        if field.differs() {
            let both = format!("{}  here, {}  there", shown(&field.here), shown(&field.there));
            page.pair(field.field, 16, Ink::Tone(Tone::Warning), both);
        } else if !field.here.is_empty() {
            page.pair(field.field, 16, Ink::Muted, format!("{}  both", field.here));
        }
    }
}

/// What the object itself says.
fn facts(page: &mut Document, model: &Model, object: &ObjectRef) {
    let world = &model.snapshot.world;
    let row = Pane::TABLES.iter().find_map(|pane| {
        let rows = model.board.index.rows(*pane);
        rows.find(object).and_then(|at| rows.get(at)).map(|entry| describe(model, &entry))
    });
    page.title("What it says of itself");
    if let Some(row) = row {
        page.pair("state", 10, Ink::Tone(row.tone), format!("{} {}", row.state, row.note).trim().to_owned());
    }
    let ready = match object.kind {
        Kind::ExternalSecret => world.get::<ExternalSecret>(object).and_then(|es| es.ready.as_ref()),
        Kind::SecretStore | Kind::ClusterSecretStore => world.store(object).and_then(|store| store.ready.as_ref()),
        _ => None,
    };
    if let Some(ready) = ready {
        let at = ready.since.map_or_else(String::new, |at| format!(", since {}", since(at, model.now)));
        page.pair("Ready", 10, Ink::Plain, format!("{:?} {}{at}", ready.status, ready.reason));
        page.pair("", 10, Ink::Muted, ready.message.to_string());
    }
    if let Some(es) = world.get::<ExternalSecret>(object).filter(|_| object.kind == Kind::ExternalSecret) {
        let store = es.store_ref().map_or_else(|| "none: it only generates".to_owned(), |store| named(&store));
        page.pair("store", 10, Ink::Plain, store);
        for other in es.more.iter().flat_map(|more| &more.elsewhere) {
            let named = named(&other.from(&es.meta.namespace));
            page.pair("", 10, Ink::Muted, format!("and for single keys {named}, which are not looked at here"));
        }
        let written = if world.target_of(es).is_some() { "exists" } else { "is not there, or may not be seen" };
        page.pair("writes", 10, Ink::Plain, format!("Secret {}: it {written}", es.target));
        used_by(page, world, &es.meta.namespace, &es.target);
        if let Some(at) = es.refreshed {
            page.pair("synced", 10, Ink::Plain, since(at, model.now));
        }
        for (remote, version) in es.reads() {
            let property = if remote.property.is_empty() { String::new() } else { format!(" → {}", remote.property) };
            let held = version.map(|version| format!("  version {version}")).unwrap_or_default();
            page.pair("reads", 10, Ink::Code, format!("{}{property}{held}{}", remote.key, of_property(model, es, remote)));
        }
        if es.rotates() {
            page.pair("generates", 10, Ink::Tone(Tone::Warning), "a new value at every sync: refreshing it is a rotation");
        }
    }
    if let Some(store) = world.store(object).filter(|_| matches!(object.kind, Kind::SecretStore | Kind::ClusterSecretStore)) {
        if let Some(vault) = &store.vault {
            page.pair("Vault", 10, Ink::Plain, format!("{} mount “{}” ({})", vault.address, vault.mount, vault.version));
        } else {
            page.pair("provider", 10, Ink::Plain, store.provider.to_string());
        }
        page.pair("readers", 10, Ink::Plain, counted(world.readers_of(object).count(), "ExternalSecret"));
    }
    super::vault_facts::add(page, model, object);
    let events = world.events_of(object);
    if !events.is_empty() {
        page.title("Its events, newest first");
        for event in events.iter().rev().take(8) {
            let at = event.last.map_or_else(|| "no time".to_owned(), |at| Clock(at).to_string());
            let tone = if event.warning { Ink::Tone(Tone::Warning) } else { Ink::Plain };
            let times = if event.count > 1 { format!(" ({} times)", event.count) } else { String::new() };
            page.pair(at, 10, tone, format!("{}: {}{times}", event.reason, event.message));
        }
    }
}

/// The pods that use a Secret: those that wait for it one by one, with what their kubelet says.
pub(super) fn used_by(page: &mut Document, world: &Inventory, namespace: &Name, secret: &Name) {
    let consumers = || world.consumers_of(namespace, secret).filter(|pod| !pod.is_over());
    let (mut waiting, mut waits, mut names, mut runs) = (0, Vec::new(), Vec::new(), 0);
    for pod in consumers() {
        if pod.wants_secret() {
            waiting += 1;
            if waits.len() < PODS {
                waits.push(format!("{}: {}", pod.meta.name, pod.why_it_waits()));
            }
        } else {
            runs += 1;
            if names.len() < PODS {
                names.push(pod.meta.name.to_string());
            }
        }
    }
    for (number, said) in waits.iter().enumerate() {
        let label = if number == 0 { "waiting" } else { "" };
        page.pair(label, 10, Ink::Tone(Tone::Failing), format!("pod {said}"));
    }
    if waiting > waits.len() {
        page.pair("", 10, Ink::Muted, format!("and {} more", counted(waiting - waits.len(), "pod")));
    }
    if runs > 0 {
        page.pair("used by", 10, Ink::Plain, first_of(&names, runs));
    }
}

fn help() -> Document {
    let mut page = Document::default();
    for (place, lines) in keymap::help() {
        page.title(place.title());
        for (keys, long) in lines {
            page.keys(keys, 18, long);
        }
    }
    page.title("Signs and words");
    for (sign, meaning) in [
        ("✖ ▲ ? ✔", "Broken now; wrong or about to break; not known; well. The word beside it says the same."),
        ("● ○", "A replica that is sealed; one that is open."),
        ("Valid?", "The store says so, and its Vault says otherwise."),
        ("▸ ◆", "The selected row, and the part that keys work on; a marked row."),
        ("read as NAME", "Whose token reads a Vault. :whoami says where it is from, what it may, and how to use a lesser one."),
        ("…", "Something was cut off here for want of room. X shows all of it."),
    ] {
        page.keys(sign, 18, meaning);
    }
    page
}

fn errors(model: &Model) -> Document {
    let mut page = Document::default();
    if model.snapshot.errors.is_empty() {
        page.text(Ink::Plain, "Nothing went wrong so far.");
    }
    for notice in model.snapshot.errors.iter().rev() {
        let times = if notice.count > 1 { format!(" ({} times)", notice.count) } else { String::new() };
        page.pair(Clock(notice.at).to_string(), 10, Ink::Plain, format!("{}{times}", notice.text));
    }
    let diagnosis = &model.snapshot.diagnosis;
    page.gap();
    page.text(Ink::Muted, "S copies one line on where it stands, for the chat, or shows it where there is no clipboard.");
    for (title, all) in [("Cannot be seen", &diagnosis.unknown), ("Starting", &diagnosis.starting.said)] {
        if all.is_empty() {
            continue;
        }
        page.title(title);
        for one in all {
            if one.subject.chars().count() < SUBJECT {
                page.pair(one.subject.clone(), SUBJECT, Ink::Plain, one.needs.clone());
            } else {
                page.text(Ink::Plain, format!("{}: {}", one.subject, one.needs));
            }
        }
    }
    page
}

/// A text that the person takes by hand: nothing stands before its lines, so that a mouse takes no more than it, and a
/// command that is longer than a line is still one to a shell.
fn to_copy(clip: &Clip, why: &str) -> Document {
    let mut page = Document::default();
    page.text(Ink::Muted, why);
    page.text(Ink::Muted, "It holds no secret. K tries to copy it again.");
    page.gap();
    match clip {
        Clip::Commands(text) => page.shell(text),
        Clip::Words(text) => text.lines().for_each(|line| page.flush(Ink::Code, line)),
    }
    page
}

fn runs(model: &Model) -> impl Iterator<Item = &RunView> {
    model.past.iter().chain(&model.snapshot.run).map(AsRef::as_ref)
}

fn commands(model: &Model) -> Document {
    let mut page = Document::default();
    let mut any = false;
    for run in runs(model).filter(|run| !run.applied.is_empty()) {
        any = true;
        page.title(format!("{} on {}, {}", run.runbook, run.target, Clock(run.started)));
        for applied in &run.applied {
            page.command(Clock(applied.at).to_string(), 10, model.aim().at(&applied.operation.command()));
            if let Err(fault) = &applied.result {
                page.pair("", 10, Ink::Tone(Tone::Failing), fault.to_string());
            }
        }
    }
    if any {
        page.gap();
        page.text(
            Ink::Muted,
            "These commands alone do the same, from any shell. K copies them; none holds a secret: what is secret they ask for.",
        );
    } else {
        page.text(Ink::Plain, "Nothing was written in this session.");
    }
    page
}
