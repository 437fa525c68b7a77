//! The log lines of a test: one subscriber for the whole program, since `tracing` remembers who is
//! interested, and a sink for each thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Once;

use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata};

/// A log line of the bus.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Instant,
    pub(crate) message: String,
    numbers: BTreeMap<&'static str, u64>,
}

impl Line {
    /// The number that the line says under this name.
    pub(crate) fn number(&self, name: &str) -> u64 {
        *self.numbers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

enum Sink {
    Lines(Vec<Line>),
    Panic,
}

thread_local! {
    static SINK: RefCell<Option<Sink>> = const { RefCell::new(None) };
}

/// Gathers what is logged on this thread until it is dropped.
pub(crate) struct Log(());

impl Log {
    pub(crate) fn gather() -> Self {
        Self::into(Sink::Lines(Vec::new()))
    }

    /// Panics on every line of this thread.
    pub(crate) fn panic() -> Self {
        Self::into(Sink::Panic)
    }

    /// The lines so far.
    pub(crate) fn lines(&self) -> Vec<Line> {
        SINK.with_borrow(|sink| match sink {
            Some(Sink::Lines(lines)) => lines.clone(),
            _ => Vec::new(),
        })
    }

    fn into(sink: Sink) -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| tracing::subscriber::set_global_default(Lines).expect("the only one"));
        SINK.set(Some(sink));
        Self(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        SINK.set(None);
    }
}

struct Lines;

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("statusbus") && metadata.is_event()
    }

    fn event(&self, event: &Event<'_>) {
        let panics = SINK.with_borrow_mut(|sink| match sink {
            Some(Sink::Lines(lines)) => {
                let mut line =
                    Line { at: Instant::now(), message: String::new(), numbers: BTreeMap::new() };
                event.record(&mut line);
                lines.push(line);
                false
            }
            Some(Sink::Panic) => true,
            None => false,
        });
        assert!(!panics, "the log panics, as it was asked to");
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.numbers.insert(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}
