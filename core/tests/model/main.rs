//! Random calls on the core and on a naive model of it: everything that can be seen is compared
//! after each, and the ledger has to balance. The core is a bus, or a queue of a host that is driven by the rules;
//! plain updates then join in stretches, and the comparison follows at the end of each.
//!
//! `STATUSBUS_CASES` sets how many cases there are in all, default 100,000; `STATUSBUS_SEED` where
//! they begin. A case that fails is made as short as possible before it is shown.

mod case;
mod drive;
mod flight;
mod host;
mod naive;
mod observed;
mod subject;
mod tally;

use std::panic::{AssertUnwindSafe, catch_unwind};

use statusbus_core::{Keyed, Unkeyed};

use crate::case::Case;
use crate::drive::{run, run_host};

#[test]
fn keyed_and_ranked() {
    check(run::<Keyed, true>);
}

#[test]
fn keyed_and_unranked() {
    check(run::<Keyed, false>);
}

#[test]
fn unkeyed_and_ranked() {
    check(run::<Unkeyed, true>);
}

#[test]
fn unkeyed_and_unranked() {
    check(run::<Unkeyed, false>);
}

#[test]
fn host_keyed_and_ranked() {
    check(run_host::<Keyed, true>);
}

#[test]
fn host_keyed_and_unranked() {
    check(run_host::<Keyed, false>);
}

#[test]
fn host_unkeyed_and_ranked() {
    check(run_host::<Unkeyed, true>);
}

#[test]
fn host_unkeyed_and_unranked() {
    check(run_host::<Unkeyed, false>);
}

type Run = fn(&Case) -> Result<(), String>;

fn check(run: Run) {
    let setting = |name: &str, default: u64| match std::env::var(name) {
        Ok(value) => value.parse().expect("a number"),
        Err(_) => default,
    };
    let (cases, first) = (setting("STATUSBUS_CASES", 100_000), setting("STATUSBUS_SEED", 1));
    // each of the four variants runs its part, on either subject
    for seed in first..first + cases.div_ceil(4) {
        let case = Case::random(seed);
        if let Err(why) = attempt(run, &case) {
            let (case, why) = shortest(run, case, why);
            eprintln!("STATUSBUS_SEED={seed} STATUSBUS_CASES=1 shows it again. At its shortest:");
            eprintln!("{} slots, buffers of {:?}, {:?}", case.slots, case.buffers, case.knobs);
            for (reading, call) in &case.calls {
                eprintln!("  at {reading}: {call:?}");
            }
            assert!(why.is_empty(), "{why}");
        }
    }
}

/// A panic in the core is a difference too.
fn attempt(run: Run, case: &Case) -> Result<(), String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(case)));
    outcome.unwrap_or_else(|_| Err("it panicked".to_owned()))
}

/// Leaves out calls for as long as it still fails.
fn shortest(run: Run, mut case: Case, mut why: String) -> (Case, String) {
    let mut chunk = case.calls.len();
    while chunk > 0 {
        let mut start = 0;
        while start < case.calls.len() {
            let mut shorter = case.clone();
            shorter.calls.drain(start..(start + chunk).min(case.calls.len()));
            match attempt(run, &shorter) {
                Err(still) => (case, why) = (shorter, still),
                Ok(()) => start += chunk,
            }
        }
        chunk /= 2;
    }
    (case, why)
}
