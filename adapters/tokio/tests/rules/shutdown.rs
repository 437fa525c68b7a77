//! Shutting down delivers or counts every update, within the deadline.

use std::time::Duration;

use statusbus_tokio::{Category, Deliver, Event, RefuseReason, SendErrorKind, Spawn, Status};
use tokio::time::Instant;

use crate::support::log::Log;
use crate::support::{SECOND, balanced, config, everything, names, reader, rest, updates};

#[tokio::test(start_paused = true)]
async fn everything_is_delivered_and_read_before_it_returns() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    let reading = tokio::spawn(async move { rest(&mut a).await.join(" ") });
    for name in names("a", 0..500) {
        status.tool("a", name);
    }
    let start = Instant::now();
    let ledger = status.shutdown(SECOND).await;
    assert_eq!(start.elapsed(), Duration::ZERO, "as soon as everybody has read it");
    assert!(ledger.is_balanced());
    assert_eq!((ledger.sent, ledger.delivered), (500, 500));
    assert_eq!((status.unread(), status.readers()), (0, 0));
    assert_eq!(reading.await.expect("no panic"), names("a", 0..500).join(" "));
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_handlers_to_come_to_the_end() {
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
    status.tool("a", "takes half a second");
    let start = Instant::now();
    let ledger = status.shutdown(SECOND).await;
    assert!(ledger.is_balanced());
    assert_eq!(start.elapsed(), SECOND / 2);
    assert!(handled.load(std::sync::atomic::Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn what_a_reader_has_not_read_by_the_deadline_is_unread() {
    let log = Log::gather();
    let status = Status::builder().spawn();
    let (mut never, mut all) = (reader(&status, "a"), everything(&status));
    for name in names("a", 0..7) {
        status.tool("a", name);
    }
    status.tool("b", "b0");
    let start = Instant::now();
    let ledger = status.shutdown(3 * SECOND).await;
    assert_eq!(start.elapsed(), 3 * SECOND);
    assert!(ledger.is_balanced(), "unread is outside of the ledger");
    assert_eq!((ledger.delivered, status.unread()), (8, 7 + 8));
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((lines[0].number("lost"), lines[0].number("readers")), (0, 2));
    assert_eq!(rest(&mut never).await, ["a0 a1 a2 a3 a4 a5 a6"], "it can still be read");
    assert_eq!(rest(&mut all).await, ["a0 a1 a2 a3 a4 a5 a6 b0"]);
    assert_eq!(status.unread(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_starved_runner_cannot_deliver_is_counted() {
    let log = Log::gather();
    let (status, runner) = Status::builder().with_config(config(1_000, 100)).build();
    let mut a = reader(&status, "a");
    for name in names("a", 0..500) {
        status.tool("a", name);
    }
    let start = Instant::now();
    let ledger = status.shutdown(SECOND).await;
    assert_eq!(start.elapsed(), SECOND);
    assert!(ledger.is_balanced());
    assert_eq!((ledger.dropped.sink, ledger.queued, ledger.in_flight), (500, 0, 0));
    assert_eq!(log.lines()[0].number("lost"), 500);
    status.flush().await;
    // The runner gets to run after all: it tells what was lost, and the end.
    tokio::spawn(runner.run()).await.expect("no panic");
    assert_eq!(rest(&mut a).await, ["-500 sink of tool"]);
    assert_eq!(balanced(&status), ledger);
}

#[tokio::test(start_paused = true)]
async fn nobody_can_send_any_more() {
    let status = Status::builder().spawn();
    let held = status.conversation("a").expect("a name");
    assert!(status.shutdown(SECOND).await.is_balanced());
    let refused = held.update(Category::TOOL, "too late").try_send().expect_err("it is closed");
    assert_eq!(
        (refused.kind(), refused.to_string()),
        (
            SendErrorKind::Refused(RefuseReason::Closed),
            "the bus is closed: send before it is shut down".into()
        )
    );
    held.tool("too late");
    status.system().tool("too late");
    let ledger = balanced(&status);
    assert_eq!((ledger.sent, ledger.refused.closed), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn it_may_be_called_twice_and_together() {
    let status = Status::builder().spawn();
    status.tool("a", "one");
    let (first, second) = tokio::join!(status.shutdown(SECOND), status.shutdown(2 * SECOND));
    let third = status.shutdown(Duration::ZERO).await;
    assert!(first.is_balanced());
    assert_eq!((first, first), (second, third));
    assert_eq!(first.delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn it_can_wait_for_ever() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    status.tool("a", "one");
    let reading = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(86_400)).await;
        rest(&mut a).await
    });
    let ledger = status.shutdown(Duration::MAX).await;
    assert!(ledger.is_balanced() && ledger.delivered == 1, "{ledger:?}");
    assert_eq!(reading.await.expect("no panic"), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_sends_meanwhile_is_delivered_or_refused() {
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
        let mut heard = 0;
        while let Some(event) = a.next().await {
            let Event::Batch(batch) = event else { panic!("only updates: {event:?}") };
            heard += batch.iter().count() as u64;
        }
        heard
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

#[tokio::test(start_paused = true)]
async fn losses_are_told_before_the_end() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    let mut other = reader(&status, "b");
    status.update("a", Category::TOOL, "lost").ttl(Duration::ZERO).send();
    let closing = status.clone();
    let shutdown = tokio::spawn(async move { closing.shutdown(SECOND).await });
    assert_eq!(rest(&mut a).await, ["-1 expired of tool"]);
    assert!(rest(&mut other).await.is_empty());
    assert!(shutdown.await.expect("no panic").is_balanced());
    assert!(updates(&mut a).is_empty());
}
