//! At most one wake-up of the runner is outstanding: when there is something to wait for, and when a
//! batch is full while it sleeps.

use std::time::Duration;

use statusbus_tokio::{Leading, Spawn, Status};

use crate::support::polled::Polls;
use crate::support::{SECOND, balanced, config, delivered, end, events, names, reader};

#[tokio::test(start_paused = true)]
async fn ten_thousand_sends_wake_the_runner_as_often_as_there_are_batches() {
    let (status, runner) = Status::builder().with_config(config(10_000, 100)).build();
    let polls = Polls::default();
    let running = tokio::spawn(polls.of(runner.run()));
    let mut a = reader(&status, "a");
    tokio::task::yield_now().await;
    let before = polls.so_far();
    for name in names("a", 0..10_000) {
        status.tool("a", name);
    }
    assert_eq!(polls.so_far(), before, "sending runs nothing");
    delivered(&status).await;
    // Once for the wake-up and once behind each batch: however many were sent, one wake-up.
    let polled = polls.so_far() - before;
    assert!((100..=103).contains(&polled), "{polled}");
    tokio::time::sleep(SECOND).await;
    let polled = polls.so_far() - before;
    assert!(polled <= 104, "and none is left over: {polled}");
    assert_eq!(events(&mut a).len(), 100);
    drop(a);
    end(status).await;
    running.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn the_runner_sleeps_until_the_deadline_or_until_a_batch_is_full() {
    let limits = config(1_000, 100).with_leading(Leading::Delayed);
    let (status, runner) = Status::builder().with_config(limits).build();
    let polls = Polls::default();
    let running = tokio::spawn(polls.of(runner.run()));
    let pause = Duration::from_millis(10);
    tokio::time::sleep(pause).await;
    assert_eq!(polls.so_far(), 1);
    status.tool("a", "the first");
    tokio::time::sleep(pause).await;
    assert_eq!(polls.so_far(), 2, "woken, to set its timer");
    for _ in 0..98 {
        status.tool("a", "one more");
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(pause).await;
    assert_eq!((polls.so_far(), balanced(&status).queued), (2, 99), "not woken for each");
    status.tool("a", "the hundredth");
    tokio::time::sleep(pause).await;
    assert_eq!(balanced(&status).delivered, 100, "before the interval is over");
    let after = polls.so_far();
    assert!(after <= 4, "{after}");
    status.tool("a", "the next first");
    tokio::time::sleep(5 * pause - Duration::from_millis(1)).await;
    assert_eq!(balanced(&status).queued, 1);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(balanced(&status).delivered, 101, "at its deadline: timers count milliseconds");
    end(status).await;
    running.await.expect("no panic");
}
