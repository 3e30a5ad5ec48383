//! The one scrubber of foreign text. Whatever a cluster, a Vault, a log or a file says becomes a [`Text`],
//! and a `Text` cannot be made without passing here: terminal escapes are shown instead of obeyed, and
//! what looks like a credential is withheld.
//!
//! Sources: CVE-2021-25743 (kubectl let object text drive the terminal), CVE-2021-42574 (bidi),
//! external-secrets#2401 (provider messages that held values).

use std::fmt::{self, Write as _};

use arcstr::ArcStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that came from outside and is safe to show, to log and to write into a report.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(ArcStr);

/// The longest foreign text that is kept, in bytes. A provider error rarely passes 1 KiB.
const LONGEST: usize = 4096;

/// How many combining marks one character may carry before the rest is dropped.
const MARKS_PER_CHARACTER: usize = 3;

impl Text {
    /// Makes foreign text safe.
    #[must_use]
    pub fn foreign(raw: &str) -> Self {
        if is_plain(raw) { Self(raw.into()) } else { Self(scrub(raw).into()) }
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The characters, to share them.
    pub(super) const fn shared(&self) -> &ArcStr {
        &self.0
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::borrow::Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E: serde::de::Error>(self, raw: &str) -> Result<Text, E> {
                Ok(Text::foreign(raw))
            }
            // A field that should be text and is not (an int interval, a null) is shown, not an error:
            // one odd object must not cost the list.
            fn visit_u64<E: serde::de::Error>(self, raw: u64) -> Result<Text, E> {
                Ok(Text::foreign(&raw.to_string()))
            }
            fn visit_i64<E: serde::de::Error>(self, raw: i64) -> Result<Text, E> {
                Ok(Text::foreign(&raw.to_string()))
            }
            fn visit_f64<E: serde::de::Error>(self, raw: f64) -> Result<Text, E> {
                Ok(Text::foreign(&raw.to_string()))
            }
            fn visit_bool<E: serde::de::Error>(self, raw: bool) -> Result<Text, E> {
                Ok(Text::foreign(if raw { "true" } else { "false" }))
            }
            fn visit_unit<E: serde::de::Error>(self) -> Result<Text, E> {
                Ok(Text::default())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Whether [`scrub`] would leave it as it is, seen at a glance: short, of small letters, digits and the marks of
/// names, paths and times. Most of what a cluster says is; a credential would need a capital, `=` or `:`.
fn is_plain(raw: &str) -> bool {
    raw.len() < LONGEST && raw.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'/' | b'_' | b' '))
}

/// Makes one foreign string safe: see the module. Idempotent, never fails, bounded in length.
#[must_use]
pub fn scrub(raw: &str) -> String {
    withhold(&visible(raw))
}

/// Escapes and invisible characters become marks that can be seen.
fn visible(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len().min(LONGEST));
    let mut chars = raw.chars().peekable();
    let mut marks = 0;
    while let Some(c) = chars.next() {
        if out.len() >= LONGEST {
            let left = chars.map(char::len_utf8).sum::<usize>() + c.len_utf8();
            let _ = write!(out, "… ({left} more bytes)");
            break;
        }
        match c {
            '\n' | '\t' | '\u{2028}' | '\u{2029}' => out.push(' '),
            '\r' => {}
            '\u{1b}' => {
                skip_escape(&mut chars);
                out.push_str("<esc>");
            }
            '\u{9b}' | '\u{9d}' | '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => {
                skip_body(&mut chars, c == '\u{9b}');
                out.push_str("<esc>");
            }
            c if c.is_control() => drop(write!(out, "<{:02x}>", u32::from(c))),
            c if is_invisible(c) => drop(write!(out, "<u+{:04x}>", u32::from(c))),
            c if is_combining(c) => {
                marks += 1;
                if marks <= MARKS_PER_CHARACTER {
                    out.push(c);
                }
                continue;
            }
            c => out.push(c),
        }
        marks = 0;
    }
    out
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Drops what follows an ESC: a CSI to its final byte, a string (OSC, DCS, PM, APC, SOS) to its end.
fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_body(chars, true);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_body(chars, false);
        }
        Some(' '..='/') => {
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next_if(|c| ('0'..='~').contains(c));
        }
        Some('0'..='~') => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_body(chars: &mut Chars<'_>, csi: bool) {
    if csi {
        while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
        chars.next_if(|c| ('@'..='~').contains(c));
        return;
    }
    // A string that never ends swallows no more than it must: up to the end of the line.
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e01ef}' | '\u{ad}' | '\u{180e}')
}

const fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

const WITHHELD: &str = "<withheld>";

/// Words that look like credentials are replaced. Over-eager on purpose: a lost word of an error
/// message costs a minute, a token in a screenshot costs a rotation.
fn withhold(text: &str) -> String {
    let text = withhold_pem(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let word_len = rest.find(is_boundary).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_len);
        out.push_str(if looks_secret(word) { WITHHELD } else { word });
        let boundary_len = after.find(|c| !is_boundary(c)).unwrap_or(after.len());
        let (boundary, next) = after.split_at(boundary_len);
        out.push_str(boundary);
        rest = next;
        if ends_in_secret_key(word, boundary) && !rest.starts_with(WITHHELD) {
            let value = rest.find(is_boundary).unwrap_or(rest.len());
            if value > 0 {
                out.push_str(WITHHELD);
                rest = rest.split_at(value).1;
            }
        }
    }
    out
}

