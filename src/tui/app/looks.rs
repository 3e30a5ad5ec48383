//! Which paths of Vaults a person looks at: the engine asks for these first, and for more of them.

use super::board::Pane;
use super::index::Entry;
use super::model::{Model, Reader, Screen};
use super::pages::Page;
use crate::engine::Looks;
use crate::model::kinds::ExternalSecret;
use crate::model::{Kind, ObjectRef};

/// No window shows more rows than this above or below the one that is selected.
const AROUND: usize = 60;

impl Model {
    /// The paths in sight, and the one that is selected or open.
    #[must_use]
    pub fn looks(&self) -> Looks {
        let object = match self.stack.last() {
            Some(Screen::Reader(Reader { page: Page::Why(object) | Page::Trace(object), .. })) => Some(object.clone()),
            _ => self.board.object(self),
        };
        let mut seen: Vec<ObjectRef> = object.as_ref().map(|object| self.read_by(object)).unwrap_or_default();
        let (rows, at) = (self.board.index.rows(Pane::Vault), self.board.in_sight(Pane::Vault));
        let window = (at.saturating_sub(AROUND)..=at.saturating_add(AROUND)).map_while(|number| rows.get(number));
        seen.extend(window.filter(|entry| matches!(entry, Entry::Path(..))).filter_map(|entry| entry.object()));
        Looks { seen, opened: object.into_iter().filter(|object| object.kind == Kind::VaultPath).collect() }
    }

    /// The paths that an `ExternalSecret` reads.
    fn read_by(&self, object: &ObjectRef) -> Vec<ObjectRef> {
        let world = &self.snapshot.world;
        let read = || {
            let es = world.get::<ExternalSecret>(object)?;
            let vault = world.store(&es.store_ref()?)?.vault.as_ref()?;
            Some(es.remote.iter().map(|remote| vault.address.path_ref(&vault.path_of(remote.key.as_str()))).collect())
        };
        read().unwrap_or_default()
    }
}
