//! The time of embassy-time: microseconds that grow by a thousand each millisecond, and wakers in a
//! queue.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

/// Microseconds from one interrupt to the next.
const STEP: u64 = 1_000;

struct Time {
    now: Mutex<Cell<u64>>,
    /// When the queue is to be looked at; zeros, so that it costs no flash: the complement.
    not_before: Mutex<Cell<u64>>,
    alarms: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static TIME: Time = Time {
    now: Mutex::new(Cell::new(0)),
    not_before: Mutex::new(Cell::new(0)),
    alarms: Mutex::new(RefCell::new(Queue::new())),
});

impl Driver for Time {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.now.borrow(cs).get())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let Ok(mut alarms) = self.alarms.borrow(cs).try_borrow_mut() else { return };
            if alarms.schedule_wake(at, waker) {
                let next = self.not_before.borrow(cs);
                next.set(next.get().max(!at));
            }
        });
    }
}

impl Time {
    fn tick(&self, cs: CriticalSection<'_>) {
        let now = self.now.borrow(cs).get() + STEP;
        self.now.borrow(cs).set(now);
        let next = self.not_before.borrow(cs);
        if !next.get() <= now
            && let Ok(mut alarms) = self.alarms.borrow(cs).try_borrow_mut()
        {
            next.set(!alarms.next_expiration(now));
        }
    }
}

/// When an alarm is set, in microseconds since the start; `None` if no timer is armed.
#[must_use]
pub fn next_alarm() -> Option<u64> {
    let at = critical_section::with(|cs| !TIME.not_before.borrow(cs).get());
    (at != u64::MAX).then_some(at)
}

#[cfg(target_arch = "arm")]
pub(crate) fn start() {
    use cortex_m::Peripherals;
    use cortex_m::peripheral::syst::SystClkSource;

    // SAFETY: it is used here alone
    let mut systick = unsafe { Peripherals::steal() }.SYST;
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(crate::chip::HZ / 1_000 - 1);
    systick.clear_current();
    systick.enable_counter();
    systick.enable_interrupt();
}

#[cfg(target_arch = "arm")]
#[cortex_m_rt::exception]
fn SysTick() {
    critical_section::with(|cs| TIME.tick(cs));
    #[cfg(all(board = "microbit", feature = "serial"))]
    crate::serial::look_again();
}

#[cfg(target_arch = "riscv32")]
pub(crate) use clint::start;

/// A tick a millisecond from the CLINT's timer, which counts at 10 MHz.
#[cfg(target_arch = "riscv32")]
mod clint {
    use super::TIME;
    use crate::Register;

    const COMPARE: [Register; 2] = [Register(0x0200_4000), Register(0x0200_4004)];
    const TIME_NOW: [Register; 2] = [Register(0x0200_BFF8), Register(0x0200_BFFC)];
    const TICK: u64 = 10_000;

    fn compare() -> u64 {
        u64::from(COMPARE[1].read()) << 32 | u64::from(COMPARE[0].read())
    }

    fn next_at(at: u64) {
        // never a moment that is past while only half of it is written
        COMPARE[1].write(u32::MAX);
        COMPARE[0].write(at as u32);
        COMPARE[1].write((at >> 32) as u32);
    }

    pub(crate) fn start() {
        next_at(u64::from(TIME_NOW[0].read()) + TICK);
        // SAFETY: enabling breaks no critical section: this is called before there is one
        unsafe { riscv::register::mie::set_mtimer() };
    }

    #[riscv_rt::core_interrupt(riscv::interrupt::Interrupt::MachineTimer)]
    fn timer() {
        next_at(compare() + TICK);
        critical_section::with(|cs| TIME.tick(cs));
    }
}
