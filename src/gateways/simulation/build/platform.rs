//! What a cluster has around the objects that a scenario names: Namespaces, accounts, Nodes, the Deployment of
//! External Secrets, and the workloads whose pods use Secrets.

use std::collections::{BTreeMap, BTreeSet};

use super::{Builder, create, random_uid};
use crate::gateways::simulation::object::{Body, Meta, Pod, Words};
use crate::gateways::simulation::operator::Release;
use crate::gateways::simulation::platform::{EXTERNAL_SECRETS, HASH, KUBELET, Node, Service, Workload};
use crate::gateways::simulation::random::Random;
use crate::gateways::simulation::scenario::{ConsumerEntry, Scenario, Span, VaultEntry};
use crate::model::{Kind, ObjectRef};

/// Those that every cluster has.
const NAMESPACES: [&str; 3] = ["default", "kube-system", EXTERNAL_SECRETS];
const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
const NAME: &str = "app.kubernetes.io/name";
const INSTANCE: &str = "app.kubernetes.io/instance";

impl Builder<'_> {
    /// What is there before anything of the scenario is.
    pub(super) fn platform(&mut self, scenario: &Scenario) {
        for node in NODES {
            self.at(
                Span(0),
                create(ObjectRef::new(Kind::Node, "", node), Meta::default(), Body::Node(Node { version: KUBELET })),
            );
        }
        let accounts = accounts(scenario);
        let named = accounts.iter().map(|(namespace, _)| namespace.clone());
        let namespaces: BTreeSet<String> = named.chain(namespaces(scenario)).collect();
        for namespace in &namespaces {
            let labels = Words::from([("kubernetes.io/metadata.name".to_owned(), namespace.clone())]);
            let meta = Meta { labels, ..Meta::default() };
            self.at(Span(0), create(ObjectRef::new(Kind::Namespace, "", namespace.as_str()), meta, Body::Plain));
        }
        let everywhere = namespaces.into_iter().map(|namespace| (namespace, "default".to_owned()));
        for (namespace, account) in everywhere.chain(accounts).collect::<BTreeSet<_>>() {
            let key = ObjectRef::new(Kind::ServiceAccount, namespace.as_str(), account.as_str());
            self.at(Span(0), create(key, Meta::default(), Body::Plain));
        }
        self.external_secrets();
    }

    /// The controller runs from the beginning: what it does before a person looks is the scenario's own time.
    fn external_secrets(&mut self) {
        let version = match self.world.operator.release {
            Release::V016 => "v0.16.2",
            Release::V29 => "v2.9.0",
        };
        let key = ObjectRef::new(Kind::Deployment, EXTERNAL_SECRETS, EXTERNAL_SECRETS);
        let image = format!("ghcr.io/external-secrets/external-secrets:{version}");
        // Not out of the world's chance: a scenario's own names and times are its own.
        let workload = deployment(EXTERNAL_SECRETS, "7f9c8d6b5", 1, image, Random::new(0xe50).uuid());
        let pod =
            Pod { started: Some(self.begins), running: Some(self.begins), ready: true, phase: "Running", ..pod_of(&workload) };
        let name = format!("{}-x2kqp", workload.stem);
        self.at(Span(0), create(ObjectRef::new(Kind::Pod, EXTERNAL_SECRETS, name.as_str()), made_by(&workload), Body::Pod(pod)));
        self.at(Span(0), create(key, Meta::default(), Body::Workload(workload)));
    }

    /// The `StatefulSet` of a Vault, its pods, and the two Services of its chart.
    pub(super) fn vault_pods(&mut self, entry: &VaultEntry, image: String, pods: &[String]) {
        let labels =
            |all: &[(&str, &str)]| all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Words>();
        let selector = labels(&[(NAME, "vault"), (INSTANCE, &entry.name), ("component", "server")]);
        let workload = Workload {
            wanted: entry.replicas,
            stem: entry.name.clone(),
            owner: owner("apps/v1", "StatefulSet", &entry.name, self),
            image,
            labels: selector.clone(),
            ..Workload::default()
        };
        let meta = Meta { labels: labels(&[(NAME, "vault"), (INSTANCE, &entry.name)]), ..Meta::default() };
        let at = |kind, name: &str| ObjectRef::new(kind, entry.namespace.as_str(), name);
        for pod in pods {
            let body = Pod {
                started: Some(self.begins),
                running: Some(self.begins),
                ready: true,
                phase: "Running",
                ..pod_of(&workload)
            };
            self.at(Span(0), create(at(Kind::Pod, pod), made_by(&workload), Body::Pod(body)));
        }
        self.at(Span(0), create(at(Kind::StatefulSet, &entry.name), meta.clone(), Body::Workload(workload)));
        for (name, headless) in [(entry.name.clone(), false), (format!("{}-internal", entry.name), true)] {
            // As in the lab's chart: a request may reach a sealed replica.
            let service = Service { selector: selector.clone(), port: 8200, headless, publishes_not_ready: true };
            self.at(Span(0), create(at(Kind::Service, &name), meta.clone(), Body::Service(service)));
        }
    }

    /// A workload whose pods use Secrets, in each of its namespaces.
    pub(super) fn consumer(&mut self, entry: &ConsumerEntry) -> Result<(), String> {
        let (kind, name) = entry.workload.split_once('/').ok_or_else(|| format!("“{}” is not Kind/name", entry.workload))?;
        let secrets: Vec<_> =
            entry.secrets.iter().flat_map(|(usage, names)| names.iter().map(|name| (*usage, name.clone()))).collect();
        let image = entry.image.clone().unwrap_or_else(|| format!("ghcr.io/ameide/{name}:1.0"));
        for namespace in entry.namespace.all() {
            let hash = self.world.random.hex(5);
            let workload = match kind {
                "Deployment" => deployment(name, &hash, entry.pods, image.clone(), random_uid(self.world)),
                "StatefulSet" | "Job" => Workload {
                    wanted: entry.pods,
                    stem: name.to_owned(),
                    owner: owner(if kind == "Job" { "batch/v1" } else { "apps/v1" }, kind, name, self),
                    image: image.clone(),
                    labels: Words::from([(NAME.to_owned(), name.to_owned())]),
                    ..Workload::default()
                },
                other => return Err(format!("a consumer cannot be a {other}")),
            };
            let workload = Workload { secrets: secrets.clone(), ..workload };
            let kind = Kind::parse(kind).ok_or_else(|| format!("“{kind}” is not a kind"))?;
            for index in 0..entry.pods {
                let suffix = if kind == Kind::StatefulSet { index.to_string() } else { self.world.random.suffix() };
                let key = ObjectRef::new(Kind::Pod, namespace.as_str(), format!("{}-{suffix}", workload.stem).as_str());
                self.at(entry.after, create(key, made_by(&workload), Body::Pod(pod_of(&workload))));
            }
            let key = ObjectRef::new(kind, namespace.as_str(), name);
            self.at(entry.after, create(key, Meta::default(), Body::Workload(workload)));
        }
        Ok(())
    }
}

