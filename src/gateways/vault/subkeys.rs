//! The names of the properties of a path, KV v2: `subkeys`, whose answer has null where a value would stand (facts:
//! OpenBao 2.7.2, Vault 1.21.4). On a mount of KV v1 the same request would read the *value* of a key that is called
//! so. Therefore it is not asked there, and an answer with anything but names and null in it is thrown away whole,
//! unread; the bytes are wiped with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::api::{Api, Question};
use super::classify::{AT_ONCE, dead};
use super::client::Answer;
use super::wire::{Data, Heard};
use crate::model::vault::Told;
use crate::model::{Fault, FaultKind, Name, Text};
use crate::ports::MountPaths;

/// More names than this of one path are not kept.
const MOST: usize = 1000;
/// Names nested deeper than this are not looked into.
const DEEPEST: usize = 16;

/// Asks for the names of each path, in the order of the paths; see [`crate::ports::Vault::properties`].
pub(in crate::gateways) async fn properties(
    api: &dyn Api,
    said: &Name,
    wanted: &MountPaths,
) -> Result<Vec<Told<Arc<[Text]>>>, Fault> {
    if wanted.kv.as_str() == "v1" {
        return Ok(wanted.keys.iter().map(|_| Told::Absent).collect());
    }
    let mount = wanted.mount.as_str().trim_matches('/');
    let one = |key: &String| {
        let key = key.trim_matches('/');
        let path = format!("{mount}/subkeys/{}", key.strip_prefix("data/").unwrap_or(key));
        let question = Question::get(wanted.namespace.as_str(), path);
        async move {
            match api.ask(&question).await? {
                Some(answer) => read(api, &answer, said).await,
                None => Ok(Told::NotAsked),
            }
        }
    };
    let asked: Vec<_> = wanted.keys.iter().map(one).collect();
    let answers: Vec<Result<_, Fault>> = futures::stream::iter(asked).buffered(AT_ONCE).collect().await;
    answers.into_iter().collect()
}

/// Reads one answer; a fault is one that concerns every path.
async fn read(api: &dyn Api, answer: &Answer, said: &Name) -> Result<Told<Arc<[Text]>>, Fault> {
    if (200..300).contains(&answer.status) {
        return Ok(names(&answer.body).map_or_else(
            || Told::Failed(Fault::new(FaultKind::Http, &format!("{said} answers with something that is not names alone."))),
            Told::Said,
        ));
    }
    // Only what the refusal says is read of it; the body of a deleted version has the names as null.
    Ok(match answer.heard::<serde::de::IgnoredAny>(said) {
        Ok(Heard::TokenOrDenied) => match api.ask(&Question::get("", "auth/token/lookup-self")).await? {
            Some(answer) if answer.status == 403 => return Err(dead()),
            _ => Told::Denied,
        },
        Ok(Heard::Denied) => Told::Denied,
        Ok(_) => Told::Absent,
        Err(fault) if fault.concerns_all() => return Err(fault),
        Err(fault) => Told::Failed(fault),
    })
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    subkeys: &'a RawValue,
    /// Only the endpoint itself says which version the names are of; a value that looks like its answer does not.
    #[serde(rename = "metadata")]
    _metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "version")]
    _version: u64,
}

/// The names in an answer, nested ones with dots between, in order; `None` if there is anything else in it.
fn names(body: &[u8]) -> Option<Arc<[Text]>> {
    let Data { data: Wire { subkeys, .. } } = serde_json::from_slice::<Data<Wire<'_>>>(body).ok()?;
    let mut found = Vec::new();
    within(subkeys, "", 0, &mut found)?;
    Some(found.into())
}

