//! The vocabulary of the tests: updates with names ([`note`]), a bus with a virtual clock ([`Host`]),
//! and counts that do not rely on the bus ([`tally`]).

mod host;
mod note;
mod recorder;
mod tally;

pub(crate) use host::{Host, Pushed, config, delayed, losses_of, ms};
pub(crate) use note::{Named, Note, Plain, alive, note};
pub(crate) use recorder::Record;

/// Topics whose losses the host's bus counts apart.
pub(crate) const ROWS: usize = 2;

/// Whether the bus keeps times in 32 bits.
pub(crate) const NARROW: bool =
    cfg!(any(statusbus_narrow, all(target_pointer_width = "32", not(target_family = "wasm"))));
