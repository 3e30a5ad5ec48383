//! What a capture keeps of an answer: what is read of it. An answer that nothing is read of, such as that to a login, is
//! kept as its status alone.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::api::{Method, Question};
use super::client::Answer;
use super::cluster::{Mounts, Nodes, WireAutopilot, WireSeal};
use super::faults::Refusal;
use super::wire::{Data, Keys, Metadata, WireMount};
use super::{subkeys, whose};
use crate::gateways::capture::kept::kept;
use crate::model::vault::{AuthConfig, AuthRole};

/// The body of an answer as far as anything of it is read.
pub(in crate::gateways) fn body(question: &Question, answer: &Answer) -> Value {
    if !(200..300).contains(&answer.status) {
        let Refusal { errors, warnings } = Refusal::read(&answer.body);
        return if warnings.is_empty() { json!({"errors": errors}) } else { json!({"errors": errors, "warnings": warnings}) };
    }
    let path = question.path.as_str();
    let of_method = path.strip_prefix("auth/").and_then(|path| path.split_once('/')).map_or("", |(_, rest)| rest);
    match question.method {
        Method::List => of::<Keys>(answer),
        Method::Post if path == "sys/capabilities-self" => of::<BTreeMap<String, Vec<String>>>(answer),
        Method::Post => json!({}),
        Method::Get => match path {
            "sys/ha-status" => of::<Nodes>(answer),
            "sys/storage/raft/autopilot/state" => of::<WireAutopilot>(answer),
            "sys/internal/ui/mounts" => of::<Mounts>(answer),
            "auth/token/lookup-self" => of::<whose::Wire>(answer),
            _ if path.starts_with("sys/internal/ui/mounts/") => of::<WireMount>(answer),
            _ if path.starts_with("sys/namespaces/") => of::<WireSeal>(answer),
            _ if of_method.contains("role/") => of::<AuthRole>(answer),
            _ if of_method.ends_with("config") => of::<AuthConfig>(answer),
            _ if path.contains("/metadata/") => of::<Metadata>(answer),
            _ if path.contains("/subkeys/") => subkeys::kept(&answer.body),
            _ => json!({}),
        },
    }
}

fn of<T: DeserializeOwned>(answer: &Answer) -> Value {
    let value = serde_json::from_slice::<Value>(&answer.body).ok();
    value.and_then(|value| kept::<Data<T>>(&value).ok()).unwrap_or_else(|| json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_and_no_value_is_kept() {
        let of = |question: Question, status: u16, text: &str| {
            body(&question, &Answer::of(status, text.as_bytes().to_vec())).to_string()
        };
        let token = r#"{"auth":{"client_token":"canary"},"data":{"id":"canary","accessor":"canary","display_name":"me","meta":{"a":"canary"}}}"#;
        let login = Question::post("", "auth/kubernetes/login".to_owned(), "{}".to_owned());
        assert_eq!(of(login, 200, token), "{}");
        assert_eq!(of(Question::get("", "auth/token/lookup-self"), 200, token), r#"{"data":{"display_name":"me"}}"#);
        let value =
            r#"{"data":{"data":{"password":"canary"},"password":"canary","custom_metadata":{"a":"canary"},"current_version":2}}"#;
        for path in ["secret/metadata/app/db", "secret/subkeys/app/db", "secret/data/app/db", "secret/app/db", "auth/a/b"] {
            let kept = of(Question::get("", path), 200, value);
            assert!(!kept.contains("canary"), "{path}: {kept}");
        }
        let names = r#"{"data":{"metadata":{"version":1,"custom_metadata":{"a":"canary"}},"subkeys":{"password":null}}}"#;
        let kept = of(Question::get("", "secret/subkeys/app/db"), 200, names);
        assert!(kept.contains(r#""password":null"#) && !kept.contains("canary"), "{kept}");
        let refused = of(Question::get("", "secret/metadata/x"), 403, r#"{"errors":["permission denied"],"data":"canary"}"#);
        assert_eq!(refused, r#"{"errors":["permission denied"]}"#);
    }
}
