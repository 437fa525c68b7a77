//! What a line of a command's output says, as an update.
//!
//! A structured line (JSON) says it itself; of any other line its form tells: a percentage, a level,
//! a verb that cargo puts in front. What tells nothing is `info` from stdout and `error` from
//! stderr. No line is lost, whatever is wrong with it.

mod cargo;
mod level;
mod progress;
mod structured;

use std::borrow::Cow;
use std::time::Duration;

use statusbus_core::Priority;

use crate::lines::{Line, State};
use level::Level;
use progress::Progress;
use structured::Read;

/// Most bytes of text that a plain line keeps: as much as the bus takes (16 KiB). Structured lines
/// may be longer, so that the limit of [`Lines`](crate::lines::Lines) should be higher than this.
pub(crate) const TEXT_MAX: usize = 16 * 1024;

/// Where a command has written a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Its output: `info`, if the line says nothing else.
    Stdout,
    /// Its messages: `error`, if the line says nothing else; never the end of the command.
    Stderr,
    /// No command has: it is in a file, where messages of any level are. `info`, if the line says
    /// nothing else.
    Log,
}

/// Who an update is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About<'a> {
    /// The command: the line does not say.
    Command,
    /// Everyone: a structured line with `"conversation": null`.
    System,
    /// This conversation; a name that the bus takes.
    Conversation(Cow<'a, str>),
}

/// What a line says: an update in the words of `POST /v1/status`, borrowed from the line where it
/// can be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said<'a> {
    /// Who it is about.
    pub(crate) conversation: About<'a>,
    /// The category by name. A structured line may name one that the bus does not know.
    pub(crate) category: Cow<'a, str>,
    /// The text.
    pub(crate) text: Cow<'a, str>,
    /// The thing that has one current value, which a newer update replaces: a line that is redrawn, at
    /// most 128 bytes, or what a structured line names. A finished line has none.
    pub(crate) key: Option<Cow<'a, str>>,
    /// `None`: that of the category.
    pub(crate) priority: Option<Priority>,
    /// How long it is worth delivering; `None`: as long as the bus is configured for.
    pub(crate) ttl: Option<Duration>,
    /// A JSON object.
    pub(crate) metadata: Option<Cow<'a, str>>,
    /// How far the thing has come, 0 to 1.
    pub(crate) fraction: Option<f32>,
    /// The key of the live line that ends with this one.
    pub(crate) replaces: Option<&'static str>,
}

/// What `line` says.
///
/// Costs 20 to 200 ns for a plain line, without allocation; up to a microsecond for progress and for
/// a structured line.
pub(crate) fn read<'a>(line: Line<'a>, stream: Stream) -> Said<'a> {
    match line.state {
        State::Live => live(line, stream),
        State::Finished => finished(line, stream),
        State::Redrawn => Said { replaces: Some(stream.name()), ..finished(line, stream) },
    }
}

