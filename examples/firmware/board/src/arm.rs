//! What the Cortex-M boards share: the interrupt vectors, and which of them are used.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

#[cfg(board = "lm3s6965evb")]
mod facts {
    pub(crate) const NAME: &str = "lm3s6965evb";
    pub(crate) const HZ: u32 = 12_500_000;
    pub(crate) const SERIAL: u16 = 5;
}
#[cfg(board = "mps2_an386")]
mod facts {
    pub(crate) const NAME: &str = "mps2-an386";
    pub(crate) const HZ: u32 = 25_000_000;
    pub(crate) const SERIAL: u16 = 1;
}
#[cfg(board = "microbit")]
mod facts {
    pub(crate) const NAME: &str = "microbit";
    pub(crate) const HZ: u32 = 16_000_000;
    pub(crate) const SERIAL: u16 = 2;
}

pub(crate) use facts::{HZ, NAME};

/// One that nothing on these boards is wired to.
const SOFT_LINE: u16 = 20;

/// An interrupt by its number.
#[derive(Clone, Copy)]
pub(crate) struct Line(u16);

#[cfg(feature = "serial")]
pub(crate) const SERIAL_LINE: Line = Line(facts::SERIAL);

// SAFETY: the numbers are fixed, and below the length of the vector table
unsafe impl InterruptNumber for Line {
    fn number(self) -> u16 {
        self.0
    }
}

pub(crate) fn start() {
    // SAFETY: unmasking breaks no critical section: this is called before there is one
    unsafe {
        NVIC::unmask(Line(SOFT_LINE));
        #[cfg(feature = "serial")]
        NVIC::unmask(SERIAL_LINE);
    }
}

#[inline]
pub(crate) fn interrupt() {
    NVIC::pend(Line(SOFT_LINE));
    // the processor may go on for some instructions otherwise
    cortex_m::asm::dsb();
    cortex_m::asm::isb();
}

#[doc(hidden)]
#[repr(C)]
pub union Vector {
    handler: unsafe extern "C" fn(),
    reserved: usize,
}

unsafe extern "C" {
    fn DefaultHandler();
    fn SERIAL();
    fn SOFT();
}

#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [Vector; 32] = {
    let mut table = [const { Vector { handler: DefaultHandler } }; 32];
    table[facts::SERIAL as usize] = Vector { handler: SERIAL };
    table[SOFT_LINE as usize] = Vector { handler: SOFT };
    table
};
