#![doc = include_str!("../README.md")]

mod bounds;
mod buffers;
mod builder;
mod bus_call;
mod conversation;
mod delivery;
mod departures;
mod event;
mod flush;
mod grouping;
mod history;
mod host;
mod hub;
#[cfg(feature = "json")]
pub mod json;
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
mod selector;
mod shared;
mod shutdown;
mod snapshot;
mod status;
mod subscription;
mod sync;
mod text;
mod update;
mod update_builder;
mod usage;
mod wakeup;

pub use builder::Builder;
pub use delivery::{Delivery, Step};
pub use event::{Event, Gap, GapScope, Lagged};
pub use host::{Host, Sleep};
pub use metadata::{Metadata, MetadataError};
pub use read::{Batch, Updates};
pub use selector::{CheckedName, Selector};
pub use shared::Activity;
pub use status::{Conversation, Status, WeakStatus};
pub use subscription::{OnLag, Subscribe, Subscription};
pub use text::Text;
pub use update::Update;
pub use update_builder::{SendError, SendErrorKind, UpdateBuilder};

pub use statusbus_core::{
    BatchInfo, Categories, Category, CategoryError, CategorySet, Config, ConfigError,
    ConversationError, ConversationName, Depth, DropReason, Dropped, FlushReason, Instant, Leading,
    Ledger, Loss, Losses, Outcome, Overflow, OverflowEvent, ParseNameError, Priority, RefuseReason,
    Refused,
};
