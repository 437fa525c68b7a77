//! With the feature `defmt`, whatever is public can be logged.

#![cfg(feature = "defmt")]

use statusbus_core as core;

#[derive(defmt::Format)]
struct Message;

impl core::Update for Message {
    type Topic = u8;
    type Keys = core::Unkeyed;
    const EMPTY: Self = Message;
    fn topic(&self) -> u8 {
        0
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
    core::Accepted,
    core::Batch<Message, [core::Item<Message>; 1]>,
    core::BatchInfo,
    core::BatchIter<'static, Message>,
    core::BatchUpdate<'static, Message>,
    core::Bus<Message, [core::Slot<Message>; 1]>,
    core::Categories,
    core::Category,
    core::CategoryError,
    core::CategorySet,
    core::Config,
    core::ConfigError,
    core::ConversationError,
    core::ConversationName<'static>,
    core::Depth,
    core::DropReason,
    core::Dropped,
    core::FlushMark,
    core::FlushReason,
    core::Gap<u8, 4>,
    core::Instant,
    core::Item<Message>,
    core::Keyed,
    core::Leading,
    core::Ledger,
    core::Loss,
    core::Losses,
    core::Outcome,
    core::Overflow,
    core::OverflowEvent,
    core::ParseNameError,
    core::Polled,
    core::Priority,
    core::Receipt,
    core::RefuseReason,
    core::Refused,
    core::RunState,
    core::SendOptions,
    core::SilenceMonitor<u8, 4>,
    core::Slot<Message>,
    core::TooManyPromises,
    core::TopicError,
    core::TopicName<'static>,
    core::Unkeyed,
);

#[cfg(feature = "wire")]
mod wire {
    use statusbus_core::wire;

    can_be_logged!(
        wire::CategoryName<&'static str>,
        wire::Conversation<&'static str>,
        wire::Counters,
        wire::Decoder<[u8; 8]>,
        wire::Encoder<'static>,
        wire::Flaw,
        wire::Frame<'static>,
        wire::LossRecord<&'static str>,
        wire::Record<'static>,
        wire::Records<'static>,
        wire::Refusal,
        wire::RunRecord<&'static str>,
        wire::Scope<&'static str>,
        wire::UpdateRecord<&'static [u8]>,
    );
}
