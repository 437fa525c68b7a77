//! A bus, its runner and its readers, driven by operations and compared with the oracle after each.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use statusbus_tokio::{Conversation, DropReason, Ledger, RefuseReason, Spawn, Status};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::coverage::cover;
use crate::failure::{Failure, ensure};
use crate::operation::Operation;
use crate::oracle::bus::BusOracle;
use crate::oracle::log::Log;
use crate::oracle::retained::RetainedOracle;
use crate::panics::{Flag, Panics};
use crate::settings::Settings;

mod end;
mod forgetting;
mod open;
mod read;
mod run;
mod send;

use forgetting::Forgetting;
use read::Reader;

/// The epoch of every simulated bus.
const EPOCH: u64 = 7;

/// Most readers of a scenario that only check a resume point: each reads everything behind it.
const MOST_RESUMES: u64 = 200;

pub(crate) struct World<'a> {
    settings: &'a Settings,
    runtime: &'a Runtime,
    start: Instant,
    status: Status,
    runner: Option<Pin<Box<dyn Future<Output = ()>>>>,
    runner_flag: Arc<Flag>,
    bus: BusOracle,
    log: Log,
    retained: RetainedOracle,
    forgetting: Forgetting,
    readers: Vec<Reader>,
    /// Conversation handles that are held.
    handles: Vec<(usize, Conversation)>,
    /// Resume points of all readers.
    points: Vec<u64>,
    /// Updates accepted and merged, by conversation.
    sent: Vec<u64>,
    merged: Vec<u64>,
    next_id: u64,
    missed: u64,
    /// The longest flush interval so far, in microseconds.
    longest_interval: u64,
    /// Resume points that are still to be checked by a reader of their own.
    resumes: u64,
    panics: Panics,
    shutdown: Option<Pin<Box<dyn Future<Output = Ledger>>>>,
    ended: bool,
    /// The queue was abandoned, so that the position of the final losses is not predicted; true if
    /// their topics are not predicted either.
    abandoned: Option<bool>,
}

impl<'a> World<'a> {
    pub(crate) fn new(settings: &'a Settings, panics: Panics, runtime: &'a Runtime) -> Self {
        let start = Instant::now();
        let builder = Status::builder()
            .with_config(settings.config)
            .with_capacity(settings.capacity)
            .with_epoch(EPOCH);
        let bytes = settings.bytes.unwrap_or(1 << 30);
        let builder = builder.with_window(settings.window).with_window_bytes(bytes);
        let builder = builder.with_history(settings.history).with_conversation_bytes(bytes);
        let builder = builder.with_retained_keys(settings.retained_keys).with_max_text(1_000);
        let builder = builder.with_conversations(settings.remembered.unwrap_or(10_000));
        let idle_after = settings.idle_after.unwrap_or(Duration::from_secs(1 << 30));
        let (status, runner) = builder.with_idle_timeout(idle_after).build();
        let (names, bytes) = (settings.conversations + 1, settings.bytes.is_some());
        let runner_flag = Flag::new(None);
        runner_flag.set(true);
        Self {
            settings,
            runtime,
            start,
            status,
            runner: Some(Box::pin(runner.run())),
            runner_flag,
            bus: BusOracle::new(settings.config, settings.capacity),
            log: Log::new(names, settings.window as u64, settings.history as u64, bytes),
            retained: RetainedOracle::new(names, settings.retained_keys, bytes),
            forgetting: Forgetting::new(names, settings.remembered, settings.idle_after),
            readers: Vec::new(),
            handles: Vec::new(),
            points: Vec::new(),
            sent: vec![0; names],
            merged: vec![0; names],
            next_id: 0,
            missed: 0,
            longest_interval: settings.config.flush_interval().as_micros() as u64,
            resumes: if settings.resumes_everywhere { MOST_RESUMES } else { 0 },
            panics,
            shutdown: None,
            ended: false,
            abandoned: None,
        }
    }

    /// Runs the operations, ends the bus and reads the rest.
    pub(crate) fn run(&mut self, operations: &[Operation]) -> Result<(), Failure> {
        for operation in operations {
            if crate::failure::is_verbose() {
                eprintln!("  {} µs, head {}: {operation:?}", self.now(), self.log.head);
            }
            self.act(operation)?;
            self.forgetting.look(
                self.now(),
                self.log.head,
                self.runner.is_none(),
                &mut self.retained,
            );
            self.look()?;
            self.expect_ledger()?;
        }
        self.finish()
    }

