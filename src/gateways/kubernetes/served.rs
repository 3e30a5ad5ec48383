//! What a cluster serves: asked once for all kinds, and anew, at most every [`FRESH`], while something is
//! missing. So a CRD that comes is found and one that goes is told, with one request for all of them.
//!
//! Which versions: External Secrets before 0.16 served `v1beta1` only, from 0.17 on `v1` only. Servers from 1.26
//! on tell everything in one document (aggregated discovery); of older ones the groups are asked one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::HeaderValue;
use http::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Inner;
use super::faults::Failure;
use super::requests::{get, segment};
use crate::gateways::absent::absent;
use crate::model::kinds::{self, Api, System};
use crate::model::wire::or_default;
use crate::model::{Fault, FaultKind, Name, Text};

/// How long the document is believed about what is missing.
pub(super) const FRESH: Duration = Duration::from_secs(15);

const EVERYTHING: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// The document, when it was asked for, and the mark by which the server knows that it is still the same.
#[derive(Default)]
pub(super) struct Discovery(Mutex<Option<Known>>);

struct Known {
    at: Instant,
    mark: Option<HeaderValue>,
    served: Served,
}

/// Of each group that matters, each version, with the plurals of what is in it.
#[derive(Debug, Default, PartialEq)]
struct Served(BTreeMap<String, Vec<(String, BTreeSet<String>)>>);

impl Discovery {
    /// The version to read a kind in: the first of those that we can read and that serves it. What every cluster
    /// serves is not looked up.
    pub(super) async fn version(&self, inner: &Inner, api: &Api) -> Result<&'static str, Failure> {
        if let (System::Kubernetes, [version, ..]) = (api.system(), api.versions) {
            return Ok(version);
        }
        // Whoever comes while the document is asked for waits here, and reads it too.
        let mut known = self.0.lock().await;
        if let Some(Known { at, served, .. }) = known.as_ref() {
            let version = served.version(api);
            if version.is_ok() || at.elapsed() < FRESH {
                return version.map_err(Into::into);
            }
        }
        let at = Instant::now();
        match (ask(inner, known.as_ref().and_then(|known| known.mark.clone())).await?, known.as_mut()) {
            (None, Some(same)) => same.at = at,
            (answer, _) => {
                let (mark, served) = answer.unwrap_or_default();
                *known = Some(Known { at, mark, served });
            }
        }
        known.as_ref().map_or_else(|| Err(absent(api)), |known| known.served.version(api)).map_err(Into::into)
    }

    /// The server says that it does not serve what the document says it does, or serves it no longer.
    pub(super) async fn doubt(&self) {
        *self.0.lock().await = None;
    }
}

impl Served {
    fn version(&self, api: &Api) -> Result<&'static str, Fault> {
        let versions = self.0.get(api.group).map_or(&[][..], Vec::as_slice);
        let serving: Vec<&str> =
            versions.iter().filter(|(_, plurals)| plurals.contains(api.plural)).map(|(version, _)| version.as_str()).collect();
        if let Some(version) = api.versions.iter().find(|version| serving.contains(*version)) {
            return Ok(version);
        }
        if serving.is_empty() {
            return Err(absent(api));
        }
        let message = format!(
            "This cluster serves {}.{} as {}, of which sealwatch reads none ({}).",
            api.plural,
            api.group,
            serving.join(", "),
            api.versions.join(", ")
        );
        Err(Fault::new(FaultKind::NotFound, &message).hinted("Update what serves it, or sealwatch."))
    }
}

#[derive(Deserialize)]
struct Document {
    /// Of aggregated discovery.
    items: Option<Vec<Group>>,
    /// Of servers before that.
    groups: Option<Vec<OldGroup>>,
}

#[derive(Deserialize)]
struct Group {
    metadata: GroupMeta,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct GroupMeta {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default, deserialize_with = "or_default")]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(alias = "name")]
    resource: String,
}

#[derive(Deserialize)]
struct OldGroup {
    name: String,
    #[serde(default)]
    versions: Vec<OldVersion>,
}

#[derive(Deserialize)]
struct OldVersion {
    version: String,
}

#[derive(Deserialize)]
struct OldResources {
    #[serde(default, deserialize_with = "or_default")]
    resources: Vec<Resource>,
}

/// See [`crate::ports::Cluster::served`].
pub(super) async fn served(inner: &Inner, version: &str) -> Result<Option<Vec<Text>>, Fault> {
    #[derive(Deserialize)]
    struct Kinds {
        #[serde(default, deserialize_with = "or_default")]
        resources: Vec<OfKind>,
    }
    #[derive(Deserialize)]
    struct OfKind {
        name: String,
        kind: Text,
    }
    let (group, version) = version.split_once('/').ok_or_else(|| Fault::new(FaultKind::Local, "That is no version."))?;
    let path = format!("/apis/{}/{}", segment(group)?, segment(version)?);
    match inner.get::<Kinds>(&path, "learn what the cluster serves").await {
        // What stands below a kind, as its status, bears its name too.
        Ok(kinds) => {
            let whole = kinds.resources.into_iter().filter(|one| !one.name.contains('/'));
            Ok(Some(whole.map(|one| one.kind).collect()))
        }
        Err(Failure { code: Some(404), .. }) => Ok(None),
        Err(failure) => Err(failure.fault),
    }
}

