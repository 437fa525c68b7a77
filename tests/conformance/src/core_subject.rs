//! The core itself as a subject.

use core::time::Duration;

use statusbus_core::{
    Accepted, Batch, Bus, Categories, Category, Config, ConversationName, FlushMark, Instant, Item,
    Ledger, Loss, Outcome, Polled, Priority, Receipt, RefuseReason, Slot,
};

use crate::record::Micros;
use crate::stored::{Name, StoredUpdate};
use crate::telemetry::{TelemetryRecord, micros};
use crate::{CoreOperation, Invalid, Opening, Record, Sent, Settings, Shown, Subject, Unsupported};

/// The application's own categories.
const EXTRA: usize = 2;
/// All categories.
const CATEGORIES: usize = Category::BUILT_IN.len() + EXTRA;
/// Topics whose losses are counted apart.
const GAPS: usize = 4;

/// The core, driven by a loop that polls whenever the bus asks for it.
///
/// The traces need 16 slots and batches of 8: some 5 KiB in all, and most of it again on the stack while
/// a trace begins, so it runs where there are 16 KiB of memory. Conversations and keys hold 12 bytes,
/// texts 24.
pub struct CoreSubject<const SLOTS: usize = 16, const BATCH: usize = 8> {
    bus: Bus<StoredUpdate, [Slot<StoredUpdate>; SLOTS], TelemetryRecord, CATEGORIES, GAPS>,
    batch: Batch<StoredUpdate, [Item<StoredUpdate>; BATCH]>,
    receipts: heapless::Deque<Receipt, 2>,
    categories: Categories<Name, EXTRA>,
    now: Instant,
    marks: heapless::Vec<FlushMark, 4>,
    shows: Shows,
}

/// What a trace has asked to see.
#[derive(Clone, Copy, Default)]
struct Shows {
    left: bool,
    readings: bool,
}

impl<const SLOTS: usize, const BATCH: usize> CoreSubject<SLOTS, BATCH> {
    /// A new bus, at virtual time zero.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(SLOTS >= 16 && BATCH >= 8, "the traces need 16 and 8") };
        Self {
            bus: Bus::with_telemetry(TelemetryRecord::new()),
            batch: Batch::new(),
            receipts: heapless::Deque::new(),
            categories: Categories::new(),
            now: Instant::ZERO,
            marks: heapless::Vec::new(),
            shows: Shows { left: false, readings: false },
        }
    }

    /// Polls, at most `most` updates at once, and shows the batch once it is whole.
    fn poll(&mut self, most: usize, record: &mut Record<'_>) -> Polled {
        let Self { bus, batch, categories, now, shows, .. } = self;
        let expired = |update: &mut StoredUpdate| {
            if shows.left {
                record.left("expired", &shown(update, categories));
            }
        };
        let polled = bus.poll_part(batch, most, expired, *now);
        if polled == Polled::Batch {
            self.show_batch(record);
        }
        polled
    }

    fn show_batch(&self, record: &mut Record<'_>) {
        let Self { bus, batch, categories, now, .. } = self;
        let gap = bus.gap(batch);
        if let Some(gap) = gap {
            record.gap(*now, gap.seq(), &gap.total());
            for ((conversation, category), losses) in gap.topics() {
                let category = name(categories, *category);
                record.gap_topic(conversation.as_deref(), category, &losses);
            }
            record.gap_elsewhere(&gap.elsewhere());
        }
        if !batch.is_empty() || gap.is_none() {
            record.batch(*now, batch.reason(), batch.len());
        }
        for one in batch.iter() {
            record.update(one.seq, &shown(one.update, categories));
        }
    }

    /// The checks that an adapter makes before it pushes.
    fn check(&self, sent: &Sent<'_>) -> Result<StoredUpdate, RefuseReason> {
        if sent.conversation.is_some_and(|name| ConversationName::new(name).is_err()) {
            return Err(RefuseReason::Invalid);
        }
        let category = self.categories.find(sent.category).ok_or(RefuseReason::UnknownCategory)?;
        StoredUpdate::new(sent, category).ok_or(RefuseReason::TooLarge)
    }

    fn request_flush(&mut self) {
        let mark = self.bus.flush(self.now);
        // The traces request four at most.
        debug_assert!(!self.marks.is_full());
        let _ = self.marks.push(mark);
    }

    fn show_details(&self, record: &mut Record<'_>) {
        for one in self.batch.iter() {
            let (seq, priority, waited) = (one.seq, one.priority.as_str(), micros(one.waited()));
            match one.ttl_left().map(micros) {
                Some(left) => record
                    .line(format_args!("=   #{seq} {priority} waited={waited} ttl_left={left}")),
                None => record.line(format_args!("=   #{seq} {priority} waited={waited}")),
            }
        }
    }
}

