//! The operations of a trace.

use core::time::Duration;

use statusbus_core::{Config, ConfigError, Leading, Overflow, Priority, RefuseReason};

use crate::words::{SyntaxError, Words, number, span};

/// One line of a trace that does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// `config`: discard everything and build a new bus, at virtual time zero.
    Config(Opening<'a>),
    /// `category`: the defaults of a category from now on.
    Category {
        /// The category.
        name: &'a str,
        /// Its priority.
        priority: Priority,
        /// Its TTL; `None`: its updates do not expire.
        ttl: Option<Duration>,
    },
    /// `push`: send an update.
    Push(Sent<'a>),
    /// `run`: let the runner deliver what is due now.
    Run,
    /// `advance`: let the runner deliver what is due now, and then what becomes due while this much
    /// time passes, each batch when it is due.
    Advance(Duration),
    /// `flush`, and let the runner deliver what is due now.
    Flush,
    /// `close`, and let the runner deliver what is due now.
    Close,
    /// `reconfigure`: change the given settings.
    Reconfigure(Settings),
    /// `ledger`: show the counters.
    Ledger,
    /// An operation that only the core itself supports.
    Core(CoreOperation),
}

/// An operation that only the core itself supports. None of them polls but [`Self::Poll`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoreOperation {
    /// `poll [most=N]` once, with at most N updates; the batch stays in flight.
    Poll {
        /// Most updates to take out of the queue; `None`: a whole batch.
        most: Option<usize>,
    },
    /// `poll_at`: show when the bus wants to be polled.
    PollAt,
    /// `settle [accepted=N]`: the sink accepted the batch in flight.
    Settle {
        /// How many of its updates it accepted; `None`: all, and the gap.
        accepted: Option<usize>,
    },
    /// `settle_one SEQ`: the sink cannot take the update at this position of the batch in flight.
    SettleOne {
        /// Its position.
        seq: u64,
    },
    /// `confirm N`: the sink accepted the next losses of the gap in front of the batch in flight.
    Confirm(usize),
    /// `take_receipt`: take the receipt of the batch in flight, and empty the buffer.
    TakeReceipt,
    /// `settle_receipt [accepted=N]`: settle the batch whose receipt was taken first.
    SettleReceipt {
        /// How many of its updates the sink accepted; `None`: all, and the gap.
        accepted: Option<usize>,
    },
    /// `batch`: show the priority of each update of the batch in flight, how long it was queued and
    /// what is left of its TTL.
    Batch,
    /// `clock +5ms`: from now on the clock reads this much more.
    ClockForward(Duration),
    /// `clock -5ms`: from now on the clock reads this much less.
    ClockBack(Duration),
    /// `read_clock`: the core reads the clock, and nothing else.
    ReadClock,
    /// `take_wake`: show whether the poller must be woken.
    TakeWake,
    /// `request flush`: without running.
    RequestFlush,
    /// `request close`: without running.
    RequestClose,
    /// `flushed`: show how many of the requested flushes are done.
    Flushed,
    /// `drained`: show whether the bus is closed and everything was settled.
    Drained,
    /// `depth`: show the depth of the queue.
    Depth,
    /// `telemetry`: show the telemetry events since the last time.
    Telemetry,
    /// `refuse REASON`: the host has refused an update before it could be pushed.
    Refuse(RefuseReason),
    /// `show left`: from now on show each update that leaves other than in a batch.
    ShowLeft,
    /// `show readings`: from now on show for each push whether it read the clock.
    ShowReadings,
}

/// What a bus is built with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening<'a> {
    /// Its configuration; settings that are not given have their defaults.
    pub settings: Settings,
    /// The application's own categories, with commas between them; see [`Self::categories`].
    pub category_names: &'a str,
}

impl<'a> Opening<'a> {
    /// The application's own categories, in the order in which they are registered. At most two.
    pub fn categories(&self) -> impl Iterator<Item = &'a str> {
        self.category_names.split(',').filter(|name| !name.is_empty())
    }
}

