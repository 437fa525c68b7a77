//! A bounded ring of what was delivered, for readers who each have their own position.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use slab::Slab;
use statusbus_core::{Category, CategorySet, Losses};

use crate::bounds::Amount;
use crate::parcel::{Delivered, Parcel};
use crate::read::Batch;
use crate::retained::Retained;

/// What readers of one conversation, or of everything, can still get.
#[derive(Default)]
pub(crate) struct Ring {
    entries: VecDeque<Entry>,
    /// Entries at the front whose updates lie in parcels of the ring's own.
    own: usize,
    /// What these have allocated.
    own_bytes: u64,
    /// Updates that were ever appended.
    appended: u64,
    /// Up to this position something may have left the ring.
    floor: u64,
    /// The position of the last record.
    head: u64,
    pub(crate) retained: Retained,
    waiting: Slab<Waker>,
    /// Names a run of `waiting`: it is emptied when something comes.
    round: u64,
    closed: bool,
    pub(crate) readers: usize,
}

/// A record of the ring: updates that came together, or a gap.
pub(crate) struct Entry {
    pub(crate) last_seq: u64,
    /// Updates appended to the ring before this record.
    pub(crate) before: u64,
    pub(crate) len: u64,
    pub(crate) record: Record,
}

#[derive(Clone)]
pub(crate) enum Record {
    Updates {
        parcel: Arc<Parcel>,
        /// Only the updates of this group of the parcel.
        group: Option<u32>,
        categories: CategorySet,
    },
    /// A loss: of one category, or of the whole bus.
    Gap { category: Option<Category>, losses: Losses },
}

/// How far a reader is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    /// It has everything up to this position.
    pub(crate) seq: u64,
    /// The same, as a number of updates of the ring.
    pub(crate) count: u64,
}

