//! The boards that QEMU has, as far as the programs here need them: where memory lies, a software
//! interrupt, a serial line, time, the depth of the stack, and the console and exit status of QEMU.
//!
//! | target | board | processor |
//! |---|---|---|
//! | `thumbv7m-none-eabi` | lm3s6965evb | Cortex-M3, 12.5 MHz |
//! | `thumbv7em-none-eabihf` | mps2-an386 | Cortex-M4F, 25 MHz |
//! | `thumbv6m-none-eabi` | microbit | Cortex-M0, 16 MHz, 16 KiB of memory, no compare-and-swap |
//! | `riscv32imac-unknown-none-elf` | virt | RV32IMAC |
//!
//! The target chooses the board. Copy nothing from here for a real one: on QEMU's microbit there is a
//! SysTick, which the chip lacks, and a character is out as soon as it is written.

#![no_std]

#[cfg(target_arch = "arm")]
mod arm;
pub mod console;
#[cfg(feature = "panic")]
mod panic;
#[cfg(target_arch = "riscv32")]
mod riscv;
#[cfg(feature = "serial")]
pub mod serial;
pub mod stack;
#[cfg(target_arch = "arm")]
pub mod ticks;
#[cfg(feature = "time")]
pub mod time;

#[cfg(target_arch = "arm")]
use arm as chip;
#[cfg(target_arch = "riscv32")]
use riscv as chip;

/// What QEMU calls this board.
pub const NAME: &str = chip::NAME;

/// Turns on what the features ask for, and interrupts. Call it first, once.
pub fn start() {
    #[cfg(feature = "serial")]
    serial::start();
    #[cfg(feature = "time")]
    time::start();
    chip::start();
}

/// Raises the software interrupt, whose handler [`soft_interrupt!`] names. It has run when this returns, unless
/// interrupts are masked.
#[inline]
pub fn interrupt() {
    chip::interrupt();
}

/// Names the function that the software interrupt calls.
///
/// ```ignore
/// board::soft_interrupt!(button);
/// fn button() {}
/// ```
#[macro_export]
#[cfg(target_arch = "arm")]
macro_rules! soft_interrupt {
    ($function:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn SOFT() {
            $function();
        }
    };
}

/// Names the function that the software interrupt calls.
#[macro_export]
#[cfg(target_arch = "riscv32")]
macro_rules! soft_interrupt {
    ($function:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn MachineSoft() {
            $crate::acknowledge();
            $function();
        }
    };
}

/// Takes the software interrupt back; [`soft_interrupt!`] does it.
#[cfg(target_arch = "riscv32")]
pub fn acknowledge() {
    chip::acknowledge();
}

/// A register of the chip.
#[cfg(any(feature = "serial", target_arch = "riscv32"))]
struct Register(usize);

#[cfg(any(feature = "serial", target_arch = "riscv32"))]
#[allow(dead_code)] // not every board needs both
impl Register {
    fn read(&self) -> u32 {
        // SAFETY: every register in this crate is one of the board's, and reading it moves no memory
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    fn write(&self, value: u32) {
        // SAFETY: every register in this crate is one of the board's, none makes it touch our memory
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}
