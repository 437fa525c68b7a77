//! Where every outcome is counted. The ledger is only written here.

use crate::gap::{Gap, Loss};
use crate::ledger::{DropReason, Dropped, Ledger, RefuseReason, Refused};
use crate::slots::{Place, Terms};
use crate::{Outcome, OverflowEdge, Telemetry, Update};

/// The counters, what is still to be told as a gap, and who hears of it. One function for each
/// outcome; there is no other way for an update to leave the bus.
pub(crate) struct Books<K, T, const GAPS: usize> {
    ledger: Ledger,
    gap: Gap<K, GAPS>,
    /// Whether the gap is one: something is missing.
    missing: bool,
    /// A loss was counted since it was last tried to tell the gap.
    untold: bool,
    /// The gap was tried once more after the bus was closed.
    tried_again: bool,
    /// Updates lost since overflow began; zero while there is no overflow.
    overflow: u64,
    pub(crate) telemetry: T,
}

impl<K, T, const GAPS: usize> Books<K, T, GAPS> {
    pub(crate) const fn new(telemetry: T) -> Self {
        Self {
            ledger: Ledger {
                sent: 0,
                delivered: 0,
                coalesced: 0,
                expired: 0,
                dropped: Dropped::NONE,
                refused: Refused::NONE,
                queued: 0,
                in_flight: 0,
            },
            gap: Gap::new(),
            missing: false,
            untold: false,
            tried_again: false,
            overflow: 0,
            telemetry,
        }
    }

    pub(crate) const fn ledger(&self, queued: usize) -> Ledger {
        Ledger { queued: queued as u64, ..self.ledger }
    }

    pub(crate) const fn has_untold(&self) -> bool {
        self.untold
    }

    pub(crate) const fn is_overflowing(&self) -> bool {
        self.overflow > 0
    }

    /// An attempt to send.
    #[inline(always)]
    pub(crate) fn attempt(&mut self) {
        self.ledger.sent += 1;
    }

    /// Updates left in a batch.
    pub(crate) fn hand_on(&mut self, updates: usize) {
        self.ledger.in_flight += updates as u64;
    }

    /// The sink accepted updates that were in flight.
    pub(crate) fn deliver(&mut self, updates: usize) {
        self.ledger.in_flight = self.ledger.in_flight.saturating_sub(updates as u64);
        self.ledger.delivered += updates as u64;
    }
}

impl<K: PartialEq, T: Telemetry, const GAPS: usize> Books<K, T, GAPS> {
    /// The sink did not accept an update that was in flight. If the caller has taken it out of the
    /// batch, its topic is not known any more.
    pub(crate) fn fail(&mut self, topic: Option<K>) {
        self.ledger.in_flight = self.ledger.in_flight.saturating_sub(1);
        self.count_lost(topic, Loss::Dropped(DropReason::Sink));
    }

    /// A queued update was replaced by a newer one.
    pub(crate) fn coalesce(&mut self) {
        self.ledger.coalesced += 1;
        self.telemetry.coalesced();
    }

    /// An update, queued or about to be, is dropped or has expired.
    pub(crate) fn lose<U: Update<Topic = K>>(&mut self, update: &Place<U>, loss: Loss) {
        self.count_lost(update.get().map(Update::topic), loss);
    }

    /// An update is not taken in.
    pub(crate) fn refuse(&mut self, reason: RefuseReason) -> Outcome {
        self.count_refused(reason);
        Outcome::Refused(reason)
    }

    pub(crate) fn count_refused(&mut self, reason: RefuseReason) {
        *self.ledger.refused.count_mut(reason) += 1;
        self.telemetry.refused(reason);
    }

    fn count_lost(&mut self, topic: Option<K>, loss: Loss) {
        match loss {
            Loss::Expired => {
                self.ledger.expired += 1;
                self.telemetry.expired();
            }
            Loss::Dropped(reason) => {
                *self.ledger.dropped.count_mut(reason) += 1;
                self.telemetry.dropped(reason);
            }
        }
        self.gap.count(topic, loss);
        (self.missing, self.untold, self.tried_again) = (true, true, false);
    }

    /// Moves what is lost since the batch before, if anything is, into an empty gap, as the record
    /// at position `seq`; answers whether it did.
    pub(crate) const fn tell_gap(&mut self, seq: u64, into: &mut Gap<K, GAPS>) -> bool {
        self.untold = false;
        let missing = core::mem::replace(&mut self.missing, false);
        if missing {
            core::mem::swap(&mut self.gap, into); // not by value: on a small stack it is large
            into.seq = seq;
        }
        missing
    }

    /// A gap that nobody heard of: it goes with the next batch.
    pub(crate) fn keep_gap(&mut self, gap: &Gap<K, GAPS>)
    where
        K: Clone,
    {
        self.gap.take_back(gap);
        self.missing = true;
    }

    /// The bus is closed, so that there may be no next batch: a gap that nobody heard of is tried to
    /// be told once more, and no more than once.
    pub(crate) fn try_once_more(&mut self) {
        if self.missing && !self.untold && !self.tried_again {
            (self.untold, self.tried_again) = (true, true);
        }
    }

    /// An update, or the newcomer, is about to be lost because the queue is full.
    pub(crate) fn overflow(&mut self) {
        if self.overflow == 0 {
            self.telemetry.overflow(OverflowEdge::Started);
        }
        self.overflow += 1;
    }

    /// The queue has been drained far enough: overflow is over.
    pub(crate) fn relieve(&mut self) {
        let lost = core::mem::take(&mut self.overflow);
        if lost > 0 {
            self.telemetry.overflow(OverflowEdge::Ended { lost });
        }
    }
}

/// Why an update that has to leave for `reason` is lost: if it has expired, that is why.
pub(crate) fn loss_of(terms: &Terms, reason: DropReason, now: crate::Instant) -> Loss {
    match terms.is_expired(now) {
        true => Loss::Expired,
        false => Loss::Dropped(reason),
    }
}
