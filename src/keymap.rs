//! Keys: what each means where, in one table. It drives dispatch, the footer, the help screen, the palette and
//! the table in the README. A leaf: it imports nothing of ours, and knows neither terminals nor screens.

use std::fmt::{self, Write as _};

/// A key as it is pressed. Shift is part of the character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    /// Which key.
    pub key: Key,
    /// Whether Ctrl is held.
    pub control: bool,
}

/// The keys that we know by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are the words on the keys")]
pub enum Key {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
}

/// Where a key is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Wherever no text is typed.
    Anywhere,
    /// The board.
    Board,
    /// A runbook that runs, or ran.
    Runbook,
    /// A list to choose from.
    List,
    /// Something to read: why, help, errors, commands.
    Reader,
    /// A text field.
    Field,
}

impl Place {
    /// What the help screen calls it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Anywhere => "Anywhere",
            Self::Board => "Board",
            Self::Runbook => "Runbook",
            Self::List => "Lists",
            Self::Reader => "Reading",
            Self::Field => "Text fields",
        }
    }

    /// Whether the keys of [`Place::Anywhere`] work here too. In a field they are text.
    const fn inherits(self) -> bool {
        !matches!(self, Self::Field | Self::Anywhere)
    }
}

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table below says what each does")]
pub enum Action {
    Down,
    Up,
    PageDown,
    PageUp,
    Top,
    Bottom,
    NextPane,
    PreviousPane,
    Accept,
    Back,
    Mark,
    Fold,
    Filter,
    NextBroken,
    PreviousBroken,
    Palette,
    Help,
    Errors,
    Commands,
    Why,
    Repair,
    Runbooks,
    Writes,
    Refresh,
    CopyName,
    CopyCommand,
    CopyStatus,
    LogInAsStore,
    Agree,
    Pause,
    Stop,
    Other,
    LastRun,
    Redraw,
    Suspend,
    Quit,
    QuitNow,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Where.
    pub place: Place,
    /// Which key, as [`Chord::parse`] reads it.
    pub chord: &'static str,
    /// What it means.
    pub action: Action,
    /// A word or two for the footer; empty for keys that need no advertising.
    pub short: &'static str,
    /// A sentence for help, palette and README.
    pub long: &'static str,
    /// Whether it may end in a write, after everything that stands before one.
    pub danger: bool,
}

const fn key(place: Place, chord: &'static str, action: Action, short: &'static str, long: &'static str) -> Binding {
    Binding { place, chord, action, short, long, danger: false }
}

const fn danger(place: Place, chord: &'static str, action: Action, short: &'static str, long: &'static str) -> Binding {
    Binding { place, chord, action, short, long, danger: true }
}

use Action as A;
use Place::{Anywhere, Board, Field, List, Reader, Runbook};

