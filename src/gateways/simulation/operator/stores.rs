//! The check of a store: it builds a client, which logs in, and looks its token up. That proves a login,
//! not a mount, a path or a policy.

use std::time::Duration;

use super::{Failure, Job, Release, Verdict};
use crate::gateways::simulation::object::{Login, Ready, Store};
use crate::gateways::simulation::recorder::Saying;
use crate::gateways::simulation::vault::Refusal;
use crate::gateways::simulation::vault::login::Session;
use crate::gateways::simulation::world::World;
use crate::model::{Kind, ObjectRef};

/// What `vault/api` puts before an error of a login.
const LOGIN: &str = "unable to log in to auth method: unable to log in with Kubernetes auth: ";

impl World {
    /// Checks a store once; an error means that Vault's client will ask again.
    pub(super) fn check_store(&mut self, key: &ObjectRef, job: &Job) -> Result<Verdict, Failure> {
        let Some(store) = self.api.get(key).and_then(|object| object.store()).cloned() else { return Ok(Verdict::Done(None)) };
        let component = if key.kind == Kind::SecretStore { "secret-store" } else { "cluster-secret-store" };
        let result = if is_referent(key, &store) { Ok(()) } else { self.validate(key, &store, job.connection).map(drop) };
        let (now, release) = (self.now, self.operator.release);
        match result {
            Ok(()) => {
                self.say(key, Saying::normal(component, "Valid", "store validated"));
                self.api.change(key, |object| {
                    if let Some(store) = object.store_mut() {
                        Ready::set(&mut store.ready, true, "Valid", "store validated", now);
                        store.capable = true;
                    }
                });
                let interval = if store.interval > 0 { Duration::from_secs(store.interval) } else { self.operator.store_requeue };
                Ok(Verdict::Done(Some(interval)))
            }
            Err(failure) if failure.retried && job.attempt < 3 => Err(failure),
            Err(failure) => {
                let (reason, message) = match (failure.at_validation, release) {
                    (false, _) => ("InvalidProviderConfig", "unable to create client".to_owned()),
                    (true, Release::V016) => ("ValidationFailed", format!("unable to validate store: {}", failure.text)),
                    (true, Release::V29) => ("InvalidProviderConfig", "unable to validate store".to_owned()),
                };
                self.say(key, Saying::warning(component, reason, failure.text));
                self.api.change(key, |object| {
                    if let Some(store) = object.store_mut() {
                        Ready::set(&mut store.ready, false, reason, message, now);
                    }
                });
                Ok(Verdict::Failed)
            }
        }
    }

    fn validate(&self, key: &ObjectRef, store: &Store, connection: Option<(usize, usize)>) -> Result<Session, Failure> {
        let session = self.log_in(store, key.namespace.as_str(), connection)?;
        if let Login::Token { .. } = store.login {
            // A static token is looked at only here.
            self.look_up(store, key.namespace.as_str(), connection).map_err(|failure| Failure {
                text: format!("invalid vault credentials: {}", failure.text),
                at_validation: true,
                ..failure
            })
        } else {
            Ok(session)
        }
    }

    /// What a client of this store may do, for an object in this namespace. With a static token nothing is
    /// asked yet.
    pub(super) fn log_in(&self, store: &Store, namespace: &str, connection: Option<(usize, usize)>) -> Result<Session, Failure> {
        let Login::Kubernetes { mount, role, account, namespace: fixed } = &store.login else {
            return self.token(store, namespace).map(|_| Session { allows: vec!["*".to_owned()] });
        };
        let bound = fixed.as_deref().unwrap_or(namespace);
        // It asks the API server for a token of the account before it asks Vault for anything.
        if self.api.get(&ObjectRef::new(Kind::ServiceAccount, bound, account.as_str())).is_none() {
            let text = format!(
                "cannot request Kubernetes service account token for service account \"{account}\": \
                 cannot get Kubernetes service account \"{account}\": ServiceAccount \"{account}\" not found"
            );
            return Err(Failure { text, retried: false, at_validation: false });
        }
        let answer = match connection.and_then(|(server, replica)| Some((self.servers.get(server)?, replica))) {
            Some((server, replica)) => server
                .within(replica, &store.space)
                .and_then(|(server, replica)| server.login(replica, mount, role, (bound, account))),
            None => Err(no_such_host(store)),
        };
        answer.map_err(|refusal| {
            let url = format!("{}/v1/auth/{mount}/login", store.url);
            Failure {
                text: format!("{LOGIN}{}", refusal.said_in(&store.space, "PUT", &url)),
                retried: refusal.is_retried(),
                at_validation: false,
            }
        })
    }

    fn look_up(&self, store: &Store, namespace: &str, connection: Option<(usize, usize)>) -> Result<Session, Failure> {
        let token = self.token(store, namespace)?;
        let answer = match connection.and_then(|(server, replica)| Some((self.servers.get(server)?, replica))) {
            Some((server, replica)) => {
                server.within(replica, &store.space).and_then(|(server, replica)| server.lookup(replica, &token))
            }
            None => Err(no_such_host(store)),
        };
        answer.map_err(|refusal| {
            let url = format!("{}/v1/auth/token/lookup-self", store.url);
            Failure { text: refusal.said("GET", &url), retried: refusal.is_retried(), at_validation: true }
        })
    }

    /// The static token in the Secret that the store names.
    fn token(&self, store: &Store, namespace: &str) -> Result<String, Failure> {
        let Login::Token { secret, key } = &store.login else { return Ok(String::new()) };
        let fail = |text: String| Failure { text, retried: false, at_validation: false };
        let found = self.api.get(&ObjectRef::new(Kind::Secret, namespace, secret.as_str())).and_then(|object| object.secret());
        let Some(found) = found else {
            return Err(fail(format!(
                "cannot get Kubernetes secret \"{secret}\" from namespace \"{namespace}\": secrets \"{secret}\" not found"
            )));
        };
        found.data.get(key).cloned().ok_or_else(|| fail(format!("cannot find secret data for key: \"{key}\"")))
    }

    /// Records an event of this operator.
    pub(super) fn say(&mut self, about: &ObjectRef, saying: Saying) {
        self.operator.recorder.record(&mut self.api, about, saying, self.now);
    }
}

fn no_such_host(store: &Store) -> Refusal {
    Refusal::new(0, format!("dial tcp: lookup {} on 10.96.0.10:53: no such host", store.address.host))
}

/// A `ClusterSecretStore` whose service account is looked for in the namespace of each reader is never
/// checked: it is Valid while its Vault is sealed.
fn is_referent(key: &ObjectRef, store: &Store) -> bool {
    key.kind == Kind::ClusterSecretStore && matches!(&store.login, Login::Kubernetes { namespace: None, .. })
}
