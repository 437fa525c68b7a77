//! A runner that is dropped strands nothing, and there is one at a time.

use embassy_time::Duration;
use statusbus_embassy::{AlreadyRunning, Buffer, SYSTEM};

use crate::line::{Does, Line};
use crate::support::{Task, Time};
use crate::{balanced, small, writes};

#[test]
fn a_bus_has_one_runner_at_a_time() {
    let (_time, status) = (Time::begin(), small());
    let (mut one, mut other) = (Buffer::<_, 4>::new(), Buffer::<_, 4>::new());
    let runner = status.runner(&mut one).expect("the first");
    assert_eq!(status.runner(&mut other).err(), Some(AlreadyRunning));
    drop(runner);
    assert!(status.runner(&mut other).is_ok());
}

#[test]
fn a_batch_in_flight_when_the_runner_is_dropped_is_counted_and_reported_by_the_next_runner() {
    let (time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    line.set(Does::StallsAfter(20));
    status.info("motor", "starts");
    status.info("motor", "runs");
    runner.rest();
    assert_eq!(balanced(status).in_flight, 2);
    drop(runner);
    let ledger = balanced(status);
    assert_eq!((ledger.in_flight, ledger.dropped.sink), (0, 2));
    let line = Line::new();
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    status.info("motor", "stops");
    runner.rest();
    time.pass(Duration::from_millis(50));
    runner.rest();
    assert_eq!(line.lines(), ["gap #3 motor/info sink=2", "#4 motor/info stops"]);
    assert_eq!(balanced(status).delivered, 1);
}

#[test]
fn updates_accepted_before_the_runner_is_dropped_are_delivered() {
    let (_time, status) = (Time::begin(), small());
    let mut buffer = Buffer::<_, 8>::new();
    let mut accepted = Task::new(async {
        let mut runner = status.runner(&mut buffer).expect("the only one");
        let mut batch = runner.next().await.expect("open");
        let second = batch.updates().nth(1).map(|update| update.seq).expect("three");
        batch.accept(second);
        batch.accept(1); // it is not taken back
        assert_eq!(batch.updates().count(), 1);
    });
    for text in ["one", "two", "three"] {
        status.info(SYSTEM, text);
    }
    accepted.rest();
    assert!(accepted.output().is_some());
    drop(accepted);
    let ledger = balanced(status);
    assert_eq!((ledger.delivered, ledger.dropped.sink, ledger.in_flight), (2, 1, 0));
}

#[test]
fn a_batch_that_is_not_settled_is_dropped_and_reported_with_the_next_one() {
    let (time, status) = (Time::begin(), small());
    let mut buffer = Buffer::<_, 8>::new();
    let mut runner = Task::new(async {
        let mut runner = status.runner(&mut buffer).expect("the only one");
        let _ = runner.next().await.expect("open");
        let mut batch = runner.next().await.expect("open");
        let lost = batch.gap().expect("a loss").losses().dropped.sink;
        batch.confirm_gap();
        batch.delivered();
        lost
    });
    status.info(SYSTEM, "lost");
    runner.rest();
    assert_eq!(balanced(status).dropped.sink, 1);
    time.pass(Duration::from_millis(50));
    runner.rest();
    assert_eq!(runner.output(), Some(&1));
    balanced(status);
}

#[test]
fn a_future_that_waits_for_a_batch_can_be_dropped() {
    let (_time, status) = (Time::begin(), small());
    let mut buffer = Buffer::<_, 8>::new();
    let mut runner = status.runner(&mut buffer).expect("the only one");
    for _ in 0..3 {
        let mut next = Task::new(runner.next());
        next.rest();
        drop(next);
        assert_eq!(balanced(status).in_flight, 0);
    }
    status.info(SYSTEM, "here");
    let mut next = Task::new(runner.next());
    next.rest();
    assert_eq!(
        next.output().map(|batch| batch.as_ref().map(|b| b.updates().count())),
        Some(Some(1))
    );
    drop(next);
    drop(runner);
    assert_eq!(balanced(status).dropped.sink, 1);
}

#[test]
fn one_update_can_be_rejected() {
    let (_time, status) = (Time::begin(), small());
    let mut buffer = Buffer::<_, 8>::new();
    let mut runner = Task::new(async {
        let mut runner = status.runner(&mut buffer).expect("the only one");
        let mut batch = runner.next().await.expect("open");
        assert!(batch.reject(2));
        assert!(!batch.reject(2));
        assert!(!batch.reject(9));
        let left: Vec<u64> = batch.updates().map(|update| update.seq).collect();
        batch.delivered();
        left
    });
    for text in ["one", "too large", "three"] {
        status.info(SYSTEM, text);
    }
    runner.rest();
    assert_eq!(runner.output(), Some(&vec![1, 3]));
    let ledger = balanced(status);
    assert_eq!((ledger.delivered, ledger.dropped.sink), (2, 1));
}
