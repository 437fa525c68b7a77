#![doc = include_str!("../README.md")]

mod batch;
mod bus;
#[cfg(feature = "json")]
pub mod json;
#[cfg(all(test, statusbus_loom))]
mod models;
mod queue;
mod reader;
mod registry;
mod sync;
mod window;

/// `#[test]` of the target.
#[cfg(all(test, not(target_family = "wasm")))]
use core::prelude::v1::test;
#[cfg(all(test, target_family = "wasm"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

pub use batch::metadata::{Metadata, MetadataError};
pub use batch::text::Text;
pub use batch::update::Update;
pub use batch::view::{Batch, Updates};
pub use bus::builder::Builder;
pub use bus::delivery::{Delivery, Step};
pub use bus::host::{Host, Sleep};
pub use bus::shared::Activity;
pub use bus::status::{Conversation, Status, WeakStatus};
pub use bus::update_builder::{SendError, SendErrorKind, UpdateBuilder};
pub use reader::event::{Event, Gap, Lagged};
pub use reader::subscription::{OnLag, Subscribe, Subscription};
pub use registry::selector::{CheckedName, Selector};
pub use window::loss_log::GapScope;

pub use statusbus_core::{
    BatchInfo, Categories, Category, CategoryError, CategorySet, Config, ConfigError,
    ConversationError, ConversationName, Depth, DropReason, Dropped, FlushReason, Instant, Leading,
    Ledger, Loss, Losses, Outcome, Overflow, OverflowEvent, ParseNameError, Priority, RefuseReason,
    Refused,
};
