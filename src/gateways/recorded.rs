//! A recorded world: the ports `Cluster`, `Vault` and `Clock` answered from one JSON file (`--world`). It
//! can be read and never changed. What was not asked when it was recorded is not known here either.
//!
//! The file: `now`, `vaultAddr`, `kubernetes` (objects as the API gave them, secret values empty), `vault`
//! (answers by `"<METHOD path>[ <body>][ @<who>]"`, status 0 where there was no HTTP answer). What `capture.rs` writes
//! tells more (`told.rs`); there rights stand under `POST sys/capabilities-self` without a body, and an answer of a Vault
//! that is not at `vaultAddr` under `@addr/<host:port>[ @pod/<name>]`.

pub(in crate::gateways) mod told;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::told::{WireController, WireFault, WireOdd, WireReplica, WireSource};
use super::capture::{Raw, tape};
use super::odd::read;
use super::vault::api::{Api, Question};
use super::vault::classify::{FolderWise, classify};
use super::vault::client::Answer as VaultAnswer;
use super::vault::cluster;
use super::vault::login_checks::{attempt, login_checks, words};
use super::vault::neighbours::folder;
use super::vault::subkeys::properties;
use super::vault::whose::token;
use crate::model::inventory::runs::telling;
use crate::model::kinds::{Object, Visitor, Watched, visit};
use crate::model::vault::{Leader, Login, LoginChecks, ReplicaHealth, ReplicaRole, Seal, StoreLogin, Surroundings, Token, Told};
use crate::model::{Change, Controller, Fault, FaultKind, Kind, Name, Names, ObjectRef, Part, Text, Unreadable, VaultAddress};
use crate::ports::{
    Classified, Clock, Cluster, Identity, MountFolder, MountPaths, Permit, ReplicaAddress, ReplicaPod, Scope, Typed, Vault,
};
use crate::runbooks::{Aim, ClusterRight, KubernetesWrite, Receipt, VaultRight, VaultWrite};

/// The largest file that is read.
const LARGEST: u64 = 256 << 20;

/// A world from a file.
#[derive(Clone)]
pub struct Recording(Arc<Inner>);

struct Inner {
    name: Text,
    now: Timestamp,
    vault: Option<VaultAddress>,
    /// Kind, API group, object.
    objects: Vec<(String, String, Box<RawValue>)>,
    answers: BTreeMap<String, Answer>,
    told: Beside,
}

/// What is told beside objects and answers.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Beside {
    /// By `namespace/pod/container`.
    logs: BTreeMap<String, Vec<String>>,
    /// The kinds in a group and version, by these; nothing where that version was not served.
    served: BTreeMap<String, Option<Vec<Text>>>,
    /// The namespaces that were looked at; all if there are none.
    namespaces: Vec<Text>,
    /// How the data of a kind stood, by kind.
    read: BTreeMap<String, WireSource>,
    odd: Vec<WireOdd>,
    controller: Option<WireController>,
    /// By `namespace/service`.
    replicas: BTreeMap<String, Vec<WireReplica>>,
}

#[derive(Deserialize)]
struct WireWorld {
    now: Timestamp,
    #[serde(default, rename = "vaultAddr")]
    vault_addr: Option<String>,
    kubernetes: Vec<Box<RawValue>>,
    #[serde(default)]
    vault: BTreeMap<String, Answer>,
    #[serde(flatten)]
    told: Beside,
}

