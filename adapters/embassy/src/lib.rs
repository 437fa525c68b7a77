// the README shows how frames are written
#![cfg_attr(feature = "wire", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "wire"),
    doc = "A status bus in a `static`: see the README, with the feature `wire`."
)]
#![no_std]
#![forbid(unsafe_code)]

mod buffer;
mod builder;
mod bus;
mod bytes;
mod clock;
mod event;
mod format;
#[cfg(feature = "wire")]
mod frames;
mod hub;
mod inner;
mod key;
#[cfg(feature = "defmt")]
mod log;
mod message;
mod metadata;
mod report;
mod ring;
mod runner;
mod selector;
mod settings;
mod shutdown;
mod status;
mod subject;
mod subscription;
#[cfg(feature = "wire")]
mod tee;
mod text;

pub use buffer::Buffer;
pub use builder::{SendError, UpdateBuilder};
pub use bus::StatusBus;
pub use event::{Event, GapEntry, Received};
#[cfg(feature = "wire")]
pub use frames::Frames;
pub use hub::Hub;
pub use inner::Shortened;
pub use key::{Key, Keying, NoKey, Ranked, Ranking, Unranked};
#[cfg(feature = "defmt")]
pub use log::Log;
pub use message::{AnyMessage, Message, Topic};
pub use metadata::Value;
pub use report::Report;
pub use runner::{AlreadyRunning, Outgoing, Runner};
pub use selector::Selector;
pub use status::Status;
pub use subject::{SYSTEM, Subject};
pub use subscription::{AnyHub, Subscription, TooManyReaders};
#[cfg(feature = "wire")]
pub use tee::Tee;
pub use text::{Text, TextWriter};

pub use statusbus_core::{
    BatchInfo, BatchUpdate, Categories, Category, CategoryError, CategorySet, Config, ConfigError,
    ConversationError, ConversationName, Depth, DropReason, Dropped, FlushReason, Leading, Ledger,
    Loss, Losses, Outcome, Overflow, OverflowEvent, ParseNameError, Priority, RefuseReason,
    Refused, Telemetry, Update,
};
