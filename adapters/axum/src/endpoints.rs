//! The endpoints: each module has the routes of one concern. They depend on the context and not on
//! each other.

#[cfg(feature = "dashboard")]
pub(crate) mod dashboard;
pub(crate) mod description;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod metrics;
#[cfg(feature = "phoenix")]
pub(crate) mod phoenix;
pub(crate) mod publish;
pub(crate) mod retained;
pub(crate) mod stats;
