//! What the answers about mounts, paths and rights are read as. Values are never among them: metadata, names
//! of keys, capabilities.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::client::Answer;
use super::faults::{Refusal, refused};
use crate::model::vault::{May, MountState, Older, PathFacts, PathState};
use crate::model::{Fault, FaultKind, Name, Text};

/// `{"data": …}`.
#[derive(Deserialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

/// Metadata of a path, KV v2.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Metadata {
    current_version: u64,
    versions: BTreeMap<String, Version>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Version {
    created_time: Option<Timestamp>,
    deletion_time: String,
    destroyed: bool,
}

impl Metadata {
    /// What it says of the path at this time.
    pub(super) fn facts(&self, now: Timestamp) -> PathFacts {
        let current = self.current_version;
        let versions = || self.versions.iter().filter_map(|(number, version)| Some((number.parse::<u64>().ok()?, version)));
        let state = match versions().find(|(number, _)| *number == current) {
            None if current == 0 => PathState::Missing,
            Some((number, version)) => version.state(number, now),
            None => PathState::Present { version: current, written: None },
        };
        let before = || versions().filter(|(number, _)| *number < current);
        let gone = before().map(|(number, version)| version.state(number, now)).filter(PathState::is_trouble);
        let older = Older { oldest: versions().map(|(number, _)| number).min().unwrap_or_default(), gone: gone.collect() };
        PathFacts { older, ..PathFacts::of(state) }
    }
}

impl Version {
    fn state(&self, version: u64, now: Timestamp) -> PathState {
        match self.deletion_time.parse::<Timestamp>() {
            _ if self.destroyed => PathState::Destroyed { version },
            // A time in the future is the end of its life (`delete_version_after`).
            Ok(at) if at <= now => PathState::Deleted { version, at: Some(at) },
            _ => PathState::Present { version, written: self.created_time },
        }
    }
}

/// A list of keys; with OpenBao's detailed list their metadata too.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Keys {
    pub(super) keys: Vec<String>,
    pub(super) key_info: BTreeMap<String, Metadata>,
}

/// `sys/internal/ui/mounts/<mount>`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct WireMount {
    path: String,
    #[serde(rename = "type")]
    engine: String,
    options: Option<BTreeMap<String, String>>,
}

impl WireMount {
    /// Its type.
    pub(super) fn engine(&self) -> &str {
        &self.engine
    }

    /// What it is.
    pub(super) fn state(&self) -> MountState {
        if !matches!(self.engine.as_str(), "kv" | "generic") {
            return MountState::Other(Text::foreign(&self.engine));
        }
        let version = self.options.as_ref().and_then(|options| options.get("version")?.parse().ok());
        MountState::Kv(version.unwrap_or(1))
    }
}

/// What became of a question.
pub(super) enum Heard<T> {
    /// A success.
    Said(T),
    /// A 404 with an empty list of errors: nothing stands there.
    Nothing,
    /// A 404 that says why.
    NoMount,
    /// A 404 with a warning: the mount has no such path. It is of the other KV version, or an older server.
    NoSuchEndpoint,
    /// A 403 of the ACL.
    Denied,
    /// A 403 that may also be a token's that is not valid.
    TokenOrDenied,
}

impl Answer {
    /// Reads an answer: what concerns the whole server is a fault.
    pub(super) fn heard<T: for<'de> Deserialize<'de>>(&self, said: &Name) -> Result<Heard<T>, Fault> {
        if (200..300).contains(&self.status) {
            let unreadable =
                |_| Fault::new(FaultKind::Http, &format!("{said} answers with something that is not what was asked for."));
            return serde_json::from_slice::<Data<T>>(&self.body).map(|data| Heard::Said(data.data)).map_err(unreadable);
        }
        let refusal = Refusal::read(&self.body);
        let first = refusal.errors.first().map_or("", String::as_str);
        match self.status {
            // OpenBao says the bare words of a bad token, HashiCorp's Vault “invalid token” (vault#26687).
            403 if first.trim() == "permission denied" || first.contains("invalid token") => Ok(Heard::TokenOrDenied),
            403 => Ok(Heard::Denied),
            404 if first.contains("no handler for route") => Ok(Heard::NoMount),
            404 if !refusal.warnings.is_empty() => Ok(Heard::NoSuchEndpoint),
            404 if first.is_empty() => Ok(Heard::Nothing),
            status => Err(refused(status, &self.body, said)),
        }
    }
}

/// Reads what is said of a mount; `None` if the token may be dead.
pub(super) fn mount(answer: &Answer, asked: &str, said: &Name) -> Result<Option<MountState>, Fault> {
    Ok(Some(match answer.heard::<WireMount>(said)? {
        Heard::Said(mount) if mount.path.trim_matches('/') != asked => MountState::Missing,
        Heard::Said(mount) => mount.state(),
        Heard::TokenOrDenied => return Ok(None),
        Heard::Denied => MountState::Hidden,
        Heard::Nothing | Heard::NoMount | Heard::NoSuchEndpoint => MountState::NotAsked,
    }))
}

/// What a token may do, by path.
pub(super) struct Capabilities(BTreeMap<String, Vec<String>>);

