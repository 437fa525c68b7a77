//! The runner: waits for a wake-up or the deadline, polls, hands on.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::Timer;
use statusbus_core::{Instant, Item, Update};

use crate::clock;
use crate::report::Report;
use crate::sink::{Outgoing, Refusal, Sink};
use crate::status::Status;

/// There is a runner already: a bus has one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyRunning;

impl fmt::Display for AlreadyRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bus has a runner already: run it in one task only")
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
    /// Hands batches of at most `BATCH` updates to a sink, until the bus is
    /// [closed](Self::close) and everything is handed on: run it in a task of its own.
    ///
    /// It sleeps until an update comes or the oldest is due, with one timer, and with none while
    /// nothing is queued. The future holds `BATCH` messages. When it is dropped, what the sink has
    /// not accepted is counted as lost, and another one may be run.
    ///
    /// # Errors
    /// At once, if it is running already.
    pub async fn run<const BATCH: usize>(
        &self,
        mut sink: impl Sink<U, GAPS>,
    ) -> Result<(), AlreadyRunning> {
        const { assert!(BATCH > 0 && BATCH <= 65_534, "a batch has 1 to 65,534 updates") };
        let mut items = [const { Item::VACANT }; BATCH];
        let mut flight = Flight::begin(self, &mut items)?;
        loop {
            match flight.next() {
                Next::Batch => flight.deliver(&mut sink).await,
                Next::Wait(until) => flight.wait(until).await,
                Next::Drained => return Ok(()),
            }
        }
    }
}

/// What there is to do.
enum Next {
    Batch,
    Wait(Option<Instant>),
    Drained,
}

/// Whoever has this runs the bus. What is in its batch is settled whatever happens to it.
pub(crate) struct Flight<
    's,
    'b,
    M: RawMutex,
    U: Update,
    T: Report,
    const SLOTS: usize,
    const CATEGORIES: usize,
    const GAPS: usize,
> {
    status: &'s Status<M, U, SLOTS, T, CATEGORIES, GAPS>,
    out: Outgoing<'b, U, GAPS>,
}

impl<'s, 'b, M, U, T, const SLOTS: usize, const CATEGORIES: usize, const GAPS: usize>
    Flight<'s, 'b, M, U, T, SLOTS, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    pub(crate) fn begin(
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
        let flight = Self { status, out: Outgoing::new(items) };
        let config = status.config();
        if config.values().batch_size > usize::from(most) {
            status.reconfigure(config);
        }
        Ok(flight)
    }

    /// Takes the next batch, if one is due.
    fn next(&mut self) -> Next {
        let Self { status, out } = self;
        let now = clock::now();
        let next = status.with(|state| {
            state.look();
            if state.bus.poll(&mut out.batch, now) {
                out.begin(now, state.names);
                return (Next::Batch, core::mem::take(state.bus.telemetry()));
            }
            let next = match state.bus.is_drained() {
                true => Next::Drained,
                false => Next::Wait(state.bus.poll_at()),
            };
            (next, core::mem::take(state.bus.telemetry()))
        });
        let Some((next, heard)) = next else { return Next::Wait(Some(now)) };
        heard.report();
        next
    }

    /// Drops what is left, because nobody waits for it any more.
    pub(crate) fn give_up(&mut self) {
        while let Next::Batch = self.next() {
            self.settle(false);
        }
    }

    async fn deliver(&mut self, sink: &mut impl Sink<U, GAPS>) {
        let mut given_way = false;
        let accepted = loop {
            match self.hand_to(sink, &mut given_way).await {
                Some(Ok(())) => break true,
                Some(Err(Refusal::Update(seq))) if self.leave_out(seq) => {}
                Some(Err(_)) | None => break false,
            }
        };
        self.settle(accepted);
        if !given_way {
            give_way().await;
        }
    }

    /// `None`: the rest is given up.
    async fn hand_to(
        &mut self,
        sink: &mut impl Sink<U, GAPS>,
        given_way: &mut bool,
    ) -> Option<Result<(), Refusal>> {
        let Self { status, out } = self;
        let mut taking = pin!(sink.take(out));
        poll_fn(|cx| match taking.as_mut().poll(cx) {
            Poll::Ready(taken) => Poll::Ready(Some(taken)),
            Poll::Pending if status.is_given_up(cx) => Poll::Ready(None),
            Poll::Pending => {
                *given_way = true;
                Poll::Pending
            }
        })
        .await
    }

    /// Waits until the bus wants to be polled.
    async fn wait(&mut self, until: Option<Instant>) {
        let mut timer = until.map(|until| Timer::at(clock::timer_at(until)));
        let status = self.status;
        poll_fn(|cx| {
            if status.is_woken(cx) {
                return Poll::Ready(());
            }
            match &mut timer {
                Some(timer) => Pin::new(timer).poll(cx),
                None => Poll::Pending,
            }
        })
        .await;
    }

    /// Drops one update that the sink cannot take; answers whether it was there.
    fn leave_out(&mut self, seq: u64) -> bool {
        let Self { status, out } = self;
        let now = clock::now();
        status.with(|state| state.bus.failed_at(&mut out.batch, seq, now).is_some()) == Some(true)
    }

    fn settle(&mut self, accepted: bool) {
        let Self { status, out } = self;
        let (now, passed) = (clock::now(), out.passed());
        let waiting = status.call(|state| {
            match accepted {
                true => state.bus.delivered(&mut out.batch, now),
                false => state.bus.failed(&mut out.batch, passed, now),
            }
            state.settled = Some(state.bus.flushed());
            state.take_waiting()
        });
        for waker in waiting.into_iter().flatten().flatten() {
            waker.wake();
        }
    }
}

impl<M, U, T, const SLOTS: usize, const CATEGORIES: usize, const GAPS: usize> Drop
    for Flight<'_, '_, M, U, T, SLOTS, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    fn drop(&mut self) {
        self.settle(false);
        let _ = self.status.with(|state| (state.running, state.batch) = (false, 0));
    }
}

/// Lets the other tasks run.
async fn give_way() {
    let mut gave = false;
    poll_fn(|cx| {
        if core::mem::replace(&mut gave, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