/// THE table. The order is that of the footer and of the help screen.
#[rustfmt::skip]
pub static KEYS: &[Binding] = &[
    danger(Board, "r", A::Repair, "repair", "Open the runbook for what is selected. Nothing is done before you agree to it."),
    key(Board, "X", A::Why, "why", "Why: evidence, what was ruled out, what it means."),
    key(Board, "tab", A::NextPane, "pane", "To the next pane."),
    key(Board, "backtab", A::PreviousPane, "", "To the pane before."),
    key(Board, "right", A::NextPane, "", "To the next pane."),
    key(Board, "left", A::PreviousPane, "", "To the pane before."),
    key(Board, "enter", A::Accept, "chain", "The chain of what is selected, from Vault to the pods; a namespace is folded or unfolded."),
    key(Board, "z", A::Fold, "fold", "Show the healthy rows, or fold them to a count again."),
    key(Board, "/", A::Filter, "filter", "Filter the panes: text, !text, ns=, store=, ready=false."),
    key(Board, "n", A::NextBroken, "", "To the next broken row."),
    key(Board, "N", A::PreviousBroken, "", "To the broken row before."),
    key(Board, "space", A::Mark, "mark", "Mark a row, or take the mark away; r works on all marked rows."),
    key(Board, "c", A::CopyName, "", "Copy the name of what is selected."),
    key(Board, "L", A::LogInAsStore, "", "Log in to Vault as the operator does for the selection."),
    key(Board, "ctrl-r", A::Refresh, "", "Ask every Vault again now."),
    danger(Runbook, "y", A::Agree, "agree", "Agree to what the step shows, where it asks for y."),
    danger(Runbook, "enter", A::Accept, "start", "Start a step that writes nothing, send what was typed, or come back to the step that asks."),
    key(Runbook, "p", A::Pause, "pause", "Begin nothing new, or go on."),
    key(Runbook, "s", A::Stop, "stop", "Stop after what is in flight."),
    key(Runbook, "tab", A::Other, "", "Shares: type them, or take them from the Secret, where the policy allows it."),
    key(Runbook, "K", A::CopyCommand, "copy command", "Copy the commands that do the same by hand; without a clipboard they are shown."),
    key(Runbook, "X", A::Why, "", "Why: evidence, what was ruled out, what it means."),
    key(List, "enter", A::Accept, "open", "Open what is selected."),
    key(Reader, "X", A::Why, "", "Why: of the object whose chain is shown."),
    key(Reader, "K", A::CopyCommand, "", "Copy the commands that are shown."),
    key(Anywhere, "R", A::Runbooks, "runbooks", "List every runbook."),
    key(Anywhere, "o", A::LastRun, "", "The runbook that goes on, or went on last."),
    key(Anywhere, "W", A::Writes, "writes", "Open writes in this session, or close them."),
    key(Anywhere, "S", A::CopyStatus, "copy status", "Copy one line on where it stands, for the chat; without a clipboard it is shown."),
    key(Anywhere, "!", A::Errors, "", "What went wrong inside the console, with hints."),
    key(Anywhere, "@", A::Commands, "", "The commands that were run so far."),
    key(Anywhere, ":", A::Palette, "", "Run anything by its name."),
    key(Anywhere, "?", A::Help, "help", "This help."),
    key(Anywhere, "esc", A::Back, "back", "Back. It never runs anything, and what runs goes on."),
    key(Anywhere, "j", A::Down, "", "Down."),
    key(Anywhere, "down", A::Down, "", "Down."),
    key(Anywhere, "k", A::Up, "", "Up."),
    key(Anywhere, "up", A::Up, "", "Up."),
    key(Anywhere, "pagedown", A::PageDown, "", "A page down."),
    key(Anywhere, "ctrl-f", A::PageDown, "", "A page down."),
    key(Anywhere, "pageup", A::PageUp, "", "A page up."),
    key(Anywhere, "ctrl-b", A::PageUp, "", "A page up."),
    key(Anywhere, "g", A::Top, "", "To the top."),
    key(Anywhere, "home", A::Top, "", "To the top."),
    key(Anywhere, "G", A::Bottom, "", "To the bottom."),
    key(Anywhere, "end", A::Bottom, "", "To the bottom."),
    key(Anywhere, "ctrl-l", A::Redraw, "", "Draw the whole screen anew."),
    key(Anywhere, "ctrl-z", A::Suspend, "", "Suspend; fg comes back."),
    key(Anywhere, "q", A::Quit, "quit", "Quit. While a runbook runs it asks for a second q."),
    key(Anywhere, "ctrl-c", A::QuitNow, "", "Quit at once, safely: the terminal is restored, what was typed is wiped."),
    key(Field, "enter", A::Accept, "accept", "Accept what was typed."),
    key(Field, "esc", A::Back, "cancel", "Leave the field. It never runs anything."),
    key(Field, "tab", A::NextPane, "", "To the next field."),
    key(Field, "backtab", A::PreviousPane, "", "To the field before."),
    key(Field, "down", A::Down, "", "To the next suggestion."),
    key(Field, "up", A::Up, "", "To the suggestion before."),
    key(Field, "ctrl-z", A::Suspend, "", "Suspend; fg comes back."),
    key(Field, "ctrl-c", A::QuitNow, "", "Quit at once, safely."),
];

/// What a key means in a place, if it means anything.
#[must_use]
pub fn action(place: Place, chord: Chord) -> Option<Action> {
    let at = |wanted: Place| {
        KEYS.iter().find(|binding| binding.place == wanted && Chord::parse(binding.chord) == Some(chord)).map(|b| b.action)
    };
    at(place).or_else(|| place.inherits().then(|| at(Anywhere)).flatten())
}

/// The bindings of a place that the footer names, the most useful first.
pub fn footer(place: Place) -> impl Iterator<Item = &'static Binding> {
    reachable(place).filter(|binding| !binding.short.is_empty())
}

/// Every binding that works in a place; its own hide those of everywhere.
pub fn reachable(place: Place) -> impl Iterator<Item = &'static Binding> {
    let own = KEYS.iter().filter(move |binding| binding.place == place);
    let inherited = KEYS.iter().filter(move |binding| {
        place.inherits() && binding.place == Anywhere && !KEYS.iter().any(|own| own.place == place && own.chord == binding.chord)
    });
    own.chain(inherited)
}