fn plurals(resources: Vec<Resource>) -> BTreeSet<String> {
    resources.into_iter().map(|one| one.resource).filter(|plural| !plural.contains('/')).collect()
}

/// Asks for the document; nothing, if it is the one of this mark.
async fn ask(inner: &Inner, mark: Option<HeaderValue>) -> Result<Option<(Option<HeaderValue>, Served)>, Failure> {
    const ASKED: &str = "learn what the cluster serves";
    let wanted = |group: &str| kinds::all().iter().any(|kind| kinds::api(*kind).is_some_and(|api| api.group == group));
    let mut request = get("/apis")?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static(EVERYTHING));
    if let Some(mark) = mark {
        request.headers_mut().insert(IF_NONE_MATCH, mark);
    }
    let response = match inner.send(request, ASKED).await {
        Err(Failure { code: Some(304), .. }) => return Ok(None),
        Err(Failure { code: Some(404), .. }) => return Err(inner.not_kubernetes(ASKED).into()),
        answer => answer?,
    };
    let mark = response.headers().get(ETAG).cloned();
    let document: Document = inner.json(response, ASKED).await?;
    // Only of the document that holds everything does its mark say that nothing is different.
    let mark = mark.filter(|_| document.items.is_some());
    let mut served = Served::default();
    for Group { metadata, versions } in document.items.into_iter().flatten().filter(|group| wanted(&group.metadata.name)) {
        let versions = versions.into_iter().map(|version| (version.version, plurals(version.resources)));
        served.0.insert(metadata.name, versions.collect());
    }
    for OldGroup { name, versions } in document.groups.into_iter().flatten().filter(|group| wanted(&group.name)) {
        let mut known = Vec::with_capacity(versions.len());
        for OldVersion { version } in versions {
            let path = format!("/apis/{name}/{}", segment(&version)?);
            match inner.get::<OldResources>(&path, ASKED).await {
                Ok(found) => known.push((version, plurals(found.resources))),
                // It went between the two questions.
                Err(Failure { code: Some(404), .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        served.0.insert(name, known);
    }
    Ok(Some((mark, served)))
}

/// The path of a collection.
pub(super) fn collection(api: &Api, version: &str, namespace: Option<&Name>) -> Result<String, Fault> {
    let root = if api.group.is_empty() { format!("/api/{version}") } else { format!("/apis/{}/{version}", api.group) };
    Ok(match namespace.filter(|_| api.namespaced) {
        Some(namespace) => format!("{root}/namespaces/{}/{}", segment(namespace.as_str())?, api.plural),
        None => format!("{root}/{}", api.plural),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    #[test]
    fn collections_stand_where_kubernetes_puts_them() {
        let path = |kind, namespace: Option<&str>| {
            collection(&kinds::api(kind).unwrap(), "v1", namespace.map(Name::new).as_ref()).unwrap()
        };
        assert_eq!(path(Kind::Pod, None), "/api/v1/pods");
        assert_eq!(path(Kind::Secret, Some("a")), "/api/v1/namespaces/a/secrets");
        assert_eq!(path(Kind::ExternalSecret, Some("a")), "/apis/external-secrets.io/v1/namespaces/a/externalsecrets");
        assert_eq!(path(Kind::ClusterSecretStore, Some("a")), "/apis/external-secrets.io/v1/clustersecretstores");
        assert!(kinds::api(Kind::Vault).is_none());
    }

    #[test]
    fn the_preferred_version_that_serves_a_kind_is_read() {
        let served = |versions: &[(&str, &[&str])]| {
            let versions = versions
                .iter()
                .map(|(version, plurals)| ((*version).to_owned(), plurals.iter().map(|plural| (*plural).to_owned()).collect()));
            Served(BTreeMap::from([("external-secrets.io".to_owned(), versions.collect())]))
        };
        let api = kinds::api(Kind::ExternalSecret).unwrap();
        let both: &[&str] = &["externalsecrets", "secretstores"];
        assert_eq!(served(&[("v1beta1", both), ("v1", both)]).version(&api), Ok("v1"));
        assert_eq!(served(&[("v1beta1", both), ("v1", &["secretstores"])]).version(&api), Ok("v1beta1"));
        assert_eq!(served(&[("v1", &["secretstores"])]).version(&api).unwrap_err().kind, FaultKind::Absent);
        let newer = served(&[("v2", both)]).version(&api).unwrap_err();
        assert_eq!(newer.kind, FaultKind::NotFound);
        assert!(newer.message.as_str().contains("as v2, of which sealwatch reads none (v1, v1beta1)"), "{newer}");
    }
}
