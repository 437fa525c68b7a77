//! One application in several variants: a task and an interrupt send messages, another task delivers them
//! every 50 ms. The variants differ in the queue between them: nothing, a peer, or a status bus.
//!
//! A message has 64 bytes, aligned to 4; the queue has 32 slots.

#![no_std]

use core::panic::PanicInfo;
use core::time::Duration;

use statusbus_core::{Category, KeyMode, Priority, SendOptions, Update};

/// Slots of the queue.
pub const ROOM: usize = 32;
/// Updates of a batch.
pub const BATCH: usize = 16;

/// 64 bytes that a peer moves.
#[derive(Clone, Copy)]
#[repr(C, align(4))]
pub struct Message(pub [u8; 64]);

impl Message {
    /// One that begins with this byte.
    #[inline(always)]
    #[must_use]
    pub fn new(first: u8) -> Self {
        let mut bytes = [0; 64];
        bytes[0] = first;
        Self(bytes)
    }
}

/// The same 64 bytes as the bus stores them, with everything that an update can have.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Stored<K, const RANKED: bool> {
    conversation: u32,
    ttl_ms: u32,
    category: Category,
    priority: Option<Priority>,
    key: [u8; 6],
    text: [u32; 12],
    keys: core::marker::PhantomData<K>,
}

const _: () = assert!(size_of::<Stored<statusbus_core::Keyed, true>>() == 64);

impl<K: KeyMode + Copy, const RANKED: bool> Stored<K, RANKED> {
    /// An update of this conversation.
    #[inline(always)]
    #[must_use]
    pub fn new(conversation: u8) -> Self {
        Self {
            conversation: conversation.into(),
            ttl_ms: conversation.into(),
            category: Category::from_index((conversation & 3).into()).unwrap_or(Category::INFO),
            priority: (conversation == 1).then_some(Priority::High),
            key: [conversation; 6],
            ..Self::EMPTY
        }
    }

    /// How it is to be sent.
    #[inline(always)]
    #[must_use]
    pub fn options(&self) -> SendOptions {
        let mut options = SendOptions::new(self.category);
        if RANKED {
            if let Some(priority) = self.priority {
                options = options.with_priority(priority);
            }
            if self.ttl_ms != 0 {
                options = options.with_ttl(Duration::from_secs(5));
            }
        }
        if self.key[0] != 0 {
            let mix = |hash: u32, &byte: &u8| hash.rotate_left(5) ^ u32::from(byte);
            options = options.with_key_hash(self.key.iter().fold(self.conversation, mix));
        }
        options
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &[u32] {
        &self.text
    }
}

impl<K: KeyMode + Copy, const RANKED: bool> Update for Stored<K, RANKED> {
    type Topic = (u32, Category);
    type Keys = K;
    const RANKED: bool = RANKED;
    const EMPTY: Self = Self {
        conversation: 0,
        ttl_ms: 0,
        category: Category::ENGINE,
        priority: Some(Priority::Low),
        key: [0; 6],
        text: [0; 12],
        keys: core::marker::PhantomData,
    };

    #[inline(always)]
    fn topic(&self) -> (u32, Category) {
        (self.conversation, self.category)
    }
    #[inline(always)]
    fn same_key(&self, other: &Self) -> bool {
        self.key == other.key && self.topic() == other.topic()
    }
    #[inline(never)]
    fn move_to(&mut self, to: &mut Self) {
        *to = *self;
    }
    #[expect(clippy::manual_swap, reason = "`mem::swap` is a loop of words here")]
    #[inline(never)]
    fn swap(&mut self, with: &mut Self) {
        let other = *with;
        *with = *self;
        *self = other;
    }
}

/// Writes a byte to nowhere, so that the compiler can leave nothing out.
#[inline(always)]
pub fn out(byte: u8) {
    static mut LINE: u8 = 0;
    // SAFETY: no code reads it, so an interrupted write does no harm
    unsafe { (&raw mut LINE).write_volatile(byte) };
}

/// The text of an update through the adapter: 40 bytes.
pub const TEXT: &str = "the pump runs at 1,200 turns a minute...";

/// A serial line that takes everything at once.
#[cfg(feature = "wire")]
#[derive(Debug)]
pub struct Line;

#[cfg(feature = "wire")]
impl embedded_io_async::ErrorType for Line {
    type Error = core::convert::Infallible;
}

#[cfg(feature = "wire")]
impl embedded_io_async::Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        bytes.iter().copied().for_each(out);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Delivers a message.
#[inline(never)]
pub fn deliver(message: &Message) {
    message.0.iter().copied().for_each(out);
}

/// No text of a panic is in what is measured.
#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    loop {
        out(0);
    }
}

