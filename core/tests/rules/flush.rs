//! Flush: everything sent before the call, now.

use statusbus_core::{FlushReason, Leading};

use crate::support::{Host, config, note};

fn delayed() -> Host {
    Host::new(config(10, 4).leading(Leading::Delayed))
}

#[test]
fn a_flush_makes_everything_due_that_was_sent_before_it() {
    let mut host = delayed();
    host.queue(["a", "b"].map(note));
    host.expect_nothing();
    host.flush();
    host.expect_next(0);
    host.expect_in_flight([], ["a", "b"]);
    assert_eq!(host.batch.reason(), FlushReason::Flush);
}

#[test]
fn a_flush_of_nothing_is_done_at_once() {
    let mut host = delayed();
    let mark = host.flush();
    assert!(host.bus.is_flushed(mark));
    host.expect_next(None);
    host.queue([note("a")]);
    host.expect_nothing();
}

#[test]
fn a_mark_tells_when_everything_before_it_was_handed_on() {
    let mut host = delayed();
    host.use_buffer(2);
    host.queue(["a", "b", "c"].map(note));
    let mark = host.flush();
    assert!(!host.bus.is_flushed(mark));
    host.expect_batch(["a", "b"]);
    assert!(!host.bus.is_flushed(mark));
    host.expect_in_flight([], ["c"]);
    assert!(host.bus.is_flushed(mark), "it may still be in flight");
}

#[test]
fn what_is_sent_after_a_flush_waits_as_ever() {
    let mut host = delayed();
    host.use_buffer(2);
    host.queue(["a", "b"].map(note));
    let mark = host.flush();
    host.queue([note("c")]);
    host.expect_batch(["a", "b"]);
    assert!(host.bus.is_flushed(mark));
    host.expect_nothing();
    host.at(50).expect_batch(["c"]);
}

#[test]
fn a_later_flush_reaches_further() {
    let mut host = delayed();
    host.use_buffer(1);
    host.queue([note("a")]);
    let first = host.flush();
    host.queue([note("b")]);
    let second = host.flush();
    assert!(first < second);
    host.expect_batch(["a"]);
    assert!(host.bus.is_flushed(first) && !host.bus.is_flushed(second));
    host.expect_batch(["b"]);
    assert!(host.bus.is_flushed(second));
}

#[test]
fn a_mark_is_reached_whatever_leaves_before_it_otherwise() {
    let mut host = Host::new(config(3, 10).leading(Leading::Delayed));
    host.queue([note("a").key("k").progress(), note("b").ttl(0), note("c").progress()]);
    let mark = host.flush();
    host.push(note("done").key("k").terminal());
    host.push(note("d"));
    host.push(note("e"));
    host.drain();
    assert!(host.bus.is_flushed(mark));
    host.expect_next(None);
    host.queue([note("f")]);
    host.expect_nothing();
}

#[test]
fn a_mark_is_reached_when_a_smaller_limit_removes_what_it_stands_for() {
    let mut host = delayed();
    host.queue(["a", "b", "c"].map(note));
    let mark = host.flush();
    host.reconfigure(config(1, 4).leading(Leading::Delayed));
    host.expect_gap([("shrunk", 2)], ["c"]);
    assert!(host.bus.is_flushed(mark));
}

#[test]
fn a_later_flush_of_less_does_not_put_an_earlier_mark_out_of_reach() {
    let mut host = delayed();
    host.queue(["a", "b", "c"].map(note));
    let first = host.flush();
    host.reconfigure(config(1, 4).leading(Leading::Delayed));
    let second = host.flush();
    host.expect_gap([("shrunk", 2)], ["c"]);
    assert!(host.bus.is_flushed(first) && host.bus.is_flushed(second));
}

#[test]
fn a_value_merged_into_an_old_place_goes_with_the_flush() {
    let mut host = delayed();
    host.queue([note("41 %").key("k")]);
    host.flush();
    host.push(note("42 %").key("k"));
    host.expect_batch(["42 %"]);
}

#[test]
fn a_flush_counts_as_a_batch_for_the_next_deadline() {
    let mut host = Host::new(config(10, 10));
    host.queue([note("a")]);
    host.expect_batch(["a"]);
    host.at(10).queue([note("b")]);
    host.flush();
    host.expect_batch(["b"]);
    host.at(20).queue([note("c")]);
    host.expect_next(60);
}
