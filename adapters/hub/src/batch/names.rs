//! The names of the conversations in a block.

use std::sync::Arc;

/// Finds the names of conversations by their numbers.
pub(crate) trait ResolveNames: Send + Sync {
    /// `numbers` is sorted.
    fn resolve(&self, numbers: Vec<u32>) -> NameTable;
}

/// Names of conversations, sorted by number. `None`: the system.
#[derive(Default)]
pub(crate) struct NameTable(pub(crate) Vec<(u32, Option<Arc<str>>)>);

impl NameTable {
    /// That of a block of one conversation, which has the number zero there.
    pub(crate) fn of_one(name: Option<&Arc<str>>) -> Self {
        Self(vec![(0, name.cloned())])
    }

    pub(super) fn find(&self, number: u32) -> Option<&Arc<str>> {
        // Blocks of copies number their conversations from zero.
        let known = match self.0.get(number as usize) {
            Some(known) if known.0 == number => known,
            _ => self.0.get(self.0.binary_search_by_key(&number, |known| known.0).ok()?)?,
        };
        known.1.as_ref()
    }
}
