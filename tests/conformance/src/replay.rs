//! Replaying traces against an implementation of the rules.

use core::fmt::{self, Write};
use core::time::Duration;

use statusbus_core::{CategoryError, ConfigError, Ledger, Loss, Priority};

use crate::record::ShownOutcome;
use crate::words::SyntaxError;
use crate::{
    Compare, CoreOperation, Difference, Opening, Operation, Outcome, Record, Sent, Settings, Trace,
};

/// What traces are replayed against: the core itself ([`CoreSubject`](crate::CoreSubject)), or an
/// adapter with its runner, in virtual time.
///
/// Only [`run`](Self::run), [`advance`](Self::advance), [`flush`](Self::flush) and
/// [`close`](Self::close) let the runner run, and they return when nothing more is due. The sink
/// accepts everything, and writes it to the record on delivery; nothing else writes there.
pub trait Subject {
    /// Whether [`Self::core`] is supported. Traces that need it are skipped otherwise.
    const CORE: bool = false;

    /// Discards everything and builds a new bus, at virtual time zero.
    ///
    /// # Errors
    /// The setting that is not valid. No bus exists then, and the ledger is all zeros.
    fn open(&mut self, opening: &Opening<'_>) -> Result<(), Invalid>;

    /// Sends an update through the adapter's public API. The core's own subject also writes what
    /// [`CoreOperation::ShowLeft`] and [`CoreOperation::ShowReadings`] request.
    fn push(&mut self, sent: &Sent<'_>, record: &mut Record<'_>) -> Outcome;

    /// Delivers what is due now.
    fn run(&mut self, record: &mut Record<'_>);

    /// Delivers what is due now, then lets time pass and delivers each batch when it becomes due.
    fn advance(&mut self, span: Duration, record: &mut Record<'_>);

    /// Requests a flush and delivers what is due.
    fn flush(&mut self, record: &mut Record<'_>);

    /// Closes the bus and delivers what is due.
    fn close(&mut self, record: &mut Record<'_>);

    /// Changes the given settings. What becomes due by that is delivered with the next run.
    ///
    /// # Errors
    /// The setting that is not valid; nothing has changed then.
    fn reconfigure(&mut self, settings: &Settings, record: &mut Record<'_>) -> Result<(), Invalid>;

    /// Changes the defaults of a category.
    ///
    /// # Errors
    /// The category does not exist.
    fn category(
        &mut self,
        name: &str,
        priority: Priority,
        ttl: Option<Duration>,
    ) -> Result<(), Invalid>;

    /// The counters.
    fn ledger(&mut self) -> Ledger;

    /// An operation that only the core supports.
    ///
    /// # Errors
    /// This subject is not the core.
    fn core(
        &mut self,
        operation: &CoreOperation,
        record: &mut Record<'_>,
    ) -> Result<(), Unsupported> {
        let _ = (operation, record);
        Err(Unsupported)
    }
}

/// A setting that is not valid, by its name in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid(pub &'static str);

impl From<ConfigError> for Invalid {
    fn from(error: ConfigError) -> Self {
        Self(match error {
            ConfigError::QueueLimit(_) => "queue_limit",
            ConfigError::BatchSize(_) => "batch_size",
            ConfigError::FlushInterval(_) => "flush_interval",
            _ => "config",
        })
    }
}

impl From<CategoryError> for Invalid {
    fn from(_: CategoryError) -> Self {
        Self("category")
    }
}

/// The subject is not the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported;

/// Does one operation and writes its results to `out`. A host that cannot wait inside a method does the
/// operations that wait by itself, and calls this for the others.
///
/// # Errors
/// The subject does not support it, the ledger does not balance afterwards or has not counted what the
/// operation sent, or writing failed.
pub fn perform<S: Subject>(
    operation: &Operation<'_>,
    subject: &mut S,
    out: &mut dyn Write,
) -> Result<(), Problem<'static>> {
    let mut record = Record::new(out);
    let mut counted = subject.ledger();
    let done = match operation {
        Operation::Config(opening) => subject.open(opening),
        Operation::Category { name, priority, ttl } => subject.category(name, *priority, *ttl),
        Operation::Reconfigure(settings) => subject.reconfigure(settings, &mut record),
        Operation::Push(sent) => {
            let outcome = subject.push(sent, &mut record);
            count(&mut counted, outcome);
            record.line(format_args!("= {}", ShownOutcome(outcome)));
            Ok(())
        }
        Operation::Run => {
            subject.run(&mut record);
            Ok(())
        }
        Operation::Advance(span) => {
            subject.advance(*span, &mut record);
            Ok(())
        }
        Operation::Flush => {
            subject.flush(&mut record);
            Ok(())
        }
        Operation::Close => {
            subject.close(&mut record);
            Ok(())
        }
        Operation::Ledger => {
            let ledger = subject.ledger();
            record.line(format_args!("= ledger{}", Counters(&ledger)));
            Ok(())
        }
        Operation::Core(operation) => {
            subject.core(operation, &mut record).map_err(|Unsupported| Problem::Unsupported)?;
            if let CoreOperation::Refuse(reason) = *operation {
                count(&mut counted, Outcome::Refused(reason));
            }
            Ok(())
        }
    };
    if let Err(Invalid(setting)) = done {
        record.line(format_args!("= invalid {setting}"));
    }
    record.finish().map_err(|fmt::Error| Problem::Output)?;
    let ledger = subject.ledger();
    let is_counted = match operation {
        Operation::Config(_) => ledger == Ledger::default(),
        // Nothing else happens during these.
        Operation::Push(_) | Operation::Core(CoreOperation::Refuse(_)) => ledger == counted,
        _ => ledger.sent == counted.sent,
    };
    let is_balanced = is_counted && ledger.is_balanced();
    if is_balanced { Ok(()) } else { Err(Problem::Unbalanced(ledger)) }
}

/// Counts an update by its outcome. The core computes `sent` as the sum of the other counters, so that its
/// ledger always balances; only a count made apart from it shows that the counters are right.
fn count(ledger: &mut Ledger, outcome: Outcome) {
    let lose = |ledger: &mut Ledger, loss| match loss {
        Loss::Expired => ledger.expired += 1,
        Loss::Dropped(reason) => {
            let count = ledger.dropped.count(reason) + 1;
            ledger.dropped = ledger.dropped.with_count(reason, count);
        }
    };
    ledger.sent += 1;
    match outcome {
        Outcome::Queued => ledger.queued += 1,
        Outcome::Merged => ledger.coalesced += 1,
        Outcome::Displaced(loss) => lose(ledger, loss),
        Outcome::Expired => lose(ledger, Loss::Expired),
        Outcome::Dropped(reason) => lose(ledger, Loss::Dropped(reason)),
        Outcome::Refused(reason) => {
            let count = ledger.refused.count(reason) + 1;
            ledger.refused = ledger.refused.with_count(reason, count);
        }
        // An outcome that is new here leaves the ledger unbalanced.
        _ => {}
    }
}

/// Replays a trace. It begins with a new bus, whatever the subject did before.
///
/// # Errors
/// The first line whose results differ, or that cannot be read.
pub fn replay<'a, S: Subject>(trace: &Trace<'a>, subject: &mut S) -> Result<Replayed, Failure<'a>> {
    let needs_core = trace.needs_core();
    if needs_core && !S::CORE {
        return Ok(Replayed::Skipped);
    }
    let fail = |line, problem| Err(Failure { line, problem });
    if let Err(Invalid(_)) = subject.open(&Opening::default()) {
        return fail(0, Problem::NoBus);
    }
    for step in trace.steps() {
        let step = step?;
        if !needs_core && matches!(step.operation, Operation::Core(_)) {
            return fail(step.line, Problem::NeedsCore);
        }
        let mut compare = Compare::new(step.line, step.expected);
        if let Err(problem) = perform(&step.operation, subject, &mut compare) {
            return fail(step.line, problem);
        }
        if let Err((line, difference)) = compare.finish() {
            return fail(line, Problem::Differs(difference));
        }
    }
    Ok(Replayed::Passed)
}

/// Replays traces and writes to `out` whether each passed: for firmware that has only a serial port.
/// Errors of `out` are ignored.
pub fn replay_all<S: Subject>(traces: &[Trace<'_>], subject: &mut S, out: &mut dyn Write) -> Tally {
    let mut tally = Tally { passed: 0, skipped: 0, failed: 0 };
    for trace in traces {
        let name = trace.name;
        let _ = match replay(trace, subject) {
            Ok(Replayed::Passed) => {
                tally.passed += 1;
                writeln!(out, "passed {name}")
            }
            Ok(Replayed::Skipped) => {
                tally.skipped += 1;
                writeln!(out, "skipped {name}")
            }
            Err(failure) => {
                tally.failed += 1;
                writeln!(out, "FAILED {name}: {failure}")
            }
        };
    }
    tally
}

/// Replays traces and writes everything to `out`: whether each passed, and the results of each
/// operation behind the number of its line. Two machines behave alike if they write the same bytes.
pub fn play_all<S: Subject>(traces: &[Trace<'_>], subject: &mut S, out: &mut dyn Write) -> Tally {
    let mut tally = Tally { passed: 0, skipped: 0, failed: 0 };
    for trace in traces {
        let one = replay_all(core::slice::from_ref(trace), subject, out);
        tally.passed += one.passed;
        tally.skipped += one.skipped;
        tally.failed += one.failed;
        if one.skipped > 0 || subject.open(&Opening::default()).is_err() {
            continue;
        }
        for step in trace.steps().map_while(Result::ok) {
            let _ = writeln!(out, "{}", step.line);
            if let Err(problem) = perform(&step.operation, subject, out) {
                let _ = writeln!(out, "{}", Failure { line: step.line, problem });
            }
        }
    }
    let _ = writeln!(out, "{tally}");
    tally
}

/// The result of replaying a trace that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// All results are as expected.
    Passed,
    /// It needs the core.
    Skipped,
}

/// The results of replaying many traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are enough
pub struct Tally {
    pub passed: usize,
    pub skipped: usize,
    pub failed: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, skipped, failed } = self;
        write!(f, "traces: {passed} passed, {skipped} skipped, {failed} failed")
    }
}

/// Where a trace failed.
#[derive(Debug)]
pub struct Failure<'a> {
    /// The line, counted from one; zero: before the first.
    pub line: usize,
    /// Why.
    pub problem: Problem<'a>,
}

/// Why a trace failed.
#[derive(Debug)]
pub enum Problem<'a> {
    /// The line cannot be read.
    Syntax(SyntaxError<'a>),
    /// Something is expected before anything was done.
    NothingDone,
    /// An operation of the core in a trace without the line `# needs: core`.
    NeedsCore,
    /// The results differ.
    Differs(Difference<'a>),
    /// The ledger does not balance after this operation, or has not counted what it sent.
    Unbalanced(Ledger),
    /// The subject claims to be the core, but does not support this.
    Unsupported,
    /// The subject cannot build a bus with the defaults.
    NoBus,
    /// The results could not be written.
    Output,
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.problem {
            Problem::Syntax(error) => write!(f, "{error}"),
            Problem::Differs(difference) => write!(f, "{difference}"),
            Problem::Unbalanced(ledger) => {
                write!(f, "the ledger does not balance:{}", Counters(ledger))
            }
            Problem::NothingDone => f.write_str("an expectation before the first operation"),
            Problem::NeedsCore => {
                f.write_str("an operation of the core: the trace needs the line `# needs: core`")
            }
            Problem::Unsupported => f.write_str("the subject does not support this operation"),
            Problem::NoBus => f.write_str("no bus could be built with the defaults"),
            Problem::Output => f.write_str("the results could not be written"),
        }
    }
}

impl core::error::Error for Failure<'_> {}

/// The counters that are not zero, and always `sent`.
struct Counters<'a>(&'a Ledger);

impl fmt::Display for Counters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use statusbus_core::{DropReason, RefuseReason};
        let Ledger {
            sent, delivered, coalesced, expired, dropped, refused, queued, in_flight, ..
        } = *self.0;
        let mut some = |group: &str, name: &str, count: u64| match count {
            0 => Ok(()),
            _ => write!(f, " {group}{name}={count}"),
        };
        if sent == 0 {
            return f.write_str(" sent=0");
        }
        some("", "sent", sent)?;
        some("", "delivered", delivered)?;
        some("", "coalesced", coalesced)?;
        some("", "expired", expired)?;
        for reason in DropReason::ALL {
            some("dropped.", reason.as_str(), dropped.count(reason))?;
        }
        for reason in RefuseReason::ALL {
            some("refused.", reason.as_str(), refused.count(reason))?;
        }
        some("", "queued", queued)?;
        some("", "in_flight", in_flight)
    }
}
