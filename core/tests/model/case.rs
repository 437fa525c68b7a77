//! Random cases, and a small random number generator.

use std::marker::PhantomData;
use std::time::Duration;

use statusbus_core::{
    Accepted, Category, Config, KeyMode, Leading, Overflow, Priority, RefuseReason, SendOptions,
    Update,
};

/// Categories that the bus has room for: the built-in ones and one of the application's.
pub(crate) const CATEGORIES: usize = 8;

/// Conversation and category.
pub(crate) type Topic = (u8, usize);

/// An update as a case has it. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) id: u32,
    pub(crate) topic: Topic,
    pub(crate) key: Option<u8>,
    pub(crate) priority: Option<Priority>,
    pub(crate) ends_run: bool,
    pub(crate) ttl: Option<u64>,
}

impl Sent {
    pub(crate) const EMPTY: Self =
        Self { id: u32::MAX, topic: (0, 0), key: None, priority: None, ends_run: false, ttl: None };

    pub(crate) fn options(&self) -> SendOptions {
        let category = Category::from_index(self.topic.1).expect("an index below 32");
        let mut options = SendOptions::new(category);
        if let Some(priority) = self.priority {
            options = options.with_priority(priority);
        }
        if let Some(key) = self.key {
            options = options.with_key_hash(u32::from(key) % 2); // collides often
        }
        if let Some(ttl) = self.ttl {
            options = options.with_ttl(Duration::from_micros(ttl));
        }
        if self.ends_run { options.with_run_end() } else { options }
    }
}

/// An update as the core stores it, of a type with keys and priorities or without.
pub(crate) struct Stored<K, const RANKED: bool> {
    pub(crate) sent: Sent,
    keys: PhantomData<K>,
}

impl<K, const RANKED: bool> Stored<K, RANKED> {
    pub(crate) const fn new(sent: Sent) -> Self {
        Self { sent, keys: PhantomData }
    }
}

impl<K: KeyMode, const RANKED: bool> Update for Stored<K, RANKED> {
    type Topic = Topic;
    type Keys = K;
    const EMPTY: Self = Self::new(Sent::EMPTY);
    const RANKED: bool = RANKED;

    fn topic(&self) -> Topic {
        self.sent.topic
    }
    fn same_key(&self, other: &Self) -> bool {
        (self.sent.topic, self.sent.key) == (other.sent.topic, other.sent.key)
    }
}

/// A call on the bus. The first number is that of the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Push(Sent),
    Poll(usize),
    /// Of at most so many updates.
    PollPart(usize, usize),
    Settle(usize, Accepted),
    /// The update so many places behind the first.
    SettleOne(usize, u64),
    /// The updates stay in the buffer, the batch is settled by its receipt, and then the buffer is
    /// cleared.
    Receipt(usize, Accepted),
    ConfirmLosses(usize, usize),
    Flush,
    Close,
    Reconfigure(Knobs),
    Category(usize, Priority, Option<u64>),
    Categories(usize),
    Refuse(RefuseReason),
    TakeWake,
    Depth,
}

/// A configuration that can be looked into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knobs {
    pub(crate) limit: usize,
    pub(crate) batch_size: usize,
    pub(crate) interval: u64,
    pub(crate) overflow: Overflow,
    pub(crate) leading: Leading,
}

impl Knobs {
    pub(crate) fn config(self) -> Config {
        let config = Config::new().with_overflow(self.overflow).with_leading(self.leading);
        let config = config.with_queue_limit(self.limit).expect("a queue limit in range");
        let config = config.with_batch_size(self.batch_size).expect("a batch size in range");
        config
            .with_flush_interval(Duration::from_micros(self.interval))
            .expect("an interval in range")
    }
}

/// A random case: a bus, two buffers, and calls with the reading of the clock that each brings.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) slots: usize,
    pub(crate) knobs: Knobs,
    pub(crate) buffers: [usize; 2],
    pub(crate) calls: Vec<(u64, Call)>,
    /// Whether the depth is compared after each call: its peak is then that of one call.
    pub(crate) depths: bool,
    /// In the end.
    pub(crate) sink_fails: bool,
}

