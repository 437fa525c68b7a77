// the front page shows how frames are written
#![cfg_attr(feature = "wire", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "wire"),
    doc = "A bus in a static: see the README, with the feature `wire`."
)]
#![no_std]
#![forbid(unsafe_code)]

mod about;
#[cfg(feature = "wire")]
mod beside;
mod bytes;
mod clock;
mod draft;
#[cfg(feature = "defmt")]
mod format;
#[cfg(feature = "wire")]
mod frames;
mod hub;
mod key;
#[cfg(feature = "defmt")]
mod log;
mod message;
mod metadata;
mod outgoing;
mod report;
mod runner;
mod selector;
mod settings;
mod shared;
mod shutdown;
mod status;
mod subscription;
mod text;

pub use about::{About, Conversation, SYSTEM};
#[cfg(feature = "wire")]
pub use beside::Beside;
pub use draft::{Draft, Refused};
#[cfg(feature = "wire")]
pub use frames::Frames;
pub use hub::Hub;
pub use key::{Key, Keying, NoKey, Ranked, Ranking, Unranked};
#[cfg(feature = "defmt")]
pub use log::Log;
pub use message::{Message, Topic};
pub use metadata::Value;
pub use outgoing::Outgoing;
pub use report::Report;
pub use runner::{AlreadyRunning, Buffer, Next, Runner};
pub use selector::Selector;
pub use status::{Shortened, Status};
pub use subscription::{Event, NoSeat, Received, Subscription};
pub use text::{Shown, Text, TextWriter};

pub use statusbus_core::{
    Categories, Category, CategoryError, CategorySet, Config, ConfigError, ConfigValues,
    ConversationError, ConversationName, Depth, DropReason, Dropped, FlushReason, Gap, Handed,
    HandedOn, Leading, Ledger, Loss, Losses, Overflow, OverflowEdge, Priority, Pushed,
    RefuseReason, Refused as RefusedCounts, Sent, Telemetry, Update,
};
