//! The conversations by name.

mod departures;
pub(crate) mod names;
pub(crate) mod selector;
