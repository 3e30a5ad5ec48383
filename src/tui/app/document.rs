//! Text to read: paragraphs in inks, broken into lines of a width. What an ink looks like, the theme says.

use unicode_width::UnicodeWidthStr;

use super::rows::Tone;
use super::shell::{Breaks, folded};

/// How a piece of text is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// To be read.
    Plain,
    /// To be skipped, if one knows.
    Muted,
    /// A heading.
    Title,
    /// To be seen first.
    Strong,
    /// A command.
    Code,
    /// A key.
    Key,
    /// A state.
    Tone(Tone),
}

/// Pieces of text on one line.
pub type Line = Vec<(Ink, String)>;

/// A text.
#[derive(Clone, Debug, Default)]
pub struct Document {
    paragraphs: Vec<Paragraph>,
}

#[derive(Clone, Debug, Default)]
struct Paragraph {
    label: Option<(Ink, String)>,
    indent: usize,
    spans: Line,
    /// That it is for a shell, and where its lines may be broken then.
    shell: Option<Breaks>,
}

impl Document {
    /// Adds an empty line.
    pub fn gap(&mut self) {
        self.paragraphs.push(Paragraph::default());
    }

    /// Adds a heading, after an empty line where something stands before it.
    pub fn title(&mut self, text: impl Into<String>) {
        if !self.paragraphs.is_empty() {
            self.gap();
        }
        self.paragraphs.push(Paragraph { spans: vec![(Ink::Title, text.into())], ..Paragraph::default() });
    }

    /// Adds a paragraph in one ink.
    pub fn text(&mut self, ink: Ink, text: impl Into<String>) {
        self.paragraphs.push(Paragraph { indent: 2, spans: vec![(ink, text.into())], ..Paragraph::default() });
    }

    /// Adds text that begins at the very left.
    pub fn flush(&mut self, ink: Ink, text: impl Into<String>) {
        self.paragraphs.push(Paragraph { spans: vec![(ink, text.into())], ..Paragraph::default() });
    }

    /// Adds a paragraph of pieces.
    pub fn line(&mut self, spans: Line) {
        self.paragraphs.push(Paragraph { indent: 2, spans, ..Paragraph::default() });
    }

    /// Adds a paragraph after a sign; its further lines stand under its first word.
    pub fn signed(&mut self, ink: Ink, sign: &str, spans: Line) {
        self.paragraphs.push(Paragraph { label: Some((ink, sign.to_owned())), indent: 4, spans, shell: None });
    }

    /// Adds a paragraph beside its label; all labels of this width line up.
    pub fn pair(&mut self, label: impl Into<String>, width: usize, ink: Ink, text: impl Into<String>) {
        let label = Some((Ink::Muted, label.into()));
        self.paragraphs.push(Paragraph { label, indent: width + 2, spans: vec![(ink, text.into())], shell: None });
    }

    /// The same with a command: however many lines it takes, a shell takes them for one.
    pub fn command(&mut self, label: impl Into<String>, width: usize, command: impl Into<String>) {
        self.pair(label, width, Ink::Code, command);
        self.paragraphs.iter_mut().next_back().into_iter().for_each(|last| last.shell = Some(Breaks::BetweenWords));
    }

    /// Commands that begin at the very left.
    pub fn shell(&mut self, commands: &str) {
        let spans = vec![(Ink::Code, commands.to_owned())];
        self.paragraphs.push(Paragraph { shell: Some(Breaks::Anywhere), spans, ..Paragraph::default() });
    }

    /// Adds pieces beside a label that keeps its blanks.
    pub fn row(&mut self, label: impl Into<String>, width: usize, spans: Line) {
        // A line of a label alone has a piece all the same: without one it would be an empty line.
        let spans = if spans.is_empty() { vec![(Ink::Plain, String::new())] } else { spans };
        self.paragraphs.push(Paragraph { label: Some((Ink::Plain, label.into())), indent: width + 4, spans, shell: None });
    }

    /// The same with a label that is keys.
    pub fn keys(&mut self, keys: impl Into<String>, width: usize, text: impl Into<String>) {
        let label = Some((Ink::Key, keys.into()));
        self.paragraphs.push(Paragraph { label, indent: width + 2, spans: vec![(Ink::Plain, text.into())], shell: None });
    }

