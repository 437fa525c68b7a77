//! The conformance traces, replayed through this adapter in virtual time, byte for byte, through the
//! public API only.
//!
//! | in a trace | here |
//! |---|---|
//! | what became of a push | `UpdateBuilder::try_send` |
//! | batches and gaps | those of the runner; and once more, those that a host decodes from frames |
//! | why a batch was due | `Outgoing::reason`; with frames, telemetry |
//! | `flush`, `close` | `Status::flush`, `Status::shutdown`; neither may take time |
//! | the ledger | `Status::ledger`, which must balance after every operation |
//!
//! Those with `# needs: core` are for the core alone: they poll, settle and set the clock by themselves.

#![cfg(feature = "wire")]
#![allow(clippy::expect_used, clippy::panic)] // tests report what went wrong

#[path = "conformance/adapter.rs"]
mod adapter;
#[path = "conformance/deliver.rs"]
mod deliver;
#[path = "support/mod.rs"]
mod support;

use statusbus_conformance::{Replayed, TRACES, replay};

use crate::adapter::Adapter;
use crate::deliver::Delivery;
use crate::support::Time;

#[test]
fn batches_of_the_runner_match_the_traces() {
    replay_all(Delivery::Batches);
}

#[test]
fn frames_decoded_by_a_host_match_the_traces() {
    replay_all(Delivery::Frames);
}

fn replay_all(delivery: Delivery) {
    let time = Time::begin();
    let mut adapter = Adapter::new(&time, delivery);
    let (mut passed, mut skipped, mut failed) = (0, 0, Vec::new());
    for trace in TRACES {
        let replayed = replay(trace, &mut adapter);
        let ended = adapter.end();
        match (replayed.map_err(|failure| failure.to_string()), ended) {
            (Ok(Replayed::Passed), Ok(())) => passed += 1,
            (Ok(Replayed::Skipped), Ok(())) => skipped += 1,
            (Err(failure), _) | (_, Err(failure)) => {
                failed.push(format!("{}: {failure}", trace.name));
            }
        }
    }
    println!("traces: {passed} passed, {skipped} need the core, {} failed", failed.len());
    assert!(failed.is_empty(), "{} traces failed\n{}", failed.len(), failed.join("\n"));
    let driven = TRACES.iter().filter(|trace| !trace.needs_core()).count();
    assert_eq!((passed, skipped), (driven, TRACES.len() - driven));
    assert!(passed > 40, "{passed}");
}
