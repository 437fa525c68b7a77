//! Short names for readers, and for what they get.

use statusbus_hub::{
    Batch, Category, Config, Event, Gap, GapScope, Ledger, Selector, Status, Subscription,
};

/// The default configuration with these limits.
pub(crate) fn config(queue_limit: usize, batch_size: usize) -> Config {
    let config = Config::new().with_queue_limit(queue_limit).expect("a queue limit");
    config.with_batch_size(batch_size).expect("a batch size")
}

/// Selects one conversation.
pub(crate) fn of(conversation: &str) -> Selector {
    Selector::conversation(conversation).expect("a name")
}

/// A reader of one conversation.
pub(crate) fn reader(status: &Status, conversation: &str) -> Subscription {
    status.subscribe(of(conversation)).open()
}

/// A reader of everything.
pub(crate) fn everything(status: &Status) -> Subscription {
    status.subscribe(Selector::Everything).open()
}

/// The ledger, which adds up.
pub(crate) fn balanced(status: &Status) -> Ledger {
    let ledger = status.ledger();
    assert!(ledger.is_balanced(), "{ledger:?}");
    ledger
}

/// The events that a reader gets without waiting, each as its [`summary`].
pub(crate) fn events(reader: &mut Subscription) -> Vec<String> {
    std::iter::from_fn(|| reader.try_next()).map(|event| summary(&event)).collect()
}

/// The texts of the updates that a reader gets without waiting. Other events are not expected.
pub(crate) fn updates(reader: &mut Subscription) -> Vec<String> {
    let batches = std::iter::from_fn(|| reader.try_next()).map(|event| match event {
        Event::Batch(batch) => texts(&batch),
        other => panic!("only updates were expected: {}", summary(&other)),
    });
    batches.flatten().collect()
}

/// A short form of an event: `a b` for a batch, `[a b]` for retained values, `-3 evicted of tool` for a gap of a topic,
/// `-3 evicted of all` for one of the whole bus, `lagged 3`.
pub(crate) fn summary(event: &Event) -> String {
    match event {
        Event::Retained(batch) => format!("[{}]", texts(batch).join(" ")),
        Event::Batch(batch) => texts(batch).join(" "),
        Event::Gap(gap) => format!("{} of {}", losses(gap), scope(gap.scope)),
        Event::Lagged(lagged) => format!("lagged {}", lagged.missed),
        _ => unreachable!("no other kind exists"),
    }
}

fn losses(gap: &Gap) -> String {
    let losses = gap.losses.iter().map(|(loss, count)| format!("-{count} {}", loss.as_str()));
    losses.collect::<Vec<_>>().join(" ")
}

fn scope(scope: GapScope) -> &'static str {
    match scope {
        GapScope::Topic(category) => Category::BUILT_IN[category.index()],
        GapScope::Bus => "all",
        _ => unreachable!("no other kind exists"),
    }
}

/// The position that an event leads up to.
pub(crate) fn seq_of(event: &Event) -> u64 {
    match event {
        Event::Retained(batch) | Event::Batch(batch) => batch.seq(),
        Event::Gap(gap) => gap.seq,
        Event::Lagged(lagged) => lagged.seq,
        _ => unreachable!("no other kind exists"),
    }
}

/// The texts of a batch.
pub(crate) fn texts(batch: &Batch) -> Vec<String> {
    batch.iter().map(|update| update.text().to_owned()).collect()
}

/// The position behind the last event that a reader gets without waiting.
pub(crate) fn position(reader: &mut Subscription) -> u64 {
    let last = std::iter::from_fn(|| reader.try_next()).last();
    seq_of(&last.expect("at least one event"))
}

/// `a0`, `a1`, … `a9` for `names("a", 0..10)`.
pub(crate) fn names(prefix: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{prefix}{number}")).collect()
}