#[derive(Deserialize)]
struct Answer {
    status: u16,
    body: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireKind {
    api_version: String,
    kind: String,
}

/// Labels and selectors, for the pods behind a Service.
#[derive(Deserialize, Default)]
#[serde(default)]
struct WirePlace {
    metadata: WirePlaceMeta,
    spec: WirePlaceSpec,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WirePlaceMeta {
    name: String,
    namespace: String,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WirePlaceSpec {
    selector: Option<serde_json::Value>,
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// It cannot be read, is too large, or is no recording; with line and column.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let shown = path.display();
        let local = |why: String| Fault::new(FaultKind::Local, &format!("The recording {shown} cannot be read: {why}."));
        let file = File::open(path).map_err(|error| local(error.to_string()))?;
        let meta = file.metadata().map_err(|error| local(error.to_string()))?;
        if !meta.is_file() || meta.len() > LARGEST {
            return Err(local("it is not a file of at most 256 MiB".to_owned()));
        }
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).map_err(|error| local(error.to_string()))?;
        let name = path.file_stem().filter(|stem| *stem != "world").or_else(|| path.parent()?.file_name()).unwrap_or_default();
        Self::read(&name.to_string_lossy(), &text).map_err(local)
    }

    /// Reads a recording from its text, under this name.
    ///
    /// # Errors
    /// It is no recording; with line and column.
    pub fn read(name: &str, text: &str) -> Result<Self, String> {
        let world: WireWorld = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let named = |raw: Box<RawValue>| {
            let wire: WireKind = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
            let group = wire.api_version.rsplit_once('/').map_or("", |(group, _)| group);
            Ok((wire.kind, group.to_owned(), raw))
        };
        Ok(Self(Arc::new(Inner {
            name: Text::foreign(name),
            now: world.now,
            vault: world.vault_addr.as_deref().and_then(VaultAddress::parse),
            objects: world.kubernetes.into_iter().map(named).collect::<Result<_, String>>()?,
            answers: world.vault,
            told: world.told,
        })))
    }

    /// What was looked at when it was recorded.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let names: Vec<Name> = self.0.told.namespaces.iter().map(Name::from).collect();
        if names.is_empty() { Scope::Everywhere } else { Scope::Namespaces(names) }
    }
}

impl Inner {
    /// Every object of a kind.
    fn of_kind<'a>(&'a self, kind: &'a str, group: &'a str) -> impl Iterator<Item = &'a RawValue> {
        self.objects.iter().filter(move |(of, from, _)| of == kind && from == group).map(|(_, _, raw)| raw.as_ref())
    }

    fn places(&self, kind: &'static str) -> impl Iterator<Item = WirePlace> {
        self.of_kind(kind, "").filter_map(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// What was answered to a request at a replica: asked at the pod, at the address of the world, or at
    /// another address that a store names.
    fn answer(&self, request: &str, at: &ReplicaAddress) -> Option<&Answer> {
        let here = self.vault.as_ref() == Some(&at.server);
        let place = if here { String::new() } else { format!(" @addr/{}", at.server.host_port()) };
        let at_pod = self.answers.get(&format!("{request}{place} @pod/{}", at.pod));
        at_pod.or_else(|| self.answers.get(&format!("{request}{place}")))
    }

    /// What was answered to a question, in its namespace or without one. Of rights more may be known than was asked.
    fn answer_to(&self, question: &Question, at: &ReplicaAddress) -> Option<&Answer> {
        self.answer(&question.noted(), at).or_else(|| self.answer(&question.to_string(), at))
    }

    /// Why nothing could be asked that needs a token, if it could not.
    fn may_read(&self, at: &ReplicaAddress) -> Result<(), Fault> {
        let fault = self.answer(tape::TOKEN, at).map(fault_of);
        tape::note_token(fault.as_ref());
        fault.map_or(Ok(()), Err)
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, request: &str, at: &ReplicaAddress) -> Result<T, Fault> {
        let answer =
            self.answer(request, at).ok_or_else(|| Fault::new(FaultKind::NotFound, &format!("{request} was not recorded.")))?;
        if answer.status != 200 {
            return Err(fault_of(answer));
        }
        serde_json::from_str(answer.body.get()).map_err(|error| Fault::new(FaultKind::Http, &format!("{request}: {error}.")))
    }
}

impl Inner {
    /// The real login that was recorded, and the line of the log that told why it was refused.
    fn attempted(&self, replica: &ReplicaAddress, login: &StoreLogin, checks: LoginChecks) -> LoginChecks {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Line {
            err: Text,
        }
        let token = format!("<TokenRequest {}/{}>", login.account.namespace, login.account.name);
        let path = format!("auth/{}/login", login.mount.as_str().trim_matches('/'));
        let asked = Question::post(login.namespace.as_str(), path, attempt(login, &token));
        let Some(answer) = self.answer_to(&asked, replica) else { return checks };
        let said = VaultAnswer::of(answer.status, answer.body.get().as_bytes().to_vec());
        // Without a token there was no login.
        if answer.status == 0 {
            return LoginChecks { login: Told::Failed(fault_of(answer)), ..checks };
        }
        let refused = words(&said);
        let told = [asked.noted(), asked.to_string()].map(|request| request.replacen("POST", "MONITOR", 1));
        let reason = match told.iter().find_map(|request| self.answer(request, replica)) {
            Some(line) if line.status == 0 => Told::Failed(fault_of(line)),
            Some(line) if line.status == 403 => Told::Denied,
            Some(line) => serde_json::from_str::<Line>(line.body.get()).map_or(Told::Absent, |line| Told::Said(line.err)),
            None => Told::Absent,
        };
        LoginChecks { login: Told::Said(refused), reason, ..checks }
    }
}

/// An answer that is not 200 as a fault.
fn fault_of(answer: &Answer) -> Fault {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        error: String,
        errors: Vec<String>,
    }
    if let Ok(fault) = serde_json::from_str::<WireFault>(answer.body.get()) {
        return fault.fault();
    }
    let body: Body = serde_json::from_str(answer.body.get()).unwrap_or_default();
    let message = body.errors.first().map_or(body.error.as_str(), String::as_str);
    let kind = match answer.status {
        0 if message.contains("no such host") => FaultKind::Dns,
        0 if message.contains("x509") || message.contains("tls") => FaultKind::Tls,
        0 => FaultKind::Tcp,
        401 => FaultKind::Unauthorized,
        403 => FaultKind::Forbidden,
        404 => FaultKind::NotFound,
        429 => FaultKind::Throttled,
        503 if message.contains("sealed") => FaultKind::Sealed,
        500..600 => FaultKind::Server,
        _ => FaultKind::Invalid,
    };
    Fault::new(kind, message)
}

