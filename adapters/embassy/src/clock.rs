//! Conversion between the clock of embassy-time and the core's.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use embassy_time::{Duration, TICK_HZ, Timer};
use statusbus_core::Instant;

const MICROS: u64 = 1_000_000;
const COMMON: u64 = common(TICK_HZ, MICROS);
/// A second, in the two units, with what they have in common taken out: with 1 MHz nothing is left
/// to multiply and to divide, with 32,768 Hz one way is a shift.
const TICKS_PART: u64 = TICK_HZ / COMMON;
const MICROS_PART: u64 = MICROS / COMMON;

/// The time now. Rounded down: what has not wholly passed has not passed.
pub(crate) fn now() -> Instant {
    Instant::from_micros(micros(embassy_time::Instant::now().as_ticks()))
}

/// Sets a timer, which wakes whoever polls at `instant`. Rounded up: when it fires, [`now`] is at
/// `instant` or behind it, and the timer is not set a second time.
pub(crate) fn wake_at<A>(instant: Instant, cx: &mut Context<'_>) -> Poll<A> {
    let at = embassy_time::Instant::from_ticks(ticks(instant.as_micros()));
    // a timer that is new only sets itself, whatever the time; who is woken looks at the clock
    let _ = Pin::new(&mut Timer::at(at)).poll(cx);
    Poll::Pending
}

/// When `span` will have passed; the sums of embassy-time can panic.
pub(crate) fn after(span: Duration) -> Instant {
    let now = embassy_time::Instant::now().as_ticks();
    Instant::from_micros(micros(now.saturating_add(span.as_ticks())))
}

const fn micros(ticks: u64) -> u64 {
    ticks.saturating_mul(MICROS_PART) / TICKS_PART
}

const fn ticks(micros: u64) -> u64 {
    micros.saturating_mul(TICKS_PART).div_ceil(MICROS_PART)
}

const fn common(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common(b, a % b) }
}
