//! The reconcile of one object: log in, ask Vault, write the Secret if its digest differs, restart what is named, say how
//! it went.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use sha3::{Digest, Sha3_256};

use super::{Beat, Kept, Lease, Operator, Verdict};
use crate::gateways::simulation::object::{Body, Meta, Secret, Words};
use crate::gateways::simulation::recorder::Saying;
use crate::gateways::simulation::time::{after, whole};
use crate::gateways::simulation::vault::Refusal;
use crate::gateways::simulation::vault::login::Session;
use crate::gateways::simulation::world::World;
use crate::model::{Kind, ObjectRef, VaultAddress};

/// How long after a login that failed, in milliseconds (`requeueDurationOnError`, 5 s with jitter).
const LOGIN_AGAIN: (u64, u64) = (4000, 5000);
/// When one that has no `refreshAfter` is looked at for drift, in seconds.
const DRIFT: u64 = 60;
/// How often Vault's client asks in all.
const TRIES: u32 = 3;
/// After this part of a lease it is renewed (`renewalPercent`), in percent.
const RENEWED_AT: u64 = 67;

/// Why it failed.
enum Failure {
    /// It could not log in.
    Login(String),
    /// Vault, or what it says.
    Vault(String),
    /// Vault's client asks again first.
    Again,
}

/// The server and the replica that a connection goes to.
type Reached = Option<(usize, usize)>;

impl World {
    /// The replica that a new connection for this object reaches.
    pub(super) fn vso_connection(&mut self, key: &ObjectRef) -> Reached {
        let url = self.url_of(key)?;
        let address = VaultAddress::parse(&url)?;
        let index = self.servers.iter().position(|server| server.is_at(&address))?;
        let replica = self.servers.get_mut(index)?.connect();
        Some((index, replica))
    }

    fn auth_of(&self, key: &ObjectRef) -> Option<ObjectRef> {
        let name = &self.api.get(key)?.kept()?.auth;
        Some(ObjectRef::new(Kind::VaultAuth, key.namespace.as_str(), name.as_str()))
    }

    fn url_of(&self, key: &ObjectRef) -> Option<String> {
        let auth = self.api.get(&self.auth_of(key)?)?.auth()?;
        let connection = ObjectRef::new(Kind::VaultConnection, key.namespace.as_str(), auth.connection.as_str());
        Some(self.api.get(&connection)?.connection()?.url.clone())
    }

    /// Its login, which it holds on to.
    fn vso_session(&mut self, key: &ObjectRef, attempt: u32, reached: Reached) -> Result<Session, Failure> {
        let found = self.auth_of(key).and_then(|key| Some((self.api.get(&key)?.auth()?.clone(), key)));
        let Some((auth, auth_key)) = found else { return Err(Failure::Login("its VaultAuth is not there".to_owned())) };
        if let Some(session) = self.vso.clients.get(&auth_key) {
            return Ok(session.clone());
        }
        let account = (key.namespace.as_str(), auth.account.as_str());
        let answer = match reached.and_then(|(server, replica)| Some((self.servers.get(server)?, replica))) {
            Some((server, replica)) => server.login(replica, &auth.mount, &auth.role, account),
            None => Err(Refusal::new(0, "dial tcp: no such host")),
        };
        let url = format!("{}/v1/auth/{}/login", self.url_of(key).unwrap_or_default(), auth.mount);
        let session = answer.map_err(|refusal| {
            if refusal.is_retried() && attempt < TRIES { Failure::Again } else { Failure::Login(refusal.said("PUT", &url)) }
        })?;
        self.vso.clients.insert(auth_key, session.clone());
        Ok(session)
    }

    /// A `VaultStaticSecret`.
    pub(super) fn keep_static(&mut self, key: &ObjectRef, attempt: u32, reached: Reached) -> Verdict {
        let Some((kept, generation)) = self.kept(key) else { return Verdict::After(Duration::from_secs(DRIFT)) };
        let data = match self.read_static(key, &kept, attempt, reached) {
            Ok(data) => data,
            Err(failure) => return self.vso_failed(key, failure),
        };
        self.vso.failures.remove(key);
        let mac = digest(&data);
        let target = target_of(key, &kept);
        let is_there = self.api.get(&target).and_then(|object| object.secret()).is_some_and(|secret| digest(&secret.data) == mac);
        let same = kept.mac == mac && is_there && kept.last_generation == generation;
        let now = self.now;
        if !same {
            self.write_kept(key, &target, data);
            // Measured: the first sync of a new one restarts too.
            self.restart_targets(key, &kept);
            let reason = if kept.restarts.is_empty() { "SecretSynced" } else { "SecretRotated" };
            self.say_vso(key, Saying::normal("VaultStaticSecret", reason, "Secret synced"));
        }
        let wait = self.jittered(kept.refresh_after.as_ref().map_or(DRIFT, |after| after.1));
        self.change_kept(key, |kept| {
            (kept.mac, kept.last_generation) = (mac, generation);
            // It is not written where nothing is synced: so False stays after a recovery (vso#1225).
            if !same {
                kept.synced = Some(Beat { status: true, message: format!("Secret synced, horizon={}", told(wait)), at: now });
            }
            kept.healthy = Some(beat(true, "VaultStaticSecretHealthy", now));
        });
        Verdict::After(wait)
    }

