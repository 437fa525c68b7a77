//! With the feature `defmt`, whatever is public can be logged.

#![cfg(all(feature = "defmt", feature = "wire"))]

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use statusbus_embassy as embassy;

type Lock = NoopRawMutex;
type Message = embassy::Message<16>;

macro_rules! can_be_logged {
    ($($type:ty),* $(,)?) => {
        $(const _: fn() = || {
            fn is_format<T: defmt::Format>() {}
            is_format::<$type>();
        };)*
    };
}

can_be_logged!(
    embassy::About<'static>,
    embassy::AlreadyRunning,
    embassy::Buffer<Message, 4>,
    embassy::Conversation<16>,
    embassy::Draft<'static, Lock, Message, 4>,
    embassy::Event<Message>,
    embassy::Frames<u8>,
    embassy::Hub<Lock, Message, 4, 1>,
    embassy::Key<4>,
    embassy::Log,
    embassy::Message<64, 16, 32, embassy::Key<8>>,
    embassy::Next<'static, 'static, 'static, Lock, Message, 4>,
    embassy::NoKey,
    embassy::NoSeat,
    embassy::Outgoing<'static, 'static, 'static, Lock, Message, 4>,
    embassy::Ranked,
    embassy::Received<Message>,
    embassy::Refused,
    embassy::Runner<'static, 'static, Lock, Message, 4>,
    embassy::Selector<'static>,
    embassy::Sent,
    embassy::Shortened,
    embassy::Shown<u8>,
    embassy::Status<Lock, Message, 4>,
    embassy::Subscription<'static, 'static, Lock, Message, 4, 1>,
    embassy::TextWriter<'static>,
    embassy::Topic<16>,
    embassy::Unranked,
    embassy::Value<'static>,
);
