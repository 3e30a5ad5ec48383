//! Seal, shares and leadership, as OpenBao 2.7.2 answers (facts/vault.md, section 1): every replica is
//! sealed on its own; a wrong share is taken like a good one and only the last one fails; a replica that
//! still joins its cluster answers 200 and stays sealed for a moment.

use std::time::Duration;

use super::{Refusal, Server, Wish};
use crate::model::{LeaderAt, ReplicaRole, Seal, Text};

/// One pod of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replica {
    pub(crate) pod: String,
    pub(crate) sealed: bool,
    /// The shares of the attempt that runs.
    given: Vec<String>,
    nonce: String,
    /// It has no data of the cluster yet (a new volume) and must join before it can open.
    pub(crate) joining: bool,
    /// It was demoted, and has no vote when a leader is elected.
    pub(crate) demoted: bool,
    /// The leader that it knows, which it names until it knows of another.
    follows: Option<usize>,
}

const SHORTEST: usize = 16;

impl Replica {
    /// A pod with this name.
    pub(crate) fn named(pod: String) -> Self {
        Self { pod, ..Self::default() }
    }

    /// Whether it names a leader, which may be there no more.
    pub(crate) const fn follows_another(&self) -> bool {
        self.follows.is_some()
    }
}

impl Server {
    /// `PUT sys/unseal`.
    pub(crate) fn unseal(&mut self, index: usize, share: &str) -> Result<Seal, Refusal> {
        let (threshold, shares) = (self.threshold, self.shares.clone());
        let leads = self.leader.is_some();
        let nonce = self.random.uuid();
        let Some(replica) = self.replicas.get_mut(index) else { return Err(no_such_replica()) };
        let bytes =
            decoded(share).ok_or_else(|| Refusal::new(400, "'key' must be a valid hex or base64 string")).and_then(|bytes| {
                match bytes.len() {
                    0..SHORTEST => Err(Refusal::new(400, "invalid key: key is shorter than minimum 16 bytes")),
                    _ => Ok(bytes),
                }
            })?;
        if !replica.sealed {
            return self.seal_status(index);
        }
        if replica.given.is_empty() {
            replica.nonce = nonce;
        }
        let share = hex(&bytes);
        if !replica.given.contains(&share) {
            replica.given.push(share);
        }
        if replica.given.len() >= threshold {
            let given = std::mem::take(&mut replica.given);
            replica.nonce.clear();
            if given.iter().any(|share| share.len() != given[0].len()) {
                return Err(Refusal::new(400, "invalid key: failed to compute combined key: all parts must be the same length"));
            }
            if !given.iter().all(|share| shares.contains(share)) {
                return Err(Refusal::new(
                    400,
                    "unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: cipher: message authentication failed",
                ));
            }
            if replica.joining && self.replicas.len() > 1 {
                // Without a leader there is nobody to join: the shares are forgotten. With one it opens soon.
                if leads {
                    let wait = self.random.millis(1000, 2000);
                    self.wishes.push((wait, Wish::Join(index)));
                }
            } else {
                self.open(index);
            }
        }
        self.seal_status(index)
    }

    /// `PUT sys/unseal {"reset": true}`.
    pub(crate) fn reset(&mut self, index: usize) -> Result<Seal, Refusal> {
        let Some(replica) = self.replicas.get_mut(index) else { return Err(no_such_replica()) };
        if !replica.sealed {
            return Err(Refusal::new(400, "vault is unsealed"));
        }
        replica.given.clear();
        replica.nonce.clear();
        self.seal_status(index)
    }

    /// Seals one replica: `PUT sys/seal` there, or a restart of its pod.
    pub(crate) fn seal(&mut self, index: usize) {
        if let Some(replica) = self.replicas.get_mut(index) {
            replica.sealed = true;
            replica.given.clear();
            replica.nonce.clear();
            replica.follows = None;
        }
        // With its server a namespace is closed, and opens with its own shares.
        if self.replicas.iter().all(|replica| replica.sealed) {
            self.spaces.values_mut().for_each(|space| space.seal(0));
        }
        self.settle();
    }

    /// Takes the vote of one replica: `POST sys/storage/raft/demote`.
    pub(crate) fn demote(&mut self, index: usize) {
        if let Some(replica) = self.replicas.get_mut(index) {
            replica.demoted = true;
        }
        self.settle();
    }

    fn open(&mut self, index: usize) {
        if let Some(replica) = self.replicas.get_mut(index) {
            replica.sealed = false;
            replica.joining = false;
            replica.given.clear();
        }
        self.settle();
    }

    /// Leadership follows who is open: without a quorum nobody leads; with one, somebody will soon.
    fn settle(&mut self) {
        let quorum = self.voters().len() > self.replicas.iter().filter(|replica| !replica.demoted).count() / 2;
        let leads = self.leader.and_then(|leader| self.replicas.get(leader)).is_some_and(|leader| !leader.sealed);
        if !leads || !quorum {
            self.leader = None;
        }
        self.follow();
        if self.leader.is_none() && quorum && !self.electing {
            self.electing = true;
            let wait = self.random.millis(1000, 2000);
            self.wishes.push((wait, Wish::Elect));
        }
    }

