//! The runner: waits for a wake-up or the deadline, polls, hands on.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{Batch, Instant, Item, Update};

use crate::clock;
use crate::outgoing::Outgoing;
use crate::report::Report;
use crate::shared::Names;
use crate::status::Status;

/// Room for a batch of up to `BATCH` updates, which a [`Runner`] fills.
///
/// Keep it in the task that delivers. A larger one costs RAM, the size of a message each, and has
/// the lock held for longer while it is filled; a smaller one means to write more often under load.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Buffer<U, const BATCH: usize>([Item<U>; BATCH]);

impl<U, const BATCH: usize> Buffer<U, BATCH> {
    /// Room with nothing in it.
    #[must_use]
    #[inline(always)]
    pub const fn new() -> Self {
        const { assert!(BATCH > 0 && BATCH <= 65_534, "a batch has 1 to 65,534 updates") };
        Self([const { Item::VACANT }; BATCH])
    }

    pub(crate) const fn items(&mut self) -> &mut [Item<U>] {
        &mut self.0
    }
}

impl<U, const BATCH: usize> Default for Buffer<U, BATCH> {
    fn default() -> Self {
        Self::new()
    }
}

/// Hands on what is sent, batch by batch, to whoever asks for the [next](Self::next) one. A bus has
/// one at a time.
///
/// It sleeps until an update comes or the oldest is due, with one timer, and with none while nothing
/// is queued. When it is dropped, what was not accepted of its last batch is counted as lost, and
/// there may be another one.
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
pub struct Runner<
    's,
    'b,
    M: RawMutex,
    U: Update,
    const SLOTS: usize,
    T: Report = (),
    const CATEGORIES: usize = 7,
    const GAPS: usize = 4,
> {
    pub(crate) status: &'s Status<M, U, SLOTS, T, CATEGORIES, GAPS>,
    pub(crate) batch: Batch<U, &'b mut [Item<U>], GAPS>,
    /// The position of the first update of the batch.
    pub(crate) first: u64,
    /// Everything up to this position is accepted.
    pub(crate) accepted: u64,
    pub(crate) handed_on: Instant,
    /// A batch was handed on without letting other tasks run.
    hasty: bool,
    teller: T,
}

/// There is a runner already: a bus has one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AlreadyRunning;

impl fmt::Display for AlreadyRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bus has a runner already: deliver in one task only")
    }
}

impl core::error::Error for AlreadyRunning {}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>
    Status<M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    /// The one who hands on what is sent. The batch size of the configuration becomes at most what
    /// the buffer holds.
    ///
    /// # Errors
    /// There is one already.
    pub fn runner<'s, 'b, const BATCH: usize>(
        &'s self,
        buffer: &'b mut Buffer<U, BATCH>,
    ) -> Result<Runner<'s, 'b, M, U, SLOTS, T, CATEGORIES, GAPS>, AlreadyRunning> {
        Runner::begin(self, buffer.items())
    }
}

