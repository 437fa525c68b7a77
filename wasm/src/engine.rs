//! One bus with its buffers. Numbers in, numbers out; it decides nothing.
#![forbid(unsafe_code)]

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use statusbus_core::{
    Batch, Bus, Category, Config, Facts, Instant, Item, Leading, Overflow, OverflowEdge, Place,
    Priority, Receipt, RefuseReason, Slot, Telemetry,
};

use crate::held::Held;
use crate::report::{GAPS, Report};
use crate::word;

/// A bus and what it writes into.
pub(crate) struct Engine {
    bus: Bus<Held, Box<[Slot<Held>]>, Heard, { Category::MAX }, GAPS>,
    batch: Batch<Held, Box<[Item<Held>]>, GAPS>,
    /// Places: those of a batch, then those that became free with it.
    places: Vec<u32>,
    /// Of a batch that was in flight when the batch size changed.
    left_behind: Option<Receipt>,
}

/// What the bus has told of overflow since the last batch.
#[derive(Default)]
pub(crate) struct Heard {
    started: bool,
    /// Updates that were lost in an overflow that ended; zero if none did.
    lost: u64,
}

impl Telemetry for Heard {
    fn overflow(&mut self, edge: OverflowEdge) {
        match edge {
            OverflowEdge::Started => self.started = true,
            OverflowEdge::Ended { lost } => self.lost += lost,
        }
    }
}

/// The configuration in numbers, as `configure` has them.
pub(crate) struct Settings {
    pub(crate) queue_limit: u32,
    pub(crate) batch_size: u32,
    /// Milliseconds.
    pub(crate) flush_interval: f64,
    /// The overflow policy by its place in the list, and 4 if the first update is delayed.
    pub(crate) policy: u32,
}

/// An update in numbers, as `send` has them.
pub(crate) struct Sent {
    pub(crate) place: u32,
    pub(crate) topic: u32,
    pub(crate) key: u32,
    /// The category, and above its 5 bits the priority and one more; zero is none.
    pub(crate) kind: u32,
    /// Milliseconds; what is below zero is none.
    pub(crate) ttl: f64,
}

impl Settings {
    fn config(&self) -> Option<Config> {
        let overflow = Overflow::ALL.get((self.policy & 3) as usize)?;
        let leading = if self.policy & 4 == 0 { Leading::Immediate } else { Leading::Delayed };
        let config = Config::new()
            .queue_limit(self.queue_limit as usize)
            .and_then(|config| config.batch_size(self.batch_size as usize))
            .and_then(|config| config.flush_interval(span(self.flush_interval)));
        Some(config.ok()?.overflow(*overflow).leading(leading))
    }
}

impl Engine {
    /// A bus with so many slots; `None` if there is no memory for it.
    pub(crate) fn new(slots: usize) -> Option<Self> {
        let slots = boxed(slots, || Slot::VACANT)?;
        let mut places = Vec::new();
        places.try_reserve_exact(slots.len()).ok()?;
        let bus = Bus::with_slots(slots, Config::new(), Heard::default());
        Some(Self { bus, batch: Batch::with_items(Box::default()), places, left_behind: None })
    }

    /// Changes the configuration; answers how many updates had to leave, whose places are written.
    /// `None` if it is not valid or there is no memory for the batch: nothing has changed then.
    pub(crate) fn configure(&mut self, settings: &Settings, now: f64) -> Option<usize> {
        let config = settings.config()?;
        let size = settings.batch_size as usize;
        if self.batch.capacity() != size {
            let items = boxed(size, || Item::VACANT)?;
            self.places.clear();
            self.places.try_reserve_exact(self.bus.capacity() + size).ok()?;
            // Configured from inside a callback, the batch that is being delivered is still to be
            // settled; its gap is told.
            let (_, receipt) = self.batch.detach(items);
            self.batch.take_gap();
            self.left_behind = Some(receipt);
        }
        let Self { bus, places, .. } = self;
        places.clear();
        bus.reconfigure(config, |held, _| put(places, held), instant(now));
        Some(places.len())
    }

    /// Changes what holds for updates of a category that do not say otherwise.
    pub(crate) fn configure_category(&mut self, index: u32, priority: u32, ttl: f64) {
        let priority = Priority::ALL.get(priority as usize);
        if let (Some(category), Some(&priority)) = (Category::from_index(index as usize), priority)
        {
            self.bus.reconfigure_category(category, priority, some_span(ttl));
        }
    }

