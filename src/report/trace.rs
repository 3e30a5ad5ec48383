//! `sealwatch trace`: the chain of one object as a tree, and as `sealwatch/trace/v1`.

use std::io::{self, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::get::{colour, unknown_of};
use super::{rfc3339, wrap};
use crate::diagnosis::chain::{Chain, Line, Says};
use crate::diagnosis::{Cause, Certainty, Evidence, Unknown, state};
use crate::engine::Snapshot;
use crate::model::{Age, Clock, Health, Kind, ObjectRef};

/// How wide a page is, in columns.
const WIDTH: usize = 80;
/// The widest column of names; a longer name pushes the rest of its own line.
const NAMES: usize = 52;
/// The width of labels.
const LABEL: usize = 15;
/// How much evidence of a cause is shown.
const SHOWN: usize = 4;
/// The kinds that every chain is made of.
const KINDS: [Kind; 8] = [
    Kind::SecretStore,
    Kind::ClusterSecretStore,
    Kind::ExternalSecret,
    Kind::Secret,
    Kind::Pod,
    Kind::Event,
    Kind::Vault,
    Kind::VaultPath,
];

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    object: &'a ObjectRef,
    observed_at: String,
    health: Health,
    stations: Vec<StationLine<'a>>,
    left_out: Vec<LeftOut<'a>>,
    causes: Vec<CauseLine<'a>>,
    unknown: Vec<Unknown>,
}

#[derive(Serialize)]
struct StationLine<'a> {
    object: &'a ObjectRef,
    stage: &'static str,
    health: Health,
    state: &'a str,
    since: Option<String>,
    note: &'a str,
    from: Vec<&'a ObjectRef>,
    breaks: bool,
    causes: Vec<&'static str>,
}

#[derive(Serialize)]
struct LeftOut<'a> {
    of: &'a ObjectRef,
    failing: usize,
    others: usize,
}

#[derive(Serialize)]
struct CauseLine<'a> {
    slug: &'static str,
    title: &'static str,
    subject: &'a ObjectRef,
    certainty: Certainty,
    since: Option<String>,
    summary: &'a str,
    evidence: &'a [Evidence],
    runbooks: &'static [&'static str],
}

/// Writes `sealwatch/trace/v1` on one line.
///
/// # Errors
/// The output cannot be written.
pub fn json(chain: &Chain, snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    let stations = chain.stations.iter().map(|station| StationLine {
        object: &station.object,
        stage: station.stage.as_str(),
        health: station.state.health,
        state: &station.state.word,
        since: station.since.map(rfc3339),
        note: &station.note,
        from: station.from.iter().map(|from| &chain.stations[*from].object).collect(),
        breaks: station.breaks,
        causes: state::causes(&snapshot.world, &snapshot.diagnosis, &station.object),
    });
    let causes = chain.causes.iter().map(|cause| CauseLine {
        slug: cause.slug,
        title: cause.title,
        subject: &cause.subject,
        certainty: cause.certainty,
        since: cause.since.map(rfc3339),
        summary: &cause.summary,
        evidence: evidence(cause),
        runbooks: cause.runbooks,
    });
    let left_out =
        chain.more.iter().map(|more| LeftOut { of: &chain.stations[more.of].object, failing: more.failing, others: more.others });
    let report = Report {
        schema: "sealwatch/trace/v1",
        object: &chain.of,
        observed_at: rfc3339(snapshot.now),
        health: chain.health(),
        stations: stations.collect(),
        left_out: left_out.collect(),
        causes: causes.collect(),
        unknown: unknown(snapshot),
    };
    serde_json::to_writer(&mut *out, &report)?;
    writeln!(out)
}

/// What could not be seen of the kinds that chains are made of.
#[must_use]
pub fn unknown(snapshot: &Snapshot) -> Vec<Unknown> {
    unknown_of(&KINDS, snapshot)
}

/// What the root finding of a cause rests on.
fn evidence(cause: &Cause) -> &[Evidence] {
    cause.root().map_or(&[], |root| &root.evidence)
}

/// Writes the tree, where it breaks, and because of what.
///
/// # Errors
/// The output cannot be written.
pub fn table(chain: &Chain, snapshot: &Snapshot, coloured: bool, out: &mut dyn Write) -> io::Result<()> {
    // Long names leave no room for the names of kinds.
    let rows = [false, true].map(|short| rows(chain, snapshot, short));
    let fits = |rows: &&Vec<Row>| rows.iter().all(|row| row.width() <= WIDTH);
    let [long, short] = &rows;
    for row in Some(long).filter(fits).unwrap_or(short) {
        row.write(coloured, out)?;
    }
    writeln!(out)?;
    verdict(chain, snapshot, out)?;
    for cause in &chain.causes {
        because(cause, snapshot, out)?;
    }
    Ok(())
}

