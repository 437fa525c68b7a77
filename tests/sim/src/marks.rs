//! Which situations a run has come to: a simulation that never gets there proves nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// How often each situation came up.
pub(crate) type Marks = BTreeMap<&'static str, u64>;

thread_local! {
    static MARKS: RefCell<Marks> = const { RefCell::new(BTreeMap::new()) };
}

/// Every situation that the seeds must come to.
pub(crate) const ALL: [&str; 31] = [
    "a burst of 100",
    "a conversation may be forgotten",
    "a loss may come late",
    "a rewind into the middle",
    "a rewind with another batch",
    "a value is removed",
    "categories chosen amid gaps",
    "close amid",
    "gap of a topic",
    "gap of all",
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
    "resume amid a batch",
    "resume refused",
    "retained after a lag",
    "retained, not empty",
    "shared values",
    "shrunk",
    "woken",
];

pub(crate) fn mark(situation: &'static str) {
    debug_assert!(ALL.contains(&situation), "{situation}");
    MARKS.with_borrow_mut(|marks| *marks.entry(situation).or_default() += 1);
}

/// The marks of this thread since it was last asked.
pub(crate) fn take() -> Marks {
    MARKS.take()
}
