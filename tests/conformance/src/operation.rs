//! What a line of a trace asks for.

use core::time::Duration;

use statusbus_core::{Config, ConfigError, Leading, Overflow, Priority, RefuseReason};

use crate::words::{SyntaxError, Words, number, span};

/// One line of a trace that does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// `config`: forget everything and build a new bus, at virtual time zero.
    Config(Opening<'a>),
    /// `category`: what holds from now on for updates of a category that do not say otherwise.
    Category {
        /// The category.
        name: &'a str,
        /// Its priority.
        priority: Priority,
        /// Its time-to-live; `None`: its updates do not expire.
        ttl: Option<Duration>,
    },
    /// `push`: send an update.
    Push(Sent<'a>),
    /// `run`: let the runner hand on what is due now.
    Run,
    /// `advance`: let the runner hand on what is due now, and then whatever becomes due while this
    /// much time passes, each when it is due.
    Advance(Duration),
    /// `flush`, and let the runner hand on what is due now.
    Flush,
    /// `close`, and let the runner hand on what is due now.
    Close,
    /// `reconfigure`: change what is given.
    Reconfigure(Settings),
    /// `ledger`: show the counters.
    Ledger,
    /// What only the core itself can be asked for.
    Core(CoreOperation<'a>),
}

/// What only the core itself can be asked for: nothing here polls but [`Self::Poll`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreOperation<'a> {
    /// `poll` once; the batch stays in flight.
    Poll,
    /// `poll_at`: show when the bus wants to be polled.
    PollAt,
    /// `delivered`: the sink accepted the batch in flight.
    Delivered,
    /// `fail accepted=N`: the sink accepted only the first updates of the batch in flight.
    Fail {
        /// How many it accepted.
        accepted: usize,
    },
    /// `fail at=SEQ`: the sink cannot take the update at this position of the batch in flight.
    FailAt {
        /// Its position.
        seq: u64,
    },
    /// `take N`: take updates out of the batch in flight.
    Take(usize),
    /// `topics`: show the batch in flight by topic.
    Topics,
    /// `handed`: show the priority of each update of the batch in flight, how long it was queued and
    /// what is left of its time-to-live.
    Handed,
    /// `clock +5ms`: from now on the clock reads this much more.
    ClockForward(Duration),
    /// `clock -5ms`: from now on the clock reads this much less.
    ClockBack(Duration),
    /// `take_wake`: show whether whoever polls has to be woken.
    TakeWake,
    /// `ask flush`: without running.
    AskFlush,
    /// `ask close`: without running.
    AskClose,
    /// `flushed`: show how many of the flushes that were asked for are done.
    Flushed,
    /// `drained`: show whether the bus is closed and has handed on everything.
    Drained,
    /// `depth`: show the depth of the queue.
    Depth,
    /// `telemetry`: show what the bus has told of itself since the last time.
    Telemetry,
    /// `refuse REASON`: the host has refused an update at its door.
    Refuse(RefuseReason),
    /// `show left`: from now on show each update that leaves other than in a batch.
    ShowLeft,
    /// `last_reading …`: show whether this update may be pushed with the last reading of the clock.
    LastReading(Sent<'a>),
}

/// What a bus is built with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening<'a> {
    /// Its configuration; what is not given has its default.
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
#[allow(missing_docs)] // the words of `Config`
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
            config = config.queue_limit(limit)?;
        }
        if let Some(size) = self.batch_size {
            config = config.batch_size(size)?;
        }
        if let Some(interval) = self.flush_interval {
            config = config.flush_interval(interval)?;
        }
        if let Some(overflow) = self.overflow {
            config = config.overflow(overflow);
        }
        if let Some(leading) = self.leading {
            config = config.leading(leading);
        }
        Ok(config)
    }
}

