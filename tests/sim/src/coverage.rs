//! Situations that the scenarios have reached: a check that never runs proves nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// How often each situation was reached.
pub(crate) type Coverage = BTreeMap<&'static str, u64>;

thread_local! {
    static COVERED: RefCell<Coverage> = const { RefCell::new(BTreeMap::new()) };
}

/// The situations that 1,000 seeds must reach.
pub(crate) const ALL: [&str; 31] = [
    "a burst of 100",
    "a conversation may be forgotten",
    "a loss may come late",
    "a rewind into the middle",
    "a rewind with another batch",
    "a value is removed",
    "categories changed between gaps of one position",
    "closed with a batch in flight",
    "gap of a topic",
    "gap of the bus",
    "gap after a lag",
    "gaps at one position",
    "handler called",
    "handles held",
    "lagged, latest",
    "lagged, oldest",
    "lagged, everything",
    "losses by the hundred",
    "merged",
    "outranked",
    "panic contained",
    "reconfigured",
    "recovered",
    "recovered by another",
    "resume inside a batch",
    "resume refused",
    "retained after a lag",
    "retained, not empty",
    "shared values",
    "shrunk",
    "woken",
];

pub(crate) fn cover(situation: &'static str) {
    debug_assert!(ALL.contains(&situation), "{situation}");
    COVERED.with_borrow_mut(|coverage| *coverage.entry(situation).or_default() += 1);
}

/// Takes the coverage of this thread.
pub(crate) fn take() -> Coverage {
    COVERED.take()
}