    /// A wish comes due.
    pub(crate) fn fulfil(&mut self, wish: Wish) {
        match wish {
            Wish::Elect => {
                self.electing = false;
                let (voters, all) = (self.voters(), self.replicas.iter().filter(|replica| !replica.demoted).count());
                if self.leader.is_none() && voters.len() > all / 2 {
                    let chosen = self.random.below(voters.len() as u64);
                    self.leader = usize::try_from(chosen).ok().and_then(|chosen| voters.get(chosen).copied());
                }
                self.follow();
            }
            Wish::Join(index) if self.leader.is_some() => self.open(index),
            Wish::Join(_) => {}
        }
    }

    /// The open replicas that have a vote.
    fn voters(&self) -> Vec<usize> {
        let open = self.replicas.iter().enumerate().filter(|(_, replica)| !replica.sealed && !replica.demoted);
        open.map(|(index, _)| index).collect()
    }

    /// Who is open hears of a leader; of none nobody hears, and goes on naming the last.
    fn follow(&mut self) {
        let Some(leader) = self.leader else { return };
        for replica in self.replicas.iter_mut().filter(|replica| !replica.sealed) {
            replica.follows = Some(leader);
        }
    }

    /// Opens every replica at once, as at the beginning of a world.
    pub(crate) fn begin(&mut self) {
        for replica in &mut self.replicas {
            replica.sealed = false;
        }
        self.leader = (!self.replicas.is_empty()).then_some(0);
        self.follow();
    }

    /// `GET sys/seal-status`.
    pub(crate) fn seal_status(&self, index: usize) -> Result<Seal, Refusal> {
        let replica = self.replicas.get(index).ok_or_else(no_such_replica)?;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(Seal {
            kind: Text::foreign("shamir"),
            initialized: true,
            sealed: replica.sealed,
            threshold: count(self.threshold),
            shares: count(self.shares.len()),
            progress: count(replica.given.len()),
            nonce: Text::foreign(&replica.nonce),
            recovery: false,
            version: Text::foreign(&self.version),
            storage: Text::foreign("raft"),
        })
    }

    /// `GET sys/leader`.
    pub(crate) fn role(&self, index: usize) -> ReplicaRole {
        match self.replicas.get(index) {
            None => ReplicaRole::Unknown,
            Some(replica) if replica.sealed => ReplicaRole::Unknown,
            Some(_) if self.leader == Some(index) => ReplicaRole::Active(self.addresses_of(index)),
            Some(replica) => {
                let other = replica.follows.filter(|leader| *leader != index);
                other.map_or(ReplicaRole::Leaderless, |leader| ReplicaRole::Standby(self.addresses_of(leader)))
            }
        }
    }
}

impl Server {
    fn addresses_of(&self, index: usize) -> LeaderAt {
        let Some(replica) = self.replicas.get(index) else { return LeaderAt::default() };
        let of = |port| Text::foreign(&self.address_of(&replica.pod, port));
        LeaderAt { api: of(8200), cluster: of(8201) }
    }
}

fn no_such_replica() -> Refusal {
    Refusal::new(0, "dial tcp: connect: no route to host")
}

