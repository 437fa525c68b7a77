//! Taking updates in.

use super::settings::ByCategory;
use super::{Bus, Outcome, Pushed};
use crate::books::loss_of;
use crate::gap::Loss;
use crate::index::{self, KeyMode};
use crate::ledger::{DropReason, RefuseReason};
use crate::queue;
use crate::slots::{Link, Place, Slot, Terms};
use crate::time::{Instant, micros};
use crate::{Category, Facts, Leading, Overflow, Priority, Telemetry, Update};

impl<U, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS>
where
    U: Update,
    S: AsRef<[Slot<U>]> + AsMut<[Slot<U>]>,
    T: Telemetry,
{
    /// Takes an update in. O(1), expected where it has a key.
    #[inline]
    pub fn push(&mut self, update: U, now: Instant) -> Pushed<U> {
        self.clock.advance(now);
        let facts = Facts::of(&update);
        let mut offered = Place::new(update);
        let outcome = self.offer(&mut offered, facts, || now);
        match (outcome, offered.take()) {
            (Outcome::Merged, Some(update)) => Pushed::Merged(update),
            (Outcome::Displaced(loss), Some(update)) => Pushed::Displaced(update, loss),
            (Outcome::Expired, Some(update)) => Pushed::Expired(update),
            (Outcome::Dropped(reason), Some(update)) => Pushed::Dropped(update, reason),
            (Outcome::Refused(reason), Some(update)) => Pushed::Refused(update, reason),
            _ => Pushed::Queued,
        }
    }

    /// Like [`push`](Self::push), for hosts that count instructions.
    ///
    /// The update is moved once, into its slot, and what comes back is left in its place; the place
    /// must not be empty. What holds is what `facts` say: the update itself is not asked for them, so
    /// that it need not keep what the bus keeps for it. The clock is only read if a reading is needed:
    /// because the update is the first in the queue, has a time-to-live, or finds the queue full. Others
    /// take the last reading for theirs.
    #[inline]
    pub fn offer(
        &mut self,
        offered: &mut Place<U>,
        facts: Facts,
        reading: impl FnOnce() -> Instant,
    ) -> Outcome {
        if offered.is_vacant() {
            return Outcome::Queued;
        }
        let Facts { category, priority, ttl, key_hash } = facts;
        self.books.attempt();
        let defaults = match self.settings.by_category.get(category.index()) {
            Some(defaults) if defaults.known => *defaults,
            _ => match self.prepared(category) {
                Some(defaults) => defaults,
                None => return self.refuse_unknown(),
            },
        };
        let ttl = match ttl {
            Some(ttl) => Some(micros(ttl)),
            None => defaults.ttl.checked_sub(1),
        };
        // Who has expired is looked at when the queue is full, so the time has to be right then too.
        let len = self.queue.len();
        let now = match ttl.is_some() || len == 0 || len >= usize::from(self.settings.limit) {
            true => self.clock.advance(reading()),
            false => self.clock.elapsed(),
        };
        let terms = Terms {
            priority: match U::RANKED {
                true => priority.unwrap_or(defaults.priority),
                false => Priority::State,
            },
            arrival: now,
            expiry: ttl.map_or(Instant::NEVER, |ttl| now.plus(ttl)),
        };
        let hash = if U::Keys::KEYED { key_hash } else { None };
        if len >= usize::from(self.settings.room) || hash.is_some() {
            let Terms { arrival, expiry, priority } = terms;
            return self.offer_slowly(offered, arrival, expiry, priority, hash);
        }
        self.join(offered, terms, None);
        Outcome::Queued
    }

    /// Counts an update that the host refused before it could be pushed.
    pub fn refuse(&mut self, reason: RefuseReason) {
        self.books.attempt();
        self.books.count_refused(reason);
    }

    /// The last reading of the clock if `update` may be pushed with it; `None` if it needs a fresh
    /// one, because it would be the first in the queue, has a time-to-live, or finds the queue full.
    #[must_use]
    pub fn last_reading(&self, update: &U) -> Option<Instant> {
        let by_category = self.settings.by_category.get(update.category().index());
        let expires =
            by_category.is_some_and(|defaults| defaults.ttl > 0) || update.ttl().is_some();
        let fits = self.queue.len() > 0 && self.queue.len() < usize::from(self.settings.limit);
        (fits && !expires).then(|| self.clock.reading())
    }

    /// The settings of a category, if the bus has it. The first call prepares the bus.
    #[cold]
    fn prepared(&mut self, category: Category) -> Option<ByCategory> {
        self.prepare();
        let defaults = self.settings.by_category.get(category.index());
        defaults.copied().filter(|defaults| defaults.known)
    }

    #[cold]
    fn refuse_unknown(&mut self) -> Outcome {
        self.books.refuse(match self.closed {
            true => RefuseReason::Closed,
            false => RefuseReason::UnknownCategory,
        })
    }

    /// An update that has a key, finds the queue full, or comes when the bus is closed.
    // Its terms come one by one, in registers: as one they would have to lie in memory, and would be
    // written there for every update.
    #[inline(never)]
    fn offer_slowly(
        &mut self,
        offered: &mut Place<U>,
        arrival: Instant,
        expiry: Instant,
        priority: Priority,
        hash: Option<u32>,
    ) -> Outcome {
        let terms = Terms { arrival, expiry, priority };
        if self.closed {
            return self.books.refuse(RefuseReason::Closed);
        }
        let slots = self.slots.as_mut();
        let same = match (hash, offered.get()) {
            (Some(hash), Some(update)) => index::find(slots, hash, update),
            _ => Link::NONE,
        };
        match queue::terms(slots, same).map(|old| old.priority) {
            Some(_) if terms.priority == Priority::Terminal => {
                let _ = self.trade(same, offered, terms, hash);
            }
            Some(old) if terms.priority >= old => {
                self.queue.replace(slots, same, terms, offered);
            }
            _ if self.queue.len() >= usize::from(self.settings.limit) => {
                return self.offer_full(offered, terms, hash);
            }
            _ => {
                let _ = self.trade(Link::NONE, offered, terms, hash);
                return Outcome::Queued;
            }
        }
        self.books.coalesce();
        Outcome::Merged
    }

    /// An update that finds the queue full.
    fn offer_full(&mut self, offered: &mut Place<U>, terms: Terms, hash: Option<u32>) -> Outcome {
        if terms.is_expired(terms.arrival) {
            self.books.lose(offered, Loss::Expired);
            return Outcome::Expired;
        }
        self.books.overflow();
        let slots = self.slots.as_mut();
        let (link, reason) = match self.settings.overflow {
            Overflow::Reject => return self.books.refuse(RefuseReason::Full),
            Overflow::DropNewest => return self.drop_newcomer(offered, DropReason::Newest),
            Overflow::DropOldest => (self.queue.first(), DropReason::Oldest),
            Overflow::Evict => {
                let least = self.queue.least(slots, terms.arrival);
                let stays =
                    |old: Terms| old.priority > terms.priority && !old.is_expired(terms.arrival);
                if queue::terms(slots, least).is_some_and(stays) {
                    return self.drop_newcomer(offered, DropReason::Outranked);
                }
                (least, DropReason::Evicted)
            }
        };
        if link == Link::NONE {
            return self.drop_newcomer(offered, reason); // a bus without slots
        }
        let Some(old) = self.trade(link, offered, terms, hash) else { return Outcome::Queued };
        let loss = loss_of(&old, reason, terms.arrival);
        self.books.lose(offered, loss);
        Outcome::Displaced(loss)
    }

    fn drop_newcomer(&mut self, offered: &Place<U>, reason: DropReason) -> Outcome {
        self.books.lose(offered, Loss::Dropped(reason));
        Outcome::Dropped(reason)
    }

    /// Puts an update at the end, for which another one leaves, if it is one; that is then where the
    /// new one was.
    #[inline(never)]
    fn trade(
        &mut self,
        leaving: Link,
        offered: &mut Place<U>,
        terms: Terms,
        hash: Option<u32>,
    ) -> Option<Terms> {
        let mut left = Place::VACANT;
        let terms_left = self.queue.remove(self.slots.as_mut(), leaving, &mut left);
        self.join(offered, terms, hash);
        offered.fill(&mut left);
        terms_left
    }

    /// Puts an update at the end. There is room.
    #[inline(always)]
    fn join(&mut self, offered: &mut Place<U>, terms: Terms, hash: Option<u32>) {
        if !self.times.has_deadline() {
            self.set_deadline(terms.arrival);
        }
        self.queue.append(self.slots.as_mut(), offered, terms, hash);
        if self.queue.len() == usize::from(self.settings.full) {
            self.rouse();
        }
    }

    /// The deadline of an update that comes now and is the oldest.
    #[cold]
    fn set_deadline(&mut self, now: Instant) {
        let interval = self.settings.flush_interval;
        let latest = now.plus(interval);
        self.times.set_deadline(match (self.settings.leading, self.times.last_flush()) {
            (Leading::Delayed, _) => latest,
            (Leading::Immediate, None) => now,
            (Leading::Immediate, Some(last)) => latest.min(now.max(last.plus(interval))),
        });
        self.rouse();
    }
}
