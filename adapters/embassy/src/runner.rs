//! The runner, which takes batches from the bus, and the batch that it hands to a sink.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};

use statusbus_core::{BatchUpdate, Category, FlushReason, Instant, Update};

use crate::bus::{Buffered, Names, Polled, StatusBus, category_name};
use crate::clock;
use crate::event::GapEntry;

/// Takes batches from the bus, one [after the other](Self::next). A bus has one runner at a time.
///
/// It sleeps until an update arrives or a batch is due: with one timer, and without one while the bus
/// is idle. Dropping it drops and counts what was not accepted of its last batch; afterwards
/// the bus can have another one.
///
/// ```no_run
/// # use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
/// # use statusbus_embassy::{Buffer, Message, Status};
/// # static STATUS: Status<CriticalSectionRawMutex, Message<64>, 32> = Status::new();
/// # struct Display;
/// # impl Display { async fn show(&mut self, _: &str) {} }
/// async fn deliver(mut display: Display) {
///     let mut buffer = Buffer::<_, 16>::new();
///     let Ok(mut runner) = STATUS.runner(&mut buffer) else { return };
///     while let Some(mut batch) = runner.next().await {
///         for handed in batch.updates() {
///             display.show(handed.update.text()).await;
///         }
///         batch.delivered();
///     }
/// }
/// ```
pub struct Runner<'a, B: StatusBus> {
    bus: &'a B,
    batch: &'a mut Buffered<B>,
    /// The sink accepted this many updates from the start of the batch.
    accepted: usize,
    polled_at: Instant,
    /// The batch is not settled.
    is_in_flight: bool,
    /// The last call of [`next`](Self::next) yielded a batch without letting other tasks run.
    must_yield: bool,
    /// Telemetry outside of the lock.
    reporter: B::Telemetry,
}

/// The bus has a runner already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AlreadyRunning;

impl fmt::Display for AlreadyRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bus has a runner already: deliver in one task only")
    }
}

impl core::error::Error for AlreadyRunning {}

impl<'a, B: StatusBus> Runner<'a, B> {
    pub(crate) fn new(bus: &'a B, batch: &'a mut Buffered<B>) -> Result<Self, AlreadyRunning> {
        if !bus.register_runner(u16::try_from(batch.capacity()).unwrap_or(u16::MAX)) {
            return Err(AlreadyRunning);
        }
        Ok(Self {
            bus,
            batch,
            accepted: 0,
            polled_at: Instant::ZERO,
            is_in_flight: false,
            must_yield: false,
            reporter: B::Telemetry::default(),
        })
    }

    /// Waits for the next batch. `None`: the bus is closed and empty. What was not
    /// [accepted](Outgoing::accept) of the batch before is dropped and reported as a gap.
    ///
    /// A future that is dropped while it waits loses nothing. Between two batches other tasks run.
    // Not an `async fn`: one that ends links a panic for callers that poll it again.
    #[must_use = "a batch is taken when this is awaited"]
    pub fn next<'r>(&'r mut self) -> impl Future<Output = Option<Outgoing<'r, 'a, B>>> {
        let mut runner = Some(self);
        poll_fn(move |cx| {
            let Some(polled) = runner.as_mut().map(|runner| runner.poll_next(cx)) else {
                return Poll::Pending;
            };
            polled.map(|names| Some(Outgoing { runner: runner.take()?, names: names? }))
        })
    }

    /// The next batch: the names of the categories in it. `None`: there will be none.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Names>> {
        if core::mem::take(&mut self.must_yield) {
            self.settle();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            match self.poll(cx) {
                Polled::Batch(names) => return Poll::Ready(Some(names)),
                Polled::GivenUp => self.settle(),
                Polled::Drained => return Poll::Ready(None),
                Polled::Wait(None) => return Poll::Pending,
                Polled::Wait(Some(at)) => return clock::wake_at(at, cx),
            }
        }
    }

    /// Settles the batch, if it is in flight.
    #[inline(never)]
    fn settle(&mut self) {
        if core::mem::take(&mut self.is_in_flight) {
            self.bus.settle(self.batch, self.accepted);
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Polled {
        let now = clock::now();
        let polled = self.bus.poll(self.batch, &mut self.reporter, cx, now);
        if let Polled::Batch(_) | Polled::GivenUp = polled {
            self.accepted = 0;
            self.polled_at = now;
            self.is_in_flight = true;
            self.must_yield = true;
        }
        polled
    }

    /// Drops everything that is queued, until nothing is due.
    pub(crate) fn discard(&mut self, cx: &Context<'_>) {
        while let Polled::Batch(_) | Polled::GivenUp = self.poll(cx) {
            self.settle();
        }
    }
}

impl<B: StatusBus> Drop for Runner<'_, B> {
    fn drop(&mut self) {
        self.settle();
        self.bus.unregister_runner();
    }
}

/// A batch on its way to a sink: its gap, if there is one, then its updates, in order.
///
/// Settle it by [`delivered`](Self::delivered), or confirm losses one by one and
/// [`accept`](Self::accept) updates. What is not accepted when the [next](Runner::next) batch is taken,
/// or when the runner is dropped, counts as dropped and is reported as a gap.
#[must_use = "what is not accepted counts as dropped"]
pub struct Outgoing<'r, 'a, B: StatusBus> {
    runner: &'r mut Runner<'a, B>,
    names: Names,
}

