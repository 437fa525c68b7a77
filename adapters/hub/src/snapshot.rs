//! Retained values that several readers begin with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::hub::Hub;
use crate::loss_log::LossRecord;
use crate::names::Names;
use crate::parcel::{Delivered, Parcel};
use crate::ring::Cursor;

/// The last retained values of everything that were collected, for as long as a reader has them:
/// collecting them visits every conversation, so that readers that come together share them.
#[derive(Default)]
pub(crate) struct Snapshots {
    last: Mutex<Option<Snapshot>>,
    /// Requests to remove a retained value.
    removed: AtomicU64,
}

/// Where a reader goes on behind retained values, and the losses up to there.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) cursor: Cursor,
    pub(crate) reported: LossRecord,
}

struct Snapshot {
    parcel: Weak<Parcel>,
    start: Start,
    /// When the first of them expires, in microseconds on the bus's clock; `u64::MAX`: never.
    expires: u64,
    removed: u64,
}

impl Snapshots {
    /// A retained value was to be removed: no reader begins with those that are shared any more.
    pub(crate) fn count_removed(&self) {
        self.removed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Snapshot {
    /// The values, and where a reader goes on that begins with them now, if they are still right and
    /// that is less work than collecting them again: at most a quarter as many updates have come
    /// since, and half as many as the window holds: a reader at its edge would lag with the next one.
    fn reuse(
        &self,
        head: &Start,
        (floor, window): (u64, u64),
        now: u64,
        removed: u64,
    ) -> Option<(Arc<Parcel>, Start)> {
        let parcel = self.parcel.upgrade()?;
        let since = head.cursor.count - self.start.cursor.count;
        let is_kept = self.start.cursor.seq >= floor && since <= window / 2;
        let is_less = since <= parcel.len() as u64 / 4;
        let is_right = self.removed == removed && now < self.expires;
        let start = if since == 0 { head } else { &self.start };
        (is_kept && is_less && is_right).then(|| (parcel, start.clone()))
    }
}

/// Conversations that are looked up in one go, so that senders never wait for long.
const LOOK_UP: usize = 256;

impl Snapshots {
    /// The retained values of all conversations, and where a reader goes on that begins with them.
    /// Costs a lock for each conversation, or nothing but a reference where they can be shared.
    pub(crate) fn of_everything(
        &self,
        hub: &Hub,
        names: &Mutex<Names>,
        now: u64,
    ) -> (Arc<Parcel>, Start) {
        let mut last = self.last.lock();
        let removed = self.removed.load(Ordering::Relaxed);
        let (head, kept) = {
            let everything = hub.everything();
            let cursor = everything.head();
            let reported = everything.losses().last_up_to(cursor.seq);
            (Start { cursor, reported }, (everything.tail().seq, everything.len()))
        };
        let known = last.as_ref().and_then(|last| last.reuse(&head, kept, now, removed));
        known.unwrap_or_else(|| {
            let (parcel, expires) = collect_retained(names, head.cursor.seq, now);
            let parcel = Arc::new(parcel);
            let (shared, start) = (Arc::downgrade(&parcel), head.clone());
            *last = Some(Snapshot { parcel: shared, start, expires, removed });
            (parcel, head)
        })
    }
}

/// The retained values of all conversations up to a position, in order, and when the first of
/// them expires.
fn collect_retained(names: &Mutex<Names>, through: u64, now: u64) -> (Parcel, u64) {
    let (mut values, mut expires) = (Vec::new(), u64::MAX);
    let (mut from, mut conversations) = (0, Vec::new());
    while let Some(next) = names.lock().some(from, LOOK_UP, &mut conversations) {
        from = next;
        for conversation in conversations.drain(..) {
            let mut ring = conversation.ring();
            for value in ring.retained(now).filter(|value| value.seq <= through) {
                expires = expires.min(value.expiry);
                values.push((conversation.name().cloned(), Delivered::of(value)));
            }
        }
    }
    values.sort_unstable_by_key(|(_, delivered)| delivered.seq);
    let mut parcel = Parcel::default();
    for (name, delivered) in values {
        parcel.copy(name.as_ref(), delivered);
    }
    (parcel, expires)
}
