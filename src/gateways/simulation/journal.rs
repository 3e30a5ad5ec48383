//! A journal in memory, for the demo and for tests: what happens in a simulation is not worth a file.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::model::Fault;
use crate::ports::{Journal, JournalEntry};

/// The last lines of a journal that is on no disk.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<VecDeque<JournalEntry>>);

impl MemoryJournal {
    const MOST: usize = 10_000;

    /// The lines so far, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<JournalEntry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Journal for MemoryJournal {
    fn append(&self, entry: &JournalEntry) -> Result<(), Fault> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= Self::MOST {
            entries.pop_front();
        }
        entries.push_back(entry.clone());
        Ok(())
    }
}
