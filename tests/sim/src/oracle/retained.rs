//! The retained values: the last update of each category and key.

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
    /// The position of the update that replaced it or took its room; `u64::MAX`: none has.
    until: u64,
    /// It may have been forgotten with its conversation, or to make room.
    may_be_gone: bool,
}

/// The values of all conversations, each in order of position.
pub(crate) struct RetainedOracle {
    values: Vec<Vec<Value>>,
    keys: usize,
    bytes: bool,
}

/// The values that a reader may get, for any recent position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// In order of position.
    values: Vec<Value>,
}

impl RetainedOracle {
    pub(crate) fn new(conversations: usize, keys: usize, bytes: bool) -> Self {
        Self { values: vec![Vec::new(); conversations], keys, bytes }
    }

    /// Records a delivered update. No snapshot is taken before `floor` any more.
    pub(crate) fn set(&mut self, queued: &Queued, seq: u64, now: u64, floor: u64) {
        let update = &queued.update;
        let (category, key) = (update.topic.category, update.key);
        let values = &mut self.values[update.topic.conversation];
        values.retain(|value| value.until > floor);
        for value in values.iter_mut().filter(|value| value.until == u64::MAX) {
            if (value.category, value.key) == (category, key) {
                value.until = seq;
            }
            value.may_be_gone |= self.bytes;
        }
        let (id, expiry) = (update.id, queued.expiry);
        let until = u64::MAX;
        values.push(Value { category, key, id, seq, expiry, until, may_be_gone: false });
        let (mut newer, mut surely_newer) = (0, 0);
        let keyed = |value: &&mut Value| value.key.is_some() && value.until == u64::MAX;
        for value in values.iter_mut().rev().filter(keyed) {
            value.may_be_gone |= newer >= self.keys;
            if surely_newer >= self.keys {
                value.until = seq;
            }
            newer += 1;
            surely_newer += usize::from(!value.may_be_gone && value.expiry > now);
        }
    }

    /// Removes a value; whether there was one, if that is known.
    pub(crate) fn remove(
        &mut self,
        conversation: Conversation,
        category: Category,
        key: Option<u8>,
        now: u64,
    ) -> Option<bool> {
        let values = &mut self.values[conversation];
        let found = values.iter().position(|value| {
            (value.category, value.key, value.until) == (category, key, u64::MAX)
        });
        let Some(index) = found else { return Some(false) };
        let value = values.remove(index);
        (!value.may_be_gone && value.expiry > now).then_some(true)
    }

    /// The values of a conversation may have been forgotten.
    pub(crate) fn may_be_forgotten(&mut self, conversation: Conversation) {
        self.values[conversation].iter_mut().for_each(|value| value.may_be_gone = true);
    }

    /// The values at this time.
    pub(crate) fn snapshot(&self, source: Source, now: u64) -> Snapshot {
        let of = self.values.iter().enumerate().filter(|(number, _)| source.wants(*number));
        let live = of.flat_map(|(_, values)| values).filter(|value| value.expiry > now);
        let mut values: Vec<Value> = live.copied().collect();
        values.sort_unstable_by_key(|value| value.seq);
        Snapshot { values }
    }
}

impl Snapshot {
    /// Whether these are the values of some categories at a position.
    pub(crate) fn is(&self, ids: &[u64], seq: u64, categories: CategorySet) -> bool {
        let mut ids = ids.iter().peekable();
        for value in &self.values {
            let is_current = value.seq <= seq && seq < value.until;
            if !is_current || !categories.contains(value.category) {
                continue;
            }
            if ids.peek() == Some(&&value.id) {
                ids.next();
            } else if !value.may_be_gone {
                return false;
            }
        }
        ids.next().is_none()
    }
}