/// What a reader finds behind its cursor.
pub(crate) enum Found<'a> {
    Entry(&'a Entry),
    /// It was too slow: something behind its cursor has left the ring.
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
    /// A ring in which everything up to `floor` may be missing.
    pub(crate) fn new(floor: u64) -> Self {
        Self { floor, head: floor, ..Self::default() }
    }

    pub(crate) fn append(&mut self, last_seq: u64, len: u64, record: Record) {
        let before = self.appended;
        self.appended += len;
        self.head = last_seq;
        self.entries.push_back(Entry { last_seq, before, len, record });
    }

    /// Hands out everyone who waits; to be woken without the lock.
    pub(crate) fn wake(&mut self, wakers: &mut Vec<Waker>) {
        if !self.waiting.is_empty() {
            self.round += 1;
            wakers.extend(self.waiting.drain());
        }
    }

    pub(crate) fn close(&mut self, wakers: &mut Vec<Waker>) {
        self.closed = true;
        self.wake(wakers);
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

    /// What comes behind the cursor. O(log entries), O(1) for who is at the end.
    pub(crate) fn find(&self, cursor: Cursor) -> Found<'_> {
        if cursor.seq >= self.head {
            return if self.closed { Found::End } else { Found::Nothing };
        }
        if cursor.seq < self.floor {
            return Found::Lagged;
        }
        let index =
            match self.entries.len().checked_sub(2).and_then(|index| self.entries.get(index)) {
                Some(entry) if entry.last_seq <= cursor.seq => self.entries.len() - 1,
                _ => self.entries.partition_point(|entry| entry.last_seq <= cursor.seq),
            };
        match self.entries.get(index) {
            Some(entry) => Found::Entry(entry),
            None => Found::Nothing,
        }
    }

    /// The losses that were told at one position: of each category by itself.
    pub(crate) fn gaps_at(&self, seq: u64) -> impl Iterator<Item = (Option<Category>, Losses)> {
        let first = self.entries.partition_point(|entry| entry.last_seq < seq);
        let gaps = self.entries.range(first..).take_while(move |entry| entry.last_seq == seq);
        gaps.filter_map(|entry| match entry.record {
            Record::Gap { category, losses } => Some((category, losses)),
            Record::Updates { .. } => None,
        })
    }

    /// The cursor of a reader who wants what comes from now on.
    pub(crate) const fn head(&self) -> Cursor {
        Cursor { seq: self.head, count: self.appended }
    }

    /// The cursor of a reader who wants all that is still there.
    pub(crate) fn tail(&self) -> Cursor {
        let count = self.entries.front().map_or(self.appended, |first| first.before);
        Cursor { seq: self.floor, count }
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
        let index = self.entries.partition_point(|entry| entry.last_seq <= seq);
        let Some(entry) = self.entries.get(index) else { return Some(self.head()) };
        let read = match &entry.record {
            Record::Gap { .. } => 0,
            Record::Updates { parcel, group, .. } => {
                parcel.walk(*group).take_while(|(_, update)| update.seq <= seq).count()
            }
        };
        Some(Cursor { seq, count: entry.before + read as u64 })
    }

    /// Updates held.
    pub(crate) fn len(&self) -> u64 {
        self.entries.front().map_or(0, |first| self.appended - first.before)
    }

    /// Records held, those without an update among them.
    pub(crate) fn records(&self) -> usize {
        self.entries.len()
    }

    pub(crate) const fn appended(&self) -> u64 {
        self.appended
    }

    pub(crate) fn pop_front(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.floor = entry.last_seq;
        if self.own > 0 {
            self.own -= 1;
            self.own_bytes -= entry.record.allocated();
        }
        Some(entry)
    }

    /// `parcel` is about to be given up, and with it everything up to `through`: copies out what
    /// the ring is to keep, of its last `keep` updates, and forgets the rest. `bus_gap` is the
    /// position of the last loss of the whole bus up to there.
    pub(crate) fn age(&mut self, parcel: &Arc<Parcel>, through: u64, keep: Amount, bus_gap: u64) {
        self.retained.copy_out(parcel);
        while let Some(entry) = self.entries.get(self.own).filter(|entry| entry.last_seq <= through)
        {
            let behind = self.appended - entry.before - entry.len;
            if behind >= keep.updates {
                for _ in 0..=self.own {
                    self.pop_front();
                }
                continue;
            }
            self.keep(Amount { updates: keep.updates - behind, ..keep }, bus_gap);
            // Losses without updates between them are bounded too.
            let most = keep.updates.saturating_mul(2).saturating_add(OWN_PARCEL);
            while let Some(first) = self.entries.front().filter(|_| self.own > 0)
                && (self.own as u64 > most
                    || self.own_bytes > keep.bytes
                    || self.len() - first.len >= keep.updates)
            {
                self.pop_front();
            }
        }
    }

    /// Copies the last updates of the first entry that is not the ring's own into a parcel of its own,
    /// `most` of them: the one before, while it is short, nobody is reading it, and no loss of the
    /// whole bus belongs between the two.
    fn keep(&mut self, most: Amount, bus_gap: u64) {
        let Some(entry) = self.entries.get(self.own) else { return };
        let Record::Updates { parcel, group, categories } = entry.record.clone() else {
            self.own += 1;
            return;
        };
        let (skip, bytes) = skipped(entry.len, &parcel, group, most);
        let (last_seq, before, len) = (entry.last_seq, entry.before + skip, entry.len - skip);
        if let Some((_, skipped)) = parcel.walk(group).take(skip as usize).last() {
            self.floor = skipped.seq;
            self.entries.drain(..self.own);
            (self.own, self.own_bytes) = (0, 0);
        }
        if len == 0 {
            self.pop_front();
            return;
        }
        self.own_bytes += bytes;
        let copy = |to: &mut Parcel| {
            for (_, update) in parcel.walk(group).skip(skip as usize) {
                to.copy(update.name(), Delivered::of(update));
            }
        };
        let earlier = self.own.checked_sub(1).and_then(|index| self.entries.get_mut(index));
        if let Some(earlier) = earlier.filter(|earlier| earlier.len + len <= OWN_PARCEL)
            && earlier.last_seq > bus_gap
            && earlier.record.allocated() + bytes <= most.bytes / OWN_PARCELS
            && let Record::Updates { parcel, categories: known, .. } = &mut earlier.record
            && let Some(parcel) = Arc::get_mut(parcel)
        {
            copy(parcel);
            *known = known.union(categories);
            earlier.last_seq = last_seq;
            earlier.len += len;
            self.entries.remove(self.own);
            return;
        }
        let mut own = Parcel::default();
        copy(&mut own);
        if let Some(entry) = self.entries.get_mut(self.own) {
            let parcel = Arc::new(own);
            let record = Record::Updates { parcel, group: None, categories };
            *entry = Entry { last_seq, before, len, record };
        }
        self.own += 1;
    }

    /// Forgets everything that was delivered: who resumes is told so.
    pub(crate) fn forget(&mut self) {
        self.entries = VecDeque::new();
        self.retained.clear();
        (self.own, self.own_bytes, self.floor) = (0, 0, self.head);
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.entries.is_empty() && self.retained.is_empty()
    }
}

/// Updates in a parcel of a ring's own: what is copied one by one shares an allocation.
const OWN_PARCEL: u64 = 32;

/// Parcels of a ring's own that share the bytes it has for them: what is given up is one of them.
const OWN_PARCELS: u64 = 8;

/// How many of a group's updates are too many, from the first one on, and what the others have
/// allocated.
fn skipped(len: u64, parcel: &Parcel, group: Option<u32>, most: Amount) -> (u64, u64) {
    let (mut skip, mut bytes) = (0, parcel.allocated(group));
    for (_, update) in parcel.walk(group) {
        if len - skip <= most.updates && bytes <= most.bytes {
            break;
        }
        skip += 1;
        bytes -= update.post.allocated();
    }
    (skip, bytes)
}

impl Record {
    fn allocated(&self) -> u64 {
        match self {
            Self::Updates { parcel, group, .. } => parcel.allocated(*group),
            Self::Gap { .. } => 0,
        }
    }
}

impl Entry {
    /// The entry's updates as a batch for a reader; `None` if none of its categories is in it.
    pub(crate) fn batch(&self, after: u64, chosen: CategorySet) -> Option<Batch> {
        match &self.record {
            Record::Updates { parcel, group, categories } => {
                (!categories.intersection(chosen).is_empty()).then(|| Batch {
                    parcel: Arc::clone(parcel),
                    group: *group,
                    categories: chosen,
                    after,
                    last_seq: self.last_seq,
                })
            }
            Record::Gap { .. } => None,
        }
    }
}
