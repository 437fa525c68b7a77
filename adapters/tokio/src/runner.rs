//! The runner: waits for a wake-up or the deadline, polls, hands on.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use statusbus_core::{Accepted, Instant, Item, Ledger, Polled, Receipt};

use crate::buffers::Buffers;
use crate::bus_call::BusCall;
use crate::clock::wall;
use crate::parcel::Posts;
use crate::publisher::{Lost, Publisher};
use crate::shared::{Core, Heard, Shared};
use crate::telemetry::Reporter;

/// The task that delivers updates: from [`Builder::build`](crate::Builder::build). Spawn
/// [`run`](Self::run). If it is dropped earlier, the bus closes and what is queued counts as dropped by the
/// [sink](crate::DropReason::Sink).
#[must_use = "nothing is delivered until the runner is run"]
pub struct Runner {
    shared: Arc<Shared>,
    publisher: Publisher,
    batch: Posts,
    /// Of the batch that is being published.
    publishing: Option<Receipt>,
    /// What is still to be reported.
    heard: Heard,
    bus_call: BusCall,
    reporter: Reporter,
}

impl Runner {
    pub(crate) fn new(shared: Arc<Shared>, publisher: Publisher) -> Self {
        let batch = Posts::with_items(Box::default());
        let (bus_call, reporter) = (BusCall::default(), Reporter::default());
        let (publishing, heard) = (None, Heard::default());
        Self { shared, publisher, batch, publishing, heard, bus_call, reporter }
    }

    /// Delivers updates until the bus is closed and everything is delivered. At most one wake-up is
    /// outstanding. While the bus is idle, it sleeps without a timer.
    ///
    /// A panic of a metrics recorder, a log subscriber or a reader's waker is contained and
    /// [counted](crate::Status::panics), and costs no update. After any other panic in delivery the batch
    /// counts as dropped by the [sink](crate::DropReason::Sink), and the runner continues.
    ///
    /// # Panics
    /// At once, if the runtime has no timers.
    pub async fn run(mut self) {
        need_timers();
        loop {
            let delivered = {
                let deliver = pin!(self.deliver());
                Contained(deliver).await
            };
            let Err(panic) = delivered else { return };
            self.shared.panics.fetch_add(1, Ordering::Relaxed);
            self.settle_failed();
            self.shared.contain(|| {
                tracing::error!(panic, "delivery panicked and was restarted");
            });
            tokio::task::yield_now().await;
        }
    }

    async fn deliver(&mut self) {
        loop {
            if self.shared.is_abandoned() {
                self.discard().await;
            }
            // 1. Settle the last batch and take the next one.
            let Taken { settled, polled, lost, drained, ledger } = self.take();
            if settled && self.shared.flushing.load(Ordering::Acquire) > 0 {
                self.shared.settled.notify_waiters();
            }
            // 2. Deliver it, tell of it, and let readers run.
            let Polled::Wait(poll_at) = polled else {
                let now = self.shared.clock.now().as_micros();
                self.publish(lost.as_deref(), now, &ledger);
                self.publisher.wake(&self.shared);
                self.report(&ledger);
                self.shared.names.lock().look(LOOK, now);
                self.call_everyone();
                tokio::task::yield_now().await;
                continue;
            };
            self.report(&ledger);
            let call_at = self.call_everyone();
            if drained {
                return;
            }
            // 3. Nothing is due: sleep until the deadline or until woken.
            let poll_at = poll_at.into_iter().chain(call_at).min();
            let deadline = poll_at.map(|at| self.shared.clock.timer_at(at));
            let woken = self.shared.wake.notified();
            match deadline {
                None => woken.await,
                Some(deadline) => {
                    let _ = tokio::time::timeout_at(deadline, woken).await;
                }
            }
        }
    }

    /// Wakes everyone who waits, if there is a loss of the whole bus to tell and it is time. Answers
    /// when it will be.
    fn call_everyone(&mut self) -> Option<Instant> {
        let last_loss = self.shared.hub.bus_loss_seq();
        if !self.bus_call.is_owed(last_loss) {
            return None;
        }
        let interval = self.shared.bus.lock().config().flush_interval();
        if self.bus_call.is_due(last_loss, interval, self.shared.clock.now()) {
            let mut wakers = Vec::new();
            self.shared.hub.wake_everyone(&mut wakers);
            for waker in wakers {
                self.shared.contain(|| waker.wake());
            }
        }
        self.bus_call.due_at(last_loss, interval)
    }

