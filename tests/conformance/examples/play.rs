//! Plays the traces against the core and prints all results. The output of firmware that does the same
//! is compared with this.

use std::process::ExitCode;

use statusbus_conformance::{CoreSubject, TRACES, play_all};

fn main() -> ExitCode {
    let mut out = String::new();
    let tally = play_all(TRACES, &mut CoreSubject::<16, 8>::new(), &mut out);
    print!("{out}");
    ExitCode::from(u8::from(tally.failed > 0))
}