/// An update as a trace sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent<'a> {
    /// What it is about; `None`: the whole system.
    pub conversation: Option<&'a str>,
    /// The name of its category.
    pub category: &'a str,
    /// What it says.
    pub text: &'a str,
    /// Its key.
    pub key: Option<&'a str>,
    /// Its priority; `None`: as its category says.
    pub priority: Option<Priority>,
    /// Its time-to-live; `None`: as its category says.
    pub ttl: Option<Duration>,
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
            "last_reading" => {
                return sent(words).map(|sent| CoreOperation::LastReading(sent).into());
            }
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

impl<'a> From<CoreOperation<'a>> for Operation<'a> {
    fn from(operation: CoreOperation<'a>) -> Self {
        Self::Core(operation)
    }
}

fn core_operation<'a>(
    name: &'a str,
    words: &mut Words<'a>,
) -> Result<CoreOperation<'a>, SyntaxError<'a>> {
    Ok(match name {
        "poll" => CoreOperation::Poll,
        "poll_at" => CoreOperation::PollAt,
        "delivered" => CoreOperation::Delivered,
        "fail" => match words.field()? {
            Some(field) if field.name == "accepted" => {
                CoreOperation::Fail { accepted: field.number()? }
            }
            Some(field) if field.name == "at" => {
                CoreOperation::FailAt { seq: field.number()? as u64 }
            }
            _ => return Err(SyntaxError { problem: "accepted=N or at=SEQ is missing", word: "" }),
        },
        "take" => CoreOperation::Take(number(words.required("a number is missing")?)?),
        "topics" => CoreOperation::Topics,
        "handed" => CoreOperation::Handed,
        "clock" => {
            let word = words.required("a step of the clock is missing")?;
            match word.split_at_checked(1) {
                Some(("+", step)) => CoreOperation::ClockForward(span(step)?),
                Some(("-", step)) => CoreOperation::ClockBack(span(step)?),
                _ => return Err(SyntaxError { problem: "not a step such as +5ms or -5s", word }),
            }
        }
        "take_wake" => CoreOperation::TakeWake,
        "ask" => match words.required("flush or close is missing")? {
            "flush" => CoreOperation::AskFlush,
            "close" => CoreOperation::AskClose,
            word => return Err(SyntaxError { problem: "neither flush nor close", word }),
        },
        "show" => match words.required("left is missing")? {
            "left" => CoreOperation::ShowLeft,
            word => return Err(SyntaxError { problem: "nothing that can be shown", word }),
        },
        "flushed" => CoreOperation::Flushed,
        "drained" => CoreOperation::Drained,
        "depth" => CoreOperation::Depth,
        "telemetry" => CoreOperation::Telemetry,
        "refuse" => {
            let word = words.required("a reason is missing")?;
            let reason = RefuseReason::ALL.into_iter().find(|reason| reason.as_str() == word);
            CoreOperation::Refuse(reason.ok_or(SyntaxError { problem: "no such reason", word })?)
        }
        word => return Err(SyntaxError { problem: "no such operation", word }),
    })
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
        "overflow" => settings.overflow = Some(field.named(Overflow::from_name(field.value))?),
        "leading" => settings.leading = Some(field.named(leading(field.value))?),
        _ => return Err(field.error("no such setting")),
    }
    Ok(())
}

fn leading(name: &str) -> Option<Leading> {
    match name {
        "immediate" => Some(Leading::Immediate),
        "delayed" => Some(Leading::Delayed),
        _ => None,
    }
}

fn category(mut words: Words<'_>) -> Result<Operation<'_>, SyntaxError<'_>> {
    let name = words.required("a category is missing")?;
    let (mut priority, mut ttl) = (None, None);
    while let Some(field) = words.field()? {
        match field.name {
            "priority" => priority = Some(field.named(Priority::from_name(field.value))?),
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
    };
    while let Some(field) = words.field()? {
        match field.name {
            "key" => sent.key = Some(field.value),
            "priority" => sent.priority = Some(field.named(Priority::from_name(field.value))?),
            "ttl" => sent.ttl = Some(field.span()?),
            _ => return Err(field.error("no such part of an update")),
        }
    }
    Ok(sent)
}