impl Capabilities {
    pub(super) const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Takes in an answer of `sys/capabilities-self`. A token that may not even ask that leaves it unknown.
    pub(super) fn add(&mut self, answer: &Answer) {
        if let Ok(data) = serde_json::from_slice::<Data<BTreeMap<String, Vec<String>>>>(&answer.body)
            && (200..300).contains(&answer.status)
        {
            self.0.extend(data.data);
        }
    }

    /// Whether a path may be read or listed.
    pub(super) fn may(&self, path: &str, capability: &str) -> May {
        match self.0.get(path) {
            None => May::Unknown,
            Some(held) if held.iter().any(|held| held == capability || held == "root") => May::Yes,
            Some(_) => May::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer::of(status, body.as_bytes().to_vec())
    }

    fn state(version: &str) -> String {
        let text = format!(r#"{{"current_version":2,"versions":{{"1":{{"destroyed":true}},"2":{version}}}}}"#);
        let facts = serde_json::from_str::<Metadata>(&text).unwrap().facts("2026-11-25T00:00:00Z".parse().unwrap());
        assert_eq!(facts.older, Older { oldest: 1, gone: [PathState::Destroyed { version: 1 }].into() });
        format!("{:?}", facts.state)
    }

    #[test]
    fn the_current_version_decides() {
        assert_eq!(
            state(r#"{"created_time":"2026-11-24T10:00:00.123456789Z","deletion_time":"","destroyed":false}"#),
            "Present { version: 2, written: Some(2026-11-24T10:00:00.123456789Z) }"
        );
        assert_eq!(
            state(r#"{"deletion_time":"2026-11-24T10:00:00Z","destroyed":false}"#),
            "Deleted { version: 2, at: Some(2026-11-24T10:00:00Z) }"
        );
        assert_eq!(
            state(r#"{"deletion_time":"2027-11-24T10:00:00Z","destroyed":false}"#),
            "Present { version: 2, written: None }",
            "the end of its life is still to come"
        );
        assert_eq!(state(r#"{"deletion_time":"2026-11-24T10:00:00Z","destroyed":true}"#), "Destroyed { version: 2 }");
        assert_eq!(Metadata::default().facts(Timestamp::UNIX_EPOCH).state, PathState::Missing, "all of it was deleted");
    }

    #[test]
    fn the_shapes_of_nothing_are_told_apart() {
        let shape = |status, body: &str| match answer(status, body).heard::<Keys>(&Name::new("vault-0")) {
            Ok(Heard::Said(_)) => "said".to_owned(),
            Ok(Heard::Nothing) => "nothing".to_owned(),
            Ok(Heard::NoMount) => "no mount".to_owned(),
            Ok(Heard::NoSuchEndpoint) => "no such endpoint".to_owned(),
            Ok(Heard::Denied) => "denied".to_owned(),
            Ok(Heard::TokenOrDenied) => "token or denied".to_owned(),
            Err(fault) => format!("{:?}", fault.kind),
        };
        for (status, body, expected) in [
            (200, r#"{"data":{"keys":["a"]}}"#, "said"),
            (404, r#"{"errors":[]}"#, "nothing"),
            (404, r#"{"errors":["no handler for route \"m/metadata/x\". route entry not found."]}"#, "no mount"),
            (404, r#"{"data":null,"warnings":["Invalid path for a versioned K/V secrets engine."]}"#, "no such endpoint"),
            (403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#, "denied"),
            (403, r#"{"errors":["permission denied"]}"#, "token or denied"),
            (403, r#"{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}"#, "token or denied"),
            (503, r#"{"errors":["Vault is sealed"]}"#, "Sealed"),
            (429, r#"{"errors":["request path \"secret/x\": rate limit quota exceeded"]}"#, "Throttled"),
            (200, "<html>", "Http"),
        ] {
            assert_eq!(shape(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_mount_is_its_version_or_hidden() {
        let of = |status, body: &str| mount(&answer(status, body), "secret", &Name::new("vault-0")).unwrap();
        assert_eq!(of(200, r#"{"data":{"path":"secret/","type":"kv","options":{"version":"2"}}}"#), Some(MountState::Kv(2)));
        assert_eq!(of(200, r#"{"data":{"path":"secret/","type":"kv","options":null}}"#), Some(MountState::Kv(1)));
        assert_eq!(of(200, r#"{"data":{"path":"secret/","type":"pki"}}"#), Some(MountState::Other(Text::foreign("pki"))));
        assert_eq!(of(200, r#"{"data":{"path":"sec/","type":"kv"}}"#), Some(MountState::Missing), "what answers is above it");
        assert_eq!(of(403, r#"{"errors":["preflight capability check returned 403, please …"]}"#), Some(MountState::Hidden));
        assert_eq!(of(403, r#"{"errors":["permission denied"]}"#), None);
    }

    #[test]
    fn rights_are_unknown_until_said() {
        let mut rights = Capabilities::none();
        rights.add(&answer(403, r#"{"errors":["permission denied"]}"#));
        assert_eq!(rights.may("secret/data/a", "read"), May::Unknown);
        rights.add(&answer(200, r#"{"data":{"secret/data/a":["read"],"secret/data/b":["deny"],"c":["root"]}}"#));
        let may = |path| rights.may(path, "read");
        assert_eq!([may("secret/data/a"), may("secret/data/b"), may("c")], [May::Yes, May::No, May::Yes]);
    }
}
