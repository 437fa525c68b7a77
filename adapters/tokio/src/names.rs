//! The conversations by name.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use statusbus_core::{ConversationError, ConversationName};

use crate::conversation::ConversationState;

/// All conversations that are remembered. Those that nobody uses are forgotten when they have been
/// idle for a time, or when there are more than a number: a hand goes round and looks at a few with
/// each new conversation and with each batch, so nothing here takes long and no timer runs.
pub(crate) struct Names {
    /// Indices of `entries`.
    table: HashTable<u32>,
    entries: Vec<Arc<ConversationState>>,
    hand: usize,
    most: usize,
    idle_after: u64,
    /// The last position of any conversation that was forgotten: a new one may have been it.
    forgotten_to: u64,
}

/// Conversations that the hand looks at in one go.
const LOOK: usize = 16;

impl Names {
    /// `idle_after` is in microseconds.
    pub(crate) fn new(most: usize, idle_after: u64) -> Self {
        Self {
            table: HashTable::new(),
            entries: Vec::new(),
            hand: 0,
            most,
            idle_after,
            forgotten_to: 0,
        }
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, name: &str) -> Option<&Arc<ConversationState>> {
        let same = |&index: &u32| {
            self.entries
                .get(index as usize)
                .is_some_and(|entry| entry.name().is_some_and(|known| &**known == name))
        };
        self.table.find(hash, same).and_then(|&index| self.entries.get(index as usize))
    }

    /// The conversation of that name; a new one if there is none.
    pub(crate) fn get(
        &mut self,
        hash: u64,
        name: &str,
        now: u64,
    ) -> Result<Arc<ConversationState>, ConversationError> {
        if let Some(known) = self.find(hash, name) {
            return Ok(Arc::clone(known));
        }
        let name = ConversationName::new(name)?;
        if self.entries.len() >= self.most {
            self.forget(LOOK, self.most.saturating_sub(1), now);
        }
        let name = Some(Arc::from(name.as_str()));
        let entry = Arc::new(ConversationState::new(name, hash, self.forgotten_to, now));
        let Self { table, entries, .. } = self;
        entries.push(Arc::clone(&entry));
        let index = (entries.len() - 1) as u32;
        table.insert_unique(hash, index, |&index| {
            entries.get(index as usize).map_or(0, |entry| entry.hash)
        });
        Ok(entry)
    }

    /// A reader who held it has gone: forgets a conversation that nothing was ever said in, so that
    /// names that readers made up do not take the places of others.
    pub(crate) fn leave(&mut self, state: &Arc<ConversationState>) {
        // The registry holds it and the reader does; nobody can take it up while we are here.
        const NOBODY_ELSE: usize = 2;
        if Arc::strong_count(state) > NOBODY_ELSE || !state.ring().is_blank() {
            return;
        }
        let entries = &self.entries;
        let found = self.table.find(state.hash, |&index| {
            entries.get(index as usize).is_some_and(|entry| Arc::ptr_eq(entry, state))
        });
        if let Some(&index) = found {
            self.forgotten_to = self.forgotten_to.max(state.ring().head().seq);
            self.remove(index as usize);
        }
    }

    /// Looks at a few conversations, and forgets those that have been idle for long, or at all if
    /// there are too many.
    pub(crate) fn look(&mut self, count: usize, now: u64) {
        self.forget(count, self.most, now);
    }

    fn forget(&mut self, mut count: usize, most: usize, now: u64) {
        count = count.min(self.entries.len());
        while count > 0 {
            count -= 1;
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            let Some(entry) = self.entries.get(self.hand) else { return };
            let long = now.saturating_sub(entry.idle_since()) >= self.idle_after;
            let unused = entry.is_unused();
            let goes = long || (unused && self.entries.len() > most);
            if !goes {
                self.hand += 1;
                continue;
            }
            {
                let mut ring = entry.ring();
                if ring.readers > 0 {
                    self.hand += 1;
                    continue;
                }
                self.forgotten_to = self.forgotten_to.max(ring.head().seq);
                if !ring.is_blank() {
                    ring.forget();
                }
            }
            if unused {
                self.remove(self.hand);
            } else {
                self.hand += 1;
            }
        }
    }

    fn remove(&mut self, index: usize) {
        let Self { table, entries, .. } = self;
        let removed = entries.swap_remove(index);
        if let Ok(slot) = table.find_entry(removed.hash, |&known| known as usize == index) {
            slot.remove();
        }
        // The last entry has taken its place.
        let (last, Some(moved)) = (entries.len(), entries.get(index)) else { return };
        if let Some(known) = table.find_mut(moved.hash, |&known| known as usize == last) {
            *known = index as u32;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn all(&self) -> &[Arc<ConversationState>] {
        &self.entries
    }
}

pub(crate) fn hash(seed: &RandomState, name: &str) -> u64 {
    seed.hash_one(name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Hashes that often fall together.
    fn get(names: &mut Names, name: &str, now: u64) -> Arc<ConversationState> {
        let hash = name.len() as u64 % 2;
        names.get(hash, name, now).expect("a name")
    }

    #[test]
    fn a_conversation_that_is_held_is_the_only_one_of_its_name_whoever_is_forgotten() {
        let (mut names, mut held) = (Names::new(20, 50), HashMap::new());
        let mut random = 1_u64;
        for now in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(now);
            let number = (random >> 33) % 60;
            let name = format!("{number:0width$}", width = 2 + number as usize % 3);
            let state = get(&mut names, &name, now);
            assert_eq!(state.name().map(|name| &**name), Some(&*name));
            if let Some(known) = held.get(&name) {
                assert!(Arc::ptr_eq(known, &state), "{name}");
            }
            match random >> 60 {
                0..3 if held.len() < 10 => {
                    held.insert(name, state);
                }
                3..8 => {
                    held.remove(&name);
                }
                8 => names.look(5, now),
                _ => {}
            }
            assert_eq!(names.table.len(), names.len());
            assert!(names.len() <= 20, "{} are remembered", names.len());
        }
        for (name, state) in held {
            assert!(Arc::ptr_eq(&get(&mut names, &name, 0), &state), "{name}");
        }
    }
}
