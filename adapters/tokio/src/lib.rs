#![doc = include_str!("../README.md")]

mod builder;
mod clock;
mod conversation;
mod delivery;
mod draft;
#[cfg(feature = "wire")]
mod frames;
mod hub;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "layer")]
mod layer;
mod metadata;
mod names;
mod parcel;
mod post;
mod publisher;
mod retained;
mod ring;
mod runner;
mod shared;
mod status;
mod subscription;
mod telemetry;
mod text;

pub use builder::Builder;
pub use draft::{Draft, Refused, Sent};
#[cfg(feature = "wire")]
pub use frames::{DeviceReader, DeviceReport};
#[cfg(feature = "layer")]
pub use layer::StatusLayer;
pub use metadata::{Metadata, MetadataError};
pub use parcel::{Batch, Update, Updates};
pub use runner::Runner;
pub use status::{Conversation, Status};
pub use subscription::{Event, Gap, GapScope, Lagged, Selector, Subscribe, Subscription};
pub use text::Text;

pub use statusbus_core::{
    Categories, Category, CategoryError, CategorySet, Config, ConfigError, ConfigValues,
    ConversationError, Depth, DropReason, Dropped, Leading, Ledger, Loss, Losses, Overflow,
    Priority, RefuseReason, Refused as RefusedCounts,
};
