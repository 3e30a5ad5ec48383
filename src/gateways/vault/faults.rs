//! What a refusal of Vault means. The server's own words are kept (the first error, scrubbed): the runbooks
//! know some of them.

use serde::Deserialize;

use crate::model::{Fault, FaultKind, Name};

/// The body of a refusal.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Refusal {
    pub(super) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The first error on one line, without the list that Go's multierror makes of it.
    pub(super) fn first(&self) -> String {
        let error = self.errors.first().map_or("", String::as_str);
        let lines: Vec<&str> =
            error.lines().map(|line| line.trim().trim_start_matches("* ")).filter(|line| !line.is_empty()).collect();
        match lines.as_slice() {
            [count, rest @ ..] if count.ends_with("occurred:") && !rest.is_empty() => rest.join("; "),
            lines => lines.join("; "),
        }
    }
}

/// Reads a refusal.
pub(super) fn refused(status: u16, body: &[u8], said: &Name) -> Fault {
    let error = Refusal::read(body).first();
    let kind = kind(status, &error);
    let hint = match kind {
        FaultKind::Sealed => "Unseal it: runbook “recover”.",
        FaultKind::SealedNamespace => "Its own shares unseal it: “bao namespace unseal”, from the namespace above.",
        FaultKind::Throttled => "A rate limit quota of the Vault holds it back: wait a moment.",
        FaultKind::Forbidden => "Does the token's policy cover this?",
        _ => "",
    };
    let error = if error.is_empty() { format!("status {status}") } else { error };
    Fault::new(kind, &format!("{said} answers: {}.", error.trim_end_matches('.'))).hinted(hint)
}

fn kind(status: u16, error: &str) -> FaultKind {
    // A wrong share is 400 on OpenBao, and 500 on some versions of HashiCorp's Vault (vault#17792).
    let wrong_share = ["message authentication failed", "invalid key", "failed to verify recovery key"];
    match status {
        _ if wrong_share.iter().any(|text| error.contains(text)) => FaultKind::Invalid,
        401 => FaultKind::Unauthorized,
        403 => FaultKind::Forbidden,
        404 => FaultKind::NotFound,
        409 | 412 => FaultKind::Conflict,
        // The version that was to be replaced (`cas`) is not the newest any more.
        400 if error.contains("check-and-set parameter did not match") => FaultKind::Conflict,
        429 => FaultKind::Throttled,
        503 if error.contains("namespace is sealed") => FaultKind::SealedNamespace,
        503 if error.contains("sealed") => FaultKind::Sealed,
        400..500 => FaultKind::Invalid,
        500..600 => FaultKind::Server,
        _ => FaultKind::Http,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_are_kept_and_sorted() {
        for (status, body, kind, words) in [
            (
                400,
                r#"{"errors":["unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: cipher: message authentication failed"]}"#,
                FaultKind::Invalid,
                "message authentication failed.",
            ),
            (
                500,
                r#"{"errors":["failed: cipher: message authentication failed"]}"#,
                FaultKind::Invalid,
                "message authentication failed.",
            ),
            (
                400,
                r#"{"errors":["invalid key: failed to compute combined key: all parts must be the same length"]}"#,
                FaultKind::Invalid,
                "must be the same length.",
            ),
            (503, r#"{"errors":["Vault is sealed"]}"#, FaultKind::Sealed, "vault-0 answers: Vault is sealed."),
            (503, r#"{"errors":["namespace is sealed"]}"#, FaultKind::SealedNamespace, "namespace is sealed."),
            (503, "", FaultKind::Server, "status 503."),
            (
                403,
                "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}",
                FaultKind::Forbidden,
                "answers: permission denied.",
            ),
            (429, r#"{"errors":["request path \"x\": rate limit quota exceeded"]}"#, FaultKind::Throttled, "quota exceeded."),
            (500, r#"{"errors":["local node not active but active cluster node not found"]}"#, FaultKind::Server, "not found."),
            (404, "<html>", FaultKind::NotFound, "status 404."),
            (
                400,
                r#"{"errors":["check-and-set parameter did not match the current version"]}"#,
                FaultKind::Conflict,
                "current version.",
            ),
        ] {
            let fault = refused(status, body.as_bytes(), &Name::new("vault-0"));
            assert_eq!(fault.kind, kind, "{fault}");
            assert!(fault.message.as_str().ends_with(words), "{fault}");
        }
    }
}
