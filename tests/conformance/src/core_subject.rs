//! The core itself as a subject.

use core::time::Duration;

use statusbus_core::{
    Batch, Bus, Categories, Category, Config, ConversationName, FlushMark, Instant, Item, Ledger,
    Loss, Priority, Pushed, RefuseReason, Slot,
};

use crate::record::Micros;
use crate::said::{Name, Said};
use crate::watch::{Watch, micros};
use crate::{
    CoreOperation, Invalid, Opening, Outcome, Record, Sent, Settings, Shown, Subject, Unsupported,
};

/// The application's own categories.
const EXTRA: usize = 2;
/// All categories.
const CATEGORIES: usize = Category::BUILT_IN.len() + EXTRA;
/// Topics whose losses are counted apart.
const GAPS: usize = 4;

/// The core, driven by a loop that does nothing but poll when the bus says so.
///
/// The traces need 16 slots and batches of 8: some 5 KiB in all, and most of it again on the stack while
/// a trace begins, so it runs where there are 16 KiB of memory. Conversations and keys hold 12 bytes,
/// texts 24.
pub struct CoreSubject<const SLOTS: usize = 16, const BATCH: usize = 8> {
    bus: Bus<Said, [Slot<Said>; SLOTS], Watch, CATEGORIES, GAPS>,
    batch: Batch<Said, [Item<Said>; BATCH], GAPS>,
    categories: Categories<Name, EXTRA>,
    now: Instant,
    marks: heapless::Vec<FlushMark, 4>,
    shows_left: bool,
}

