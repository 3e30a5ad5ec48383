//! Reads a theme's file: `[palette]` names colours, `[roles]` gives each role a style, `inherits` takes the rest
//! from another theme. Unknown words are errors that name the nearest known one.

use std::collections::BTreeMap;
use std::path::Path;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use super::{BUILT_IN, Depth, Role, Theme};

/// Why a theme cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ThemeError {
    /// No file and no built-in theme has this name.
    #[error("There is no theme “{0}”. Built in are: {1}.")]
    Absent(String, String),
    /// The file cannot be read.
    #[error("The theme “{0}” cannot be read: {1}.")]
    Unreadable(String, String),
    /// The file is not what a theme looks like.
    #[error("The theme “{0}” cannot be understood: {1}")]
    Malformed(String, String),
    /// A role that does not exist.
    #[error("The theme “{0}” styles “{1}”, which is no role. Did you mean “{2}”?")]
    UnknownRole(String, String, &'static str),
    /// A colour or a modifier that does not exist.
    #[error("The theme “{0}” gives “{1}” the {2} “{3}”, which is not known.")]
    UnknownWord(String, String, &'static str, String),
    /// Themes that inherit from each other.
    #[error("The theme “{0}” inherits from itself.")]
    Circle(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    inherits: Option<String>,
    #[serde(default)]
    palette: BTreeMap<String, String>,
    #[serde(default)]
    roles: BTreeMap<String, Entry>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    fg: Option<String>,
    bg: Option<String>,
    modifiers: Vec<String>,
    /// Modifiers where there is no colour.
    mono: Vec<String>,
}

/// The style of each role, and the modifiers for it where there is no colour.
type Sheet = BTreeMap<&'static str, (Style, Modifier)>;

pub(super) fn load(name: &str, folder: Option<&Path>, depth: Depth) -> Result<Theme, ThemeError> {
    let sheet = sheet(name, folder, &mut Vec::new())?;
    let ground = sheet.get(Role::Text.name()).map(|(style, _)| *style).unwrap_or_default();
    let styles = Role::ALL
        .iter()
        .map(|role| {
            let (style, mono) = sheet.get(role.name()).copied().unwrap_or_default();
            // A role that says nothing of its ground stands on that of the screen.
            let style = Style { fg: style.fg.or(ground.fg), bg: style.bg.or(ground.bg), ..style };
            depth.convert(style, mono)
        })
        .collect();
    Ok(Theme { name: name.to_owned(), depth, styles })
}

fn sheet(name: &str, folder: Option<&Path>, heirs: &mut Vec<String>) -> Result<Sheet, ThemeError> {
    if heirs.iter().any(|heir| heir == name) {
        return Err(ThemeError::Circle(name.to_owned()));
    }
    heirs.push(name.to_owned());
    let text = read(name, folder)?;
    let file: File = toml::from_str(&text).map_err(|error| ThemeError::Malformed(name.to_owned(), error.to_string()))?;
    let mut sheet = match &file.inherits {
        Some(parent) => self::sheet(parent, folder, heirs)?,
        None => Sheet::new(),
    };
    for (role_name, entry) in &file.roles {
        let role = Role::parse(role_name)
            .ok_or_else(|| ThemeError::UnknownRole(name.to_owned(), role_name.clone(), nearest(role_name)))?;
        let unknown = |what, word: &str| ThemeError::UnknownWord(name.to_owned(), role_name.clone(), what, word.to_owned());
        let color = |word: &Option<String>| match word {
            Some(word) => color(word, &file.palette).map(Some).ok_or_else(|| unknown("colour", word)),
            None => Ok(None),
        };
        let modifiers = |words: &[String]| {
            words.iter().try_fold(Modifier::empty(), |all, word| {
                modifier(word).map(|one| all | one).ok_or_else(|| unknown("modifier", word))
            })
        };
        let style =
            Style { fg: color(&entry.fg)?, bg: color(&entry.bg)?, ..Style::new() }.add_modifier(modifiers(&entry.modifiers)?);
        sheet.insert(role.name(), (style, modifiers(&entry.mono)?));
    }
    Ok(sheet)
}

fn read(name: &str, folder: Option<&Path>) -> Result<String, ThemeError> {
    // A name is a name: it must not lead out of the folder.
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c));
    if let (true, Some(folder)) = (plain, folder) {
        match std::fs::read_to_string(folder.join(format!("{name}.toml"))) {
            Ok(text) => return Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(ThemeError::Unreadable(name.to_owned(), error.to_string())),
        }
    }
    let built_in = || BUILT_IN.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    BUILT_IN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| (*text).to_owned())
        .ok_or_else(|| ThemeError::Absent(name.to_owned(), built_in()))
}

