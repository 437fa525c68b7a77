//! Waiting for what was sent: flush and shutdown.
// Written by hand: an `async fn` that comes to an end brings a panic for who polls it once more.

use core::future::{Future, poll_fn};
use core::task::{Context, Poll};

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::Duration;
use statusbus_core::{Instant, Ledger, Update};

use crate::clock;
use crate::report::Report;
use crate::runner::Buffer;
use crate::status::Status;

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>
    Status<M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    /// Has everything sent before the call handed on now, and waits until it is settled. It needs a
    /// runner. Two tasks can wait at once; more take turns, and keep the processor awake.
    pub fn flush(&self) -> impl Future<Output = ()> {
        let now = clock::now();
        let mark = self.call(|state| state.bus.flush(now));
        poll_fn(move |cx| {
            self.wait(cx);
            let done = self.with(|state| {
                let ledger = state.bus.ledger();
                state.settled >= mark || ledger.queued + ledger.in_flight == 0
            });
            if done == Some(false) { Poll::Pending } else { Poll::Ready(()) }
        })
    }

    /// Closes the bus, has everything handed on, and waits until it is settled, for at most
    /// `deadline`. What is left then is dropped and counted.
    ///
    /// What a sink holds at the deadline it has to let go of itself, as [`Frames`](crate::Frames) does
    /// at once and [`unless_given_up`](crate::Outgoing::unless_given_up) helps to do. It is given 10 ms
    /// for that; the ledger shows as in flight what is not settled by then.
    pub fn shutdown(&self, deadline: Duration) -> impl Future<Output = Ledger> {
        self.close();
        let (mut until, mut given_up) = (clock::after(deadline), false);
        poll_fn(move |cx| {
            if !given_up && self.is_over(until, cx) == Some(false) {
                self.give_up();
                (until, given_up) = (clock::after(GRACE), true);
            }
            match given_up && self.is_over(until, cx).is_none() || !given_up && !self.is_drained() {
                true => Poll::Pending,
                false => Poll::Ready(self.ledger()),
            }
        })
    }

    /// Whether nothing is left; `false`: it is too late; `None`: it is waited for.
    fn is_over(&self, until: Instant, cx: &mut Context<'_>) -> Option<bool> {
        self.wait(cx);
        if self.is_drained() {
            return Some(true);
        }
        if clock::now() >= until {
            return Some(false);
        }
        let _: Poll<()> = clock::wake_at(until, cx);
        None
    }

    fn is_drained(&self) -> bool {
        self.with(|state| state.bus.is_drained()) != Some(false)
    }

    /// Nobody waits any longer.
    fn give_up(&self) {
        let waker = self.with(|state| {
            state.given_up = true;
            state.runner.take()
        });
        if let Some(waker) = waker.flatten() {
            waker.wake();
        }
        // if nobody runs it, what is queued is dropped here
        if let Ok(mut runner) = self.runner(&mut Buffer::<_, 1>::new()) {
            runner.discard();
        }
    }
}

/// How long a sink may take to let go.
const GRACE: Duration = Duration::from_millis(10);
