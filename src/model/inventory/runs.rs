//! The Jobs that fill a Vault, by their names, and the logs of those that failed.

use std::sync::Arc;

use super::Inventory;
use crate::model::kinds::{Job, Role, Watched as _};
use crate::model::object::{Kind, ObjectRef};
use crate::model::text::Text;

/// What the name of a client-patcher holds.
pub const CLIENT_PATCHER: &str = "client-patcher";
/// What the name of a Job that fills the Vault holds.
pub const BOOTSTRAP: &str = "vault-bootstrap";

/// The name that a run goes by: that of its timetable, if one made it.
#[must_use]
pub fn base_name(job: &Job) -> &str {
    match &job.meta.controller {
        Some((kind, name)) if kind.as_str() == "CronJob" => name.as_str(),
        _ => job.meta.name.as_str(),
    }
}

/// How many lines of a log are kept: the last ones, and before them the first ones, which tell what the others follow from.
const KEPT: (usize, usize) = (3, 7);

/// The last lines of a log that tell of a failure; the others are nobody's business.
pub fn telling<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Text> {
    const SIGNS: [&str; 10] = [
        "ERROR",
        "FATAL",
        "DENIED",
        "NOT FOUND",
        "FORMAT ERROR",
        "MISSING",
        "REFUSED",
        "UNAUTHORIZED",
        "FORBIDDEN",
        "NO SUCH HOST",
    ];
    // A refusal is often told by its number alone.
    const CODES: [&str; 3] = ["401", "403", "404"];
    let tells = |line: &&str| {
        let upper = line.to_ascii_uppercase();
        SIGNS.iter().any(|sign| upper.contains(sign)) || CODES.iter().any(|code| has_word(line, code))
    };
    let mut lines: Vec<Text> = lines.filter(tells).map(Text::foreign).collect();
    let (first, last) = KEPT;
    if lines.len() > first + last {
        lines.drain(first..lines.len() - last);
    }
    lines
}

/// Whether a text holds these words as they are: a number within a time or a longer number is another.
#[must_use]
pub fn has_word(text: &str, words: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.');
    text.match_indices(words).any(|(at, _)| {
        let (before, after) = (text.get(..at).and_then(|text| text.chars().last()), text.get(at + words.len()..));
        let after = after.and_then(|text| text.chars().next()).filter(|c| *c != '.');
        !is_part(before) && !is_part(after)
    })
}

impl Inventory {
    /// The pods of failed runs whose logs were not read yet.
    #[must_use]
    pub fn unread_logs(&self) -> Vec<ObjectRef> {
        let named = |job: &&Arc<Job>| [CLIENT_PATCHER, BOOTSTRAP].iter().any(|what| base_name(job).contains(what));
        let failed: Vec<ObjectRef> =
            self.all::<Job>().iter().filter(|job| job.has_failed()).filter(named).map(|job| job.object_ref()).collect();
        let pods = failed.iter().flat_map(|job| self.pointing_at(job, Role::MadeBy)).filter(|pod| pod.kind == Kind::Pod);
        pods.filter(|pod| !self.logs.contains_key(pod)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_lines_that_tell_the_first_and_the_last_are_kept() {
        let told = |lines: &[&str]| telling(lines.iter().copied()).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told(&["starting", "POST /realms 403", "took 0.403 s at 04:01:40", "done"]), ["POST /realms 403"]);
        let many: Vec<String> = (0..30).map(|number| format!("ERROR {number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let kept = told(&many);
        assert_eq!(
            (kept.len(), kept[0].as_str(), kept[2].as_str(), kept[3].as_str(), kept[9].as_str()),
            (10, "ERROR 0", "ERROR 2", "ERROR 23", "ERROR 29")
        );
    }
}