impl<const SLOTS: usize, const BATCH: usize> Default for CoreSubject<SLOTS, BATCH> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const SLOTS: usize, const BATCH: usize> Subject for CoreSubject<SLOTS, BATCH> {
    const CORE: bool = true;

    fn open(&mut self, opening: &Opening<'_>) -> Result<(), Invalid> {
        // One by one: a whole subject would take as much again of a small stack.
        self.bus = Bus::with_telemetry(TelemetryRecord::new());
        self.batch = Batch::new();
        self.receipts.clear();
        self.categories = Categories::new();
        self.now = Instant::ZERO;
        self.marks.clear();
        self.shows = Shows::default();
        for category in opening.categories() {
            let category = Name::try_from(category).map_err(|_| Invalid("category"))?;
            self.categories.register(category)?;
        }
        self.bus.set_categories(self.categories.len());
        let config = opening.settings.apply_to(Config::new())?;
        self.bus.reconfigure(config, |_, _| {}, self.now);
        Ok(())
    }

    fn push(&mut self, sent: &Sent<'_>, record: &mut Record<'_>) -> Outcome {
        let mut update = match self.check(sent) {
            Ok(update) => update,
            Err(reason) => {
                self.bus.refuse(reason);
                return Outcome::Refused(reason);
            }
        };
        let options = update.options(sent);
        let mut is_read = false;
        let now = self.now;
        let outcome = self.bus.push(&mut update, options, || {
            is_read = true;
            now
        });
        if self.shows.readings {
            yes("clock read", is_read, record);
        }
        let why = match outcome {
            Outcome::Merged => Some("coalesced"),
            Outcome::Displaced(loss) => Some(loss.as_str()),
            Outcome::Expired => Some("expired"),
            Outcome::Dropped(reason) => Some(reason.as_str()),
            Outcome::Refused(reason) => Some(reason.as_str()),
            _ => None,
        };
        if let Some(why) = why.filter(|_| self.shows.left) {
            record.left(why, &shown(&update, &self.categories));
        }
        outcome
    }

    fn run(&mut self, record: &mut Record<'_>) {
        // Each batch takes something out: more batches than slots show that the bus is broken.
        for _ in 0..=SLOTS + 1 {
            if self.poll(usize::MAX, record) != Polled::Batch {
                return;
            }
            self.bus.settle(&mut self.batch, Accepted::All, self.now);
        }
        record.line(format_args!("= batches without end"));
    }

    fn advance(&mut self, span: Duration, record: &mut Record<'_>) {
        let end = self.now + span;
        self.run(record);
        while let Some(at) = self.bus.poll_at().filter(|&at| at <= end) {
            if at <= self.now {
                return record.line(format_args!("= due, but no batch is polled"));
            }
            self.now = at;
            self.run(record);
        }
        self.now = end;
    }

    fn flush(&mut self, record: &mut Record<'_>) {
        self.request_flush();
        self.run(record);
    }

    fn close(&mut self, record: &mut Record<'_>) {
        self.bus.close(self.now);
        self.run(record);
    }

    fn reconfigure(&mut self, settings: &Settings, record: &mut Record<'_>) -> Result<(), Invalid> {
        let config = settings.apply_to(self.bus.config())?;
        let Self { bus, categories, now, shows, .. } = self;
        let left = |update: &mut StoredUpdate, loss: Loss| {
            if shows.left {
                record.left(loss.as_str(), &shown(update, categories));
            }
        };
        bus.reconfigure(config, left, *now);
        Ok(())
    }

