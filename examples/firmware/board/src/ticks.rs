//! SysTick as an instrument: with `-icount shift=10` each instruction takes 1,024 ns of QEMU's time,
//! so that ticks are instructions, exactly.

use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// Nanoseconds that QEMU gives an instruction: 2 to the power of 10.
const INSTRUCTION: u64 = 1 << 10;

const MOST: u32 = 0x00FF_FFFF;

fn systick() -> SYST {
    // SAFETY: nobody else uses it: the feature `time`, which would, is not on with this module in use
    unsafe { Peripherals::steal() }.SYST
}

/// Starts it over, from the largest number, without its interrupt.
pub fn start() {
    restart(MOST);
    systick().disable_interrupt();
}

/// Lets the SysTick exception happen after `instructions` from here, about four too early.
#[inline(always)]
pub fn alarm_after(instructions: u32) {
    let ticks = u64::from(instructions) * INSTRUCTION * u64::from(super::chip::HZ) / 1_000_000_000;
    systick().enable_interrupt();
    restart((ticks as u32).clamp(1, MOST));
}

/// Ends that, in the exception or where it did not come.
pub fn disarm() {
    let mut systick = systick();
    systick.disable_interrupt();
    systick.disable_counter();
    cortex_m::peripheral::SCB::clear_pendst();
}

#[inline(always)]
fn restart(reload: u32) {
    let mut systick = systick();
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(reload);
    systick.clear_current();
    systick.enable_counter();
}

/// The moment, for [`between`].
#[inline(always)]
#[must_use]
pub fn now() -> u32 {
    SYST::get_current()
}

/// Instructions between two moments, less than a second apart.
#[inline(never)]
#[must_use]
pub fn between(begin: u32, end: u32) -> u32 {
    // it counts down
    let ticks = u64::from(begin.wrapping_sub(end) & MOST);
    let nanos = ticks * 1_000_000_000 / u64::from(super::chip::HZ);
    ((nanos + INSTRUCTION / 2) / INSTRUCTION) as u32
}

/// Instructions that `work` takes, after [`start`].
#[inline(never)]
pub fn count(work: impl FnOnce()) -> u32 {
    let before = now();
    let none = now();
    let begin = now();
    work();
    let end = now();
    between(begin, end).saturating_sub(between(before, none))
}
