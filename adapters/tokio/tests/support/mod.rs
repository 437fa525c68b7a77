//! The vocabulary of the tests on tokio, in virtual time. What needs no runtime is shared with the tests of the hub.

#[path = "../../../hub/tests/support/events.rs"]
#[allow(dead_code)] // the tests of the hub use the rest
mod events;
pub(crate) mod heap;
pub(crate) mod log;
#[cfg(feature = "metrics")]
pub(crate) mod metric;
pub(crate) mod polled;
#[path = "../../../hub/tests/support/random.rs"]
pub(crate) mod random;
pub(crate) mod threads;

use std::time::Duration;

use statusbus_tokio::{Ledger, Status, Subscription};

pub(crate) use events::{
    balanced, config, events, everything, names, of, reader, seq_of, summary, texts, updates,
};

/// A second of virtual time.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Delivers everything that was sent, and checks the ledger.
pub(crate) async fn delivered(status: &Status) -> Ledger {
    tokio::time::timeout(60 * SECOND, status.flush()).await.expect("a flush returns");
    balanced(status)
}

/// Shuts down a bus that has no readers, and checks that nothing is left and everything is counted.
pub(crate) async fn end(status: Status) -> Ledger {
    assert_eq!(status.readers(), 0, "the shutdown waits for readers");
    let ledger = status.shutdown(SECOND).await;
    assert!(ledger.is_balanced(), "{ledger:?}");
    assert_eq!((ledger.queued, ledger.in_flight), (0, 0), "{ledger:?}");
    ledger
}

/// The events of a reader until its stream ends, each as its [`summary`].
pub(crate) async fn rest(reader: &mut Subscription) -> Vec<String> {
    let mut summaries = Vec::new();
    let ending = async {
        while let Some(event) = reader.next().await {
            summaries.push(summary(&event));
        }
    };
    tokio::time::timeout(SECOND, ending).await.expect("the stream ends");
    summaries
}
