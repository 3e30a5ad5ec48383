//! Which of the versions that we can read a server serves: External Secrets before 0.16 served `v1beta1`
//! only, from 0.17 on `v1` only.

use serde::Deserialize;

use super::Inner;
use super::faults::Failure;
use super::requests::segment;
use crate::model::kinds::{Api, Visitor, Watched, visit};
use crate::model::{Fault, FaultKind, Kind, Name};

/// An API group.
#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    version: String,
}

const INSTALL: &str = "Install the CRDs of External Secrets, or look at the cluster that has them.";

/// The versions of a kind that are served here and that we can read, the preferred one first.
pub(super) async fn versions(inner: &Inner, api: &Api) -> Result<Vec<&'static str>, Failure> {
    if api.group.is_empty() {
        return Ok(api.versions.to_vec());
    }
    let group: Group = match inner.get(&format!("/apis/{}", api.group), &format!("look for the API group {}", api.group)).await {
        Ok(group) => group,
        Err(Failure { code: Some(404), .. }) => return Err(absent(api).into()),
        Err(failure) => return Err(failure),
    };
    let served: Vec<&'static str> =
        api.versions.iter().copied().filter(|version| group.versions.iter().any(|served| served.version == *version)).collect();
    if served.is_empty() {
        let listed: Vec<&str> = group.versions.iter().map(|served| served.version.as_str()).collect();
        let message = format!(
            "This cluster serves {} as {}, of which sealwatch reads none ({}).",
            api.group,
            listed.join(", "),
            api.versions.join(", ")
        );
        return Err(Fault::new(FaultKind::NotFound, &message).hinted("Update External Secrets or sealwatch.").into());
    }
    Ok(served)
}

/// A kind that this cluster does not know.
pub(super) fn absent(api: &Api) -> Fault {
    let message = format!("This cluster does not know {}.{}: the CRD is not installed.", api.plural, api.group);
    Fault::new(FaultKind::Absent, &message).hinted(INSTALL)
}

/// The path of a collection.
pub(super) fn collection(api: &Api, version: &str, namespace: Option<&Name>) -> Result<String, Fault> {
    let root = if api.group.is_empty() { format!("/api/{version}") } else { format!("/apis/{}/{version}", api.group) };
    Ok(match namespace.filter(|_| api.namespaced) {
        Some(namespace) => format!("{root}/namespaces/{}/{}", segment(namespace.as_str())?, api.plural),
        None => format!("{root}/{}", api.plural),
    })
}

/// Where a watched kind is served.
pub(super) fn api_of(kind: Kind) -> Option<Api> {
    struct Find(Kind, Option<Api>);
    impl Visitor for Find {
        fn visit<K: Watched>(&mut self) {
            if K::KIND == self.0 {
                self.1 = Some(K::API);
            }
        }
    }
    let mut find = Find(kind, None);
    visit(&mut find);
    find.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_stand_where_kubernetes_puts_them() {
        let path =
            |kind, namespace: Option<&str>| collection(&api_of(kind).unwrap(), "v1", namespace.map(Name::new).as_ref()).unwrap();
        assert_eq!(path(Kind::Pod, None), "/api/v1/pods");
        assert_eq!(path(Kind::Secret, Some("a")), "/api/v1/namespaces/a/secrets");
        assert_eq!(path(Kind::ExternalSecret, Some("a")), "/apis/external-secrets.io/v1/namespaces/a/externalsecrets");
        assert_eq!(path(Kind::ClusterSecretStore, Some("a")), "/apis/external-secrets.io/v1/clustersecretstores");
        assert!(api_of(Kind::Vault).is_none());
    }
}
