//! What is said in a random case, and a small random number generator.

use std::marker::PhantomData;
use std::time::Duration;

use statusbus_core::{
    Category, Config, KeyMode, Leading, Overflow, Priority, RefuseReason, Update,
};

/// Categories that the bus has room for: the built-in ones and one of the application's.
pub(crate) const CATEGORIES: usize = 8;

/// Conversation and category.
pub(crate) type About = (u8, usize);

/// All that an update says of itself. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Facts {
    pub(crate) id: u32,
    pub(crate) about: About,
    pub(crate) key: Option<u8>,
    pub(crate) priority: Option<Priority>,
    pub(crate) ttl: Option<u64>,
}

/// The same as an update, with keys and ranks or without.
pub(crate) struct Said<K, const RANKED: bool> {
    pub(crate) facts: Facts,
    mode: PhantomData<K>,
}

impl<K, const RANKED: bool> Said<K, RANKED> {
    pub(crate) fn new(facts: Facts) -> Self {
        Self { facts, mode: PhantomData }
    }
}

impl<K: KeyMode, const RANKED: bool> Update for Said<K, RANKED> {
    type Topic = About;
    type Keys = K;
    const RANKED: bool = RANKED;

    fn topic(&self) -> About {
        self.facts.about
    }
    fn category(&self) -> Category {
        Category::from_index(self.facts.about.1).expect("an index below 32")
    }
    /// Collides often.
    fn key_hash(&self) -> Option<u32> {
        Some(u32::from(self.facts.key?) % 2)
    }
    fn same_key(&self, other: &Self) -> bool {
        (self.facts.about, self.facts.key) == (other.facts.about, other.facts.key)
    }
    fn priority(&self) -> Option<Priority> {
        self.facts.priority
    }
    fn ttl(&self) -> Option<Duration> {
        self.facts.ttl.map(Duration::from_micros)
    }
}

/// One call. `usize` in front is the buffer it concerns.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Push(Facts),
    Offer(Facts),
    Poll(usize),
    Delivered(usize),
    Failed(usize, usize),
    /// The update at this place of the batch, from zero.
    FailedAt(usize, u64),
    /// Taken away with the items, and settled by receipt: so many were accepted.
    GiveAway(usize, usize),
    TakeOut(usize, usize),
    TakeGap(usize),
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
        let config = Config::new().overflow(self.overflow).leading(self.leading);
        let config = config.queue_limit(self.limit).expect("a queue limit in range");
        let config = config.batch_size(self.batch_size).expect("a batch size in range");
        config.flush_interval(Duration::from_micros(self.interval)).expect("an interval in range")
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
        let mut reading = if random.chance(3) { 1 << 50 } else { 0 };
        let calls = (0..length).map(|id| {
            reading = random.clock(reading);
            (reading, random.call(id as u32))
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
    fn clock(&mut self, reading: u64) -> u64 {
        match self.below(100) {
            0..50 => reading.saturating_add(self.below(12) as u64),
            50..85 => reading,
            85..93 => reading.saturating_add(self.below(100) as u64),
            93..97 => reading.saturating_sub(self.below(200) as u64),
            97..99 => reading.saturating_add(1_000_000),
            _ => self.pick(&[0, reading / 2, reading, 1 << 60, u64::MAX - 40, u64::MAX]),
        }
    }

    fn call(&mut self, id: u32) -> Call {
        let buffer = self.below(2);
        match self.below(100) {
            0..30 => Call::Push(self.facts(id)),
            30..52 => Call::Offer(self.facts(id)),
            52..66 => Call::Poll(buffer),
            66..70 => Call::Delivered(buffer),
            70..74 => Call::Failed(buffer, self.pick(&[0, 0, 1, 2, 9])),
            74..77 => Call::FailedAt(buffer, self.pick(&[0, 0, 1, 1, 2, 3, 9])),
            77..79 => Call::GiveAway(buffer, self.pick(&[0, 1, 2, 9, 9, 9])),
            79..82 => Call::TakeOut(buffer, 1 + self.below(4)),
            82..83 if self.chance(2) => Call::TakeGap(buffer),
            82..83 => Call::ConfirmLosses(buffer, self.below(3)),
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

    fn facts(&mut self, id: u32) -> Facts {
        let about = (self.below(2) as u8, self.category());
        let key = if self.chance(2) { None } else { Some(self.below(3) as u8) };
        let priority = if self.chance(2) { None } else { Some(self.pick(&Priority::ALL)) };
        Facts { id, about, key, priority, ttl: self.ttl() }
    }

    fn category(&mut self) -> usize {
        self.pick(&[1, 3, 3, 4, 5, 5, 5, 5, 7, 31])
    }

    fn ttl(&mut self) -> Option<u64> {
        self.pick(&[None, None, None, Some(0), Some(1), Some(10), Some(60), Some(u64::MAX)])
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