/// How long a request to a server that answers 5xx takes: Vault's Go client asks three times, and waits
/// 1 to 1.5 s and then twice that in between (vault/api, `RateLimitLinearJitterBackoff`).
pub(crate) fn patience(random: &mut super::Random, attempt: u32) -> Duration {
    random.millis(1000, 1500) * attempt
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// The bytes of a share, which may be written in hex or in base64.
fn decoded(share: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let pairs: Vec<char> = share.chars().collect();
    let from_hex = pairs
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok(),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>();
    from_hex.or_else(|| base64::engine::general_purpose::STANDARD.decode(share).ok()).filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three replicas, any three of five shares, all sealed.
    fn sealed() -> Server {
        let mut server = Server::new("vault", "vault", 7);
        server.threshold = 3;
        server.shares = (1..=5).map(|n| format!("{n:02x}").repeat(33)).collect();
        server.replicas = (0..3).map(|n| Replica { pod: format!("vault-{n}"), ..Replica::default() }).collect();
        server.begin();
        (0..3).for_each(|index| server.seal(index));
        server.wishes.clear();
        server.electing = false;
        server
    }

    fn progress(answer: Result<Seal, Refusal>) -> (bool, u32) {
        answer.map(|seal| (seal.sealed, seal.progress)).expect("200")
    }

    #[test]
    fn shares_are_counted_per_replica_and_a_duplicate_is_ignored() {
        let mut server = sealed();
        let shares = server.shares.clone();
        assert_eq!(progress(server.unseal(0, &shares[0])), (true, 1));
        assert_eq!(progress(server.unseal(0, &shares[0])), (true, 1), "given twice, counted once");
        assert_eq!(progress(server.unseal(0, &shares[3])), (true, 2));
        assert_eq!(progress(server.seal_status(1)), (true, 0), "each replica is sealed on its own");
        assert_eq!(progress(server.unseal(0, &shares[2])), (false, 0));
        assert_eq!(progress(server.unseal(0, &shares[2])), (false, 0), "an open one takes any share and does nothing");
    }

    #[test]
    fn one_attempt_has_one_nonce() {
        let mut server = sealed();
        let shares = server.shares.clone();
        let first = server.unseal(0, &shares[0]).expect("200").nonce;
        let second = server.unseal(0, &shares[1]).expect("200").nonce;
        assert!(!first.is_empty() && first == second);
        assert!(server.reset(0).expect("200").nonce.is_empty());
    }

    #[test]
    fn a_wrong_share_is_accepted_and_only_the_last_one_fails() {
        let mut server = sealed();
        let shares = server.shares.clone();
        assert_eq!(progress(server.unseal(0, &"ff".repeat(33))), (true, 1), "wrong, and taken");
        assert_eq!(progress(server.unseal(0, &shares[1])), (true, 2));
        let refusal = server.unseal(0, &shares[2]).expect_err("the last one fails");
        assert_eq!(refusal.code, 400);
        assert!(refusal.error.ends_with("cipher: message authentication failed"), "{}", refusal.error);
        assert_eq!(progress(server.seal_status(0)), (true, 0), "all shares must be given again");
    }

    #[test]
    fn what_is_no_share_is_refused_at_once() {
        let mut server = sealed();
        for (share, error) in [
            ("hello, world!", "'key' must be a valid hex or base64 string"),
            ("c0ffee", "invalid key: key is shorter than minimum 16 bytes"),
        ] {
            assert_eq!(server.unseal(0, share), Err(Refusal::new(400, error)));
        }
    }

    #[test]
    fn nobody_leads_without_a_quorum_and_an_election_takes_a_moment() {
        let mut server = sealed();
        server.threshold = 1;
        let share = server.shares[0].clone();
        assert_eq!(progress(server.unseal(2, &share)), (false, 0));
        assert_eq!(server.role(2), ReplicaRole::Leaderless, "one of three is no quorum");
        assert!(server.wishes.is_empty());
        assert_eq!(server.serves(2).expect_err("500").code, 500);
        assert_eq!(progress(server.unseal(0, &share)), (false, 0));
        assert_eq!(server.role(2), ReplicaRole::Leaderless, "not yet");
        let (wait, wish) = server.wishes.pop().expect("an election");
        assert!((1000..=2000).contains(&wait.as_millis()));
        server.fulfil(wish);
        assert!(server.leader.is_some() && server.serves(0).is_ok());
    }

    #[test]
    fn without_a_vote_the_open_ones_follow_a_leader_that_is_sealed_until_it_is_open_again() {
        let mut server = sealed();
        server.threshold = 1;
        let share = server.shares[0].clone();
        server.begin();
        server.demote(1);
        server.demote(2);
        server.seal(0);
        assert!(server.wishes.is_empty() && server.leader.is_none(), "nobody may elect");
        assert_eq!(server.role(1), ReplicaRole::Standby(server.addresses_of(0)));
        assert_eq!(server.serves(1).expect_err("it sends on to the sealed one").code, 503);
        assert_eq!(progress(server.unseal(0, &share)), (false, 0));
        let (_, elect) = server.wishes.pop().expect("an election");
        server.fulfil(elect);
        assert_eq!((server.leader, server.serves(2)), (Some(0), Ok(())));
        // With a vote they elect one of themselves.
        let mut server = sealed();
        server.begin();
        server.seal(0);
        let (_, elect) = server.wishes.pop().expect("an election");
        assert_eq!(server.role(1), ReplicaRole::Standby(server.addresses_of(0)), "until then they name the old one");
        server.fulfil(elect);
        assert!(server.leader.is_some_and(|leader| leader != 0));
    }

    #[test]
    fn a_joining_replica_answers_200_and_stays_sealed() {
        let mut server = sealed();
        server.threshold = 1;
        server.replicas[1].joining = true;
        let share = server.shares[0].clone();
        assert_eq!(progress(server.unseal(1, &share)), (true, 0), "nobody to join: the share is dropped");
        assert!(server.wishes.is_empty());
        server.unseal(0, &share).expect("200");
        server.unseal(2, &share).expect("200");
        let (_, elect) = server.wishes.pop().expect("an election");
        server.fulfil(elect);
        assert_eq!(progress(server.unseal(1, &share)), (true, 0), "200, and still sealed");
        let (_, join) = server.wishes.pop().expect("it joins");
        server.fulfil(join);
        assert_eq!(progress(server.seal_status(1)), (false, 0));
    }
}