    /// How many categories there are.
    pub(crate) fn set_categories(&mut self, count: u32) {
        self.bus.set_categories(count as usize);
    }

    /// Takes an update in.
    #[inline]
    pub(crate) fn send(&mut self, sent: &Sent, now: f64) -> u32 {
        let Some(category) = Category::from_index((sent.kind & 31) as usize) else { return 0 };
        let held = Held::new(sent.place, category, sent.topic, sent.key);
        let facts = Facts {
            category,
            priority: (sent.kind >> 5).checked_sub(1).and_then(priority),
            ttl: some_span(sent.ttl),
            key_hash: (sent.key != 0).then_some(sent.key),
        };
        let mut offered = Place::new(held);
        let outcome = self.bus.offer(&mut offered, facts, || instant(now));
        let freed = offered.take().map(Held::place);
        word::answer(outcome, self.bus.take_wake(), freed)
    }

    /// Counts what JavaScript refused at its door.
    pub(crate) fn refuse(&mut self, reason: RefuseReason) {
        self.bus.refuse(reason);
    }

    /// Hands on the next batch, if one is due: its places are written, and behind them those of what
    /// has expired.
    pub(crate) fn poll(&mut self, report: &mut Report, now: f64) -> bool {
        let Self { bus, batch, places, .. } = self;
        places.clear();
        if !bus.poll_with(batch, |held| put(places, held), instant(now)) {
            return false;
        }
        let expired = places.len();
        for handed in batch.iter() {
            put(places, *handed.update);
        }
        let first_seq = batch.iter().next().map_or(0, |handed| handed.seq);
        let gap_seq = batch.gap().map_or(0, statusbus_core::Gap::seq);
        let Heard { started, lost } = core::mem::take(bus.telemetry());
        report.batch([
            batch.len() as f64,
            expired as f64,
            f64::from(word::flush_reason(batch.reason())),
            first_seq as f64,
            gap_seq as f64,
            f64::from(u8::from(started)),
            lost as f64,
        ]);
        if let Some(gap) = batch.gap() {
            report.gap(gap);
        }
        true
    }

    /// The batch was handed to everybody.
    pub(crate) fn delivered(&mut self, now: f64) {
        if let Some(receipt) = self.left_behind.take() {
            self.bus.settle(receipt, instant(now));
        }
        self.bus.delivered(&mut self.batch, instant(now));
    }

    /// When the bus next wants to be polled, in milliseconds; below zero: it is idle.
    pub(crate) fn poll_at(&self) -> f64 {
        self.bus.poll_at().map_or(-1.0, |at| at.as_micros() as f64 / 1_000.0)
    }

    /// Makes everything queued due.
    pub(crate) fn flush(&mut self, now: f64) {
        self.bus.flush(instant(now));
    }

    /// Refuses new updates from now on, and makes everything queued due.
    pub(crate) fn close(&mut self, now: f64) {
        self.bus.close(instant(now));
    }

    /// The counters.
    pub(crate) fn ledger(&self, report: &mut Report) {
        report.ledger(&self.bus.ledger());
    }

    /// Where the places are written.
    pub(crate) const fn places(&self) -> *const u32 {
        self.places.as_ptr()
    }
}

/// There is always room: for every slot and a batch. Never grows, so that the place in memory stays.
fn put(places: &mut Vec<u32>, held: Held) {
    if places.len() < places.capacity() {
        places.push(held.place());
    }
}

fn priority(index: u32) -> Option<Priority> {
    Priority::ALL.get(index as usize).copied()
}

/// So many of something, if there is memory for it.
fn boxed<T>(count: usize, each: impl FnMut() -> T) -> Option<Box<[T]>> {
    let mut items = Vec::new();
    items.try_reserve_exact(count).ok()?;
    items.resize_with(count, each);
    Some(items.into_boxed_slice())
}

/// A reading of JavaScript's clock. What is no time is its start.
fn instant(millis: f64) -> Instant {
    Instant::from_micros((millis * 1_000.0) as u64)
}

/// A span, rounded up to whole microseconds, so that nothing is due too early.
fn span(millis: f64) -> Duration {
    let micros = millis * 1_000.0;
    let whole = micros as u64;
    Duration::from_micros(whole.saturating_add(u64::from((whole as f64) < micros)))
}

fn some_span(millis: f64) -> Option<Duration> {
    (millis >= 0.0).then(|| span(millis))
}
