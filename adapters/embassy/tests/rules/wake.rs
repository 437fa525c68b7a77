//! When the runner is woken.

use embassy_time::Duration;
use statusbus_embassy::SYSTEM;

use crate::line::Line;
use crate::support::Time;
use crate::{balanced, small, writes};

#[test]
fn the_first_update_wakes_the_runner_and_the_others_only_store() {
    let (time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    runner.rest();
    status.info(SYSTEM, "first");
    assert_eq!(runner.wakes(), 1);
    for _ in 0..3 {
        status.info(SYSTEM, "another");
    }
    assert_eq!(runner.wakes(), 1);
    runner.rest();
    assert_eq!(line.lines().len(), 4);
    // what comes within the interval waits for its end
    status.info(SYSTEM, "soon");
    assert_eq!(runner.wakes(), 1);
    runner.rest();
    for _ in 0..3 {
        status.info(SYSTEM, "later");
    }
    assert_eq!(runner.wakes(), 0);
    time.pass(Duration::from_millis(49));
    assert_eq!(runner.wakes(), 0);
    time.pass(Duration::from_millis(1));
    assert_eq!(runner.wakes(), 1);
    let polls = runner.polls;
    runner.rest();
    assert_eq!(line.lines().len(), 8);
    // once to hand on, once to see that there is no more
    assert_eq!(runner.polls - polls, 2);
    assert_eq!(balanced(status).delivered, 8);
}

#[test]
fn a_full_batch_wakes_the_runner_while_it_sleeps() {
    let (_time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<4, 24, 0, ()>(status, &line);
    runner.rest();
    status.info(SYSTEM, "first");
    runner.rest();
    status.info(SYSTEM, "1 of 4");
    runner.rest();
    for text in ["2 of 4", "3 of 4"] {
        status.info(SYSTEM, text);
        assert_eq!(runner.wakes(), 0, "{text}");
    }
    status.info(SYSTEM, "4 of 4");
    assert_eq!(runner.wakes(), 1);
    runner.rest();
    assert_eq!(line.lines().len(), 5);
    assert_eq!(balanced(status).delivered, 5);
}

#[test]
fn nothing_wakes_the_runner_while_nothing_is_queued() {
    let (time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    runner.rest();
    time.pass(Duration::from_secs(3_600));
    assert_eq!(runner.wakes(), 0);
    status.info(SYSTEM, "once");
    runner.rest();
    time.pass(Duration::from_secs(3_600));
    assert_eq!(runner.wakes(), 0);
    assert_eq!(balanced(status).delivered, 1);
}

#[test]
fn an_update_before_the_first_poll_is_not_missed() {
    let (_time, line, status) = (Time::begin(), Line::new(), small());
    status.info(SYSTEM, "before it runs");
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    runner.rest();
    assert_eq!(line.lines(), ["#1 -/info before it runs"]);
    balanced(status);
}

#[test]
fn batches_that_are_due_let_others_run_in_between() {
    let (_time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<2, 24, 0, ()>(status, &line);
    runner.rest();
    for _ in 0..8 {
        status.info(SYSTEM, "many");
    }
    for expected in [2, 4, 6, 8] {
        assert!(runner.turn());
        assert_eq!(line.lines().len(), expected);
    }
    balanced(status);
}
