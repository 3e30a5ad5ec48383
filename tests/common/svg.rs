//! A buffer as an SVG: one rect for each run of a background, one text for each run of a style, each exactly as
//! wide as its columns, so that any monospace font keeps the grid.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use sealwatch::theme::depth::rgb;
use unicode_width::UnicodeWidthStr;

/// A cell, in tenths of a pixel.
const CELL: (u32, u32) = (84, 180);
/// Around the picture, in tenths of a pixel.
const MARGIN: u32 = 120;
/// From the top of a cell to its baseline, in tenths of a pixel.
const BASELINE: u32 = 134;

/// Draws it.
pub(crate) fn svg(buffer: &Buffer) -> String {
    let (columns, rows) = (u32::from(buffer.area.width), u32::from(buffer.area.height));
    let (width, height) = (columns * CELL.0 + 2 * MARGIN, rows * CELL.1 + 2 * MARGIN);
    let ground = hex(buffer[(0, buffer.area.height / 2)].bg, "#14171c");
    let mut out = String::new();
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" font-family="'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">"#,
        w = px(width),
        h = px(height),
    );
    let _ = writeln!(out, r#"<rect width="100%" height="100%" rx="8" fill="{ground}"/>"#);
    for y in 0..buffer.area.height {
        for (start, end, color) in runs(buffer, y, |cell| hex(colors(cell).1, &ground)) {
            if color != ground {
                let _ = writeln!(
                    out,
                    r#"<rect x="{}" y="{}" width="{}" height="{}" fill="{color}"/>"#,
                    px(x(start)),
                    px(top(y)),
                    px(u32::from(end - start) * CELL.0),
                    px(CELL.1),
                );
            }
        }
        for (start, end, style) in runs(buffer, y, |cell| (hex(colors(cell).0, "#d6dde6"), cell.modifier)) {
            words(&mut out, buffer, y, start, end, &style);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The words of a run; a gap of two columns or more begins a new text, so that no blank is drawn.
fn words(out: &mut String, buffer: &Buffer, y: u16, start: u16, end: u16, (color, modifier): &(String, Modifier)) {
    let mut at = start;
    while at < end {
        let mut text = String::new();
        let from = at;
        while at < end {
            let symbol = buffer[(at, y)].symbol();
            let two_blanks = symbol == " " && (at + 1 >= end || buffer[(at + 1, y)].symbol() == " ");
            if two_blanks {
                break;
            }
            text.push_str(symbol);
            at += u16::try_from(symbol.width().max(1)).unwrap_or(1);
        }
        if text.trim().is_empty() {
            at += 1;
            continue;
        }
        let weight = if modifier.contains(Modifier::BOLD) { r#" font-weight="bold""# } else { "" };
        let line = if modifier.contains(Modifier::UNDERLINED) { r#" text-decoration="underline""# } else { "" };
        let _ = writeln!(
            out,
            r#"<text x="{}" y="{}" textLength="{}" lengthAdjust="spacingAndGlyphs" fill="{color}"{weight}{line} xml:space="preserve">{}</text>"#,
            px(x(from)),
            px(top(y) + BASELINE),
            px(u32::from(at - from) * CELL.0),
            escape(&text),
        );
    }
}

/// Runs of equal cells in a row, as start, end and what is equal.
fn runs<T: PartialEq>(buffer: &Buffer, y: u16, of: impl Fn(&Cell) -> T) -> Vec<(u16, u16, T)> {
    let mut runs: Vec<(u16, u16, T)> = Vec::new();
    for column in 0..buffer.area.width {
        let value = of(&buffer[(column, y)]);
        match runs.last_mut() {
            Some((_, end, last)) if *last == value => *end = column + 1,
            _ => runs.push((column, column + 1, value)),
        }
    }
    runs
}

fn colors(cell: &Cell) -> (Color, Color) {
    if cell.modifier.contains(Modifier::REVERSED) { (cell.bg, cell.fg) } else { (cell.fg, cell.bg) }
}

fn hex(color: Color, otherwise: &str) -> String {
    rgb(color).map_or_else(|| otherwise.to_owned(), |(r, g, b)| format!("#{r:02x}{g:02x}{b:02x}"))
}

fn x(column: u16) -> u32 {
    MARGIN + u32::from(column) * CELL.0
}

fn top(row: u16) -> u32 {
    MARGIN + u32::from(row) * CELL.1
}

/// Tenths of a pixel as pixels.
fn px(tenths: u32) -> String {
    if tenths.is_multiple_of(10) { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
