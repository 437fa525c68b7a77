//! With the feature `defmt`, whatever is public can be logged.

#![cfg(all(feature = "defmt", feature = "wire"))]

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use statusbus_embassy as embassy;

type Lock = NoopRawMutex;
type Message = embassy::Message<16>;
type Bus = embassy::Status<Lock, Message, 4>;

macro_rules! can_be_logged {
    ($($type:ty),* $(,)?) => {
        $(const _: fn() = || {
            fn is_format<T: defmt::Format>() {}
            is_format::<$type>();
        };)*
    };
}

can_be_logged!(
    embassy::Subject<'static>,
    embassy::AlreadyRunning,
    embassy::Buffer<Message, 4>,
    embassy::UpdateBuilder<'static, Bus, &'static str>,
    embassy::Event<Message>,
    embassy::Frames<u8>,
    embassy::Hub<Lock, Message, 4, 1>,
    embassy::Key<4>,
    embassy::Log,
    embassy::Message<64, 16, 32, embassy::Key<8>>,
    embassy::NoKey,
    embassy::TooManyReaders,
    embassy::Outgoing<'static, 'static, Bus>,
    embassy::Ranked,
    embassy::Received<Message>,
    embassy::SendError,
    embassy::Runner<'static, Bus>,
    embassy::Selector<'static>,
    embassy::Outcome,
    embassy::GapEntry<embassy::Topic<16>>,
    embassy::Shortened,
    Bus,
    embassy::Subscription<'static, embassy::Hub<Lock, Message, 4, 1>>,
    embassy::TextWriter<'static>,
    embassy::Topic<16>,
    embassy::Unranked,
    embassy::Value<'static>,
);