impl<B: StatusBus> Outgoing<'_, '_, B> {
    /// The next entry of the gap in front of this batch: losses that were not confirmed. `None`: there is
    /// no gap, or all of it is confirmed. Takes the lock once.
    ///
    /// ```no_run
    /// # use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
    /// # use statusbus_embassy::{Message, Outgoing, Status};
    /// # type Bus = Status<CriticalSectionRawMutex, Message<64>, 32>;
    /// fn report_losses(batch: &mut Outgoing<'_, '_, Bus>, mut report: impl FnMut(u64)) {
    ///     while let Some(entry) = batch.gap() {
    ///         report(entry.missing());
    ///         batch.confirm_loss();
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn gap(&self) -> Option<GapEntry<<B::Message as Update>::Topic>> {
        self.runner.bus.gap(self.runner.batch)
    }

    /// The sink accepted the entry that [`gap`](Self::gap) returns, and is not to receive it again.
    pub fn confirm_loss(&mut self) {
        self.runner.bus.confirm_losses(self.runner.batch, 1);
    }

    /// The sink accepted the whole gap. If nothing of a batch is accepted, what is not confirmed of its
    /// gap is reported again with the next one.
    pub fn confirm_gap(&mut self) {
        self.runner.bus.confirm_losses(self.runner.batch, usize::MAX);
    }

    /// The updates that are not accepted yet, in order.
    pub fn updates(&self) -> impl Iterator<Item = BatchUpdate<'_, B::Message>> {
        self.runner.batch.iter_from(self.runner.accepted)
    }

    /// The sink accepted everything up to this position: it is delivered, even if the rest is not.
    pub const fn accept(&mut self, seq: u64) {
        let accepted = seq.saturating_add(1).saturating_sub(self.runner.batch.first_seq());
        // `usize` has 32 bits here.
        let accepted = if accepted > usize::MAX as u64 { usize::MAX } else { accepted as usize };
        if accepted > self.runner.accepted {
            self.runner.accepted = accepted;
        }
    }

    /// The sink accepted this many updates from the start of the batch.
    #[cfg(feature = "wire")]
    #[inline(always)]
    pub(crate) const fn accept_first(&mut self, updates: usize) {
        self.runner.accepted = updates;
    }

    /// How many updates from the start of the batch end with the one at this position, which is one of them.
    // A batch is short: the low bits suffice.
    #[cfg(feature = "wire")]
    #[inline(always)]
    pub(crate) const fn index_behind(&self, seq: u64) -> usize {
        (seq as u32).wrapping_sub(self.runner.batch.first_seq() as u32).wrapping_add(1) as usize
    }

    /// The sink cannot take the update at this position, for example because of its size: it is dropped,
    /// and the others stay. Returns whether the batch had it.
    #[allow(clippy::must_use_candidate)] // callers mostly know that it is there
    pub fn reject(&mut self, seq: u64) -> bool {
        self.runner.bus.reject(self.runner.batch, seq)
    }

    /// The sink accepted all of it, and its gap.
    pub fn delivered(self) {
        self.runner.accepted = usize::MAX;
        self.runner.settle();
    }

    /// Why the batch was due.
    #[must_use]
    pub const fn reason(&self) -> FlushReason {
        self.runner.batch.reason()
    }

    /// Microseconds since the batch left the queue. Its updates are this much older than their
    /// [waiting time](BatchUpdate::waited_micros) in the queue.
    #[must_use]
    pub fn age_micros(&self) -> u64 {
        clock::now().as_micros().saturating_sub(self.polled_at().as_micros())
    }

    /// The name of a category; empty if the bus does not have it.
    #[must_use]
    pub fn category_name(&self, category: Category) -> &'static str {
        category_name(category, self.names).unwrap_or_default()
    }

    /// Waits for a future, but not beyond the deadline of [`shutdown`](crate::Status::shutdown): `None` if
    /// that has passed. For sinks that can stall:
    /// `batch.unless_given_up(pin!(radio.send(..))).await`.
    pub fn unless_given_up<F: Future>(
        &self,
        mut future: Pin<&mut F>,
    ) -> impl Future<Output = Option<F::Output>> {
        poll_fn(move |cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.runner.bus.is_given_up(cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
    }

    /// Like [`unless_given_up`](Self::unless_given_up), and not beyond `until`.
    #[cfg(feature = "wire")]
    pub(crate) fn wait<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        until: Instant,
    ) -> impl Future<Output = Option<F::Output>> {
        poll_fn(move |cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.runner.bus.is_given_up(cx) || clock::now() >= until => {
                Poll::Ready(None)
            }
            Poll::Pending => clock::wake_at(until, cx),
        })
    }

    pub(crate) const fn polled_at(&self) -> Instant {
        self.runner.polled_at
    }

    #[cfg(feature = "wire")]
    pub(crate) const fn names(&self) -> Names {
        self.names
    }
}