impl<'s, 'b, M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>
    Runner<'s, 'b, M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    fn begin(
        status: &'s Status<M, U, SLOTS, T, CATEGORIES, GAPS>,
        items: &'b mut [Item<U>],
    ) -> Result<Self, AlreadyRunning> {
        let most = u16::try_from(items.len()).unwrap_or(u16::MAX);
        let begun = status.with(|state| {
            if state.running {
                return false;
            }
            (state.running, state.batch) = (true, most);
            true
        });
        if begun != Some(true) {
            return Err(AlreadyRunning);
        }
        let config = status.config();
        if config.values().batch_size > usize::from(most) {
            status.reconfigure(config);
        }
        Ok(Self {
            status,
            batch: Batch::with_items(items),
            first: 0,
            accepted: 0,
            handed_on: Instant::ZERO,
            hasty: false,
            teller: T::default(),
        })
    }

    /// Waits for the next batch. `None`: the bus is closed and everything is handed on. What was not
    /// [accepted](Outgoing::accept) of the batch before is dropped, and told as a gap.
    ///
    /// A future that is dropped while it waits costs nothing. In between two batches other tasks get a
    /// turn.
    #[must_use = "nothing is handed on until it is awaited"]
    pub const fn next<'r>(&'r mut self) -> Next<'r, 's, 'b, M, U, SLOTS, T, CATEGORIES, GAPS> {
        Next { runner: Some(self) }
    }

    /// Settles the last batch. All of it is accepted, or what was [accepted](Outgoing::accept).
    pub(crate) fn settle(&mut self, extent: Extent) {
        let Self { status, batch, .. } = self;
        let passed = self.accepted.saturating_add(1).saturating_sub(self.first);
        let passed = usize::try_from(passed).unwrap_or(usize::MAX);
        let now = clock::now();
        let waiting = status.call(|state| {
            match extent {
                Extent::All => state.bus.delivered(batch, now),
                Extent::Accepted => state.bus.failed(batch, passed, now),
            }
            state.settled = Some(state.bus.flushed());
            state.take_waiting()
        });
        for waker in waiting.into_iter().flatten().flatten() {
            waker.wake();
        }
    }

    /// Takes the next batch, if one is due; else is woken when to look again.
    fn poll_bus(&mut self, cx: &Context<'_>) -> Polled {
        let Self { status, batch, .. } = self;
        let now = clock::now();
        // wakers are cloned and dropped outside of the lock: what they do then is not ours
        let mut waker = Some(cx.waker().clone());
        let polled = status.with(|state| {
            let polled = if state.bus.poll(batch, now) {
                match state.given_up {
                    true => Polled::Unwanted,
                    false => Polled::Batch(state.names),
                }
            } else {
                core::mem::swap(&mut state.runner, &mut waker);
                match state.bus.is_drained() {
                    true => Polled::Drained,
                    false => Polled::Wait(state.bus.poll_at()),
                }
            };
            (polled, core::mem::take(state.bus.telemetry()))
        });
        let Some((polled, heard)) = polled else { return Polled::Wait(Some(now)) };
        self.teller.report(heard);
        if let Polled::Batch(_) | Polled::Unwanted = polled {
            self.first = self.batch.iter().next().map_or(0, |handed| handed.seq);
            self.accepted = self.first.saturating_sub(1);
            (self.handed_on, self.hasty) = (now, true);
        }
        polled
    }

    /// Drops whatever is left. Nobody waits for it.
    pub(crate) fn discard(&mut self) {
        let now = clock::now();
        while self.status.with(|state| state.bus.poll(&mut self.batch, now)) == Some(true) {
            (self.first, self.accepted) = (1, 0);
            self.settle(Extent::Accepted);
        }
    }
}

/// How much of a batch is accepted.
#[derive(Clone, Copy)]
pub(crate) enum Extent {
    All,
    Accepted,
}

enum Polled {
    Batch(Names),
    /// A batch, but nobody waits for it.
    Unwanted,
    Wait(Option<Instant>),
    Drained,
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> Drop
    for Runner<'_, '_, M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    fn drop(&mut self) {
        self.settle(Extent::Accepted);
        let _ = self.status.with(|state| (state.running, state.batch) = (false, 0));
    }
}

/// Waits for the next batch: see [`Runner::next`].
// Written by hand: an `async fn` that comes to an end brings a panic for who polls it once more.
#[must_use = "nothing is handed on until it is awaited"]
pub struct Next<
    'r,
    's,
    'b,
    M: RawMutex,
    U: Update,
    const SLOTS: usize,
    T: Report = (),
    const CATEGORIES: usize = 7,
    const GAPS: usize = 4,
> {
    runner: Option<&'r mut Runner<'s, 'b, M, U, SLOTS, T, CATEGORIES, GAPS>>,
}

impl<'r, 's, 'b, M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> Future
    for Next<'r, 's, 'b, M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    type Output = Option<Outgoing<'r, 's, 'b, M, U, SLOTS, T, CATEGORIES, GAPS>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { runner } = &mut *self;
        let Some(at_work) = runner else { return Poll::Pending };
        if core::mem::take(&mut at_work.hasty) {
            at_work.settle(Extent::Accepted);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            match at_work.poll_bus(cx) {
                Polled::Batch(names) => {
                    return Poll::Ready(runner.take().map(|runner| Outgoing { runner, names }));
                }
                Polled::Unwanted => at_work.settle(Extent::Accepted),
                Polled::Drained => return Poll::Ready(None),
                Polled::Wait(None) => return Poll::Pending,
                Polled::Wait(Some(at)) => return clock::wake_at(at, cx),
            }
        }
    }
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> fmt::Debug
    for Runner<'_, '_, M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> fmt::Debug
    for Next<'_, '_, '_, M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").finish_non_exhaustive()
    }
}
