//! Draws lines of text in inks, from a given line on.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use super::pen::Pen;
use crate::theme::{Role, Theme};
use crate::tui::app::document::{Ink, Line};
use crate::tui::app::rows::Tone;

/// Lines of text.
pub struct Lines<'a> {
    /// The lines.
    pub lines: &'a [Line],
    /// How many of them are above the window.
    pub scroll: usize,
    /// What they look like.
    pub theme: &'a Theme,
}

impl Widget for &Lines<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        for (number, line) in self.lines.iter().skip(self.scroll).take(usize::from(area.height)).enumerate() {
            let Ok(row) = u16::try_from(number) else { break };
            let mut pen = Pen::new(buffer, area, row);
            for (ink, text) in line {
                pen.put(text, style(self.theme, *ink));
            }
        }
    }
}

/// What an ink looks like.
#[must_use]
pub fn style(theme: &Theme, ink: Ink) -> Style {
    use ratatui::style::Modifier;
    match ink {
        Ink::Plain => theme.style(Role::Text),
        Ink::Muted => theme.style(Role::Muted),
        Ink::Title => theme.style(Role::Title),
        Ink::Strong => theme.style(Role::Text).add_modifier(Modifier::BOLD),
        Ink::Code => theme.style(Role::Code),
        Ink::Key => theme.style(Role::Key),
        Ink::Tone(tone) => theme.style(role(tone)),
    }
}

/// The role of a tone.
#[must_use]
pub const fn role(tone: Tone) -> Role {
    match tone {
        Tone::Failing => Role::Failing,
        Tone::Warning => Role::Warning,
        Tone::Unknown => Role::Unknown,
        Tone::Active => Role::Active,
        Tone::Quiet => Role::Muted,
        Tone::Healthy => Role::Healthy,
    }
}

/// The sign of a tone; the word beside it says the same.
#[must_use]
pub const fn glyph(tone: Tone) -> &'static str {
    use crate::theme::glyphs;
    match tone {
        Tone::Failing => glyphs::FAILING,
        Tone::Warning => glyphs::WARNING,
        Tone::Unknown => glyphs::UNKNOWN,
        Tone::Active => glyphs::ACTIVE,
        Tone::Quiet => glyphs::NEXT,
        Tone::Healthy => glyphs::HEALTHY,
    }
}