/// A buffer in a static, for the one task that asks for it.
#[macro_export]
macro_rules! buffer {
    ($buffer:ty) => {{
        static mut BUFFER: $buffer = <$buffer>::new();
        // SAFETY: it is named here only, in a task that is spawned once
        unsafe { &mut *(&raw mut BUFFER) }
    }};
}

/// A bus of the core in a static, with a runner written by hand: what an adapter does at least.
#[macro_export]
macro_rules! bus_by_hand {
    ($stored:ty, $new:path, $missing:path, $pass_on:path) => {
        use core::cell::RefCell;
        use critical_section::Mutex;
        use embassy_futures::select::select;
        use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
        use embassy_sync::signal::Signal;
        use embassy_time::{Instant, Timer};
        use statusbus_core::{Accepted, Batch, Bus, Item, Polled, Slot};

        type Status = Bus<$stored, [Slot<$stored>; $crate::ROOM]>;
        type Buffer = Batch<$stored, [Item<$stored>; $crate::BATCH]>;

        static BUS: Mutex<RefCell<Status>> = Mutex::new(RefCell::new(Status::new()));
        static WAKE: Signal<CriticalSectionRawMutex, ()> = Signal::new();

        fn now() -> statusbus_core::Instant {
            statusbus_core::Instant::from_micros(Instant::now().as_ticks())
        }

        fn with<R>(work: impl FnOnce(&mut Status) -> R) -> Option<R> {
            critical_section::with(|cs| {
                let mut bus = BUS.borrow(cs).try_borrow_mut().ok()?;
                Some(work(&mut bus))
            })
        }

        #[inline(never)]
        fn send(mut update: $stored) {
            let options = update.options();
            let wake = with(|bus| {
                _ = bus.push(&mut update, options, now);
                bus.take_wake()
            });
            if wake == Some(true) {
                WAKE.signal(());
            }
        }

        #[embassy_executor::task]
        async fn deliver() {
            let batch = $crate::buffer!(Buffer);
            loop {
                // It polls again after each call of its own, and needs no wake-up for it.
                let polled = with(|bus| {
                    let polled = bus.poll(batch, now());
                    (polled, $missing(bus, batch))
                });
                match polled {
                    Some((Polled::Batch, missing)) => {
                        $pass_on(missing, batch);
                        with(|bus| bus.settle(batch, Accepted::All, now()));
                    }
                    Some((Polled::Wait(Some(at)), _)) => {
                        let at = Instant::from_ticks(at.as_micros());
                        select(Timer::at(at), WAKE.wait()).await;
                    }
                    _ => WAKE.wait().await,
                }
            }
        }

        $crate::application!($new, send, deliver);
    };
}

/// The task and the interrupt that send, and the task that delivers.
#[macro_export]
macro_rules! application {
    ($message:path, $send:path, $deliver:path) => {
        board::soft_interrupt!(interrupted);
        fn interrupted() {
            $send($message(1));
        }

        #[embassy_executor::main]
        async fn main(spawner: embassy_executor::Spawner) {
            board::start();
            if let Ok(task) = $deliver() {
                spawner.spawn(task);
            }
            let mut sent = 0_u8;
            loop {
                embassy_time::Timer::after_millis(7).await;
                sent = sent.wrapping_add(1);
                $send($message(sent));
                board::interrupt();
            }
        }
    };
}
