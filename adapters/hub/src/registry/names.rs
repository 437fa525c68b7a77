//! The conversations by name.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use slab::Slab;

use super::selector::CheckedName;
use crate::batch::names::{NameTable, ResolveNames};
use crate::sync::{CountedArc, Mutex, RwLock};
use crate::window::conversation::ConversationState;
use crate::window::index::Index;

/// All conversations that are remembered, by name and by number. Those that nobody uses are
/// forgotten when they have been idle for a time, or when there are more than a number: a hand goes
/// round and looks at a few with each new conversation and with each batch, so nothing here takes
/// long and no timer runs.
pub(crate) struct Names {
    pub(crate) system: CountedArc<ConversationState>,
    /// Numbers of conversations, by the hashes of their names.
    table: HashTable<u32>,
    /// Conversations by number; the first one is the system. `None`: it was removed, and its number is in the window.
    entries: Slab<Option<Known>>,
    /// The numbers of the named ones, in any order.
    numbers: Vec<u32>,
    /// The place in `numbers` that is looked at next.
    hand: usize,
    most: usize,
    idle_after: u64,
    /// The last position of any conversation that was forgotten: a new one may have been it.
    forgotten_to: u64,
    /// What was sent before this place in the queue is delivered.
    pub(crate) left: u64,
    numbered: Arc<NamesByNumber>,
}

struct Known {
    state: CountedArc<ConversationState>,
    /// Its place in `numbers`.
    place: usize,
}

/// The names of conversations by their numbers, for blocks of which a reader asks for a name. A number keeps its name
/// while the window has an update of it.
#[derive(Default)]
pub(crate) struct NamesByNumber(RwLock<Vec<Option<Arc<str>>>>);

impl NamesByNumber {
    fn set(&self, number: usize, name: Option<Arc<str>>) {
        let mut names = self.0.write();
        if names.len() <= number {
            names.resize(number + 1, None);
        }
        if let Some(place) = names.get_mut(number) {
            *place = name;
        }
    }
}

impl ResolveNames for NamesByNumber {
    fn resolve(&self, numbers: Vec<u32>) -> NameTable {
        let names = self.0.read();
        let name = |number: u32| names.get(number as usize).cloned().flatten();
        NameTable(numbers.into_iter().map(|number| (number, name(number))).collect())
    }
}

/// Conversations that the hand looks at in one go.
const LOOK: usize = 16;

impl Names {
    /// `idle_after` is in microseconds.
    pub(crate) fn new(most: usize, idle_after: u64, index: &Mutex<Index>) -> Self {
        let system = CountedArc::new(ConversationState::new(None, 0, 0));
        let mut entries = Slab::new();
        entries.insert(Some(Known { state: CountedArc::clone(&system), place: usize::MAX }));
        index.lock().add(&system, 0, 0);
        Self {
            system,
            table: HashTable::new(),
            entries,
            numbers: Vec::new(),
            hand: 0,
            most,
            idle_after,
            forgotten_to: 0,
            left: 0,
            numbered: Arc::default(),
        }
    }

    /// The names by number.
    pub(crate) fn by_number(&self) -> Arc<dyn ResolveNames> {
        Arc::clone(&self.numbered) as _
    }

    pub(crate) fn numbered(&self, number: u32) -> Option<&CountedArc<ConversationState>> {
        Some(&self.entries.get(number as usize)?.as_ref()?.state)
    }

    /// The conversation of that number; the system if there is none, which cannot be while an update
    /// of it is in flight.
    pub(crate) fn numbered_or_system(&self, number: u32) -> CountedArc<ConversationState> {
        CountedArc::clone(self.numbered(number).unwrap_or(&self.system))
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, name: &str) -> Option<&CountedArc<ConversationState>> {
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
        index: &Mutex<Index>,
    ) -> CountedArc<ConversationState> {
        if let Some(known) = self.find(hash, name) {
            return CountedArc::clone(known);
        }
        let mut index = index.lock();
        if self.len() >= self.most {
            self.forget(LOOK, self.most.saturating_sub(1), now, &mut index);
        }
        let name = Some(name.shared());
        let Self { table, entries, numbers, .. } = self;
        let vacant = entries.vacant_entry();
        let number = vacant.key();
        self.numbered.set(number, name.clone());
        let entry = CountedArc::new(ConversationState::new(name, hash, number as u32));
        index.add(&entry, self.forgotten_to, now);
        vacant.insert(Some(Known { state: CountedArc::clone(&entry), place: numbers.len() }));
        table.insert_unique(hash, number as u32, |&number| {
            let known = entries.get(number as usize).and_then(Option::as_ref);
            known.map_or(0, |entry| entry.state.hash)
        });
        numbers.push(number as u32);
        entry
    }

