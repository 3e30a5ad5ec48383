//! Notes what Vaults are asked and answer while a world is captured. The gateways tell it here of each answer; whether
//! somebody listens, and to which replica an answer belongs, stands in the task that asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::objects::scrub;
use crate::gateways::recorded::told::{WireController, WireFault, WireReplica};
use crate::gateways::vault::api::Question;
use crate::gateways::vault::client::Answer;
use crate::gateways::vault::kept;
use crate::model::{Fault, Text};
use crate::ports::ReplicaAddress;

tokio::task_local! {
    static PLACE: (Tape, ReplicaAddress);
}

/// What was noted so far.
#[derive(Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Noted>>);

#[derive(Default)]
pub(super) struct Noted {
    /// Answers by replica and request: `{"status": …, "body": …}`.
    pub(super) answers: BTreeMap<(ReplicaAddress, String), Value>,
    /// By `namespace/pod/-`.
    pub(super) logs: BTreeMap<String, Vec<String>>,
    /// The kinds in a group and version, by these.
    pub(super) served: BTreeMap<String, Option<Vec<Text>>>,
    /// By `namespace/service`.
    pub(super) replicas: BTreeMap<String, Vec<WireReplica>>,
    pub(super) controller: Option<WireController>,
}

impl Tape {
    pub(super) fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something that asks this replica, and notes what it is answered.
    pub(super) async fn at<T>(&self, replica: &ReplicaAddress, asks: impl Future<Output = T>) -> T {
        PLACE.scope((self.clone(), replica.clone()), asks).await
    }

    pub(super) fn put(&self, replica: &ReplicaAddress, request: impl Into<String>, status: u16, body: Value) {
        self.noted().answers.insert((replica.clone(), request.into()), answered(status, body));
    }

    pub(super) fn put_fault(&self, replica: &ReplicaAddress, request: impl Into<String>, fault: &Fault) {
        self.put(replica, request, 0, json!(WireFault::of(fault)));
    }
}

/// An answer of a Vault came, or did not.
pub(in crate::gateways) fn note(question: &Question, answer: &Result<Option<Answer>, Fault>) {
    // Mostly nobody captures.
    let _ = PLACE.try_with(|(tape, replica)| match answer {
        Ok(Some(answer)) => {
            let (status, mut body) = (answer.status(), kept::body(question, answer));
            scrub(&mut body);
            let mut noted = tape.noted();
            let key = (replica.clone(), question.noted());
            let before = noted.answers.remove(&key).filter(|_| question.adds());
            noted.answers.insert(key, answered(status, together(before, body)));
        }
        Ok(None) => {}
        Err(fault) => tape.put_fault(replica, question.noted(), fault),
    });
}

/// Whether there is a token to read with.
pub(in crate::gateways) fn note_token(fault: Option<&Fault>) {
    let _ = PLACE.try_with(|(tape, replica)| match fault {
        Some(fault) => tape.put_fault(replica, TOKEN, fault),
        None => drop(tape.noted().answers.remove(&(replica.clone(), TOKEN.to_owned()))),
    });
}

/// The request under which it stands why there is no token.
pub(in crate::gateways) const TOKEN: &str = "TOKEN";

fn answered(status: u16, body: Value) -> Value {
    Value::Object([("status".to_owned(), status.into()), ("body".to_owned(), body)].into_iter().collect())
}

/// A page of a list behind those before it, or rights beside those that were asked for before.
fn together(before: Option<Value>, mut body: Value) -> Value {
    let Some(mut before) = before else { return body };
    let (Some(known), Some(new)) = (before["body"]["data"].as_object_mut(), body["data"].as_object_mut()) else { return body };
    for (key, value) in std::mem::take(new) {
        match (known.get_mut(&key), value) {
            (Some(Value::Array(keys)), Value::Array(more)) if key == "keys" => keys.extend(more),
            (Some(Value::Object(keys)), Value::Object(more)) if key == "key_info" => keys.extend(more),
            (_, value) => drop(known.insert(key, value)),
        }
    }
    before["body"].take()
}
