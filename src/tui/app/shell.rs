//! A long command on several lines of a page that a shell still takes for one: what is seen can be taken with the mouse and
//! pasted. A page that wrapped it as it wraps sentences would make several commands of it.

use unicode_width::UnicodeWidthStr as _;

/// Room for what says that the line goes on: a blank or a quote, and a backslash.
const MARK: usize = 2;

/// Where a line may be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaks {
    /// Between words only: blanks stand before the lines that follow. A word that is longer than a line stays whole.
    BetweenWords,
    /// Wherever it must: the lines stand at the very left.
    Anywhere,
}

/// What stands around a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

/// A character, or one with the backslash before it: nothing is broken in between.
struct Unit<'a> {
    text: &'a str,
    /// What it stands in.
    inside: Quote,
}

impl Unit<'_> {
    fn is_gap(&self) -> bool {
        self.text == " " && self.inside == Quote::None
    }

    fn ends_line(&self) -> bool {
        self.text.ends_with('\n')
    }
}

/// The lines of a command, each no wider than this where that can be.
#[must_use]
pub(super) fn folded(command: &str, width: usize, breaks: Breaks) -> Vec<String> {
    let units = units(command);
    let mut lines = Vec::new();
    let mut rest = units.as_slice();
    let mut reopens = false;
    while !rest.is_empty() {
        let open = if std::mem::take(&mut reopens) { "'" } else { "" };
        let end = rest.iter().position(Unit::ends_line).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        let (last, next) = after.split_at(after.len().min(1));
        // The end of a line that goes on already.
        let goes_on = if last.iter().any(|unit| unit.text.starts_with('\\')) { "\\" } else { "" };
        if open.len() + wide(line) + goes_on.len() <= width {
            lines.push(format!("{open}{}{goes_on}", joined(line)));
            rest = next;
            continue;
        }
        let room = width.saturating_sub(open.len() + MARK).max(1);
        let fits = fitting(line, room);
        let gap = line.iter().take(fits + 1).rposition(Unit::is_gap).filter(|at| *at > 0);
        let gap = gap.or_else(|| match breaks {
            Breaks::BetweenWords => line.iter().skip(1).position(Unit::is_gap).map(|at| at + 1),
            Breaks::Anywhere => None,
        });
        match (gap, breaks) {
            (Some(gap), _) => {
                let (head, tail) = rest.split_at(gap);
                lines.push(format!("{open}{} \\", joined(head).trim_end()));
                rest = tail.split_at(tail.iter().take_while(|unit| unit.is_gap()).count()).1;
            }
            (None, Breaks::BetweenWords) => {
                lines.push(format!("{open}{}{goes_on}", joined(line)));
                rest = next;
            }
            (None, Breaks::Anywhere) => {
                let (head, tail) = rest.split_at(fits.max(1));
                reopens = tail.first().is_some_and(|unit| unit.inside == Quote::Single);
                lines.push(format!("{open}{}{}\\", joined(head), if reopens { "'" } else { "" }));
                rest = tail;
            }
        }
    }
    lines
}

fn joined(units: &[Unit<'_>]) -> String {
    units.iter().map(|unit| unit.text).collect()
}

fn wide(units: &[Unit<'_>]) -> usize {
    units.iter().map(|unit| unit.text.width()).sum()
}

/// How many units fit into so many columns.
fn fitting(units: &[Unit<'_>], room: usize) -> usize {
    let mut used = 0;
    let fits = |unit: &&Unit<'_>| {
        used += unit.text.width();
        used <= room
    };
    units.iter().take_while(fits).count()
}

fn units(command: &str) -> Vec<Unit<'_>> {
    let mut units = Vec::new();
    let (mut rest, mut quote) = (command, Quote::None);
    while let Some(first) = rest.chars().next() {
        let escaped = first == '\\' && quote != Quote::Single;
        let more = if escaped { rest.chars().nth(1).map_or(0, char::len_utf8) } else { 0 };
        let (text, after) = rest.split_at(first.len_utf8() + more);
        let next = match (first, quote) {
            ('\'', Quote::None) => Quote::Single,
            ('"', Quote::None) => Quote::Double,
            ('\'', Quote::Single) | ('"', Quote::Double) => Quote::None,
            (_, quote) => quote,
        };
        units.push(Unit { text, inside: quote });
        (rest, quote) = (after, next);
    }
    units
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The words that a shell makes of a text: whatever is called, it says its arguments.
    fn words(text: &str) -> String {
        let says = "say() { for word in \"$@\"; do printf '[%s]' \"$word\"; done; echo; }";
        let output = Command::new("sh").args(["-c", &format!("{says}\n{text}")]).output().expect("a shell");
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    const COMMANDS: [&str; 6] = [
        "say kubectl --context=prod-weu annotate externalsecret -n orders db-creds force-sync=1790412451 --overwrite",
        r#"say patch --type merge -p '{"spec":{"refreshPolicy":"CreatedOnce", "a b": "c  d"}}' and after it"#,
        r"say 'it'\''s one word' \' a\ b   wide    gaps",
        r#"say "a \"quoted\" word, $((1 + 1)) of 2" x | cat"#,
        "say first; \\\nsay second with a good many words in it",
        "say 'two lines\nin one word' end",
    ];

    #[test]
    fn a_shell_takes_the_lines_for_the_command_at_every_width() {
        for command in COMMANDS {
            for width in [8, 11, 20, 33, 76, 400] {
                for breaks in [Breaks::Anywhere, Breaks::BetweenWords] {
                    let lines = folded(command, width, breaks);
                    let (indent, at_most) = if breaks == Breaks::Anywhere { ("", width) } else { ("    ", usize::MAX) };
                    // Between words there is room for an indent, but not inside a quoted text that has lines of its own.
                    let indent = if command.contains("two lines") { "" } else { indent };
                    assert_eq!(words(&lines.join(&format!("\n{indent}"))), words(command), "{width} {breaks:?}\n{lines:#?}");
                    assert!(lines.iter().all(|line| line.width() <= at_most), "{width} {lines:#?}");
                }
            }
        }
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        assert_eq!(folded("kubectl get pods", 16, Breaks::BetweenWords), ["kubectl get pods"]);
        assert_eq!(folded("kubectl get pods", 15, Breaks::BetweenWords), ["kubectl get \\", "pods"]);
        assert_eq!(folded("", 15, Breaks::Anywhere), [""; 0]);
    }
}
