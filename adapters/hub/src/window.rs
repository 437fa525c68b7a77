//! What was delivered and can still be read.

pub(crate) mod bounds;
pub(crate) mod conversation;
mod history;
pub(crate) mod hub;
pub(crate) mod index;
pub(crate) mod loss_log;
mod retained;
pub(crate) mod ring;
pub(crate) mod snapshot;
mod usage;
