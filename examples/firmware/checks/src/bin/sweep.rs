//! An interrupt at every instruction of sending, delivering, flushing and reading counters: for N = 1, 2,
//! 3 … it comes after N instructions, until the work ends before it. Each time the ledger must be exact,
//! and every update must arrive in order or be counted.
//!
//! Run it with `--icount 10`, which makes ticks count instructions.

#![no_std]
#![no_main]

use core::fmt::Write;

use board::console::{self, Console};
use board::ticks;
use checks::entry;
use checks::sweep::{Case, Work, actions, interrupt, works};

/// The sweep ends when the interrupt comes too late for so many N in a row.
const PAST: u32 = 24;
/// No work here takes as many instructions.
const MOST: u32 = 30_000;

#[entry]
fn main() -> ! {
    board::start();
    let mut failures = lost_without_a_lock();
    for work in works() {
        failures += sweep(work);
    }
    console::exit(failures.min(100) as i32)
}

/// Tests the sweep itself with a count that is read and written without a lock, which must fail. Returns
/// the number of failures to fail.
fn lost_without_a_lock() -> u32 {
    let mut lost = 0;
    for after in 1..60 {
        if interrupt::counts_lost(after) {
            lost += 1;
        }
    }
    let _ = writeln!(Console, "without a lock: a count is lost at {lost} of 59 instructions");
    u32::from(!(1..30).contains(&lost))
}

fn sweep(work: Work) -> u32 {
    interrupt::forget_places();
    let (mut inside, mut failures, mut late) = (0, 0, 0);
    for after in 1..MOST {
        let was_inside = actions().map(|action| {
            let case = Case { work, action };
            let trial = case.run(after);
            if let Err(wrong) = trial.outcome {
                failures += 1;
                if failures < 4 {
                    let _ =
                        writeln!(Console, "FAILED: {case}, after {after} instructions: {wrong}");
                }
            }
            trial.was_inside
        });
        inside += was_inside.iter().filter(|&&came| came).count();
        late = if was_inside == [false; 3] { late + 1 } else { 0 };
        if late > PAST && inside > 0 {
            break;
        }
    }
    ticks::disarm();
    let (name, places) = (work.name(), interrupt::places());
    let exact = if failures == 0 { "exact each time" } else { "NOT exact" };
    let _ = writeln!(Console, "sweep: {name}: {inside} interrupts, at {places} places: {exact}");
    // without the places of this test
    failures + u32::from(inside < 150 || places < 20)
}
