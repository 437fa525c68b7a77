//! Delivering: takes batches out of the queue and publishes them, one step at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use statusbus_core::{Accepted, Batch, CategorySet, Depth, Instant, Item, Ledger, Polled, Receipt};

use crate::batch::block::{Block, Delivered, Priorities};
use crate::batch::message::Message;
use crate::bus::publisher::Publisher;
use crate::bus::shared::{Activity, Core, Lost, Shared};
use crate::bus::wake_limiter::WakeLimiter;

/// A batch as it left the queue.
type Queued = Batch<Message, Box<[Item<Message>]>>;

/// The delivery of a bus. It has no task and no timer: a runner calls [`step`](Self::step), lets readers run, and
/// waits until the returned time or a [wake-up](Self::poll_wakeup).
///
/// If it is dropped, the bus closes and what is queued counts as dropped by the
/// [sink](statusbus_core::DropReason::Sink).
pub struct Delivery {
    shared: Arc<Shared>,
    publisher: Publisher,
    batch: Queued,
    /// Of the batch that is being published.
    publishing: Option<Receipt>,
    /// For what is dropped from an abandoned queue; without room until then.
    discarded: Queued,
    /// What is still to be reported.
    activity: Activity,
    /// The counters at the last step.
    ledger: Ledger,
    wake_limiter: WakeLimiter,
}

/// What a [step](Delivery::step) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It delivered or dropped updates: call again, after readers had a chance to run.
    Progress,
    /// Nothing is due until then; with `None` until a wake-up.
    Wait(Option<Instant>),
    /// The bus is closed and everything is delivered.
    Ended,
}

impl Delivery {
    pub(crate) fn new(shared: Arc<Shared>, publisher: Publisher) -> Self {
        Self {
            shared,
            publisher,
            batch: Queued::with_items(Box::default()),
            publishing: None,
            discarded: Queued::with_items(Box::default()),
            activity: Activity::default(),
            ledger: Ledger::default(),
            wake_limiter: WakeLimiter::default(),
        }
    }

    /// Settles the last batch, and publishes the next one if one is due.
    #[must_use]
    pub fn step(&mut self) -> Step {
        if self.shared.is_abandoned() && self.discard_part() {
            return Step::Progress;
        }
        let Taken { settled, polled, lost, drained } = self.take();
        if settled && self.shared.flushing.load(Ordering::Acquire) > 0 {
            self.shared.settled.notify(usize::MAX);
        }
        let Polled::Wait(poll_at) = polled else {
            let now = self.shared.host.now().as_micros();
            self.publish(lost.as_deref(), now);
            self.wake_readers();
            self.shared.names.lock().look(LOOK, now, &mut self.shared.hub.index());
            self.call_everyone();
            return Step::Progress;
        };
        let call_at = self.call_everyone();
        if drained { Step::Ended } else { Step::Wait(poll_at.into_iter().chain(call_at).min()) }
    }

    /// Ready when the delivery was woken since the last step.
    pub fn poll_wakeup(&self, cx: &Context<'_>) -> Poll<()> {
        self.shared.wakeup.poll(cx)
    }

    /// What happened since the last call, for metrics and logs, and the counters at the last step.
    pub fn take_report(&mut self) -> (Activity, Ledger) {
        (std::mem::take(&mut self.activity), self.ledger)
    }

