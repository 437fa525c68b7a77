//! What the readers of a bus are told, as the lines of a trace.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::mpsc;

use statusbus_conformance::{Record, Shown};
use statusbus_core::Instant;
use statusbus_tokio::{Categories, Deliver, Event, GapScope, Losses, Selector, Status, Update};

use crate::reasons::Due;

/// A reader of everything, one of each conversation that was sent to, and why batches were due.
pub(crate) struct Readers {
    everything: Told,
    conversations: BTreeMap<String, Told>,
    due: mpsc::Receiver<Due>,
    start: tokio::time::Instant,
}

/// What a reader has got, and when.
type Told = mpsc::Receiver<(Instant, Event)>;

/// What the readers of conversations have got, by position, to be looked for when the reader of
/// everything has got it.
#[derive(Default)]
struct Apart {
    /// Losses, with the name of the conversation, by name.
    losses: BTreeMap<u64, Vec<(Instant, String, GapScope, Losses)>>,
    updates: BTreeMap<u64, Vec<(Instant, String)>>,
}

type Names = Categories<Box<str>>;

impl Readers {
    /// The reader of everything; in the runtime of the bus.
    pub(crate) fn new(
        status: &Status,
        due: mpsc::Receiver<Due>,
        start: tokio::time::Instant,
    ) -> Self {
        let everything = read(status, Selector::Everything, start);
        Self { everything, conversations: BTreeMap::new(), due, start }
    }

    /// Reads the conversation of that name from now on, if it is one.
    pub(crate) fn follow(&mut self, status: &Status, conversation: Option<&str>) {
        let name = conversation.unwrap_or("-");
        if self.conversations.contains_key(name) {
            return;
        }
        if let Ok(selector) = conversation.map_or(Ok(Selector::System), Selector::conversation) {
            self.conversations.insert(name.to_owned(), read(status, selector, self.start));
        }
    }

    /// Writes what the reader of everything has got. Whatever the readers of conversations have got
    /// otherwise, and whatever does not fit what telemetry told, is a line that no trace expects.
    pub(crate) fn write(&self, status: &Status, record: &mut Record<'_>) {
        let categories = status.categories();
        let name = |category| categories.name(category).unwrap_or("?");
        let mut apart = self.apart(categories);
        let mut due = self.due.try_iter().peekable();
        for (at, event) in self.everything.try_iter() {
            match event {
                Event::Gap(gap) => {
                    record.gap(at, gap.seq, &gap.losses);
                    let losses = apart.losses.remove(&gap.seq).unwrap_or_default();
                    for (told_at, about, scope, losses) in &losses {
                        match scope {
                            GapScope::Topic(category) => {
                                record.gap_topic(Some(about), name(*category), losses);
                            }
                            GapScope::Bus => record.gap_elsewhere(losses),
                            _ => unreachable!("no other kind exists"),
                        }
                        if *told_at != at {
                            record.line(format_args!("= but {about} was told at {told_at:?}"));
                        }
                    }
                    let _ = due.next_if(|due| due.size == 0); // it came by itself
                }
                Event::Batch(batch) => {
                    let size = batch.iter().count();
                    match due.next_if(|due| due.size == size) {
                        Some(due) => record.batch(at, due.reason, size),
                        None => record.line(format_args!("= but telemetry told {:?}", due.peek())),
                    }
                    for update in batch.iter() {
                        let shown = shown(&update, categories);
                        record.update(update.seq(), &shown);
                        let told = apart.updates.remove(&update.seq());
                        if told != Some(vec![(at, shown.to_string())]) {
                            record.line(format_args!("= but its conversation was told {told:?}"));
                        }
                    }
                }
                other => record.line(format_args!("= but everything was told {other:?}")),
            }
        }
        for due in due {
            record.line(format_args!("= but telemetry told {due:?}"));
        }
        for told in apart.losses {
            record.line(format_args!("= but conversations were told {told:?}"));
        }
        for told in apart.updates {
            record.line(format_args!("= but a conversation was told {told:?}"));
        }
    }

    /// What the readers of conversations have got, each in order.
    fn apart(&self, categories: &Names) -> Apart {
        let mut apart = Apart::default();
        for (name, told) in &self.conversations {
            let mut last = 0;
            for (at, event) in told.try_iter() {
                let mut add = |seq, what| apart.updates.entry(seq).or_default().push((at, what));
                match &event {
                    _ if seq_of(&event) < last => add(last, format!("{name}: then {event:?}")),
                    Event::Gap(gap) => {
                        let losses = (at, name.clone(), gap.scope, gap.losses);
                        apart.losses.entry(gap.seq).or_default().push(losses);
                    }
                    Event::Batch(batch) => {
                        batch.iter().for_each(|u| add(u.seq(), shown(&u, categories).to_string()));
                    }
                    other => add(seq_of(other), format!("{name}: {other:?}")),
                }
                last = seq_of(&event);
            }
        }
        apart
    }
}

fn shown<'a>(update: &Update<'a>, categories: &'a Names) -> Shown<'a> {
    Shown {
        conversation: update.conversation(),
        category: categories.name(update.category()).unwrap_or("?"),
        text: update.text(),
        key: update.key(),
    }
}

/// Reads on a task of its own.
fn read(status: &Status, selector: Selector, start: tokio::time::Instant) -> Told {
    let subscription = status.subscribe(selector).open();
    let (told, reader) = mpsc::channel();
    subscription.deliver(move |event| {
        let _ = told.send((now(start), event));
        ready(())
    });
    reader
}

/// The virtual time.
fn now(start: tokio::time::Instant) -> Instant {
    Instant::from_micros(start.elapsed().as_micros() as u64)
}

/// The position that an event leads up to.
fn seq_of(event: &Event) -> u64 {
    match event {
        Event::Retained(batch) | Event::Batch(batch) => batch.seq(),
        Event::Gap(gap) => gap.seq,
        Event::Lagged(lagged) => lagged.seq,
        _ => unreachable!("no other kind exists"),
    }
}
