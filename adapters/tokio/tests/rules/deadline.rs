//! A shutdown that runs out of time answers soon: what it does after its deadline does not depend on
//! what is queued and on the readers, and the ledger that it answers with is final.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use statusbus_tokio::{Category, Overflow, Spawn, Status};

use crate::support::log::Log;
use crate::support::polled::Polls;
use crate::support::threads::{join, runtime};
use crate::support::{SECOND, balanced, config, everything, heap, names, reader, rest};

/// Longer than what a text holds in place.
fn long(number: usize) -> String {
    format!("a text that is longer than forty bytes, the number {number} of many")
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_is_counted_as_dropped_without_a_visit_to_each() {
    for queued in [1_000, 60_000] {
        let (status, runner) = Status::builder().with_config(config(queued, queued)).build();
        let readers: Vec<_> = (0..queued / 100).map(|_| reader(&status, "a")).collect();
        for number in 0..queued {
            status.tool("a", long(number));
        }
        let before = heap::freed();
        let ledger = status.shutdown(SECOND).await;
        let freed = heap::freed() - before;
        assert!(freed <= 16, "{freed} allocations of {queued} updates");
        assert!(ledger.is_balanced());
        assert_eq!(ledger.dropped.sink, queued as u64);
        assert_eq!((ledger.queued, ledger.in_flight), (0, 0));
        assert_eq!((balanced(&status), status.depth().queued), (ledger, 0));
        drop(runner);
        assert_eq!(balanced(&status), ledger);
        drop(readers);
    }
}

#[tokio::test(start_paused = true)]
async fn readers_that_leave_late_do_not_keep_it_from_noticing_its_deadline() {
    let status = Status::builder().spawn();
    let readers: Vec<_> = (0..1_000).map(|_| reader(&status, "a")).collect();
    let polls = Polls::default();
    let closing = status.clone();
    let shutdown = polls.of(async move { closing.shutdown(SECOND).await });
    let shutdown = tokio::spawn(shutdown);
    while status.update("a", Category::TOOL, "something").try_send().is_ok() {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    let before = polls.so_far();
    // The deadline has passed, and the runtime has not looked at its timers yet.
    let mut advance = pin!(tokio::time::advance(2 * SECOND));
    poll_fn(|cx| Poll::Ready(advance.as_mut().poll(cx).is_ready())).await;
    for reader in readers {
        drop(reader);
    }
    // One more reader, so that not everybody has left.
    let late = reader(&status, "a");
    let ledger = shutdown.await.expect("no panic");
    assert_eq!(polls.so_far() - before, 1);
    assert_eq!(balanced(&status), ledger);
    drop(late);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_readers_have_is_delivered_in_the_answer() {
    let (status, runner) = Status::builder().with_config(config(1_000, 10)).build();
    let mut a = reader(&status, "a");
    for name in names("a", 0..500) {
        status.tool("a", name);
    }
    // Eight batches go before the readers have a chance to run.
    let mut running = pin!(runner.run());
    poll_fn(|cx| Poll::Ready(running.as_mut().poll(cx).is_pending())).await;
    assert_eq!(balanced(&status).in_flight, 10, "published, and not settled yet");
    let ledger = status.shutdown(Duration::ZERO).await;
    assert!(ledger.is_balanced());
    assert_eq!((ledger.delivered, ledger.dropped.sink), (80, 420));
    assert_eq!((ledger.queued, ledger.in_flight), (0, 0));
    running.await;
    assert_eq!(balanced(&status), ledger);
    let batches = (0..80).step_by(10).map(|first| names("a", first..first + 10).join(" "));
    let all: Vec<_> = batches.chain(["-420 sink of tool".to_owned()]).collect();
    assert_eq!(rest(&mut a).await, all);
}

#[tokio::test(start_paused = true)]
async fn what_expires_behind_the_deadline_stays_dropped() {
    let (status, runner) = Status::builder().build();
    for name in names("a", 0..10) {
        status.update("a", Category::TOOL, name).ttl(2 * SECOND).send();
    }
    let ledger = status.shutdown(SECOND).await;
    assert_eq!((ledger.dropped.sink, ledger.expired), (10, 0));
    tokio::time::advance(10 * SECOND).await;
    runner.run().await;
    assert_eq!(balanced(&status), ledger);
}

#[tokio::test(start_paused = true)]
async fn a_smaller_limit_behind_the_deadline_changes_no_answer() {
    let (status, runner) = Status::builder().build();
    for name in names("a", 0..6) {
        status.tool("a", name);
    }
    let ledger = status.shutdown(Duration::ZERO).await;
    assert_eq!((ledger.dropped.sink, ledger.dropped.shrunk), (6, 0));
    let smaller = status.config().with_queue_limit(5).expect("a limit");
    assert_eq!(status.reconfigure(smaller), 0, "none is left to be shrunk");
    assert_eq!(balanced(&status), ledger);
    runner.run().await;
    assert_eq!(balanced(&status), ledger);
}

#[tokio::test(start_paused = true)]
async fn several_that_run_out_of_time_answer_with_the_same() {
    let log = Log::gather();
    let (status, runner) = Status::builder().build();
    let (a, b) = (reader(&status, "a"), status.clone());
    for name in names("a", 0..300) {
        status.tool("a", name);
    }
    let (first, second) = tokio::join!(status.shutdown(SECOND), b.shutdown(SECOND));
    let third = status.shutdown(Duration::ZERO).await;
    assert!(first.is_balanced());
    assert_eq!((first, first), (second, third));
    assert_eq!(first.dropped.sink, 300);
    let lost: Vec<_> = log.lines().iter().map(|line| line.number("lost")).collect();
    assert_eq!(lost, [300, 0, 0], "it is lost once");
    assert_eq!(log.lines()[0].number("readers"), 1);
    runner.run().await;
    assert_eq!(log.lines().len(), 3, "the runner does not say it again");
    assert_eq!(balanced(&status), first);
    drop(a);
}

/// A waker that panics.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("this waker panics");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_whose_waker_panics_does_not_hold_it_up() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    let waker = Waker::from(Arc::new(Panics));
    {
        let mut next = pin!(a.next());
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    status.tool("a", "one");
    let start = tokio::time::Instant::now();
    let ledger = status.shutdown(SECOND).await;
    assert_eq!(start.elapsed(), SECOND);
    assert!(ledger.is_balanced());
    assert_eq!((ledger.delivered, status.panics()), (1, 1));
    assert_eq!(rest(&mut a).await, ["one"]);
}

#[test]
fn the_ledger_is_final_while_the_runner_is_busy_on_another_thread() {
    let runtime = runtime();
    for round in 0..60 {
        let limits = config(20_000, [1, 100, 20_000][round % 3]).with_overflow(Overflow::Reject);
        let (status, runner) = Status::builder().with_config(limits).build();
        let all = everything(&status);
        for number in 0..5_000 {
            status.tool("a", long(number));
        }
        let running = runtime.spawn(runner.run());
        let timeout = Duration::from_micros(round as u64 % 50 * 20);
        let ledger = runtime.block_on(async {
            let (one, other) = tokio::join!(status.shutdown(timeout), status.shutdown(timeout));
            assert_eq!(one, other);
            one
        });
        assert!(ledger.is_balanced());
        assert_eq!((ledger.queued, ledger.in_flight), (0, 0), "{ledger:?}");
        join(&runtime, running);
        assert_eq!(balanced(&status), ledger);
        drop(all);
    }
}