    /// The depth of the queue, and its peak in the last moments.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.shared.depth()
    }

    /// Calls a function. If it panics, the panic ends here and is [counted](crate::Status::panics).
    pub fn contain(&self, call: impl FnOnce()) {
        self.shared.contain(call);
    }

    /// Continues after a step has panicked: counts the panic, and the batch at hand as dropped by the
    /// [sink](statusbus_core::DropReason::Sink), unless readers have it.
    pub fn recover(&mut self) {
        self.shared.panics.fetch_add(1, Ordering::Relaxed);
        self.settle_failed();
    }

    /// Settles a batch of which nobody knows whether readers have it, if there is one.
    fn settle_failed(&mut self) {
        if let Some(receipt) = self.publishing.take() {
            self.shared.with_bus(|bus, now| bus.settle_receipt(receipt, Accepted::First(0), now));
            self.shared.settled.notify(usize::MAX);
        }
    }

    /// Ends delivery: closes the bus, counts what is queued as dropped, and reports all losses to readers. Returns
    /// how many updates were queued.
    pub fn end(&mut self) -> u64 {
        if self.batch.capacity() == 0 {
            self.batch.replace_items(vacant(1));
        }
        self.settle_failed();
        let lost = self.shared.with_bus(|bus, now| {
            bus.close(now);
            bus.settle(&mut self.batch, Accepted::First(0), now);
            self.shared.abandon(bus, now)
        });
        while self.discard_part() {}
        let shared = Arc::clone(&self.shared);
        shared.contain(|| self.publish_losses());
        self.settle_failed();
        let mut bus = shared.bus.lock();
        let activity = std::mem::take(bus.telemetry());
        self.activity.add(Activity { polled: None, ..activity });
        self.ledger = shared.ledger_of(&bus);
        lost
    }

    /// Ends all subscriptions behind the last update, and everyone's wait for the end of delivery.
    fn close(&mut self) {
        self.publisher.close(&self.shared.hub);
        self.wake_readers();
        self.shared.ended.store(true, Ordering::Release);
        self.shared.settled.notify(usize::MAX);
    }

    /// Wakes the readers for whom something has come. Holds no lock.
    fn wake_readers(&mut self) {
        for waker in self.publisher.to_wake() {
            self.shared.contain(|| waker.wake());
        }
    }

    /// Wakes all waiting readers, if there is a loss of the whole bus to report and it is time. Returns when it
    /// will be.
    fn call_everyone(&mut self) -> Option<Instant> {
        let last_loss = self.shared.hub.bus_loss_seq();
        if !self.wake_limiter.is_owed(last_loss) {
            return None;
        }
        let interval = self.shared.bus.lock().config().flush_interval();
        if self.wake_limiter.is_due(last_loss, interval, self.shared.host.now()) {
            let mut wakers = Vec::new();
            self.shared.hub.wake_everyone(&mut wakers);
            for waker in wakers {
                self.shared.contain(|| waker.wake());
            }
        }
        self.wake_limiter.due_at(last_loss, interval)
    }

    /// Settles the last batch and takes the next one.
    fn take(&mut self) -> Taken {
        let mut bus = self.shared.bus.lock();
        let now = self.shared.host.now();
        let settled = self.shared.settle(&mut bus, now);
        let (queued, most) = (bus.ledger().queued as usize, bus.config().batch_size());
        let size = queued.max(1).next_power_of_two().min(most);
        if self.batch.capacity() < size || self.batch.capacity() > most {
            self.batch.replace_items(vacant(size));
        }
        // What was abandoned just now is not delivered: the runner has been woken to discard it.
        let discards = queued > 0 && self.shared.is_abandoned();
        let polled = match discards {
            true => Polled::Wait(bus.poll_at()),
            false => bus.poll(&mut self.batch, now),
        };
        let lost = bus.gap(&self.batch).cloned().map(Box::new);
        self.activity.add(std::mem::take(bus.telemetry()));
        self.ledger = self.shared.ledger_of(&bus);
        Taken { settled, polled, lost, drained: bus.is_drained() }
    }

    /// Publishes the gap and the batch behind it. Should it panic, what was in the batch is not accepted
    /// by the sink, and the gap, unless readers have it, is reported with the next one.
    fn publish(&mut self, lost: Option<&Lost>, now: u64) {
        self.publishing = Some(self.batch.take_receipt());
        let hub = &self.shared.hub;
        if let Some(lost) = lost {
            self.publisher.report(hub, lost, &self.shared.names);
            self.shared.bus.lock().confirm_losses(&self.batch, usize::MAX);
        }
        let size = self.batch.len();
        if size > 0 {
            let mut block = self.publisher.block(size);
            if let Some(block) = Arc::get_mut(&mut block) {
                fill(block, &self.batch, now, self.shared.host.wall_micros());
            }
            self.publisher.publish(hub, block, now);
        }
        self.batch.clear();
        if let Some(receipt) = self.publishing.take() {
            self.shared.note_published(receipt);
        }
        let Ledger { sent, queued, .. } = self.ledger;
        self.shared.names.lock().departures.batch(size as u64, sent, queued);
    }

    /// Reports the last losses to readers. Nothing else is left.
    fn publish_losses(&mut self) {
        loop {
            let mut bus = self.shared.bus.lock();
            let now = self.shared.host.now();
            if bus.poll(&mut self.batch, now) != Polled::Batch {
                return;
            }
            let lost = bus.gap(&self.batch).cloned();
            self.ledger = self.shared.ledger_of(&bus);
            drop(bus);
            self.publish(lost.as_ref(), now.as_micros());
            self.shared.settle(&mut self.shared.bus.lock(), now);
        }
    }

    /// Drops a part of what was abandoned in the queue. Returns whether something is left.
    fn discard_part(&mut self) -> bool {
        if self.discarded.capacity() == 0 {
            self.discarded = Queued::with_items(vacant(PART));
        }
        let is_more = self.shared.discard(&mut self.discarded);
        if !is_more {
            let activity = std::mem::take(self.shared.bus.lock().telemetry());
            self.activity.add(Activity { polled: None, ..activity });
        }
        is_more
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        // A runner may have ended it already.
        let is_drained = self.shared.bus.lock().is_drained();
        if !is_drained {
            self.end();
        }
        self.close();
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").finish_non_exhaustive()
    }
}

