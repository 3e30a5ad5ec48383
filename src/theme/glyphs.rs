//! The signs that stand beside words, and what stands for them where the terminal has no UTF-8.

/// Broken.
pub const FAILING: &str = "✖";
/// Needs a look.
pub const WARNING: &str = "▲";
/// Not known.
pub const UNKNOWN: &str = "?";
/// Works.
pub const HEALTHY: &str = "✔";
/// Runs.
pub const ACTIVE: &str = "▶";
/// Waits for its turn.
pub const NEXT: &str = "·";
/// A sealed replica.
pub const SEALED: &str = "●";
/// An open replica.
pub const OPEN: &str = "○";
/// The row that keys work on.
pub const CURSOR: &str = "▸";
/// A marked row.
pub const MARK: &str = "◆";
/// Something was cut off here.
pub const CUT: &str = "…";
/// A character that was typed unseen.
pub const DOT: &str = "•";
/// The done part of a bar.
pub const FULL: &str = "█";
/// The rest of a bar.
pub const REST: &str = "░";
/// A line across.
pub const ACROSS: &str = "─";
/// A line down.
pub const DOWN: &str = "│";
/// Folded rows below.
pub const FOLDED: &str = "▹";
/// Unfolded rows below.
pub const UNFOLDED: &str = "▿";

/// One cell without UTF-8: what a terminal of the C locale gets for it. Unknown signs become `?`.
#[must_use]
pub fn ascii(symbol: &str) -> &'static str {
    match symbol {
        FAILING => "x",
        WARNING => "!",
        HEALTHY => "+",
        ACTIVE | CURSOR | FOLDED | "→" | "›" => ">",
        UNFOLDED | "↓" => "v",
        "↑" => "^",
        "←" => "<",
        SEALED | FULL => "#",
        OPEN => "o",
        MARK | DOT => "*",
        CUT => "~",
        NEXT | REST => ".",
        ACROSS | "–" | "—" | "━" => "-",
        DOWN => "|",
        "┌" | "┐" | "└" | "┘" | "├" | "┤" | "┬" | "┴" | "┼" | "╭" | "╮" | "╰" | "╯" => "+",
        "“" | "”" => "\"",
        "‘" | "’" => "'",
        "×" => "x",
        "≥" => ">",
        _ => "?",
    }
}

/// Whether the locale says UTF-8; `get` reads the environment. The first of the three that is set decides.
#[must_use]
pub fn is_utf8(get: impl Fn(&str) -> Option<String>) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| get(name).filter(|value| !value.is_empty())).is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        assert!(is_utf8(env(&[("LANG", "en_GB.UTF-8")])));
        assert!(is_utf8(env(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")])));
        assert!(!is_utf8(env(&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")])));
        assert!(!is_utf8(env(&[])));
    }
}
