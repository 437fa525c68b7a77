//! This adapter as a subject: a bus, its runner and its readers on a runtime whose time stands still
//! until it is moved.

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::time::Duration;

use statusbus_conformance::{Invalid, Opening, Outcome, Record, Sent, Settings, Subject};
use statusbus_tokio::{
    Category, Config, Conversation, Ledger, Priority, RefuseReason, Spawn, Status,
};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::polled::Polls;
use crate::readers::Readers;
use crate::reasons::Reasons;

/// What traces need: the queue limit can be raised to this.
const SLOTS: usize = 16;

/// How long something may take that takes no time: longer, and it never ends.
const MOMENT: Duration = Duration::from_millis(1);

/// How updates are sent.
#[derive(Clone, Copy)]
pub(crate) enum Door {
    /// By the name of the conversation, which is looked up each time.
    Names,
    /// By handles, which are kept as long as the bus.
    Handles,
}

pub(crate) struct Adapter {
    door: Door,
    /// None if the last configuration was not valid.
    bus: Option<Bus>,
}

struct Bus {
    status: Status,
    readers: Readers,
    handles: BTreeMap<String, Conversation>,
    reasons: Reasons,
    polls: Polls,
    start: tokio::time::Instant,
    runtime: Runtime,
}

impl Adapter {
    pub(crate) const fn new(door: Door) -> Self {
        Self { door, bus: None }
    }

    fn bus(&mut self) -> &mut Bus {
        self.bus.as_mut().expect("traces go on only after a valid configuration")
    }

    /// Shuts the bus down: what is left of a trace is delivered, and everything is counted.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        let Some(mut bus) = self.bus.take() else { return Ok(()) };
        let mut out = String::new();
        let mut left = Record::new(&mut out);
        bus.shut_down(&mut left);
        let ledger = bus.status.ledger();
        let (readers, missed, panics) =
            (bus.status.readers(), bus.status.missed(), bus.status.panics());
        if !ledger.is_balanced() || ledger.queued + ledger.in_flight > 0 {
            return Err(format!("after the shutdown the ledger is {ledger:?}"));
        }
        if readers > 0 || missed > 0 || panics > 0 {
            return Err(format!("{readers} readers left, {missed} missed, {panics} panics"));
        }
        match out.lines().find(|line| line.starts_with("= but")) {
            Some(line) => Err(format!("during the shutdown: {line}")),
            None => Ok(()),
        }
    }
}

impl Bus {
    fn open(opening: &Opening<'_>) -> Result<Self, Invalid> {
        let mut builder = Status::builder().with_capacity(SLOTS);
        for category in opening.categories() {
            builder = builder.with_category(category)?;
        }
        let config = opening.settings.apply_to(Config::new())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let polls = Polls::default();
        let (reasons, due) = Reasons::new();
        let entered = runtime.enter();
        let (status, runner) = builder.with_config(config).build();
        runtime.spawn(polls.of(runner.run()));
        let start = tokio::time::Instant::now();
        let readers = Readers::new(&status, due, start);
        drop(entered);
        let handles = BTreeMap::new();
        Ok(Self { status, readers, handles, reasons, polls, start, runtime })
    }

    fn send(&mut self, door: Door, sent: &Sent<'_>) -> Outcome {
        let _runtime = self.runtime.enter();
        let Self { status, handles, .. } = self;
        // The category follows by its name, as the application's own do.
        let category = Category::INFO;
        let mut draft = match (door, sent.conversation) {
            (Door::Names, Some(name)) => status.update(name, category, sent.text),
            (Door::Names, None) => status.system_update(category, sent.text),
            (Door::Handles, about) => {
                let name = about.unwrap_or("-");
                if !handles.contains_key(name) {
                    let handle =
                        about.map_or(Ok(status.system()), |name| status.conversation(name));
                    let Ok(handle) = handle else {
                        // Without a handle nothing is sent: it is the application that counts it.
                        status.refuse(RefuseReason::Invalid);
                        return Outcome::Refused(RefuseReason::Invalid);
                    };
                    handles.insert(name.to_owned(), handle);
                }
                handles[name].update(category, sent.text)
            }
        };
        draft = draft.category(sent.category);
        if let Some(key) = sent.key {
            draft = draft.key(key);
        }
        if let Some(priority) = sent.priority {
            draft = draft.priority(priority);
        }
        if let Some(ttl) = sent.ttl {
            draft = draft.ttl(ttl);
        }
        draft.try_send().unwrap_or_else(|error| error.kind().into())
    }

