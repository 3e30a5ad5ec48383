//! What is known of a path, without its values: KV v2 tells by its metadata; KV v1 has none, so its parent
//! is listed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use vaultrs::api::kv1::requests::ListSecretRequest;
use vaultrs::api::kv2::requests::ReadSecretMetadataRequest;

use super::client::{Answer, Call};
use super::faults::{Refusal, refused};
use super::{Inner, PATH};
use crate::gateways::clock;
use crate::model::vault::PathState;
use crate::model::{Fault, FaultKind, Name};
use crate::ports::ReplicaAddress;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
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

#[derive(Deserialize, Default)]
#[serde(default)]
struct Keys {
    keys: Vec<String>,
}

/// See [`crate::ports::Vault::path`].
pub(super) async fn path(
    inner: &Inner,
    replica: &ReplicaAddress,
    mount: &str,
    version: &str,
    path: &str,
) -> Result<PathState, Fault> {
    let (mount, path) = split(mount, path);
    if mount.is_empty() || path.is_empty() {
        return Ok(PathState::Failed(Fault::new(FaultKind::Invalid, &format!("“{mount}/{path}” names no path of a mount."))));
    }
    inner.may_carry_secrets(replica, "token")?;
    let token = inner.environment.token_for(&replica.server)?;
    let call = Call::with_token(PATH, &token, inner.environment.namespace.as_deref());
    if version == "v1" {
        let (parent, leaf) = path.rsplit_once('/').map_or(("", path), |(parent, leaf)| (parent, leaf));
        let request = ListSecretRequest { mount: mount.to_owned(), path: parent.to_owned() };
        return listed(&inner.ask(replica, &request, call).await?, leaf, &replica.pod);
    }
    // As External Secrets does: a key that carries `data/` already does not get it twice.
    let path = path.strip_prefix("data/").unwrap_or(path);
    let request = ReadSecretMetadataRequest { mount: mount.to_owned(), path: path.to_owned() };
    described(&inner.ask(replica, &request, call).await?, &replica.pod, clock::now())
}

/// The mount and what stands in it. A key may carry its mount, and must where the store names none.
fn split<'a>(mount: &'a str, path: &'a str) -> (&'a str, &'a str) {
    let (mount, path) = (mount.trim_matches('/'), path.trim_matches('/'));
    if mount.is_empty() {
        return path.split_once('/').unwrap_or((path, ""));
    }
    (mount, path.strip_prefix(mount).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path))
}

fn described(answer: &Answer, said: &Name, now: Timestamp) -> Result<PathState, Fault> {
    if let Some(state) = not_there(answer, said)? {
        return Ok(state);
    }
    let unreadable =
        || Fault::new(FaultKind::Http, &format!("{said} answers with something that is not the metadata of a path."));
    let metadata = serde_json::from_slice::<Data<Metadata>>(&answer.body).map_err(|_| unreadable())?.data;
    let current = metadata.versions.get(&metadata.current_version.to_string());
    Ok(match current {
        None if metadata.current_version == 0 => PathState::Missing,
        Some(version) if version.destroyed => PathState::Destroyed,
        // A time in the future is the end of its life (`delete_version_after`).
        Some(version) if version.deletion_time.parse::<Timestamp>().is_ok_and(|at| at <= now) => PathState::Deleted,
        current => {
            PathState::Present { version: metadata.current_version, written: current.and_then(|version| version.created_time) }
        }
    })
}

fn listed(answer: &Answer, leaf: &str, said: &Name) -> Result<PathState, Fault> {
    if let Some(state) = not_there(answer, said)? {
        return Ok(state);
    }
    let unreadable = || Fault::new(FaultKind::Http, &format!("{said} answers with something that is not a list of keys."));
    let keys = serde_json::from_slice::<Data<Keys>>(&answer.body).map_err(|_| unreadable())?.data.keys;
    Ok(if keys.iter().any(|key| key == leaf) { PathState::Present { version: 0, written: None } } else { PathState::Missing })
}

