//! Whether the traces can fail: each difference is found in its place, and a bus that breaks a rule does
//! not pass.

use core::time::Duration;

use statusbus_conformance::{
    CoreSubject, Failure, Invalid, Opening, Operation, Outcome, Problem, Record, Replayed, Sent,
    Settings, Subject, TRACES, Tally, Trace, replay, replay_all,
};
use statusbus_core::{Ledger, Priority};

fn failure<'a>(text: &'a str) -> Failure<'a> {
    let trace = Trace::new("bad", text);
    replay(&trace, &mut CoreSubject::<16, 8>::new()).expect_err(text)
}

#[test]
fn a_difference_is_reported_with_its_line_and_both_texts() {
    let head = "# needs: core\nconfig queue_limit=2 batch_size=2\n\npush conv-1 tool \"a\"\n";
    for (tail, message) in [
        ("= merged", "line 5: expected `= merged`, got `= queued`"),
        ("= queuedly", "line 5: expected `= queuedly`, got `= queued`"),
        ("= queue", "line 5: expected `= queue`, got `= queued`"),
        ("run\n", "line 4: expected nothing more, got `= queued`"),
        ("= queued\n# more\n= queued", "line 7: expected `= queued`, got nothing"),
        (
            "= queued\nrun\n= 0ms batch interval 1\n=   #1 conv-1/tool \"b\"",
            "line 8: expected `=   #1 conv-1/tool \"b\"`, got `=   #1 conv-1/tool \"a\"`",
        ),
        (
            "= queued\nrun\n= 0ms batch interval 1\nflush",
            "line 7: expected nothing more, got `=   #1 conv-1/tool \"a\"`",
        ),
    ] {
        let text = format!("{head}{tail}");
        let failure = failure(&text);
        assert_eq!(failure.to_string(), message);
        assert!(matches!(failure.problem, Problem::Differs(_)));
    }
}

#[test]
fn a_line_that_cannot_be_read_is_reported_with_its_number() {
    for (text, message) in [
        ("= queued", "line 1: an expectation before the first operation"),
        ("\npoll", "line 2: an operation of the core: the trace needs the line `# needs: core`"),
        ("dance", "line 1: no such operation: `dance`"),
        ("run now", "line 1: one word too many: `now`"),
        ("advance", "line 1: a span is missing"),
        ("advance 5", "line 1: not a span such as 50ms, 5s or 250us: `5`"),
        ("advance 5h", "line 1: not a span such as 50ms, 5s or 250us: `5h`"),
        ("advance 99999999999ms", "line 1: not a span such as 50ms, 5s or 250us: `99999999999ms`"),
        ("config queue_limit=many", "line 1: not a number: `many`"),
        ("config overflow=never", "line 1: no such value: `overflow=never`"),
        ("config pace=5", "line 1: no such setting: `pace=5`"),
        ("reconfigure categories=a", "line 1: no such setting: `categories=a`"),
        ("category tool", "line 1: priority=P is missing"),
        ("push conv-1 tool", "line 1: a text is missing"),
        ("push conv-1 tool \"a", "line 1: a text without an end: `\"a`"),
        ("push conv-1 tool \"a\" loud", "line 1: not of the form name=value: `loud`"),
        ("push conv-1 tool \"a\" tone=loud", "line 1: no such part of an update: `tone=loud`"),
        ("settle all", "line 1: not of the form name=value: `all`"),
        ("settle most=1", "line 1: no such part of this operation: `most=1`"),
        ("settle_one", "line 1: a position is missing"),
        ("push conv-1 tool \"a\" ends_run=so", "line 1: no such value: `ends_run=so`"),
        ("clock 5ms", "line 1: not a step such as +5ms or -5s: `5ms`"),
        ("clock €5ms", "line 1: not a step such as +5ms or -5s: `€5ms`"),
        ("request tea", "line 1: neither flush nor close: `tea`"),
        ("show off", "line 1: nothing that can be shown: `off`"),
        ("refuse politely", "line 1: no such reason: `politely`"),
    ] {
        assert_eq!(failure(text).to_string(), message);
    }
}

#[test]
fn no_line_can_be_cut_so_that_reading_it_panics() {
    for line in TRACES.iter().flat_map(|trace| trace.text.lines()) {
        for (end, _) in line.char_indices() {
            let _ = Operation::parse(&line[..end]);
            let _ = Operation::parse(&line[end..]);
        }
    }
}