    /// A reader, who still holds it, is going: forgets a conversation that nothing was ever said in,
    /// so that names that readers made up do not take the places of others.
    pub(crate) fn leave(&mut self, state: &CountedArc<ConversationState>, index: &Mutex<Index>) {
        let known =
            self.numbered(state.number).is_some_and(|known| CountedArc::ptr_eq(known, state));
        if !known || state.name().is_none() || !ConversationState::is_held_by(state, 1, self.left) {
            return;
        }
        let mut index = index.lock();
        if index.is_blank(state.number) {
            self.forgotten_to = self.forgotten_to.max(index.head(state.number));
            self.remove(state.number as usize, &mut index);
        }
    }

    /// Looks at a few conversations, and forgets those that have been idle for long, or at all if
    /// there are too many.
    pub(crate) fn look(&mut self, count: usize, now: u64, index: &mut Index) {
        for number in index.freed().drain(..) {
            self.entries.try_remove(number as usize);
        }
        self.forget(count, self.most, now, index);
    }

    fn forget(&mut self, count: usize, most: usize, now: u64, index: &mut Index) {
        for _ in 0..count.min(self.numbers.len()) {
            let Some(&number) = self.numbers.get(self.hand).or(self.numbers.first()) else {
                return;
            };
            self.hand = if self.hand < self.numbers.len() { self.hand + 1 } else { 1 };
            let Some(entry) = self.numbered(number) else { continue };
            let long = now.saturating_sub(index.used_at(number)) >= self.idle_after;
            let unused = ConversationState::is_unused(entry, self.left);
            if !(long || unused && self.len() > most) {
                continue;
            }
            if entry.with_ring(0, |ring| ring.readers) > 0 {
                continue;
            }
            self.forgotten_to = self.forgotten_to.max(index.head(number));
            if !index.is_blank(number) {
                index.forget(number);
            }
            if unused {
                self.remove(number as usize, index);
            }
        }
    }

    fn remove(&mut self, number: usize, index: &mut Index) {
        let Some(removed) = self.entries.get_mut(number).and_then(Option::take) else { return };
        let hash = removed.state.hash;
        if let Ok(known) = self.table.find_entry(hash, |&known| known as usize == number) {
            known.remove();
        }
        self.numbers.swap_remove(removed.place);
        if let Some(&moved) = self.numbers.get(removed.place)
            && let Some(Some(moved)) = self.entries.get_mut(moved as usize)
        {
            moved.place = removed.place;
        }
        if index.remove(number as u32) {
            self.entries.remove(number);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

pub(crate) fn hash(seed: &RandomState, name: &str) -> u64 {
    seed.hash_one(name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::test;
    use crate::window::bounds::{Amount, Bounds};

    /// Hashes that often fall together.
    fn get(
        names: &mut Names,
        name: &str,
        now: u64,
        index: &Mutex<Index>,
    ) -> CountedArc<ConversationState> {
        let hash = name.len() as u64 % 2;
        names.get(hash, &CheckedName::new(name).expect("a name"), now, index)
    }

    #[test]
    fn a_conversation_that_is_held_is_the_only_one_of_its_name_whoever_is_forgotten() {
        let amount = Amount { updates: 1, bytes: 1 };
        let bounds = Bounds { window: amount, history: amount, retained: amount };
        let index = Mutex::new(Index::new(bounds));
        let (mut names, mut held) = (Names::new(20, 50, &index), HashMap::new());
        let mut random = 1_u64;
        for now in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(now);
            let number = (random >> 33) % 60;
            let name = format!("{number:0width$}", width = 2 + number as usize % 3);
            let state = get(&mut names, &name, now, &index);
            assert_eq!(state.name().map(|name| &**name), Some(&*name));
            if let Some(known) = held.get(&name) {
                assert!(CountedArc::ptr_eq(known, &state), "{name}");
            }
            match random >> 60 {
                0..3 if held.len() < 10 => {
                    held.insert(name, state);
                }
                3..8 => {
                    held.remove(&name);
                }
                8 => names.look(5, now, &mut index.lock()),
                _ => {}
            }
            assert_eq!(names.table.len(), names.len());
            assert!(names.len() <= 20, "{} are remembered", names.len());
        }
        for (name, state) in held {
            assert!(CountedArc::ptr_eq(&get(&mut names, &name, 0, &index), &state), "{name}");
        }
    }
}
