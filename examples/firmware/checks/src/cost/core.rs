//! Costs of the core by itself, with a message of 64 bytes, behind the lock of the other checks.

use core::cell::RefCell;
use core::hint::black_box;
use core::marker::PhantomData;

use embassy_sync::blocking_mutex::Mutex;
use embassy_time::Duration;
use statusbus_core::{
    Accepted, Batch, Bus, Category, Instant, Item, KeyMode, Keyed, Polled, Priority, SendOptions,
    Slot, Unkeyed, Update,
};

use super::Tell;
use super::lock::Ruler;
use crate::time;

const SLOTS: usize = 32;
const BATCH: usize = 16;

/// 64 bytes.
#[derive(Clone, Copy)]
#[repr(C)]
struct Stored<K, const RANKED: bool> {
    conversation: u32,
    key: u32,
    category: Category,
    text: [u32; 13],
    mode: PhantomData<K>,
}

const _: () = assert!(size_of::<Stored<Keyed, true>>() == 64);

impl<K: KeyMode + Copy, const RANKED: bool> Update for Stored<K, RANKED> {
    type Topic = (u32, Category);
    type Keys = K;

    const EMPTY: Self = Self {
        conversation: 0,
        key: 0,
        category: Category::ENGINE,
        text: [0; 13],
        mode: PhantomData,
    };
    const RANKED: bool = RANKED;

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
    #[expect(clippy::manual_swap, reason = "`mem::swap` takes 70 instructions more here")]
    #[inline(never)]
    fn swap(&mut self, with: &mut Self) {
        let old = *with;
        *with = *self;
        *self = old;
    }
}

type BusOf<U> = Bus<U, [Slot<U>; SLOTS]>;
type Small = Stored<Unkeyed, false>;
type Full = Stored<Keyed, true>;

/// A bus behind a lock, the buffer of its poller, and how it is measured.
struct Bench<'a, M: Ruler, U: Update> {
    bus: &'a Mutex<M, RefCell<BusOf<U>>>,
    batch: &'a mut Batch<U, [Item<U>; BATCH]>,
    name: &'a str,
    tell: Tell,
}

impl<M: Ruler, K: KeyMode + Copy, const RANKED: bool> Bench<'_, M, Stored<K, RANKED>> {
    fn with<R>(&self, work: impl FnOnce(&mut BusOf<Stored<K, RANKED>>) -> R) -> Option<R> {
        self.bus.lock(|bus| bus.try_borrow_mut().ok().map(|mut bus| work(&mut bus)))
    }

    fn send(&self, key: u32, options: SendOptions) {
        let category = options.category();
        let text = [key; 13];
        let mut update = Stored { conversation: 7, key, category, text, mode: PhantomData };
        // By reference: by value it would be copied once more.
        black_box(&mut update);
        let sent = self.with(|bus| (bus.push(&mut update, options, now), bus.take_wake()));
        black_box(sent);
    }

    /// Polls in parts of at most `most` until nothing is due.
    fn poll(&mut self, most: usize) {
        loop {
            let polled = self.bus.lock(|bus| {
                let mut bus = bus.try_borrow_mut().ok()?;
                Some(bus.poll_part(self.batch, most, |_| {}, now()))
            });
            match black_box(polled) {
                Some(Polled::More) => {}
                Some(Polled::Batch) => {
                    for one in &*self.batch {
                        black_box(one.update.category);
                    }
                    self.bus.lock(|bus| {
                        if let Ok(mut bus) = bus.try_borrow_mut() {
                            bus.settle(self.batch, Accepted::All, now());
                        }
                    });
                    return;
                }
                _ => return,
            }
        }
    }

    /// Empties the queue, and waits until the next update is batched.
    fn rest(&mut self) {
        for _ in 0..SLOTS {
            time::pass(Duration::from_millis(60));
            self.poll(usize::MAX);
        }
    }

    fn sending(&mut self, what: &str, before: &[(u32, SendOptions)], sent: (u32, SendOptions)) {
        for &(key, options) in before {
            self.send(key, options);
        }
        let cost = M::measure(|| self.send(sent.0, sent.1));
        self.tell(what, cost);
        self.rest();
    }

    fn draining(&mut self, what: &str, updates: usize, most: usize) {
        for _ in 0..updates {
            self.send(0, PLAIN);
        }
        time::pass(Duration::from_millis(60));
        let cost = M::measure(|| self.poll(most));
        self.tell(what, cost);
        self.rest();
    }

    fn all(&mut self) {
        self.rest();
        let plain = (0, PLAIN);
        self.sending("send, queue empty", &[], plain);
        self.sending("send", &[plain], plain);
        self.sending("send, queue full", &[plain; SLOTS], plain);
        self.draining("drain 16", BATCH, usize::MAX);
        self.draining("drain 16 in parts of 2", BATCH, 2);
        self.draining("drain 1", 1, usize::MAX);
        self.draining("poll, nothing due", 0, usize::MAX);
    }

    fn tell(&self, what: &str, cost: u32) {
        (self.tell)(format_args!("core {}, {what}, {}", self.name, M::UNIT), cost);
    }
}

const PLAIN: SendOptions = SendOptions::new(Category::INFO);

fn now() -> Instant {
    Instant::from_micros(embassy_time::Instant::now().as_ticks())
}

/// Neither keys nor priorities.
#[inline(never)]
pub(super) fn small<M: Ruler>(tell: Tell) {
    time::begin_anew();
    let bus = Mutex::new(RefCell::new(Bus::new()));
    let mut batch = Batch::new();
    Bench::<M, Small> { bus: &bus, batch: &mut batch, name: "small", tell }.all();
}

/// All rules.
#[inline(never)]
pub(super) fn full<M: Ruler>(tell: Tell) {
    time::begin_anew();
    let bus = Mutex::new(RefCell::new(Bus::new()));
    let mut batch = Batch::new();
    let mut bench = Bench::<M, Full> { bus: &bus, batch: &mut batch, name: "all rules", tell };
    bench.all();
    let plain = (0, PLAIN);
    let keyed = (3, PLAIN.with_key_hash(3));
    let high = (3, PLAIN.with_key_hash(3).with_priority(Priority::High));
    let end = (3, PLAIN.with_key_hash(3).with_run_end());
    let lasting = (0, PLAIN.with_ttl(core::time::Duration::from_secs(5)));
    bench.sending("send with a TTL", &[plain], lasting);
    bench.sending("send with a key", &[plain], keyed);
    bench.sending("send that replaces", &[keyed, plain], keyed);
    bench.sending("send that raises", &[keyed, plain], high);
    bench.sending("send that ends", &[keyed, plain], end);
}
