//! A login of kubernetes auth that is refused: what External Secrets was told, and what the prober found out step by step.
//! Shared by the rules about logins, each of which names one reason.

use std::cell::Cell;
use std::sync::Arc;

use jiff::Timestamp;

use super::case::{Case, ReaderCase, StoreCase, Word, with_words};
use super::finding::{Evidence, Finding, Severity, Source};
use super::readings::Readings;
use super::server::ServerState;
use crate::model::kinds::{ExternalSecret, SecretStore, ServiceAccount};
use crate::model::vault::{AuthConfig, AuthRole, LoginChecks, StoreLogin, Told};
use crate::model::{Condition, Health, Inventory, Kind, ObjectRef, Text, VaultServer};

/// One login that fails.
pub struct LoginCase<'a> {
    /// The world.
    pub case: Case<'a>,
    /// What fails by it: the store, or an `ExternalSecret` whose `ClusterSecretStore` leaves the account to it.
    pub subject: ObjectRef,
    /// The store.
    pub store: &'a SecretStore,
    /// Its Vault.
    pub server: &'a VaultServer,
    /// How it logs in.
    pub login: StoreLogin,
    /// What External Secrets says of it.
    pub word: Option<&'a Word<'a>>,
    /// What was asked about it.
    checks: Option<Arc<LoginChecks>>,
    ready: Option<&'a Condition>,
}

/// How Vault refuses a login. The text tells most of them apart; the last one stands for a dozen reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such role.
    Role,
    /// The method was never configured.
    Unconfigured,
    /// The service account is not one of the role's.
    Account,
    /// Its namespace is not one of the role's.
    Namespace,
    /// Its token is for another audience.
    Audience,
    /// Its token is from another issuer.
    Issuer,
    /// `permission denied`, and not a word more.
    Bare,
}

/// What each refusal says, on OpenBao and on HashiCorp's Vault (vault-plugin-auth-kubernetes `path_login.go`; the audience
/// was said otherwise before #102).
const TEXTS: &[(&str, Refusal)] = &[
    ("invalid role name", Refusal::Role),
    ("could not load backend configuration", Refusal::Unconfigured),
    ("service account name not authorized", Refusal::Account),
    ("namespace not authorized", Refusal::Namespace),
    ("invalid audience (aud) claim", Refusal::Audience),
    ("claim \"aud\" is invalid", Refusal::Audience),
    ("invalid issuer (iss) claim", Refusal::Issuer),
    ("claim \"iss\" is invalid", Refusal::Issuer),
];

impl Refusal {
    /// Reads the answer to a login.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let told = TEXTS.iter().find(|(words, _)| text.contains(words)).map(|(_, refusal)| *refusal);
        told.or_else(|| text.contains("permission denied").then_some(Self::Bare))
    }
}

/// Why Vault refuses a login with `permission denied`, as its log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The API server does not accept the token with which Vault asks.
    Reviewer,
    /// The account with which Vault asks may not ask.
    Forbidden,
    /// The API server cannot be reached.
    Host,
    /// Its certificate is refused.
    Authority,
    /// The token was not signed with one of the pinned keys.
    Keys,
}

/// What the log says for each (vault-plugin-auth-kubernetes `token_review.go`, and Go's own errors).
const REASONS: &[(&[&str], Reason)] = &[
    (&["tokenreviews", "forbidden"], Reason::Forbidden),
    (&["service account unauthorized"], Reason::Reviewer),
    (&["x509"], Reason::Authority),
    (&["certificate is valid for"], Reason::Authority),
    (&["verifying token signature"], Reason::Keys),
    (&["no known key"], Reason::Keys),
    (&["connection refused"], Reason::Host),
    (&["no such host"], Reason::Host),
    (&["i/o timeout"], Reason::Host),
    (&["no route to host"], Reason::Host),
    (&["connection reset"], Reason::Host),
    (&["network is unreachable"], Reason::Host),
    (&["Client.Timeout exceeded"], Reason::Host),
    (&["context deadline exceeded"], Reason::Host),
];

impl Reason {
    /// Reads the line of the log.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        REASONS.iter().find(|(words, _)| words.iter().all(|word| text.contains(word))).map(|(_, reason)| *reason)
    }
}

