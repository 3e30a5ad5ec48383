//! A chain as lines: each station under what it depends on, what a reader needs beside its store right under it,
//! what was told already only named.

use std::collections::HashSet;

use super::{Chain, More, Stage, Station};
use crate::model::{Kind, Name, ObjectRef};

/// One line of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How deep it stands.
    pub depth: usize,
    /// What it says.
    pub says: Says,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// A station, by index.
    Station(usize),
    /// A station that stands further up already, by index.
    Again(usize),
    /// Dependents that were left out.
    More(More),
}

impl Chain {
    /// The lines of the chain, roots first.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Telling { chain: self, told: HashSet::new(), lines: Vec::new() };
        let is_root = |at: &usize| {
            let station = &self.stations[*at];
            station.from.iter().all(|from| self.stations[*from].stage.is_beside())
                && !(station.stage.is_beside() && self.stations.iter().any(|other| other.from.contains(at)))
        };
        let roots: Vec<usize> = (0..self.stations.len()).filter(is_root).collect();
        for root in roots {
            lines.station(root, 0);
        }
        lines.lines
    }
}

impl Chain {
    /// What stands on a line, under what it depends on; what was asked for, and where it breaks, has a sign.
    #[must_use]
    pub fn label(&self, line: &Line, short: bool) -> String {
        let indent = "  ".repeat(line.depth);
        match &line.says {
            Says::Station(at) | Says::Again(at) => {
                let station = &self.stations[*at];
                let sign = match station {
                    station if station.breaks => "!",
                    station if station.object == self.of => ">",
                    _ => " ",
                };
                format!("{sign} {indent}{}{}", station.verb(), station.name(&self.of.namespace, short))
            }
            Says::More(more) if more.failing > 0 => {
                format!("  {indent}and {} more, {} failing", more.failing + more.others, more.failing)
            }
            Says::More(more) => format!("  {indent}and {} more, none failing", more.others),
        }
    }
}

struct Telling<'a> {
    chain: &'a Chain,
    told: HashSet<usize>,
    lines: Vec<Line>,
}

impl Telling<'_> {
    fn station(&mut self, at: usize, depth: usize) {
        if !self.told.insert(at) {
            self.lines.push(Line { depth, says: Says::Again(at) });
            return;
        }
        self.lines.push(Line { depth, says: Says::Station(at) });
        let stations = &self.chain.stations;
        let beside: Vec<usize> = stations[at].from.iter().copied().filter(|from| stations[*from].stage.is_beside()).collect();
        for one in beside {
            self.told.insert(one);
            self.lines.push(Line { depth: depth + 1, says: Says::Station(one) });
            self.fillers(one, depth + 2);
        }
        let below = (0..stations.len()).filter(|next| stations[*next].from.contains(&at) && !stations[*next].stage.is_beside());
        for next in below.collect::<Vec<_>>() {
            self.station(next, depth + 1);
        }
        self.fillers(at, depth + 1);
        for more in self.chain.more.iter().filter(|more| more.of == at) {
            self.lines.push(Line { depth: depth + 1, says: Says::More(more.clone()) });
        }
    }
}

impl Telling<'_> {
    /// What writes a path, once: it writes many.
    fn fillers(&mut self, path: usize, depth: usize) {
        let stations = &self.chain.stations;
        for filler in stations[path].from.iter().copied().filter(|from| stations[*from].stage == Stage::Bootstrap) {
            if self.told.insert(filler) {
                self.lines.push(Line { depth, says: Says::Station(filler) });
            }
        }
    }
}

impl Station {
    /// What is said before its name, where it stands beside what needs it.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match (self.stage, self.object.kind) {
            (Stage::Path, _) => "reads ",
            (Stage::Login, Kind::Secret) => "logs in with ",
            (Stage::Login, _) => "logs in as ",
            (Stage::Generator, _) => "asks ",
            (Stage::Maker, _) => "made by ",
            (Stage::Bootstrap, _) => "filled by ",
            _ => "",
        }
    }

    /// Its name where one reads of objects in `namespace`; with the short word for its kind where room is scarce.
    #[must_use]
    pub fn name(&self, namespace: &Name, short: bool) -> String {
        let ObjectRef { kind, namespace: own, name } = &self.object;
        let word = kind.short_names().first().copied().filter(|_| short).unwrap_or(kind.as_str());
        match kind {
            // Its host is that of the Vault.
            Kind::VaultPath => name.to_string(),
            _ if own == namespace || own.is_empty() => format!("{word} {name}"),
            _ => format!("{word} {own}/{name}"),
        }
    }
}
