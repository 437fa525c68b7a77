#![doc = include_str!("../README.md")]

mod bounds;
mod buffers;
mod builder;
mod bus_call;
mod clock;
mod conversation;
mod delivery;
mod departures;
mod event;
mod flush;
#[cfg(feature = "wire")]
mod frames;
mod grouping;
mod handler;
mod history;
mod hub;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "layer")]
mod layer;
mod loss_log;
mod metadata;
mod names;
mod parcel;
mod peak;
mod post;
mod publisher;
mod read;
mod reported;
mod retained;
mod ring;
mod runner;
mod selector;
mod shared;
mod shutdown;
mod snapshot;
mod status;
mod subscription;
mod sync;
mod telemetry;
mod text;
mod update_builder;
mod usage;
mod wakeup;

pub use builder::Builder;
pub use event::{Event, Gap, GapScope, Lagged};
#[cfg(feature = "wire")]
pub use frames::{DeviceReader, DeviceReport};
#[cfg(feature = "layer")]
pub use layer::StatusLayer;
pub use metadata::{Metadata, MetadataError};
pub use read::{Batch, Update, Updates};
pub use runner::Runner;
pub use selector::{CheckedName, Selector};
pub use status::{Conversation, Status};
pub use subscription::{OnLag, Subscribe, Subscription};
pub use text::Text;
pub use update_builder::{SendError, SendErrorKind, UpdateBuilder};

pub use statusbus_core::{
    Categories, Category, CategoryError, CategorySet, Config, ConfigError, ConversationError,
    ConversationName, Depth, DropReason, Dropped, Leading, Ledger, Loss, Losses, Outcome, Overflow,
    ParseNameError, Priority, RefuseReason, Refused,
};
