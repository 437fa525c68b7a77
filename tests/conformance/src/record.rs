//! The text of a trace's results. Adapters call this and need not know the format.

use core::fmt::{self, Display, Write};

use statusbus_core::{FlushReason, Instant, Losses, Outcome};

/// Output of a [`Subject`](crate::Subject), line by line.
pub struct Record<'a> {
    out: &'a mut dyn Write,
    result: fmt::Result,
}

/// What became of a push, as a trace shows it.
pub(crate) struct ShownOutcome(pub(crate) Outcome);

impl Display for ShownOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Outcome::Queued => f.write_str("queued"),
            Outcome::Merged => f.write_str("merged"),
            Outcome::Displaced(loss) => write!(f, "displaced {}", loss.as_str()),
            Outcome::Expired => f.write_str("expired"),
            Outcome::Dropped(reason) => write!(f, "dropped {}", reason.as_str()),
            Outcome::Refused(reason) => write!(f, "refused {}", reason.as_str()),
            _ => f.write_str("an outcome that traces do not know"),
        }
    }
}

/// An update as a trace shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    /// Its conversation; `None`: the whole system.
    pub conversation: Option<&'a str>,
    /// The name of its category.
    pub category: &'a str,
    /// Its text.
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
        if self.0.is_multiple_of(1_000) {
            write!(f, "{}ms", self.0 / 1_000)
        } else {
            write!(f, "{}us", self.0)
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

    /// A gap, with its total. Its topics follow.
    pub fn gap(&mut self, at: Instant, seq: u64, total: &Losses) {
        let at = Micros(at.as_micros());
        self.line(format_args!("= {at} gap #{seq}{}", Counts(total)));
    }

    /// The losses of one topic of the gap.
    pub fn gap_topic(&mut self, conversation: Option<&str>, category: &str, losses: &Losses) {
        let conversation = conversation.unwrap_or("-");
        self.line(format_args!("=   {conversation}/{category}{}", Counts(losses)));
    }

    /// The losses of topics that found no row in the gap's table. Writes nothing if there are none.
    pub fn gap_elsewhere(&mut self, losses: &Losses) {
        if !losses.is_empty() {
            self.line(format_args!("=   elsewhere{}", Counts(losses)));
        }
    }

    /// A batch of `size` updates, which follow. Leave it out where only a gap came.
    pub fn batch(&mut self, at: Instant, reason: FlushReason, size: usize) {
        let at = Micros(at.as_micros());
        self.line(format_args!("= {at} batch {} {size}", reason.as_str()));
    }

    /// An update of the batch.
    pub fn update(&mut self, seq: u64, update: &Shown<'_>) {
        self.line(format_args!("=   #{seq} {update}"));
    }

    /// An update that leaves other than in a batch, once the trace has requested to show them.
    pub fn left(&mut self, why: &str, update: &Shown<'_>) {
        self.line(format_args!("= left {why} {update}"));
    }

    /// A whole line, without its end: `= …`.
    pub fn line(&mut self, line: fmt::Arguments<'_>) {
        if self.result.is_ok() {
            self.result = self.out.write_fmt(line).and_then(|()| self.out.write_char('\n'));
        }
    }

    pub(crate) fn finish(self) -> fmt::Result {
        self.result
    }
}
