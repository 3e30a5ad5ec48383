//! Paths of one mount without their values, in few requests: what the mount is, what the token may there, then
//! a folder at a time where the server can (OpenBao's `detailed-metadata`), else a path at a time.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::StreamExt as _;
use jiff::Timestamp;

use super::api::{Api, Question};
use super::client::Answer;
use super::faults::refused;
use super::wire::{self, Capabilities, Heard, Keys, Metadata};
use crate::model::vault::{May, MountState, PathFacts, PathState};
use crate::model::{Fault, FaultKind, Name};
use crate::ports::{Classified, MountPaths};

/// How many questions are out at once. Vault's own limits are far above; a port-forward has a stream for each.
pub(super) const AT_ONCE: usize = 16;
/// How many paths are put into one `sys/capabilities-self`.
const RIGHTS_AT_ONCE: usize = 600;
/// How many keys a page of a detailed list has at most: with their ten versions they stay below a megabyte.
const PAGE: usize = 500;

/// Classifies; see [`crate::ports::Vault::classify`].
pub(in crate::gateways) async fn classify(
    api: &dyn Api,
    said: &Name,
    wanted: &MountPaths,
    now: Timestamp,
    folders: &FolderWise,
) -> Result<Classified, Fault> {
    let task = Task {
        api,
        said,
        namespace: wanted.namespace.as_str(),
        mount: wanted.mount.as_str().trim_matches('/'),
        now,
        requests: AtomicUsize::new(0),
        folders,
    };
    let (mount, paths) = task.all(wanted).await?;
    Ok(Classified { mount, paths, requests: task.requests.into_inner() })
}

/// Whether a server has detailed lists: it does until it says otherwise.
#[derive(Default)]
pub(in crate::gateways) struct FolderWise {
    has_not: AtomicBool,
}

struct Task<'a> {
    api: &'a dyn Api,
    said: &'a Name,
    namespace: &'a str,
    mount: &'a str,
    now: Timestamp,
    requests: AtomicUsize,
    folders: &'a FolderWise,
}