/// The same answer for a capture: names and null, or nothing at all.
pub(super) fn kept(body: &[u8]) -> serde_json::Value {
    let read = names(body).and_then(|_| serde_json::from_slice::<Data<Wire<'_>>>(body).ok());
    let subkeys = read.and_then(|Data { data }| serde_json::from_str::<serde_json::Value>(data.subkeys.get()).ok());
    // Only the endpoint itself says a version; which, is not read.
    subkeys.map_or_else(
        || serde_json::json!({}),
        |subkeys| serde_json::json!({"data": {"subkeys": subkeys, "metadata": {"version": 1}}}),
    )
}

/// Takes in the names of one level. Nothing of a value is looked at but its first character.
fn within(level: &RawValue, above: &str, depth: usize, found: &mut Vec<Text>) -> Option<()> {
    for (name, below) in serde_json::from_str::<BTreeMap<String, &RawValue>>(level.get()).ok()? {
        let name = if above.is_empty() { name } else { format!("{above}.{name}") };
        match below.get().trim() {
            "null" | "{}" => {}
            text if text.starts_with('{') && depth < DEEPEST => {
                within(below, &name, depth + 1, found)?;
                continue;
            }
            text if text.starts_with('{') => {}
            _ => return None,
        }
        if found.len() < MOST {
            found.push(Text::foreign(&name));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    fn told(body: &str) -> Option<Vec<String>> {
        names(body.as_bytes()).map(|names| names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn names_are_read_and_nothing_else_is() {
        // As OpenBao 2.7.2 answers: lists, numbers and empty objects are null too.
        let body = r#"{"request_id":"d259ec0c","data":{"metadata":{"created_time":"2026-11-25T22:43:23Z","version":1},
            "subkeys":{"arr":null,"dot.ted":null,"n":{"e":null,"y":null,"z":{"w":null}},"x":null,"empty":{}}},"warnings":null}"#;
        assert_eq!(told(body).unwrap(), ["arr", "dot.ted", "empty", "n.e", "n.y", "n.z.w", "x"]);
        for value in [
            // A secret of KV v1 that is called `subkeys/…`, and some that try to look like an answer.
            r#"{"data":{"password":"canary"}}"#,
            r#"{"data":{"subkeys":"canary","metadata":{"version":1}}}"#,
            r#"{"data":{"subkeys":{"password":"canary"},"metadata":{"version":1}}}"#,
            r#"{"data":{"subkeys":{"a":null,"b":{"c":["canary"]}},"metadata":{"version":1}}}"#,
            r#"{"data":{"subkeys":{"a":null,"b":{"c":7}},"metadata":{"version":1}}}"#,
            r#"{"data":{"subkeys":{"a":null},"metadata":"canary"}}"#,
            r#"{"data":{"subkeys":{"a":null}}}"#,
            r#"{"data":{"subkeys":null,"metadata":{"version":1}}}"#,
        ] {
            assert_eq!(told(value), None, "{value}");
        }
    }

    #[test]
    fn no_answer_is_too_deep_or_too_wide() {
        let deep = format!("{}null{}", r#"{"a":"#.repeat(5000), "}".repeat(5000));
        let of = |subkeys: &str| told(&format!(r#"{{"data":{{"subkeys":{subkeys},"metadata":{{"version":1}}}}}}"#));
        assert_eq!(of(&deep).unwrap(), [vec!["a"; DEEPEST + 1].join(".")]);
        let wide: Vec<String> = (0..5000).map(|n| format!(r#""k{n}":null"#)).collect();
        assert_eq!(of(&format!("{{{}}}", wide.join(","))).unwrap().len(), MOST);
    }

    struct Says(u16, &'static str);

    #[async_trait]
    impl Api for Says {
        async fn ask(&self, question: &Question) -> Result<Option<Answer>, Fault> {
            Ok(match question.path.as_str() {
                "secret/subkeys/app/db" => Some(Answer::of(self.0, self.1.as_bytes().to_vec())),
                "auth/token/lookup-self" => Some(Answer::of(200, br#"{"data":{}}"#.to_vec())),
                _ => None,
            })
        }
    }

    async fn says(kv: &str, key: &str, status: u16, body: &'static str) -> Result<Told<Arc<[Text]>>, Fault> {
        let wanted = MountPaths {
            namespace: Text::default(),
            mount: Text::foreign("secret"),
            kv: Name::new(kv),
            keys: vec![key.to_owned()],
        };
        properties(&Says(status, body), &Name::new("vault-0"), &wanted).await.map(|mut all| all.remove(0))
    }

    #[tokio::test]
    async fn what_is_not_names_is_told_apart() {
        let of = async |status, body| says("v2", "data/app/db", status, body).await;
        let gone = r#"{"data":{"metadata":{"deletion_time":"2026-11-25T22:43:23Z","version":1},"subkeys":null}}"#;
        assert_eq!(of(404, gone).await.unwrap(), Told::Absent);
        assert_eq!(of(404, r#"{"errors":[]}"#).await.unwrap(), Told::Absent);
        assert_eq!(of(403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#).await.unwrap(), Told::Denied);
        assert_eq!(of(403, r#"{"errors":["permission denied"]}"#).await.unwrap(), Told::Denied, "but the token lives");
        assert_eq!(of(503, r#"{"errors":["Vault is sealed"]}"#).await.unwrap_err().kind, FaultKind::Sealed);
        let value = of(200, r#"{"data":{"password":"canary"}}"#).await.unwrap();
        assert!(matches!(value, Told::Failed(_)) && !format!("{value:?}").contains("canary"), "{value:?}");
        assert_eq!(says("v1", "app/db", 200, r#"{"data":{"password":"canary"}}"#).await.unwrap(), Told::Absent, "not even asked");
        assert_eq!(says("v2", "other", 200, "").await.unwrap(), Told::NotAsked, "not recorded");
    }
}