/// The places in the order of the help screen, each with its lines: keys of one action share a line.
#[must_use]
pub fn help() -> Vec<(Place, Vec<(String, &'static str)>)> {
    [Board, Runbook, List, Reader, Anywhere, Field]
        .into_iter()
        .map(|place| {
            let mut lines: Vec<(String, &'static str, Action)> = Vec::new();
            for binding in KEYS.iter().filter(|binding| binding.place == place) {
                let name = Chord::parse(binding.chord).map_or_else(String::new, |chord| chord.to_string());
                match lines.iter_mut().find(|(_, _, action)| *action == binding.action) {
                    Some((keys, _, _)) => {
                        keys.push(' ');
                        keys.push_str(&name);
                    }
                    None => lines.push((name, binding.long, binding.action)),
                }
            }
            (place, lines.into_iter().map(|(keys, long, _)| (keys, long)).collect())
        })
        .collect()
}

/// The table of keys as Markdown, for the README.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from("| Where | Keys | What |\n| --- | --- | --- |\n");
    for (place, lines) in help() {
        for (keys, long) in lines {
            let keys: Vec<String> = keys.split(' ').map(|key| format!("`{key}`")).collect();
            let _ = writeln!(out, "| {} | {} | {long} |", place.title(), keys.join(" "));
        }
    }
    out
}

impl Chord {
    /// A plain character.
    #[must_use]
    pub const fn char(c: char) -> Self {
        Self { key: Key::Char(c), control: false }
    }

    /// A named key alone.
    #[must_use]
    pub const fn of(key: Key) -> Self {
        Self { key, control: false }
    }

    /// Reads `j`, `G`, `space`, `enter`, `ctrl-r`, `pagedown`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (control, name) = text.strip_prefix("ctrl-").map_or((false, text), |name| (true, name));
        let key = match name {
            "space" => Key::Char(' '),
            "enter" => Key::Enter,
            "esc" => Key::Esc,
            "tab" => Key::Tab,
            "backtab" => Key::BackTab,
            "backspace" => Key::Backspace,
            "delete" => Key::Delete,
            "up" => Key::Up,
            "down" => Key::Down,
            "left" => Key::Left,
            "right" => Key::Right,
            "pageup" => Key::PageUp,
            "pagedown" => Key::PageDown,
            "home" => Key::Home,
            "end" => Key::End,
            one => {
                let mut chars = one.chars();
                Key::Char(chars.next().filter(|_| chars.next().is_none())?)
            }
        };
        Some(Self { key, control })
    }

    /// Reads a macro such as `jj<enter>r<ctrl-r>`, as the replay tests write it. `<lt>` is `<`.
    #[must_use]
    pub fn parse_macro(text: &str) -> Option<Vec<Self>> {
        let mut chords = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some((name, after)) = rest.strip_prefix('<').and_then(|tail| tail.split_once('>')) {
                chords.push(if name == "lt" { Self::char('<') } else { Self::parse(name)? });
                rest = after;
            } else {
                chords.push(Self::char(c));
                rest = rest.strip_prefix(c)?;
            }
        }
        Some(chords)
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.control {
            f.write_str("Ctrl-")?;
        }
        f.write_str(match self.key {
            Key::Char(' ') => "Space",
            Key::Char(c) if self.control => return write!(f, "{}", c.to_ascii_uppercase()),
            Key::Char(c) => return write!(f, "{c}"),
            Key::Enter => "Enter",
            Key::Esc => "Esc",
            Key::Tab => "Tab",
            Key::BackTab => "Shift-Tab",
            Key::Backspace => "Backspace",
            Key::Delete => "Del",
            Key::Up => "↑",
            Key::Down => "↓",
            Key::Left => "←",
            Key::Right => "→",
            Key::PageUp => "PgUp",
            Key::PageDown => "PgDn",
            Key::Home => "Home",
            Key::End => "End",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_parses_and_no_place_has_one_twice() {
        let mut seen = HashSet::new();
        for binding in KEYS {
            let chord = Chord::parse(binding.chord).unwrap_or_else(|| panic!("{} cannot be read", binding.chord));
            assert!(seen.insert((binding.place, chord)), "{:?} has {chord} twice", binding.place);
            assert!(binding.long.ends_with('.'), "{} is not a sentence", binding.long);
        }
    }

    #[test]
    fn ctrl_d_means_nothing_anywhere() {
        let ctrl_d = Chord::parse("ctrl-d").expect("a chord");
        for place in [Anywhere, Board, Runbook, List, Reader, Field] {
            assert_eq!(action(place, ctrl_d), None);
        }
    }

    #[test]
    fn a_place_inherits_what_it_does_not_say_itself() {
        let of = |place, text| action(place, Chord::parse(text).expect("a chord"));
        assert_eq!(of(Board, "q"), Some(A::Quit));
        assert_eq!(of(Runbook, "s"), Some(A::Stop));
        assert_eq!(of(Board, "s"), None);
        assert_eq!(of(Field, "q"), None, "in a field q is a letter");
        assert_eq!(of(Field, "ctrl-c"), Some(A::QuitNow));
    }

    #[test]
    fn macros_are_read_key_by_key() {
        let chords = Chord::parse_macro("jG<enter><ctrl-r><lt>").expect("a macro");
        assert_eq!(chords.iter().map(ToString::to_string).collect::<Vec<_>>(), ["j", "G", "Enter", "Ctrl-R", "<"]);
        assert_eq!(Chord::parse_macro("<nonsense>"), None);
    }
}
