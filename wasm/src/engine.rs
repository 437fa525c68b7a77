//! One bus with its buffers. It converts numbers and decides nothing.
#![forbid(unsafe_code)]

use alloc::boxed::Box;

use statusbus_core::{
    Accepted, Batch, Bus, Category, Config, Instant, Item, Leading, Overflow, OverflowEvent,
    Polled, Priority, Receipt, RefuseReason, SendOptions, Slot, Telemetry,
};

use crate::boxed::{BoundedSlice, boxed, boxed_slice};
use crate::packed;
use crate::report::{GAPS, Report};
use crate::stored::StoredUpdate;

/// A bus and its buffers.
pub(crate) struct Engine {
    bus: Bus<
        StoredUpdate,
        BoundedSlice<Slot<StoredUpdate>>,
        TelemetryDelta,
        { Category::MAX },
        GAPS,
    >,
    batch: Batch<StoredUpdate, BoundedSlice<Item<StoredUpdate>>>,
    /// Payload slots: those of expired updates, then those of a batch.
    left: Left,
    /// Of a batch that was in flight when the batch size changed.
    earlier: Option<Receipt>,
}

/// Overflow since the last batch.
#[derive(Default)]
pub(crate) struct TelemetryDelta {
    started: bool,
    /// Updates that were lost in an overflow that ended; zero if none did.
    lost: u64,
}

impl Telemetry for TelemetryDelta {
    fn overflow(&mut self, event: OverflowEvent) {
        match event {
            OverflowEvent::Started => self.started = true,
            OverflowEvent::Ended { lost } => self.lost += lost,
            _ => {}
        }
    }
}

/// The configuration in numbers, as `configure` gets it.
pub(crate) struct Settings {
    pub(crate) queue_limit: u32,
    pub(crate) batch_size: u32,
    /// Milliseconds.
    pub(crate) flush_interval: f64,
    /// The index of the overflow policy, and 4 if the first update is delayed.
    pub(crate) policy: u32,
}

impl Settings {
    fn config(&self) -> Option<Config> {
        let overflow = match self.policy & 3 {
            0 => Overflow::Evict,
            1 => Overflow::DropNewest,
            2 => Overflow::DropOldest,
            _ => Overflow::Reject,
        };
        let leading = if self.policy & 4 == 0 { Leading::Immediate } else { Leading::Delayed };
        let config = Config::new()
            .with_queue_limit(self.queue_limit as usize)
            .and_then(|config| config.with_batch_size(self.batch_size as usize))
            .ok()?
            .with_flush_interval_micros(micros(self.flush_interval))?;
        Some(config.with_overflow(overflow).with_leading(leading))
    }
}

impl Engine {
    /// A bus with that many slots and categories; `None` if there is not enough memory.
    pub(crate) fn new(slots: usize, categories: usize) -> Option<Box<Self>> {
        let left = Left::new(slots)?;
        let slots = BoundedSlice::new(slots)?;
        let mut engine = boxed(|| Self {
            bus: Bus::with_slots(slots, Config::new(), TelemetryDelta::default()),
            batch: Batch::with_items(BoundedSlice::default()),
            left,
            earlier: None,
        })?;
        engine.bus.set_categories(categories);
        Some(engine)
    }

    /// Changes the configuration. Answers how many updates had to leave; their payload slots are written.
    /// `None` if it is not valid or there is not enough memory for the batch: nothing has changed then.
    pub(crate) fn configure(&mut self, settings: &Settings, now: f64) -> Option<usize> {
        let config = settings.config()?;
        let size = settings.batch_size as usize;
        if self.batch.capacity() != size {
            let items = BoundedSlice::new(size)?;
            // Called from inside a callback, the batch that is being delivered is not settled yet. A second call
            // there finds the buffer empty, and must not replace the receipt.
            if !self.batch.is_empty() || self.batch.gap_seq().is_some() {
                self.earlier = Some(self.batch.take_receipt());
            }
            self.batch.replace_items(items);
        }
        let Self { bus, left, .. } = self;
        left.len = 0;
        bus.reconfigure(config, |update, _| left.add(update), instant(now));
        Some(left.len)
    }

    /// Changes the defaults of a category.
    pub(crate) fn configure_category(&mut self, index: u32, priority: u32, ttl: f64) {
        if let (Some(category), Some(priority)) =
            (Category::from_index(index as usize), by_index(priority))
        {
            let ttl = if ttl >= 0.0 { micros(ttl) } else { u64::MAX };
            self.bus.reconfigure_category_micros(category, priority, ttl);
        }
    }

