//! Retained values that several readers begin with.

use std::sync::{Arc, Weak};

use super::index::{Index, Parts};
use super::loss_log::LossRecord;
use super::ring::{Cursor, Ring};
use crate::batch::block::Block;
use crate::batch::names::NameTable;
use crate::sync::{AtomicU64, Mutex, Ordering};

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
    block: Weak<Block>,
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
    ) -> Option<(Arc<Block>, Start)> {
        let block = self.block.upgrade()?;
        let since = head.cursor.count - self.start.cursor.count;
        let is_kept = self.start.cursor.seq >= floor && since <= window / 2;
        let is_less = since <= block.len() as u64 / 4;
        let is_right = self.removed == removed && now < self.expires;
        let start = if since == 0 { head } else { &self.start };
        (is_kept && is_less && is_right).then(|| (block, start.clone()))
    }
}

/// Conversations that are looked at in one go, so that delivery never waits for long.
const AT_ONCE: u32 = 256;

impl Snapshots {
    /// The retained values of all conversations, and where a reader goes on that begins with them.
    /// Costs O(window and conversations), or nothing but a reference where they can be shared. `window` is the ring
    /// of everything.
    pub(crate) fn of_everything(
        &self,
        window: &Mutex<Ring>,
        index: &Mutex<Index>,
        now: u64,
    ) -> (Arc<Block>, Start) {
        let mut last = self.last.lock();
        let removed = self.removed.load(Ordering::Relaxed);
        // Under the lock of the index nothing is published: the window shows what the rings have.
        let locked = index.lock();
        let (head, blocks) = {
            let window = window.lock();
            let cursor = window.head();
            let reported = window.losses().last_up_to(cursor.seq);
            let head = Start { cursor, reported };
            let kept = (window.tail().seq, window.len());
            if let Some(known) =
                last.as_ref().and_then(|last| last.reuse(&head, kept, now, removed))
            {
                return known;
            }
            let blocks: Vec<_> =
                window.entries().iter().map(|entry| Arc::clone(&entry.block)).collect();
            (head, blocks)
        };
        drop(locked);
        let (block, expires) = collect(index, &blocks, head.cursor.seq, now);
        let block = Arc::new(block);
        let (shared, start) = (Arc::downgrade(&block), head.clone());
        *last = Some(Snapshot { block: shared, start, expires, removed });
        (block, head)
    }
}

/// The retained values of all conversations up to a position, in order, and when the first of
/// them expires.
fn collect(index: &Mutex<Index>, window: &[Arc<Block>], through: u64, now: u64) -> (Block, u64) {
    let mut parts = Parts::default();
    for block in window {
        parts.add(block);
    }
    let (mut values, mut names, mut expires) = (Vec::new(), Vec::new(), u64::MAX);
    let mut from = 0;
    loop {
        let index = index.lock();
        if from >= index.end() {
            break;
        }
        let numbers = from..from.saturating_add(AT_ONCE).min(index.end());
        from = numbers.end;
        let mut last = None;
        index.values(numbers, &parts, (now, through), |state, mut value| {
            if last != Some(state.number) {
                last = Some(state.number);
                names.push((names.len() as u32, state.name().cloned()));
            }
            value.topic.conversation = names.len() as u32 - 1;
            expires = expires.min(value.terms.expires);
            values.push(value);
        });
    }
    values.sort_unstable_by_key(|value| value.seq);
    let mut block = Block::with_capacity(values.len());
    for value in values {
        block.push_copy(value);
    }
    block.set_names(NameTable(names));
    (block, expires)
}
