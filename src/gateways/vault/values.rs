//! Writes to paths of KV v2. A value goes from where it was typed straight into the body of one request; the other
//! properties of its path are copied byte by byte from the answer that holds them, and never read.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::api::{Api as _, Question};
use super::client::{self, Answer, Call};
use super::connection::Line;
use super::endpoints::{Post, as_json, word};
use super::reads::Reads;
use super::wire::Data;
use crate::model::vault::May;
use crate::model::{Fault, FaultKind, ObjectRef, Text};
use crate::ports::Typed;
use crate::runbooks::operation::IN_CLUSTER;
use crate::runbooks::{AuthMethod, KvPath, Space, VaultRight};

/// How long a write may take: it goes through storage.
const WRITE: Duration = Duration::from_secs(10);

impl Reads<'_> {
    /// See [`crate::ports::Vault::may`].
    pub(super) async fn may(&self, right: &VaultRight) -> Result<bool, Fault> {
        let question = Question::capabilities(right.namespace.as_str(), std::slice::from_ref(&right.path));
        let mut rights = super::wire::Capabilities::none();
        if let Some(answer) = self.ask(&question).await? {
            rights.add(&answer);
        }
        match right.any_of.iter().map(|capability| rights.may(&right.path, capability)).collect::<Vec<_>>().as_slice() {
            all if all.contains(&May::Yes) => Ok(true),
            all if all.contains(&May::Unknown) => {
                Err(Fault::new(FaultKind::Forbidden, &format!("Whether you may {right} is not told to this token.")))
            }
            _ => Ok(false),
        }
    }

    /// Gives a namespace that has a seal of its own a share, or throws away those that it has. It is asked for in the
    /// namespace above; the token needs `update` there, and for shares `OpenBao` takes no request without one.
    pub(super) async fn give_share(&self, space: &Space, share: Option<&Typed>) -> Result<Answer, Fault> {
        let (above, _) = space.split();
        let body = match share {
            Some(share) => Zeroizing::new(as_json(&[("key", share.reveal())])),
            None => Zeroizing::new(br#"{"reset":true}"#.to_vec()),
        };
        self.post(above, space.endpoint(), body).await
    }

    /// Brings a deleted version back (`undelete`).
    pub(super) async fn undelete(&self, path: &KvPath, version: u64) -> Result<Answer, Fault> {
        let body = Zeroizing::new(format!(r#"{{"versions":[{version}]}}"#).into_bytes());
        self.put(path, "undelete", body).await
    }

    /// Writes one property in place of this version, with all that stands beside it.
    pub(super) async fn write_value(&self, path: &KvPath, property: &str, version: u64, value: &Typed) -> Result<Answer, Fault> {
        let before = match version {
            0 => None,
            _ => self.ask(&Question::get(path.namespace.as_str(), place(path, "data"))).await?,
        };
        let beside = match &before {
            Some(answer) => {
                answer.success(&self.replica.pod)?;
                beside(&answer.body).ok_or_else(|| unreadable(path))?
            }
            None => BTreeMap::new(),
        };
        self.put(path, "data", merged(&beside, property, value.exact(), version)).await
    }

    async fn put(&self, path: &KvPath, view: &str, body: Zeroizing<Vec<u8>>) -> Result<Answer, Fault> {
        self.post(path.namespace.as_str(), place(path, view), body).await
    }

    /// Gives an auth method the form that it has in a pod: the pod's own token and CA are used, and no issuer is asked for.
    /// A write of the configuration replaces all of it, so what is not of this form is taken over from what is there.
    pub(super) async fn configure(&self, method: &AuthMethod) -> Result<Answer, Fault> {
        let path = method.path("config");
        let before = self.ask(&Question::get(method.namespace.as_str(), path.clone())).await?;
        let mut config = self.fields(before, &method.object)?.unwrap_or_default();
        config.remove("token_reviewer_jwt_set");
        config.extend(
            IN_CLUSTER.iter().filter_map(|(field, value)| Some(((*field).to_owned(), serde_json::from_str(value).ok()?))),
        );
        let body = Zeroizing::new(Value::Object(config).to_string().into_bytes());
        self.post(method.namespace.as_str(), path, body).await
    }

    /// Has a role bind these accounts and namespaces too; what it binds and has otherwise stays.
    pub(super) async fn bind(
        &self,
        method: &AuthMethod,
        role: &str,
        accounts: &[Text],
        namespaces: &[Text],
    ) -> Result<Answer, Fault> {
        let path = method.path(&format!("role/{role}"));
        let before = self.ask(&Question::get(method.namespace.as_str(), path.clone())).await?;
        let Some(fields) = self.fields(before, &method.object)? else {
            return Err(Fault::new(FaultKind::NotFound, &format!("The role {role} is not there any more.")));
        };
        let with = |field: &str, more: &[Text]| {
            let mut names = fields.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
            let new: Vec<Value> = more.iter().map(|name| json!(name)).filter(|name| !names.contains(name)).collect();
            names.extend(new);
            names
        };
        let body = json!({
            "bound_service_account_names": with("bound_service_account_names", accounts),
            "bound_service_account_namespaces": with("bound_service_account_namespaces", namespaces),
        });
        self.post(method.namespace.as_str(), path, Zeroizing::new(body.to_string().into_bytes())).await
    }

    /// What an answer holds; nothing if there is nothing. What cannot be read must not be written over.
    fn fields(&self, answer: Option<Answer>, object: &ObjectRef) -> Result<Option<Map<String, Value>>, Fault> {
        let unread = || Fault::new(FaultKind::Http, &format!("What is set at {object} cannot be read, so nothing was written."));
        let answer = answer.ok_or_else(unread)?;
        if answer.status == 404 {
            return Ok(None);
        }
        let body = answer.success(&self.replica.pod)?;
        serde_json::from_slice::<Data<Map<String, Value>>>(&body).map(|data| Some(data.data)).map_err(|_| unread())
    }

    /// One write, over a connection of its own: it is never sent twice.
    async fn post(&self, namespace: &str, path: String, body: Zeroizing<Vec<u8>>) -> Result<Answer, Fault> {
        let way = self.inner.way(&self.replica.server, &self.route, self.word.as_ref());
        let namespace = Some(namespace.trim_matches('/')).filter(|namespace| !namespace.is_empty());
        let call = Call::change(WRITE, &self.token, namespace.or(self.namespace.as_deref()));
        client::ask(&Line::default(), way, &Post::json(path, body), call).await
    }
}

fn place(path: &KvPath, view: &str) -> String {
    format!("{}/{view}/{}", path.mount.as_str().trim_matches('/'), path.key)
}

fn unreadable(path: &KvPath) -> Fault {
    let message = format!("What stands at {} cannot be read, so nothing was written: the rest of it would be lost.", path.object);
    Fault::new(FaultKind::Http, &message)
}

/// What stands at a path, each value as the bytes that it is.
fn beside(body: &[u8]) -> Option<BTreeMap<String, &RawValue>> {
    #[derive(Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        data: Inner<'a>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow)]
        data: BTreeMap<String, &'a RawValue>,
    }
    serde_json::from_slice::<Outer<'_>>(body).ok().map(|outer| outer.data.data)
}

/// The body of a write. It is made in a buffer that never grows, so that no copy of a value stays behind.
fn merged(beside: &BTreeMap<String, &RawValue>, property: &str, value: &str, version: u64) -> Zeroizing<Vec<u8>> {
    let others = beside.iter().filter(|(name, _)| name.as_str() != property);
    let length: usize = others.clone().map(|(name, value)| name.len() * 6 + value.get().len() + 8).sum();
    let mut body = Zeroizing::new(Vec::with_capacity(length + (property.len() + value.len()) * 6 + 96));
    body.extend_from_slice(format!(r#"{{"options":{{"cas":{version}}},"data":{{"#).as_bytes());
    for (name, value) in others {
        word(&mut body, name.chars());
        body.push(b':');
        body.extend_from_slice(value.get().as_bytes());
        body.push(b',');
    }
    word(&mut body, property.chars());
    body.push(b':');
    word(&mut body, value.chars());
    body.extend_from_slice(b"}}");
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_stays_as_it_is() {
        let answer =
            br#"{"data":{"data":{"user":"a\u00e4","port":5432,"old":"x","nested":{"b":[1, 2]}},"metadata":{"version":3}}}"#;
        let body = merged(&beside(answer).unwrap(), "old", "line\n\"q\" \\ \u{1}", 3);
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let wanted = serde_json::json!({
            "options": {"cas": 3},
            "data": {"user": "a\u{e4}", "port": 5432, "nested": {"b": [1, 2]}, "old": "line\n\"q\" \\ \u{1}"}
        });
        assert_eq!(told, wanted);
        assert!(String::from_utf8_lossy(&body).contains(r#""nested":{"b":[1, 2]}"#), "byte by byte");
        assert_eq!(merged(&BTreeMap::new(), "a", "b", 0).as_slice(), br#"{"options":{"cas":0},"data":{"a":"b"}}"#);
        assert!(beside(br#"{"data":{"data":null}}"#).is_none(), "a deleted version has nothing to keep");
    }
}