impl<const SLOTS: usize, const BATCH: usize> CoreSubject<SLOTS, BATCH> {
    /// A new bus, at virtual time zero.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(SLOTS >= 16 && BATCH >= 8, "the traces need 16 and 8") };
        Self {
            bus: Bus::with_telemetry(Watch::new()),
            batch: Batch::new(),
            categories: Categories::new(),
            now: Instant::ZERO,
            marks: heapless::Vec::new(),
            shows_left: false,
        }
    }

    /// Hands on one batch if one is due.
    fn poll(&mut self, record: &mut Record<'_>) -> bool {
        let Self { bus, batch, categories, now, shows_left, .. } = self;
        let expired = |said: Said| {
            if *shows_left {
                record.left("expired", &shown(&said, categories));
            }
        };
        if !bus.poll_with(batch, expired, *now) {
            return false;
        }
        if let Some(gap) = batch.gap() {
            record.gap(*now, gap.seq(), &gap.total());
            for ((conversation, category), losses) in gap.topics() {
                let category = name(categories, *category);
                record.gap_topic(conversation.as_deref(), category, losses);
            }
            record.gap_elsewhere(gap.elsewhere());
        }
        if !batch.is_empty() || batch.gap().is_none() {
            record.batch(*now, batch.reason(), batch.len());
        }
        for handed in batch.iter() {
            record.update(handed.seq, &shown(handed.update, categories));
        }
        true
    }

    /// What stands between an adapter's user and the bus: what is not an update gets no further.
    fn admit(&self, sent: &Sent<'_>) -> Result<Said, RefuseReason> {
        if sent.conversation.is_some_and(|name| ConversationName::new(name).is_err()) {
            return Err(RefuseReason::Invalid);
        }
        let category = self.categories.find(sent.category).ok_or(RefuseReason::UnknownCategory)?;
        Said::new(sent, category).ok_or(RefuseReason::TooLarge)
    }

    fn show_left(&self, why: &str, said: &Said, record: &mut Record<'_>) {
        if self.shows_left {
            record.left(why, &shown(said, &self.categories));
        }
    }

    fn show_topics(&mut self, record: &mut Record<'_>) {
        for topic in self.batch.topics() {
            let (conversation, category) = topic.topic();
            let conversation = conversation.as_deref().unwrap_or("-");
            let category = name(&self.categories, *category);
            record.line(format_args!("= topic {conversation}/{category}"));
            for handed in topic.iter() {
                record.line(format_args!("=   #{} \"{}\"", handed.seq, handed.update.text));
            }
        }
    }

    fn ask_flush(&mut self) {
        let mark = self.bus.flush(self.now);
        let _ = self.marks.push(mark); // the traces ask four times at most
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
        // one by one: all at once takes as much again of a small stack
        self.bus = Bus::with_telemetry(Watch::new());
        self.batch = Batch::new();
        self.categories = Categories::new();
        self.now = Instant::ZERO;
        self.marks.clear();
        self.shows_left = false;
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
        let said = match self.admit(sent) {
            Ok(said) => said,
            Err(reason) => {
                self.bus.refuse(reason);
                return Outcome::Refused(reason);
            }
        };
        let pushed = self.bus.push(said, self.now);
        let outcome = Outcome::from(&pushed);
        match &pushed {
            Pushed::Queued => {}
            Pushed::Merged(said) => self.show_left("coalesced", said, record),
            Pushed::Displaced(said, loss) => self.show_left(loss.as_str(), said, record),
            Pushed::Expired(said) => self.show_left("expired", said, record),
            Pushed::Dropped(said, reason) => self.show_left(reason.as_str(), said, record),
            Pushed::Refused(said, reason) => self.show_left(reason.as_str(), said, record),
        }
        outcome
    }

    fn run(&mut self, record: &mut Record<'_>) {
        // Each batch takes something out: a bus that hands on more than it can hold is broken.
        for _ in 0..=SLOTS + 1 {
            if !self.poll(record) {
                return;
            }
            self.bus.delivered(&mut self.batch, self.now);
        }
        record.line(format_args!("= batches without end"));
    }

    fn advance(&mut self, span: Duration, record: &mut Record<'_>) {
        let end = self.now + span;
        self.run(record);
        while let Some(at) = self.bus.poll_at().filter(|&at| at <= end) {
            if at <= self.now {
                return record.line(format_args!("= due, but nothing comes"));
            }
            self.now = at;
            self.run(record);
        }
        self.now = end;
    }

    fn flush(&mut self, record: &mut Record<'_>) {
        self.ask_flush();
        self.run(record);
    }

    fn close(&mut self, record: &mut Record<'_>) {
        self.bus.close(self.now);
        self.run(record);
    }

    fn reconfigure(&mut self, settings: &Settings, record: &mut Record<'_>) -> Result<(), Invalid> {
        let config = settings.apply_to(self.bus.config())?;
        let Self { bus, categories, now, shows_left, .. } = self;
        let left = |said: Said, loss: Loss| {
            if *shows_left {
                record.left(loss.as_str(), &shown(&said, categories));
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
        operation: &CoreOperation<'_>,
        record: &mut Record<'_>,
    ) -> Result<(), Unsupported> {
        let Self { bus, batch, now, categories, .. } = self;
        match *operation {
            CoreOperation::Poll => {
                if !self.poll(record) {
                    record.line(format_args!("= nothing"));
                }
            }
            CoreOperation::PollAt => at("poll_at", bus.poll_at(), record),
            CoreOperation::Delivered => bus.delivered(batch, *now),
            CoreOperation::Fail { accepted } => bus.failed(batch, accepted, *now),
            CoreOperation::FailAt { seq } => {
                let back = bus.failed_at(batch, seq, *now);
                if let Some(said) = back {
                    record.left("sink", &shown(&said, categories));
                }
            }
            CoreOperation::Take(count) => {
                for handed in batch.drain().take(count) {
                    record.line(format_args!("=   #{} \"{}\"", handed.seq, handed.update.text));
                }
            }
            CoreOperation::Topics => self.show_topics(record),
            CoreOperation::Handed => {
                for handed in batch.iter() {
                    let (seq, priority) = (handed.seq, handed.priority.as_str());
                    let waited = micros(handed.waited());
                    match handed.ttl_left() {
                        Some(left) => record.line(format_args!(
                            "=   #{seq} {priority} waited={waited} ttl_left={}",
                            micros(left)
                        )),
                        None => record.line(format_args!("=   #{seq} {priority} waited={waited}")),
                    }
                }
            }
            CoreOperation::ClockForward(step) => *now = *now + step,
            CoreOperation::ClockBack(step) => {
                let back = micros(step).0;
                *now = Instant::from_micros(now.as_micros().saturating_sub(back));
            }
            CoreOperation::TakeWake => yes("wake", bus.take_wake(), record),
            CoreOperation::AskFlush => self.ask_flush(),
            CoreOperation::AskClose => bus.close(*now),
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
            CoreOperation::ShowLeft => self.shows_left = true,
            CoreOperation::LastReading(sent) => {
                if let Ok(said) = self.admit(&sent) {
                    at("last_reading", self.bus.last_reading(&said), record);
                }
            }
        }
        Ok(())
    }
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

fn shown<'a>(said: &'a Said, categories: &'a Categories<Name, EXTRA>) -> Shown<'a> {
    Shown {
        conversation: said.conversation.as_deref(),
        category: name(categories, said.category),
        text: &said.text,
        key: said.key.as_deref(),
    }
}
