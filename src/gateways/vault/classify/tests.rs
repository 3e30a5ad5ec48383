//! Classification against a small server in memory that counts what it is asked.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::gateways::vault::api::Method;
use crate::model::Text;

type Reply = (u16, String);

/// A server that answers by a function and remembers the questions.
struct Fake<F>(F, Mutex<Vec<String>>);

#[async_trait]
impl<F: Fn(&Question) -> Option<Reply> + Send + Sync> Api for Fake<F> {
    async fn ask(&self, question: &Question) -> Result<Option<Answer>, Fault> {
        self.1.lock().unwrap().push(question.to_string());
        Ok((self.0)(question).map(|(status, body)| Answer::of(status, body.into_bytes())))
    }
}

/// What [`Fake`] was asked for, and the classification.
async fn asked(
    mount: &str,
    kv: &str,
    keys: &[&str],
    answer: impl Fn(&Question) -> Option<Reply> + Send + Sync,
) -> (Result<Classified, Fault>, Vec<String>) {
    let fake = Fake(answer, Mutex::default());
    let wanted = MountPaths {
        namespace: Text::default(),
        mount: Text::foreign(mount),
        kv: Name::new(kv),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    let now = "2026-11-25T00:00:00Z".parse().unwrap();
    let result = classify(&fake, &Name::new("vault-0"), &wanted, now, &FolderWise::default()).await;
    (result, fake.1.into_inner().unwrap())
}

fn states(result: Result<Classified, Fault>) -> Vec<String> {
    result.unwrap().paths.into_iter().map(|facts| format!("{:?}", facts.state)).collect()
}

const NOTHING: &str = r#"{"errors":[]}"#;
const DENIED: &str = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
const NO_MOUNT: &str = r#"{"errors":["no handler for route \"x\". route entry not found."]}"#;
const PRESENT: &str = r#"{"data":{"current_version":3,"versions":{"3":{"created_time":"2026-11-24T10:00:00Z"}}}}"#;

fn mounted(version: u8) -> Reply {
    (200, format!(r#"{{"data":{{"path":"secret/","type":"kv","options":{{"version":"{version}"}}}}}}"#))
}

/// A KV v2 mount of OpenBao with these keys, in pages as it makes them.
fn openbao(question: &Question, keys: &BTreeSet<String>) -> Reply {
    if question.path.starts_with("sys/internal/ui/mounts/") {
        return mounted(2);
    }
    let Some(folder) = question.path.strip_prefix("secret/detailed-metadata/") else { return (200, r#"{"data":{}}"#.to_owned()) };
    let query = question.query.as_deref().unwrap_or_default();
    let after = query.split_once("after=").map_or("", |(_, after)| after);
    let limit: usize = query.split_once("limit=").and_then(|(_, rest)| rest.split('&').next()?.parse().ok()).unwrap();
    let page: Vec<&str> = keys.iter().filter_map(|key| key.strip_prefix(folder)).filter(|key| *key > after).take(limit).collect();
    if page.is_empty() {
        return (404, NOTHING.to_owned());
    }
    let mut info = String::new();
    for key in &page {
        let metadata = r#"{"current_version":1,"versions":{"1":{"created_time":"2026-11-24T10:00:00Z","deletion_time":""}}}"#;
        write!(info, r#"{}"{key}":{metadata}"#, if info.is_empty() { "" } else { "," }).unwrap();
    }
    (200, format!(r#"{{"data":{{"keys":{page:?},"key_info":{{{info}}}}}}}"#))
}

#[tokio::test]
async fn a_folder_costs_one_request_however_many_paths_it_has() {
    let keys: Vec<String> = (0..5000).map(|n| format!("team-{:02}/app-{:03}", n % 100, n / 100)).collect();
    let there: BTreeSet<String> = keys.iter().filter(|key| !key.ends_with("app-007")).cloned().collect();
    let wanted: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (result, asked) = asked("secret", "v2", &wanted, |question| Some(openbao(question, &there))).await;
    let classified = result.unwrap();
    let missing = classified.paths.iter().filter(|facts| facts.state == PathState::Missing).count();
    assert_eq!((classified.mount, missing, classified.paths.len()), (MountState::Kv(2), 100, 5000));
    // 1 for the mount, 17 for the rights of 10,100 places, 100 folders.
    assert_eq!((classified.requests, asked.len()), (118, 118));
}

#[tokio::test]
async fn a_full_folder_is_paged_and_given_up_when_paths_alone_are_cheaper() {
    let there: BTreeSet<String> = (0..1200).map(|n| format!("big/k{n:04}")).collect();
    let (result, asked) =
        asked("secret", "v2", &["big/k0001", "big/k0700", "big/none"], |question| Some(openbao(question, &there))).await;
    assert_eq!(states(result)[2], "Missing");
    let pages: Vec<&String> = asked.iter().filter(|asked| asked.starts_with("LIST")).collect();
    assert_eq!(pages.len(), 3);
    let (result, asked) = self::asked("secret", "v2", &["big/k0001", "big/z"], |question| {
        if question.path.starts_with("secret/metadata/") {
            return Some((200, PRESENT.to_owned()));
        }
        Some(openbao(question, &there))
    })
    .await;
    assert!(states(result)[1].starts_with("Present"));
    assert_eq!(asked.iter().filter(|asked| asked.starts_with("LIST")).count(), 2, "two paths are worth two pages");
}

#[tokio::test]
async fn without_detailed_lists_it_is_one_request_a_path() {
    let keys: Vec<String> = (0..40).map(|n| format!("app/{n}")).collect();
    let wanted: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (result, asked) = asked("secret", "v2", &wanted, |question| {
        Some(match question.path.as_str() {
            path if path.starts_with("sys/internal") => mounted(2),
            path if path.starts_with("secret/detailed-metadata/") => {
                (404, r#"{"data":null,"warnings":["Invalid path"]}"#.to_owned())
            }
            path if path.starts_with("secret/metadata/") => (200, PRESENT.to_owned()),
            _ => (200, r#"{"data":{}}"#.to_owned()),
        })
    })
    .await;
    assert!(states(result).iter().all(|state| state.starts_with("Present { version: 3")));
    assert_eq!(asked.len(), 40 + 3, "the mount, the rights, and one attempt");
}

#[tokio::test]
async fn the_five_shapes_of_nothing_and_denial_are_told_apart() {
    let of = |status: u16, body: &'static str| async move {
        let (result, _) = asked("secret", "v2", &["a"], |question| {
            Some(match question.path.as_str() {
                "secret/metadata/a" => (status, body.to_owned()),
                path if path.starts_with("sys/internal") => {
                    (403, r#"{"errors":["preflight capability check returned 403"]}"#.to_owned())
                }
                "auth/token/lookup-self" => (200, r#"{"data":{}}"#.to_owned()),
                _ => (200, r#"{"data":{"secret/data/a":["deny"],"secret/metadata/a":["read"]}}"#.to_owned()),
            })
        })
        .await;
        let classified = result.unwrap();
        assert_eq!((classified.paths[0].value, classified.paths[0].metadata), (May::No, May::Yes));
        (format!("{:?}", classified.paths[0].state), classified.mount)
    };
    let deleted = r#"{"data":{"current_version":2,"versions":{"2":{"deletion_time":"2026-11-24T10:00:00Z"}}}}"#;
    let destroyed = r#"{"data":{"current_version":2,"versions":{"2":{"destroyed":true}}}}"#;
    for (status, body, state, mount) in [
        (404, NO_MOUNT, "NoMount", MountState::Missing),
        (404, r#"{"warnings":["Invalid path for a versioned K/V secrets engine"]}"#, "OtherVersion(1)", MountState::Hidden),
        (404, NOTHING, "Missing", MountState::Hidden),
        (200, deleted, "Deleted { version: 2, at: Some(2026-11-24T10:00:00Z) }", MountState::Hidden),
        (200, destroyed, "Destroyed { version: 2 }", MountState::Hidden),
        (403, DENIED, "Denied", MountState::Hidden),
        // The bare words of a dead token, but the token lives.
        (403, r#"{"errors":["permission denied"]}"#, "Denied", MountState::Hidden),
    ] {
        assert_eq!(of(status, body).await, (state.to_owned(), mount), "{status} {body}");
    }
}

#[tokio::test]
async fn a_mount_of_the_other_version_needs_no_further_question() {
    for (kv, version) in [("v1", 2), ("v2", 1)] {
        let (result, asked) = asked("secret", kv, &["a", "b/c"], |_| Some(mounted(version))).await;
        assert_eq!(states(result), [format!("OtherVersion({version})"), format!("OtherVersion({version})")]);
        assert_eq!(asked.len(), 1);
    }
}

#[tokio::test]
async fn kv_v1_is_known_by_the_list_of_its_folder_and_no_value_is_read() {
    let (result, asked) = asked("secret", "v1", &["app/db", "app/none", "top"], |question| {
        Some(match (question.method, question.path.as_str()) {
            (Method::Get, _) => mounted(1),
            (Method::List, "secret/app/") => (200, r#"{"data":{"keys":["db","none/"]}}"#.to_owned()),
            (Method::List, _) => (403, DENIED.to_owned()),
            _ => (200, r#"{"data":{"secret/app/db":["root"]}}"#.to_owned()),
        })
    })
    .await;
    let classified = result.unwrap();
    assert_eq!(classified.paths[0].value, May::Yes);
    let states: Vec<String> = classified.paths.iter().map(|facts| format!("{:?}", facts.state)).collect();
    assert_eq!(states, ["Present { version: 0, written: None }", "Missing", "Denied"]);
    assert!(!asked.iter().any(|asked| asked.contains("GET secret/")), "{asked:?}");
}

#[tokio::test]
async fn a_dead_token_a_seal_and_a_flood_concern_every_path() {
    let bare = r#"{"errors":["permission denied"]}"#;
    for (status, body, kind) in [
        (403, bare, FaultKind::Unauthorized),
        (503, r#"{"errors":["Vault is sealed"]}"#, FaultKind::Sealed),
        (429, r#"{"errors":["rate limit quota exceeded"]}"#, FaultKind::Throttled),
    ] {
        let (result, _) = asked("secret", "v2", &["a"], |_| Some((status, body.to_owned()))).await;
        assert_eq!(result.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn what_was_not_asked_when_it_was_recorded_is_not_known() {
    let (result, _) = asked("secret", "v2", &["a"], |_| None).await;
    assert_eq!(result.unwrap().paths, [PathFacts::default()]);
}
