//! A bounded ring of what was delivered, for readers who each have their own position.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::task::Waker;

use slab::Slab;
use statusbus_core::{Category, CategorySet, Losses};

use super::bounds::Amount;
use super::history::{History, of_the_only_conversation};
use super::loss_log::{GapScope, LossLog, MOST_LOSSES};
use super::retained::Retained;
use crate::batch::block::{Block, OwnedUpdate};
use crate::batch::names::NameTable;
use crate::batch::update::Update;
use crate::batch::view::{Batch, Part};

/// What readers of one conversation, or of everything, can still get.
#[derive(Default)]
pub(crate) struct Ring {
    /// Updates that have left the window.
    history: History,
    /// The updates in the window, by the batches that they came with.
    entries: VecDeque<Entry>,
    losses: LossLog,
    /// Updates that were ever appended.
    appended: u64,
    /// Up to this position updates may have left the ring.
    floor: u64,
    /// The position of the last update or loss.
    head: u64,
    pub(crate) retained: Retained,
    snapshot: Option<Box<Snapshot>>,
    waiting: Slab<Waker>,
    /// Names a run of `waiting`: it is emptied when something comes.
    round: u64,
    closed: bool,
    pub(crate) readers: usize,
    /// A retained value was removed that may lie in the window up to this position. Until the window has moved on,
    /// the ring cannot be given up: built again from the window, it would have the value.
    removed_through: u64,
}

/// The retained values as the last reader got them, for as long as one has them.
struct Snapshot {
    block: Weak<Block>,
    /// Updates that had ever been appended then.
    appended: u64,
    /// When the first of them expires, in microseconds on the bus's clock; `u64::MAX`: never.
    expires: u64,
}

/// Updates of the ring that came with one batch; at least one.
pub(crate) struct Entry {
    pub(crate) last_seq: u64,
    /// Updates appended to the ring before these.
    pub(crate) before: u64,
    pub(crate) len: u64,
    pub(crate) block: Arc<Block>,
    /// Only these updates of the block.
    pub(crate) part: Option<Part>,
    pub(crate) categories: CategorySet,
}

/// How far a reader is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    /// It has everything up to this position.
    pub(crate) seq: u64,
    /// The same, as a number of updates of the ring.
    pub(crate) count: u64,
}

/// The updates that a reader finds behind its cursor.
pub(crate) enum Found<'a> {
    Entry(&'a Entry),
    /// These of the history.
    Past(Range<usize>),
    /// It was too slow: an update behind its cursor may have left the ring.
    Lagged,
    Nothing,
    /// There will be nothing any more.
    End,
}

/// Where a waiting reader's waker is kept.
#[derive(Clone, Copy)]
pub(crate) struct Ticket {
    round: u64,
    key: usize,
}

impl Ring {
    /// The ring of everything.
    pub(crate) fn of_everything() -> Self {
        Self { losses: LossLog::new(MOST_LOSSES), ..Self::default() }
    }

    /// Appends updates of a block: a part of it, or all of them; at least one.
    pub(crate) fn append(
        &mut self,
        last_seq: u64,
        block: Arc<Block>,
        part: Option<Part>,
        categories: CategorySet,
    ) {
        let before = self.appended;
        let len = part.map_or(block.len() as u64, |part| u64::from(part.len));
        self.appended += len;
        self.head = self.head.max(last_seq);
        self.entries.push_back(Entry { last_seq, before, len, block, part, categories });
    }

    /// Appends losses.
    pub(crate) fn append_losses(&mut self, seq: u64, losses: &[(GapScope, Losses)]) {
        self.losses.append(seq, losses);
        self.head = seq;
    }

    #[inline]
    pub(crate) const fn losses(&self) -> &LossLog {
        &self.losses
    }

    /// Hands out everyone who waits; to be woken without the lock.
    #[inline]
    pub(crate) fn wake(&mut self, wakers: &mut Vec<Waker>) {
        if !self.waiting.is_empty() {
            self.round += 1;
            wakers.extend(self.waiting.drain());
        }
    }

    pub(crate) fn close(&mut self, wakers: &mut Vec<Waker>) {
        self.mark_closed();
        self.wake(wakers);
    }

    /// Nothing comes any more. Readers that wait are woken by [`close`](Self::close).
    pub(crate) const fn mark_closed(&mut self) {
        self.closed = true;
    }

    /// Has `waker` woken when something comes. A reader has one place, and gives it back.
    pub(crate) fn wait(&mut self, ticket: Option<Ticket>, waker: &Waker) -> Ticket {
        if let Some(ticket) = ticket.filter(|ticket| ticket.round == self.round)
            && let Some(known) = self.waiting.get_mut(ticket.key)
        {
            known.clone_from(waker);
            return ticket;
        }
        Ticket { round: self.round, key: self.waiting.insert(waker.clone()) }
    }

    pub(crate) fn leave(&mut self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket.filter(|ticket| ticket.round == self.round) {
            self.waiting.try_remove(ticket.key);
        }
    }

