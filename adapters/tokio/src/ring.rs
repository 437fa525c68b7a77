//! A bounded ring of what was delivered, for readers who each have their own position.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

use slab::Slab;
use statusbus_core::{Category, CategorySet, Losses};

use crate::bounds::Amount;
use crate::history::History;
use crate::parcel::{Delivered, Parcel};
use crate::read::{Batch, Update};
use crate::retained::Retained;

/// What readers of one conversation, or of everything, can still get.
#[derive(Default)]
pub(crate) struct Ring {
    history: History,
    /// What lies in the window.
    entries: VecDeque<Entry>,
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
    /// A loss: of one category, or of the whole bus. Apart, because it is large and rare.
    Gap(Box<(Option<Category>, Losses)>),
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
    /// Records of the history.
    Past(Range<usize>),
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
        if len == 0 {
            self.make_room_for_a_gap();
        }
        self.entries.push_back(Entry { last_seq, before, len, record });
    }

    /// Losses alone do not age with the window, and must not pile up.
    fn make_room_for_a_gap(&mut self) {
        while let Some(first) = self.entries.front()
            && first.len == 0
            && self.entries.len() >= MOST_GAPS
        {
            self.history = History::default();
            self.pop_front();
        }
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
                _ => match self.history.behind(cursor.seq) {
                    Some(past) => return Found::Past(past),
                    None => self.entries.partition_point(|entry| entry.last_seq <= cursor.seq),
                },
            };
        match self.entries.get(index) {
            Some(entry) => Found::Entry(entry),
            None => Found::Nothing,
        }
    }

    /// A cursor behind records of the history.
    pub(crate) fn behind(&self, past: &Range<usize>) -> Cursor {
        let last = past.end.checked_sub(1).and_then(|last| self.history.get(last));
        let seq = last.map_or(self.floor, |last| last.seq);
        Cursor { seq, count: self.before() + self.history.count_to(seq) }
    }

    /// A copy of these updates of the history, for a reader who has everything up to `after`; none
    /// if they are a loss.
    pub(crate) fn past(
        &self,
        past: Range<usize>,
        name: Option<&Arc<str>>,
        after: u64,
        categories: CategorySet,
    ) -> Option<Batch> {
        let last_seq = self.behind(&past).seq;
        let parcel = Arc::new(self.history.parcel(past, name)?);
        Some(Batch { parcel, group: None, categories, after, last_seq })
    }

    /// The losses that were told at one position: of each category by itself.
    pub(crate) fn gaps_at(&self, seq: u64) -> impl Iterator<Item = (Option<Category>, Losses)> {
        let first = self.entries.partition_point(|entry| entry.last_seq < seq);
        let gaps = self.entries.range(first..).take_while(move |entry| entry.last_seq == seq);
        let gaps = gaps.filter_map(|entry| match &entry.record {
            Record::Gap(gap) => Some(**gap),
            Record::Updates { .. } => None,
        });
        self.history.gaps_at(seq).chain(gaps)
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
        self.appended - self.len() - self.history.updates()
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
        if self.history.behind(seq).is_some() {
            return Some(Cursor { seq, count: self.before() + self.history.count_to(seq) });
        }
        let index = self.entries.partition_point(|entry| entry.last_seq <= seq);
        let Some(entry) = self.entries.get(index) else { return Some(self.head()) };
        let read = match &entry.record {
            Record::Gap(_) => 0,
            Record::Updates { parcel, group, .. } => {
                parcel.walk(*group).take_while(|(_, update)| update.seq <= seq).count()
            }
        };
        Some(Cursor { seq, count: entry.before + read as u64 })
    }

    /// Updates that lie in the window.
    pub(crate) fn len(&self) -> u64 {
        self.entries.front().map_or(0, |first| self.appended - first.before)
    }

    /// Records of what lies in the window, those without an update among them.
    pub(crate) fn records(&self) -> usize {
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
    /// the ring is to keep, of its last `keep` updates, and forgets the rest. `bus_gap` is the
    /// position of the last loss of the whole bus up to there.
    pub(crate) fn age(&mut self, parcel: &Parcel, through: u64, keep: Amount, bus_gap: u64) {
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
            match entry.record {
                Record::Gap(gap) => self.history.push_gap(entry.last_seq, gap.0, gap.1),
                Record::Updates { parcel, group, .. } => {
                    let skip = entry.len.saturating_sub(most.updates) as usize;
                    for (place, (_, update)) in parcel.walk(group).enumerate() {
                        if place >= skip {
                            self.history.push(Delivered::of(update), bus_gap);
                        } else {
                            self.history = History::default();
                            self.floor = update.seq;
                        }
                    }
                }
            }
            if let Some(forgotten) = self.history.fit(most) {
                self.floor = forgotten;
            }
        }
    }

    /// The values that stand at `now`, which is the bus's clock in microseconds, without the name of
    /// their conversation. Forgets what has expired.
    pub(crate) fn retained(&mut self, now: u64) -> impl Iterator<Item = Update<'_>> {
        self.retained.expire(now);
        self.retained.places().filter_map(|place| match &place.own {
            Some(own) => Some(own.update(&[])),
            None => {
                let index = self.entries.partition_point(|entry| entry.last_seq < place.seq);
                match &self.entries.get(index)?.record {
                    Record::Updates { parcel, .. } => parcel.at(place.seq),
                    Record::Gap(_) => None,
                }
            }
        })
    }

    /// Forgets everything that was delivered: who resumes is told so.
    pub(crate) fn forget(&mut self) {
        self.entries = VecDeque::new();
        self.history = History::default();
        self.retained.clear();
        self.floor = self.head;
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.entries.is_empty() && self.history.is_empty() && self.retained.is_empty()
    }
}

/// Records of losses that a ring holds without an update in front of them.
const MOST_GAPS: usize = 256;

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
            Record::Gap(_) => None,
        }
    }
}
