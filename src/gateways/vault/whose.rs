//! Whose token it is: `auth/token/lookup-self`, whose answer holds the token itself; it is not read.

use jiff::Timestamp;
use serde::Deserialize;

use super::api::{Api, Question};
use super::classify::dead;
use super::wire::Heard;
use crate::model::vault::{Token, TokenSource};
use crate::model::{Fault, Name, Text};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Wire {
    display_name: Text,
    policies: Vec<Text>,
    identity_policies: Option<Vec<Text>>,
    /// Null for a token that never ends.
    expire_time: Option<Timestamp>,
    /// Absent for root.
    renewable: bool,
    /// Seconds that it had when it was made.
    creation_ttl: i64,
}

/// What is known of a token.
pub(in crate::gateways) struct Known {
    pub(in crate::gateways) token: Token,
    pub(super) creation_ttl: i64,
}

impl Known {
    /// Whether two thirds of its life are over.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.token.expires.is_some_and(|at| at.as_second() - now.as_second() < self.creation_ttl.max(3) / 3)
    }
}

/// See [`crate::ports::Vault::token`]. A token that lives may still be forbidden to look at itself: then nobody
/// knows whose it is. The same 403 stands for a dead one, unless the ACL says that it spoke.
pub(in crate::gateways) async fn token(api: &dyn Api, said: &Name) -> Result<Option<Token>, Fault> {
    Ok(known(api, said).await?.map(|known| known.token))
}

/// The same, with how long it was made for.
pub(super) async fn known(api: &dyn Api, said: &Name) -> Result<Option<Known>, Fault> {
    let Some(answer) = api.ask(&Question::get("", "auth/token/lookup-self")).await? else { return Ok(None) };
    match answer.heard::<Wire>(said)? {
        Heard::Said(wire) => {
            let mut policies = wire.policies;
            policies.extend(wire.identity_policies.unwrap_or_default());
            let (expires, renewable) = (wire.expire_time, wire.renewable);
            let token = Token { name: wire.display_name, policies, expires, renewable, from: TokenSource::default() };
            Ok(Some(Known { token, creation_ttl: wire.creation_ttl }))
        }
        Heard::TokenOrDenied => Err(dead()),
        Heard::Nothing | Heard::NoMount | Heard::NoSuchEndpoint | Heard::Denied => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::gateways::vault::client::Answer;
    use crate::model::FaultKind;

    struct Says(u16, &'static str);

    #[async_trait]
    impl Api for Says {
        async fn ask(&self, _: &Question) -> Result<Option<Answer>, Fault> {
            Ok(Some(Answer::of(self.0, self.1.as_bytes().to_vec())))
        }
    }

    async fn says(status: u16, body: &'static str) -> Result<Option<Token>, Fault> {
        token(&Says(status, body), &Name::new("vault-0")).await
    }

    #[tokio::test]
    async fn it_is_known_by_name_policies_and_end_and_never_by_itself() {
        let body = r#"{"data":{"id":"s.canary-token","accessor":"canary-accessor","display_name":"token","policies":["default","p"],
            "expire_time":"2026-11-25T05:31:52.714362265Z","renewable":true,"ttl":3599}}"#;
        let known = says(200, body).await.unwrap().unwrap();
        assert!(!format!("{known:?}").contains("canary"), "{known:?}");
        assert_eq!((known.name.as_str(), known.policies.len(), known.renewable), ("token", 2, true));
        let at = |text: &str| text.parse().unwrap();
        assert!(known.ends_soon(at("2026-11-25T05:25:00Z")) && !known.ends_soon(at("2026-11-25T05:00:00Z")));
        let known = Known { token: known, creation_ttl: 3600 };
        assert!(known.is_due(at("2026-11-25T05:12:00Z")) && !known.is_due(at("2026-11-25T05:11:00Z")));
        let root =
            says(200, r#"{"data":{"display_name":"root","policies":["root"],"expire_time":null}}"#).await.unwrap().unwrap();
        assert!(root.expires.is_none() && !root.renewable && !root.ends_soon(at("2026-11-25T05:00:00Z")));
    }

    #[tokio::test]
    async fn a_dead_one_is_told_from_one_that_may_not_look() {
        for body in [
            r#"{"errors":["permission denied"]}"#,
            r#"{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}"#,
        ] {
            assert_eq!(says(403, body).await.unwrap_err().kind, FaultKind::Unauthorized);
        }
        assert_eq!(says(403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#).await.unwrap(), None);
    }
}
