//! The filter of the panes: `payments !smtp ns=orders store=vault ready=false`. Every word must hold.

/// A filter as it was typed, and what it means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// As it was typed.
    pub text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    wanted: bool,
    holds: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Says(String),
    Namespace(String),
    Store(String),
    Ready(bool),
}

/// What a filter looks at in a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidate<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name, or path.
    pub name: &'a str,
    /// The store that it is, or reads through.
    pub store: &'a str,
    /// Whether it is well.
    pub ready: bool,
    /// A word for its state.
    pub state: &'a str,
}

impl Filter {
    /// Understands what was typed. A word that is no known key is text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let terms = text.split_whitespace().filter_map(|word| {
            let (wanted, word) = word.strip_prefix('!').map_or((true, word), |rest| (false, rest));
            let holds = match word.split_once('=') {
                Some(("ns" | "namespace", value)) => Test::Namespace(value.to_lowercase()),
                Some(("store", value)) => Test::Store(value.to_lowercase()),
                Some(("ready", "true" | "yes")) => Test::Ready(true),
                Some(("ready", "false" | "no")) => Test::Ready(false),
                _ => Test::Says(word.to_lowercase()),
            };
            (!word.is_empty()).then_some(Term { wanted, holds })
        });
        Self { text: text.to_owned(), terms: terms.collect() }
    }

    /// Whether it lets everything through.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a row stays.
    #[must_use]
    pub fn keeps(&self, row: Candidate<'_>) -> bool {
        self.among(row.namespace, row.ready, row.state).is_some_and(|left| left.keeps_named(row.name, row.store))
    }

    /// What is left to ask of rows that have this in common; `None` if none of them stays. Thousands of rows share
    /// their namespace and state, and are asked for their names only.
    #[must_use]
    pub fn among(&self, namespace: &str, ready: bool, state: &str) -> Option<Self> {
        let mut terms = Vec::new();
        for term in &self.terms {
            let holds = match &term.holds {
                Test::Says(part) => (has(namespace, part) || has(state, part)).then_some(true),
                Test::Namespace(part) => Some(has(namespace, part)),
                Test::Ready(wanted) => Some(ready == *wanted),
                Test::Store(_) => None,
            };
            match holds {
                None => terms.push(term.clone()),
                Some(holds) if holds == term.wanted => {}
                Some(_) => return None,
            }
        }
        Some(Self { text: String::new(), terms })
    }

    /// Whether a row among those stays.
    #[must_use]
    pub fn keeps_named(&self, name: &str, store: &str) -> bool {
        self.terms.iter().all(|term| match &term.holds {
            Test::Says(part) => term.wanted == (has(name, part) || has(store, part)),
            Test::Store(part) => term.wanted == has(store, part),
            // These hold, or nothing would be left to ask.
            Test::Namespace(_) | Test::Ready(_) => true,
        })
    }
}

/// Whether a text holds this part, in whatever case; the part is of small letters.
fn has(text: &str, part: &str) -> bool {
    // Nearly every name is of small letters, and then nothing is copied.
    let small = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if small { text.contains(part) } else { text.to_lowercase().contains(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_must_hold() {
        let row = Candidate { namespace: "payments", name: "Stripe-Key", store: "vault", ready: false, state: "failing" };
        for (text, keeps) in [
            ("", true),
            ("stripe", true),
            ("!stripe", false),
            ("ns=pay", true),
            ("ns=orders", false),
            ("store=vault ready=false", true),
            ("ready=true", false),
            ("!ready=true failing", true),
            ("a=b", false),
            ("!", true),
        ] {
            assert_eq!(Filter::parse(text).keeps(row), keeps, "{text}");
        }
    }
}
