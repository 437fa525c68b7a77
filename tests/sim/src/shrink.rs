//! Reduces a failing scenario to a small one that breaks the same rule.

use std::time::{Duration, Instant};

use crate::operation::Operation;
use crate::scenario::Scenario;

/// Time limit of the search.
const AT_MOST: Duration = Duration::from_secs(10);

/// Removes operations and parts of operations as long as the same rule is broken.
pub(crate) fn shrink(scenario: &Scenario, rule: &str) -> Scenario {
    let end = Instant::now() + AT_MOST;
    let fails = |scenario: &Scenario| scenario.run().is_err_and(|failure| failure.rule == rule);
    let mut least = scenario.clone();
    loop {
        let before = size(&least);
        let mut chunk = least.operations.len().div_ceil(2).max(1);
        loop {
            let mut at = 0;
            while at < least.operations.len() && Instant::now() < end {
                let mut smaller = least.clone();
                smaller.operations.drain(at..(at + chunk).min(least.operations.len()));
                if fails(&smaller) { least = smaller } else { at += chunk }
            }
            if chunk == 1 {
                break;
            }
            chunk = chunk.div_ceil(2);
        }
        for at in 0..least.operations.len() {
            for part in parts(&least.operations[at]) {
                let mut smaller = least.clone();
                smaller.operations[at] = part;
                if Instant::now() < end && fails(&smaller) {
                    least = smaller;
                    break;
                }
            }
        }
        if size(&least) == before || Instant::now() >= end {
            return least;
        }
    }
}

fn size(scenario: &Scenario) -> u64 {
    let size = |operation: &Operation| match operation {
        Operation::Burst(updates) => updates.len() as u64,
        Operation::Trickle { times, .. } => *times,
        Operation::Run(steps) => *steps,
        Operation::Read { events, .. } => *events,
        _ => 1,
    };
    scenario.operations.iter().map(size).sum()
}

/// Smaller operations of the same kind, the smallest first.
fn parts(operation: &Operation) -> Vec<Operation> {
    let fewer = |count: u64| [count / 8, count / 2, count.saturating_sub(1)].into_iter();
    match operation {
        Operation::Burst(updates) => {
            let half = updates.len() / 2;
            let mut parts = vec![updates[half..].to_vec(), updates[..half].to_vec()];
            if updates.len() <= 40 {
                parts.extend((0..updates.len()).map(|left_out| {
                    let mut part = updates.clone();
                    part.remove(left_out);
                    part
                }));
            }
            parts.into_iter().map(Operation::Burst).collect()
        }
        Operation::Trickle { times, lost, conversation, category } => fewer(*times)
            .map(|times| Operation::Trickle {
                times,
                lost: *lost,
                conversation: *conversation,
                category: *category,
            })
            .collect(),
        Operation::Run(steps) => fewer(*steps).map(Operation::Run).collect(),
        Operation::Read { reader, events } => {
            fewer(*events).map(|events| Operation::Read { reader: *reader, events }).collect()
        }
        _ => Vec::new(),
    }
}
