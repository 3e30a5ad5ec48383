//! What those who deploy say that they cannot apply: objects of External Secrets in a version that the server does not
//! know.

use std::collections::BTreeSet;

use super::Inventory;
use crate::model::kinds::{Application, HelmRelease, Kustomization, Watched as _};
use crate::model::object::ObjectRef;
use crate::model::text::Text;

/// That somebody could not apply a kind in a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched<'a> {
    /// Who says so.
    pub by: ObjectRef,
    /// In which words.
    pub text: &'a str,
    /// The kind, `ExternalSecret`; empty where the words are others.
    pub kind: &'a str,
    /// Group and version, `external-secrets.io/v1beta1`; empty where the words are others.
    pub version: &'a str,
}

impl Inventory {
    /// All that could not be applied of External Secrets, as Argo CD and Flux tell it.
    pub fn unmatched(&self) -> impl Iterator<Item = Unmatched<'_>> {
        let of_argo = self.all::<Application>().iter().map(|app| (app.object_ref(), app.error.as_str()));
        let of_kustomize = self.all::<Kustomization>().iter().filter_map(|one| Some((one.object_ref(), one.ready.as_ref()?)));
        let of_helm = self.all::<HelmRelease>().iter().filter_map(|one| Some((one.object_ref(), one.ready.as_ref()?)));
        let of_flux = of_kustomize.chain(of_helm).map(|(object, ready)| (object, ready.message.as_str()));
        let told = |(_, text): &(ObjectRef, &str)| text.contains("no matches for kind") && text.contains("external-secrets.io");
        of_argo.chain(of_flux).filter(told).map(|(by, text)| {
            let (kind, version) = names(text).unwrap_or_default();
            Unmatched { by, text, kind, version }
        })
    }

    /// The versions that were named so. Whether they are served is asked as long as somebody says that they are not.
    #[must_use]
    pub fn doubted_versions(&self) -> BTreeSet<Text> {
        self.unmatched().filter(|one| !one.version.is_empty()).map(|one| Text::foreign(one.version)).collect()
    }
}

/// Kind and version in the words of the client of Kubernetes: `no matches for kind "A" in version "b/c"` (apimachinery,
/// `NoKindMatchError`).
fn names(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("no matches for kind \"")?;
    let (kind, rest) = rest.split_once('"')?;
    let (_, rest) = rest.split_once("in version \"")?;
    let (version, _) = rest.split_once('"')?;
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "-./".contains(c));
    let (group, _) = version.split_once('/')?;
    (plain(kind) && plain(version) && group.ends_with("external-secrets.io")).then_some((kind, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_and_version_are_read_from_the_words_of_kubernetes() {
        let beta = ("ExternalSecret", "external-secrets.io/v1beta1");
        for (text, read) in [
            (r#"app dry-run failed: no matches for kind "ExternalSecret" in version "external-secrets.io/v1beta1""#, Some(beta)),
            (r#"no matches for kind "ExternalSecret" in version "external-secrets.io/v1beta1"; and more"#, Some(beta)),
            (
                r#"no matches for kind "Password" in version "generators.external-secrets.io/v1""#,
                Some(("Password", "generators.external-secrets.io/v1")),
            ),
            (r#"no matches for kind "Rollout" in version "argoproj.io/v1""#, None),
            (r#"no matches for kind "A" in version "x/../external-secrets.io""#, None),
            (r#"no matches for kind "ExternalSecret" in group "external-secrets.io""#, None),
        ] {
            assert_eq!(names(text), read, "{text}");
        }
    }
}