/// Every expected line of every trace is compared: changed, missing or doubled, it is found there.
#[test]
fn every_expected_line_counts() {
    let mut subject: CoreSubject = CoreSubject::new();
    let mut tried = 0;
    for trace in TRACES {
        if replay(trace, &mut subject).is_err() {
            continue; // another test reports it
        }
        let lines: Vec<&str> = trace.text.lines().collect();
        let expectations = lines.iter().enumerate().filter(|(_, line)| line.starts_with('='));
        for (index, &line) in expectations {
            let cut = line[..line.len() - 1].trim_end();
            let other = format!("{line}?");
            let doubled = format!("{line}\n{line}");
            for instead in [cut, &other, &doubled, "# nothing"] {
                let mut changed = lines.clone();
                changed[index] = instead;
                let text = changed.join("\n");
                let failure = match replay(&Trace::new(trace.name, &text), &mut subject) {
                    Ok(_) => panic!("{}: `{instead}` passes for `{line}`", trace.name),
                    Err(failure) => failure,
                };
                let Problem::Differs(difference) = &failure.problem else {
                    panic!("{}: {failure}", trace.name)
                };
                if instead == cut || instead == other {
                    assert_eq!(failure.line, index + 1, "{}", trace.name);
                    assert_eq!(difference.expected, Some(instead), "{}", trace.name);
                    let actual = difference.actual.as_ref().unwrap();
                    assert!(line.starts_with(actual.as_str()), "{}", trace.name);
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 3_000, "{tried}");
}

/// A rule that a bus can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    IgnoresKeys,
    IgnoresPriorities,
    IgnoresTtls,
    SystemIsAConversation,
    FlushesOnlyDueUpdates,
    ClosesWithoutDelivering,
    DeliversLate,
    TicksOnly,
    RunsOnEveryPush,
    IgnoresLimits,
    IgnoresTheInterval,
    IgnoresLeading,
    IgnoresOverflow,
    IgnoresCategories,
    AppliesHalfOfAnInvalidConfig,
    /// Leaves merged updates out of a ledger that still balances.
    ForgetsMerged,
}

/// The core behind an adapter that breaks a rule. It also shows what an adapter has to implement.
struct Faulty {
    core: CoreSubject,
    fault: Fault,
}

impl Faulty {
    fn settings(&self, mut settings: Settings) -> Settings {
        match self.fault {
            Fault::IgnoresLimits => settings.queue_limit = settings.queue_limit.and(Some(16)),
            Fault::IgnoresTheInterval => settings.flush_interval = None,
            Fault::IgnoresLeading => settings.leading = None,
            Fault::IgnoresOverflow => settings.overflow = None,
            _ => {}
        }
        settings
    }
}

impl Subject for Faulty {
    fn open(&mut self, opening: &Opening<'_>) -> Result<(), Invalid> {
        let settings = self.settings(opening.settings);
        self.core.open(&Opening { settings, ..*opening })
    }

    fn push(&mut self, sent: &Sent<'_>, record: &mut Record<'_>) -> Outcome {
        let mut sent = *sent;
        match self.fault {
            Fault::IgnoresKeys => sent.key = None,
            Fault::IgnoresPriorities => sent.priority = None,
            Fault::IgnoresTtls => sent.ttl = None,
            Fault::SystemIsAConversation if sent.conversation == Some("system") => {
                sent.conversation = None;
            }
            _ => {}
        }
        let outcome = self.core.push(&sent, record);
        if self.fault == Fault::RunsOnEveryPush {
            self.core.run(record);
        }
        outcome
    }

    fn run(&mut self, record: &mut Record<'_>) {
        if self.fault != Fault::TicksOnly {
            self.core.run(record);
        }
    }

    fn advance(&mut self, span: Duration, record: &mut Record<'_>) {
        let late = Duration::from_millis(1);
        match self.fault {
            Fault::DeliversLate => {
                self.core.run(record);
                let end = statusbus_conformance::CoreOperation::ClockForward(span.max(late));
                let _ = self.core.core(&end, record);
                self.core.run(record);
            }
            _ => self.core.advance(span, record),
        }
    }

    fn flush(&mut self, record: &mut Record<'_>) {
        match self.fault {
            Fault::FlushesOnlyDueUpdates => self.core.run(record),
            _ => self.core.flush(record),
        }
    }

    fn close(&mut self, record: &mut Record<'_>) {
        match self.fault {
            Fault::ClosesWithoutDelivering => {
                let close = statusbus_conformance::CoreOperation::RequestClose;
                let _ = self.core.core(&close, record);
            }
            _ => self.core.close(record),
        }
    }

    fn reconfigure(&mut self, settings: &Settings, record: &mut Record<'_>) -> Result<(), Invalid> {
        let settings = self.settings(*settings);
        if self.fault == Fault::AppliesHalfOfAnInvalidConfig {
            let first = Settings { queue_limit: settings.queue_limit, ..Settings::default() };
            self.core.reconfigure(&first, record)?;
        }
        self.core.reconfigure(&settings, record)
    }

    fn category(
        &mut self,
        name: &str,
        priority: Priority,
        ttl: Option<Duration>,
    ) -> Result<(), Invalid> {
        match self.fault {
            Fault::IgnoresCategories => Ok(()),
            _ => self.core.category(name, priority, ttl),
        }
    }

    fn ledger(&mut self) -> Ledger {
        let mut ledger = self.core.ledger();
        if self.fault == Fault::ForgetsMerged {
            ledger.sent -= std::mem::take(&mut ledger.coalesced);
        }
        ledger
    }
}

fn tally(fault: Fault) -> (Tally, String) {
    let mut out = String::new();
    let mut subject = Faulty { core: CoreSubject::new(), fault };
    (replay_all(TRACES, &mut subject, &mut out), out)
}

#[test]
fn an_adapter_skips_traces_that_need_the_core() {
    let needs_core = TRACES.iter().filter(|trace| trace.needs_core()).count();
    let (tally, out) = tally(Fault::None);
    assert_eq!(tally.skipped, needs_core);
    assert!(tally.passed > 40 && needs_core > 20, "{tally}\n{out}");
    assert!(out.contains("skipped rule-07-in-flight\n") && out.contains("passed rule-04-fifo\n"));
    let poll = Trace::new("poll", "# needs: core\npoll\n= nothing");
    let mut subject = Faulty { core: CoreSubject::new(), fault: Fault::None };
    assert!(matches!(replay(&poll, &mut subject), Ok(Replayed::Skipped)));
}

#[test]
fn an_adapter_that_breaks_a_rule_does_not_pass() {
    let (sound, _) = tally(Fault::None);
    for fault in [
        Fault::IgnoresKeys,
        Fault::IgnoresPriorities,
        Fault::IgnoresTtls,
        Fault::SystemIsAConversation,
        Fault::FlushesOnlyDueUpdates,
        Fault::ClosesWithoutDelivering,
        Fault::DeliversLate,
        Fault::TicksOnly,
        Fault::RunsOnEveryPush,
        Fault::IgnoresLimits,
        Fault::IgnoresTheInterval,
        Fault::IgnoresLeading,
        Fault::IgnoresOverflow,
        Fault::IgnoresCategories,
        Fault::AppliesHalfOfAnInvalidConfig,
        Fault::ForgetsMerged,
    ] {
        let (tally, out) = tally(fault);
        assert!(tally.failed > sound.failed, "{fault:?} passes: {tally}\n{out}");
    }
}

/// What an operation sent is counted apart from the ledger, which could leave something out and balance.
#[test]
fn a_ledger_that_leaves_an_update_out_is_found_at_the_operation() {
    let text = "config queue_limit=2\npush conv-1 tool \"a\" key=\"k\"\n= queued\n\
                push conv-1 tool \"b\" key=\"k\"\n= merged\nrun\n";
    let mut subject = Faulty { core: CoreSubject::new(), fault: Fault::ForgetsMerged };
    assert!(subject.ledger().is_balanced());
    let failure = replay(&Trace::new("merged", text), &mut subject).expect_err(text);
    assert_eq!(failure.line, 4);
    let Problem::Unbalanced(ledger) = failure.problem else { panic!("{failure}") };
    assert!(ledger.is_balanced(), "{ledger:?}");
    assert_eq!((ledger.sent, ledger.coalesced), (1, 0));
}