/// Values of a configuration, some or all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the settings of `Config`
pub struct Settings {
    pub queue_limit: Option<usize>,
    pub batch_size: Option<usize>,
    pub flush_interval: Option<Duration>,
    pub overflow: Option<Overflow>,
    pub leading: Option<Leading>,
}

impl Settings {
    /// The configuration with these values changed.
    ///
    /// # Errors
    /// The first value that is out of range.
    pub fn apply_to(&self, mut config: Config) -> Result<Config, ConfigError> {
        if let Some(limit) = self.queue_limit {
            config = config.with_queue_limit(limit)?;
        }
        if let Some(size) = self.batch_size {
            config = config.with_batch_size(size)?;
        }
        if let Some(interval) = self.flush_interval {
            config = config.with_flush_interval(interval)?;
        }
        if let Some(overflow) = self.overflow {
            config = config.with_overflow(overflow);
        }
        if let Some(leading) = self.leading {
            config = config.with_leading(leading);
        }
        Ok(config)
    }
}

/// An update as a trace sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent<'a> {
    /// Its conversation; `None`: the whole system.
    pub conversation: Option<&'a str>,
    /// The name of its category.
    pub category: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Its key.
    pub key: Option<&'a str>,
    /// Its priority; `None`: that of its category.
    pub priority: Option<Priority>,
    /// Its TTL; `None`: that of its category.
    pub ttl: Option<Duration>,
    /// Whether it ends a run.
    pub ends_run: bool,
}

impl<'a> Operation<'a> {
    /// Reads a line, which is neither empty nor a comment nor an expectation.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &'a str) -> Result<Self, SyntaxError<'a>> {
        let mut words = Words::new(line);
        let name = words.required("an operation is missing")?;
        let operation = match name {
            "config" => return opening(words).map(Self::Config),
            "reconfigure" => return settings(words).map(Self::Reconfigure),
            "push" => return sent(words).map(Self::Push),
            "category" => return category(words),
            "run" => Self::Run,
            "advance" => Self::Advance(span(words.required("a span is missing")?)?),
            "flush" => Self::Flush,
            "close" => Self::Close,
            "ledger" => Self::Ledger,
            _ => core_operation(name, &mut words)?.into(),
        };
        words.end().map(|()| operation)
    }
}

impl From<CoreOperation> for Operation<'_> {
    fn from(operation: CoreOperation) -> Self {
        Self::Core(operation)
    }
}

fn core_operation<'a>(
    name: &'a str,
    words: &mut Words<'a>,
) -> Result<CoreOperation, SyntaxError<'a>> {
    Ok(match name {
        "poll" => CoreOperation::Poll { most: setting("most", words)? },
        "poll_at" => CoreOperation::PollAt,
        "settle" => CoreOperation::Settle { accepted: setting("accepted", words)? },
        "settle_one" => {
            let seq = number(words.required("a position is missing")?)?;
            CoreOperation::SettleOne { seq: seq as u64 }
        }
        "confirm" => CoreOperation::Confirm(number(words.required("a number is missing")?)?),
        "take_receipt" => CoreOperation::TakeReceipt,
        "settle_receipt" => CoreOperation::SettleReceipt { accepted: setting("accepted", words)? },
        "batch" => CoreOperation::Batch,
        "clock" => {
            let word = words.required("a step of the clock is missing")?;
            match word.split_at_checked(1) {
                Some(("+", step)) => CoreOperation::ClockForward(span(step)?),
                Some(("-", step)) => CoreOperation::ClockBack(span(step)?),
                _ => return Err(SyntaxError { problem: "not a step such as +5ms or -5s", word }),
            }
        }
        "read_clock" => CoreOperation::ReadClock,
        "take_wake" => CoreOperation::TakeWake,
        "request" => match words.required("flush or close is missing")? {
            "flush" => CoreOperation::RequestFlush,
            "close" => CoreOperation::RequestClose,
            word => return Err(SyntaxError { problem: "neither flush nor close", word }),
        },
        "show" => match words.required("left or readings is missing")? {
            "left" => CoreOperation::ShowLeft,
            "readings" => CoreOperation::ShowReadings,
            word => return Err(SyntaxError { problem: "nothing that can be shown", word }),
        },
        "flushed" => CoreOperation::Flushed,
        "drained" => CoreOperation::Drained,
        "depth" => CoreOperation::Depth,
        "telemetry" => CoreOperation::Telemetry,
        "refuse" => {
            let word = words.required("a reason is missing")?;
            let reason = word.parse::<RefuseReason>().ok();
            CoreOperation::Refuse(reason.ok_or(SyntaxError { problem: "no such reason", word })?)
        }
        word => return Err(SyntaxError { problem: "no such operation", word }),
    })
}

