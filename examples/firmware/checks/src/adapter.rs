//! The adapter as a subject of the conformance traces, in time that is moved by hand.

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use statusbus_conformance::{Invalid, Opening, Outcome, Record, Sent, Settings, Shown, Subject};
use statusbus_embassy::{
    Buffer, Category, Config, Key, Ledger, Losses, Message, Outgoing, Priority, SYSTEM, Status,
    Subject as Of,
};

use crate::time;

type Update = Message<24, 12, 0, Key<12>>;
type Bus = Status<CriticalSectionRawMutex, Update, SLOTS, (), 9>;
type Batch<'r, 'a> = Outgoing<'r, 'a, Bus>;

// what the traces need
const SLOTS: usize = 16;
const BATCH: usize = 8;
/// The entries of a gap: four topics, and the others.
const ENTRIES: usize = 5;
const STEP: embassy_time::Duration = embassy_time::Duration::from_millis(1);

/// The application's own categories: the bus keeps a reference to them that lives for ever.
const OWN: &[&[&str]] = &[&[], &["deploy", "backup"], &["tool"], &["de:ploy"]];

/// A bus, and the room for its batches. There is a runner while it runs.
pub struct Adapter {
    bus: Bus,
    buffer: Buffer<Update, BATCH>,
}

impl Adapter {
    /// A new bus, at virtual time zero.
    #[must_use]
    pub const fn new() -> Self {
        Self { bus: Status::new(), buffer: Buffer::new() }
    }

    /// Asks for something that waits, and lets the runner run meanwhile.
    fn meanwhile<O>(
        bus: &Bus,
        buffer: &mut Buffer<Update, BATCH>,
        record: &mut Record<'_>,
        waits: impl Future<Output = O>,
    ) -> Option<O> {
        let mut waits = pin!(waits);
        if let Some(output) = turn(waits.as_mut()) {
            return Some(output);
        }
        run(bus, buffer, record);
        turn(waits)
    }
}

impl Default for Adapter {
    fn default() -> Self {
        Self::new()
    }
}

fn turn<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Hands on what is due now.
fn run(bus: &Bus, buffer: &mut Buffer<Update, BATCH>, record: &mut Record<'_>) {
    let Ok(mut runner) = bus.runner(buffer) else {
        return record.line(format_args!("= but somebody else runs it"));
    };
    // Each batch takes something out: a bus that hands on more than it can hold is broken.
    for _ in 0..=SLOTS + 1 {
        let mut next = pin!(runner.next());
        // between two batches it gives way once
        let batch = match turn(next.as_mut()) {
            Some(batch) => batch,
            None => turn(next).flatten(),
        };
        match batch {
            Some(batch) => show(batch, record),
            None => return,
        }
    }
    record.line(format_args!("= but batches without end"));
}

fn show(mut batch: Batch<'_, '_>, record: &mut Record<'_>) {
    let now = moment();
    // the total comes first
    let mut entries: heapless::Vec<_, ENTRIES> = heapless::Vec::new();
    let mut total = Losses::default();
    while let Some(entry) = batch.gap() {
        batch.confirm_loss();
        total.add(&entry.losses());
        if entries.push(entry).is_err() {
            record.line(format_args!("= but a gap of more entries than there are rows"));
        }
    }
    if let Some(first) = entries.first() {
        record.gap(now, first.seq, &total);
    }
    for entry in &entries {
        match &entry.topic {
            Some(topic) => {
                let category = batch.category_name(topic.category());
                record.gap_topic(name(topic.subject()), category, &entry.losses());
            }
            None => record.gap_elsewhere(&entry.losses()),
        }
    }
    let len = batch.updates().count();
    if len > 0 || entries.is_empty() {
        record.batch(now, batch.reason(), len);
    }
    for handed in batch.updates() {
        let update = handed.update;
        let shown = Shown {
            conversation: name(update.subject()),
            category: batch.category_name(update.category()),
            text: update.text(),
            key: update.key(),
        };
        record.update(handed.seq, &shown);
    }
    batch.delivered();
}

fn moment() -> statusbus_core::Instant {
    statusbus_core::Instant::from_micros(embassy_time::Instant::now().as_micros())
}

fn name(subject: Of<'_>) -> Option<&str> {
    match subject {
        Of::Name(name) => Some(name.as_str()),
        Of::Unchecked(name) => Some(name),
        Of::System | Of::Number(_) => None,
    }
}

impl Subject for Adapter {
    fn open(&mut self, opening: &Opening<'_>) -> Result<(), Invalid> {
        *self = Self::new();
        time::begin_anew();
        let own = OWN.iter().find(|own| own.iter().copied().eq(opening.categories()));
        self.bus.set_categories(own.ok_or(Invalid("categories"))?)?;
        let config = opening.settings.apply_to(Config::new())?;
        self.bus.reconfigure(config);
        Ok(())
    }

    fn push(&mut self, sent: &Sent<'_>, _: &mut Record<'_>) -> Outcome {
        // one that the bus does not have: it is refused where it is sent
        let unknown = Category::from_index(Category::MAX - 1).unwrap_or(Category::INFO);
        let category = self.bus.category(sent.category).unwrap_or(unknown);
        let subject = sent.conversation.map_or(SYSTEM, Into::into);
        let mut update = self.bus.update(subject, category, sent.text);
        if let Some(key) = sent.key {
            update = update.key(key);
        }
        if let Some(priority) = sent.priority {
            update = update.priority(priority);
        }
        if let Some(ttl) = sent.ttl {
            update = update.ttl(ttl);
        }
        update.try_send().unwrap_or_else(|error| error.outcome)
    }

    fn run(&mut self, record: &mut Record<'_>) {
        run(&self.bus, &mut self.buffer, record);
    }

    fn advance(&mut self, span: Duration, record: &mut Record<'_>) {
        self.run(record);
        let end = embassy_time::Instant::now() + span.try_into().unwrap_or(STEP);
        // by nothing but the alarms that the runner has set
        while let Some(at) = time::alarm().filter(|&at| at <= end) {
            time::set(at);
            self.run(record);
        }
        time::set(end);
    }

    fn flush(&mut self, record: &mut Record<'_>) {
        let Self { bus, buffer } = self;
        if Self::meanwhile(bus, buffer, record, bus.flush()).is_none() {
            record.line(format_args!("= but the flush does not return"));
        }
    }

    fn close(&mut self, record: &mut Record<'_>) {
        let Self { bus, buffer } = self;
        match Self::meanwhile(bus, buffer, record, bus.shutdown(STEP)) {
            Some(ledger) if ledger == bus.ledger() => {}
            _ => record.line(format_args!("= but the shutdown does not return")),
        }
    }

    fn reconfigure(&mut self, settings: &Settings, _: &mut Record<'_>) -> Result<(), Invalid> {
        let config = settings.apply_to(self.bus.config())?;
        self.bus.reconfigure(config);
        Ok(())
    }

    fn category(
        &mut self,
        name: &str,
        priority: Priority,
        ttl: Option<Duration>,
    ) -> Result<(), Invalid> {
        let category = self.bus.category(name).ok_or(Invalid("category"))?;
        self.bus.reconfigure_category(category, priority, ttl);
        Ok(())
    }

    fn ledger(&mut self) -> Ledger {
        self.bus.ledger()
    }
}
