//! Flush and shutdown.

use core::future::pending;
use core::pin::pin;

use embassy_time::Duration;
use statusbus_embassy::{Buffer, SYSTEM};

use crate::line::{Does, Line};
use crate::support::{Task, Time};
use crate::{balanced, small, writes};

#[test]
fn flush_waits_until_what_was_sent_before_is_delivered() {
    let (_time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<2, 24, 0, ()>(status, &line);
    runner.rest();
    status.info(SYSTEM, "first");
    runner.rest();
    for _ in 0..3 {
        status.info(SYSTEM, "more");
    }
    let mut flush = Task::new(status.flush());
    flush.rest();
    assert_eq!(flush.output(), None);
    runner.turn();
    flush.rest();
    assert_eq!(flush.output(), None); // two of three
    while runner.turn() || flush.turn() {}
    assert_eq!(flush.output(), Some(&()));
    assert_eq!(balanced(status).delivered, 4);
    let mut flush = Task::new(status.flush());
    flush.rest();
    assert_eq!(flush.output(), Some(&())); // there is nothing to wait for
}

#[test]
fn many_tasks_can_wait_for_a_flush() {
    let (_time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    line.set(Does::StallsAfter(3));
    status.info(SYSTEM, "first");
    runner.rest();
    let mut flushes: Vec<_> = (0..5).map(|_| Task::new(status.flush())).collect();
    for _ in 0..10 {
        flushes.iter_mut().for_each(|flush| assert!(flush.turn() || flush.wakes() == 0));
    }
    line.set(Does::Takes(usize::MAX));
    drop(runner); // what it held is settled: lost
    for flush in &mut flushes {
        flush.rest();
        assert_eq!(flush.output(), Some(&()));
    }
    assert_eq!(balanced(status).dropped.sink, 1);
}

#[test]
fn shutdown_delivers_everything() {
    let (_time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<2, 24, 0, ()>(status, &line);
    for _ in 0..7 {
        status.info(SYSTEM, "pending");
    }
    let mut shutdown = Task::new(status.shutdown(Duration::from_secs(1)));
    while shutdown.turn() || runner.turn() {}
    let ledger = balanced(status);
    assert_eq!(shutdown.output(), Some(&ledger));
    assert_eq!((ledger.delivered, line.lines().len()), (7, 7));
    status.info(SYSTEM, "too late");
    assert_eq!(balanced(status).refused.closed, 1);
}

#[test]
fn shutdown_gives_up_a_line_that_stalls_at_its_deadline() {
    let (time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<2, 24, 0, ()>(status, &line);
    line.set(Does::StallsAfter(9));
    for _ in 0..7 {
        status.info(SYSTEM, "pending");
    }
    let mut shutdown = Task::new(status.shutdown(Duration::from_millis(100)));
    while shutdown.turn() || runner.turn() {}
    assert_eq!(shutdown.output(), None);
    time.pass(Duration::from_millis(100));
    while shutdown.turn() || runner.turn() {}
    let ledger = balanced(status);
    assert_eq!(shutdown.output(), Some(&ledger));
    assert_eq!((ledger.delivered, ledger.dropped.sink), (0, 7));
    assert_eq!((ledger.queued, ledger.in_flight), (0, 0));
}

#[test]
fn shutdown_without_a_runner_drops_and_counts() {
    let (time, status) = (Time::begin(), small());
    for _ in 0..7 {
        status.info(SYSTEM, "pending");
    }
    let mut shutdown = Task::new(status.shutdown(Duration::from_millis(100)));
    shutdown.rest();
    time.pass(Duration::from_millis(100));
    shutdown.rest();
    let ledger = balanced(status);
    assert_eq!(shutdown.output(), Some(&ledger));
    assert_eq!((ledger.dropped.sink, ledger.queued), (7, 0));
}

#[test]
fn shutdown_does_not_wait_for_a_sink_that_keeps_its_batch() {
    let (time, status) = (Time::begin(), small());
    let mut buffer = Buffer::<_, 4>::new();
    let mut runner = Task::new(async {
        let mut runner = status.runner(&mut buffer).expect("the only one");
        let _batch = runner.next().await.expect("open");
        pending::<()>().await;
    });
    for _ in 0..7 {
        status.info(SYSTEM, "pending");
    }
    runner.rest();
    let mut shutdown = Task::new(status.shutdown(Duration::from_millis(100)));
    shutdown.rest();
    time.pass(Duration::from_millis(100));
    while shutdown.turn() || runner.turn() {}
    time.pass(Duration::from_millis(10));
    while shutdown.turn() || runner.turn() {}
    let ledger = *shutdown.output().expect("it does not wait");
    assert_eq!((ledger.in_flight, ledger.queued), (4, 3));
    assert_eq!(ledger, balanced(status));
    drop(runner);
    assert_eq!(balanced(status).in_flight, 0);
}

#[test]
fn a_custom_sink_can_let_go_at_the_deadline() {
    let (time, status) = (Time::begin(), small());
    let mut buffer = Buffer::<_, 4>::new();
    let mut runner = Task::new(async {
        let mut runner = status.runner(&mut buffer).expect("the only one");
        while let Some(batch) = runner.next().await {
            if batch.unless_given_up(pin!(pending::<()>())).await.is_some() {
                batch.delivered();
            }
        }
    });
    for _ in 0..7 {
        status.info(SYSTEM, "pending");
    }
    let mut shutdown = Task::new(status.shutdown(Duration::from_millis(100)));
    while shutdown.turn() || runner.turn() {}
    time.pass(Duration::from_millis(100));
    while shutdown.turn() || runner.turn() {}
    let ledger = balanced(status);
    assert_eq!(shutdown.output(), Some(&ledger));
    assert_eq!(ledger.dropped.sink, 7);
    assert!(runner.output().is_some());
}

#[test]
fn a_closed_bus_ends_the_runner() {
    let (_time, status) = (Time::begin(), small());
    let mut buffer = Buffer::<_, 4>::new();
    let mut runner = Task::new(async {
        let mut runner = status.runner(&mut buffer).expect("the only one");
        let mut batches = 0;
        while let Some(batch) = runner.next().await {
            batch.delivered();
            batches += 1;
        }
        batches
    });
    runner.rest();
    status.info(SYSTEM, "last");
    status.close();
    runner.rest();
    assert_eq!(runner.output(), Some(&1));
    balanced(status);
}
