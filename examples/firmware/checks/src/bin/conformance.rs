//! Plays the conformance traces and prints all that comes of it. `scripts/firmware.sh` compares that
//! with what the same program says on the host, byte for byte.

#![no_std]
#![no_main]

use board::console::{self, Console};
use checks::entry;
use statusbus_conformance::{CoreSubject, TRACES, play_all};

#[entry]
fn main() -> ! {
    board::start();
    let mut subject: CoreSubject = CoreSubject::new();
    let tally = play_all(TRACES, &mut subject, &mut Console);
    console::exit(i32::from(tally.failed > 0))
}
