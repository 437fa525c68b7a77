//! The time of embassy-time, moved by hand, and when it was last asked to wake somebody. No task is
//! woken: tests poll.

use core::cell::Cell;
use core::task::Waker;

use critical_section::Mutex;
use embassy_time::{Duration, Instant};
use embassy_time_driver::Driver;

struct ByHand {
    now: Mutex<Cell<u64>>,
    alarm: Mutex<Cell<Option<u64>>>,
}

embassy_time_driver::time_driver_impl!(static TIME: ByHand = ByHand {
    now: Mutex::new(Cell::new(0)),
    alarm: Mutex::new(Cell::new(None)),
});

impl Driver for ByHand {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.now.borrow(cs).get())
    }

    fn schedule_wake(&self, at: u64, _: &Waker) {
        critical_section::with(|cs| {
            let alarm = self.alarm.borrow(cs);
            alarm.set(Some(alarm.get().map_or(at, |sooner| sooner.min(at))));
        });
    }
}

/// Time begins anew, without an alarm.
pub fn begin_anew() {
    set(Instant::from_ticks(0));
    critical_section::with(|cs| TIME.alarm.borrow(cs).set(None));
}

/// Moves time forward.
pub fn pass(span: Duration) {
    set(Instant::now() + span);
}

/// Sets time. An alarm that has come is over.
pub fn set(now: Instant) {
    critical_section::with(|cs| {
        TIME.now.borrow(cs).set(now.as_ticks());
        let alarm = TIME.alarm.borrow(cs);
        alarm.set(alarm.get().filter(|&at| at > now.as_ticks()));
    });
}

/// The next alarm that is set.
#[must_use]
pub fn alarm() -> Option<Instant> {
    critical_section::with(|cs| TIME.alarm.borrow(cs).get()).map(Instant::from_ticks)
}
