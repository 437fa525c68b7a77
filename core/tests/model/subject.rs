//! What a case calls: a bus, or a queue of a host that is driven by the rules.

use statusbus_core::{
    Accepted, Batch, Bus, Category, Config, Depth, FlushMark, Instant, Item, KeyMode, Ledger, Loss,
    Polled, Priority, RefuseReason, Slot,
};

use crate::case::{CATEGORIES, Call, Case, Sent, Stored};
use crate::observed::{Buffer, Event, Events, Pushed, SeenBatch, SeenGap, SeenUpdate};
use crate::tally::GAPS;

/// How many updates the last of the buffers holds, with which a case ends.
const LAST: usize = 3;

/// The capacities of the buffers of a case: its own two, and the last.
pub(crate) fn buffers(case: &Case) -> [usize; 3] {
    [case.buffers[0], case.buffers[1], LAST]
}

/// The calls of a case, and what can be seen. The first number is that of the buffer.
pub(crate) trait Subject: Sized {
    fn new(case: &Case) -> Self;

    /// Answers also whether a reading of the clock was needed.
    fn push(&mut self, sent: Sent, now: Instant) -> (Option<Pushed>, bool);
    /// Updates that were found to have expired are added to `expired`.
    fn poll(&mut self, at: usize, most: usize, expired: &mut Vec<Sent>, now: Instant) -> Polled;
    fn settle(&mut self, at: usize, accepted: Accepted, now: Instant);
    fn settle_one(&mut self, at: usize, seq: u64, now: Instant) -> Option<u32>;
    /// Answers with the updates that are still in the buffer, and then clears it.
    fn settle_receipt(&mut self, at: usize, accepted: Accepted, now: Instant) -> Vec<SeenUpdate>;
    fn confirm_losses(&mut self, at: usize, count: usize);
    fn flush(&mut self, now: Instant) -> FlushMark;
    fn close(&mut self, now: Instant);
    fn reconfigure(&mut self, config: Config, now: Instant) -> Vec<(Sent, Loss)>;
    fn reconfigure_category(&mut self, category: Category, priority: Priority, ttl: Option<u64>);
    fn set_categories(&mut self, count: usize);
    fn refuse(&mut self, reason: RefuseReason);
    fn take_wake(&mut self) -> bool;
    fn depth(&mut self) -> Depth;

    fn ledger(&self) -> Ledger;
    fn seq(&self) -> u64;
    fn poll_at(&self) -> Option<Instant>;
    fn is_drained(&self) -> bool;
    fn is_overflowing(&self) -> bool;
    fn is_flushed(&self, mark: FlushMark) -> bool;
    fn events(&mut self) -> Vec<Event>;
    fn len(&self, at: usize) -> usize;
    fn batch(&self, at: usize, in_flight: bool) -> SeenBatch;
    fn gap(&self, at: usize) -> Option<SeenGap>;

    /// Whether the call goes on with a stretch of updates that are counted together in the end.
    fn goes_on(&self, _call: &Call) -> bool {
        false
    }
    /// Whether such a stretch is not counted yet: nothing but the next call may be compared then.
    fn is_behind(&self) -> bool {
        false
    }
    /// Counts the stretch.
    fn catch_up(&mut self) {}
}

type Slots<U> = Box<[Slot<U>]>;

/// A bus and its buffers.
pub(crate) struct BusAndBuffers<K: KeyMode, const RANKED: bool> {
    bus: Bus<Stored<K, RANKED>, Slots<Stored<K, RANKED>>, Events, CATEGORIES, GAPS>,
    buffers: [Buffer<Stored<K, RANKED>>; 3],
}

impl<K: KeyMode, const RANKED: bool> Subject for BusAndBuffers<K, RANKED> {
    fn new(case: &Case) -> Self {
        let slots = (0..case.slots).map(|_| Slot::VACANT).collect();
        let items = |capacity| Batch::with_items((0..capacity).map(|_| Item::VACANT).collect());
        Self {
            bus: Bus::with_slots(slots, case.knobs.config(), Events::default()),
            buffers: buffers(case).map(items),
        }
    }

    fn push(&mut self, sent: Sent, now: Instant) -> (Option<Pushed>, bool) {
        let mut update = Stored::new(sent);
        let mut read = false;
        let outcome = self.bus.push(&mut update, sent.options(), || {
            read = true;
            now
        });
        (Pushed::of(outcome, update.sent), read)
    }

    fn poll(&mut self, at: usize, most: usize, expired: &mut Vec<Sent>, now: Instant) -> Polled {
        let show = |update: &mut Stored<K, RANKED>| expired.push(update.sent);
        self.bus.poll_part(&mut self.buffers[at], most, show, now)
    }

    fn settle(&mut self, at: usize, accepted: Accepted, now: Instant) {
        self.bus.settle(&mut self.buffers[at], accepted, now);
    }

    fn settle_one(&mut self, at: usize, seq: u64, now: Instant) -> Option<u32> {
        let back = self.bus.settle_one(&mut self.buffers[at], seq, now);
        back.map(|update| update.sent.id)
    }

    fn settle_receipt(&mut self, at: usize, accepted: Accepted, now: Instant) -> Vec<SeenUpdate> {
        let receipt = self.buffers[at].take_receipt();
        self.bus.settle_receipt(receipt, accepted, now);
        let kept = self.batch(at, false).updates;
        self.buffers[at].clear();
        kept
    }

    fn confirm_losses(&mut self, at: usize, count: usize) {
        self.bus.confirm_losses(&self.buffers[at], count);
    }

    fn flush(&mut self, now: Instant) -> FlushMark {
        self.bus.flush(now)
    }

    fn close(&mut self, now: Instant) {
        self.bus.close(now);
    }

    fn reconfigure(&mut self, config: Config, now: Instant) -> Vec<(Sent, Loss)> {
        let mut left = Vec::new();
        self.bus.reconfigure(config, |update, loss| left.push((update.sent, loss)), now);
        left
    }

    fn reconfigure_category(&mut self, category: Category, priority: Priority, ttl: Option<u64>) {
        self.bus.reconfigure_category(
            category,
            priority,
            ttl.map(std::time::Duration::from_micros),
        );
    }

    fn set_categories(&mut self, count: usize) {
        self.bus.set_categories(count);
    }

    fn refuse(&mut self, reason: RefuseReason) {
        self.bus.refuse(reason);
    }

    fn take_wake(&mut self) -> bool {
        self.bus.take_wake()
    }

    fn depth(&mut self) -> Depth {
        self.bus.depth()
    }

    fn ledger(&self) -> Ledger {
        self.bus.ledger()
    }

    fn seq(&self) -> u64 {
        self.bus.seq()
    }

    fn poll_at(&self) -> Option<Instant> {
        self.bus.poll_at()
    }

    fn is_drained(&self) -> bool {
        self.bus.is_drained()
    }

    fn is_overflowing(&self) -> bool {
        self.bus.is_overflowing()
    }

    fn is_flushed(&self, mark: FlushMark) -> bool {
        self.bus.is_flushed(mark)
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.bus.telemetry().0)
    }

    fn len(&self, at: usize) -> usize {
        self.buffers[at].len()
    }

    fn batch(&self, at: usize, in_flight: bool) -> SeenBatch {
        SeenBatch::of(&self.buffers[at], in_flight)
    }

    fn gap(&self, at: usize) -> Option<SeenGap> {
        self.bus.gap(&self.buffers[at]).map(SeenGap::of)
    }
}
