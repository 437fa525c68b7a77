//! Waiting for what was sent: flush and shutdown.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::{Duration, Timer};
use statusbus_core::{Item, Ledger, Update};

use crate::clock;
use crate::report::Report;
use crate::runner::Flight;
use crate::status::Status;

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>
    Status<M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    /// Has everything sent before the call handed on now, and waits until it is settled. It needs a
    /// runner. Two tasks can wait at once; with more, they take turns and keep the processor awake.
    pub async fn flush(&self) {
        let now = clock::now();
        let Some(mark) = self.call(|state| state.bus.flush(now)) else { return };
        poll_fn(|cx| {
            self.wait(cx);
            let done = self.with(|state| {
                let ledger = state.bus.ledger();
                state.settled.is_some_and(|settled| settled >= mark)
                    || ledger.queued + ledger.in_flight == 0
            });
            if done == Some(false) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Closes the bus, has everything handed on, and waits until it is settled, for at most
    /// `deadline`. What is left then is dropped and counted.
    pub async fn shutdown(&self, deadline: Duration) -> Ledger {
        self.close();
        let until = embassy_time::Instant::now().as_ticks().saturating_add(deadline.as_ticks());
        if !self.ends_by(embassy_time::Instant::from_ticks(until)).await {
            self.give_up();
            // the runner sees it in its next turn; if its task never gets one, it is not waited for
            let until = embassy_time::Instant::now().as_ticks().saturating_add(GRACE.as_ticks());
            self.ends_by(embassy_time::Instant::from_ticks(until)).await;
        }
        self.ledger()
    }

    /// Waits until nothing is left; answers whether it came to that in time.
    async fn ends_by(&self, deadline: embassy_time::Instant) -> bool {
        let mut timer = Timer::at(deadline);
        poll_fn(|cx| {
            self.wait(cx);
            if self.with(|state| state.bus.is_drained()) != Some(false) {
                return Poll::Ready(true);
            }
            Pin::new(&mut timer).poll(cx).map(|()| false)
        })
        .await
    }

    fn give_up(&self) {
        let waker = self.with(|state| {
            state.given_up = true;
            state.rouse()
        });
        if let Some(waker) = waker.flatten() {
            waker.wake();
        }
        // nobody runs it: what is queued is dropped here
        if let Ok(mut flight) = Flight::begin(self, &mut [Item::VACANT]) {
            flight.give_up();
        }
    }
}

const GRACE: Duration = Duration::from_millis(10);
