//! A bus: its handles, and delivery.

pub(crate) mod builder;
pub(crate) mod delivery;
mod flush;
pub(crate) mod host;
mod peak;
mod publisher;
pub(crate) mod shared;
mod shutdown;
pub(crate) mod status;
pub(crate) mod update_builder;
mod wake_limiter;
pub(crate) mod wakeup;
