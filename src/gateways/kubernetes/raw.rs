//! Objects as they stand on the wire, for a capture. What is kept of them is decided there; Secrets come as their metadata
//! here too.

use async_trait::async_trait;
use serde_json::value::RawValue;

use super::requests::get;
use super::watch::{PAGE, WirePage};
use super::{Inner, KubernetesGateway, served};
use crate::gateways::capture::Raw;
use crate::gateways::network::quoted;
use crate::model::{Fault, FaultKind, Part, kinds};

#[async_trait]
impl Raw for KubernetesGateway {
    async fn raw(&self, part: &Part) -> Result<Vec<String>, Fault> {
        raw(&self.0, part).await
    }
}

async fn raw(inner: &Inner, part: &Part) -> Result<Vec<String>, Fault> {
    let asked = format!("list {part}");
    let api = kinds::api(part.kind).ok_or_else(|| Fault::new(FaultKind::Invalid, &format!("{part} is not watched.")))?;
    let version = inner.served.version(inner, &api).await?;
    let namespace = Some(&part.namespace).filter(|namespace| !namespace.is_empty());
    let collection = served::collection(&api, version, namespace)?;
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let going_on = if next.is_empty() { String::new() } else { format!("&continue={}", quoted(&next)) };
        let request = get(&format!("{collection}?limit={PAGE}{going_on}"))?;
        let body = inner.bytes(request, &asked).await?;
        let page: WirePage<Box<RawValue>> = serde_json::from_slice(&body).map_err(|_| inner.not_kubernetes(&asked))?;
        all.extend(page.items.into_iter().flatten().map(|item| item.get().to_owned()));
        if page.metadata.r#continue.is_empty() {
            return Ok(all);
        }
        next = page.metadata.r#continue;
    }
}