fn unchangeable() -> Fault {
    Fault::new(FaultKind::Forbidden, "This is a recording: it cannot be changed.")
}

#[async_trait]
impl Cluster for Recording {
    async fn identity(&self) -> Result<Identity, Fault> {
        let aim = Aim::context(self.0.name.clone());
        Ok(Identity { context: self.0.name.clone(), server: Text::foreign("a recording"), aim, ..Identity::default() })
    }

    fn watch(&self, kind: Kind, scope: &Scope) -> BoxStream<'static, Change> {
        struct Read<'a>(&'a Inner, Kind, &'a Scope, Vec<Object>, Vec<Unreadable>);
        impl Visitor for Read<'_> {
            fn visit<K: Watched>(&mut self) {
                let Self(inner, kind, scope, objects, odd) = self;
                if K::KIND != *kind {
                    return;
                }
                let mut names = Names::default();
                for raw in inner.of_kind(K::NAME, K::API.group) {
                    match read::<K>(raw.get(), &mut names) {
                        Ok(object) => objects.push(object),
                        Err(one) => odd.push(one),
                    }
                }
                objects.retain(|object| scope.holds(&object.object_ref().namespace));
                odd.retain(|odd| scope.holds(&odd.object.namespace));
            }
        }
        let mut read = Read(&self.0, kind, scope, Vec::new(), Vec::new());
        visit(&mut read);
        let Read(.., objects, mut odd) = read;
        let told = &self.0.told;
        odd.extend(told.odd.iter().filter_map(WireOdd::read).filter(|odd| odd.object.kind == kind));
        let changes = match told.read.get(kind.as_str()) {
            Some(source) => source.changes(kind, &objects, &odd),
            None => vec![Change::Listed(kind.into(), objects, odd)],
        };
        stream::iter(changes).chain(stream::pending()).boxed()
    }

    async fn replicas(&self, namespace: &Name, service: &Name) -> Result<Vec<ReplicaPod>, Fault> {
        if let Some(replicas) = self.0.told.replicas.get(&format!("{namespace}/{service}")) {
            return Ok(replicas.iter().map(WireReplica::read).collect());
        }
        let here = |place: &WirePlace| place.metadata.namespace == namespace.as_str();
        let Some(found) = self.0.places("Service").find(|place| here(place) && place.metadata.name == service.as_str()) else {
            return Err(Fault::new(FaultKind::NotFound, &format!("There is no Service {namespace}/{service}.")));
        };
        let selector: BTreeMap<String, String> =
            found.spec.selector.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
        let selected = |place: &WirePlace| selector.iter().all(|(key, value)| place.metadata.labels.get(key) == Some(value));
        let pods = self.0.places("Pod").filter(|place| here(place) && selected(place));
        Ok(pods.map(|pod| ReplicaPod { name: Name::new(&pod.metadata.name), started: None }).collect())
    }

    async fn controller(&self) -> Result<Option<Controller>, Fault> {
        Ok(self.0.told.controller.as_ref().and_then(WireController::read))
    }

    async fn failures(&self, pod: &ObjectRef) -> Result<Vec<Text>, Fault> {
        let of_pod = format!("{}/{}/", pod.namespace, pod.name);
        let logs = self.0.told.logs.iter().filter(|(container, _)| container.starts_with(&of_pod));
        Ok(telling(logs.flat_map(|(_, lines)| lines).map(String::as_str)))
    }

    async fn served(&self, version: &str) -> Result<Option<Vec<Text>>, Fault> {
        let known = self.0.told.served.get(version).cloned();
        known.ok_or_else(|| Fault::new(FaultKind::NotFound, &format!("Whether {version} was served was not recorded.")))
    }

    async fn may(&self, right: &ClusterRight) -> Result<bool, Fault> {
        Err(Fault::new(FaultKind::NotFound, &format!("Whether one may {right} was not recorded.")))
    }

    async fn rehearse(&self, _write: &KubernetesWrite) -> Option<Result<(), Fault>> {
        None
    }

    async fn write(&self, _permit: Permit, _write: &KubernetesWrite) -> Result<Receipt, Fault> {
        Err(unchangeable())
    }

    async fn value(&self, _permit: Permit, _secret: &ObjectRef, _key: &str) -> Result<Typed, Fault> {
        Err(unchangeable())
    }

    async fn shares(&self, _permit: Permit, _secret: &ObjectRef, _key_prefix: &str) -> Result<Vec<Typed>, Fault> {
        Err(unchangeable())
    }
}