/// The number behind `name=`, if the line goes on.
fn setting<'a>(name: &str, words: &mut Words<'a>) -> Result<Option<usize>, SyntaxError<'a>> {
    match words.field()? {
        None => Ok(None),
        Some(field) if field.name == name => field.number().map(Some),
        Some(field) => Err(field.error("no such part of this operation")),
    }
}

fn boolean(name: &str) -> Option<bool> {
    match name {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn opening(mut words: Words<'_>) -> Result<Opening<'_>, SyntaxError<'_>> {
    let mut opening = Opening::default();
    while let Some(field) = words.field()? {
        match field.name {
            "categories" => opening.category_names = field.value,
            _ => set(&mut opening.settings, field)?,
        }
    }
    Ok(opening)
}

fn settings(mut words: Words<'_>) -> Result<Settings, SyntaxError<'_>> {
    let mut settings = Settings::default();
    while let Some(field) = words.field()? {
        set(&mut settings, field)?;
    }
    Ok(settings)
}

fn set<'a>(settings: &mut Settings, field: crate::words::Field<'a>) -> Result<(), SyntaxError<'a>> {
    match field.name {
        "queue_limit" => settings.queue_limit = Some(field.number()?),
        "batch_size" => settings.batch_size = Some(field.number()?),
        "flush_interval" => settings.flush_interval = Some(field.span()?),
        "overflow" => settings.overflow = Some(field.named(field.value.parse().ok())?),
        "leading" => settings.leading = Some(field.named(field.value.parse().ok())?),
        _ => return Err(field.error("no such setting")),
    }
    Ok(())
}

fn category(mut words: Words<'_>) -> Result<Operation<'_>, SyntaxError<'_>> {
    let name = words.required("a category is missing")?;
    let (mut priority, mut ttl) = (None, None);
    while let Some(field) = words.field()? {
        match field.name {
            "priority" => priority = Some(field.named(field.value.parse().ok())?),
            "ttl" => ttl = Some(field.span()?),
            _ => return Err(field.error("no such setting of a category")),
        }
    }
    let priority = priority.ok_or(SyntaxError { problem: "priority=P is missing", word: "" })?;
    Ok(Operation::Category { name, priority, ttl })
}

fn sent(mut words: Words<'_>) -> Result<Sent<'_>, SyntaxError<'_>> {
    let conversation = words.required("a conversation is missing, or - for system-wide")?;
    let mut sent = Sent {
        conversation: (conversation != "-").then_some(conversation),
        category: words.required("a category is missing")?,
        text: words.required("a text is missing")?,
        key: None,
        priority: None,
        ttl: None,
        ends_run: false,
    };
    while let Some(field) = words.field()? {
        match field.name {
            "key" => sent.key = Some(field.value),
            "priority" => sent.priority = Some(field.named(field.value.parse().ok())?),
            "ttl" => sent.ttl = Some(field.span()?),
            "ends_run" => sent.ends_run = field.named(boolean(field.value))?,
            _ => return Err(field.error("no such part of an update")),
        }
    }
    Ok(sent)
}
