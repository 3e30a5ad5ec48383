//! The endpoints of Vault that sealwatch calls and that vaultrs has not, or has wrong, and what their
//! answers are read as.

use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::de::IgnoredAny;
use zeroize::{Zeroize as _, Zeroizing};

use super::wire::Data;
use crate::model::vault::{Leader, ReplicaRole, Seal};
use crate::model::{Fault, FaultKind, Name};

/// Bodies are read here, not by rustify, whose errors hold them.
macro_rules! endpoint {
    ($(#[$doc:meta])* $name:ident $(<$life:lifetime>($field:ty))?, $method:ident $path:literal $(, $body:expr)?) => {
        $(#[$doc])*
        pub(super) struct $name $(<$life>(pub(super) $field))?;

        impl $(<$life>)? Endpoint for $name $(<$life>)? {
            type Response = IgnoredAny;
            const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
            const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

            fn path(&self) -> String {
                $path.to_owned()
            }

            fn method(&self) -> RequestMethod {
                RequestMethod::$method
            }

            $(fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
                Ok(Some($body(self)))
            })?
        }
    };
}

endpoint! {
    /// `sys/seal-status`: answered by every replica, sealed or not, without a token.
    SealStatus, GET "sys/seal-status"
}
endpoint! {
    /// `sys/leader`: answered by every open replica, without a token.
    AskLeader, GET "sys/leader"
}
endpoint! {
    /// `sys/health`: answered by every replica, without a token; its status is its answer.
    AskHealth, GET "sys/health"
}
endpoint! {
    /// `sys/unseal` with one share. vaultrs' request leaves copies of it in memory.
    Unseal<'share>(&'share str), PUT "sys/unseal", |unseal: &Unseal<'_>| as_json(&[("key", unseal.0)])
}
endpoint! {
    /// `sys/unseal` that throws away the shares given so far.
    ResetUnseal, PUT "sys/unseal", |_: &ResetUnseal| br#"{"reset":true}"#.to_vec()
}

/// A login, a renewal, a revocation, a write of a value: a path, and JSON that may be secret.
pub(super) struct Post {
    /// Without `/v1/`.
    path: String,
    body: Zeroizing<Vec<u8>>,
}

impl Post {
    /// One that holds these texts.
    pub(super) fn of(path: String, fields: &[(&str, &str)]) -> Self {
        Self { path, body: Zeroizing::new(as_json(fields)) }
    }

    /// One that holds this JSON.
    pub(super) const fn json(path: String, body: Zeroizing<Vec<u8>>) -> Self {
        Self { path, body }
    }
}

impl Endpoint for Post {
    type Response = IgnoredAny;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        // The client wipes what it sends.
        Ok(Some(self.body.to_vec()))
    }
}

/// Written by hand into a buffer that never grows, so that no copy of a secret stays behind. The buffer itself is
/// wiped by the client.
pub(super) fn as_json(fields: &[(&str, &str)]) -> Vec<u8> {
    let length: usize = fields.iter().map(|(key, value)| key.len() + value.len() * 6 + 8).sum();
    let mut body = Vec::with_capacity(length + 8);
    body.push(b'{');
    for (key, value) in fields {
        if body.len() > 1 {
            body.push(b',');
        }
        word(&mut body, key.chars());
        body.push(b':');
        word(&mut body, value.chars().filter(|c| !c.is_control()));
    }
    body.push(b'}');
    body
}

/// A string of JSON, put behind what is there; the buffer must have the room.
pub(super) fn word(body: &mut Vec<u8>, text: impl Iterator<Item = char>) {
    body.push(b'"');
    for c in text {
        match c {
            '"' | '\\' => body.extend_from_slice(&[b'\\', u8::try_from(c).unwrap_or(b'?')]),
            '\n' => body.extend_from_slice(b"\\n"),
            c if c < ' ' => body.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
            c => {
                let mut utf8 = [0; 4];
                body.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
                utf8.zeroize();
            }
        }
    }
    body.push(b'"');
}

