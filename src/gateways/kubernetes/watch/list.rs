//! The first list of a watch, and each one after a gap: streamed where the server can, else in pages. The very
//! first is told in pieces, so that its rows are seen at once; any later one is whole, and swaps in in one step.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::events::Event;
use super::{End, Watcher};
use crate::gateways::kubernetes::lines::Cut;
use crate::gateways::network::quoted;
use crate::gateways::odd;
use crate::model::kinds::{Object, Watched};
use crate::model::{Change, FaultKind, Names, Unreadable};

/// How long the server may take for a streamed list, and how long it may be silent in it.
const STREAM: Duration = Duration::from_secs(290);
const SILENCE: Duration = Duration::from_secs(20);
/// Objects of a page.
pub(in crate::gateways::kubernetes) const PAGE: usize = 500;

/// A piece of the first list is told when it has this many objects, or is this old. The first is small: it is what
/// a person waits for.
const FIRST_PIECE: usize = 64;
const PIECE: usize = 1024;
const PIECE_AGE: Duration = Duration::from_millis(20);

/// A list that is being read.
struct Listing {
    /// What was read and is not told yet.
    objects: Vec<Object>,
    /// What could not be read.
    odd: Vec<Unreadable>,
    /// When the first of these came.
    began: Instant,
    /// Whether pieces may be told: nothing of this kind was, so that nothing can have vanished meanwhile.
    in_pieces: bool,
    /// How many objects make a piece.
    full: usize,
}

impl Listing {
    const fn new(began: Instant, in_pieces: bool) -> Self {
        Self { objects: Vec::new(), odd: Vec::new(), began, in_pieces, full: FIRST_PIECE }
    }

    fn push(&mut self, object: Object) {
        if self.objects.is_empty() {
            self.began = Instant::now();
        }
        self.objects.push(object);
    }

    /// How long the server may be silent: a piece that was begun is told soon.
    fn patience(&self) -> Duration {
        if self.in_pieces && !self.objects.is_empty() { PIECE_AGE.saturating_sub(self.began.elapsed()) } else { SILENCE }
    }

    /// The piece to be told now, if there is one.
    fn piece(&mut self) -> Option<Vec<Object>> {
        let due = self.in_pieces && (self.objects.len() >= self.full || self.patience().is_zero());
        due.then(|| {
            self.full = PIECE;
            std::mem::take(&mut self.objects)
        })
    }
}

/// A page of a list, as it stands on the wire.
#[derive(Deserialize)]
pub(in crate::gateways::kubernetes) struct WirePage<T> {
    #[serde(default)]
    pub(in crate::gateways::kubernetes) metadata: PageMeta,
    /// `null` where there is none: so the API server says it of metadata alone.
    #[serde(default = "Option::default")]
    pub(in crate::gateways::kubernetes) items: Option<Vec<T>>,
}

/// A page that was read, and what of it could not be.
pub(super) struct Page {
    metadata: PageMeta,
    objects: Vec<Object>,
    odd: Vec<Unreadable>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::gateways::kubernetes) struct PageMeta {
    resource_version: Box<str>,
    /// Where the next page begins; empty after the last one.
    pub(in crate::gateways::kubernetes) r#continue: String,
}