impl<'a> StoreCase<'a> {
    /// Its login, if that is what fails.
    pub(super) fn login(&'a self) -> Option<LoginCase<'a>> {
        let ready = self.store.ready.as_ref().filter(|ready| ready.status != crate::model::Status::True)?;
        let login = StoreLogin::of(self.store, None).ok()?;
        LoginCase::of(self.case, self.object.clone(), self.store, self.server?, login, self.word.as_ref(), Some(ready))
    }
}

impl<'a> ReaderCase<'a> {
    /// Its login, if it logs in itself and that is what fails.
    pub(super) fn login(&'a self) -> Option<LoginCase<'a>> {
        let store = self.store.filter(|store| store.is_referent())?;
        let word = self.word.as_ref()?;
        let login = StoreLogin::of(store, Some(&self.es.meta.namespace)).ok()?;
        // What it is told of a path or a template says nothing of a login.
        let fails = ["unable to log in", "auth/", "service account"].iter().any(|sign| word.text.contains(sign));
        let of = || LoginCase::of(self.case, self.object.clone(), store, self.server?, login, Some(word), self.es.ready.as_ref());
        fails.then(of).flatten()
    }
}

impl<'a> LoginCase<'a> {
    fn of(
        case: Case<'a>,
        subject: ObjectRef,
        store: &'a SecretStore,
        server: &'a VaultServer,
        login: StoreLogin,
        word: Option<&'a Word<'a>>,
        ready: Option<&'a Condition>,
    ) -> Option<Self> {
        // Of a Vault that nobody serves another rule tells, and what it answers then is no refusal.
        if ServerState::of(server).is_down() {
            return None;
        }
        let checks = server.logins.get(&(login.store.clone(), login.account.clone())).cloned();
        Some(Self { case, subject, store, server, login, word, checks, ready })
    }

    /// The newest answer to a login: one that we made ourselves, or else what External Secrets was told.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        if let Some(Told::Said(answer)) = self.checks().map(|checks| &checks.login) {
            return answer.as_ref().and_then(|text| Refusal::read(text.as_str()));
        }
        let text = self.text();
        let is_login = text.contains("unable to log in") || text.contains("/login");
        is_login.then(|| Refusal::read(text)).flatten().or_else(|| self.probed())
    }

    /// What a login without a token already tells: the role and the configuration are looked at first.
    fn probed(&self) -> Option<Refusal> {
        let probe = self.checks()?.probe.said()?;
        Refusal::read(probe.as_str()).filter(|refusal| matches!(refusal, Refusal::Role | Refusal::Unconfigured))
    }

    /// Whether a login that we made ourselves was let in: then nothing is wrong with it any more.
    #[must_use]
    pub fn is_let_in(&self) -> bool {
        self.checks().is_some_and(|checks| checks.login == Told::Said(None))
    }

    /// What was asked about it.
    #[must_use]
    pub fn checks(&self) -> Option<&LoginChecks> {
        self.checks.as_deref()
    }

    /// The role, if it could be read.
    #[must_use]
    pub fn role(&self) -> Option<&AuthRole> {
        self.checks()?.role.said()
    }

    /// The configuration of the method, if it could be read.
    #[must_use]
    pub fn config(&self) -> Option<&AuthConfig> {
        self.checks()?.config.said()
    }