    /// Pushes an update. `kind`: the category, and above its 5 bits the priority and one more; zero:
    /// that of the category. `ttl`: milliseconds; below zero: that of the category.
    #[inline]
    pub(crate) fn send(&mut self, mut update: StoredUpdate, kind: u32, ttl: f64, now: f64) -> u32 {
        let Some(category) = Category::from_index((kind & 31) as usize) else {
            return packed::QUEUED;
        };
        let mut options = SendOptions::new(category);
        if let Some(priority) = (kind >> 5).checked_sub(1).and_then(by_index) {
            options = options.with_priority(priority);
        }
        if ttl >= 0.0 {
            options = options.with_ttl_micros(micros(ttl));
        }
        if update.key != 0 {
            // The number itself, which the core spreads. The host assigns numbers in turn: no sender
            // can choose keys that collide.
            options = options.with_key_hash(update.key);
        }
        let code = self.bus.push_code(&mut update, options, || instant(now));
        packed::packed(code, self.bus.take_wake(), update.slot)
    }

    /// Counts an update that JavaScript refused.
    pub(crate) fn refuse(&mut self, reason: RefuseReason) {
        self.bus.refuse(reason);
    }

    /// Puts out the next batch, if one is due: its payload slots are written behind those of expired
    /// updates. Answers 1 then; 2 if none is due, but an overflow ended; else 0.
    pub(crate) fn poll(&mut self, report: &mut Report, now: f64) -> u32 {
        let Self { bus, batch, left, .. } = self;
        left.len = 0;
        let polled = bus.poll_part(batch, usize::MAX, |update| left.add(update), instant(now));
        let is_batch = polled == Polled::Batch;
        if !is_batch && bus.telemetry().lost == 0 {
            return 0;
        }
        let expired = left.len;
        // Not a loop: `fold` of the iterator is smaller.
        batch.iter().for_each(|one| left.add(one.update));
        let TelemetryDelta { started, lost } = core::mem::take(bus.telemetry());
        report.batch([
            batch.len() as f64,
            expired as f64,
            f64::from(batch.reason() as u8),
            batch.first_seq() as f64,
            batch.gap_seq().unwrap_or(0) as f64,
            f64::from(u8::from(started)),
            lost as f64,
        ]);
        if let Some(gap) = bus.gap(batch) {
            report.gap(gap);
        }
        if is_batch { 1 } else { 2 }
    }

    /// Settles the batch as accepted.
    pub(crate) fn delivered(&mut self, now: f64) {
        if let Some(receipt) = self.earlier.take() {
            self.bus.settle_receipt(receipt, Accepted::All, instant(now));
        }
        self.bus.settle(&mut self.batch, Accepted::All, instant(now));
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

    /// The address of the list of payload slots, which stays.
    pub(crate) fn payload_slots(&self) -> usize {
        self.left.slots.as_ptr() as usize
    }

    /// Reports the counters.
    pub(crate) fn ledger(&self, report: &mut Report) {
        report.ledger(&self.bus.ledger(), self.bus.counters());
    }
}

/// Payload slots of updates that have left.
struct Left {
    /// One for every slot of the bus: no call takes more updates out of the queue.
    slots: Box<[u32]>,
    len: usize,
}

impl Left {
    fn new(most: usize) -> Option<Self> {
        Some(Self { slots: boxed_slice(most)?, len: 0 })
    }

    fn add(&mut self, update: &StoredUpdate) {
        debug_assert!(self.len < self.slots.len());
        if let Some(slot) = self.slots.get_mut(self.len) {
            *slot = update.slot;
            self.len += 1;
        }
    }
}

/// The priority at an index of [`Priority::ALL`]. A table would take more bytes than this.
fn by_index(index: u32) -> Option<Priority> {
    match index {
        0 => Some(Priority::Low),
        1 => Some(Priority::Normal),
        2 => Some(Priority::High),
        _ => None,
    }
}

/// A reading of JavaScript's clock. Negative numbers and NaN are its start.
fn instant(millis: f64) -> Instant {
    Instant::from_micros((millis * 1_000.0) as u64)
}

/// A span, rounded up to whole microseconds, so that nothing is due too early.
#[inline(always)]
fn micros(millis: f64) -> u64 {
    let micros = millis * 1_000.0;
    let whole = micros as u64;
    whole.saturating_add(u64::from((whole as f64) < micros))
}
