//! Every watched kind that has no columns of its own yet: where it is, since when, who controls it.

use super::What;
use super::column::{Column, Listing, Value};
use crate::diagnosis::state;
use crate::engine::Snapshot;
use crate::model::kinds::{self, Meta, Visitor, Watched};
use crate::model::{Kind, ObjectRef};

/// One listing for each watched kind.
pub(super) fn all() -> impl Iterator<Item = What> {
    kinds::all().chunks(1).filter_map(|kinds| {
        let kind = *kinds.first()?;
        let name = kinds::api(kind)?.plural;
        Some(What { name, words: &[], about: kind.as_str(), kinds, also: &[], paths: false, list })
    })
}

fn list(what: &What, snapshot: &Snapshot) -> Listing {
    let mut plain = Plain { kind: what.kinds.first().copied(), snapshot, objects: Vec::new() };
    kinds::visit(&mut plain);
    Listing::of(what.name, COLUMNS, snapshot, plain.objects.into_iter().map(|one| (one.object.clone(), Box::new(one))))
}

/// The objects of one kind.
struct Plain<'a> {
    kind: Option<Kind>,
    snapshot: &'a Snapshot,
    objects: Vec<One>,
}

/// One of them.
struct One {
    object: ObjectRef,
    meta: Meta,
}

impl Visitor for Plain<'_> {
    fn visit<K: Watched>(&mut self) {
        if self.kind == Some(K::KIND) {
            let all = self.snapshot.world.all::<K>().iter();
            self.objects.extend(all.map(|object| One { object: object.object_ref(), meta: object.meta().clone() }));
        }
    }
}

const COLUMNS: &[Column<One>] = &[
    Column::always("NAMESPACE", "namespace", |_, one| Value::text(&one.object.namespace)),
    Column::always("NAME", "name", |_, one| Value::text(&one.object.name)),
    Column::always("AGE", "created", |_, one| Value::since(one.meta.created)),
    Column::wide("OWNER", "owner", |_, one| Value::object(one.meta.owner())),
    Column::always("CAUSE", "causes", |snapshot, one| {
        Value::texts(state::causes(&snapshot.world, &snapshot.diagnosis, &one.object))
    }),
    Column::data("seen", |snapshot, one| super::seen::at(snapshot, one.object.kind)),
];