    fn read_static(&mut self, key: &ObjectRef, kept: &Kept, attempt: u32, reached: Reached) -> Result<Words, Failure> {
        let session = self.vso_session(key, attempt, reached)?;
        let Some((server, replica)) = reached.and_then(|(server, replica)| Some((self.servers.get(server)?, replica))) else {
            return Err(Failure::Vault("dial tcp: no such host".to_owned()));
        };
        let url = || format!("{}/v1/{}/data/{}", self.url_of(key).unwrap_or_default(), kept.mount, kept.path);
        match server.read(replica, &session, (&kept.mount, "v2"), &kept.path) {
            Ok(Some(found)) => {
                let mut data = found.clone();
                data.insert("_raw".to_owned(), serde_json::json!({ "data": found }).to_string());
                Ok(data)
            }
            Ok(None) => Err(Failure::Vault(format!("empty response from Vault, path=\"{}/data/{}\"", kept.mount, kept.path))),
            Err(refusal) if refusal.is_retried() && attempt < TRIES => Err(Failure::Again),
            Err(refusal) => Err(Failure::Vault(refusal.said("GET", &url()))),
        }
    }

    /// A `VaultDynamicSecret`: its lease is renewed in time; what cannot be renewed, and what is forced, is issued anew.
    pub(super) fn keep_dynamic(&mut self, key: &ObjectRef, attempt: u32, reached: Reached) -> Verdict {
        let Some((kept, generation)) = self.kept(key) else { return Verdict::After(Duration::from_secs(DRIFT)) };
        let session = match self.vso_session(key, attempt, reached) {
            Ok(session) => session,
            Err(failure) => return self.vso_failed(key, failure),
        };
        let full = format!("{}/{}", kept.mount, kept.path);
        let server = reached.and_then(|(server, replica)| Some((self.servers.get(server)?, replica)));
        let issued = server.map_or_else(
            || Err(Refusal::new(0, "dial tcp: no such host")),
            |(server, replica)| server.lease(replica, &session, &full),
        );
        let lasts = match issued {
            Ok(lasts) => lasts,
            Err(refusal) if refusal.is_retried() && attempt < TRIES => return Verdict::Again,
            Err(refusal) => {
                let url = format!("{}/v1/{full}", self.url_of(key).unwrap_or_default());
                return self.vso_failed(key, Failure::Vault(refusal.said("GET", &url)));
            }
        };
        self.vso.failures.remove(key);
        let now = self.now;
        let target = target_of(key, &kept);
        let alive = kept.lease.as_ref().filter(|lease| after(lease.renewed, Duration::from_secs(lease.lasts)) > now);
        let forced = self.vso.forced.remove(key) || kept.last_generation != generation || self.api.get(&target).is_none();
        let wait = self.jittered(lasts * RENEWED_AT / 100);
        if let Some(lease) = alive.filter(|_| !forced) {
            let said = format!("Renewed lease, lease_id={}, horizon={}", lease.id, told(wait));
            self.say_vso(key, Saying::normal("VaultDynamicSecret", "SecretLeaseRenewal", said));
            self.change_kept(key, |kept| {
                if let Some(lease) = &mut kept.lease {
                    lease.renewed = now;
                }
                kept.healthy = Some(beat(true, "VaultDynamicSecretHealthy", now));
            });
            return Verdict::After(wait);
        }
        let random = &mut self.vso.random;
        let (name, password, id) = (random.hex(6), random.hex(16), random.hex(12));
        let data = Words::from([("username".to_owned(), format!("v-{name}")), ("password".to_owned(), password)]);
        self.write_kept(key, &target, data);
        let first = kept.lease.is_none();
        let lease = Lease { id: format!("{full}/{id}"), lasts, renewed: now };
        let reason = if first { "SecretSynced" } else { "SecretRotated" };
        let said = format!("Secret synced, lease_id=\"{}\", horizon={}", lease.id, told(wait));
        self.say_vso(key, Saying::normal("VaultDynamicSecret", reason, said));
        if !first {
            self.restart_targets(key, &kept);
        }
        self.change_kept(key, |kept| {
            kept.lease = Some(lease);
            kept.last_generation = generation;
            kept.synced = Some(beat(true, "Secret synced", now));
            kept.healthy = Some(beat(true, "VaultDynamicSecretHealthy", now));
        });
        Verdict::After(wait)
    }