/// A line that is being redrawn: the one current value of its stream.
fn live(line: Line<'_>, stream: Stream) -> Said<'_> {
    let said = plain(line, stream);
    Said {
        category: Cow::Borrowed("progress"),
        key: Some(Cow::Borrowed(stream.name())),
        priority: None,
        fraction: fraction(line.text),
        ..said
    }
}

/// Whether `key` is that of a line that is being redrawn.
pub(crate) fn is_live(key: &str) -> bool {
    [Stream::Stdout, Stream::Stderr, Stream::Log].iter().any(|stream| stream.name() == key)
}

fn finished<'a>(line: Line<'a>, stream: Stream) -> Said<'a> {
    if line.text.trim_ascii_start().starts_with('{') && line.skipped == 0 {
        match structured::read(line.text, stream) {
            Read::Said(said) => return said,
            Read::Invalid(field) => {
                let note = Some(Cow::Owned(format!(r#"{{"invalid":"{field}"}}"#)));
                let plain = plain(line, stream);
                return Said { metadata: plain.metadata.or(note), ..plain };
            }
            Read::Foreign(Some(level)) if stream != Stream::Stdout => {
                return level.of(plain(line, stream));
            }
            Read::Foreign(_) => return plain(line, stream),
            Read::NotJson => {}
        }
    }
    of_form(line, stream)
}

/// What the form of a line says that is not structured.
fn of_form(line: Line<'_>, stream: Stream) -> Said<'_> {
    let said = plain(line, stream);
    let level = || level::read(line.text);
    // Trouble is no step on the way, whatever it counts.
    let trouble = |level| matches!(level, Some(Level::Error | Level::Warning));
    let (level, fraction) = match stream {
        Stream::Stdout => (None, fraction(line.text).filter(|_| !trouble(level()))),
        Stream::Stderr | Stream::Log => {
            let level = level();
            (level, if trouble(level) { None } else { fraction(line.text) })
        }
    };
    if line.text.is_empty() {
        Said { category: Cow::Borrowed("info"), priority: None, ..said }
    } else if fraction.is_some() {
        // A finished line counts as much as any other, however small the step is.
        let priority = Some(Priority::Normal);
        Said { category: Cow::Borrowed("progress"), priority, fraction, ..said }
    } else if let Some(level) = level {
        level.of(said)
    } else if stream != Stream::Stdout && level::is_cargo_status(line.text) {
        // The column that the verb is set in is cargo's own.
        let text = match said.text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii_start()),
            text => text,
        };
        Said { category: Cow::Borrowed("tool"), priority: None, text, ..said }
    } else if line.state == State::Redrawn {
        // The rest of a progress bar, as it is without a count; no error.
        Said { category: Cow::Borrowed("progress"), priority: Some(Priority::Normal), ..said }
    } else {
        said
    }
}

/// What a line counts, and how far that has come, 0 to 1: the same name for each line about one thing.
pub(crate) fn progress(text: &str) -> Option<(String, f32)> {
    progress::read(text).map(|Progress { key, fraction }| (key, fraction))
}

/// How far the thing has come that `text` is about, 0 to 1, if it says so.
pub(crate) fn fraction(text: &str) -> Option<f32> {
    progress::read(text).map(|progress| progress.fraction)
}

/// The line as it stands, of its stream's category. For a line that says what the bus refuses.
///
/// Text over [`TEXT_MAX`] is cut; the metadata then says how many bytes are missing.
pub(crate) fn plain<'a>(line: Line<'a>, stream: Stream) -> Said<'a> {
    let mut end = line.text.len().min(TEXT_MAX);
    while !line.text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = line.text.len() - end + line.skipped;
    Said {
        conversation: About::Command,
        category: Cow::Borrowed(stream.category()),
        text: Cow::Borrowed(&line.text[..end]),
        key: None,
        priority: stream.priority(),
        ttl: None,
        metadata: (cut > 0).then(|| Cow::Owned(format!(r#"{{"cut":{cut}}}"#))),
        fraction: None,
        replaces: None,
    }
}

impl Stream {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Log => "log",
        }
    }

    const fn category(self) -> &'static str {
        match self {
            Self::Stdout | Self::Log => "info",
            Self::Stderr => "error",
        }
    }

    /// An error is the end by default; one line on stderr is not: most commands go on after it.
    const fn priority(self) -> Option<Priority> {
        match self {
            Self::Stdout | Self::Log => None,
            Self::Stderr => Some(Priority::Normal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line<'_> {
        Line { text, state: State::Finished, skipped: 0 }
    }

    #[test]
    fn a_plain_line_is_of_its_stream_and_borrowed() {
        let said = read(line("  hello\tworld"), Stream::Stdout);
        assert_eq!((&*said.category, said.priority), ("info", None));
        assert!(matches!(said.text, Cow::Borrowed("  hello\tworld")));
        assert_eq!((said.key, said.metadata, said.fraction), (None, None, None));

        let said = read(line(""), Stream::Stderr);
        assert_eq!((&*said.category, said.priority), ("info", None), "it is no error");

        let said = read(line("hello"), Stream::Stderr);
        assert_eq!((&*said.category, said.priority), ("error", Some(Priority::Normal)));
        assert_eq!(said.conversation, About::Command);
    }

    #[test]
    fn what_the_form_of_a_line_says() {
        use Stream::{Log, Stderr, Stdout};
        let rules = [
            (Stdout, "error: this is output", "info"),
            (Stdout, "45% done", "progress"),
            (Stdout, "error: 3/10 tests failed", "info"),
            (Stderr, "error: 3/10 tests failed", "error"),
            (Stderr, "error[E0308]: mismatched types", "error"),
            (Stderr, "thread 'main' panicked at src/main.rs:3:5:", "error"),
            (Stderr, "something is odd", "error"),
            (Stderr, "warning: unused variable", "info"),
            (Stdout, "warning: 3/10 features are unused", "info"),
            (Stderr, "warning: 3/10 features are unused", "info"),
            (Stderr, "INFO unpacking 3/10", "progress"),
            (Stderr, "2026-11-23T14:14:25Z  INFO server: up", "info"),
            (Stderr, "2026-11-23T14:14:25Z ERROR server: 45% lost", "error"),
            (Stderr, "   Compiling statusbus-core v0.1.0", "tool"),
            (Stderr, "    Building [====>    ] 3/10: serde", "progress"),
            (Stderr, "Receiving objects:  45% (45/100)", "progress"),
            (Stderr, r#"{"level":"INFO","msg":"45%"}"#, "info"),
            (Stderr, r#"{"level":"error","msg":"45%"}"#, "error"),
            (Stderr, r#"{"msg":"45%"}"#, "error"),
            (Stdout, r#"{"type":"test","event":"ok","name":"3/10"}"#, "info"),
            (Stdout, "{ 45% }", "progress"),
            (Log, "something is odd", "info"),
            (Log, "2026-11-23T14:14:25Z ERROR server: 45% lost", "error"),
            (Log, "2026-11-23T14:14:25Z  WARN server: slow", "info"),
            (Log, "   Compiling statusbus-core v0.1.0", "tool"),
            (Log, "Receiving objects:  45% (45/100)", "progress"),
            (Log, r#"{"level":"error","msg":"45%"}"#, "error"),
            (Log, r#"{"msg":"45%"}"#, "info"),
        ];
        for (stream, text, category) in rules {
            let said = read(line(text), stream);
            assert_eq!(said.category, category, "{text}");
            assert_eq!(said.text, if category == "tool" { text.trim_start() } else { text });
            assert_ne!(said.priority, Some(Priority::High));
            assert_eq!(said.priority.is_some(), matches!(category, "error" | "progress"), "{text}");
            assert_eq!(said.fraction.is_some(), category == "progress", "{text}");
            assert_eq!(said.key, None, "nothing replaces it: {text}");
        }
    }

    #[test]
    fn a_line_that_is_redrawn_is_the_value_of_its_stream_until_it_ends() {
        let drawn = |text, state| read(Line { state, ..line(text) }, Stream::Stderr);
        for (text, fraction) in [("⠋ resolving", None), ("error: no", None), ("a 25%", Some(0.25))]
        {
            let said = drawn(text, State::Live);
            assert_eq!((&*said.category, said.key.as_deref()), ("progress", Some("stderr")));
            assert_eq!((said.priority, said.fraction, said.replaces), (None, fraction, None));
            assert!(is_live("stderr"));
            let said = drawn(text, State::Redrawn);
            assert_eq!((said.key, said.replaces), (None, Some("stderr")));
        }
        assert_eq!(drawn("error: no", State::Redrawn).category, "error");
        assert_eq!(drawn("100  19.0M  0:00:01", State::Redrawn).category, "progress");
        assert_eq!(drawn(r#"{"text":"a","key":"k"}"#, State::Redrawn).replaces, Some("stderr"));
    }

    #[test]
    fn a_line_with_an_invalid_field_is_shown_as_it_stands() {
        let text = r#"{"text":"45%","priority":"urgent"}"#;
        let said = read(line(text), Stream::Stdout);
        assert_eq!((&*said.text, &*said.category), (text, "info"));
        assert_eq!(said.metadata.as_deref(), Some(r#"{"invalid":"priority"}"#));
    }

    #[test]
    fn what_is_cut_is_counted() {
        let said = read(Line { skipped: 7, ..line(r#"{"text":"a","#) }, Stream::Stdout);
        assert_eq!(said.metadata.as_deref(), Some(r#"{"cut":7}"#));

        let long = format!("{}é", "x".repeat(TEXT_MAX - 1));
        let said = read(Line { skipped: 7, ..line(&long) }, Stream::Stdout);
        assert_eq!(said.text.len(), TEXT_MAX - 1);
        assert_eq!(said.metadata.as_deref(), Some(r#"{"cut":9}"#));
    }

    #[test]
    fn whatever_a_line_is_it_is_said() {
        let pieces = "a|é|45%|45|%| |/| of |3/10|,|1,000|.|:|[|]|(|)|█|{|}|\"text\":|\"key\":null|\"a\"|\
            error|warning|INFO|level=|MB|/s|?|00:12|   Compiling |=|#|\t|10.5|KiB|2024|12|foo|-";
        let pieces: Vec<&str> = pieces.split('|').collect();
        let mut random = 1_u64;
        let mut below = |limit: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % limit
        };
        for _ in 0..100_000 {
            let text: String = (0..below(12)).map(|_| pieces[below(pieces.len())]).collect();
            for stream in [Stream::Stdout, Stream::Stderr, Stream::Log] {
                let state = [State::Finished, State::Redrawn, State::Live][below(3)];
                let said = read(Line { state, ..line(&text) }, stream);
                assert!(text.ends_with(&*said.text) || text.contains('{'), "{text}");
                assert!(["info", "error", "tool", "progress"].contains(&&*said.category), "{text}");
                assert_eq!(said.key.is_some(), state == State::Live, "{text}");
                assert!(said.fraction.is_none_or(|done| (0.0..=1.0).contains(&done)), "{text}");
            }
        }
    }
}