    /// Adds text in the little Markdown that explanations use: paragraphs, `**bold**`, backticks.
    pub fn markdown(&mut self, text: &str) {
        for (number, paragraph) in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()).enumerate() {
            if number > 0 {
                self.gap();
            }
            self.line(spans(&paragraph.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }

    /// Its lines at this width.
    #[must_use]
    pub fn lines(&self, width: usize) -> Vec<Line> {
        self.paragraphs.iter().flat_map(|paragraph| paragraph.lines(width)).collect()
    }

    /// How many lines it has at this width.
    #[must_use]
    pub fn height(&self, width: usize) -> usize {
        self.lines(width).len()
    }
}

impl Paragraph {
    fn lines(&self, width: usize) -> Vec<Line> {
        if self.spans.is_empty() {
            return vec![Line::new()];
        }
        let indent = self.indent.min(width * 2 / 3);
        let room = width.saturating_sub(indent).max(8);
        let mut lines: Vec<Line> = match self.shell {
            // What is longer than a line all the same is broken as any text is.
            Some(breaks) => {
                let folded =
                    self.spans.iter().flat_map(|(ink, text)| folded(text, room, breaks).into_iter().map(|line| (*ink, line)));
                folded.flat_map(|line| wrap(&[line], room)).collect()
            }
            None => wrap(&self.spans, room),
        };
        for (number, line) in lines.iter_mut().enumerate() {
            let label = self.label.as_ref().filter(|_| number == 0);
            let (ink, text) = label.map_or((Ink::Plain, ""), |(ink, text)| (*ink, text.as_str()));
            // A label wider than its column pushes the text of its own line only.
            let shown = format!("  {text}");
            let padding = indent.saturating_sub(shown.width()).max(usize::from(label.is_some()));
            line.insert(0, (ink, format!("{shown}{}", " ".repeat(padding)).chars().skip(usize::from(indent == 0) * 2).collect()));
        }
        lines
    }
}

/// Breaks pieces of text into lines of at most this width, between words where it can. Blanks between words are
/// kept, except where a line breaks.
#[must_use]
pub fn wrap(spans: &[(Ink, String)], width: usize) -> Vec<Line> {
    let mut lines = Lines { width: width.max(1), done: vec![Line::new()], used: 0, blanks: 0 };
    for (ink, text) in spans {
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let word_at = rest.find(|c| c != ' ').unwrap_or(rest.len());
            lines.blanks += word_at;
            let (_, from_word) = rest.split_at(word_at);
            let (word, after) = from_word.split_at(from_word.find(' ').unwrap_or(from_word.len()));
            lines.push(*ink, word);
            rest = after;
        }
    }
    lines.done
}

/// Lines in the making.
struct Lines {
    width: usize,
    done: Vec<Line>,
    used: usize,
    /// Blanks that stand before the next word, should it go on this line.
    blanks: usize,
}

impl Lines {
    fn push(&mut self, ink: Ink, word: &str) {
        let mut word = word;
        while !word.is_empty() {
            // What a paragraph begins with is its own, such as the indent of a line of YAML; where it is broken they go.
            let blanks = if self.used == 0 && self.done.len() > 1 { 0 } else { self.blanks };
            if self.used + blanks + word.width() <= self.width {
                self.append(ink, blanks, word);
                return;
            }
            if self.used > 0 {
                self.done.push(Line::new());
                self.used = 0;
                continue;
            }
            let (head, tail) = split_at_width(word, self.width);
            self.append(ink, 0, head);
            word = tail;
            self.blanks = 0;
        }
    }

    fn append(&mut self, ink: Ink, blanks: usize, word: &str) {
        let text = format!("{}{word}", " ".repeat(blanks));
        self.used += text.width();
        self.blanks = 0;
        let Some(line) = self.done.last_mut() else { return };
        match line.last_mut() {
            Some((last, said)) if *last == ink => said.push_str(&text),
            _ => line.push((ink, text)),
        }
    }
}

/// The longest beginning that fits, at least one character, and the rest.
#[must_use]
pub fn split_at_width(text: &str, width: usize) -> (&str, &str) {
    use unicode_segmentation::UnicodeSegmentation as _;
    let mut used = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        used += grapheme.width();
        if used > width && at > 0 {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// Pieces of a paragraph of Markdown.
fn spans(text: &str) -> Line {
    let mut line = Line::new();
    for (number, part) in text.split("**").enumerate() {
        for (inner, piece) in part.split('`').enumerate() {
            let ink = match (number % 2, inner % 2) {
                (_, 1) => Ink::Code,
                (1, _) => Ink::Strong,
                _ => Ink::Plain,
            };
            if !piece.is_empty() {
                line.push((ink, piece.to_owned()));
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| line.iter().map(|(_, text)| text.as_str()).collect()).collect()
    }

    #[test]
    fn text_breaks_between_words_and_inside_them_only_if_it_must() {
        let text = vec![(Ink::Plain, "one two three".to_owned())];
        assert_eq!(plain(&wrap(&text, 7)), ["one two", "three"]);
        assert_eq!(plain(&wrap(&[(Ink::Plain, "abcdefgh ij".to_owned())], 3)), ["abc", "def", "gh", "ij"]);
        assert_eq!(plain(&wrap(&[], 3)), [""]);
        assert_eq!(plain(&wrap(&spans("a `code`, **so** on"), 40)), ["a code, so on"]);
        assert_eq!(plain(&wrap(&[(Ink::Code, "  name: a b".to_owned())], 9)), ["  name: a", "b"], "an indent is kept, once");
        assert_eq!(plain(&wrap(&[(Ink::Code, "   abc".to_owned())], 4)), ["abc"], "unless the word would not fit");
    }

    #[test]
    fn labels_line_up_and_their_text_hangs() {
        let mut document = Document::default();
        document.pair("hit now", 9, Ink::Plain, "three stores and more");
        assert_eq!(plain(&document.lines(24)), ["  hit now  three stores", "           and more"]);
    }

    #[test]
    fn no_width_is_too_small() {
        let mut document = Document::default();
        document.title("T");
        document.pair("label", 9, Ink::Plain, "日本語 text");
        for width in 0..20 {
            assert!(document.height(width) >= 2);
        }
    }
}
