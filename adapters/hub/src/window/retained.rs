//! The last update of each topic and key, for late joiners.

use std::sync::Arc;

use statusbus_core::Category;

use crate::batch::block::{Block, OwnedUpdate};
use crate::batch::details::Details;
use crate::batch::update::Update;

/// The retained updates of one conversation: one for each category without a key, and up to a number of them
/// with one, of which the least recent is forgotten first. It is forgotten too when they have allocated too much
/// together, with a key or without; the most recent one is kept.
#[derive(Default)]
pub(crate) struct Retained {
    unkeyed: Vec<Value>,
    keyed: Vec<Value>,
    /// What they have allocated.
    bytes: u64,
    /// No value that lies in the window has a position before this one.
    first_in_window: u64,
}

/// Where a value is. As long as it lies in the window, its position says where; then it is copied out.
#[derive(Clone)]
struct Value {
    category: Category,
    seq: u64,
    expires: u64,
    bytes: u64,
    /// If it has a key: what the key is in.
    keyed: Option<Arc<Details>>,
    own: Option<Box<OwnedUpdate>>,
}

impl Value {
    fn of(update: Update<'_>) -> Self {
        Self {
            category: update.category(),
            seq: update.seq(),
            expires: update.expires(),
            bytes: update.allocated(),
            keyed: update.details().filter(|details| details.key.is_some()).cloned(),
            own: None,
        }
    }

    fn key(&self) -> Option<&str> {
        self.keyed.as_ref()?.key.as_deref()
    }

    fn is_same_key(&self, other: &Self) -> bool {
        let hash = |value: &Self| value.keyed.as_ref().map(|details| details.key_hash);
        self.category == other.category && hash(self) == hash(other) && self.key() == other.key()
    }
}

impl Retained {
    /// Adds an update of the window.
    pub(crate) fn set(&mut self, update: Update<'_>, most_keys: u64) {
        self.set_value(Value::of(update), most_keys);
    }

    /// Adds an update that leaves the window.
    pub(crate) fn set_own(&mut self, update: Update<'_>, most_keys: u64) {
        let own = Some(Box::new(update.to_owned()));
        self.set_value(Value { own, ..Value::of(update) }, most_keys);
    }

    fn set_value(&mut self, value: Value, most_keys: u64) {
        self.bytes += value.bytes;
        let is_keyed = value.keyed.is_some();
        let values = if is_keyed { &mut self.keyed } else { &mut self.unkeyed };
        if let Some(known) = values.iter_mut().find(|known| known.is_same_key(&value)) {
            // Of an update that was copied out meanwhile, the window may still show an older one.
            let older = if known.seq > value.seq { value } else { std::mem::replace(known, value) };
            self.bytes -= older.bytes;
            return;
        }
        values.push(value);
        if is_keyed
            && self.keyed.len() as u64 > most_keys
            && let Some(least) = least_recent(&self.keyed)
        {
            self.bytes -= self.keyed.swap_remove(least).bytes;
        }
    }

    /// Forgets the least recent ones until the rest has allocated at most that many bytes.
    pub(crate) fn fit(&mut self, most: u64) {
        while self.bytes > most && self.unkeyed.len() + self.keyed.len() > 1 {
            let seq = |values: &[Value]| Some(values.get(least_recent(values)?)?.seq);
            let keyed_first = match (seq(&self.keyed), seq(&self.unkeyed)) {
                (Some(keyed), Some(unkeyed)) => keyed < unkeyed,
                (keyed, _) => keyed.is_some(),
            };
            let values = if keyed_first { &mut self.keyed } else { &mut self.unkeyed };
            let Some(least) = least_recent(values) else { return };
            self.bytes -= values.swap_remove(least).bytes;
        }
    }

    /// Copies out what lies in `block`, which is about to leave the window with everything up to
    /// `through`.
    pub(crate) fn copy_out(&mut self, block: &Block, through: u64) {
        if self.first_in_window > through {
            return;
        }
        self.first_in_window = u64::MAX;
        for value in self.unkeyed.iter_mut().chain(&mut self.keyed) {
            if value.own.is_some() {
                continue;
            }
            let index = block.index_of(value.seq).filter(|_| value.seq <= through);
            match index.and_then(|index| block.get(index)) {
                Some(update) => value.own = Some(Box::new(update.to_owned())),
                None => self.first_in_window = self.first_in_window.min(value.seq),
            }
        }
        if self.first_in_window == u64::MAX {
            // None is left: whatever comes is behind what has left.
            self.first_in_window = through + 1;
        }
    }

    /// Forgets the values that lie in the window.
    pub(crate) fn leave_window(&mut self) {
        self.unkeyed.retain(|value| value.own.is_some());
        self.keyed.retain(|value| value.own.is_some());
        self.bytes = self.values().map(|value| value.bytes).sum();
        self.first_in_window = 0;
    }

    /// Forgets the update of a category and key; returns whether there was one that had not expired at `now`, which
    /// is the bus's clock in microseconds.
    pub(crate) fn remove(&mut self, category: Category, key: Option<&str>, now: u64) -> bool {
        let values = if key.is_some() { &mut self.keyed } else { &mut self.unkeyed };
        let found =
            values.iter().position(|value| value.category == category && value.key() == key);
        let Some(removed) = found.map(|place| values.swap_remove(place)) else { return false };
        self.bytes -= removed.bytes;
        removed.expires > now
    }

    /// Copies of the values up to a position that have not expired at `now`, which is the bus's clock in
    /// microseconds. `in_window` finds those that lie in the window. Values that have expired are not forgotten: what
    /// is retained must not depend on who reads.
    pub(crate) fn copies<'a>(
        &self,
        (now, through): (u64, u64),
        mut in_window: impl FnMut(u64) -> Option<Update<'a>>,
    ) -> impl Iterator<Item = OwnedUpdate> {
        let is_read = move |value: &&Value| value.seq <= through && value.expires > now;
        self.values().filter(is_read).filter_map(move |value| match &value.own {
            Some(own) => Some(OwnedUpdate::clone(own)),
            None => Some(in_window(value.seq)?.to_owned()),
        })
    }

    fn values(&self) -> impl Iterator<Item = &Value> {
        self.unkeyed.iter().chain(&self.keyed)
    }

    /// A copy of the values that do not lie in the window.
    pub(crate) fn to_unfollowed(&self) -> Self {
        let own = |values: &[Value]| values.iter().filter(|v| v.own.is_some()).cloned().collect();
        let (unkeyed, keyed) = (own(&self.unkeyed), own(&self.keyed));
        Self { unkeyed, keyed, bytes: self.bytes, first_in_window: 0 }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.unkeyed.is_empty() && self.keyed.is_empty()
    }
}

fn least_recent(values: &[Value]) -> Option<usize> {
    let least = values.iter().enumerate().min_by_key(|(_, value)| value.seq);
    least.map(|(index, _)| index)
}