    /// Settles the last batch and takes the next one.
    fn take(&mut self) -> Taken {
        let mut bus = self.shared.bus.lock();
        let now = self.shared.clock.now();
        let settled = self.shared.settle(&mut bus, now);
        let (queued, most) = (bus.ledger().queued as usize, bus.config().batch_size());
        let size = Buffers::size(queued, most);
        if self.batch.capacity() != size && (queued > 0 || self.batch.capacity() == 0) {
            bus.settle(&mut self.batch, Accepted::First(0), now);
            let buffers = &mut self.publisher.buffers;
            let other = std::mem::replace(&mut self.batch, Posts::with_items(buffers.take(size)));
            buffers.put(other.into_items());
        }
        // What was abandoned just now is not delivered: the runner has been woken to discard it.
        let discards = queued > 0 && self.shared.is_abandoned();
        let polled = match discards {
            true => Polled::Wait(bus.poll_at()),
            false => bus.poll(&mut self.batch, now),
        };
        let lost = bus.gap(&self.batch).cloned().map(Box::new);
        self.heard.hear_more(std::mem::take(bus.telemetry()));
        let (drained, ledger) = (bus.is_drained(), self.shared.ledger_of(&bus));
        Taken { settled, polled, lost, drained, ledger }
    }

    /// Drops what is queued in parts, and lets others run in between.
    async fn discard(&mut self) {
        let mut part = batch(PART);
        while self.shared.discard(&mut part) {
            tokio::task::yield_now().await;
        }
        let heard = std::mem::take(self.shared.bus.lock().telemetry());
        self.heard.hear_more(Heard { polled: None, ..heard });
    }

    /// Publishes the gap and the batch behind it. Should it panic, what was in the batch is not accepted
    /// by the sink, and the gap, unless readers have it, is reported with the next one.
    fn publish(&mut self, lost: Option<&Lost>, now: u64, ledger: &Ledger) {
        self.publishing = Some(self.batch.take_receipt());
        if let Some(lost) = lost {
            self.publisher.report(&self.shared, lost);
            self.shared.bus.lock().confirm_losses(&self.batch, usize::MAX);
        }
        let buffer = self.publisher.buffers.take(self.batch.capacity());
        let posts = std::mem::replace(&mut self.batch, Posts::with_items(buffer));
        let size = posts.len() as u64;
        self.publisher.publish(&self.shared, posts, now, wall());
        if let Some(receipt) = self.publishing.take() {
            self.shared.note_published(receipt);
        }
        self.shared.names.lock().departures.batch(size, ledger.sent, ledger.queued);
    }

    /// Settles a batch of which nobody knows whether readers have it, if there is one.
    fn settle_failed(&mut self) {
        if let Some(receipt) = self.publishing.take() {
            self.shared.with_bus(|bus, now| bus.settle_receipt(receipt, Accepted::First(0), now));
            self.shared.settled.notify_waiters();
        }
    }

    fn report(&mut self, ledger: &Ledger) {
        let heard = std::mem::take(&mut self.heard);
        let Self { shared, reporter, .. } = self;
        shared.contain(|| reporter.report_overflow(&heard, ledger));
        shared.contain(|| reporter.report(shared, &heard, ledger));
    }

    /// Tells readers what was lost in the end. Nothing else is left.
    fn tell_losses(&mut self) {
        loop {
            let mut bus = self.shared.bus.lock();
            let now = self.shared.clock.now();
            if bus.poll(&mut self.batch, now) != Polled::Batch {
                return;
            }
            let lost = bus.gap(&self.batch).cloned();
            let ledger = self.shared.ledger_of(&bus);
            drop(bus);
            self.publish(lost.as_ref(), now.as_micros(), &ledger);
            self.shared.settle(&mut self.shared.bus.lock(), now);
        }
    }
}

/// A runtime without timers is a mistake that is better told at once than with the first deadline.
///
/// # Panics
/// There are no timers, or there is no runtime.
pub(crate) fn need_timers() {
    drop(tokio::time::sleep(Duration::ZERO));
}

/// Conversations whose idleness is looked at with each batch.
const LOOK: usize = 8;

fn batch(size: usize) -> Posts {
    Posts::with_items((0..size).map(|_| Item::VACANT).collect())
}

/// The runner ends: by itself when everything is delivered, or because its runtime does.
impl Drop for Runner {
    fn drop(&mut self) {
        if self.batch.capacity() == 0 {
            self.batch = batch(1);
        }
        self.settle_failed();
        let lost = self.shared.with_bus(|bus, now| {
            bus.close(now);
            bus.settle(&mut self.batch, Accepted::First(0), now);
            self.shared.abandon(bus, now)
        });
        let mut part = batch(PART);
        while self.shared.discard(&mut part) {}
        let shared = Arc::clone(&self.shared);
        shared.contain(|| self.tell_losses());
        self.settle_failed();
        let (heard, ledger) = {
            let mut bus = self.shared.bus.lock();
            (std::mem::take(bus.telemetry()), self.shared.ledger_of(&bus))
        };
        self.heard.hear_more(Heard { polled: None, ..heard });
        self.report(&ledger);
        if lost > 0 {
            self.shared.contain(|| {
                tracing::warn!(
                    lost,
                    "the runner was dropped before the queue was empty: updates are lost"
                );
            });
        }
        self.publisher.close(&self.shared.hub);
        self.publisher.wake(&self.shared);
        self.shared.ended.store(true, Ordering::Release);
        self.shared.settled.notify_waiters();
    }
}

