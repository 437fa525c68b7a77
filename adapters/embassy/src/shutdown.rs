//! Flush and shutdown.
// Not `async fn`: one that ends links a panic for callers that poll it again.

use core::future::{Future, poll_fn};
use core::task::{Context, Poll};

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::Duration;
use statusbus_core::{Instant, Ledger};

use crate::buffer::Buffer;
use crate::clock;
use crate::message::AnyMessage;
use crate::report::Report;
use crate::status::Status;

/// How long a sink may take to let go of its batch at the deadline of a shutdown.
const GRACE_MICROS: u64 = 10_000;

impl<M: RawMutex, U: AnyMessage, const SLOTS: usize, T: Report, const C: usize, const GAPS: usize>
    Status<M, U, SLOTS, T, C, GAPS>
{
    /// Makes everything sent before the call due now, and waits until it is settled. Needs a runner.
    /// One task can wait at a time; more take turns, which keeps the processor awake.
    pub fn flush(&self) -> impl Future<Output = ()> {
        let now = clock::now();
        let mark = self.inner.call(|state| state.bus.flush(now));
        poll_fn(move |cx| {
            self.inner.wait(cx);
            let is_done = self.inner.with(|state| {
                let ledger = state.bus.ledger();
                let is_reached = match (mark, state.settled) {
                    (Some(mark), Some(settled)) => mark.is_reached_by(settled),
                    _ => mark.is_none(),
                };
                is_reached || ledger.queued + ledger.in_flight == 0
            });
            if is_done == Some(false) { Poll::Pending } else { Poll::Ready(()) }
        })
    }

    /// Closes the bus and waits until everything is settled, for at most `deadline`. What is left then is
    /// dropped and counted.
    ///
    /// At the deadline a sink has 10 ms to let go of its batch: [`Frames`](crate::Frames) does so at once,
    /// others by [`unless_given_up`](crate::Outgoing::unless_given_up). A batch that is not settled by then
    /// stays in flight in the ledger.
    pub fn shutdown(&self, deadline: Duration) -> impl Future<Output = Ledger> {
        self.close();
        let mut until = clock::after(clock::span(deadline));
        let mut is_given_up = false;
        poll_fn(move |cx| {
            let mut wait = self.wait_for_end(until, cx);
            if wait == Wait::TooLate && !is_given_up {
                is_given_up = true;
                until = clock::after(GRACE_MICROS);
                self.give_up(cx);
                wait = self.wait_for_end(until, cx);
            }
            if wait == Wait::Pending { Poll::Pending } else { Poll::Ready(self.ledger()) }
        })
    }

    fn wait_for_end(&self, until: Instant, cx: &mut Context<'_>) -> Wait {
        self.inner.wait(cx);
        if self.inner.with(|state| state.bus.is_drained()) != Some(false) {
            return Wait::Ended;
        }
        if clock::now() >= until {
            return Wait::TooLate;
        }
        let _: Poll<()> = clock::wake_at(until, cx);
        Wait::Pending
    }

    /// Drops what is left: in the runner, or here if the bus has no runner.
    fn give_up(&self, cx: &Context<'_>) {
        let waker = self.inner.with(|state| {
            state.is_given_up = true;
            state.runner.take()
        });
        if let Some(waker) = waker.flatten() {
            waker.wake();
        }
        if let Ok(mut runner) = self.runner(&mut Buffer::<_, 1>::new()) {
            runner.discard(cx);
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Wait {
    Ended,
    Pending,
    TooLate,
}
