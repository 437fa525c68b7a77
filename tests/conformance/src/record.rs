//! How what happens is written down. Adapters call this and know nothing of the text.

use core::fmt::{self, Display, Write};

use statusbus_core::{DropReason, FlushReason, Instant, Loss, Losses, Pushed, RefuseReason, Sent};

/// Where a [`Subject`](crate::Subject) says what happens, line by line.
pub struct Record<'a> {
    out: &'a mut dyn Write,
    result: fmt::Result,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It waits in the queue.
    Queued,
    /// It waits in the queue and replaced a queued one.
    Merged,
    /// It waits in the queue, and another had to leave for it.
    Displaced(Loss),
    /// It found the queue full, and its time-to-live was over already.
    Expired,
    /// It was dropped.
    Dropped(DropReason),
    /// It was refused.
    Refused(RefuseReason),
}

impl<U> From<&Pushed<U>> for Outcome {
    fn from(pushed: &Pushed<U>) -> Self {
        match *pushed {
            Pushed::Queued => Self::Queued,
            Pushed::Merged(_) => Self::Merged,
            Pushed::Displaced(_, loss) => Self::Displaced(loss),
            Pushed::Expired(_) => Self::Expired,
            Pushed::Dropped(_, reason) => Self::Dropped(reason),
            Pushed::Refused(_, reason) => Self::Refused(reason),
        }
    }
}

/// What an adapter tells those who send.
impl From<Result<Sent, RefuseReason>> for Outcome {
    fn from(sent: Result<Sent, RefuseReason>) -> Self {
        match sent {
            Ok(Sent::Queued) => Self::Queued,
            Ok(Sent::Merged) => Self::Merged,
            Ok(Sent::Displaced(loss)) => Self::Displaced(loss),
            Ok(Sent::Expired) => Self::Expired,
            Ok(Sent::Dropped(reason)) => Self::Dropped(reason),
            Err(reason) => Self::Refused(reason),
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued => f.write_str("queued"),
            Self::Merged => f.write_str("merged"),
            Self::Displaced(loss) => write!(f, "displaced {}", loss.as_str()),
            Self::Expired => f.write_str("expired"),
            Self::Dropped(reason) => write!(f, "dropped {}", reason.as_str()),
            Self::Refused(reason) => write!(f, "refused {}", reason.as_str()),
        }
    }
}

/// An update as a trace shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    /// What it is about; `None`: the whole system.
    pub conversation: Option<&'a str>,
    /// The name of its category.
    pub category: &'a str,
    /// What it says.
    pub text: &'a str,
    /// Its key.
    pub key: Option<&'a str>,
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { conversation, category, text, key } = self;
        write!(f, "{}/{category} \"{text}\"", conversation.unwrap_or("-"))?;
        key.map_or(Ok(()), |key| write!(f, " key={key}"))
    }
}

/// A number of microseconds, in milliseconds if they are whole.
pub(crate) struct Micros(pub(crate) u64);

impl Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_multiple_of(1_000) {
            true => write!(f, "{}ms", self.0 / 1_000),
            false => write!(f, "{}us", self.0),
        }
    }
}

struct Counts<'a>(&'a Losses);

impl Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (loss, count) in self.0.iter() {
            write!(f, " {}={count}", loss.as_str())?;
        }
        Ok(())
    }
}

impl<'a> Record<'a> {
    /// A record that is written to `out`.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, result: Ok(()) }
    }

    /// A gap: all that is missing. Its topics follow.
    pub fn gap(&mut self, at: Instant, seq: u64, total: &Losses) {
        let at = Micros(at.as_micros());
        self.line(format_args!("= {at} gap #{seq}{}", Counts(total)));
    }

    /// What is missing of one topic of the gap.
    pub fn gap_topic(&mut self, conversation: Option<&str>, category: &str, losses: &Losses) {
        let conversation = conversation.unwrap_or("-");
        self.line(format_args!("=   {conversation}/{category}{}", Counts(losses)));
    }

    /// What is missing of topics that found no place in the gap's table. Writes nothing if that is
    /// nothing.
    pub fn gap_elsewhere(&mut self, losses: &Losses) {
        if !losses.is_empty() {
            self.line(format_args!("=   elsewhere{}", Counts(losses)));
        }
    }

    /// A batch of `size` updates, which follow. One that holds nothing but a gap is not written.
    pub fn batch(&mut self, at: Instant, reason: FlushReason, size: usize) {
        let at = Micros(at.as_micros());
        self.line(format_args!("= {at} batch {} {size}", reason.as_str()));
    }

    /// An update of the batch.
    pub fn update(&mut self, seq: u64, update: &Shown<'_>) {
        self.line(format_args!("=   #{seq} {update}"));
    }

    /// An update that leaves other than in a batch, once a trace has asked to see them.
    pub fn left(&mut self, why: &str, update: &Shown<'_>) {
        self.line(format_args!("= left {why} {update}"));
    }

    /// A line as it stands, without its end: `= …`.
    pub fn line(&mut self, line: fmt::Arguments<'_>) {
        if self.result.is_ok() {
            self.result = self.out.write_fmt(line).and_then(|()| self.out.write_char('\n'));
        }
    }

    pub(crate) fn finish(self) -> fmt::Result {
        self.result
    }
}
