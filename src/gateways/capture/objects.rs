//! An object as it stands in a capture: the fields that its kind reads, scrubbed. What a kind reads and then lets go,
//! such as the value of a variable that names no Vault, is taken out here.

use serde_json::{Map, Value, json};

use super::kept::kept;
use crate::model::gitops::HELD;
use crate::model::kinds::external_secret::synced_resource_version;
use crate::model::kinds::job::KEPT_FOR;
use crate::model::kinds::{Visitor, Watched, visit};
use crate::model::{Kind, Text, Unreadable, VaultAddress};

/// Annotations that some kind reads; they may hold anything, and `kubectl apply` leaves whole Secrets in one.
const ANNOTATIONS: [&str; 18] = [
    HELD,
    KEPT_FOR,
    "force-sync",
    "reconcile.external-secrets.io/",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/hook",
    "helm.sh/hook",
    "meta.helm.sh/",
    "kubectl.kubernetes.io/restartedAt",
    "vso.secrets.hashicorp.com/restartedAt",
    "reflector.v1.k8s.emberstack.com/",
    "sealedsecrets.bitnami.com/",
    "reloader.stakater.com/",
    "secret.reloader.stakater.com/",
    "secrets.exclude.reloader.stakater.com/",
    "external-secrets.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
];

/// Variables that name a Vault; the value of any other is nobody's business.
const VAULTS: [&str; 2] = ["VAULT_ADDR", "BAO_ADDR"];

/// An object of this kind as a capture holds it, or why it cannot be read.
pub(super) fn object(kind: Kind, raw: &str) -> Result<Value, Unreadable> {
    struct Keeps<'a> {
        kind: Kind,
        raw: &'a str,
        kept: Option<Result<Value, Unreadable>>,
    }
    impl Visitor for Keeps<'_> {
        fn visit<K: Watched>(&mut self) {
            if K::KIND == self.kind {
                let unreadable = |error| crate::gateways::odd::unreadable(K::KIND, self.raw, &error);
                let value = serde_json::from_str(self.raw).map_err(unreadable);
                self.kept = Some(value.and_then(|value| kept::<K::Wire>(&value).map_err(unreadable)).map(|mut object| {
                    let group = if K::API.group.is_empty() { String::new() } else { format!("{}/", K::API.group) };
                    let version = K::API.versions.first().copied().unwrap_or_default();
                    object["apiVersion"] = format!("{group}{version}").into();
                    object["kind"] = K::NAME.into();
                    object
                }));
            }
        }
    }
    let mut keeps = Keeps { kind, raw, kept: None };
    visit(&mut keeps);
    let mut object = keeps.kept.unwrap_or_else(|| Ok(json!({})))?;
    let synced = object["status"]["syncedResourceVersion"].as_str().is_some_and(|version| version == expected(&object));
    clean(&mut object);
    // The hash is over annotations of which some are gone.
    if synced {
        object["status"]["syncedResourceVersion"] = expected(&object).into();
    }
    Ok(object)
}

/// `syncedResourceVersion` of an object whose newest state was synced.
fn expected(object: &Value) -> String {
    let words = |name: &str| serde_json::from_value(object["metadata"][name].clone()).unwrap_or_default();
    let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
    synced_resource_version(generation, &words("annotations"), &words("labels"))
}

/// Takes out of an object what was read and let go, at any depth, and scrubs the rest.
fn clean(object: &mut Value) {
    let Value::Object(map) = object else {
        return match object {
            Value::Array(list) => list.iter_mut().for_each(clean),
            other => scrub(other),
        };
    };
    if let Some(Value::Object(annotations)) = map.get_mut("annotations") {
        annotations.retain(|key, _| ANNOTATIONS.iter().any(|known| key.starts_with(known)));
    }
    if let Some(Value::Array(variables)) = map.get_mut("env") {
        variables.iter_mut().filter_map(Value::as_object_mut).for_each(variable);
    }
    // Long, and skipped by all kinds but Secrets.
    map.retain(|key, value| key != "managedFields" || value.as_array().is_some_and(|list| !list.is_empty()));
    scrub_keys(map);
    for (key, value) in map.iter_mut() {
        match (key.as_str(), &mut *value) {
            ("caBundle", Value::String(text)) if is_certificate(text) => {}
            ("caBundle", value) => *value = "".into(),
            (_, value) => clean(value),
        }
    }
}

