//! The first list of a watch, and each one after a gap: streamed where the server can, else in pages.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::events::{self, Event};
use super::{End, Watcher};
use crate::gateways::odd::unreadable;
use crate::model::kinds::{Object, Watched};
use crate::model::{Change, FaultKind, Unreadable};

/// How long the server may take for a streamed list, and how long it may be silent in it.
const STREAM: Duration = Duration::from_secs(290);
const SILENCE: Duration = Duration::from_secs(20);
/// Objects of a page.
const PAGE: usize = 500;

#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct PageMeta {
    resource_version: Box<str>,
    r#continue: String,
}

impl<K: Watched> Watcher<K> {
    /// Lists, and says so in one change.
    pub(super) async fn list(&mut self) -> Result<(), End> {
        if self.streams {
            match self.stream().await {
                // What servers before 1.32 say to `sendInitialEvents`.
                Err(End::Failed(failure)) if failure.fault.kind == FaultKind::Invalid => self.streams = false,
                other => return other,
            }
        }
        self.pages().await
    }

    async fn stream(&mut self) -> Result<(), End> {
        let query = format!(
            "watch=true&allowWatchBookmarks=true&timeoutSeconds={}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0",
            STREAM.as_secs()
        );
        let mut lines = self.open(&query).await?;
        let (mut objects, mut odd) = (Vec::new(), Vec::new());
        while let Some(line) = lines.next(SILENCE).await.map_err(|cut| self.cut(cut))? {
            match events::read::<K::Wire>(&line) {
                Event::Changed(wire) => objects.push(K::read(wire, &mut self.names).into_object()),
                Event::Unreadable(bare, error) => odd.push(bare.unreadable(K::KIND, &error)),
                Event::Bookmark { position, ends_list: true } => {
                    return self.listed(objects, odd, position).await;
                }
                Event::Refused { code: 410, .. } => return Err(End::Forgotten),
                Event::Refused { code, message } => {
                    return Err(crate::gateways::kubernetes::faults::refused(code, &message, &self.asked()).into());
                }
                Event::Garbage => return Err(self.gateway.0.not_kubernetes(&self.asked()).into()),
                Event::Deleted(_) | Event::Bookmark { .. } | Event::Nothing => {}
            }
        }
        // It ended before it was complete: what came is not a list.
        Err(End::Forgotten)
    }

    async fn pages(&mut self) -> Result<(), End> {
        let (mut objects, mut odd) = (Vec::new(), Vec::new());
        let mut next = String::new();
        loop {
            let collection = self.collection().await?;
            let going_on = if next.is_empty() { String::new() } else { format!("&continue={next}") };
            let request = crate::gateways::kubernetes::requests::get(&format!("{collection}?limit={PAGE}{going_on}"))?;
            let asked = self.asked();
            let body = self.gateway.0.bytes(request, &asked).await.map_err(|failure| self.explained(failure))?;
            let (page, left_out) = read_page::<K>(&body).ok_or_else(|| self.gateway.0.not_kubernetes(&asked))?;
            odd.extend(left_out);
            objects.extend(page.items.into_iter().map(|wire| K::read(wire, &mut self.names).into_object()));
            if page.metadata.r#continue.is_empty() {
                return self.listed(objects, odd, page.metadata.resource_version).await;
            }
            next = quoted(&page.metadata.r#continue);
        }
    }

    async fn listed(&mut self, objects: Vec<Object>, odd: Vec<Unreadable>, position: Box<str>) -> Result<(), End> {
        if position.is_empty() {
            return Err(self.gateway.0.not_kubernetes(&self.asked()).into());
        }
        self.position = Some(position);
        self.listed = true;
        self.send(Change::Listed(self.part.clone(), objects, odd)).await
    }
}

/// A page; where an object of it cannot be read, the slow way that leaves it out and says so.
fn read_page<K: Watched>(body: &[u8]) -> Option<(Page<K::Wire>, Vec<Unreadable>)> {
    if let Ok(page) = serde_json::from_slice(body) {
        return Some((page, Vec::new()));
    }
    let page: Page<&RawValue> = serde_json::from_slice(body).ok()?;
    let (mut items, mut odd) = (Vec::new(), Vec::new());
    for item in page.items {
        match serde_json::from_str(item.get()) {
            Ok(wire) => items.push(wire),
            Err(error) => odd.push(unreadable(K::KIND, item.get(), &error)),
        }
    }
    Some((Page { metadata: page.metadata, items }, odd))
}

/// A `continue` token is base64 for URLs, but that is nowhere promised.
fn quoted(token: &str) -> String {
    use std::fmt::Write as _;
    let mut quoted = String::with_capacity(token.len());
    for byte in token.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            quoted.push(char::from(byte));
        } else {
            let _ = write!(quoted, "%{byte:02X}");
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::Secret;

    #[test]
    fn an_odd_object_costs_itself_and_not_the_page() {
        let body = br#"{"metadata":{"resourceVersion":"5","continue":"a=+/"},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b","labels":7}},{"metadata":{"name":"c"}}]}"#;
        let (page, odd) = read_page::<Secret>(body).unwrap();
        let read =
            page.items.into_iter().map(|wire| Secret::read(wire, &mut crate::model::Names::default()).meta.name.to_string());
        let names: Vec<String> = read.collect();
        assert_eq!((names, quoted(&page.metadata.r#continue)), (vec!["a".to_owned(), "c".to_owned()], "a%3D%2B%2F".to_owned()));
        assert_eq!(odd[0].to_string(), "Secret//b could not be read: a field is not a map.");
        assert!(read_page::<Secret>(b"<html>").is_none());
    }
}
