//! One question to a Vault as data, and who can answer it: a real server, or a recording of one. What is made
//! of the answers is the same for both.

use std::fmt;

use async_trait::async_trait;
use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Serialize;
use serde::de::IgnoredAny;

use super::client::Answer;
use crate::gateways::network::quoted;
use crate::model::Fault;

/// A request that changes nothing and whose body, if any, holds names only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gateways) struct Question {
    pub(in crate::gateways) method: Method,
    /// Without `/v1/`.
    pub(in crate::gateways) path: String,
    /// `limit=…&after=…`, in the form of a URL.
    pub(in crate::gateways) query: Option<String>,
    /// JSON.
    pub(in crate::gateways) body: Option<String>,
    /// The namespace; empty for that of the environment.
    pub(in crate::gateways) namespace: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateways) enum Method {
    Get,
    List,
    Post,
}

impl Question {
    pub(in crate::gateways) fn get(namespace: &str, path: impl Into<String>) -> Self {
        Self::new(Method::Get, namespace, path.into())
    }

    pub(in crate::gateways) fn list(namespace: &str, path: impl Into<String>) -> Self {
        Self::new(Method::List, namespace, path.into())
    }

    /// Asked of anybody, with a body that holds no secret.
    pub(in crate::gateways) fn post(namespace: &str, path: String, body: String) -> Self {
        Self { body: Some(body), ..Self::new(Method::Post, namespace, path) }
    }

    fn new(method: Method, namespace: &str, path: String) -> Self {
        Self { method, path, query: None, body: None, namespace: namespace.trim_matches('/').to_owned() }
    }

    /// `sys/capabilities-self`: what the token may do at these paths.
    pub(in crate::gateways) fn capabilities(namespace: &str, paths: &[String]) -> Self {
        #[derive(Serialize)]
        struct Body<'a> {
            paths: &'a [String],
        }
        let body = serde_json::to_string(&Body { paths }).unwrap_or_default();
        Self { body: Some(body), ..Self::new(Method::Post, namespace, "sys/capabilities-self".to_owned()) }
    }

    /// As a capture notes it. Rights are noted together, whichever paths they were asked for with.
    pub(in crate::gateways) fn noted(&self) -> String {
        let namespace = if self.namespace.is_empty() { String::new() } else { format!(" @namespace/{}", self.namespace) };
        if self.is_about_rights() { format!("POST {}{namespace}", self.path) } else { format!("{self}{namespace}") }
    }

    pub(in crate::gateways) fn is_about_rights(&self) -> bool {
        self.path == "sys/capabilities-self"
    }

    /// Whether it asks for a page behind another one.
    pub(in crate::gateways) fn goes_on(&self) -> bool {
        self.query.as_ref().is_some_and(|query| query.contains("&after="))
    }

    /// Whether what is answered is beside what the same question was answered before, not in its stead.
    pub(in crate::gateways) fn adds(&self) -> bool {
        self.is_about_rights() || self.goes_on()
    }

    /// At most so many keys, those behind this one. OpenBao pages its lists so; HashiCorp's Vault ignores it.
    pub(in crate::gateways) fn page(mut self, limit: usize, after: &str) -> Self {
        let mut query = format!("limit={limit}");
        if !after.is_empty() {
            query.push_str("&after=");
            query.push_str(&quoted(after));
        }
        self.query = Some(query);
        self
    }
}

/// As recorded worlds have it: `LIST secret/metadata/app/`, `POST sys/capabilities-self {"paths": ["a", "b"]}`.
/// Pages are no part of it.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.method {
            Method::Get => "GET",
            Method::List => "LIST",
            Method::Post => "POST",
        };
        write!(f, "{method} {}", self.path)?;
        match &self.body {
            Some(body) => write!(f, " {}", body.replace("\":", "\": ").replace("\",\"", "\", \"")),
            None => Ok(()),
        }
    }
}

/// Who can answer questions.
#[async_trait]
pub(in crate::gateways) trait Api: Send + Sync {
    /// The answer, whatever its status; `None` if nobody knows it, because the world is a recording and it was
    /// not asked then.
    async fn ask(&self, question: &Question) -> Result<Option<Answer>, Fault>;
}

impl Endpoint for Question {
    type Response = IgnoredAny;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        match self.method {
            Method::Get => RequestMethod::GET,
            Method::List => RequestMethod::LIST,
            Method::Post => RequestMethod::POST,
        }
    }

    fn query(&self) -> Result<Option<String>, ClientError> {
        Ok(self.query.clone())
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.body.clone().map(String::into_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_asked_for_behind_any_key() {
        assert_eq!(Question::list("", "m/x/").page(2, "").query.as_deref(), Some("limit=2"));
        let paths = ["secret/data/a".to_owned(), "secret/data/b".to_owned()];
        assert_eq!(
            Question::capabilities("", &paths).to_string(),
            r#"POST sys/capabilities-self {"paths": ["secret/data/a", "secret/data/b"]}"#
        );
        assert_eq!(Question::list("", "m/x/").page(9, "a b&ä").query.as_deref(), Some("limit=9&after=a%20b%26%C3%A4"));
    }
}
