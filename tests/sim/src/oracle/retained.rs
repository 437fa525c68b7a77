//! The last value of each category and key.

use statusbus_tokio::{Category, CategorySet};

use super::bus::Queued;
use super::{Conversation, Source};

#[derive(Clone, Copy, Debug)]
struct Value {
    category: Category,
    key: Option<u8>,
    id: u64,
    seq: u64,
    expiry: u64,
    /// It may have been forgotten: with an idle conversation, or to make room.
    may_be_gone: bool,
}

/// The values of all conversations; those of each in the order of their positions.
pub(crate) struct RetainedOracle {
    values: Vec<Vec<Value>>,
    keys: usize,
    bytes: bool,
}

/// What a reader may get as the values that stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// In order: position, number, category, and whether it must be among them.
    values: Vec<(u64, u64, Category, bool)>,
}

impl RetainedOracle {
    pub(crate) fn new(conversations: usize, keys: usize, bytes: bool) -> Self {
        Self { values: vec![Vec::new(); conversations], keys, bytes }
    }

    pub(crate) fn set(&mut self, queued: &Queued, seq: u64, now: u64) {
        let update = &queued.update;
        let (category, key) = (update.topic.category, update.key);
        let values = &mut self.values[update.topic.conversation];
        values.retain(|value| value.category != category || value.key != key);
        if self.bytes {
            values.iter_mut().for_each(|value| value.may_be_gone = true);
        }
        let (id, expiry) = (update.id, queued.expiry);
        values.push(Value { category, key, id, seq, expiry, may_be_gone: false });
        let (mut newer, mut surely_newer) = (0, 0);
        let keys = self.keys;
        for value in values.iter_mut().rev().filter(|value| value.key.is_some()) {
            value.may_be_gone |= newer >= keys;
            if surely_newer >= keys {
                value.expiry = 0; // it is gone
            }
            newer += 1;
            surely_newer += usize::from(!value.may_be_gone && value.expiry > now);
        }
        values.retain(|value| value.expiry > 0);
    }

    /// Whether a value is there to be removed, as far as that is known; removes it.
    pub(crate) fn remove(
        &mut self,
        conversation: Conversation,
        category: Category,
        key: Option<u8>,
        now: u64,
    ) -> Option<bool> {
        let values = &mut self.values[conversation];
        let found = values.iter().position(|v| v.category == category && v.key == key);
        let Some(value) = found.map(|index| values.remove(index)) else { return Some(false) };
        (!value.may_be_gone && value.expiry > now).then_some(true)
    }

    /// A conversation may have been forgotten.
    pub(crate) fn may_be_forgotten(&mut self, conversation: Conversation) {
        self.values[conversation].iter_mut().for_each(|value| value.may_be_gone = true);
    }

    /// The values that stand now, of positions up to `through`.
    pub(crate) fn standing(&self, source: Source, through: u64, now: u64) -> Standing {
        let of = self.values.iter().enumerate().filter(|(number, _)| source.wants(*number));
        let live = of.flat_map(|(_, values)| values);
        let live = live.filter(|value| value.expiry > now && value.seq <= through);
        let mut values: Vec<_> =
            live.map(|v| (v.seq, v.id, v.category, !v.may_be_gone)).collect();
        values.sort_unstable_by_key(|value| value.0);
        Standing { values }
    }
}

impl Standing {
    /// Whether these are the values, of the categories that were chosen.
    pub(crate) fn is(&self, ids: &[u64], categories: CategorySet) -> bool {
        let mut ids = ids.iter().peekable();
        for (_, id, category, must) in &self.values {
            if !categories.contains(*category) {
                continue;
            }
            if ids.peek() == Some(&id) {
                ids.next();
            } else if *must {
                return false;
            }
        }
        ids.next().is_none()
    }
}
