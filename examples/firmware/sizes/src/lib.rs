//! One application in several ways: a task and an interrupt say something, another task hands it on
//! every 50 ms. What differs is what stands between them: nothing, a peer, or a status bus.
//!
//! A message has 64 bytes, aligned to 4, and there is room for 32.

#![no_std]

use core::panic::PanicInfo;
use core::time::Duration;

use statusbus_core::{Category, KeyMode, Priority, Update};

/// Messages that may wait.
pub const ROOM: usize = 32;
/// Messages that are handed on together.
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

/// The same 64 bytes as the bus sees them, with all that an update can have.
#[repr(C)]
pub struct Said<K, const RANKED: bool> {
    conversation: u32,
    ttl_ms: u32,
    category: Category,
    priority: Option<Priority>,
    key: [u8; 6],
    text: [u32; 12],
    keys: core::marker::PhantomData<K>,
}

const _: () = assert!(size_of::<Said<statusbus_core::Keyed, true>>() == 64);

impl<K: KeyMode, const RANKED: bool> Said<K, RANKED> {
    /// One about this conversation.
    #[inline(always)]
    #[must_use]
    pub fn new(conversation: u8) -> Self {
        Self {
            conversation: conversation.into(),
            ttl_ms: conversation.into(),
            category: Category::from_index((conversation & 3).into()).unwrap_or(Category::INFO),
            priority: (conversation == 1).then_some(Priority::Terminal),
            key: [conversation; 6],
            text: [0; 12],
            keys: core::marker::PhantomData,
        }
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &[u32] {
        &self.text
    }
}

impl<K: KeyMode, const RANKED: bool> Update for Said<K, RANKED> {
    type Topic = (u32, Category);
    type Keys = K;
    const RANKED: bool = RANKED;

    #[inline]
    fn topic(&self) -> (u32, Category) {
        (self.conversation, self.category)
    }
    #[inline]
    fn category(&self) -> Category {
        self.category
    }
    #[inline]
    fn key_hash(&self) -> Option<u32> {
        (self.key[0] != 0).then(|| {
            self.key
                .iter()
                .fold(self.conversation, |hash, &byte| hash.rotate_left(5) ^ u32::from(byte))
        })
    }
    #[inline]
    fn same_key(&self, other: &Self) -> bool {
        self.key == other.key && self.topic() == other.topic()
    }
    #[inline]
    fn priority(&self) -> Option<Priority> {
        if RANKED { self.priority } else { None }
    }
    #[inline]
    fn ttl(&self) -> Option<Duration> {
        (RANKED && self.ttl_ms != 0).then(|| Duration::from_millis(self.ttl_ms.into()))
    }
}

/// Takes a byte away, so that the compiler can leave nothing out.
#[inline(always)]
pub fn out(byte: u8) {
    static mut LINE: u8 = 0;
    // SAFETY: nobody reads it, so it does not matter who is interrupted
    unsafe { (&raw mut LINE).write_volatile(byte) };
}

/// What the adapter says: 40 bytes.
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

/// Takes a message away.
#[inline(never)]
pub fn hand_on(message: &Message) {
    message.0.iter().copied().for_each(out);
}

/// No text of a panic is in what is measured.
#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    loop {
        out(0);
    }
}

/// A bus of the core's, in a static, with a runner written by hand: what an adapter does at least.
#[macro_export]
macro_rules! bus_by_hand {
    ($said:ty, $new:path, $hand_on:path) => {
        use core::cell::RefCell;
        use critical_section::Mutex;
        use embassy_futures::select::select;
        use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
        use embassy_sync::signal::Signal;
        use embassy_time::{Instant, Timer};
        use statusbus_core::{Batch, Bus, Item, Slot};

        type Status = Bus<$said, [Slot<$said>; $crate::ROOM]>;

        static BUS: Mutex<RefCell<Status>> = Mutex::new(RefCell::new(Status::new()));
        static WAKE: Signal<CriticalSectionRawMutex, ()> = Signal::new();

        fn with<R>(work: impl FnOnce(&mut Status, statusbus_core::Instant) -> R) -> Option<R> {
            let now = statusbus_core::Instant::from_micros(Instant::now().as_ticks());
            critical_section::with(|cs| {
                let mut bus = BUS.borrow(cs).try_borrow_mut().ok()?;
                let result = work(&mut bus, now);
                if bus.take_wake() {
                    WAKE.signal(());
                }
                Some(result)
            })
        }

        #[inline(never)]
        fn send(said: $said) {
            with(|bus, now| drop(bus.push(said, now)));
        }

        #[embassy_executor::task]
        async fn hand_on() {
            let mut batch: Batch<$said, [Item<$said>; $crate::BATCH]> = Batch::new();
            loop {
                let polled = with(|bus, now| (bus.poll(&mut batch, now), bus.poll_at()));
                match polled {
                    Some((true, _)) => {
                        $hand_on(&mut batch);
                        with(|bus, now| bus.delivered(&mut batch, now));
                    }
                    Some((false, Some(at))) => {
                        let at = Instant::from_ticks(at.as_micros());
                        select(Timer::at(at), WAKE.wait()).await;
                    }
                    _ => WAKE.wait().await,
                }
            }
        }

        $crate::application!($new, send, hand_on);
    };
}

/// The task and the interrupt that say something, and the task that hands it on.
#[macro_export]
macro_rules! application {
    ($message:path, $send:path, $hand_on:path) => {
        board::soft_interrupt!(interrupted);
        fn interrupted() {
            $send($message(1));
        }

        #[embassy_executor::main]
        async fn main(spawner: embassy_executor::Spawner) {
            board::start();
            if let Ok(task) = $hand_on() {
                spawner.spawn(task);
            }
            let mut said = 0_u8;
            loop {
                embassy_time::Timer::after_millis(7).await;
                said = said.wrapping_add(1);
                $send($message(said));
                board::interrupt();
            }
        }
    };
}