/// What the runner learns of the bus in one go.
struct Taken {
    /// A batch was settled.
    settled: bool,
    polled: Polled,
    /// The gap in front of the batch.
    lost: Option<Box<Lost>>,
    drained: bool,
    ledger: Ledger,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

impl Shared {
    /// Notes that readers have a batch: from now on everybody can settle it.
    fn note_published(&self, receipt: Receipt) {
        *self.published.lock() = Some(receipt);
        // Looked at behind that lock, in which a shutdown that has abandoned the queue looks for it.
        if self.is_abandoned() {
            self.settled.notify_waiters();
        }
    }

    /// Settles the batch that was published last. Answers whether there was one.
    fn settle(&self, bus: &mut Core, now: Instant) -> bool {
        let Some(receipt) = self.published.lock().take() else { return false };
        bus.settle_receipt(receipt, Accepted::All, now);
        *self.flushed.lock() = Some(bus.flushed());
        true
    }

    /// Closes the bus and counts what is queued as dropped, without visiting it: the runner
    /// [discards](Self::discard) it. Answers how many. O(1).
    fn abandon(&self, bus: &mut Core, now: Instant) -> u64 {
        bus.close(now);
        self.settle(bus, now);
        let ledger = bus.ledger();
        match self.abandoned_at.set(ledger) {
            Ok(()) => ledger.queued,
            Err(_) => 0,
        }
    }

    /// Drops a part of what is queued. Answers whether something is left.
    fn discard(&self, part: &mut Posts) -> bool {
        let mut bus = self.bus.lock();
        let now = self.clock.now();
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

/// Most updates that are discarded under the lock of the bus in one go.
const PART: usize = 256;

pub(crate) async fn flush(shared: &Shared) {
    let mark = shared.with_bus(Core::flush);
    let _waiting = Waiting::new(shared);
    settled_until(shared, || {
        let flushed = shared.flushed.lock().is_some_and(|flushed| mark.is_reached_by(flushed));
        let idle = || {
            let ledger = shared.ledger();
            ledger.queued + ledger.in_flight == 0
        };
        flushed || shared.ended.load(Ordering::Acquire) || idle()
    })
    .await;
}

/// Waits until something holds, looking at it whenever a batch is settled and when the runner ends.
async fn settled_until(shared: &Shared, mut holds: impl FnMut() -> bool) {
    loop {
        let mut settled = pin!(shared.settled.notified());
        settled.as_mut().enable();
        if holds() {
            return;
        }
        settled.await;
    }
}

/// Makes the runner tell when it has settled a batch.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.flushing.fetch_add(1, Ordering::AcqRel);
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.flushing.fetch_sub(1, Ordering::AcqRel);
    }
}

pub(crate) async fn shutdown(shared: &Shared, timeout: Duration) -> Ledger {
    let deadline = tokio::time::Instant::now().checked_add(timeout);
    shared.with_bus(Core::close);
    let all = pin!(async {
        settled_until(shared, || shared.ended.load(Ordering::Acquire)).await;
        shared.hub.all_left().await;
    });
    if before(deadline, all).await {
        return shared.ledger();
    }
    // From here on nothing depends on how much is queued or on what the readers do.
    let lost = shared.with_bus(|bus, now| shared.abandon(bus, now));
    shared.settled.notify_waiters();
    shared.wake.notify_one();
    let readers = shared.hub.readers();
    shared.contain(|| {
        tracing::warn!(lost, readers, "the shutdown timed out before everything was read");
    });
    // The runner may be publishing a batch on another thread. What becomes of it is soon known.
    settled_until(shared, || {
        shared.with_bus(|bus, now| {
            shared.settle(bus, now);
            bus.ledger().in_flight == 0
        })
    })
    .await;
    shared.ledger()
}

/// Whether a future ends before the deadline; without one, whenever it does. Unlike a timeout of the
/// runtime it looks at the clock itself: a runtime that has much to poll looks at its timers late.
async fn before(deadline: Option<tokio::time::Instant>, mut all: Pin<&mut impl Future>) -> bool {
    let Some(deadline) = deadline else {
        all.await;
        return true;
    };
    let mut timer = pin!(tokio::time::sleep_until(deadline));
    std::future::poll_fn(|cx| {
        if all.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        let is_over = timer.as_mut().poll(cx).is_ready() || tokio::time::Instant::now() >= deadline;
        if is_over { Poll::Ready(false) } else { Poll::Pending }
    })
    .await
}

/// A future whose panic is an answer.
pub(crate) struct Contained<F>(pub(crate) F);

impl<F: Future + Unpin> Future for Contained<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = Pin::new(&mut self.0);
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(message(&*panic))),
        }
    }
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
