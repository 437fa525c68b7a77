//! With the feature `defmt`, whatever is public can be logged.

#![cfg(all(feature = "defmt", feature = "wire"))]

use statusbus_core::{self as core, wire};

struct Said;

impl core::Update for Said {
    type Topic = u8;
    type Keys = core::Unkeyed;
    fn topic(&self) -> u8 {
        0
    }
    fn category(&self) -> core::Category {
        core::Category::INFO
    }
}

macro_rules! can_be_logged {
    ($($type:ty),* $(,)?) => {
        $(const _: fn() = || {
            fn is_format<T: defmt::Format>() {}
            is_format::<$type>();
        };)*
    };
}

can_be_logged!(
    core::Batch<Said, [core::Item<Said>; 1]>,
    core::Bus<Said, [core::Slot<Said>; 1]>,
    core::Categories,
    core::Category,
    core::CategoryError,
    core::CategorySet,
    core::Config,
    core::ConfigError,
    core::ConfigValues,
    core::ConversationError,
    core::ConversationName<'static>,
    core::Depth,
    core::Detached<Said, [core::Item<Said>; 1]>,
    core::DetachedIter<'static, Said>,
    core::DropReason,
    core::Dropped,
    core::Facts,
    core::FlushMark,
    core::FlushReason,
    core::Gap<u8, 4>,
    core::Handed<u8>,
    core::HandedOn,
    core::Instant,
    core::Item<Said>,
    core::Keyed,
    core::Leading,
    core::Ledger,
    core::Loss,
    core::Losses,
    core::Outcome,
    core::Overflow,
    core::Part,
    core::Sent,
    core::OverflowEdge,
    core::Place<u8>,
    core::Priority,
    core::Pushed<u8>,
    core::Receipt,
    core::RefuseReason,
    core::Refused,
    core::Slot<Said>,
    core::Topic<'static, Said>,
    core::TopicError,
    core::TopicName<'static>,
    core::Unkeyed,
    wire::Body<'static>,
    wire::CategoryName<'static>,
    wire::Conversation<'static>,
    wire::Counters,
    wire::Decoder<[u8; 8]>,
    wire::Encoder<'static, u8>,
    wire::Flaw,
    wire::Frame<'static>,
    wire::Gap<'static>,
    wire::Missing<'static>,
    wire::Record<'static>,
    wire::Refusal,
    wire::Scope<'static>,
    wire::TooLarge,
    wire::Update<'static>,
    wire::Updates<'static>,
);
