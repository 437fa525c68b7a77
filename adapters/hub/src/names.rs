//! The conversations by name.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use parking_lot::{Mutex, MutexGuard};
use slab::Slab;

use crate::conversation::ConversationState;
use crate::departures::Departures;
use crate::selector::CheckedName;

/// All conversations that are remembered, by name and by number. Those that nobody uses are
/// forgotten when they have been idle for a time, or when there are more than a number: a hand goes
/// round and looks at a few with each new conversation and with each batch, so nothing here takes
/// long and no timer runs.
pub(crate) struct Names {
    pub(crate) system: Arc<ConversationState>,
    /// Numbers of conversations, by the hashes of their names.
    table: HashTable<u32>,
    /// Conversations by number; the first one is the system.
    entries: Slab<Arc<ConversationState>>,
    /// Numbers are below this.
    span: usize,
    hand: usize,
    most: usize,
    idle_after: u64,
    /// The last position of any conversation that was forgotten: a new one may have been it.
    forgotten_to: u64,
    pub(crate) departures: Departures,
}

/// Conversations that the hand looks at in one go.
const LOOK: usize = 16;

impl Names {
    /// `idle_after` is in microseconds.
    pub(crate) fn new(most: usize, idle_after: u64) -> Self {
        let system = Arc::new(ConversationState::new(None, 0, 0, 0, 0));
        let mut entries = Slab::new();
        entries.insert(Arc::clone(&system));
        Self {
            system,
            table: HashTable::new(),
            entries,
            span: 1,
            hand: 0,
            most,
            idle_after,
            forgotten_to: 0,
            departures: Departures::default(),
        }
    }

    pub(crate) fn numbered(&self, number: u32) -> Option<&Arc<ConversationState>> {
        self.entries.get(number as usize)
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, name: &str) -> Option<&Arc<ConversationState>> {
        let same = |&number: &u32| {
            self.numbered(number)
                .is_some_and(|entry| entry.name().is_some_and(|known| &**known == name))
        };
        self.table.find(hash, same).and_then(|&number| self.numbered(number))
    }

    /// The conversation of that name; a new one if there is none.
    pub(crate) fn get(
        &mut self,
        hash: u64,
        name: &CheckedName,
        now: u64,
    ) -> Arc<ConversationState> {
        if let Some(known) = self.find(hash, name) {
            return Arc::clone(known);
        }
        if self.len() >= self.most {
            self.forget(LOOK, self.most.saturating_sub(1), now);
        }
        let name = Some(name.shared());
        let Self { table, entries, .. } = self;
        let vacant = entries.vacant_entry();
        let number = vacant.key() as u32;
        let entry = ConversationState::new(name, hash, number, self.forgotten_to, now);
        let entry = Arc::clone(vacant.insert(Arc::new(entry)));
        table.insert_unique(hash, number, |&number| {
            entries.get(number as usize).map_or(0, |entry| entry.hash)
        });
        self.span = self.span.max(number as usize + 1);
        entry
    }

    /// A reader, who still holds it, is going: forgets a conversation that nothing was ever said in,
    /// so that names that readers made up do not take the places of others.
    pub(crate) fn leave(&mut self, state: &Arc<ConversationState>) {
        let known = self.numbered(state.number).is_some_and(|known| Arc::ptr_eq(known, state));
        if !known || state.name().is_none() || !state.is_held_by(1, self.departures.left()) {
            return;
        }
        let ring = state.ring();
        if ring.is_blank() {
            self.forgotten_to = self.forgotten_to.max(ring.head().seq);
            drop(ring);
            self.remove(state.number as usize);
        }
    }

    /// Looks at a few conversations, and forgets those that have been idle for long, or at all if
    /// there are too many.
    pub(crate) fn look(&mut self, count: usize, now: u64) {
        self.forget(count, self.most, now);
    }

    fn forget(&mut self, count: usize, most: usize, now: u64) {
        for _ in 0..count.min(self.span) {
            let number = self.hand;
            self.hand = if number + 1 < self.span { number + 1 } else { 0 };
            let Some(entry) = self.entries.get(number).filter(|entry| entry.name().is_some())
            else {
                continue;
            };
            let long = now.saturating_sub(entry.idle_since()) >= self.idle_after;
            let unused = entry.is_unused(self.departures.left());
            if !(long || unused && self.len() > most) {
                continue;
            }
            let mut ring = entry.ring();
            if ring.readers > 0 {
                continue;
            }
            self.forgotten_to = self.forgotten_to.max(ring.head().seq);
            if !ring.is_blank() {
                ring.forget();
            }
            drop(ring);
            if unused {
                self.remove(number);
            }
        }
    }

    fn remove(&mut self, number: usize) {
        let removed = self.entries.remove(number);
        if let Ok(known) = self.table.find_entry(removed.hash, |&known| known as usize == number) {
            known.remove();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Appends the conversations, and the system, of at most `most` numbers from `from` on; returns
    /// the number to go on with, `None` behind the last one. Those that come or go meanwhile may be
    /// among them or not.
    pub(crate) fn some(
        &self,
        from: usize,
        most: usize,
        to: &mut Vec<Arc<ConversationState>>,
    ) -> Option<usize> {
        let next = self.span.min(from.saturating_add(most));
        to.extend((from..next).filter_map(|number| self.entries.get(number).cloned()));
        (from < next).then_some(next)
    }
}

/// The registry, locked when it is first needed.
pub(crate) struct WhenNeeded<'a> {
    names: &'a Mutex<Names>,
    locked: Option<MutexGuard<'a, Names>>,
}

impl Names {
    pub(crate) const fn when_needed(names: &Mutex<Self>) -> WhenNeeded<'_> {
        WhenNeeded { names, locked: None }
    }
}

impl WhenNeeded<'_> {
    /// The conversation of that number; the system if there is none, which cannot be while an update
    /// of it is in flight.
    pub(crate) fn numbered(&mut self, number: u32) -> Arc<ConversationState> {
        let names = self.locked.get_or_insert_with(|| self.names.lock());
        Arc::clone(names.numbered(number).unwrap_or(&names.system))
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
        names.get(hash, &CheckedName::new(name).expect("a name"), now)
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