    fn flush(&mut self, record: &mut Record<'_>) {
        let status = self.status.clone();
        let flush = async move {
            let done = timeout(MOMENT, status.flush()).await.is_ok();
            (done, status.ledger())
        };
        let (done, ledger) = self.let_run(Duration::ZERO, flush, record);
        if !done || ledger.queued + ledger.in_flight > 0 {
            record.line(format_args!("= but the flush has returned: {done}, with {ledger:?}"));
        }
    }

    fn shut_down(&mut self, record: &mut Record<'_>) {
        let status = self.status.clone();
        let shutdown = async move { status.shutdown(MOMENT).await };
        let answer = self.let_run(Duration::ZERO, shutdown, record);
        let ledger = self.status.ledger();
        if answer != ledger {
            record.line(format_args!("= but the shutdown answered {answer:?}, not {ledger:?}"));
        }
    }

    fn reconfigure(&mut self, config: Config, record: &mut Record<'_>) {
        let _runtime = self.runtime.enter();
        let lost = |ledger: Ledger| ledger.dropped.total() + ledger.expired;
        let before = lost(self.status.ledger());
        let answer = self.status.reconfigure(config);
        let left = lost(self.status.ledger()) - before;
        if answer as u64 != left {
            record.line(format_args!("= but the answer is that {answer} left, not {left}"));
        }
    }

    /// Lets the runner and the readers run while `what` is done, which takes `span`, and until they
    /// have nothing more to do; then writes what the readers have got.
    fn let_run<F: Future>(
        &mut self,
        span: Duration,
        what: F,
        record: &mut Record<'_>,
    ) -> F::Output {
        let Self { runtime, polls, reasons, start, .. } = self;
        let (output, took) = metrics::with_local_recorder(reasons, || {
            runtime.block_on(async {
                let before = start.elapsed();
                let output = what.await;
                rest(polls).await;
                (output, start.elapsed() - before)
            })
        });
        self.readers.write(&self.status, record);
        if took != span {
            record.line(format_args!("= but it took {took:?}, not {span:?}"));
        }
        output
    }
}

impl Subject for Adapter {
    fn open(&mut self, opening: &Opening<'_>) -> Result<(), Invalid> {
        self.bus = None;
        self.bus = Some(Bus::open(opening)?);
        Ok(())
    }

    fn push(&mut self, sent: &Sent<'_>, _: &mut Record<'_>) -> Outcome {
        let door = self.door;
        let bus = self.bus();
        let outcome = bus.send(door, sent);
        let _runtime = bus.runtime.enter();
        bus.readers.follow(&bus.status, sent.conversation);
        outcome
    }

    fn run(&mut self, record: &mut Record<'_>) {
        self.bus().let_run(Duration::ZERO, ready(()), record);
    }

    fn advance(&mut self, span: Duration, record: &mut Record<'_>) {
        let polls = self.bus().polls.clone();
        let pass = async move {
            rest(&polls).await;
            tokio::time::sleep(span).await;
        };
        self.bus().let_run(span, pass, record);
    }

    fn flush(&mut self, record: &mut Record<'_>) {
        self.bus().flush(record);
    }

    fn close(&mut self, record: &mut Record<'_>) {
        self.bus().shut_down(record);
    }

    fn reconfigure(&mut self, settings: &Settings, record: &mut Record<'_>) -> Result<(), Invalid> {
        let bus = self.bus();
        let config = settings.apply_to(bus.status.config())?;
        bus.reconfigure(config, record);
        Ok(())
    }

    fn category(
        &mut self,
        name: &str,
        priority: Priority,
        ttl: Option<Duration>,
    ) -> Result<(), Invalid> {
        let status = &self.bus().status;
        let category = status.categories().find(name).ok_or(Invalid("category"))?;
        status.reconfigure_category(category, priority, ttl);
        Ok(())
    }

    fn ledger(&mut self) -> Ledger {
        self.bus.as_ref().map_or_else(Ledger::default, |bus| bus.status.ledger())
    }
}

/// Lets the runner and the readers run until they wait, without letting time pass. Each `yield_now`
/// gives every task that is ready its turn.
async fn rest(polls: &Polls) {
    let (mut quiet, mut polled) = (0, polls.so_far());
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
        quiet = if polls.so_far() == polled { quiet + 1 } else { 0 };
        polled = polls.so_far();
        if quiet == 3 {
            return;
        }
    }
    panic!("the runner does not come to rest");
}
