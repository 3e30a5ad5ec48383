//! What a command by hand must be told so that it does the same from anywhere: the kubeconfig, the context and as whom.
//! A step does not know these; whoever shows a command does.

use super::quoted;
use crate::model::Text;

/// Which cluster `kubectl` is to talk to, and as whom. What is empty is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aim {
    /// The file, if it is not the one that `kubectl` takes by itself.
    pub kubeconfig: Text,
    /// The context; in a pod of the cluster there is none.
    pub context: Text,
    /// Who is impersonated (`--as`).
    pub user: Text,
}

/// A program that asks the terminal for something: lines that are pasted after it would be its answer.
const ASKS: [&str; 2] = ["bao operator unseal -address=", "read -rs "];

impl Aim {
    /// At this context.
    #[must_use]
    pub fn context(context: Text) -> Self {
        Self { context, ..Self::default() }
    }

    fn flags(&self) -> String {
        [("kubeconfig", &self.kubeconfig), ("context", &self.context), ("as", &self.user)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(flag, value)| format!(" {}", quoted_flag(flag, value.as_str())))
            .collect::<Vec<_>>()
            .concat()
    }

    /// The command with what `kubectl` must be told, wherever it is run in it.
    #[must_use]
    pub fn at(&self, command: &str) -> String {
        let flags = self.flags();
        let mut aimed = String::with_capacity(command.len() + flags.len());
        let (mut quote, mut begins) = (false, true);
        let mut rest = command;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("kubectl ").filter(|_| begins && !quote) {
                aimed.push_str("kubectl");
                aimed.push_str(&flags);
                aimed.push(' ');
                (rest, begins) = (after, false);
                continue;
            }
            let mut taken = c.len_utf8();
            match c {
                // What follows it is a character like any other.
                '\\' if !quote => taken += rest.chars().nth(1).map_or(0, char::len_utf8),
                '\'' => quote = !quote,
                _ => {}
            }
            begins = !quote && (matches!(c, '|' | '&' | ';' | '(' | '\n') || begins && c == ' ');
            let (head, tail) = rest.split_at(taken.min(rest.len()));
            aimed.push_str(head);
            rest = tail;
        }
        aimed
    }

    /// Several commands, so that they can be pasted at once.
    #[must_use]
    pub fn all(&self, commands: &[String]) -> String {
        let aimed: Vec<String> = commands.iter().map(|command| self.at(command)).collect();
        // One that asks must not take the next one for its answer: the shell reads all of these as one line first.
        let asks = aimed.iter().any(|command| ASKS.iter().any(|word| command.contains(word)));
        aimed.join(if asks { "; \\\n" } else { "\n" })
    }
}

/// A flag with its value as one word of a POSIX shell.
fn quoted_flag(flag: &str, value: &str) -> String {
    let word = quoted(&format!("{flag}={value}"));
    // What needs quotes is quoted as a whole, dashes included.
    match word.strip_prefix('\'') {
        Some(inside) => format!("'--{inside}"),
        None => format!("--{word}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prod() -> Aim {
        let user = Text::foreign("on call");
        Aim { user, ..Aim::context(Text::foreign("prod-weu")) }
    }

    #[test]
    fn every_kubectl_of_a_command_is_told_where_and_as_whom_and_no_other_word() {
        for (command, aimed) in [
            ("kubectl annotate es kubectl a=b", "kubectl --context=prod-weu '--as=on call' annotate es kubectl a=b"),
            (
                "kubectl get job x | jq 'a | kubectl b' | kubectl replace -f -",
                "kubectl --context=prod-weu '--as=on call' get job x | jq 'a | kubectl b' | kubectl --context=prod-weu '--as=on call' replace -f -",
            ),
            (r"echo 'it'\''s; kubectl x'", r"echo 'it'\''s; kubectl x'"),
            ("bao operator unseal -address=http://127.0.0.1:8200", "bao operator unseal -address=http://127.0.0.1:8200"),
        ] {
            assert_eq!(prod().at(command), aimed);
        }
        assert_eq!(Aim::default().at("kubectl get pods"), "kubectl get pods");
    }

    #[test]
    fn what_asks_for_a_share_is_one_line_for_the_shell() {
        let unseal = |port: u16| format!("bao operator unseal -address=http://127.0.0.1:{port}");
        let all = Aim::default().all(&[unseal(8200), unseal(8201)]);
        assert_eq!(all, format!("{}; \\\n{}", unseal(8200), unseal(8201)));
        assert_eq!(Aim::default().all(&["kubectl a".to_owned(), "kubectl b".to_owned()]), "kubectl a\nkubectl b");
    }
}
