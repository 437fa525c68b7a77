//! Conversion between the clock of embassy-time and the core's.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use embassy_time::{Duration, TICK_HZ, Timer};
use statusbus_core::Instant;

const MICROS: u64 = 1_000_000;
const COMMON: u64 = common(TICK_HZ, MICROS);
/// A second in both units, divided by the greatest common divisor: at 1 MHz conversion is free, at
/// 32,768 Hz one direction is a shift.
const TICKS_PART: u64 = TICK_HZ / COMMON;
const MICROS_PART: u64 = MICROS / COMMON;

/// The time now, rounded down.
// Out of line: drivers read the clock with interrupts masked, or convert it, at several places in a loop.
#[inline(never)]
pub(crate) fn now() -> Instant {
    read()
}

/// [`now`] in line, for the path of a send.
#[inline(always)]
pub(crate) fn read() -> Instant {
    Instant::from_micros(micros(embassy_time::Instant::now().as_ticks()))
}

/// Wakes the task at `instant`. Rounded up: when the timer fires, [`now`] has reached `instant`, and no
/// second timer is needed.
pub(crate) fn wake_at<A>(instant: Instant, cx: &mut Context<'_>) -> Poll<A> {
    let at = embassy_time::Instant::from_ticks(ticks(instant.as_micros()));
    // a new timer only registers itself, whatever the time is
    let _ = Pin::new(&mut Timer::at(at)).poll(cx);
    Poll::Pending
}

/// The time in so many microseconds. Saturates, where the sums of embassy-time can panic.
pub(crate) fn after(micros: u64) -> Instant {
    Instant::from_micros(now().as_micros().saturating_add(micros))
}

/// A span in microseconds, rounded up.
pub(crate) const fn span(span: Duration) -> u64 {
    scale_up(span.as_ticks(), MICROS_PART, TICKS_PART)
}

/// Ticks in microseconds, rounded down.
const fn micros(ticks: u64) -> u64 {
    scale_down(ticks, MICROS_PART, TICKS_PART)
}

/// Microseconds in ticks, rounded up.
const fn ticks(micros: u64) -> u64 {
    scale_up(micros, TICKS_PART, MICROS_PART)
}

const fn scale_down(span: u64, by: u64, from: u64) -> u64 {
    span.saturating_mul(by) / from
}

const fn scale_up(span: u64, by: u64, from: u64) -> u64 {
    span.saturating_mul(by).div_ceil(from)
}

const fn common(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_never_fires_early_and_never_a_tick_late_at_any_rate() {
        for hz in [1_000, 32_768, 76_800, 1_000_000, 16_000_000, 1] {
            let common = common(hz, MICROS);
            let (hz, per) = (hz / common, MICROS / common);
            for micros in (0..3_000).chain(1_000_000..1_003_000).chain([u64::MAX / per / hz]) {
                let at = scale_up(micros, hz, per);
                assert!(scale_down(at, per, hz) >= micros, "{hz}/{per}: {micros}");
                assert!(at == 0 || scale_down(at - 1, per, hz) < micros, "{hz}/{per}: {micros}");
            }
        }
        assert_eq!(scale_up(u64::MAX, 512, 15_625), u64::MAX.div_ceil(15_625));
    }
}
