//! The conversations by name.

pub(crate) mod names;
pub(crate) mod selector;
