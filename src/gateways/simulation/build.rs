//! From a scenario to a world that has run for as long as the scenario says.

mod platform;
mod vso;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::act::Act;
use super::object::{Body, ClusterExternal, External, Login, Meta, Object, Remote, Secret, Store};
use super::scenario::{ExternalEntry, Happening, Incident, Scenario, ScenarioError, Span, StoreEntry, VaultEntry};
use super::time::after;
use super::vault::Server;
use super::vault::kv::Mount;
use super::vault::login::Role;
use super::vault::seal::Replica;
use super::world::{Task, World};
use crate::model::kinds::go_duration;
use crate::model::{Kind, ObjectRef, VaultAddress};

/// When a world begins that does not say.
const BEGINS: i64 = 1_795_564_800; // 2026-11-25T00:00:00Z
const SEED: u64 = 4;

impl World {
    /// The world of a scenario at the moment when a person looks. `Scenario::parse` saw that it can be built.
    pub(super) fn of(scenario: &Scenario) -> Self {
        let mut world = Self::at_the_beginning(scenario).unwrap_or_else(|_| Self::new(begins(scenario), SEED));
        let looks = after(world.now, seconds(scenario.look.unwrap_or(Span(0))));
        world.advance(looks);
        world
    }

    /// The same before anything has happened.
    pub(super) fn at_the_beginning(scenario: &Scenario) -> Result<Self, ScenarioError> {
        let begins = begins(scenario);
        let mut world = Self::new(begins, scenario.seed.unwrap_or(SEED));
        world.operator.release = scenario.eso.unwrap_or_default();
        world.operator.concurrent = scenario.concurrent.unwrap_or(1).max(1);
        world.denied.clone_from(&scenario.denied);
        let built = Builder { world: &mut world, begins }.build(scenario);
        built.map(|()| world).map_err(|message| ScenarioError { slug: scenario.slug.clone(), message })
    }
}

fn begins(scenario: &Scenario) -> Timestamp {
    scenario.begins.unwrap_or_else(|| Timestamp::from_second(BEGINS).unwrap_or_default())
}

const fn seconds(span: Span) -> Duration {
    Duration::from_secs(span.0)
}

struct Builder<'a> {
    world: &'a mut World,
    begins: Timestamp,
}

