//! What will break, and when, if nothing is done: what follows from a cause, values that a generator makes anew, leases and
//! tokens that end.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Diagnosis;
use super::generator_rotates::lasting;
use crate::model::kinds::{ExternalSecret, VaultDynamicSecret, Watched as _};
use crate::model::{Inventory, ObjectRef};

/// One thing that will break.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Upcoming {
    /// When.
    pub at: Timestamp,
    /// What.
    pub subject: ObjectRef,
    /// The rule that will name it.
    pub slug: &'static str,
    /// One sentence.
    pub summary: String,
}

/// Everything that will break within this time, the first first.
#[must_use]
pub fn upcoming(world: &Inventory, diagnosis: &Diagnosis, now: Timestamp, within: SignedDuration) -> Vec<Upcoming> {
    let end = now.checked_add(within).unwrap_or(Timestamp::MAX);
    let soon = |at: &Timestamp| (now..=end).contains(at);
    let one =
        |at: Timestamp, subject: ObjectRef, slug, summary: &str| Upcoming { at, subject, slug, summary: summary.to_owned() };
    let mut all: Vec<Upcoming> = Vec::new();
    for es in world.all::<ExternalSecret>().iter().filter(|es| lasting(world, es).is_some()) {
        if let Some(at) = es.next_refresh().filter(soon) {
            let summary = "Its generator makes a new value: what was set up with the old one does not hear of it.";
            all.push(one(at, es.object_ref(), "generator-rotates", summary));
        }
    }
    for lease in world.all::<VaultDynamicSecret>().iter().filter(|lease| !lease.renewable) {
        if let Some(at) = lease.expires().filter(soon) {
            all.push(one(at, lease.object_ref(), "lease-expired", "Its lease ends, and it cannot be renewed."));
        }
    }
    for server in world.vaults.values() {
        if let Some(at) = server.token.as_ref().and_then(|token| token.expires).filter(soon) {
            all.push(one(at, server.subject(), "your-token-invalid", "The token that sealwatch reads it with ends."));
        }
    }
    for cause in &diagnosis.causes {
        if let Some(at) = cause.follows.first.filter(soon) {
            let summary = match cause.follows.external_secrets {
                1 => "1 ExternalSecret that is green fails as it comes due.".to_owned(),
                n => format!("{n} ExternalSecrets that are green fail one after the other as they come due."),
            };
            all.push(one(at, cause.subject.clone(), cause.slug, &summary));
        }
    }
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory::Change;
    use crate::model::kinds::OnShelf as _;
    use crate::model::{Kind, Names};

    #[test]
    fn a_generator_that_comes_due_is_said_with_its_time() {
        let wire = r#"{"metadata": {"name": "key", "namespace": "dns"}, "spec": {"refreshInterval": "1h", "target": {"name": "key"},
            "dataFrom": [{"sourceRef": {"generatorRef": {"kind": "Password", "name": "p"}}}]},
            "status": {"refreshTime": "2026-11-25T00:00:00Z"}}"#;
        let es = ExternalSecret::read(serde_json::from_str(wire).unwrap(), &mut Names::default());
        let now: Timestamp = "2026-11-25T00:30:00Z".parse().unwrap();
        let mut world = Inventory::default();
        world.apply(Change::Listed(Kind::ExternalSecret.into(), vec![es.into_object()], Vec::new()), now);
        let at = |minutes| upcoming(&world, &Diagnosis::default(), now, SignedDuration::from_mins(minutes));
        assert_eq!(at(20), []);
        let soon = at(45);
        assert_eq!((soon.len(), soon[0].slug, soon[0].at.to_string().as_str()), (1, "generator-rotates", "2026-11-25T01:00:00Z"));
    }
}
