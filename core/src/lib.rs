#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod batch;
mod bus;
mod category;
mod config;
#[cfg(feature = "defmt")]
mod format;
mod gap;
mod index;
mod keys;
mod ledger;
mod link;
mod loss;
#[cfg(doctest)]
mod misuse;
mod named;
mod outcome;
mod priority;
mod rules;
mod run;
#[cfg(feature = "serde")]
mod serialize;
mod silence;
mod slots;
mod telemetry;
mod time;
mod topic;
mod update;
#[cfg(feature = "wire")]
pub mod wire;

pub use batch::{Batch, BatchHead, BatchIter, BatchUpdate, Item, Receipt};
pub use bus::Bus;
pub use category::{Categories, Category, CategoryError, CategorySet, CategorySetIter};
pub use config::{Config, ConfigError, Leading, Overflow};
pub use gap::Gap;
pub use keys::{KeyMode, Keyed, Unkeyed};
pub use ledger::{DropReason, Dropped, Ledger, RefuseReason, Refused};
pub use loss::{Loss, Losses};
pub use named::ParseNameError;
pub use outcome::Outcome;
pub use priority::Priority;
pub use rules::{
    Accepted, Arrival, Candidate, FlushMark, Merge, Overflowed, Part, Polled, Rules, Shift, Terms,
};
pub use run::RunState;
pub use silence::{SilenceMonitor, TooManyPromises};
pub use slots::Slot;
pub use telemetry::{BatchInfo, Depth, FlushReason, OverflowEvent, Telemetry};
pub use time::Instant;
pub use topic::{CONVERSATION_MAX, ConversationError, ConversationName, TopicError, TopicName};
pub use update::{SendOptions, Update};