/// Reads a seal status, which is also the answer of `sys/unseal`.
pub(super) fn seal(body: &Zeroizing<Vec<u8>>, said: &Name) -> Result<Seal, Fault> {
    serde_json::from_slice(body).map_err(|_| no_seal(said))
}

/// Reads the seal status of a namespace, which is also the answer to a share of it: the same, under `data`
/// (`OpenBao` 2.7.2).
pub(super) fn space_seal(body: &Zeroizing<Vec<u8>>, said: &Name) -> Result<Seal, Fault> {
    serde_json::from_slice::<Data<Seal>>(body).map(|data| data.data).map_err(|_| no_seal(said))
}

fn no_seal(said: &Name) -> Fault {
    Fault::new(FaultKind::Http, &format!("{said} answers with something that is not a seal status."))
        .hinted("A proxy stands in between, or the port is another's.")
}

/// Reads `sys/leader`.
pub(super) fn role(body: &Zeroizing<Vec<u8>>) -> ReplicaRole {
    serde_json::from_slice::<Leader>(body).map_or(ReplicaRole::Unknown, Leader::role)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Text;
    use crate::model::vault::LeaderAt;

    fn read(body: &str) -> Result<Seal, Fault> {
        seal(&Zeroizing::new(body.as_bytes().to_vec()), &Name::new("vault-0"))
    }

    #[test]
    fn seal_statuses_of_both_servers_are_read() {
        let openbao = read(r#"{"type":"shamir","initialized":true,"sealed":true,"t":2,"n":3,"progress":1,"nonce":"ab","version":"2.7.2","commit_date":"x","migration":false,"recovery_seal":false,"storage_type":"raft"}"#).unwrap();
        assert_eq!((openbao.threshold, openbao.shares, openbao.progress, openbao.storage.as_str()), (2, 3, 1, "raft"));
        let hashicorp = read(r#"{"type":"awskms","initialized":true,"sealed":false,"t":3,"n":5,"progress":0,"nonce":"","version":"1.21.4","build_date":"x","recovery_seal":true,"storage_type":"file"}"#).unwrap();
        assert!(hashicorp.recovery && !hashicorp.sealed);
        assert_eq!(read(r#"{"errors":[]}"#).unwrap_err().kind, FaultKind::Http);
    }

    #[test]
    fn roles_are_told_apart() {
        let at = |api: &str| LeaderAt { api: Text::foreign(api), ..LeaderAt::default() };
        for (body, role_of) in [
            (r#"{"ha_enabled":false}"#, ReplicaRole::Single),
            (r#"{"ha_enabled":false,"is_self":false,"leader_address":"","raft_committed_index":0}"#, ReplicaRole::Single),
            (r#"{"ha_enabled":true,"is_self":true,"leader_address":"https://a"}"#, ReplicaRole::Active(at("https://a"))),
            (r#"{"ha_enabled":true,"is_self":false,"leader_address":"https://a"}"#, ReplicaRole::Standby(at("https://a"))),
            (r#"{"ha_enabled":true,"is_self":false}"#, ReplicaRole::Leaderless),
            ("<html>", ReplicaRole::Unknown),
        ] {
            assert_eq!(role(&Zeroizing::new(body.as_bytes().to_vec())), role_of, "{body}");
        }
    }

    #[test]
    fn a_share_becomes_json_whatever_was_typed() {
        for (share, json) in [("aGk=", r#"{"key":"aGk="}"#), ("a\"b\\c\u{7}ä", r#"{"key":"a\"b\\cä"}"#)] {
            let body = as_json(&[("key", share)]);
            assert_eq!(std::str::from_utf8(&body).unwrap(), json);
            assert!(serde_json::from_slice::<IgnoredAny>(&body).is_ok());
            assert!(body.capacity() >= share.len() * 6 + 16);
        }
        assert_eq!(as_json(&[("role", "a"), ("jwt", "b.c")]), br#"{"role":"a","jwt":"b.c"}"#);
        assert_eq!(as_json(&[]), b"{}");
    }
}