    fn act(&mut self, operation: &Operation) -> Result<(), Failure> {
        match operation {
            Operation::Send(new) => self.send(new),
            Operation::Burst(updates) => {
                if updates.len() >= 100 {
                    cover("a burst of 100");
                }
                updates.iter().try_for_each(|new| self.send(new))
            }
            Operation::Trickle { times, lost, conversation, category } => {
                self.trickle(*times, *lost, *conversation, *category)
            }
            Operation::SendBad(reason) => self.send_bad(*reason),
            Operation::Run(steps) => (0..*steps).try_for_each(|_| self.step()),
            Operation::Quiet => self.quiet(),
            Operation::Pass(span) => self.pass(*span),
            Operation::Stall(span) => self.advance(*span),
            Operation::Flush => self.flush(),
            Operation::Open(opening) => self.open(opening),
            Operation::Read { reader, events } => {
                let reader = self.reader(*reader);
                reader.map_or(Ok(()), |reader| self.read_some(reader, *events))
            }
            Operation::ReadAll { reader } => {
                self.reader(*reader).map_or(Ok(()), |reader| self.read_some(reader, u64::MAX))
            }
            Operation::SetCategories { reader, categories, first } => {
                if let Some(index) = self.reader(*reader) {
                    self.read_some(index, u64::from(*first))?;
                    self.readers[index].set_categories(*categories);
                }
                Ok(())
            }
            Operation::Rewind { reader, eighths, first } => {
                let Some(index) = self.reader(*reader) else { return Ok(()) };
                self.read_some(index, u64::from(*first))?;
                self.rewind(index, *eighths)
            }
            Operation::ComeBack { reader, as_other } => {
                let index = self.reader(*reader);
                index.map_or(Ok(()), |index| self.come_back(index, as_other.as_ref()))
            }
            Operation::Leave { reader } => {
                self.reader(*reader).map_or(Ok(()), |reader| self.leave(reader).map(drop))
            }
            Operation::RemoveRetained { conversation, category, key } => {
                self.remove_retained(*conversation, *category, *key)
            }
            Operation::Reconfigure(config) => {
                cover("reconfigured");
                let interval = config.flush_interval().as_micros() as u64;
                self.longest_interval = self.longest_interval.max(interval);
                let (left, now) = (self.status.reconfigure(*config), self.now());
                // Those that a shutdown has given up are counted as dropped by the sink.
                let queued = self.abandoned.is_none();
                let expected = if queued { self.bus.reconfigure(*config, now) } else { 0 };
                ensure!(
                    "reconfigure",
                    left == expected,
                    "{left} updates left, expected {expected}"
                );
                Ok(())
            }
            Operation::ReconfigureCategory { category, priority, ttl } => {
                let ttl_span = ttl.map(Duration::from_micros);
                self.status.reconfigure_category(*category, *priority, ttl_span);
                self.bus.defaults[category.index()] = (*priority, *ttl);
                Ok(())
            }
            Operation::Hold(conversation) => {
                self.hold(*conversation);
                Ok(())
            }
            Operation::Release(index) => {
                if !self.handles.is_empty() {
                    self.handles.swap_remove(index % self.handles.len());
                }
                Ok(())
            }
            Operation::Look => self.look(),
            Operation::End(ending) => self.end(*ending),
        }
    }

    /// Microseconds since the bus was built.
    fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    fn reader(&self, number: usize) -> Option<usize> {
        (!self.readers.is_empty()).then(|| number % self.readers.len())
    }

    /// Compares every counter of the ledger with the oracle's.
    fn expect_ledger(&self) -> Result<(), Failure> {
        let (ledger, bus) = (self.status.ledger(), &self.bus);
        ensure!("balance", ledger.is_balanced(), "{ledger:?}");
        let dropped = DropReason::ALL.map(|reason| ledger.dropped.count(reason));
        let refused = RefuseReason::ALL.map(|reason| ledger.refused.count(reason));
        let lost = bus.lost.0;
        let right = dropped == lost[..6]
            && ledger.expired == lost[6]
            && refused == bus.refused
            && (ledger.sent, ledger.coalesced) == (bus.sent, bus.coalesced)
            && (ledger.delivered, ledger.in_flight) == (bus.delivered, bus.in_flight)
            && ledger.queued == bus.queue.len() as u64;
        ensure!(
            "ledger",
            right,
            "{ledger:?}, expected sent {} coalesced {} lost {lost:?} refused {:?} delivered {} in flight {} queued {}",
            bus.sent,
            bus.coalesced,
            bus.refused,
            bus.delivered,
            bus.in_flight,
            bus.queue.len()
        );
        let (panics, injected) = (self.status.panics(), self.panics.so_far());
        ensure!(
            "panics",
            panics == injected,
            "{panics} panics are counted, {injected} were injected"
        );
        Ok(())
    }

    fn look(&mut self) -> Result<(), Failure> {
        let depth = self.status.depth();
        let (queued, now) = (self.bus.queue.len(), self.now());
        ensure!("depth", depth.queued == queued, "{depth:?}, expected {queued} queued");
        ensure!("depth", depth.peak >= queued, "{depth:?}");
        let (least, most) = self.bus.oldest(now);
        let oldest = depth.oldest.as_micros() as u64;
        ensure!(
            "oldest",
            (least..=most).contains(&oldest),
            "the oldest slot has waited {oldest} µs, expected {least} to {most}"
        );
        let readers = self.status.readers();
        let open = self.readers.iter().filter(|reader| !reader.is_at_end()).count();
        ensure!("readers", readers == open, "{readers} readers, expected {open}");
        let missed = self.status.missed();
        let expected = self.missed + self.readers.iter().map(Reader::missed).sum::<u64>();
        ensure!("missed", missed == expected, "{missed} missed in all, expected {expected}");
        Ok(())
    }
}

/// A context whose waker does nothing.
fn noop_context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// The name of a conversation.
fn name(conversation: usize) -> String {
    format!("c{conversation}")
}