/// The shapes of an answer that holds nothing. What concerns the token, and so every path, is a fault.
fn not_there(answer: &Answer, said: &Name) -> Result<Option<PathState>, Fault> {
    if (200..300).contains(&answer.status) {
        return Ok(None);
    }
    let refusal = Refusal::read(&answer.body);
    let fault = refused(answer.status, &answer.body, said);
    Ok(Some(match answer.status {
        // An ACL's denial is a list of one error; a bad token is the bare words, or says so (vault#26687).
        403 if refusal
            .errors
            .first()
            .is_some_and(|error| error.trim() == "permission denied" || error.contains("invalid token")) =>
        {
            return Err(Fault::new(
                FaultKind::Unauthorized,
                "The Vault token is not valid: it has expired, was revoked, or is another Vault's.",
            )
            .hinted("Log in again with “bao login” or “vault login”."));
        }
        403 => PathState::Denied,
        404 if refusal.errors.first().is_some_and(|error| error.contains("no handler for route")) => {
            PathState::Failed(fault.hinted("There is no such mount: compare spec.provider.vault.path of the store."))
        }
        404 if !refusal.warnings.is_empty() => PathState::Failed(
            fault.hinted("The mount is of the other KV version: compare spec.provider.vault.version of the store."),
        ),
        404 => PathState::Missing,
        400 => PathState::Failed(fault),
        _ => return Err(fault),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, date: None, body: body.as_bytes().to_vec().into() }
    }

    fn state(status: u16, body: &str) -> String {
        let now = "2026-11-25T00:00:00Z".parse().unwrap();
        match described(&answer(status, body), &Name::new("vault-0"), now) {
            Ok(PathState::Failed(fault)) => format!("Failed {:?}", fault.kind),
            Ok(state) => format!("{state:?}"),
            Err(fault) => format!("fault {:?}", fault.kind),
        }
    }

    #[test]
    fn the_current_version_decides() {
        let of = |version: &str| {
            format!(r#"{{"data":{{"current_version":2,"versions":{{"1":{{"destroyed":true}},"2":{version}}}}}}}"#)
        };
        assert_eq!(
            state(200, &of(r#"{"created_time":"2026-11-24T10:00:00.123456789Z","deletion_time":"","destroyed":false}"#)),
            "Present { version: 2, written: Some(2026-11-24T10:00:00.123456789Z) }"
        );
        assert_eq!(state(200, &of(r#"{"deletion_time":"2026-11-24T10:00:00Z","destroyed":false}"#)), "Deleted");
        assert_eq!(
            state(200, &of(r#"{"deletion_time":"2027-11-24T10:00:00Z","destroyed":false}"#)),
            "Present { version: 2, written: None }"
        );
        assert_eq!(state(200, &of(r#"{"deletion_time":"2026-11-24T10:00:00Z","destroyed":true}"#)), "Destroyed");
        assert_eq!(state(200, r#"{"data":{"current_version":0,"versions":{}}}"#), "Missing");
    }

    #[test]
    fn the_shapes_of_nothing_are_told_apart() {
        assert_eq!(state(404, r#"{"errors":[]}"#), "Missing");
        assert_eq!(
            state(404, r#"{"errors":["no handler for route \"m/metadata/x\". route entry not found."]}"#),
            "Failed NotFound"
        );
        assert_eq!(
            state(404, r#"{"errors":[],"warnings":["Invalid path for a versioned K/V secrets engine"]}"#),
            "Failed NotFound"
        );
        assert_eq!(state(403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#), "Denied");
        assert_eq!(state(403, r#"{"errors":["permission denied"]}"#), "fault Unauthorized");
        assert_eq!(
            state(403, r#"{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}"#),
            "fault Unauthorized"
        );
        assert_eq!(state(503, r#"{"errors":["Vault is sealed"]}"#), "fault Sealed");
    }

    #[test]
    fn a_v1_key_is_found_in_its_parents_list() {
        let said = Name::new("vault-0");
        let list = answer(200, r#"{"data":{"keys":["a","b/","c"]}}"#);
        assert_eq!(listed(&list, "c", &said).unwrap(), PathState::Present { version: 0, written: None });
        assert_eq!(listed(&list, "b", &said).unwrap(), PathState::Missing);
    }

    #[test]
    fn a_key_may_carry_its_mount() {
        for (mount, path, both) in [
            ("secret", "app/db", ("secret", "app/db")),
            ("secret/", "/secret/app/db", ("secret", "app/db")),
            ("kv/team", "app", ("kv/team", "app")),
            ("", "secret/app", ("secret", "app")),
            ("secret", "secrets/app", ("secret", "secrets/app")),
        ] {
            assert_eq!(split(mount, path), both);
        }
    }
}