/// Scrubs every word.
pub(super) fn scrub(value: &mut Value) {
    match value {
        Value::String(text) => *text = scrubbed(text),
        Value::Array(list) => list.iter_mut().for_each(scrub),
        Value::Object(map) => {
            scrub_keys(map);
            map.values_mut().for_each(scrub);
        }
        _ => {}
    }
}

fn scrub_keys(map: &mut Map<String, Value>) {
    let odd: Vec<String> = map.keys().filter(|key| Text::foreign(key).as_str() != key.as_str()).cloned().collect();
    for key in odd {
        if let Some(value) = map.remove(&key) {
            map.insert(Text::foreign(&key).to_string(), value);
        }
    }
}

fn variable(variable: &mut Map<String, Value>) {
    let named = variable.get("name").and_then(Value::as_str).is_some_and(|name| VAULTS.contains(&name));
    let address = variable.get("value").and_then(Value::as_str).and_then(VaultAddress::parse);
    variable.retain(|key, _| named || !matches!(key.as_str(), "name" | "value"));
    if variable.contains_key("value") {
        variable.insert("value".to_owned(), address.map_or_else(String::new, |address| address.to_string()).into());
    }
}

/// Scrubbed, and an address without the name and the password before it.
fn scrubbed(text: &str) -> String {
    let mut parts = text.split("://");
    let first = parts.next().unwrap_or_default().to_owned();
    let text = parts.fold(first, |before, rest| {
        let end = rest.find(['/', '?', '#', ' ', '"', '\n']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("{before}://{host}{path}")
    });
    let whole = Text::foreign(&text).to_string();
    // What Vault says in several lines is read by its lines. A credential may reach over several.
    if whole.contains(WITHHELD) || !text.contains('\n') {
        return whole;
    }
    let line = |line: &str| {
        let words = line.trim_start_matches('\t');
        format!("{}{}", "\t".repeat(line.len() - words.len()), Text::foreign(words))
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// What the scrubber puts in place of a credential.
const WITHHELD: &str = "<withheld>";

/// Certificates are public. Nothing else is let through under their name.
fn is_certificate(text: &str) -> bool {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD.decode(text.trim()).unwrap_or_default();
    let pem = String::from_utf8_lossy(&decoded);
    let is_label = |label: &str| label == "BEGIN CERTIFICATE" || label == "END CERTIFICATE";
    let mut labels = pem.split("-----").skip(1).step_by(2);
    pem.trim_start().starts_with("-----BEGIN CERTIFICATE-----") && labels.all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_note_on_an_object_is_kept_if_a_kind_reads_it() {
        let annotated = |kind: &str, key: &str| {
            let annotations = json!({ key: "x", "sealwatch.dev/kept": "{\"metadata\":{}}", "note": "canary" });
            json!({"kind": kind, "metadata": {"name": "a", "namespace": "b", "annotations": annotations}}).to_string()
        };
        for (kind, name, key) in [(Kind::Job, "Job", KEPT_FOR), (Kind::Application, "Application", HELD)] {
            let left = object(kind, &annotated(name, key)).expect("an object");
            assert_eq!(left["metadata"]["annotations"], json!({ key: "x" }), "{name}");
        }
    }

    #[test]
    fn what_a_kind_reads_and_lets_go_is_not_kept() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "namespace": "a", "managedFields": [{"manager": "canary"}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary", "note": "canary"}},
            "spec": {"containers": [{"image": "i:1", "args": ["--token=canary"], "env": [
                {"name": "DB", "value": "canary"}, {"name": "URL", "value": "http://u:canary@host/"},
                {"name": "VAULT_ADDR", "value": "https://u:canary@vault.vault.svc:8200/canary"},
                {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "canary"}}}]}]},
        });
        let kept = object(Kind::Pod, &pod.to_string()).expect("a pod");
        assert!(!kept.to_string().contains("canary"), "{kept}");
        let env = &kept["spec"]["containers"][0]["env"];
        assert_eq!(env[2], json!({"name": "VAULT_ADDR", "value": "https://vault.vault.svc:8200"}));
        assert_eq!(env[3]["valueFrom"]["secretKeyRef"]["name"], "s");
    }

    #[test]
    fn a_secret_is_its_metadata_and_a_store_names_no_more_than_it_must() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": {"k": "Y2FuYXJ5"}, "stringData": {"k": "canary"},
            "metadata": {"name": "s", "namespace": "a", "annotations": {"reconcile.external-secrets.io/data-hash": "ab"},
                "managedFields": [{"manager": "m", "fieldsV1": {"f:data": {"f:k": {}}}}]}});
        let kept = object(Kind::Secret, &secret.to_string()).expect("a Secret");
        assert!(kept.get("data").is_none() && kept.get("stringData").is_none(), "{kept}");
        assert_eq!(kept["metadata"]["annotations"]["reconcile.external-secrets.io/data-hash"], "ab");
        assert_eq!(kept["metadata"]["managedFields"][0]["fieldsV1"]["f:data"]["f:k"], json!({}));
        let store = json!({"metadata": {"name": "s", "namespace": "a"}, "spec": {"provider": {
            "fake": {"data": [{"key": "k", "value": "canary"}]},
            "vault": {"server": "https://me:canary@vault:8200", "caBundle": "canary", "auth": {"appRole": {"roleId": "canary"}}}}}});
        let kept = object(Kind::SecretStore, &store.to_string()).expect("a store");
        assert!(!kept.to_string().contains("canary"), "{kept}");
        assert_eq!(kept["spec"]["provider"]["vault"]["server"], "https://vault:8200");
        assert_eq!(kept["spec"]["provider"]["fake"], json!({}));
    }

    #[test]
    fn what_was_synced_last_stays_so_without_its_annotations() {
        let annotations = std::collections::BTreeMap::from([("note".to_owned(), "canary".to_owned())]);
        let version = synced_resource_version(1, &annotations, &std::collections::BTreeMap::new());
        let external = json!({"metadata": {"name": "e", "namespace": "a", "generation": 1, "annotations": annotations},
            "status": {"syncedResourceVersion": version}});
        let kept = object(Kind::ExternalSecret, &external.to_string()).expect("an ExternalSecret");
        assert_eq!(kept["status"]["syncedResourceVersion"], expected(&kept));
        assert_ne!(kept["status"]["syncedResourceVersion"], version);
    }

    #[test]
    fn lines_stay_lines_unless_a_credential_is_in_them() {
        for (raw, said) in [
            ("1 error occurred:\n\t* permission denied\n\n", "1 error occurred:\n\t* permission denied\n\n"),
            ("a \u{1b}[31mred\nline", "a <esc>red\nline"),
            ("password:\nhunter2", "password: <withheld>"),
            ("GET https://me:hunter2@vault:8200/v1/a@b failed", "GET https://vault:8200/v1/a@b failed"),
        ] {
            assert_eq!(scrubbed(raw), said);
        }
    }

    #[test]
    fn a_certificate_is_public_and_nothing_else_passes_as_one() {
        use base64::Engine as _;
        let of = |text: &str| is_certificate(&base64::engine::general_purpose::STANDARD.encode(text));
        let one = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n";
        assert!(of(one) && of(&one.repeat(2)));
        assert!(!of(&format!("{one}-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n")) && !of("canary"));
    }
}