/// One replica of a recorded world, to be asked like a real one.
struct Recorded<'a> {
    world: &'a Inner,
    replica: &'a ReplicaAddress,
}

#[async_trait]
impl Api for Recorded<'_> {
    async fn ask(&self, question: &Question) -> Result<Option<VaultAnswer>, Fault> {
        let answer = match self.world.answer_to(question, self.replica) {
            None => Ok(None),
            Some(answer) if answer.status == 0 => Err(fault_of(answer)),
            // Every page stands in the first answer.
            Some(_) if question.goes_on() => Ok(Some(VaultAnswer::of(200, br#"{"data":{"keys":[]}}"#.to_vec()))),
            Some(answer) => Ok(Some(VaultAnswer::of(answer.status, answer.body.get().as_bytes().to_vec()))),
        };
        if !question.goes_on() {
            tape::note(question, &answer);
        }
        answer
    }
}

#[async_trait]
impl Vault for Recording {
    async fn status(&self, replica: &ReplicaAddress) -> Result<(Seal, ReplicaRole), Fault> {
        let seal: Seal = self.0.read("GET sys/seal-status", replica)?;
        let role = if seal.sealed { ReplicaRole::Unknown } else { self.0.read::<Leader>("GET sys/leader", replica)?.role() };
        Ok((seal, role))
    }

    async fn health(&self, replica: &ReplicaAddress) -> Result<ReplicaHealth, Fault> {
        let asked = Recorded { world: &self.0, replica }.ask(&Question::get("", "sys/health")).await?;
        asked.map_or_else(|| Ok(ReplicaHealth::default()), |answer| cluster::health(&answer, &replica.pod))
    }

    async fn surroundings(&self, replica: &ReplicaAddress, namespaces: &[Text]) -> Result<Surroundings, Fault> {
        self.0.may_read(replica)?;
        cluster::surroundings(&Recorded { world: &self.0, replica }, &replica.pod, namespaces).await
    }

    async fn token(&self, replica: &ReplicaAddress) -> Result<Option<Token>, Fault> {
        self.0.may_read(replica)?;
        token(&Recorded { world: &self.0, replica }, &replica.pod).await
    }

    async fn classify(&self, replica: &ReplicaAddress, paths: &MountPaths) -> Result<Classified, Fault> {
        self.0.may_read(replica)?;
        let folders = FolderWise::default();
        classify(&Recorded { world: &self.0, replica }, &replica.pod, paths, self.0.now, &folders).await
    }

    async fn properties(&self, replica: &ReplicaAddress, paths: &MountPaths) -> Result<Vec<Told<Arc<[Text]>>>, Fault> {
        self.0.may_read(replica)?;
        properties(&Recorded { world: &self.0, replica }, &replica.pod, paths).await
    }

    async fn folder(&self, replica: &ReplicaAddress, at: &MountFolder) -> Result<Told<Arc<[Text]>>, Fault> {
        self.0.may_read(replica)?;
        folder(&Recorded { world: &self.0, replica }, &replica.pod, at).await
    }

    async fn log_in(&self, _: &ReplicaAddress, _: &Login, _: Option<&Typed>) -> Result<Option<Token>, Fault> {
        Err(Fault::new(FaultKind::Local, "A recorded world lets nobody in: it holds what was seen then, and no more."))
    }

    /// What was asked when it was recorded counts as wished for.
    async fn login_checks(&self, replica: &ReplicaAddress, login: &StoreLogin, _: bool) -> LoginChecks {
        let asked = Recorded { world: &self.0, replica };
        let holder: Option<&dyn Api> = if self.0.may_read(replica).is_ok() { Some(&asked) } else { None };
        let checks = login_checks(&asked, holder, login, &replica.pod, self.0.now).await;
        self.0.attempted(replica, login, checks)
    }

    async fn log_out(&self) -> Vec<Fault> {
        Vec::new()
    }

    async fn may(&self, right: &VaultRight) -> Result<bool, Fault> {
        Err(Fault::new(FaultKind::NotFound, &format!("Whether one may {right} was not recorded.")))
    }

    async fn write(&self, _permit: Permit, _write: &VaultWrite, _share: Option<&Typed>) -> Result<Receipt, Fault> {
        Err(unchangeable())
    }
}

#[async_trait]
impl Clock for Recording {
    /// The moment of the recording: every age is counted from it.
    fn now(&self) -> Timestamp {
        self.0.now
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

#[async_trait]
impl Raw for Recording {
    async fn raw(&self, part: &Part) -> Result<Vec<String>, Fault> {
        struct Find<'a>(&'a Inner, &'a Part, Vec<String>);
        impl Visitor for Find<'_> {
            fn visit<K: Watched>(&mut self) {
                let Self(inner, part, found) = self;
                if K::KIND != part.kind {
                    return;
                }
                let namespace = |raw: &&RawValue| {
                    serde_json::from_str::<WirePlace>(raw.get()).map(|place| place.metadata.namespace).unwrap_or_default()
                };
                let here = |raw: &&RawValue| part.namespace.is_empty() || namespace(raw) == part.namespace.as_str();
                found.extend(inner.of_kind(K::NAME, K::API.group).filter(here).map(|raw| raw.get().to_owned()));
            }
        }
        let mut find = Find(&self.0, part, Vec::new());
        visit(&mut find);
        Ok(find.2)
    }
}
