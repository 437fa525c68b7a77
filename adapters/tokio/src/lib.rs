#![doc = include_str!("../README.md")]

#[cfg(feature = "wire")]
mod frames;
mod handler;
mod host;
#[cfg(feature = "layer")]
mod layer;
mod panic;
mod runner;
mod spawn;
mod telemetry;

#[cfg(feature = "wire")]
pub use frames::{DeviceReader, DeviceReport};
pub use handler::Deliver;
#[cfg(feature = "layer")]
pub use layer::StatusLayer;
pub use runner::Runner;
pub use spawn::Spawn;
#[cfg(feature = "json")]
pub use statusbus_hub::json;
pub use statusbus_hub::{
    Batch, Builder, Categories, Category, CategoryError, CategorySet, CheckedName, Config,
    ConfigError, Conversation, ConversationError, ConversationName, Depth, DropReason, Dropped,
    Event, Gap, GapScope, Lagged, Leading, Ledger, Loss, Losses, Metadata, MetadataError, OnLag,
    Outcome, Overflow, ParseNameError, Priority, RefuseReason, Refused, Selector, SendError,
    SendErrorKind, Status, Subscribe, Subscription, Text, Update, UpdateBuilder, Updates,
    WeakStatus,
};