    /// Says a failure and works out when it is tried again: a login at a fixed pace and without a word in the status, all
    /// else after 5 s and then half as long again each time, up to 60 s.
    fn vso_failed(&mut self, key: &ObjectRef, failure: Failure) -> Verdict {
        let component = key.kind.as_str();
        let error = match failure {
            Failure::Again => return Verdict::Again,
            Failure::Login(error) => {
                let said = format!("Failed to get Vault auth login: {error}");
                self.say_vso(key, Saying::warning(component, "VaultClientConfigError", said));
                return Verdict::After(self.vso.random.millis(LOGIN_AGAIN.0, LOGIN_AGAIN.1));
            }
            Failure::Vault(error) => error,
        };
        let failures = self.vso.failures.entry(key.clone()).or_default();
        let seconds = (5.0 * 1.5_f64.powi(*failures)).min(60.0);
        *failures += 1;
        let wait = self.vso.random.millis(900, 1100).mul_f64(seconds);
        let message = format!("Failed to sync the secret, horizon={}, err={error}", told(wait));
        if key.kind == Kind::VaultStaticSecret {
            self.say_vso(key, Saying::warning(component, "VaultClientError", format!("Failed to read Vault secret: {error}")));
        } else {
            // It is forced from then on: what goes well next is issued anew.
            self.vso.forced.insert(key.clone());
            self.say_vso(key, Saying::warning(component, "SecretSyncError", message.clone()));
        }
        let now = self.now;
        self.change_kept(key, |kept| {
            kept.synced = Some(Beat { status: false, message, at: now });
            kept.healthy = Some(beat(false, &format!("{component}Unhealthy"), now));
        });
        Verdict::After(wait)
    }

    /// So many seconds, or somewhat less.
    fn jittered(&mut self, seconds: u64) -> Duration {
        self.vso.random.millis(seconds * 950, seconds * 1000)
    }

    fn kept(&self, key: &ObjectRef) -> Option<(Kept, i64)> {
        let object = self.api.get(key)?;
        Some((object.kept()?.clone(), object.meta.generation))
    }

    fn change_kept(&mut self, key: &ObjectRef, change: impl FnOnce(&mut Kept)) {
        self.api.change(key, |object| {
            if let Some(kept) = object.kept_mut() {
                change(kept);
            }
        });
    }

    /// Writes the Secret, with the labels and the owner that it carries (fixture 53).
    fn write_kept(&mut self, key: &ObjectRef, target: &ObjectRef, data: Words) {
        let Some(uid) = self.api.get(key).map(|object| object.meta.uid.clone()) else { return };
        let now = self.now;
        let written = Some(whole(now));
        let word = |word: &str| word.to_owned();
        let labels = Words::from([
            (word("app.kubernetes.io/component"), word("secret-sync")),
            (word("app.kubernetes.io/managed-by"), word("hashicorp-vso")),
            (word("app.kubernetes.io/name"), word("vault-secrets-operator")),
            (word("secrets.hashicorp.com/vso-ownerRefUID"), uid.clone()),
        ]);
        let owner = Some([word("secrets.hashicorp.com/v1beta1"), word(key.kind.as_str()), key.name.to_string(), uid]);
        let secret = Secret { kind: word("Opaque"), data, kept: written };
        if self.api.get(target).is_none() {
            let meta = Meta { labels, owner, ..Meta::default() };
            self.api.create(target.clone(), meta, Body::Secret(secret), now);
            return;
        }
        self.api.change(target, |object| {
            object.meta.labels.extend(labels);
            object.body = Body::Secret(secret);
        });
    }

    /// Restarts what `rolloutRestartTargets` name.
    fn restart_targets(&mut self, key: &ObjectRef, kept: &Kept) {
        for (kind, name) in &kept.restarts {
            let workload = ObjectRef::new(*kind, key.namespace.as_str(), name.as_str());
            if self.restart_workload(&workload).is_some() {
                let said = format!("Rollout restart triggered for {{{kind} {name}}}");
                self.say_vso(key, Saying::normal(key.kind.as_str(), "RolloutRestartTriggered", said));
            }
        }
    }

    fn say_vso(&mut self, about: &ObjectRef, saying: Saying) {
        let Operator { recorder, .. } = &mut self.vso;
        recorder.record(&mut self.api, about, saying, self.now);
    }
}

fn target_of(key: &ObjectRef, kept: &Kept) -> ObjectRef {
    ObjectRef::new(Kind::Secret, key.namespace.as_str(), kept.destination.as_str())
}

fn beat(status: bool, message: &str, at: Timestamp) -> Beat {
    Beat { status, message: message.to_owned(), at }
}

/// A time as Go prints it, to the millisecond.
fn told(wait: Duration) -> String {
    format!("{:.3}s", wait.as_secs_f64())
}

/// Stands for the keyed digest.
fn digest(data: &Words) -> String {
    let mut printed = String::new();
    for (key, value) in data {
        // Writing into a string does not fail.
        let _ = write!(printed, "{key}:{}:{value};", value.len());
    }
    Sha3_256::digest(printed).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
