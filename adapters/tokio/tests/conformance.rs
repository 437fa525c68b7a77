//! The conformance traces, replayed through this adapter in virtual time, byte for byte: only what
//! everybody can reach is called and read.
//!
//! | in a trace | here |
//! |---|---|
//! | what became of a push | `UpdateBuilder::try_send`, by the name of the conversation or by a handle |
//! | when a batch came, its size, its updates and their positions | a reader of everything. A reader of each conversation has to get the same updates at the same time |
//! | why a batch was due | the label `reason` of the histogram `statusbus_batch_size` |
//! | when a gap came, its position, all that is missing | the reader of everything |
//! | what is missing of a topic, or elsewhere | the readers of the conversations, by position |
//! | **the order of a gap's topics** | of one conversation: that in which its reader is told. Between conversations nobody is told any: there both sides are sorted by name. See [`UNORDERED`] |
//! | what cannot be configured | `Config`, `Builder::category`, `Categories::find` |
//! | `flush`, `close` | `Status::flush`, `Status::shutdown`; neither may take time |
//! | the ledger | `Status::ledger`, which has to balance after every operation |
//!
//! All else is compared as it stands, and there is no driven trace that this adapter cannot replay.
//! Those that say `# needs: core` are the core's: they poll, settle and set the clock by themselves.

// The reasons of batches are told by the metrics only.
#![cfg(feature = "metrics")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test says what went wrong

#[path = "conformance/adapter.rs"]
mod adapter;
#[path = "support/polled.rs"]
mod polled;
#[path = "conformance/readers.rs"]
mod readers;
#[path = "conformance/reasons.rs"]
mod reasons;

use statusbus_conformance::{Replayed, TRACES, Trace, replay};

use crate::adapter::{Adapter, Door};

/// The traces with a gap of more than one conversation: the order in which their topics stand in it
/// is not compared.
const UNORDERED: [&str; 4] =
    ["row-08-done-stays", "rule-06-nothing-left", "rule-09-gap", "rule-11-shrink-evict"];

#[test]
fn what_is_sent_by_name_does_what_the_traces_say() {
    replay_all(Door::Names);
}

#[test]
fn what_is_sent_by_handle_does_what_the_traces_say() {
    replay_all(Door::Handles);
}

#[test]
fn it_is_known_of_which_gaps_the_order_is_not_compared() {
    let mixed = TRACES.iter().filter(|trace| !trace.needs_core() && is_mixed(trace));
    assert_eq!(mixed.map(|trace| trace.name).collect::<Vec<_>>(), UNORDERED);
}

fn replay_all(door: Door) {
    let mut adapter = Adapter::new(door);
    let (mut passed, mut skipped, mut failed) = (0, 0, Vec::new());
    for trace in TRACES {
        let text = sorted(trace.text);
        let replayed = replay(&Trace::new(trace.name, &text), &mut adapter);
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

/// The conversation of a line about one topic of a gap.
fn conversation(line: &str) -> Option<&str> {
    let topic = line.strip_prefix("=   ").filter(|rest| !rest.starts_with('#'))?;
    topic.split_once('/').map(|(conversation, _)| conversation)
}

/// Whether two lines that follow each other are about topics of the same gap.
fn of_one_gap(line: &&str, next: &&str) -> bool {
    conversation(line).is_some() && conversation(next).is_some()
}

/// The text with the topics of each gap in the order of their conversations' names.
fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    for topics in lines.chunk_by_mut(of_one_gap) {
        topics.sort_by_key(|line| conversation(line));
    }
    lines.join("\n")
}

/// Whether a gap of the trace is of more than one conversation.
fn is_mixed(trace: &Trace<'_>) -> bool {
    let lines: Vec<&str> = trace.text.lines().collect();
    let differ = |pair: &[&str]| conversation(pair[0]) != conversation(pair[1]);
    lines.chunk_by(of_one_gap).any(|topics| topics.windows(2).any(differ))
}