const fn is_boundary(c: char) -> bool {
    matches!(c, ' ' | '"' | '\'' | '`' | ',' | ';' | '(' | ')' | '{' | '}' | '[' | ']' | '=' | '?' | '&' | '|' | ':' | '“' | '”')
}

fn looks_secret(word: &str) -> bool {
    let bare = word.trim_end_matches(['.', '!']);
    // Names of objects, hosts and paths are lower case (DNS-1123); a token is not. Withholding a name would
    // make two objects one.
    if !bare.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return false;
    }
    let token = |prefix: &str, least: usize| {
        bare.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() >= least && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)))
    };
    token("eyJ", 16)
        || ["hvs.", "hvb.", "hvr."].iter().any(|prefix| token(prefix, 8))
        || ["s.", "b.", "r."].iter().any(|prefix| token(prefix, 24))
        || ["ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk-"].iter().any(|prefix| token(prefix, 16))
        || (token("AKIA", 16) && bare.len() == 20)
}

/// `password=…`, `token: …`: the word before says that the next is a secret.
fn ends_in_secret_key(word: &str, boundary: &str) -> bool {
    const KEYS: [&str; 6] = ["password", "passwd", "secret_id", "client_secret", "unseal_key", "x-vault-token"];
    (boundary.starts_with('=') || boundary.starts_with(':') || boundary.starts_with("\":"))
        && KEYS.iter().any(|key| word.eq_ignore_ascii_case(key))
}

fn withhold_pem(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    let Some((before, body)) = text.split_once(BEGIN) else { return text.to_owned() };
    // Only private keys: a certificate is public, and its subject may be the evidence.
    if !body.split("-----").next().is_some_and(|label| label.contains("PRIVATE KEY")) {
        return format!("{before}{BEGIN}{}", withhold_pem(body));
    }
    let after = body.split_once(END).and_then(|(_, tail)| tail.split_once("-----")).map_or("", |(_, tail)| tail);
    format!("{before}{WITHHELD}{}", withhold_pem(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown_and_never_obeyed() {
        for (raw, safe) in [
            ("\u{1b}[31mred\u{1b}[0m", "<esc>red<esc>"),
            ("\u{1b}[38:2::1:2:3mx", "<esc>x"),
            ("\u{1b}]52;c;aGk=\u{7}after", "<esc>after"),
            ("\u{1b}]0;title\u{1b}\\after", "<esc>after"),
            ("\u{9b}2Jx", "<esc>x"),
            ("\u{1b}(0line", "<esc>line"),
            ("a\rb\u{8}\u{7f}", "ab<08><7f>"),
            ("two\nlines", "two lines"),
            ("evil\u{202e}txt", "evil<u+202e>txt"),
            ("end \u{1b}", "end <esc>"),
        ] {
            assert_eq!(scrub(raw), safe, "{raw:?}");
        }
    }

    #[test]
    fn what_looks_like_a_credential_is_withheld() {
        for (raw, safe) in [
            ("token hvs.CAESIJabcdefgh failed", "token <withheld> failed"),
            (
                "sk-telecom-gateway-db at b.secrets.internal.example.com",
                "sk-telecom-gateway-db at b.secrets.internal.example.com",
            ),
            ("jwt=eyJhbGciOiJSUzI1NiIsImtpZCI6.x.y", "jwt=<withheld>"),
            ("login password=hunter2 failed", "login password=<withheld> failed"),
            (r#"{"password":"hunter2"}"#, r#"{"password":"<withheld>"}"#),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nx", "<withheld> x"),
        ] {
            assert_eq!(scrub(raw), safe, "{raw:?}");
        }
    }

    #[test]
    fn plain_provider_errors_stay_readable() {
        let raw = "unable to log in with Kubernetes auth: Error making API request.\n\nURL: PUT http://vault-core-dev.ameide-dev.svc.cluster.local:8200/v1/auth/kubernetes/login\nCode: 503. Errors:\n\n* Vault is sealed";
        let said = scrub(raw);
        assert!(
            said.contains("URL: PUT http://vault-core-dev.ameide-dev.svc.cluster.local:8200/v1/auth/kubernetes/login"),
            "{said}"
        );
        assert!(said.ends_with("* Vault is sealed"), "{said}");
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_drives_a_terminal_survives(raw in "\\PC*|(\u{1b}|\u{9b}|\\[|\\]|[a-z0-9;?]|\u{7}|\u{202e}|\u{300}){0,80}") {
            let safe = scrub(&raw);
            proptest::prop_assert!(!safe.chars().any(|c| c.is_control() || is_invisible(c)), "{safe:?}");
            proptest::prop_assert_eq!(scrub(&safe), safe);
        }

        #[test]
        fn a_glance_says_what_the_scrubber_says(raw in "[a-z0-9./_ -]{0,60}|(hvs\\.|password|=|:|[A-Za-z]|\u{1b}){0,20}") {
            let said = Text::foreign(&raw);
            proptest::prop_assert_eq!(said.as_str(), scrub(&raw));
        }
    }
}