    /// Vault's own words about a refusal that says no more than `permission denied`.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        if self.refusal() != Some(Refusal::Bare) {
            return None;
        }
        self.checks()?.reason.said().map(Text::as_str)
    }

    /// What these words mean.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        Reason::read(self.words()?)
    }

    /// Whether a login was refused while Vault's log could be read, and the log gave no reason.
    #[must_use]
    pub fn is_without_reason(&self) -> bool {
        self.checks().is_some_and(|checks| matches!(checks.login, Told::Said(Some(_))) && checks.reason == Told::Absent)
    }

    /// The account that Vault's words name as the one that may not review tokens.
    #[must_use]
    pub fn reviewer(&self) -> Option<&str> {
        self.words()?.split(['"', '\\']).find(|word| word.starts_with("system:serviceaccount:"))
    }

    /// Whether the method stands at the mount, as far as that is known.
    #[must_use]
    pub fn has_mount(&self) -> Option<bool> {
        self.checks()?.mount.said().copied()
    }

    /// Where the method is mounted, as a person writes it.
    #[must_use]
    pub fn method(&self) -> String {
        format!("auth/{}", self.login.mount.as_str().trim_matches('/'))
    }

    /// The service account, if it can be seen that there is none.
    #[must_use]
    pub fn lacks_account(&self) -> bool {
        let world = self.case.world;
        world.get::<ServiceAccount>(&self.login.account).is_none() && world.would_show(&self.login.account)
    }

    /// The method itself, as the root of what is wrong with all its logins.
    #[must_use]
    pub fn method_ref(&self) -> ObjectRef {
        self.server.address.path_ref(&Text::foreign(&self.method()))
    }

    /// The healthy stores of the same Vault that log in with kubernetes auth, with how they do.
    fn healthy(&self) -> impl Iterator<Item = StoreLogin> {
        let stores = self.case.world.stores().filter(|store| store.health() == Health::Healthy);
        let here = stores.filter(|store| store.vault.as_ref().is_some_and(|vault| vault.address == self.server.address));
        here.filter_map(|store| StoreLogin::of(store, None).ok())
    }

    /// What a healthy store of the same Vault has as its mount.
    #[must_use]
    pub fn healthy_mount(&self) -> Option<String> {
        let other = self.healthy().find(|other| other.mount != self.login.mount)?;
        Some(format!("{} is Ready and logs in at auth/{}.", other.store.short(), other.mount))
    }

    /// What a healthy store of the same method has as its role.
    #[must_use]
    pub fn healthy_role(&self) -> Option<String> {
        let other = self.healthy().find(|other| other.mount == self.login.mount && other.role != self.login.role)?;
        Some(format!("{} is Ready with the role “{}”.", other.store.short(), other.role))
    }

    fn text(&self) -> &str {
        self.word.map_or("", |word| word.text)
    }

    /// A finding about what fails, with what External Secrets was told and what the steps said.
    #[must_use]
    pub fn finding(&self, slug: &'static str, summary: String) -> Finding {
        let finding = Finding::certain(slug, Severity::Error, self.subject.clone(), summary);
        let mut finding = with_words(finding, self.ready, self.word);
        for step in self.steps() {
            let (passed, at) = (step.state.word(), self.checks().and_then(|checks| checks.asked));
            let what = format!("{}: {passed}{}{}", step.what, if step.said.is_empty() { "" } else { ": " }, step.said);
            if matches!(step.state, StepState::Passed | StepState::Failed) {
                finding.evidence.push(Evidence { source: Source::Probe, object: self.server.subject(), what, at });
            }
        }
        finding
    }
}

/// One step of a login, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was asked.
    pub what: String,
    /// What came of it.
    pub state: StepState,
    /// The answer in a few words; or what would be needed to ask.
    pub said: String,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed,
    /// The token may not ask.
    Denied,
    /// Nobody asked.
    NotTried,
}

impl Step {
    /// Whether it could still tell something.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, StepState::Denied | StepState::NotTried)
    }
}

impl StepState {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Denied => "not permitted",
            Self::NotTried => "not tried",
        }
    }
}

