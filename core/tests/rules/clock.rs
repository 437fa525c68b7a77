//! Rules 2 and 13: the time is the sum of the clock's steps forward.

use statusbus_core::{Instant, Leading, Polled};

use crate::support::{Host, Record, config, delayed, ms, note};

#[test]
fn a_clock_that_jumps_to_the_end_of_time_loses_nothing() {
    let mut host = Host::new(config(10, 10));
    let end = Instant::from_micros(u64::MAX);
    host.queue([note("a")]);
    host.set_clock(end);
    host.queue([note("b")]);
    host.expect_batch(["a", "b"]);
    host.advance_to(0).queue([note("c")]);
    host.set_clock(end);
    host.queue([note("d")]);
    host.expect_batch(["c", "d"]);
    host.expect_next(None);
    host.expect_ledger([("delivered", 4)]);
}

#[test]
fn a_clock_that_goes_up_and_down_loses_nothing() {
    let mut host = Host::new(config(10, 3));
    for round in 0..100 {
        for reading in [u64::MAX, 5, u64::MAX - 1, 0] {
            host.set_clock(Instant::from_micros(reading));
            host.queue([note("a")]);
        }
        host.drain();
        host.expect_ledger([("delivered", 4 * (round + 1))]);
    }
}

#[test]
fn the_clock_may_start_anywhere() {
    for start in [0, 1, 1_767_225_600_000, u64::MAX / 1_000 - 1_000] {
        let mut host = delayed(10, 10);
        host.advance_to(start).queue([note("a")]);
        host.expect_next(start + 50);
        host.advance_to(start + 49).expect_nothing();
        host.advance_to(start + 50).expect_batch(["a"]);
    }
}

#[test]
fn a_step_back_does_not_lengthen_a_ttl() {
    let mut host = delayed(10, 10);
    host.advance_to(1_000).queue([note("a").ttl(40)]);
    host.advance_to(1_030).expect_nothing();
    host.advance_to(0).expect_nothing();
    host.advance_to(20).expect_gap([("expired", 1)], []);
}

#[test]
fn a_step_back_while_a_batch_is_in_flight_costs_only_its_latency() {
    let mut host = Host::new(config(10, 10));
    host.advance_to(10_000).queue([note("a")]);
    host.expect_in_flight([], ["a"]);
    host.records();
    host.advance_to(5_000).deliver();
    assert_eq!(host.records(), [Record::Settled(ms(0))]);
    host.queue([note("b")]);
    host.expect_next(5_050); // no time has passed since the batch
    host.advance_to(5_050).expect_batch(["b"]);
}

#[test]
fn a_step_back_between_the_parts_of_a_batch_makes_no_update_older() {
    let mut host = Host::new(config(10, 10).with_leading(Leading::Delayed));
    host.advance_to(1_000).queue(["a", "b", "c"].map(note));
    host.advance_to(1_050).expect_part(1, Polled::More, ["a"]);
    host.advance_to(200).expect_part(1, Polled::More, ["a", "b"]);
    host.advance_to(210).expect_part(1, Polled::Batch, ["a", "b", "c"]);
    assert_eq!(host.waits(), [50, 50, 50], "until the batch was begun");
    host.deliver();
}

#[test]
fn every_reading_that_is_asked_for_is_in_the_readings_of_the_clock_as_it_goes_now() {
    let mut host = delayed(10, 10);
    host.advance_to(90_000).queue([note("a")]);
    host.advance_to(90_020).expect_nothing();
    host.expect_next(90_050);
    host.advance_to(7).expect_nothing();
    host.expect_next(37);
    host.advance_to(500_000).queue([note("b").ttl(1_000)]);
    host.expect_next(500_000); // long due
    host.expect_batch(["a", "b"]);
}
