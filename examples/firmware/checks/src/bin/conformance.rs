//! Plays the conformance traces: against the core, with all that comes of it, which
//! `scripts/firmware.sh` compares with the output on the host, byte for byte; then against the adapter,
//! which must match the traces byte for byte.

#![no_std]
#![no_main]

use core::fmt::Write;

use board::console::{self, Console};
use checks::adapter::Adapter;
use checks::entry;
use statusbus_conformance::{CoreSubject, TRACES, Tally, play_all, replay_all};

#[entry]
fn main() -> ! {
    board::start();
    let core = core();
    let _ = writeln!(Console, "--- the adapter");
    let adapter = adapter();
    let _ = writeln!(Console, "{adapter}");
    // those that need the core are skipped, and no others
    let all = adapter.passed + adapter.skipped;
    console::exit(i32::from(core.failed + adapter.failed > 0 || all != core.passed))
}

// each on a stack of its own: there are 16 KiB on the smallest board

#[inline(never)]
fn core() -> Tally {
    let mut subject: CoreSubject = CoreSubject::new();
    play_all(TRACES, &mut subject, &mut Console)
}

#[inline(never)]
fn adapter() -> Tally {
    replay_all(TRACES, &mut Adapter::new(), &mut Console)
}
