//! `sealwatch explain`: what a rule means, how it is known, how it is repaired.

use std::io::{self, Write as _};

use super::{Failure, OK};
use crate::diagnosis::{RULES, rule};

/// Prints the page of a rule, or the list of rules.
pub(super) fn run(slug: Option<&str>) -> Result<u8, Failure> {
    let mut out = io::stdout().lock();
    let Some(slug) = slug else {
        let widest = RULES.iter().map(|rule| rule.slug.len()).max().unwrap_or(0);
        for rule in RULES {
            writeln!(out, "{:widest$}  {}", rule.slug, rule.title)?;
        }
        return Ok(OK);
    };
    let rule =
        rule(slug).ok_or_else(|| Failure::usage(format!("There is no rule “{slug}”."), "`sealwatch explain` lists them."))?;
    writeln!(out, "{} ({})\n\n{}", rule.title, rule.slug, rule.explain)?;
    match rule.runbooks {
        [] => writeln!(out, "No runbook repairs it.")?,
        names => writeln!(out, "Runbooks: {}", names.join(", "))?,
    }
    Ok(OK)
}
