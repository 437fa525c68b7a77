//! Reading requests, and refusing them: what endpoints have in common before any shared state.

mod object;
mod origins;
mod problem;
mod subscribe;

#[cfg(feature = "phoenix")]
pub(crate) use object::read_object_or_null;
pub(crate) use object::{Field, JsonType, fits, read_object};
pub use origins::OriginError;
pub(crate) use origins::Origins;
pub(crate) use problem::{Problem, json};
pub(crate) use subscribe::{ConversationPath, SubscribeRequest};
