#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod batch;
mod books;
mod bus;
mod category;
mod config;
#[cfg(feature = "defmt")]
mod format;
mod gap;
mod index;
mod ledger;
#[cfg(doctest)]
mod misuse;
mod priority;
mod queue;
mod slots;
mod telemetry;
mod time;
mod topic;
mod update;
#[cfg(feature = "wire")]
pub mod wire;

pub use batch::{Batch, Detached, DetachedIter, Handed, Item, Receipt, Topic};
pub use bus::{Bus, FlushMark, Outcome, Part, Pushed, Sent};
pub use category::{Categories, Category, CategoryError, CategorySet};
pub use config::{Config, ConfigError, ConfigValues, Leading, Overflow};
pub use gap::{Gap, Loss, Losses};
pub use index::{KeyMode, Keyed, Unkeyed};
pub use ledger::{DropReason, Dropped, Ledger, RefuseReason, Refused};
pub use priority::Priority;
pub use slots::{Place, Slot};
pub use telemetry::{Depth, FlushReason, HandedOn, OverflowEdge, Telemetry};
pub use time::Instant;
pub use topic::{CONVERSATION_MAX, ConversationError, ConversationName, TopicError, TopicName};
pub use update::{Facts, Update};