impl LoginCase<'_> {
    /// The checklist: every step of this login in the order in which Vault looks, and what came of it.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let nothing = LoginChecks::default();
        let checks = self.checks().unwrap_or(&nothing);
        let method = self.method();
        let step = |what: String, (state, said): (StepState, String)| Step { what, state, said };
        let mount = match &checks.mount {
            Told::Said(true) => (StepState::Passed, String::new()),
            Told::Said(false) => (StepState::Failed, "there is no auth method at this mount".to_owned()),
            other => untold(other, ""),
        };
        let config = match &checks.config {
            Told::Said(config) => (StepState::Passed, format!("kubernetes_host {}", config.host)),
            Told::Absent if checks.mount == Told::Said(true) => (StepState::Failed, "it was never configured".to_owned()),
            other => untold(other, &format!("read on {method}/config")),
        };
        let role = match &checks.role {
            Told::Said(role) => self.bound(role),
            Told::Absent if checks.mount == Told::Said(true) => (StepState::Failed, "there is no such role".to_owned()),
            other => match self.probed() {
                Some(Refusal::Role) => (StepState::Failed, "there is no such role".to_owned()),
                _ => untold(other, &format!("read on {method}/role/{}", self.login.role)),
            },
        };
        let account = match self.case.world.get::<ServiceAccount>(&self.login.account) {
            Some(_) => (StepState::Passed, String::new()),
            None if self.lacks_account() => (StepState::Failed, "it does not exist".to_owned()),
            None => (StepState::Denied, "get on it".to_owned()),
        };
        let login = match &checks.login {
            Told::Said(None) => (StepState::Passed, "a token of this account is let in now".to_owned()),
            Told::Said(Some(text)) => (StepState::Failed, text.to_string()),
            Told::NotAsked => (StepState::NotTried, "L on the store, or --login-as-store, makes one".to_owned()),
            other => untold(other, ""),
        };
        let reason = match &checks.reason {
            Told::Said(reason) => (StepState::Failed, reason.to_string()),
            Told::Absent => (StepState::Passed, "Vault's log gives no reason".to_owned()),
            other => untold(other, "read on sys/monitor, and a login"),
        };
        // Of any other refusal the answer itself is the reason.
        let bare = self.refusal() == Some(Refusal::Bare);
        let reason = bare.then(|| step("Vault's own reason (sys/monitor)".to_owned(), reason));
        let steps = [
            step(format!("{method} exists"), mount),
            step(format!("{method}/config"), config),
            step(format!("role {}", self.login.role), role),
            step(self.login.account.to_string(), account),
            step("a login as External Secrets makes it".to_owned(), login),
        ];
        steps.into_iter().chain(reason).collect()
    }

    fn bound(&self, role: &AuthRole) -> (StepState, String) {
        let (account, namespace) = (&self.login.account.name, &self.login.account.namespace);
        if !role.binds_account(account.as_str()) {
            (StepState::Failed, format!("it binds the service accounts {}", listed(&role.accounts)))
        } else if role.binds_namespace(namespace.as_str()) == Some(false) {
            (StepState::Failed, format!("it binds the namespaces {}", listed(&role.namespaces)))
        } else {
            (StepState::Passed, format!("it binds {account} in {namespace}"))
        }
    }

    /// Explanations that were looked at and do not hold.
    #[must_use]
    pub fn ruled_out(&self) -> Vec<String> {
        let passed = self.steps().into_iter().filter(|step| step.state == StepState::Passed);
        passed.map(|step| if step.said.is_empty() { step.what } else { format!("{}: {}", step.what, step.said) }).collect()
    }
}

/// The checklist of a login that fails: of a store, or of an `ExternalSecret` that logs in itself.
#[must_use]
pub fn checklist(world: &Inventory, object: &ObjectRef, now: Timestamp) -> Option<Vec<Step>> {
    let (readings, again) = (Readings::default(), Cell::default());
    let case = Case::new(world, now, &readings, &again);
    match object.kind {
        Kind::ExternalSecret => case.of_reader(world.get::<ExternalSecret>(object)?).login().map(|login| login.steps()),
        _ => case.of_store(world.store(object)?).login().map(|login| login.steps()),
    }
}

/// What mends a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The method gets the configuration of a Vault in a pod.
    Configure,
    /// The role binds these accounts and namespaces.
    Bind(Vec<Text>, Vec<Text>),
    /// This account may review tokens.
    Delegate(ObjectRef),
    /// A person does it; in a sentence.
    ByHand(String),
}

/// A login that fails, and what mends it.
pub struct Mending {
    /// How it logs in.
    pub login: StoreLogin,
    /// The method.
    pub method: ObjectRef,
    /// What mends it.
    pub remedy: Remedy,
    /// What the method's configuration is now, if it could be read.
    pub config: Option<AuthConfig>,
    /// What its role is now, if that could be read.
    pub role: Option<AuthRole>,
    /// Whether the steps of this login were asked: before that, what mends it may be another.
    pub is_asked: bool,
    /// What your token may not read of it, below the method: without that it is not known what mends it.
    pub unread: Option<String>,
}

/// What mends the login of this store, if its login is what fails.
#[must_use]
pub fn mending(world: &Inventory, store: &SecretStore, now: Timestamp) -> Option<Mending> {
    let (readings, again) = (Readings::default(), Cell::default());
    let case = Case::new(world, now, &readings, &again).of_store(store);
    let login = case.login()?;
    let remedy = login.remedy()?;
    let is_asked = login.checks().is_some_and(|checks| checks.role != Told::NotAsked && checks.config != Told::NotAsked);
    // Of every other refusal the role says nothing.
    let by_role = matches!(login.refusal(), Some(Refusal::Account | Refusal::Namespace));
    let is_denied = by_role && login.checks().is_some_and(|checks| checks.role == Told::Denied);
    let unread = is_denied.then(|| format!("role/{}", login.login.role));
    Some(Mending {
        unread,
        is_asked,
        method: login.method_ref(),
        remedy,
        config: login.config().cloned(),
        role: login.role().cloned(),
        login: login.login.clone(),
    })
}