impl Case {
    pub(crate) fn random(seed: u64) -> Self {
        let random = &mut Random(seed);
        let slots = if random.chance(50) { 0 } else { 1 + random.below(8) };
        let knobs = random.knobs();
        let buffers = [(); 2].map(|()| if random.chance(30) { 0 } else { 1 + random.below(7) });
        let length = if random.chance(100) { 400 } else { 1 + random.below(40) };
        // Between the parts of one batch no clock jumps by half an hour.
        let parts = random.chance(3);
        let mut reading = if random.chance(3) { 1 << 50 } else { 0 };
        let calls = (0..length).map(|id| {
            reading = random.clock(reading, parts);
            (reading, random.call(id as u32, parts))
        });
        let calls = calls.collect();
        let (sink_fails, depths) = (random.chance(2), random.chance(2));
        Self { slots, knobs, buffers, calls, depths, sink_fails }
    }
}

/// `SplitMix64`, by Sebastiano Vigna (public domain).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// One in `of`.
    fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// The next reading: mostly a little later, sometimes the same, far ahead, or back.
    fn clock(&mut self, reading: u64, near: bool) -> u64 {
        match self.below(100) {
            0..50 => reading.saturating_add(self.below(12) as u64),
            50..85 => reading,
            85..93 => reading.saturating_add(self.below(100) as u64),
            93..97 => reading.saturating_sub(self.below(200) as u64),
            97..99 => reading.saturating_add(1_000_000),
            _ if near => reading,
            _ => {
                let hours = [1, 2, 50 * 24].map(|hours| reading.saturating_add(hours * HOUR));
                let ends = [0, reading / 2, 1 << 60, u64::MAX - 40, u64::MAX];
                if self.chance(2) { self.pick(&hours) } else { self.pick(&ends) }
            }
        }
    }

    fn call(&mut self, id: u32, parts: bool) -> Call {
        let buffer = self.below(2);
        match self.below(100) {
            0..52 => Call::Push(self.sent(id)),
            52..68 if parts => Call::PollPart(buffer, self.pick(&[0, 1, 1, 2, 3, 9])),
            52..68 => Call::Poll(buffer),
            68..76 => Call::Settle(buffer, self.accepted()),
            76..79 => Call::SettleOne(buffer, self.pick(&[0, 0, 1, 1, 2, 3, 9])),
            79..81 => Call::Receipt(buffer, self.accepted()),
            81..83 => Call::ConfirmLosses(buffer, self.pick(&[0, 1, 1, 2, usize::MAX])),
            83..87 => Call::Flush,
            87..91 => Call::Reconfigure(self.knobs()),
            91..93 => {
                let (category, priority) = (self.category(), self.pick(&Priority::ALL));
                let ttl = self.pick(&[None, None, Some(0), Some(1), Some(10), Some(60)]);
                Call::Category(category, priority, ttl)
            }
            93..94 => Call::Categories(self.pick(&[0, 7, 8, 8, 9, 32])),
            94..95 => Call::Refuse(self.pick(&RefuseReason::ALL)),
            95..98 => Call::TakeWake,
            98..99 => Call::Depth,
            _ if self.chance(2) => Call::Close,
            _ => Call::Flush,
        }
    }

    fn accepted(&mut self) -> Accepted {
        let first = [0, 0, 1, 2, 9].map(Accepted::First);
        if self.chance(2) { Accepted::All } else { self.pick(&first) }
    }

    fn sent(&mut self, id: u32) -> Sent {
        let topic = (self.below(2) as u8, self.category());
        let key = if self.chance(2) { None } else { Some(self.below(3) as u8) };
        let priority = if self.chance(2) { None } else { Some(self.pick(&Priority::ALL)) };
        Sent { id, topic, key, priority, ends_run: self.chance(8), ttl: self.ttl() }
    }

    fn category(&mut self) -> usize {
        self.pick(&[1, 3, 3, 4, 5, 5, 5, 5, 7, 31])
    }

    fn ttl(&mut self) -> Option<u64> {
        self.pick(&[None, None, None, Some(0), Some(1), Some(10), Some(60), Some(LONG_TTL)])
    }

    fn knobs(&mut self) -> Knobs {
        Knobs {
            limit: self.pick(&[1, 2, 3, 4, 5, 6, 8, 100]),
            batch_size: self.pick(&[1, 2, 3, 4, 6, 50]),
            interval: self.pick(&[1, 10, 40, 1_000]),
            overflow: self.pick(&Overflow::ALL),
            leading: self.pick(&[Leading::Immediate, Leading::Delayed]),
        }
    }
}

const HOUR: u64 = 3_600_000_000;

/// Twelve hours and a little: longer than 32 bits of microseconds.
pub(crate) const LONG_TTL: u64 = 12 * HOUR + 500_000_000;
