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

/// Instructions that `work` takes, after [`start`]; its inlining and its input are the caller's
/// business.
#[inline(never)]
pub fn count(work: impl FnOnce()) -> u32 {
    let spent = |from: u32, to: u32| {
        let nanos =
            u64::from(from.wrapping_sub(to) & MOST) * 1_000_000_000 / u64::from(super::chip::HZ);
        ((nanos + INSTRUCTION / 2) / INSTRUCTION) as u32
    };
    let before = SYST::get_current();
    let none = SYST::get_current();
    let begin = SYST::get_current();
    work();
    let end = SYST::get_current();
    spent(begin, end).saturating_sub(spent(before, none))
}
