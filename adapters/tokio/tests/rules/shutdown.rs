//! Shutting down while tasks handle and send updates.

use statusbus_tokio::{Category, Deliver, Event, RefuseReason, SendErrorKind, Spawn, Status};
use tokio::time::Instant;

use crate::support::{SECOND, balanced, reader};

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_until_handlers_have_ended() {
    let status = Status::builder().spawn();
    let handled = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let handles = std::sync::Arc::clone(&handled);
    reader(&status, "a").deliver(move |_| {
        let handles = std::sync::Arc::clone(&handles);
        async move {
            tokio::time::sleep(SECOND / 2).await;
            handles.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    });
    status.tool("a", "an update");
    let start = Instant::now();
    let ledger = status.shutdown(SECOND).await;
    assert!(ledger.is_balanced());
    assert_eq!(start.elapsed(), SECOND / 2);
    assert!(handled.load(std::sync::atomic::Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn updates_of_tasks_that_send_meanwhile_are_delivered_or_refused() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    let sender = status.clone();
    let sending = tokio::spawn(async move {
        let mut taken = 0_u64;
        loop {
            match sender.update("a", Category::TOOL, "something").try_send() {
                Ok(_) => taken += 1,
                Err(error) => return (taken, error.kind()),
            }
            tokio::task::yield_now().await;
        }
    });
    let reading = tokio::spawn(async move {
        let mut received = 0;
        while let Some(event) = a.next().await {
            let Event::Batch(batch) = event else { panic!("only updates: {event:?}") };
            received += batch.iter().count() as u64;
        }
        received
    });
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
    let ledger = status.shutdown(SECOND).await;
    let (taken, reason) = sending.await.expect("no panic");
    assert!(balanced(&status).is_balanced() && taken > 0);
    let closed = SendErrorKind::Refused(RefuseReason::Closed);
    assert_eq!((reason, ledger.delivered), (closed, taken));
    assert_eq!(reading.await.expect("no panic"), taken);
}
