//! The settings of a scenario. Each seed turns some features off and picks extreme sizes: that reaches
//! more states than average sizes with everything on.

use std::time::Duration;

use statusbus_tokio::{Category, CategorySet, Config, Leading, Overflow};

use crate::random::Random;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Number of conversations, without the system.
    pub(crate) conversations: usize,
    pub(crate) categories: Vec<Category>,
    pub(crate) config: Config,
    pub(crate) capacity: usize,
    pub(crate) window: usize,
    pub(crate) history: usize,
    pub(crate) retained_keys: usize,
    /// Bytes of the window and of each conversation; `None`: unbounded.
    pub(crate) bytes: Option<usize>,
    /// Conversations that the bus remembers; `None`: all.
    pub(crate) remembered: Option<usize>,
    pub(crate) idle_after: Option<Duration>,
    /// Most updates in a burst.
    pub(crate) burst: u64,
    /// Percentage of updates with a key, a time-to-live, a priority of their own.
    pub(crate) keyed: u64,
    pub(crate) expiring: u64,
    pub(crate) ranked: u64,
    pub(crate) keys: u64,
    pub(crate) ttls: Vec<u64>,
    pub(crate) reconfigures: bool,
    pub(crate) filters: bool,
    pub(crate) handlers: bool,
    pub(crate) trickles: u64,
    /// Every resume point is checked by a reader of its own.
    pub(crate) resumes_everywhere: bool,
    /// Percentage of calls to the recorder, wakers and handlers that panic.
    pub(crate) panics: u64,
    pub(crate) readers: usize,
    pub(crate) operations: u64,
    /// Relative frequency of each kind of operation.
    pub(crate) weights: [u64; 12],
}

impl Settings {
    pub(crate) fn new(random: &mut Random) -> Self {
        let all =
            [Category::ENGINE, Category::TOOL, Category::PROGRESS, Category::ERROR, Category::INFO];
        let categories = all[..random.pick(&[1, 2, 3, 5])].to_vec();
        let limit = random.pick(&[1, 2, 3, 7, 20, 60, 300, 1_000]);
        let batch = random.pick(&[1, 1, 2, 5, 20, 100, 300]);
        let history = random.pick(&[0, 0, 1, 3, 16, 60]);
        let trickles = if random.chance(10) { random.pick(&[20, 320, 320]) } else { 0 };
        let window = match trickles {
            0 => random.pick(&[0, 1, 2, 10, 40, 200, 16_384]),
            // Large windows too, in which losses alone make a reader slow.
            _ => random.pick(&[0, 200, 16_384, 16_384]),
        };
        let mut weights = [0; 12];
        for weight in &mut weights {
            *weight = random.pick(&[0, 1, 3, 10]);
        }
        // A scenario that never sends, runs or reads tests nothing.
        weights[0] += 3;
        weights[1] += 3;
        weights[2] += 2;
        weights[10] += 2;
        Self {
            conversations: random.pick(&[1, 2, 3, 5, 24]),
            categories,
            config: config(random, limit, batch),
            capacity: limit.max(random.pick(&[1, 100, 1_000])),
            window,
            history,
            retained_keys: random.pick(&[0, 1, 3, 64]),
            bytes: random.chance(15).then(|| random.pick(&[0, 200, 2_000])),
            remembered: random.chance(20).then(|| random.pick(&[1, 2, 4])),
            idle_after: random.chance(15).then(|| Duration::from_millis(random.pick(&[1, 100]))),
            burst: if random.chance(2) { 3_000 } else { random.pick(&[1, 3, 12, 12, 60, 400]) },
            keyed: random.pick(&[0, 0, 30, 90]),
            expiring: random.pick(&[0, 0, 10, 60, 100]),
            ranked: random.pick(&[0, 0, 30]),
            keys: random.pick(&[1, 3, 8]),
            ttls: vec![0, random.pick(&[0, 1, 900, 7_000, 40_000, 2_000_000])],
            reconfigures: random.chance(25),
            filters: random.chance(40),
            handlers: random.chance(20),
            trickles,
            resumes_everywhere: random.chance(35),
            panics: if random.chance(15) { random.pick(&[5, 50]) } else { 0 },
            readers: random.pick(&[1, 2, 4, 6]),
            operations: random.pick(&[8, 20, 50, 90]),
            weights,
        }
    }

    /// Random categories for a reader.
    pub(crate) fn chosen(&self, random: &mut Random) -> CategorySet {
        if !self.filters || random.chance(40) {
            return CategorySet::ALL;
        }
        let half = |set: CategorySet, &category| match random.chance(50) {
            true => set.with(category),
            false => set,
        };
        self.categories.iter().fold(CategorySet::NONE, half)
    }
}

/// A random configuration with these sizes.
pub(crate) fn config(random: &mut Random, limit: usize, batch: usize) -> Config {
    let interval = Duration::from_micros(random.pick(&[1_000, 7_300, 50_000, 2_000_000]));
    let leading = random.pick(&[Leading::Immediate, Leading::Immediate, Leading::Delayed]);
    let config = Config::new().with_overflow(random.pick(&Overflow::ALL)).with_leading(leading);
    let config = config.with_queue_limit(limit).and_then(|config| config.with_batch_size(batch));
    config.and_then(|config| config.with_flush_interval(interval)).unwrap_or_default()
}
