//! Shutting down within a time.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use statusbus_core::{Instant, Ledger};

use crate::bus::flush::settled_until;
use crate::bus::shared::Shared;
use crate::queue::Queue;
use crate::sync::Ordering;

/// Closes the bus, and waits until everything is delivered and read. After the timeout it drops what is queued.
pub(crate) async fn shutdown(shared: &Shared, timeout: Duration) -> Ledger {
    let deadline = shared.host.now() + timeout;
    shared.with_queue(Queue::close);
    let all = pin!(async {
        settled_until(shared, || shared.ended.load(Ordering::Acquire)).await;
        shared.hub.all_left().await;
    });
    if before(shared, deadline, all).await {
        return shared.ledger();
    }
    // From here on nothing depends on how much is queued or on what the readers do.
    let lost = shared.with_queue(|queue, now| shared.abandon(queue, now));
    shared.settled.notify(usize::MAX);
    shared.wakeup.wake();
    let readers = shared.hub.readers();
    shared.contain(|| shared.host.shutdown_timed_out(lost, readers));
    // The runner may be publishing a batch on another thread. What becomes of it is soon known.
    settled_until(shared, || {
        shared.with_queue(|queue, now| {
            shared.settle(queue, now);
            queue.ledger().in_flight == 0
        })
    })
    .await;
    shared.ledger()
}

/// Whether a future ends before the deadline. It also looks at the clock itself: a runtime that has much to poll
/// looks at its timers late.
async fn before(shared: &Shared, deadline: Instant, mut all: Pin<&mut impl Future>) -> bool {
    let mut timer = shared.host.sleep_until(deadline);
    std::future::poll_fn(|cx| {
        if all.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        let is_over = timer.as_mut().poll(cx).is_ready() || shared.host.now() >= deadline;
        if is_over { Poll::Ready(false) } else { Poll::Pending }
    })
    .await
}