fn deployment(name: &str, hash: &str, wanted: usize, image: String, uid: String) -> Workload {
    let stem = format!("{name}-{hash}");
    Workload {
        wanted,
        owner: ["apps/v1".to_owned(), "ReplicaSet".to_owned(), stem.clone(), uid],
        stem,
        image,
        labels: Words::from([(NAME.to_owned(), name.to_owned()), (HASH.to_owned(), hash.to_owned())]),
        ..Workload::default()
    }
}

fn owner(version: &str, kind: &str, name: &str, builder: &mut Builder<'_>) -> [String; 4] {
    [version.to_owned(), kind.to_owned(), name.to_owned(), random_uid(builder.world)]
}

fn made_by(workload: &Workload) -> Meta {
    Meta { labels: workload.labels.clone(), owner: Some(workload.owner.clone()), ..Meta::default() }
}

fn pod_of(workload: &Workload) -> Pod {
    Pod { image: workload.image.clone(), secrets: workload.secrets.clone(), phase: "Pending", ..Pod::default() }
}

/// Every namespace that something of the scenario is in.
fn namespaces(scenario: &Scenario) -> impl Iterator<Item = String> {
    let several = |all: &super::super::scenario::Several| all.all().to_vec();
    let mut named: Vec<String> = NAMESPACES.iter().map(|name| (*name).to_owned()).collect();
    named.extend(scenario.vault.iter().map(|vault| vault.namespace.clone()));
    named.extend(scenario.secret.iter().map(|secret| secret.namespace.clone()));
    named.extend(scenario.store.iter().flat_map(|store| several(&store.namespace)));
    named.extend(scenario.external_secret.iter().flat_map(|external| several(&external.namespace)));
    named.extend(scenario.cluster_external_secret.iter().flat_map(|cluster| cluster.namespaces.clone()));
    named.extend(scenario.vault_auth.iter().map(|auth| auth.namespace.clone()));
    named.extend(scenario.consumer.iter().flat_map(|consumer| several(&consumer.namespace)));
    named.into_iter()
}

/// The accounts that stores and the Vault Secrets Operator log in as, and those of the servers. One that a scenario wants missing it deletes.
fn accounts(scenario: &Scenario) -> BTreeSet<(String, String)> {
    let mut accounts: BTreeSet<(String, String)> = BTreeSet::new();
    accounts.insert((EXTERNAL_SECRETS.to_owned(), EXTERNAL_SECRETS.to_owned()));
    accounts.extend(scenario.vault.iter().map(|vault| (vault.namespace.clone(), vault.name.clone())));
    accounts.extend(scenario.vault_auth.iter().map(|auth| (auth.namespace.clone(), auth.account.clone())));
    // The account of a cluster-wide store that names no namespace is looked for where each reader is.
    let readers: BTreeMap<&str, Vec<String>> = scenario.external_secret.iter().fold(BTreeMap::new(), |mut readers, external| {
        if let Some(name) = external.store.as_deref().and_then(|store| store.strip_prefix("ClusterSecretStore/")) {
            readers.entry(name).or_default().extend(external.namespace.all().iter().cloned());
        }
        readers
    });
    for store in scenario.store.iter().filter(|store| store.token.is_none()) {
        let here = match (store.namespace.all(), &store.account_namespace) {
            ([], Some(namespace)) => vec![namespace.clone()],
            ([], None) => readers.get(store.name.as_str()).cloned().unwrap_or_default(),
            (namespaces, _) => namespaces.to_vec(),
        };
        accounts.extend(here.into_iter().map(|namespace| (namespace, store.account.clone())));
    }
    accounts
}
