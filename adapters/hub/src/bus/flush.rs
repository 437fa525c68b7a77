//! Waiting for what was sent before.

use crate::bus::shared::Shared;
use crate::queue::Queue;
use crate::sync::Ordering;

/// Makes everything that was sent before due, and waits until it is published.
pub(crate) async fn flush(shared: &Shared) {
    let mark = shared.with_queue(Queue::flush);
    let _waiting = Waiting::new(shared);
    settled_until(shared, || {
        let flushed = shared.flushed.lock().is_some_and(|flushed| mark.is_reached_by(flushed));
        let idle = || {
            let ledger = shared.ledger();
            ledger.queued + ledger.in_flight == 0
        };
        flushed || shared.ended.load(Ordering::Acquire) || idle()
    })
    .await;
}

/// Waits until a condition holds. Checks it whenever a batch is settled and when the delivery ends.
pub(crate) async fn settled_until(shared: &Shared, mut holds: impl FnMut() -> bool) {
    loop {
        let settled = shared.settled.listen();
        if holds() {
            return;
        }
        settled.await;
    }
}

/// Makes the delivery notify when it has settled a batch.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.flushing.fetch_add(1, Ordering::AcqRel);
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.flushing.fetch_sub(1, Ordering::AcqRel);
    }
}