    /// The updates behind the cursor. O(log entries), O(1) for a reader at the end.
    pub(crate) fn find(&self, cursor: Cursor) -> Found<'_> {
        if cursor.seq < self.floor {
            return Found::Lagged;
        }
        let last_two = self.entries.len().saturating_sub(2)..self.entries.len();
        let index = match self.entries.get(last_two.start) {
            Some(entry) if entry.last_seq <= cursor.seq => last_two.end.min(last_two.start + 1),
            _ => {
                let past = self.history.behind(cursor.seq);
                if !past.is_empty() {
                    return Found::Past(past);
                }
                self.entries.partition_point(|entry| entry.last_seq <= cursor.seq)
            }
        };
        match self.entries.get(index) {
            Some(entry) if entry.last_seq > cursor.seq => Found::Entry(entry),
            _ if self.closed => Found::End,
            _ => Found::Nothing,
        }
    }

    /// The cursor of a reader who wants what comes from now on.
    pub(crate) const fn head(&self) -> Cursor {
        Cursor { seq: self.head, count: self.appended }
    }

    /// The cursor of a reader who wants all that is still there.
    pub(crate) fn tail(&self) -> Cursor {
        Cursor { seq: self.floor, count: self.before() }
    }

    /// Updates that were appended before those that are still there.
    fn before(&self) -> u64 {
        self.appended - self.len() - self.history.len()
    }

    /// The cursor of a reader who has everything up to `seq`; `None` if something behind it may
    /// have left the ring.
    pub(crate) fn cursor_at(&self, seq: u64) -> Option<Cursor> {
        if seq < self.floor {
            return None;
        }
        if seq >= self.head {
            return Some(Cursor { seq, count: self.appended });
        }
        let past = self.history.behind(seq);
        if !past.is_empty() {
            return Some(Cursor { seq, count: self.before() + past.start as u64 });
        }
        let index = self.entries.partition_point(|entry| entry.last_seq <= seq);
        let Some(entry) = self.entries.get(index) else {
            return Some(Cursor { seq, count: self.appended });
        };
        Some(Cursor { seq, count: entry.before + entry.len - entry.behind(seq) })
    }

    /// The first updates of these of the history, up to those behind position `until`, with the cursor
    /// of a reader that has read them; for a reader that has everything up to `after`.
    pub(crate) fn past(
        &self,
        past: Range<usize>,
        until: u64,
        name: Option<&Arc<str>>,
        after: u64,
        categories: CategorySet,
    ) -> (Batch, Cursor) {
        let end = self.history.behind(until).start.clamp(past.start, past.end);
        let seq = end.checked_sub(1).and_then(|last| self.history.seq_at(last)).unwrap_or(after);
        let block = Arc::new(self.history.block(&(past.start..end), name));
        let batch = Batch { block, part: None, categories, after, last_seq: seq };
        (batch, Cursor { seq, count: self.before() + end as u64 })
    }

    /// The position of an update of the history.
    pub(crate) fn past_seq(&self, index: usize) -> Option<u64> {
        self.history.seq_at(index)
    }

    /// Updates that lie in the window.
    pub(crate) fn len(&self) -> u64 {
        self.entries.front().map_or(0, |first| self.appended - first.before)
    }

    /// The batches of which updates lie in the window, the oldest first.
    pub(crate) const fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    pub(crate) const fn appended(&self) -> u64 {
        self.appended
    }

    pub(crate) fn pop_front(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.floor = entry.last_seq;
        Some(entry)
    }

    /// `block` is about to leave the window, and with it everything up to `through`: copies out what
    /// the ring is to keep, of its last `keep` updates, and forgets the rest.
    pub(crate) fn age(&mut self, block: &Block, through: u64, keep: Amount) {
        if self.entries.front().is_none_or(|first| first.last_seq > through) {
            return;
        }
        self.retained.copy_out(block, through);
        while self.entries.front().is_some_and(|entry| entry.last_seq <= through)
            && let Some(entry) = self.entries.pop_front()
        {
            let behind = self.appended - entry.before - entry.len;
            let most = Amount { updates: keep.updates.saturating_sub(behind), ..keep };
            if most.updates == 0 {
                self.drop_history(entry.last_seq);
                continue;
            }
            let skip = entry.len.saturating_sub(most.updates) as usize;
            let batch = entry.into_batch();
            for (place, update) in batch.iter().enumerate() {
                if place >= skip {
                    self.history.push(update.to_owned());
                } else {
                    self.drop_history(update.seq());
                }
            }
            self.fit_history(most);
        }
    }

    fn drop_history(&mut self, through: u64) {
        self.history = History::default();
        self.floor = through;
    }

    fn fit_history(&mut self, most: Amount) {
        if let Some(forgotten) = self.history.fit(most) {
            self.floor = forgotten;
        }
    }

    /// Everything up to a position has left the window while nobody read the ring, and is not kept.
    pub(crate) fn forget_through(&mut self, floor: u64) {
        if floor > self.floor {
            self.drop_history(floor);
            self.head = self.head.max(floor);
        }
    }

    /// Keeps an update that leaves the window while nobody reads the ring, as a retained value.
    pub(crate) fn retain_own(&mut self, update: Update<'_>, most: Amount) {
        self.retained.set_own(update, most.updates);
        self.retained.fit(most.bytes);
    }

    /// Keeps updates that leave the window while nobody reads the ring, as its history: the last ones, of which
    /// `most` are kept. They follow each other in the block.
    pub(crate) fn remember(&mut self, block: &Arc<Block>, updates: Range<usize>, most: Amount) {
        let Some(last) = updates.end.checked_sub(1) else { return };
        self.appended += updates.len() as u64;
        self.head = self.head.max(block.seq(last));
        // A block that stays for a few updates costs more than their copies.
        if updates.len() > 1 && updates.len() * 8 >= block.len() && block.allocated() == 0 {
            self.history.push_shared(block, updates);
        } else {
            for update in block.iter_from(updates.start).take(updates.len()) {
                self.history.push(update.to_owned());
            }
        }
        self.fit_history(most);
    }

    /// Gives up what can be built again from the window.
    pub(crate) fn leave_window(&mut self) {
        self.appended -= self.len();
        self.entries = VecDeque::new();
        self.retained.leave_window();
        self.snapshot = None;
    }

    pub(crate) const fn floor(&self) -> u64 {
        self.floor
    }

    /// Whether the ring can be built again from a window that begins behind this position.
    pub(crate) const fn is_pinned(&self, floor: u64) -> bool {
        self.removed_through > floor
    }

    /// The retained values at `now`, which is the bus's clock in microseconds, for a reader of the
    /// conversation of that name. Readers that come without an update between them share them.
    pub(crate) fn snapshot(&mut self, name: Option<&Arc<str>>, now: u64) -> Arc<Block> {
        if let Some(last) = &self.snapshot
            && last.appended == self.appended
            && now < last.expires
            && let Some(block) = last.block.upgrade()
        {
            return block;
        }
        let mut values: Vec<_> = self.values(now, u64::MAX).collect();
        values.sort_unstable_by_key(|value| value.seq);
        let expires = values.iter().map(|value| value.terms.expires).min().unwrap_or(u64::MAX);
        let mut block = Block::with_capacity(values.len());
        for value in values {
            block.push_copy(of_the_only_conversation(value));
        }
        block.set_names(NameTable::of_one(name));
        let block = Arc::new(block);
        let snapshot = Snapshot { block: Arc::downgrade(&block), appended: self.appended, expires };
        self.snapshot = Some(Box::new(snapshot));
        block
    }

    /// Forgets the retained value of a category and key; returns whether there was one.
    pub(crate) fn remove_retained(
        &mut self,
        category: Category,
        key: Option<&str>,
        now: u64,
    ) -> bool {
        self.snapshot = None;
        self.removed_through = self.head;
        self.retained.remove(category, key, now)
    }

    /// The retained values at `now`, which is the bus's clock in microseconds, up to a position.
    pub(crate) fn values(&self, now: u64, through: u64) -> impl Iterator<Item = OwnedUpdate> {
        self.retained.copies((now, through), |seq| {
            let index = self.entries.partition_point(|entry| entry.last_seq < seq);
            let block = &self.entries.get(index)?.block;
            block.get(block.index_of(seq)?)
        })
    }

    /// Forgets everything that was delivered; a resume before this is refused. Nothing reads it now,
    /// so that no reader has totals of the losses that later ones would have to continue.
    pub(crate) fn forget(&mut self) {
        debug_assert_eq!(self.readers, 0);
        self.entries = VecDeque::new();
        self.losses = LossLog::default();
        self.retained.clear();
        self.snapshot = None;
        self.removed_through = 0;
        self.drop_history(self.head);
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.entries.is_empty()
            && self.history.is_empty()
            && self.losses.is_empty()
            && self.retained.is_empty()
    }
}

impl Entry {
    /// The entry's updates as a batch for a reader; `None` if none of its categories is in it.
    pub(crate) fn batch(&self, after: u64, chosen: CategorySet) -> Option<Batch> {
        (!self.categories.intersection(chosen).is_empty()).then(|| Batch {
            block: Arc::clone(&self.block),
            part: self.part,
            categories: chosen,
            after,
            last_seq: self.last_seq,
        })
    }

    /// All of them.
    fn into_batch(self) -> Batch {
        let Self { block, part, last_seq, .. } = self;
        Batch { block, part, categories: CategorySet::ALL, after: 0, last_seq }
    }

    /// How many of its updates are behind a position.
    fn behind(&self, seq: u64) -> u64 {
        let batch = self.batch(seq, CategorySet::ALL);
        batch.map_or(0, |batch| batch.len() as u64)
    }
}
