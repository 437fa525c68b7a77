//! A bounded ring of what was delivered, for readers who each have their own position.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::task::Waker;

use slab::Slab;
use statusbus_core::{Category, CategorySet, Losses};

use crate::bounds::Amount;
use crate::event::GapScope;
use crate::history::History;
use crate::loss_log::{LossLog, MOST_LOSSES};
use crate::parcel::{Delivered, Parcel};
use crate::read::Batch;
use crate::retained::Retained;
use crate::update::Update;

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
}

/// The retained values as the last reader got them, for as long as one has them.
struct Snapshot {
    parcel: Weak<Parcel>,
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
    pub(crate) parcel: Arc<Parcel>,
    /// Only the updates of this group of the parcel.
    pub(crate) group: Option<u32>,
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

    /// A ring in which everything up to `floor` may be missing.
    pub(crate) fn new(floor: u64) -> Self {
        Self { floor, head: floor, ..Self::default() }
    }

    /// Appends the updates of a group of `parcel`, or all of them; at least one.
    pub(crate) fn append(
        &mut self,
        last_seq: u64,
        len: u64,
        parcel: Arc<Parcel>,
        group: Option<u32>,
        categories: CategorySet,
    ) {
        let before = self.appended;
        self.appended += len;
        self.head = last_seq;
        self.entries.push_back(Entry { last_seq, before, len, parcel, group, categories });
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
        let read = entry.parcel.walk(entry.group).take_while(|(_, update)| update.seq <= seq);
        Some(Cursor { seq, count: entry.before + read.count() as u64 })
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
        let parcel = Arc::new(self.history.parcel(past.start..end, name));
        let batch = Batch { parcel, group: None, categories, after, last_seq: seq };
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

    /// Batches of which updates lie in the window.
    pub(crate) fn batches(&self) -> usize {
        self.entries.len()
    }

    pub(crate) const fn appended(&self) -> u64 {
        self.appended
    }

    pub(crate) fn pop_front(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.floor = entry.last_seq;
        Some(entry)
    }

    /// `parcel` is about to leave the window, and with it everything up to `through`: copies out what
    /// the ring is to keep, of its last `keep` updates, and forgets the rest.
    pub(crate) fn age(&mut self, parcel: &Parcel, through: u64, keep: Amount) {
        self.retained.copy_out(parcel, through);
        while self.entries.front().is_some_and(|entry| entry.last_seq <= through)
            && let Some(entry) = self.entries.pop_front()
        {
            let behind = self.appended - entry.before - entry.len;
            let most = Amount { updates: keep.updates.saturating_sub(behind), ..keep };
            if most.updates == 0 {
                self.history = History::default();
                self.floor = entry.last_seq;
                continue;
            }
            let skip = entry.len.saturating_sub(most.updates) as usize;
            for (place, (_, update)) in entry.parcel.walk(entry.group).enumerate() {
                if place >= skip {
                    self.history.push(Delivered::of(update));
                } else {
                    self.history = History::default();
                    self.floor = update.seq;
                }
            }
            if let Some(forgotten) = self.history.fit(most) {
                self.floor = forgotten;
            }
        }
    }

    /// The retained values at `now`, which is the bus's clock in microseconds, for a reader of the
    /// conversation of that name. Readers that come without an update between them share them.
    pub(crate) fn snapshot(&mut self, name: Option<&Arc<str>>, now: u64) -> Arc<Parcel> {
        if let Some(last) = &self.snapshot
            && last.appended == self.appended
            && now < last.expires
            && let Some(parcel) = last.parcel.upgrade()
        {
            return parcel;
        }
        let mut values: Vec<_> = self.retained(now).collect();
        values.sort_unstable_by_key(|value| value.seq);
        let expires = values.iter().map(|value| value.expiry).min().unwrap_or(u64::MAX);
        let mut parcel = Parcel::default();
        for value in values {
            parcel.copy(name, Delivered::of(value));
        }
        let parcel = Arc::new(parcel);
        let snapshot =
            Snapshot { parcel: Arc::downgrade(&parcel), appended: self.appended, expires };
        self.snapshot = Some(Box::new(snapshot));
        parcel
    }

    /// Forgets the retained value of a category and key; returns whether there was one.
    pub(crate) fn remove_retained(&mut self, category: Category, key: Option<&str>) -> bool {
        self.snapshot = None;
        self.retained.remove(category, key)
    }

    /// The retained values at `now`, which is the bus's clock in microseconds, without the name of
    /// their conversation. Forgets those that have expired.
    pub(crate) fn retained(&mut self, now: u64) -> impl Iterator<Item = Update<'_>> {
        self.retained.expire(now);
        self.retained.places().filter_map(|place| match &place.own {
            Some(own) => Some(own.update(&[])),
            None => {
                let index = self.entries.partition_point(|entry| entry.last_seq < place.seq);
                self.entries.get(index)?.parcel.at(place.seq)
            }
        })
    }

    /// Forgets everything that was delivered; a resume before this is refused. Nothing reads it now,
    /// so that no reader has totals of the losses that later ones would have to continue.
    pub(crate) fn forget(&mut self) {
        debug_assert_eq!(self.readers, 0);
        self.entries = VecDeque::new();
        self.history = History::default();
        self.losses = LossLog::default();
        self.retained.clear();
        self.snapshot = None;
        self.floor = self.head;
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
            parcel: Arc::clone(&self.parcel),
            group: self.group,
            categories: chosen,
            after,
            last_seq: self.last_seq,
        })
    }
}
