//! How a controller records events, as client-go does it (its `events_cache.go`): the same text is
//! one Event whose count and last time grow; more than 25 about one object, and then one in 5 minutes, are
//! counted but not written. So the last time of a flapping store's events can lag behind the truth
//! (measured: fixture 06). The API server forgets an Event after an hour.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::api::Api;
use super::object::{Body, Event, Meta};
use super::time::{between, whole};
use crate::model::{Kind, ObjectRef};

/// How long the API server keeps an Event that nobody writes again.
pub(super) const KEPT: Duration = Duration::from_secs(3600);
const BURST: f64 = 25.0;
const SECONDS_FOR_ONE_MORE: f64 = 300.0;

/// What is said about an object.
#[derive(Clone, Debug)]
pub(super) struct Saying {
    pub(super) component: &'static str,
    pub(super) warning: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Saying {
    pub(super) fn normal(component: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { component, warning: false, reason, message: message.into() }
    }

    pub(super) fn warning(component: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { component, warning: true, reason, message: message.into() }
    }
}

type Seen = (ObjectRef, &'static str, bool, &'static str, String);

/// The memory of one process that records events.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    seen: BTreeMap<Seen, (ObjectRef, Timestamp, u32)>,
    buckets: BTreeMap<(ObjectRef, &'static str, bool), (f64, Timestamp)>,
}

impl Recorder {
    /// Records it, at this time.
    pub(super) fn record(&mut self, api: &mut Api, about: &ObjectRef, saying: Saying, now: Timestamp) {
        let Some(uid) = api.get(about).map(|object| object.meta.uid.clone()) else { return };
        let Saying { component, warning, reason, message } = saying;
        let seen = (about.clone(), component, warning, reason, message.clone());
        let (key, first, count) = self.seen.entry(seen).or_insert_with(|| {
            let namespace = if about.namespace.is_empty() { "default" } else { about.namespace.as_str() };
            let name = api.event_name(about.name.as_str());
            (ObjectRef::new(Kind::Event, namespace, name.as_str()), whole(now), 0)
        });
        *count += 1;
        if !accepted(&mut self.buckets, (about.clone(), component, warning), now) {
            return;
        }
        let last = whole(now);
        let event = Event {
            about: about.clone(),
            about_uid: uid,
            component,
            warning,
            reason,
            message,
            first: *first,
            last,
            count: *count,
        };
        let exists = api
            .change(key, |object| {
                if let Some(known) = object.event_mut() {
                    known.last = last;
                    known.count = event.count;
                }
            })
            .is_some();
        if !exists {
            api.create(key.clone(), Meta::default(), Body::Event(event), now);
        }
    }
}

type Buckets = BTreeMap<(ObjectRef, &'static str, bool), (f64, Timestamp)>;

fn accepted(buckets: &mut Buckets, key: (ObjectRef, &'static str, bool), now: Timestamp) -> bool {
    let (tokens, filled) = buckets.entry(key).or_insert((BURST, now));
    *tokens = (*tokens + between(*filled, now).as_secs_f64() / SECONDS_FOR_ONE_MORE).min(BURST);
    *filled = now;
    let enough = *tokens >= 1.0;
    if enough {
        *tokens -= 1.0;
    }
    enough
}

/// Takes away the events that nobody wrote for an hour.
pub(super) fn forget_old_events(api: &mut Api, now: Timestamp) {
    let old: Vec<ObjectRef> = api
        .list(Kind::Event)
        .filter(|(_, object)| object.event().is_some_and(|event| between(event.last, now) >= KEPT))
        .map(|(key, _)| key.clone())
        .collect();
    for key in old {
        api.delete(&key);
    }
}