/// `#rrggbb`, or a name of the palette.
fn color(word: &str, palette: &BTreeMap<String, String>) -> Option<Color> {
    let word = palette.get(word).map_or(word, String::as_str);
    let digits = word.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let value = u32::from_str_radix(digits, 16).ok()?;
    let [_, r, g, b] = value.to_be_bytes();
    Some(Color::Rgb(r, g, b))
}

fn modifier(word: &str) -> Option<Modifier> {
    Some(match word {
        "bold" => Modifier::BOLD,
        "dim" => Modifier::DIM,
        "italic" => Modifier::ITALIC,
        "underlined" => Modifier::UNDERLINED,
        "reversed" => Modifier::REVERSED,
        _ => return None,
    })
}

/// The role whose name takes the fewest changes to reach.
fn nearest(word: &str) -> &'static str {
    Role::ALL.iter().map(|role| role.name()).min_by_key(|name| distance(word, name)).unwrap_or("text")
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::super::depth::{contrast, rgb};
    use super::*;

    /// Roles that hold words; lines need less.
    fn is_text(role: Role) -> bool {
        !matches!(role, Role::Border | Role::Focus | Role::Selection | Role::Linked)
    }

    #[test]
    fn every_built_in_theme_can_be_read_by_tired_eyes() {
        for (name, _) in BUILT_IN {
            let theme = load(name, None, Depth::True).expect("it loads");
            for role in Role::ALL.iter().copied().filter(|role| is_text(*role)) {
                for ground in [role, Role::Selection, Role::Linked] {
                    // Bars and prompts keep their own ground.
                    let own = matches!(role, Role::Header | Role::Production | Role::Prompt | Role::Input);
                    let style = if own { theme.style(role) } else { theme.on(role, ground) };
                    let (fg, bg) = (style.fg.and_then(rgb).expect("a colour"), style.bg.and_then(rgb).expect("a colour"));
                    let contrast = contrast(fg, bg);
                    assert!(contrast >= 4.5, "{name}: {} on {} has {contrast:.1}", role.name(), ground.name());
                }
            }
        }
    }

    #[test]
    fn without_colour_rows_and_bars_are_still_told_apart() {
        for (name, _) in BUILT_IN {
            let theme = load(name, None, Depth::Mono).expect("it loads");
            for role in Role::ALL {
                let style = theme.style(*role);
                assert_eq!((style.fg, style.bg), (None, None), "{name}: {}", role.name());
            }
            for role in [Role::Selection, Role::Production, Role::Prompt, Role::Header, Role::Linked] {
                assert!(!theme.style(role).add_modifier.is_empty(), "{name}: {} cannot be seen", role.name());
            }
        }
    }

    #[test]
    fn a_mistake_is_said_with_the_nearest_word() {
        let folder = std::env::temp_dir().join(format!("sealwatch-themes-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.join(format!("{name}.toml")), text).expect("written");
        write("mine", "inherits = \"night\"\n[roles]\nfailling = { fg = \"#ffffff\" }\n");
        write("round", "inherits = \"round\"\n");
        write("odd", "[roles]\ntext = { fg = \"rosy\" }\n");
        write("good", "inherits = \"day\"\n[palette]\nsky = \"#0055aa\"\n[roles]\nkey = { fg = \"sky\" }\n");
        let said = |name: &str| load(name, Some(&folder), Depth::True).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(said("mine"), Err("The theme “mine” styles “failling”, which is no role. Did you mean “failing”?".to_owned()));
        assert_eq!(said("round"), Err("The theme “round” inherits from itself.".to_owned()));
        assert_eq!(said("odd"), Err("The theme “odd” gives “text” the colour “rosy”, which is not known.".to_owned()));
        assert_eq!(said("../etc/passwd"), Err("There is no theme “../etc/passwd”. Built in are: night, day.".to_owned()));
        assert_eq!(said("good"), Ok(()));
        let good = load("good", Some(&folder), Depth::True).expect("it loads");
        assert_eq!(good.style(Role::Key).fg, Some(Color::Rgb(0, 0x55, 0xaa)));
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
