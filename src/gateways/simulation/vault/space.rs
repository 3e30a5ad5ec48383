//! Namespaces that have a seal of their own, as OpenBao 2.7.2 has them: what is in one answers 503 while it is sealed, and its
//! seal is told, and its shares are taken, in the namespace above, for a token that may.

use serde_json::json;

use super::seal::Replica;
use super::{Refusal, Server};
use crate::gateways::vault::client::Answer;
use crate::model::Seal;

impl Server {
    /// One that stands for a namespace of this one, open, with shares of its own.
    pub(in super::super) fn with_space(&self, seed: u64, shares: Vec<String>, threshold: usize) -> Self {
        let mut space = Self::new(&self.namespace, &self.service, seed);
        space.threshold = threshold.clamp(1, shares.len().max(1));
        space.shares = shares;
        space.replicas = vec![Replica::named(String::new())];
        space.begin();
        space
    }

    /// Who answers a request to this replica that names a namespace; none of them is the server itself.
    pub(in super::super) fn within(&self, replica: usize, namespace: &str) -> Result<(&Self, usize), Refusal> {
        let namespace = namespace.trim_matches('/');
        if namespace.is_empty() {
            return Ok((self, replica));
        }
        self.serves(replica)?;
        let space = self.spaces.get(namespace).ok_or_else(not_found)?;
        if space.replicas.iter().any(|replica| replica.sealed) {
            return Err(Refusal::new(503, "namespace is sealed"));
        }
        Ok((space, 0))
    }

    /// Seals a namespace: `PUT sys/namespaces/<name>/seal`, or an end of its server.
    pub(in super::super) fn seal_space(&mut self, name: &str) {
        if let Some(space) = self.spaces.get_mut(name) {
            space.seal(0);
        }
    }

    /// `PUT sys/namespaces/<name>/unseal`, with a share or to begin anew.
    pub(in super::super) fn give_share(&mut self, replica: usize, name: &str, share: Option<&str>) -> Result<Seal, Refusal> {
        self.serves(replica)?;
        if !self.may_change() {
            return Err(denied());
        }
        let space = self.spaces.get_mut(name).ok_or_else(not_found)?;
        let answer = match share {
            Some(share) => space.unseal(0, share).inspect(|seal| {
                if !seal.sealed {
                    // It has no leader of its own to wait for.
                    space.begin();
                }
            }),
            // One that is open takes it and does nothing.
            None => space.reset(0).or_else(|_| space.seal_status(0)),
        };
        // Where a server says that it must be hex or base64, a namespace says what is wrong with it as base64.
        answer.map_err(|refusal| {
            if refusal.error.contains("valid hex or base64") {
                Refusal::new(refusal.code, "illegal base64 data at input byte 5")
            } else {
                refusal
            }
        })
    }

    /// `GET sys/namespaces/<name>/seal-status`.
    pub(super) fn space_seal(&self, name: &str) -> Answer {
        let answer = match self.spaces.get(name) {
            _ if !self.may_change() => Err(denied()),
            None => Err(not_found()),
            Some(space) => space.seal_status(0),
        };
        match answer {
            Ok(seal) => Answer::of(
                200,
                json!({"data": {
                    "initialized": true, "n": seal.shares, "nonce": seal.nonce, "progress": seal.progress,
                    "sealed": seal.sealed, "t": seal.threshold, "type": "shamir",
                }})
                .to_string()
                .into_bytes(),
            ),
            Err(refusal) => Answer::of(refusal.code, json!({"errors": [refusal.error]}).to_string().into_bytes()),
        }
    }
}

fn not_found() -> Refusal {
    Refusal::new(404, "namespace not found")
}

fn denied() -> Refusal {
    Refusal::new(403, "1 error occurred:\n\t* permission denied\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_sealed_by_itself_and_opens_with_its_own_shares_alone() {
        let mut server = Server::new("vault", "vault", 7);
        server.shares = vec!["aa".repeat(33)];
        server.replicas = vec![Replica::named("vault-0".to_owned())];
        server.begin();
        let own: Vec<String> = (1..=3).map(|n| format!("{n:02x}").repeat(33)).collect();
        let space = server.with_space(8, own.clone(), 2);
        server.spaces.insert("team".to_owned(), space);
        assert!(server.within(0, "team").is_ok() && server.within(0, "other").is_err());
        server.seal_space("team");
        assert_eq!(server.within(0, "team").map(|_| ()), Err(Refusal::new(503, "namespace is sealed")));
        assert_eq!(server.serves(0), Ok(()), "all else serves");

        let progress = |answer: Result<Seal, Refusal>| answer.map(|seal| (seal.sealed, seal.progress)).expect("200");
        assert_eq!(progress(server.give_share(0, "team", Some(&own[0]))), (true, 1));
        assert_eq!(progress(server.give_share(0, "team", Some(&own[0]))), (true, 1), "given twice, counted once");
        assert_eq!(
            server.give_share(0, "team", Some("hello, world!")).expect_err("400").error,
            "illegal base64 data at input byte 5"
        );
        let of_the_server = server.shares[0].clone();
        assert_eq!(server.give_share(0, "team", Some(&of_the_server)).expect_err("400").code, 400, "another's share");
        assert_eq!(progress(server.give_share(0, "team", Some(&own[1]))), (true, 1), "all were dropped");
        assert_eq!(progress(server.give_share(0, "team", None)), (true, 0));
        assert_eq!(progress(server.give_share(0, "team", Some(&own[2]))), (true, 1));
        assert_eq!(progress(server.give_share(0, "team", Some(&own[0]))), (false, 0));
        assert!(server.within(0, "team").is_ok());

        server.seal(0);
        let share = server.shares[0].clone();
        server.unseal(0, &share).expect("200");
        server.begin();
        assert!(server.within(0, "team").is_err(), "it was closed with its server");
    }
}