impl LoginCase<'_> {
    fn remedy(&self) -> Option<Remedy> {
        let by_hand = |what: &str| Some(Remedy::ByHand(what.to_owned()));
        if self.is_let_in() {
            return None;
        }
        if self.has_mount() == Some(false) {
            return by_hand(
                "there is no auth method at its mount: enable it and set it up again, roles and all, by what set it up (Terraform, a bootstrap)",
            );
        }
        match (self.refusal()?, self.reason()) {
            (Refusal::Role, _) => by_hand("its role does not exist, and only you know which policies it had: write the role"),
            (Refusal::Account | Refusal::Namespace, _) => match self.role() {
                Some(role) => Some(self.binding(role)),
                None => by_hand("its role does not bind it, and may not be read by your token: bind it by hand"),
            },
            (Refusal::Audience, _) => {
                by_hand("role and store name different audiences: decide which is right, and set the other")
            }
            (Refusal::Unconfigured | Refusal::Issuer, _)
            | (Refusal::Bare, Some(Reason::Reviewer | Reason::Host | Reason::Authority | Reason::Keys)) => {
                match self.server.address.service() {
                    // Where it does ask another API server, it may be there for another cluster.
                    Some(_) if self.asks_elsewhere() && self.reason() != Some(Reason::Host) => by_hand(
                        "this method asks another API server than its own cluster's: is it another cluster's? Look at the store's mountPath first",
                    ),
                    Some(_) => Some(Remedy::Configure),
                    None => by_hand(
                        "this Vault does not run in this cluster: set its kubernetes_host, CA and a reviewer's token by hand",
                    ),
                }
            }
            (Refusal::Bare, Some(Reason::Forbidden)) => match self.reviewer().and_then(account) {
                Some(account) => Some(Remedy::Delegate(account)),
                None => by_hand("the account with which Vault asks may not review tokens, and its name is not known"),
            },
            (Refusal::Bare, None) => by_hand(
                "why it is refused is not known: L on the store (or --try-logins) makes a login and reads the reason in Vault's log",
            ),
        }
    }

    /// Whether the method is set up to ask an API server that has no name in this cluster.
    fn asks_elsewhere(&self) -> bool {
        let host = self.config().map(|config| config.host.as_str()).unwrap_or_default();
        let own = ["://kubernetes.default", "://kubernetes:", "://kubernetes/", "://10.", "://172.", "://192.168.", "://127."];
        !host.is_empty() && !own.iter().any(|own| host.contains(own))
    }

    /// The role with this account and its namespace in it.
    fn binding(&self, role: &AuthRole) -> Remedy {
        let with = |names: &[Text], name: &str, bound: bool| {
            let own = (!bound).then(|| Text::foreign(name));
            names.iter().cloned().chain(own).collect::<Vec<Text>>()
        };
        let (name, namespace) = (self.login.account.name.as_str(), self.login.account.namespace.as_str());
        Remedy::Bind(
            with(&role.accounts, name, role.binds_account(name)),
            with(&role.namespaces, namespace, role.binds_namespace(namespace) != Some(false)),
        )
    }
}

/// The account of `system:serviceaccount:<namespace>:<name>`.
fn account(user: &str) -> Option<ObjectRef> {
    match user.split(':').collect::<Vec<_>>().as_slice() {
        ["system", "serviceaccount", namespace, name] => Some(ObjectRef::new(Kind::ServiceAccount, *namespace, *name)),
        _ => None,
    }
}

/// Names as a sentence lists them.
#[must_use]
pub fn listed(names: &[Text]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("“{name}”")).collect();
    if quoted.is_empty() { "of nobody".to_owned() } else { quoted.join(", ") }
}

/// A step that has no answer.
fn untold<T>(told: &Told<T>, needs: &str) -> (StepState, String) {
    match told {
        Told::Denied => (StepState::Denied, needs.to_owned()),
        Told::Failed(fault) => (StepState::NotTried, fault.message.to_string()),
        _ => (StepState::NotTried, String::new()),
    }
}
