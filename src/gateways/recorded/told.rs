//! What a recording tells beside objects and answers: how the data of each kind stood, the replicas behind a Service, the
//! controller, why something could not be asked. Worlds that were recorded by other means have none of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::kinds::Object;
use crate::model::source::Reading;
use crate::model::{Change, Controller, Fault, FaultKind, Kind, Name, ObjectRef, Part, Source, Text, Unreadable};
use crate::ports::ReplicaPod;

/// Why an answer is missing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::gateways) struct WireFault {
    kind: FaultKind,
    message: Text,
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    hint: Text,
}

impl WireFault {
    pub(in crate::gateways) fn of(fault: &Fault) -> Self {
        Self { kind: fault.kind, message: fault.message.clone(), hint: Text::foreign(fault.hint) }
    }

    pub(in crate::gateways) fn fault(&self) -> Fault {
        let fault = Fault::new(self.kind, self.message.as_str());
        // A file has a few of them, and is read once.
        if self.hint.is_empty() { fault } else { fault.hinted(String::leak(self.hint.to_string())) }
    }
}

/// How the data of a kind stood that was not simply read everywhere.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::gateways) struct WireSource {
    /// The namespaces that were read, one under the empty name for everywhere, and what was in the way.
    parts: BTreeMap<Text, Option<WireFault>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<WireFault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<WireFault>,
}

impl WireSource {
    /// Nothing, if the kind was simply read everywhere.
    pub(in crate::gateways) fn of(source: &Source) -> Option<Self> {
        let everywhere = source.parts.len() == 1 && source.parts.get("").is_some_and(Reading::is_seen);
        if everywhere && source.refused.is_none() && source.absent.is_none() {
            return None;
        }
        let why = |fault: &Option<Fault>| fault.as_ref().map(WireFault::of);
        Some(Self {
            parts: source.parts.iter().map(|(name, part)| (Text::foreign(name.as_str()), why(&part.fault))).collect(),
            refused: why(&source.refused),
            absent: why(&source.absent),
        })
    }

    /// The changes that make it stand so again.
    pub(super) fn changes(&self, kind: Kind, objects: &[Object], odd: &[Unreadable]) -> Vec<Change> {
        if let Some(fault) = &self.absent {
            return vec![Change::Absent(kind.into(), fault.fault())];
        }
        let namespaces: Vec<Name> = self.parts.keys().filter(|name| !name.is_empty()).map(Name::from).collect();
        let refused = self.refused.as_ref().map(WireFault::fault);
        let narrow = refused.is_some() || !namespaces.is_empty();
        let mut changes: Vec<Change> = narrow.then(|| Change::Narrowed(kind, namespaces, refused)).into_iter().collect();
        for (name, why) in &self.parts {
            let part = Part { kind, namespace: Name::from(name) };
            if let Some(fault) = why {
                changes.push(Change::Lost(part, fault.fault()));
                continue;
            }
            let here = objects.iter().filter(|object| part.holds(&object.object_ref().namespace)).cloned().collect();
            let odd = odd.iter().filter(|odd| part.holds(&odd.object.namespace)).cloned().collect();
            changes.push(Change::Listed(part, here, odd));
        }
        changes
    }
}

/// An object that was there and could not be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::gateways) struct WireOdd {
    object: Text,
    why: Text,
}

impl WireOdd {
    pub(in crate::gateways) fn of(object: &ObjectRef, why: &Text) -> Self {
        Self { object: Text::foreign(&object.to_string()), why: why.clone() }
    }

    pub(super) fn read(&self) -> Option<Unreadable> {
        Some(Unreadable { object: ObjectRef::parse(self.object.as_str()).ok()?, why: self.why.clone() })
    }
}

/// A pod behind a Service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::gateways) struct WireReplica {
    name: Text,
    started: Option<Timestamp>,
}

impl WireReplica {
    pub(in crate::gateways) fn of(pod: &ReplicaPod) -> Self {
        Self { name: Text::foreign(pod.name.as_str()), started: pod.started }
    }

    pub(super) fn read(&self) -> ReplicaPod {
        ReplicaPod { name: Name::from(&self.name), started: self.started }
    }
}

/// The External Secrets controller.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::gateways) struct WireController {
    deployment: Text,
    version: Text,
    ready: u32,
    #[serde(default)]
    unready: Option<Timestamp>,
    concurrent: u32,
    store_requeue: i64,
    leader: Text,
    renewed: Option<Timestamp>,
    lapsed: bool,
    seen: Timestamp,
}

impl WireController {
    pub(in crate::gateways) fn of(controller: &Controller) -> Self {
        Self {
            deployment: Text::foreign(&controller.deployment.to_string()),
            version: controller.version.clone(),
            ready: controller.ready,
            unready: controller.unready,
            concurrent: controller.concurrent,
            store_requeue: controller.store_requeue,
            leader: Text::foreign(controller.leader.as_str()),
            renewed: controller.renewed,
            lapsed: controller.lapsed,
            seen: controller.seen,
        }
    }

    pub(super) fn read(&self) -> Option<Controller> {
        Some(Controller {
            deployment: ObjectRef::parse(self.deployment.as_str()).ok()?,
            version: self.version.clone(),
            ready: self.ready,
            unready: self.unready,
            concurrent: self.concurrent,
            store_requeue: self.store_requeue,
            leader: Name::from(&self.leader),
            renewed: self.renewed,
            lapsed: self.lapsed,
            seen: self.seen,
        })
    }
}
