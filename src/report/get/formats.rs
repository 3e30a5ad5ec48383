//! The outputs of `get`: a table of columns as wide as what is in them, `sealwatch/get/v1` as JSON and as
//! YAML, references.

use std::io::{self, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::column::{Class, Named, Value};
use super::{Found, TableStyle};
use crate::diagnosis::Unknown;
use crate::model::Health;
use crate::report::rfc3339;

/// Between two columns.
const GAP: usize = 3;

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    kind: &'static str,
    observed_at: String,
    items: Vec<Named<'a>>,
    unknown: Vec<&'a Unknown>,
}

fn report(found: &Found) -> Report<'_> {
    Report {
        schema: "sealwatch/get/v1",
        kind: found.listing.what,
        observed_at: rfc3339(found.now),
        items: found.listing.items.iter().map(|item| Named(&found.listing, item)).collect(),
        unknown: found.unknown.iter().chain(&found.unread).collect(),
    }
}

/// `sealwatch/get/v1` on one line.
pub(super) fn json(found: &Found, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &report(found))?;
    writeln!(out)
}

/// The same in YAML.
pub(super) fn yaml(found: &Found, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_saphyr::to_string(&report(found)).map_err(io::Error::other)?;
    out.write_all(text.as_bytes())
}

/// One reference a line.
pub(super) fn names(found: &Found, out: &mut dyn Write) -> io::Result<()> {
    found.objects().try_for_each(|object| writeln!(out, "{object}"))
}

/// Columns up to this class.
pub(super) fn table(found: &Found, up_to: Class, style: TableStyle, out: &mut dyn Write) -> io::Result<()> {
    let listing = &found.listing;
    if listing.items.is_empty() {
        return Ok(());
    }
    let columns: Vec<usize> = (0..listing.heads.len()).filter(|at| listing.heads[*at].0 <= up_to).collect();
    let mut rows: Vec<Vec<(String, Option<Health>)>> = Vec::with_capacity(listing.items.len() + 1);
    if style.headers {
        rows.push(columns.iter().map(|at| (listing.heads[*at].1.to_owned(), None)).collect());
    }
    for item in &listing.items {
        let cell = |value: &Value| {
            let health = match value {
                Value::State(state) if style.colour => Some(state.health),
                _ => None,
            };
            (value.cell(found.now), health)
        };
        rows.push(columns.iter().map(|at| cell(&item.values[*at])).collect());
    }
    let mut widths = vec![0; columns.len()];
    for row in &rows {
        for (width, (cell, _)) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    for row in &rows {
        let mut line = String::new();
        let mut blanks = 0;
        for ((cell, health), width) in row.iter().zip(&widths) {
            line.extend(std::iter::repeat_n(' ', blanks));
            blanks = width - cell.width() + GAP;
            match health.and_then(colour) {
                Some(code) => line.extend(["\u{1b}[", code, "m", cell.as_str(), "\u{1b}[0m"]),
                None => line.push_str(cell),
            }
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The terminal's own red, yellow and cyan; what is well needs none.
#[must_use]
pub const fn colour(health: Health) -> Option<&'static str> {
    match health {
        Health::Failing => Some("31"),
        Health::Warning => Some("33"),
        Health::Unknown => Some("36"),
        Health::Healthy => None,
    }
}
