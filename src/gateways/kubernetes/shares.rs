//! The only read of secrets out of a Secret: unseal shares, the token that the configuration names, a value that moves to a Vault; straight from
//! the answer into boxes that cannot be printed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::channel::WithData;
use super::requests::{get, segment};
use super::{Inner, KubernetesGateway};
use crate::model::{Fault, FaultKind, ObjectRef};
use crate::ports::Typed;

/// Borrows from the answer's buffer, which is wiped; base64 holds nothing that JSON would escape.
#[derive(Deserialize)]
struct Secret<'a> {
    #[serde(borrow, default)]
    data: BTreeMap<&'a str, &'a str>,
}

/// See [`crate::ports::Cluster::shares`].
pub(super) async fn shares(inner: &Inner, secret: &ObjectRef, key_prefix: &str) -> Result<Vec<Typed>, Fault> {
    let body = data(inner, secret, &format!("read the shares in {secret}")).await?;
    let shares =
        read(&body, key_prefix).ok_or_else(|| Fault::new(FaultKind::Http, &format!("The data of {secret} cannot be read.")))?;
    if shares.is_empty() {
        let message = format!("{secret} has no key that begins with “{key_prefix}”.");
        return Err(Fault::new(FaultKind::NotFound, &message).hinted("Type the share instead."));
    }
    Ok(shares)
}

/// See [`crate::ports::Cluster::value`].
pub(super) async fn value(inner: &Inner, secret: &ObjectRef, key: &str) -> Result<Typed, Fault> {
    let body = data(inner, secret, &format!("read {key} of {secret}")).await?;
    let parsed: Secret<'_> = serde_json::from_slice(&body)
        .map_err(|_| Fault::new(FaultKind::Http, &format!("The data of {secret} cannot be read.")))?;
    let Some(value) = parsed.data.get(key) else {
        return Err(Fault::new(FaultKind::NotFound, &format!("{secret} has no key “{key}”.")));
    };
    decode(value).ok_or_else(|| Fault::new(FaultKind::Invalid, &format!("What {secret} holds under “{key}” is no text.")))
}

impl KubernetesGateway {
    /// The token under this key of a Secret.
    pub(in crate::gateways) async fn token_in(&self, secret: &ObjectRef, key: &str) -> Result<Zeroizing<String>, Fault> {
        self.refuse_if_insecure("request for a token")?;
        let body = data(&self.0, secret, &format!("read the token in {secret}")).await?;
        let none = || Fault::new(FaultKind::Unauthorized, &format!("{secret} holds no token under “{key}”."));
        let parsed: Secret<'_> = serde_json::from_slice(&body).map_err(|_| none())?;
        let token = parsed.data.get(key).and_then(|value| decode(value)).ok_or_else(none)?;
        if token.is_empty() { Err(none()) } else { Ok(Zeroizing::new(token.reveal().to_owned())) }
    }
}

async fn data(inner: &Inner, secret: &ObjectRef, asked: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let (namespace, name) = (segment(secret.namespace.as_str())?, segment(secret.name.as_str())?);
    let mut request = get(&format!("/api/v1/namespaces/{namespace}/secrets/{name}"))?;
    request.extensions_mut().insert(WithData);
    Ok(inner.bytes(request, asked).await?)
}

fn read(body: &[u8], key_prefix: &str) -> Option<Vec<Typed>> {
    let secret: Secret<'_> = serde_json::from_slice(body).ok()?;
    let mut keys: Vec<_> = secret.data.iter().filter(|(key, _)| key.starts_with(key_prefix)).collect();
    // `unseal-key-10` comes after `unseal-key-2`.
    keys.sort_by_key(|(key, _)| (key.len(), **key));
    keys.into_iter().map(|(_, value)| decode(value)).collect()
}

fn decode(value: &str) -> Option<Typed> {
    let mut bytes = Zeroizing::new(vec![0_u8; value.len() / 4 * 3 + 3]);
    let length = STANDARD.decode_slice(value, &mut bytes).ok()?;
    Some(Typed::of_value(std::str::from_utf8(bytes.get(..length)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(data: &[(&str, &str)]) -> Option<Vec<String>> {
        let data: Vec<String> = data.iter().map(|(key, value)| format!("{key:?}:{:?}", STANDARD.encode(value))).collect();
        let body = format!(r#"{{"kind":"Secret","metadata":{{"name":"x"}},"data":{{{}}}}}"#, data.join(","));
        read(body.as_bytes(), "unseal-key").map(|shares| shares.iter().map(|share| share.reveal().to_owned()).collect())
    }

    #[test]
    fn shares_come_in_the_order_of_their_keys() {
        let data = [("unseal-key-10", "ten"), ("root-token", "never"), ("unseal-key-2", "two\n"), ("unseal-key", "one")];
        assert_eq!(opened(&data).unwrap(), ["one", "two", "ten"]);
        assert_eq!(opened(&[("root-token", "x")]).unwrap(), Vec::<String>::new());
        assert!(read(br#"{"data":{"unseal-key":"***"}}"#, "unseal-key").is_none());
        assert!(read(br#"{"data":{"unseal-key":"/w=="}}"#, "unseal-key").is_none(), "not UTF-8");
        assert_eq!(read(b"{}", "unseal-key").map(|shares| shares.len()), Some(0));
    }
}
