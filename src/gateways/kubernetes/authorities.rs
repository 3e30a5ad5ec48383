//! The certificate of a CA that a store names by a Secret or a `ConfigMap`: one key of it, and a certificate is no
//! secret. What else the Secret holds is wiped with the answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::KubernetesGateway;
use super::channel::WithData;
use super::requests::{get, segment};
use crate::model::vault::Ca;
use crate::model::{Fault, FaultKind};

/// Borrows from the answer's buffer: base64 holds nothing that JSON would escape.
#[derive(Deserialize)]
struct Secret<'a> {
    #[serde(borrow, default)]
    data: BTreeMap<&'a str, &'a str>,
}

#[derive(Deserialize)]
struct ConfigMap<'a> {
    #[serde(borrow, default)]
    data: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

/// The certificates of this CA, as they stand there: PEM.
pub(in crate::gateways) async fn authority(cluster: Option<&KubernetesGateway>, ca: &Ca) -> Result<Vec<u8>, Fault> {
    let nowhere = || fault(ca, "cannot be read: no cluster is connected");
    match ca {
        // External Secrets takes one that was put into base64 twice, and there are such.
        Ca::Bundle(bundle) => {
            let once = decoded(bundle.base64()).ok_or_else(|| fault(ca, "is not base64"))?;
            let again = std::str::from_utf8(&once).ok().filter(|text| !text.contains("-----BEGIN")).and_then(decoded);
            Ok(again.unwrap_or(once))
        }
        Ca::Secret { namespace, name, key } => {
            let place = format!("/api/v1/namespaces/{}/secrets/{}", segment(namespace.as_str())?, segment(name.as_str())?);
            let mut request = get(&place)?;
            request.extensions_mut().insert(WithData);
            let body = cluster.ok_or_else(nowhere)?.0.bytes(request, &asked(ca)).await?;
            let secret: Secret<'_> = serde_json::from_slice(&body).map_err(|_| fault(ca, "cannot be read"))?;
            let value = secret.data.get(key.as_str()).ok_or_else(|| fault(ca, "is missing: there is no such key"))?;
            decoded(value).ok_or_else(|| fault(ca, "is not base64"))
        }
        Ca::ConfigMap { namespace, name, key } => {
            let place = format!("/api/v1/namespaces/{}/configmaps/{}", segment(namespace.as_str())?, segment(name.as_str())?);
            let body = cluster.ok_or_else(nowhere)?.0.bytes(get(&place)?, &asked(ca)).await?;
            let map: ConfigMap<'_> = serde_json::from_slice(&body).map_err(|_| fault(ca, "cannot be read"))?;
            let value = map.data.get(key.as_str()).ok_or_else(|| fault(ca, "is missing: there is no such key"))?;
            Ok(value.as_bytes().to_vec())
        }
    }
}

fn asked(ca: &Ca) -> String {
    format!("read the CA in {ca}")
}

/// Some write it with line breaks.
fn decoded(base64: &str) -> Option<Vec<u8>> {
    let plain: String = base64.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(plain).ok()
}

fn fault(ca: &Ca, why: &str) -> Fault {
    Fault::new(FaultKind::NotFound, &format!("The CA in {ca} {why}."))
}
