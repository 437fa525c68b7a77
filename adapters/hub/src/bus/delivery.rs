//! Delivering: takes batches out of the queue and publishes them, one step at a time.

use std::sync::Arc;
use std::task::{Context, Poll};

use statusbus_core::{Accepted, Depth, Instant, Ledger, Receipt};

use crate::bus::publisher::Publisher;
use crate::bus::shared::{Activity, Shared};
use crate::bus::wake_limiter::WakeLimiter;
use crate::queue::{Lost, Next, Queue, Taken};
use crate::sync::Ordering;

/// The delivery of a bus. It has no task and no timer: a runner calls [`step`](Self::step), lets readers run, and
/// waits until the returned time or a [wake-up](Self::poll_wakeup).
///
/// If it is dropped, the bus closes and what is queued counts as dropped by the
/// [sink](statusbus_core::DropReason::Sink).
pub struct Delivery {
    shared: Arc<Shared>,
    publisher: Publisher,
    /// Of the batch that is being published.
    publishing: Option<Receipt>,
    /// What is still to be reported.
    activity: Activity,
    /// The counters at the last step.
    ledger: Ledger,
    wake_limiter: WakeLimiter,
    /// Batches since readers had a chance to run.
    in_a_row: usize,
}

/// What a [step](Delivery::step) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It delivered or dropped updates: call again.
    Progress,
    /// The same, but call again after readers had a chance to run: so much was delivered since they had one that those
    /// that are quick could fall behind.
    Pause,
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
            publishing: None,
            activity: Activity::default(),
            ledger: Ledger::default(),
            wake_limiter: WakeLimiter::default(),
            in_a_row: 0,
        }
    }

    /// Settles the last batch, and publishes the next one if one is due.
    #[must_use]
    pub fn step(&mut self) -> Step {
        if self.shared.is_abandoned() && self.discard_part() {
            return Step::Progress;
        }
        let (settled, next) = self.take();
        if settled && self.shared.flushing.load(Ordering::Acquire) > 0 {
            self.shared.settled.notify(usize::MAX);
        }
        match next {
            Polled::Batch(taken, lost) => {
                let now = self.shared.host.now().as_micros();
                self.publish(taken, lost.as_deref(), now);
                self.wake_readers();
                self.shared.names.lock().look(LOOK, now, &mut self.shared.hub.index());
                self.call_everyone();
                self.in_a_row += 1;
                if self.in_a_row < IN_A_ROW && self.publisher.may_continue() {
                    return Step::Progress;
                }
                self.pause();
                Step::Pause
            }
            Polled::Wait(until) => {
                self.pause();
                Step::Wait(until.into_iter().chain(self.call_everyone()).min())
            }
            Polled::Drained => {
                self.call_everyone();
                Step::Ended
            }
        }
    }

    /// Readers have a chance to run.
    const fn pause(&mut self) {
        self.in_a_row = 0;
        self.publisher.pause();
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
            self.shared.with_queue(|queue, now| queue.settle(receipt, Accepted::First(0), now));
            self.shared.settled.notify(usize::MAX);
        }
    }

    /// Ends delivery: closes the bus, counts what is queued as dropped, and reports all losses to readers. Returns
    /// how many updates were queued.
    pub fn end(&mut self) -> u64 {
        self.settle_failed();
        let lost = self.shared.with_queue(|queue, now| {
            queue.close(now);
            self.shared.abandon(queue, now)
        });
        while self.discard_part() {}
        let shared = Arc::clone(&self.shared);
        shared.contain(|| self.publish_losses());
        self.settle_failed();
        let mut queue = shared.queue.lock();
        let activity = std::mem::take(queue.telemetry());
        self.activity.add(Activity { polled: None, ..activity });
        self.ledger = shared.seen(queue.ledger());
        lost
    }

    /// Ends all subscriptions behind the last update, and everyone's wait for the end of delivery.
    fn close(&mut self) {
        self.publisher.close(&self.shared.hub);
        self.wake_readers();
        self.shared.ended.store(true, Ordering::Release);
        self.shared.settled.notify(usize::MAX);
    }

    /// Wakes the readers that have something to read. Holds no lock.
    fn wake_readers(&mut self) {
        for waker in self.publisher.woken() {
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
        let interval = self.shared.queue.lock().config().flush_interval();
        if self.wake_limiter.is_due(last_loss, interval, self.shared.host.now()) {
            let mut wakers = Vec::new();
            self.shared.hub.wake_everyone(&mut wakers);
            for waker in wakers {
                self.shared.contain(|| waker.wake());
            }
        }
        self.wake_limiter.due_at(last_loss, interval)
    }

    /// Settles the last batch and takes the next one. Returns whether there was one to settle.
    fn take(&mut self) -> (bool, Polled) {
        let recycled = self.publisher.recycled();
        let mut queue = self.shared.queue.lock();
        if let Some(block) = recycled {
            queue.recycle(block);
        }
        let now = self.shared.host.now();
        let settled = self.shared.settle(&mut queue, now);
        // What was abandoned just now is not delivered: the runner has been woken to discard it.
        let next = if self.shared.is_abandoned() && queue.ledger().queued > 0 {
            Polled::Wait(queue.poll_at())
        } else {
            match queue.poll(now) {
                Next::Wait(_) if queue.is_drained() => Polled::Drained,
                Next::Wait(until) => Polled::Wait(until),
                Next::Batch(taken) => {
                    let lost = taken.gap_seq.and_then(|seq| queue.gap(seq));
                    let lost = lost.cloned().map(Box::new);
                    Polled::Batch(taken, lost)
                }
            }
        };
        self.activity.add(std::mem::take(queue.telemetry()));
        self.ledger = self.shared.seen(queue.ledger());
        (settled, next)
    }

    /// Publishes the gap and the batch behind it. Should it panic, what was in the batch is not accepted
    /// by the sink, and the gap, unless readers have it, is reported with the next one.
    fn publish(&mut self, taken: Taken, lost: Option<&Lost>, now: u64) {
        let Taken { block, first_seq, began, gap_seq, left, receipt } = taken;
        self.publishing = Some(receipt);
        let hub = &self.shared.hub;
        if let (Some(lost), Some(seq)) = (lost, gap_seq) {
            self.publisher.report(hub, lost, &self.shared.names);
            self.shared.queue.lock().confirm_losses(seq);
        }
        if let Some(mut block) = block {
            block.deliver(first_seq, began, now, self.shared.host.wall_micros());
            self.publisher.publish(hub, block, now);
        }
        if let Some(receipt) = self.publishing.take() {
            self.shared.note_published(receipt);
        }
        self.shared.names.lock().left = left;
    }

    /// Reports the last losses to readers. Nothing else is left.
    fn publish_losses(&mut self) {
        loop {
            let mut queue = self.shared.queue.lock();
            let now = self.shared.host.now();
            let Next::Batch(taken) = queue.poll(now) else { return };
            let lost = taken.gap_seq.and_then(|seq| queue.gap(seq)).cloned();
            self.ledger = self.shared.seen(queue.ledger());
            drop(queue);
            self.publish(taken, lost.as_ref(), now.as_micros());
            self.shared.settle(&mut self.shared.queue.lock(), now);
        }
    }

    /// Drops a part of what was abandoned in the queue. Returns whether something is left.
    fn discard_part(&mut self) -> bool {
        let mut queue = self.shared.queue.lock();
        let is_more = queue.discard(PART, self.shared.host.now());
        if !is_more {
            let activity = std::mem::take(queue.telemetry());
            self.activity.add(Activity { polled: None, ..activity });
        }
        is_more
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        // A runner may have ended it already.
        let is_drained = self.shared.queue.lock().is_drained();
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

/// Most batches until readers have a chance to run: one wake-up serves them all.
const IN_A_ROW: usize = 8;

/// Conversations whose idleness is looked at with each batch.
const LOOK: usize = 8;

/// Most updates that are discarded under the lock of the bus at once.
const PART: usize = 256;

/// What the delivery learns of the queue at once.
#[allow(clippy::large_enum_variant)] // moved once for each batch
enum Polled {
    Wait(Option<Instant>),
    /// With the gap in front of it.
    Batch(Taken, Option<Box<Lost>>),
    /// The queue is closed and empty, and everything is settled.
    Drained,
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
    pub(crate) fn settle(&self, queue: &mut Queue<Activity>, now: Instant) -> bool {
        let Some(receipt) = self.published.lock().take() else { return false };
        *self.flushed.lock() = Some(queue.settle(receipt, Accepted::All, now));
        true
    }

    /// Closes the bus and counts what is queued as dropped, without visiting it: the delivery
    /// discards it. Returns how many updates that are. O(1).
    pub(crate) fn abandon(&self, queue: &mut Queue<Activity>, now: Instant) -> u64 {
        queue.close(now);
        self.settle(queue, now);
        let ledger = queue.ledger();
        match self.abandoned_at.set(ledger) {
            Ok(()) => ledger.queued,
            Err(_) => 0,
        }
    }
}