impl Watcher {
    /// Lists.
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
        let mut listing = self.listing();
        loop {
            let line = match lines.next(listing.patience()).await {
                Ok(Some(line)) => line,
                // It ended before it was complete: what came is not a list.
                Ok(None) => return Err(End::Forgotten),
                Err(Cut::Still) if listing.patience().is_zero() => {
                    self.tell(&mut listing).await?;
                    continue;
                }
                Err(cut) => return Err(self.cut(cut)),
            };
            match (self.reader.line)(&line, &mut self.names) {
                Event::Changed((object, _)) => listing.push(object),
                Event::Unreadable(bare, error) => listing.odd.push(bare.unreadable(self.reader.kind, &error)),
                Event::Bookmark { position, ends_list: true } => return self.listed(listing, position).await,
                Event::Refused { code: 410, .. } => return Err(End::Forgotten),
                Event::Refused { code, message } => {
                    return Err(crate::gateways::kubernetes::faults::refused(code, &message, &self.asked()).into());
                }
                Event::Garbage => return Err(self.gateway.0.not_kubernetes(&self.asked()).into()),
                Event::Deleted(_) | Event::Bookmark { .. } | Event::Nothing => {}
            }
            self.tell(&mut listing).await?;
        }
    }

    async fn pages(&mut self) -> Result<(), End> {
        let mut listing = self.listing();
        let mut next = String::new();
        loop {
            let collection = self.collection().await?;
            let going_on = if next.is_empty() { String::new() } else { format!("&continue={next}") };
            let request = crate::gateways::kubernetes::requests::get(&format!("{collection}?limit={PAGE}{going_on}"))?;
            let asked = self.asked();
            let body = self.gateway.0.bytes(request, &asked).await.map_err(|failure| self.explained(failure))?;
            let page = (self.reader.page)(&body, &mut self.names).ok_or_else(|| self.gateway.0.not_kubernetes(&asked))?;
            listing.odd.extend(page.odd);
            for object in page.objects {
                listing.push(object);
            }
            if page.metadata.r#continue.is_empty() {
                return self.listed(listing, page.metadata.resource_version).await;
            }
            self.tell(&mut listing).await?;
            // The token is base64 for URLs, but that is nowhere promised.
            next = quoted(&page.metadata.r#continue);
        }
    }

    fn listing(&self) -> Listing {
        Listing::new(Instant::now(), !self.told)
    }

    /// Tells the piece that is due, if one is.
    async fn tell(&mut self, listing: &mut Listing) -> Result<(), End> {
        let Some(piece) = listing.piece() else { return Ok(()) };
        self.told = true;
        self.send(Change::Listing(self.part.clone(), piece)).await
    }

    /// The list is complete; this was read of it last.
    async fn listed(&mut self, Listing { objects, odd, in_pieces, .. }: Listing, position: Box<str>) -> Result<(), End> {
        if position.is_empty() {
            return Err(self.gateway.0.not_kubernetes(&self.asked()).into());
        }
        self.position = Some(position);
        if in_pieces && std::mem::replace(&mut self.told, true) {
            self.send(Change::Listing(self.part.clone(), objects)).await?;
            for one in odd {
                self.send(Change::Odd(one)).await?;
            }
            return self.send(Change::Complete(self.part.clone())).await;
        }
        self.told = true;
        self.send(Change::Listed(self.part.clone(), objects, odd)).await
    }
}

/// A page, without the objects that cannot be read, which are named.
pub(super) fn read_page<K: Watched>(body: &[u8], names: &mut Names) -> Option<Page> {
    let WirePage::<&RawValue> { metadata, items } = serde_json::from_slice(body).ok()?;
    let (mut objects, mut unread) = (Vec::new(), Vec::new());
    for item in items.into_iter().flatten() {
        match odd::read::<K>(item.get(), names) {
            Ok(object) => objects.push(object),
            Err(one) => unread.push(one),
        }
    }
    Some(Page { metadata, objects, odd: unread })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::Secret;

    #[test]
    fn an_odd_object_costs_itself_and_not_the_page() {
        let body = br#"{"metadata":{"resourceVersion":"5","continue":"a=+/"},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b","labels":7}},{"metadata":{"name":"c"}}]}"#;
        let page = read_page::<Secret>(body, &mut Names::default()).unwrap();
        let names: Vec<String> = page.objects.iter().map(|object| object.object_ref().name.to_string()).collect();
        assert_eq!((names, quoted(&page.metadata.r#continue)), (vec!["a".to_owned(), "c".to_owned()], "a%3D%2B%2F".to_owned()));
        assert_eq!(page.odd[0].to_string(), "Secret//b could not be read: a field is not a map.");
        let none = br#"{"kind":"PartialObjectMetadataList","metadata":{"resourceVersion":"5"},"items":null}"#;
        assert!(
            read_page::<Secret>(none, &mut Names::default()).is_some_and(|page| page.objects.is_empty() && page.odd.is_empty())
        );
        assert!(read_page::<Secret>(b"<html>", &mut Names::default()).is_none());
    }
}
