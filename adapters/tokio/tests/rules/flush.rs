//! When a flush returns, everything that was sent before the call has been delivered.

use std::task::{Context, Waker};
use std::time::Duration;

use statusbus_tokio::{Leading, Spawn, Status};
use tokio::time::Instant;

use crate::support::{SECOND, balanced, config, end, names, reader, updates};

/// A bus on which every update waits for an hour, unless somebody flushes.
fn slow() -> Status {
    let config = config(10_000, 5_000).with_leading(Leading::Delayed);
    let config = config.with_flush_interval(Duration::from_secs(3_600)).expect("an interval");
    Status::builder().with_config(config).spawn()
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_is_there_at_once() {
    let status = slow();
    let mut a = reader(&status, "a");
    let start = Instant::now();
    for round in 0..10 {
        for name in names("a", 0..round * 100) {
            status.tool("a", name);
        }
        status.flush().await;
        assert_eq!(updates(&mut a), names("a", 0..round * 100));
        assert_eq!((balanced(&status).queued, balanced(&status).in_flight), (0, 0));
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(a);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn it_comes_to_its_end_while_others_go_on_sending() {
    let status = Status::builder().with_config(config(100, 10)).spawn();
    let flooding = |status: Status| async move {
        loop {
            for _ in 0..50 {
                status.tool("flood", "something");
            }
            tokio::task::yield_now().await;
        }
    };
    let floods = [tokio::spawn(flooding(status.clone())), tokio::spawn(flooding(status.clone()))];
    tokio::task::yield_now().await;
    for round in 0..100 {
        status.error("a", format!("{round}"));
        let before = status.ledger();
        status.flush().await;
        let now = balanced(&status);
        let left = now.sent - now.queued - now.in_flight;
        assert!(left >= before.sent, "what was sent before has left: {before:?} {now:?}");
    }
    for flood in floods {
        flood.abort();
        assert!(flood.await.is_err_and(|error| error.is_cancelled()));
    }
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn many_may_wait_at_once() {
    let status = slow();
    let start = Instant::now();
    let mut flushes = Vec::new();
    for number in 0..1_000 {
        let status = status.clone();
        flushes.push(tokio::spawn(async move {
            let mut own = reader(&status, &format!("c{number}"));
            status.tool(&format!("c{number}"), "mine");
            status.flush().await;
            updates(&mut own)
        }));
    }
    for flush in flushes {
        assert_eq!(flush.await.expect("no panic"), ["mine"]);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(end(status).await.delivered, 1_000);
}

#[tokio::test(start_paused = true)]
async fn it_returns_at_once_where_there_is_nothing_to_wait_for() {
    let status = slow();
    let mut flush = Box::pin(status.flush());
    assert!(flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready(), "idle");
    drop(flush);
    assert!(status.shutdown(SECOND).await.is_balanced());
    status.tool("a", "refused");
    let mut flush = Box::pin(status.flush());
    assert!(flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready(), "shut down");
}

#[tokio::test(start_paused = true)]
async fn it_returns_when_the_runner_goes() {
    let (status, runner) = Status::builder().build();
    status.tool("a", "something");
    let waiting = status.clone();
    let flush = tokio::spawn(async move { waiting.flush().await });
    tokio::task::yield_now().await;
    assert!(!flush.is_finished());
    drop(runner);
    tokio::time::timeout(SECOND, flush).await.expect("it returns").expect("no panic");
    assert_eq!(balanced(&status).dropped.sink, 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_waited_for_any_more_still_flushes_and_hinders_nobody() {
    let status = slow();
    let mut a = reader(&status, "a");
    status.tool("a", "one");
    let mut flush = Box::pin(status.flush());
    assert!(flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(flush);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(updates(&mut a), ["one"]);
    status.tool("a", "two");
    status.flush().await;
    assert_eq!(updates(&mut a), ["two"]);
    drop(a);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn what_expires_or_merges_meanwhile_does_not_hold_it_up() {
    let status = slow();
    for number in 0..100 {
        let draft = status.update("a", statusbus_tokio::Category::TOOL, format!("{number}"));
        match number % 2 {
            0 => draft.ttl(Duration::ZERO).send(),
            _ => draft.key("k").send(),
        }
    }
    let start = Instant::now();
    status.flush().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    let ledger = end(status).await;
    assert_eq!((ledger.expired, ledger.coalesced, ledger.delivered), (50, 49, 1));
}