impl Task<'_> {
    async fn all(&self, wanted: &MountPaths) -> Result<(MountState, Vec<PathFacts>), Fault> {
        // As External Secrets does: a key that carries `data/` already does not get it twice.
        let keys: Vec<&str> = wanted
            .keys
            .iter()
            .map(|key| key.trim_matches('/'))
            .map(|key| if wanted.kv.as_str() == "v1" { key } else { key.strip_prefix("data/").unwrap_or(key) })
            .collect();
        let everywhere = |state: PathState| keys.iter().map(|_| PathFacts::of(state.clone())).collect();
        let expected = if wanted.kv.as_str() == "v1" { 1 } else { 2 };
        let mount = self.mount().await?;
        match mount {
            MountState::Missing | MountState::Other(_) => return Ok((mount, everywhere(PathState::NoMount))),
            MountState::Kv(version) if version != expected => return Ok((mount, everywhere(PathState::OtherVersion(version)))),
            MountState::Kv(_) | MountState::Hidden | MountState::NotAsked => {}
        }
        let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for key in &keys {
            let (folder, leaf) = key.rsplit_once('/').unwrap_or(("", key));
            folders.entry(folder).or_default().push(leaf);
        }
        let rights = self.rights(expected, &keys, &folders).await?;
        let looks = folders.iter().map(|(folder, leaves)| self.folder(expected, folder, leaves, &rights));
        let mut looks = futures::stream::iter(looks.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        let mut told: HashMap<String, PathFacts> = HashMap::with_capacity(keys.len());
        while let Some(found) = looks.next().await {
            told.extend(found?);
        }
        let mount = match mount {
            // No right there, and yet somebody with more would be told the same: only the route itself decides.
            MountState::Hidden | MountState::NotAsked if told.values().any(|facts| facts.state == PathState::NoMount) => {
                MountState::Missing
            }
            mount => mount,
        };
        let facts = |key: &&str| PathFacts {
            value: rights.may(&self.place(expected, "data", key), "read"),
            metadata: rights.may(&self.place(expected, "metadata", key), "read"),
            ..told.get(*key).cloned().unwrap_or_default()
        };
        Ok((mount, keys.iter().map(facts).collect()))
    }

    async fn ask(&self, question: Question) -> Result<Option<Answer>, Fault> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.api.ask(&question).await
    }

    /// Where a key is for the API: KV v1 has no `data/` and `metadata/`.
    fn place(&self, version: u8, view: &str, key: &str) -> String {
        let mount = self.mount;
        if version == 1 { format!("{mount}/{key}") } else { format!("{mount}/{view}/{key}") }
    }

    async fn mount(&self) -> Result<MountState, Fault> {
        let question = Question::get(self.namespace, format!("sys/internal/ui/mounts/{}", self.mount));
        let Some(answer) = self.ask(question).await? else { return Ok(MountState::NotAsked) };
        match wire::mount(&answer, self.mount, self.said) {
            Ok(Some(state)) => Ok(state),
            Ok(None) => self.living().await.map(|()| MountState::Hidden),
            Err(fault) if fault.concerns_all() => Err(fault),
            // “No compatibility guarantee” stands over this endpoint: without it the paths themselves tell.
            Err(_) => Ok(MountState::NotAsked),
        }
    }

    async fn rights(&self, version: u8, keys: &[&str], folders: &BTreeMap<&str, Vec<&str>>) -> Result<Capabilities, Fault> {
        let mut paths: Vec<String> = keys.iter().map(|key| self.place(version, "data", key)).collect();
        if version == 2 {
            paths.extend(keys.iter().map(|key| self.place(version, "metadata", key)));
            paths.extend(folders.keys().map(|folder| self.place(version, "detailed-metadata", &slashed(folder))));
        }
        let mut rights = Capabilities::none();
        for some in paths.chunks(RIGHTS_AT_ONCE) {
            // A recording may not have been asked; a token may not be allowed to ask. Then nothing is known.
            if let Some(answer) = self.ask(Question::capabilities(self.namespace, some)).await? {
                if answer.status >= 500 || answer.status == 429 {
                    return Err(refused(answer.status, &answer.body, self.said));
                }
                rights.add(&answer);
            }
        }
        Ok(rights)
    }

    /// What is said of keys that stand in one folder, by key.
    async fn folder(
        &self,
        version: u8,
        folder: &str,
        leaves: &[&str],
        rights: &Capabilities,
    ) -> Result<Vec<(String, PathFacts)>, Fault> {
        if version == 1 {
            return self.listed(folder, leaves).await;
        }
        let detailed = self.place(2, "detailed-metadata", &slashed(folder));
        let by_path =
            leaves.len() < 2 || rights.may(&detailed, "list") == May::No || self.folders.has_not.load(Ordering::Relaxed);
        if !by_path && let Some(states) = self.detailed(&detailed, folder, leaves, rights).await? {
            return Ok(states);
        }
        let one = |leaf: &&str| {
            let key = joined(folder, leaf);
            async move { self.one(&key).await.map(|state| (key, state)) }
        };
        let looks: Vec<_> = leaves.iter().map(one).collect();
        let mut states = Vec::with_capacity(leaves.len());
        let mut looks = futures::stream::iter(looks).buffer_unordered(AT_ONCE);
        while let Some(state) = looks.next().await {
            states.push(state?);
        }
        Ok(states)
    }

    /// A folder in one request, if it is not too full of other things; `None` if it cannot be had so.
    async fn detailed(
        &self,
        place: &str,
        folder: &str,
        leaves: &[&str],
        rights: &Capabilities,
    ) -> Result<Option<Vec<(String, PathFacts)>>, Fault> {
        let last = leaves.iter().max().copied().unwrap_or_default();
        let mut known: BTreeMap<String, Metadata> = BTreeMap::new();
        let mut after = String::new();
        // More pages than paths wanted from it would cost more than asking for each.
        for _ in leaves {
            let question = Question::list(self.namespace, place).page(PAGE, &after);
            let Some(answer) = self.ask(question).await? else { return Ok(None) };
            let page = match self.checked::<Keys>(&answer).await {
                Ok(Heard::Said(page)) => page,
                Ok(Heard::Nothing) => Keys::default(),
                Ok(Heard::NoMount) => {
                    return Ok(Some(
                        leaves.iter().map(|leaf| (joined(folder, leaf), PathFacts::of(PathState::NoMount))).collect(),
                    ));
                }
                Ok(Heard::NoSuchEndpoint) => {
                    self.folders.has_not.store(true, Ordering::Relaxed);
                    return Ok(None);
                }
                Err(fault) if fault.concerns_all() => return Err(fault),
                Ok(Heard::Denied | Heard::TokenOrDenied) | Err(_) => return Ok(None),
            };
            let whole = page.keys.len() < PAGE || page.keys.last().is_none_or(|key| key.as_str() >= last);
            after = page.keys.last().cloned().unwrap_or_default();
            known.extend(page.key_info);
            if whole {
                let state = |leaf: &&str| {
                    let key = joined(folder, leaf);
                    let facts = match known.get(*leaf) {
                        Some(metadata) => metadata.facts(self.now),
                        // A list may leave out what the token may not see.
                        None if rights.may(&self.place(2, "metadata", &key), "read") == May::No => {
                            PathFacts::of(PathState::Denied)
                        }
                        None => PathFacts::of(PathState::Missing),
                    };
                    (key, facts)
                };
                return Ok(Some(leaves.iter().map(state).collect()));
            }
        }
        Ok(None)
    }

    /// One path by its metadata, KV v2.
    async fn one(&self, key: &str) -> Result<PathFacts, Fault> {
        let Some(answer) = self.ask(Question::get(self.namespace, self.place(2, "metadata", key))).await? else {
            return Ok(PathFacts::default());
        };
        Ok(PathFacts::of(match self.checked::<Metadata>(&answer).await {
            Ok(Heard::Said(metadata)) => return Ok(metadata.facts(self.now)),
            Ok(Heard::Nothing) => PathState::Missing,
            Ok(Heard::NoMount) => PathState::NoMount,
            Ok(Heard::NoSuchEndpoint) => PathState::OtherVersion(1),
            Ok(Heard::Denied | Heard::TokenOrDenied) => PathState::Denied,
            Err(fault) if fault.concerns_all() => return Err(fault),
            Err(fault) => PathState::Failed(fault),
        }))
    }

    /// Keys by the list of their folder: KV v1 has no metadata, and reading a path would be reading its value.
    async fn listed(&self, folder: &str, leaves: &[&str]) -> Result<Vec<(String, PathFacts)>, Fault> {
        let all = |state: PathState| Ok(leaves.iter().map(|leaf| (joined(folder, leaf), PathFacts::of(state.clone()))).collect());
        let place = self.place(1, "", &slashed(folder));
        let Some(answer) = self.ask(Question::list(self.namespace, place)).await? else { return all(PathState::NotAsked) };
        let keys = match self.checked::<Keys>(&answer).await {
            Ok(Heard::Said(list)) => list.keys,
            Ok(Heard::Nothing) => Vec::new(),
            Ok(Heard::NoMount) => return all(PathState::NoMount),
            Ok(Heard::NoSuchEndpoint) => return all(PathState::OtherVersion(2)),
            Ok(Heard::Denied | Heard::TokenOrDenied) => return all(PathState::Denied),
            Err(fault) if fault.concerns_all() => return Err(fault),
            Err(fault) => return all(PathState::Failed(fault)),
        };
        let state = |leaf: &&str| {
            let there = keys.iter().any(|key| key == leaf);
            let state = if there { PathState::Present { version: 0, written: None } } else { PathState::Missing };
            (joined(folder, leaf), PathFacts::of(state))
        };
        Ok(leaves.iter().map(state).collect())
    }

    /// Reads an answer; a 403 that may be the token's is looked into.
    async fn checked<T: for<'de> serde::Deserialize<'de>>(&self, answer: &Answer) -> Result<Heard<T>, Fault> {
        let heard = answer.heard::<T>(self.said)?;
        if matches!(heard, Heard::TokenOrDenied) {
            self.living().await?;
        }
        Ok(heard)
    }

    /// Whether the token is one at all: only `lookup-self` tells a dead one from one that may not.
    async fn living(&self) -> Result<(), Fault> {
        match self.ask(Question::get("", "auth/token/lookup-self")).await? {
            Some(answer) if answer.status == 403 => Err(dead()),
            _ => Ok(()),
        }
    }
}

/// A token that the server does not know.
pub(in crate::gateways) fn dead() -> Fault {
    Fault::new(FaultKind::Unauthorized, "The Vault token is not valid: it has expired, was revoked, or is another Vault's.")
        .hinted("Log in again: “bao login”, “vault login”, or :login here.")
}

fn joined(folder: &str, leaf: &str) -> String {
    if folder.is_empty() { leaf.to_owned() } else { format!("{folder}/{leaf}") }
}

fn slashed(folder: &str) -> String {
    if folder.is_empty() { String::new() } else { format!("{folder}/") }
}

#[cfg(test)]
mod tests;
