//! What the tests speak in: a bus that is read with a few words, in virtual time, and whose ledger
//! is looked at in the end.

pub(crate) mod follower;
pub(crate) mod heap;
pub(crate) mod log;
#[cfg(feature = "metrics")]
pub(crate) mod metric;
pub(crate) mod naive;
pub(crate) mod polled;
pub(crate) mod random;
pub(crate) mod threads;

use std::time::Duration;

use statusbus_tokio::{
    Batch, Category, Config, Event, Gap, GapScope, Ledger, Selector, Status, Subscription,
};

/// A second of virtual time.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The default configuration with these limits.
pub(crate) fn config(queue_limit: usize, batch_size: usize) -> Config {
    let config = Config::new().with_queue_limit(queue_limit).expect("a queue limit");
    config.with_batch_size(batch_size).expect("a batch size")
}

/// What is said in one conversation.
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

/// Lets everything that was sent be delivered, and looks at the ledger.
pub(crate) async fn delivered(status: &Status) -> Ledger {
    tokio::time::timeout(60 * SECOND, status.flush()).await.expect("a flush returns");
    balanced(status)
}

/// The ledger, which adds up.
pub(crate) fn balanced(status: &Status) -> Ledger {
    let ledger = status.ledger();
    assert!(ledger.is_balanced(), "{ledger:?}");
    ledger
}

/// The end of a bus whose readers are gone: everything is counted, and nothing is left.
pub(crate) async fn end(status: Status) -> Ledger {
    assert_eq!(status.readers(), 0, "readers would keep the shutdown waiting");
    let ledger = status.shutdown(SECOND).await;
    assert!(ledger.is_balanced(), "{ledger:?}");
    assert_eq!((ledger.queued, ledger.in_flight), (0, 0), "{ledger:?}");
    ledger
}

/// What a reader finds without waiting, one word for each event: see [`told`].
pub(crate) fn found(reader: &mut Subscription) -> Vec<String> {
    std::iter::from_fn(|| reader.try_next()).map(|event| told(&event)).collect()
}

/// The updates a reader finds without waiting, and nothing else may be there.
pub(crate) fn said(reader: &mut Subscription) -> Vec<String> {
    let batches = std::iter::from_fn(|| reader.try_next()).map(|event| match event {
        Event::Batch(batch) => texts(&batch),
        other => panic!("only updates were expected: {}", told(&other)),
    });
    batches.flatten().collect()
}

/// Everything a reader gets until the stream ends, one word for each event.
pub(crate) async fn rest(reader: &mut Subscription) -> Vec<String> {
    let mut words = Vec::new();
    let ending = async {
        while let Some(event) = reader.next().await {
            words.push(told(&event));
        }
    };
    tokio::time::timeout(SECOND, ending).await.expect("the stream ends");
    words
}

/// An event in a word: `a b` a batch, `[a b]` retained values, `-3 evicted of tool` a gap, `-3
/// evicted of all` one of the whole bus, `lagged 3`.
pub(crate) fn told(event: &Event) -> String {
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

/// The position behind the last event that a reader finds without waiting.
pub(crate) fn position(reader: &mut Subscription) -> u64 {
    let last = std::iter::from_fn(|| reader.try_next()).last();
    seq_of(&last.expect("at least one event"))
}

/// `a0`, `a1`, … `a9` for `names("a", 0..10)`.
pub(crate) fn names(prefix: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{prefix}{number}")).collect()
}