    fn category(
        &mut self,
        name: &str,
        priority: Priority,
        ttl: Option<Duration>,
    ) -> Result<(), Invalid> {
        let category = self.categories.find(name).ok_or(Invalid("category"))?;
        self.bus.reconfigure_category(category, priority, ttl);
        Ok(())
    }

    fn ledger(&mut self) -> Ledger {
        self.bus.ledger()
    }

    fn core(
        &mut self,
        operation: &CoreOperation,
        record: &mut Record<'_>,
    ) -> Result<(), Unsupported> {
        let Self { bus, batch, now, categories, .. } = self;
        match *operation {
            CoreOperation::Poll { most } => match self.poll(most.unwrap_or(usize::MAX), record) {
                Polled::Wait(_) => record.line(format_args!("= nothing")),
                Polled::More => record.line(format_args!("= more")),
                Polled::Batch => {}
            },
            CoreOperation::PollAt => at("poll_at", bus.poll_at(), record),
            CoreOperation::Settle { accepted } => bus.settle(batch, how_much(accepted), *now),
            CoreOperation::SettleOne { seq } => {
                if let Some(update) = bus.settle_one(batch, seq, *now) {
                    record.left("sink", &shown(update, categories));
                }
            }
            CoreOperation::Confirm(losses) => bus.confirm_losses(batch, losses),
            CoreOperation::TakeReceipt => {
                // The traces hold two at most.
                let kept = self.receipts.push_back(batch.take_receipt());
                debug_assert!(kept.is_ok());
                batch.clear();
            }
            CoreOperation::SettleReceipt { accepted } => {
                if let Some(receipt) = self.receipts.pop_front() {
                    bus.settle_receipt(receipt, how_much(accepted), *now);
                }
            }
            CoreOperation::Batch => self.show_details(record),
            CoreOperation::ClockForward(step) => *now = *now + step,
            CoreOperation::ClockBack(step) => {
                let back = micros(step).0;
                *now = Instant::from_micros(now.as_micros().saturating_sub(back));
            }
            CoreOperation::ReadClock => {
                // Settling a buffer without a batch takes the reading, and does nothing with it.
                let none: [Item<StoredUpdate>; 0] = [];
                bus.settle(&mut Batch::with_items(none), Accepted::All, *now);
            }
            CoreOperation::TakeWake => yes("wake", bus.take_wake(), record),
            CoreOperation::RequestFlush => self.request_flush(),
            CoreOperation::RequestClose => bus.close(*now),
            CoreOperation::Flushed => {
                let done = self.marks.iter().filter(|&&mark| bus.is_flushed(mark)).count();
                record.line(format_args!("= flushed {done} of {}", self.marks.len()));
            }
            CoreOperation::Drained => yes("drained", bus.is_drained(), record),
            CoreOperation::Depth => {
                let depth = bus.depth();
                let (queued, peak, oldest) = (depth.queued, depth.peak, micros(depth.oldest));
                record.line(format_args!("= depth queued={queued} peak={peak} oldest={oldest}"));
            }
            CoreOperation::Telemetry => bus.telemetry().show(record),
            CoreOperation::Refuse(reason) => bus.refuse(reason),
            CoreOperation::ShowLeft => self.shows.left = true,
            CoreOperation::ShowReadings => self.shows.readings = true,
        }
        Ok(())
    }
}

fn how_much(accepted: Option<usize>) -> Accepted {
    accepted.map_or(Accepted::All, Accepted::First)
}

fn at(what: &str, time: Option<Instant>, record: &mut Record<'_>) {
    match time {
        Some(time) => record.line(format_args!("= {what} {}", Micros(time.as_micros()))),
        None => record.line(format_args!("= {what} none")),
    }
}

fn yes(what: &str, is_so: bool, record: &mut Record<'_>) {
    record.line(format_args!("= {what} {}", if is_so { "yes" } else { "no" }));
}

fn name(categories: &Categories<Name, EXTRA>, category: Category) -> &str {
    categories.name(category).unwrap_or("?")
}

fn shown<'a>(update: &'a StoredUpdate, categories: &'a Categories<Name, EXTRA>) -> Shown<'a> {
    Shown {
        conversation: update.conversation.as_deref(),
        category: name(categories, update.category),
        text: &update.text,
        key: update.key.as_deref(),
    }
}