/// Conversations whose idleness is looked at with each batch.
const LOOK: usize = 8;

/// Most updates that are discarded under the lock of the bus at once.
const PART: usize = 256;

fn vacant(size: usize) -> Box<[Item<Message>]> {
    (0..size).map(|_| Item::VACANT).collect()
}

/// Copies a batch into an empty block. `now` is the bus's clock and `wall` the wall clock, in microseconds.
fn fill(block: &mut Block, batch: &Queued, now: u64, wall: u64) {
    let mut priorities = Priorities::default();
    let mut known = CategorySet::NONE;
    for one in batch.iter() {
        let category = one.update.category;
        if !known.contains(category) {
            known = known.with(category);
            priorities = priorities.with(category, one.priority);
        }
    }
    block.begin(batch.first_seq(), priorities);
    for one in batch.iter() {
        block.push(Delivered {
            message: one.update.clone(),
            seq: one.seq,
            sent_at: wall.saturating_sub(one.waited_micros()),
            expires: now.saturating_add(one.ttl_left_micros()),
            priority: one.priority,
        });
    }
}

/// What the delivery learns of the bus at once.
struct Taken {
    /// A batch was settled.
    settled: bool,
    polled: Polled,
    /// The gap in front of the batch.
    lost: Option<Box<Lost>>,
    drained: bool,
}

impl Shared {
    /// Notes that readers have a batch: from now on everybody can settle it.
    fn note_published(&self, receipt: Receipt) {
        *self.published.lock() = Some(receipt);
        // Looked at behind that lock, in which a shutdown that has abandoned the queue looks for it.
        if self.is_abandoned() {
            self.settled.notify(usize::MAX);
        }
    }

    /// Settles the batch that was published last. Returns whether there was one.
    pub(crate) fn settle(&self, bus: &mut Core, now: Instant) -> bool {
        let Some(receipt) = self.published.lock().take() else { return false };
        bus.settle_receipt(receipt, Accepted::All, now);
        *self.flushed.lock() = Some(bus.flushed());
        true
    }

    /// Closes the bus and counts what is queued as dropped, without visiting it: the delivery
    /// [discards](Self::discard) it. Returns how many updates that are. O(1).
    pub(crate) fn abandon(&self, bus: &mut Core, now: Instant) -> u64 {
        bus.close(now);
        self.settle(bus, now);
        let ledger = bus.ledger();
        match self.abandoned_at.set(ledger) {
            Ok(()) => ledger.queued,
            Err(_) => 0,
        }
    }

    /// Drops a part of what is queued. Returns whether something is left.
    fn discard(&self, part: &mut Queued) -> bool {
        let mut bus = self.bus.lock();
        let now = self.host.now();
        let before = bus.ledger().queued;
        loop {
            let queued = bus.ledger().queued;
            let left = (PART as u64).saturating_sub(before - queued) as usize;
            if queued == 0 || left == 0 {
                return queued > 0;
            }
            if let Polled::Wait(_) = bus.poll_part(part, left, |_| {}, now) {
                return true;
            }
            bus.settle(part, Accepted::First(0), now);
        }
    }
}