/// One line of the tree, its columns lined up.
struct Row {
    name: String,
    state: String,
    health: Option<Health>,
    rest: String,
}

impl Row {
    fn width(&self) -> usize {
        self.name.width() + self.state.width() + self.rest.width()
    }

    fn write(&self, coloured: bool, out: &mut dyn Write) -> io::Result<()> {
        let state = match self.health.and_then(colour).filter(|_| coloured) {
            Some(code) => format!("\u{1b}[{code}m{}\u{1b}[0m", self.state),
            None => self.state.clone(),
        };
        writeln!(out, "{}", format!("{}{state}{}", self.name, self.rest).trim_end())
    }
}

fn rows(chain: &Chain, snapshot: &Snapshot, short: bool) -> Vec<Row> {
    let lines = chain.lines();
    let names: Vec<String> = lines.iter().map(|line| chain.label(line, short)).collect();
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0).min(NAMES) + 2;
    let states = chain.stations.iter().map(|station| station.state.word.width()).max().unwrap_or(0) + 2;
    let row = |(line, name): (&Line, &String)| {
        let plain = |rest: &str| Row { name: pad(name, widest), state: String::new(), health: None, rest: rest.to_owned() };
        match line.says {
            Says::More(_) => plain(""),
            Says::Again(_) => plain("(above)"),
            Says::Station(at) => {
                let station = &chain.stations[at];
                let age = station.since.map_or_else(String::new, |at| Age::between(at, snapshot.now).to_string());
                let rest = format!("{age:<6}  {}", station.note).trim_end().to_owned();
                Row { name: pad(name, widest), state: pad(&station.state.word, states), health: Some(station.state.health), rest }
            }
        }
    };
    lines.iter().zip(&names).map(row).collect()
}

/// A cell of this width; what is longer keeps its distance all the same.
fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width()).max(2)))
}

/// Where it breaks, or how sure it is that it does not.
fn verdict(chain: &Chain, snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    match chain.health() {
        Health::Failing => {}
        Health::Warning => paragraph("breaks at", "nothing now; but not all is well", out)?,
        Health::Unknown => paragraph("breaks at", "nothing, as far as could be seen", out)?,
        Health::Healthy => paragraph("breaks at", "nothing: all of it is well", out)?,
    }
    for (number, station) in chain.breaks().enumerate() {
        let label = if number == 0 { "! breaks at" } else { "" };
        paragraph(label, &format!("{}: {}", station.object, station.state.word), out)?;
        if let Some(unexplained) = snapshot.diagnosis.unexplained.get(&station.object) {
            paragraph("not explained", &unexplained.needs, out)?;
        }
    }
    Ok(())
}

/// A cause with its evidence and its repair.
fn because(cause: &Cause, snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    let sure = match cause.certainty {
        Certainty::Certain => "certain",
        Certainty::Suspected => "suspected",
    };
    let since = cause.since.map_or_else(String::new, |at| format!(", since {} ({})", Clock(at), Age::between(at, snapshot.now)));
    writeln!(out)?;
    paragraph("cause", &format!("{} [{}], {sure}{since}", cause.title, cause.slug), out)?;
    paragraph("of", &cause.subject.to_string(), out)?;
    paragraph("", &cause.summary, out)?;
    let all = evidence(cause);
    for (number, one) in all.iter().take(SHOWN).enumerate() {
        let label = if number == 0 { "evidence" } else { "" };
        let at = one.at.map_or_else(|| "no time".to_owned(), |at| Clock(at).to_string());
        let about = if one.object == cause.subject { String::new() } else { format!("{}: ", one.object) };
        paragraph(label, &format!("{at} {}: {about}{}", one.source.as_str(), one.what), out)?;
    }
    if all.len() > SHOWN {
        paragraph("", &format!("and {} more: sealwatch check -o json", all.len() - SHOWN), out)?;
    }
    if let Some(runbook) = cause.runbooks.first() {
        // A command is not broken: it is there to be copied.
        writeln!(out, "{:LABEL$}sealwatch runbook run {runbook} --target {}", "repaired by", cause.subject)?;
    }
    Ok(())
}

/// Text beside its label, in lines of a page.
fn paragraph(label: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
    for (number, line) in wrap(text, WIDTH - LABEL).iter().enumerate() {
        let label = if number == 0 { label } else { "" };
        writeln!(out, "{}", format!("{label:LABEL$}{line}").trim_end())?;
    }
    Ok(())
}
