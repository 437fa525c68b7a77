//! This adapter as a subject.

use std::time::Duration;

use statusbus_conformance::{Invalid, Opening, Outcome, Record, Sent, Settings, Subject};
use statusbus_embassy::{Category, Config, Ledger, Priority, SYSTEM};

use crate::deliver::{Bus, Delivery, Log, runner};
use crate::support::{Task, Time};

/// How long something may take that takes no time: longer, and it never ends.
const MOMENT: embassy_time::Duration = embassy_time::Duration::from_millis(1);

pub(crate) struct Adapter<'t> {
    time: &'t Time,
    delivery: Delivery,
    /// None if the last configuration was not valid.
    opened: Option<Opened>,
}

struct Opened {
    status: &'static Bus,
    runner: Task<'static, ()>,
    log: Log,
}

impl<'t> Adapter<'t> {
    pub(crate) const fn new(time: &'t Time, delivery: Delivery) -> Self {
        Self { time, delivery, opened: None }
    }

    fn opened(&mut self) -> &mut Opened {
        self.opened.as_mut().expect("traces go on only after a valid configuration")
    }

    /// Shuts the bus down: what is left of a trace is delivered, and everything is counted.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        if self.opened.is_none() {
            return Ok(());
        }
        let mut out = String::new();
        self.close(&mut Record::new(&mut out));
        let ledger = self.ledger();
        self.opened = None;
        if !ledger.is_balanced() || ledger.queued + ledger.in_flight > 0 {
            return Err(format!("after the shutdown the ledger is {ledger:?}"));
        }
        match out.lines().find(|line| line.starts_with("= but")) {
            Some(line) => Err(format!("during the shutdown: {line}")),
            None => Ok(()),
        }
    }
}

impl Subject for Adapter<'_> {
    fn open(&mut self, opening: &Opening<'_>) -> Result<(), Invalid> {
        self.opened = None;
        self.time.begin_anew();
        let config = opening.settings.apply_to(Config::new())?;
        let names: Vec<&'static str> =
            opening.categories().map(|name| &*String::leak(name.into())).collect();
        let status: &'static Bus = Box::leak(Box::new(Bus::default()));
        status.set_categories(names.leak())?;
        status.reconfigure(config);
        let log = Log::default();
        let runner = runner(status, self.delivery, &log);
        self.opened = Some(Opened { status, runner, log });
        Ok(())
    }

    fn push(&mut self, sent: &Sent<'_>, _: &mut Record<'_>) -> Outcome {
        let status = self.opened().status;
        // one that the bus does not have: it is refused where it is sent
        let unknown = Category::from_index(Category::MAX - 1).expect("below");
        let category = status.category(sent.category).unwrap_or(unknown);
        let subject = sent.conversation.map_or(SYSTEM, Into::into);
        let mut update = status.update(subject, category, sent.text);
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
        let opened = self.opened();
        opened.runner.rest();
        opened.log.write(record);
    }

    fn advance(&mut self, span: Duration, record: &mut Record<'_>) {
        self.run(record);
        for _ in 0..span.as_millis() {
            self.time.pass(embassy_time::Duration::from_millis(1));
            self.run(record);
        }
    }

    fn flush(&mut self, record: &mut Record<'_>) {
        let opened = self.opened();
        let mut flush = Task::new(opened.status.flush());
        while flush.turn() || opened.runner.turn() {}
        opened.log.write(record);
        if flush.output().is_none() {
            record.line(format_args!("= but the flush does not return"));
        }
    }

    fn close(&mut self, record: &mut Record<'_>) {
        let opened = self.opened();
        let mut shutdown = Task::new(opened.status.shutdown(MOMENT));
        while shutdown.turn() || opened.runner.turn() {}
        opened.log.write(record);
        let ledger = opened.status.ledger();
        if shutdown.output() != Some(&ledger) {
            let answer = shutdown.output();
            record.line(format_args!("= but the shutdown answered {answer:?}, not {ledger:?}"));
        }
    }

    fn reconfigure(&mut self, settings: &Settings, record: &mut Record<'_>) -> Result<(), Invalid> {
        let status = self.opened().status;
        let config = settings.apply_to(status.config())?;
        let lost = |ledger: Ledger| ledger.dropped.total() + ledger.expired;
        let before = lost(status.ledger());
        let answer = status.reconfigure(config);
        let left = lost(status.ledger()) - before;
        if answer as u64 != left {
            record.line(format_args!("= but the answer is that {answer} left, not {left}"));
        }
        Ok(())
    }

    fn category(
        &mut self,
        name: &str,
        priority: Priority,
        ttl: Option<Duration>,
    ) -> Result<(), Invalid> {
        let status = self.opened().status;
        let category = status.category(name).ok_or(Invalid("category"))?;
        status.reconfigure_category(category, priority, ttl);
        Ok(())
    }

    fn ledger(&mut self) -> Ledger {
        self.opened.as_ref().map_or_else(Ledger::default, |opened| opened.status.ledger())
    }
}