impl Builder<'_> {
    fn build(&mut self, scenario: &Scenario) -> Result<(), String> {
        self.platform(scenario);
        for vault in &scenario.vault {
            self.vault(vault);
        }
        for entry in &scenario.space {
            let server = self.server(&entry.vault)?;
            let random = &mut self.world.random;
            let shares = (0..entry.shares.max(1)).map(|_| random.hex(if entry.shares > 1 { 33 } else { 32 })).collect();
            let space = self.world.servers[server].with_space(random.next(), shares, entry.threshold);
            self.world.servers[server].spaces.insert(entry.name.clone(), space);
        }
        for role in &scenario.role {
            let found =
                Role { accounts: role.accounts.clone(), namespaces: role.namespaces.clone(), allows: role.allows.clone() };
            self.place(&role.vault, &role.space)?.roles.insert((role.auth.clone(), role.name.clone()), found);
        }
        for entry in &scenario.mount {
            let mut mount = self.place(&entry.vault, &entry.space)?.mounts.remove(&entry.path).unwrap_or_default();
            mount.version = entry.version;
            self.fill(&mut mount, &entry.secrets);
            self.place(&entry.vault, &entry.space)?.mounts.insert(entry.path.clone(), mount);
        }
        for secret in &scenario.secret {
            let key = ObjectRef::new(Kind::Secret, secret.namespace.as_str(), secret.name.as_str());
            let body = Body::Secret(Secret { kind: "Opaque".to_owned(), data: secret.data.clone(), kept: None });
            self.at(secret.after, create(key, Meta::default(), body));
        }
        for store in &scenario.store {
            self.store(store)?;
        }
        for external in &scenario.external_secret {
            self.external(external)?;
        }
        for cluster in &scenario.cluster_external_secret {
            let key = ObjectRef::new(Kind::ClusterExternalSecret, "", cluster.name.as_str());
            let spec = external(&cluster.spec, &cluster.name)?;
            let body =
                Body::ClusterExternal(ClusterExternal { namespaces: cluster.namespaces.clone(), spec, failed: Vec::new() });
            self.at(cluster.after, create(key, Meta::default(), body));
        }
        self.vso(scenario)?;
        for consumer in &scenario.consumer {
            self.consumer(consumer)?;
        }
        for happening in &scenario.happens {
            let act = self.incident(happening)?;
            self.at(happening.at, act);
        }
        Ok(())
    }

    /// Lets something happen this long after the beginning.
    fn at(&mut self, span: Span, act: Act) {
        self.world.script.push(act);
        let index = self.world.script.len() - 1;
        self.world.schedule(after(self.begins, seconds(span)), Task::Happen(index));
    }

    fn server(&self, name: &str) -> Result<usize, String> {
        let found = self.world.servers.iter().position(|server| format!("{}/{}", server.namespace, server.service) == name);
        found.ok_or_else(|| format!("there is no vault “{name}”"))
    }

    /// A server, or one of its namespaces.
    fn place(&mut self, vault: &str, space: &str) -> Result<&mut Server, String> {
        let server = self.server(vault)?;
        let server = &mut self.world.servers[server];
        if space.is_empty() {
            return Ok(server);
        }
        server.spaces.get_mut(space).ok_or_else(|| format!("the vault “{vault}” has no namespace “{space}”"))
    }

    fn vault(&mut self, entry: &VaultEntry) {
        let random = &mut self.world.random;
        let mut server = Server::new(&entry.namespace, &entry.name, random.next());
        server.threshold = entry.threshold.clamp(1, entry.shares.max(1));
        server.shares = (0..entry.shares.max(1)).map(|_| random.hex(if entry.shares > 1 { 33 } else { 32 })).collect();
        server.replicas = (0..entry.replicas).map(|n| Replica::named(format!("{}-{n}", entry.name))).collect();
        server.begin();
        let mut safe = BTreeMap::from([("root-token".to_owned(), server.root_token.clone())]);
        for (index, share) in server.shares.iter().enumerate() {
            let key = if index == 0 { "unseal-key".to_owned() } else { format!("unseal-key-{}", index + 1) };
            safe.insert(key, share.clone());
        }
        let key = ObjectRef::new(Kind::Secret, entry.namespace.as_str(), "vault-auto-credentials");
        let body = Body::Secret(Secret { kind: "Opaque".to_owned(), data: safe, kept: None });
        self.at(Span(0), create(key, Meta::default(), body));
        let pods: Vec<String> = server.replicas.iter().map(|replica| replica.pod.clone()).collect();
        self.vault_pods(entry, format!("quay.io/openbao/openbao:{}", server.version), &pods);
        self.world.servers.push(server);
    }

    fn fill(&mut self, mount: &mut Mount, secrets: &BTreeMap<String, Vec<String>>) {
        for (path, properties) in secrets {
            let random = &mut self.world.random;
            let data = properties.iter().map(|property| (property.clone(), random.hex(16))).collect();
            mount.write(path, data, self.begins);
        }
    }

    fn store(&mut self, entry: &StoreEntry) -> Result<(), String> {
        let address = VaultAddress::parse(&entry.server).ok_or_else(|| format!("“{}” is not a URL", entry.server))?;
        let token = entry.token.as_ref().and_then(|token| token.split_once('/'));
        let body = |namespace: &str| {
            Body::Store(Store {
                url: entry.server.clone(),
                address: address.clone(),
                mount: entry.path.clone(),
                space: entry.space.clone(),
                version: entry.version.clone(),
                login: match token {
                    Some((secret, key)) => Login::Token { secret: secret.to_owned(), key: key.to_owned() },
                    None => Login::Kubernetes {
                        mount: entry.auth.clone(),
                        role: entry.role.clone().unwrap_or_else(|| namespace.to_owned()),
                        account: entry.account.clone(),
                        namespace: entry.account_namespace.clone(),
                    },
                },
                interval: entry.interval.map_or(0, |interval| interval.0),
                ready: None,
                capable: false,
            })
        };
        let meta = Meta::default();
        if entry.namespace.all().is_empty() {
            let key = ObjectRef::new(Kind::ClusterSecretStore, "", entry.name.as_str());
            self.at(entry.after, create(key, meta, body("")));
            return Ok(());
        }
        for namespace in entry.namespace.all() {
            let key = ObjectRef::new(Kind::SecretStore, namespace.as_str(), entry.name.as_str());
            self.at(entry.after, create(key, meta.clone(), body(namespace)));
        }
        Ok(())
    }

    fn external(&mut self, entry: &ExternalEntry) -> Result<(), String> {
        let spec = external(entry, &entry.name)?;
        for namespace in entry.namespace.all() {
            let key = ObjectRef::new(Kind::ExternalSecret, namespace.as_str(), entry.name.as_str());
            let meta = Meta { labels: entry.labels.clone(), ..Meta::default() };
            self.at(entry.after, create(key, meta, Body::External(spec.clone())));
            if let Some(name) = &entry.generator {
                let key = ObjectRef::new(Kind::Password, namespace.as_str(), name.as_str());
                self.at(entry.after, create(key, Meta::default(), Body::Plain));
            }
        }
        Ok(())
    }

    fn incident(&self, happening: &Happening) -> Result<Act, String> {
        let server = || self.server(&happening.vault);
        let replicas = || happening.replicas.clone();
        let path = || {
            let split = happening.path.split_once('/').map(|(mount, path)| (mount.to_owned(), path.to_owned()));
            split.ok_or_else(|| format!("“{}” is not mount/path", happening.path))
        };
        let dropped = |destroy: bool| {
            let (mount, path) = path()?;
            Ok::<_, String>(Act::Drop { server: server()?, mount, path, destroy })
        };
        Ok(match happening.what {
            Incident::Seal => Act::Seal { server: server()?, replicas: replicas() },
            Incident::SealSpace => Act::SealSpace { server: server()?, space: happening.space.clone() },
            Incident::DemoteReplicas => Act::Demote { server: server()?, replicas: replicas() },
            Incident::RestartVault => Act::Restart { server: server()?, replicas: replicas() },
            Incident::ReplaceVolume => Act::Replace { server: server()?, replicas: replicas() },
            Incident::WritePath => {
                let (mount, path) = path()?;
                Act::Write { server: server()?, mount, path }
            }
            Incident::DeleteVersion => dropped(false)?,
            Incident::DestroyVersion => dropped(true)?,
            Incident::Delete => Act::Delete { key: ObjectRef::parse(&happening.object)? },
            Incident::StopExternalSecrets => Act::Operator { runs: false },
            Incident::StartExternalSecrets => Act::Operator { runs: true },
        })
    }
}

