//! Flush: everything sent before the call, now.

use statusbus_core::{Leading, Polled};

use crate::support::{Host, config, delayed, note};

#[test]
fn a_flush_of_nothing_is_done_at_once() {
    let mut host = delayed(10, 4);
    let mark = host.flush();
    assert!(host.bus.is_flushed(mark));
    assert!(mark.is_reached_by(host.bus.flushed()));
    host.expect_next(None);
}

#[test]
fn a_later_flush_reaches_further() {
    let mut host = delayed(10, 4);
    host.use_buffer(1);
    host.queue([note("a")]);
    let first = host.flush();
    host.queue([note("b")]);
    let second = host.flush();
    assert!(first.is_reached_by(second) && !second.is_reached_by(first));
    assert!(first.is_reached_by(first), "a mark reaches itself");
    host.expect_batch(["a"]);
    assert!(host.bus.is_flushed(first) && !host.bus.is_flushed(second));
    host.expect_in_flight([], ["b"]);
    assert!(host.bus.is_flushed(second), "it may still be in flight");
    host.deliver();
}

#[test]
fn a_mark_is_reached_whatever_leaves_before_it_otherwise() {
    let mut host = Host::new(config(3, 10).with_leading(Leading::Delayed));
    host.queue([note("a").key("k").low(), note("b").ttl(0), note("c").low()]);
    let mark = host.flush();
    host.push(note("done").key("k").ends_run());
    host.push(note("d"));
    host.push(note("e"));
    host.drain();
    assert!(host.bus.is_flushed(mark));
    host.expect_next(1_000); // the report that overflow is over
    host.queue([note("f")]);
    host.expect_nothing();
}

#[test]
fn a_later_flush_of_less_does_not_put_an_earlier_mark_out_of_reach() {
    let mut host = delayed(10, 4);
    host.queue(["a", "b", "c"].map(note));
    let first = host.flush();
    host.reconfigure(config(1, 4).with_leading(Leading::Delayed));
    let second = host.flush();
    host.expect_gap([("shrunk", 2)], ["c"]);
    assert!(host.bus.is_flushed(first) && host.bus.is_flushed(second));
    host.reconfigure(config(10, 4).with_leading(Leading::Delayed));
    host.queue([note("d")]);
    host.expect_nothing(); // and the mark is forgotten
}

#[test]
fn a_value_merged_into_an_old_place_goes_with_the_flush() {
    let mut host = delayed(10, 4);
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
    host.advance_to(10).queue([note("b")]);
    host.flush();
    host.expect_batch(["b"]);
    host.advance_to(20).queue([note("c")]);
    host.expect_next(60);
}

#[test]
fn expired_updates_count_towards_a_mark() {
    let mut host = delayed(10, 4);
    host.queue([note("a").ttl(0), note("b")]);
    let mark = host.flush();
    assert_eq!(host.poll_part(1).0, Polled::More);
    assert!(!host.bus.is_flushed(mark));
    assert_eq!(host.poll_part(1).0, Polled::Batch);
    assert!(host.bus.is_flushed(mark));
    host.deliver();
}
