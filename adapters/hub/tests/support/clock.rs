//! The host of a bus in tests: a clock that only the test moves.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use statusbus_hub::{Host, Instant, Sleep};

/// The time of day when the clock is at zero: in November 2023.
const WALL_START: u64 = 1_700_000_000_000_000;

/// A clock that starts at zero. Clones are the same clock.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<State>);

#[derive(Default)]
struct State {
    micros: AtomicU64,
    sleepers: Mutex<Vec<(Instant, Waker)>>,
    timeouts: Mutex<Vec<(u64, usize)>>,
}

impl Clock {
    /// Moves the clock forward, and wakes what sleeps until then.
    pub(crate) fn set(&self, now: Instant) {
        assert!(now >= self.now(), "the clock never goes back");
        self.0.micros.store(now.as_micros(), Ordering::Relaxed);
        let mut sleepers = self.0.sleepers.lock().expect("no panic");
        for (_, waker) in sleepers.extract_if(.., |(at, _)| *at <= now) {
            waker.wake();
        }
    }

    /// When the first sleeper wakes.
    pub(crate) fn next_alarm(&self) -> Option<Instant> {
        self.0.sleepers.lock().expect("no panic").iter().map(|(at, _)| *at).min()
    }

    /// The shutdowns that timed out: how many updates were lost, and how many readers were left.
    pub(crate) fn timeouts(&self) -> Vec<(u64, usize)> {
        self.0.timeouts.lock().expect("no panic").clone()
    }

    pub(crate) fn since_start(&self) -> Duration {
        Duration::from_micros(self.now().as_micros())
    }
}

impl Host for Clock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.micros.load(Ordering::Relaxed))
    }

    fn wall_micros(&self) -> u64 {
        WALL_START + self.now().as_micros()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Box::pin(Sleeper { clock: self.clone(), at })
    }

    fn shutdown_timed_out(&self, lost: u64, readers: usize) {
        self.0.timeouts.lock().expect("no panic").push((lost, readers));
    }
}

struct Sleeper {
    clock: Clock,
    at: Instant,
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.clock.now() >= self.at {
            return Poll::Ready(());
        }
        self.clock.0.sleepers.lock().expect("no panic").push((self.at, cx.waker().clone()));
        Poll::Pending
    }
}