fn create(key: ObjectRef, meta: Meta, body: Body) -> Act {
    Act::Create { key, object: Box::new(Object { meta, body }) }
}

fn random_uid(world: &mut World) -> String {
    world.random.uuid()
}

fn external(entry: &ExternalEntry, name: &str) -> Result<External, String> {
    let interval = entry.interval.clone().unwrap_or_else(|| "1h0m0s".to_owned());
    let seconds = go_duration(&interval).and_then(|seconds| u64::try_from(seconds).ok());
    let data = entry.data.iter().map(|(secret_key, source)| {
        let (key, property) = source.split_once('#').unwrap_or((source, ""));
        Remote { secret_key: secret_key.clone(), key: key.to_owned(), property: property.to_owned() }
    });
    let store = entry.store.as_ref().map(|store| match store.split_once('/') {
        Some((kind, name)) => {
            Kind::parse(kind).map(|kind| (kind, name.to_owned())).ok_or_else(|| format!("“{kind}” is not a kind"))
        }
        None => Ok((Kind::SecretStore, store.clone())),
    });
    Ok(External {
        store: store.transpose()?,
        target: entry.target.clone().unwrap_or_else(|| name.to_owned()),
        template: entry.template.clone(),
        creation: entry.creation,
        delete_with_source: entry.delete_with_source,
        interval: (interval.clone(), seconds.ok_or_else(|| format!("“{interval}” is not an interval"))?),
        refresh: entry.refresh,
        data: data.collect(),
        generator: entry.generator.clone(),
        ..External::default()
    })
}
