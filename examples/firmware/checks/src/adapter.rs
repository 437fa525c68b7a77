//! The adapter as a subject of the conformance traces, in time that is moved by hand.

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use statusbus_conformance::{Invalid, Opening, Outcome, Record, Sent, Settings, Shown, Subject};
use statusbus_embassy::{
    About, Buffer, Category, Config, Key, Ledger, Message, Outgoing, Priority, Status,
};

use crate::time;

type Update = Message<24, 12, 0, Key<12>>;
type Bus = Status<CriticalSectionRawMutex, Update, SLOTS, (), 9>;
type Batch<'r, 's, 'b> = Outgoing<'r, 's, 'b, CriticalSectionRawMutex, Update, SLOTS, (), 9>;

// what the traces need
const SLOTS: usize = 16;
const BATCH: usize = 8;
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

fn show(batch: Batch<'_, '_, '_>, record: &mut Record<'_>) {
    let now = moment();
    if let Some(gap) = batch.gap() {
        record.gap(now, gap.seq(), &gap.total());
        for (topic, losses) in gap.topics() {
            record.gap_topic(name(topic.about()), batch.category_name(topic.category()), losses);
        }
        record.gap_elsewhere(gap.elsewhere());
    }
    let len = batch.updates().count();
    if len > 0 || batch.gap().is_none() {
        record.batch(now, batch.reason(), len);
    }
    for handed in batch.updates() {
        let update = handed.update;
        let shown = Shown {
            conversation: name(update.about()),
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

fn name(about: About<'_>) -> Option<&str> {
    match about {
        About::Name(name) => Some(name.as_str()),
        About::Unchecked(name) => Some(name),
        About::System | About::Number(_) => None,
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
        let about = sent.conversation.map_or(About::System, About::from);
        let mut draft = self.bus.update(about, category, sent.text);
        if let Some(key) = sent.key {
            draft = draft.key(key);
        }
        if let Some(priority) = sent.priority {
            draft = draft.priority(priority);
        }
        if let Some(ttl) = sent.ttl {
            draft = draft.ttl(ttl);
        }
        draft.try_send().map_err(|refused| refused.reason).into()
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
