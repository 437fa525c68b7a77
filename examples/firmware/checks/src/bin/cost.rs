//! What sending and handing on take: instructions, how many of them with interrupts masked, and
//! stack; beside them the peers. Each line is `name: number`; costs.txt has the limits.
//!
//! Run it with `--icount 10`, or else nothing here is true.

#![no_std]
#![no_main]

use core::fmt::Write;

use board::console::{self, Console};
use board::ticks;
use checks::{cost, entry};

board::soft_interrupt!(cost::interrupt);

#[entry]
fn main() -> ! {
    board::start();
    ticks::start();
    // the ruler itself
    let nops = ticks::count(|| {
        // SAFETY: it does nothing, a hundred times
        unsafe { core::arch::asm!(".rept 100", "nop", ".endr") };
    });
    let _ = writeln!(Console, "a hundred instructions: {nops}");
    cost::all(|name, number| {
        let _ = writeln!(Console, "{name}: {number}");
    });
    console::exit(i32::from(nops != 100))
}
