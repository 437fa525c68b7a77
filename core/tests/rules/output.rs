//! Rules 2 and 13: polling, and the time as the core is told it.

use std::time::Duration;

use statusbus_core::{Category, Facts, Instant, Leading, Outcome, Place, Priority};

use crate::support::{Host, config, note};

#[test]
fn poll_hands_on_the_next_batch_until_nothing_is_due() {
    let mut host = Host::new(config(10, 2));
    host.queue(["a", "b", "c", "d", "e"].map(note));
    host.expect_batch(["a", "b"]);
    host.expect_batch(["c", "d"]);
    host.expect_batch(["e"]);
    host.expect_nothing();
}

#[test]
fn an_idle_bus_does_not_want_to_be_called() {
    let mut host = Host::new(config(10, 2));
    host.expect_next(None);
    host.queue([note("a")]);
    host.expect_next(0);
    host.expect_batch(["a"]);
    host.expect_next(None);
    host.at(1_000_000).expect_nothing();
    host.expect_next(None);
}

#[test]
fn what_is_due_already_is_wanted_at_the_last_reading() {
    let mut host = Host::new(config(10, 2).leading(Leading::Delayed));
    host.at(7);
    host.queue(["a", "b"].map(note));
    host.expect_next(7);
}

#[test]
fn calling_early_is_harmless() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    host.queue([note("a")]);
    for ms in 0..50 {
        host.at(ms).expect_nothing();
        host.expect_next(50);
    }
    host.at(50).expect_batch(["a"]);
}

#[test]
fn calling_late_costs_latency_and_nothing_else() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    host.queue([note("a")]);
    host.at(90_000);
    host.queue([note("b")]);
    host.expect_in_flight([], ["a", "b"]);
    let waited: Vec<_> = host.batch.iter().map(|handed| handed.waited()).collect();
    assert_eq!(waited, [Duration::from_secs(90), Duration::ZERO]);
}

#[test]
fn a_step_back_of_the_clock_counts_as_zero() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    host.at(1_000);
    host.queue([note("a")]);
    host.at(1_030).expect_nothing(); // 30 ms
    host.at(200).expect_nothing(); // still 30 ms
    host.expect_next(220);
    host.at(219).expect_nothing();
    host.at(220).expect_batch(["a"]);
}

#[test]
fn a_clock_that_jumps_to_the_end_of_time_loses_nothing() {
    let mut host = Host::new(config(10, 10));
    let end = Instant::from_micros(u64::MAX);
    host.queue([note("a")]);
    host.at_instant(end);
    host.queue([note("b")]);
    host.expect_batch(["a", "b"]);
    host.at(0).queue([note("c")]);
    host.at_instant(end);
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
            host.at_instant(Instant::from_micros(reading));
            host.queue([note("a")]);
        }
        host.drain();
        host.expect_ledger([("delivered", 4 * (round + 1))]);
    }
}

#[test]
fn with_a_clock_that_stands_still_a_full_batch_is_due() {
    let mut host = Host::new(config(10, 2).leading(Leading::Delayed));
    host.queue([note("a")]);
    host.expect_nothing();
    host.queue([note("b")]);
    host.expect_batch(["a", "b"]);
}

#[test]
fn with_a_clock_that_stands_still_flush_and_close_make_batches_due() {
    let mut host = Host::new(config(10, 2).leading(Leading::Delayed));
    host.queue([note("a")]);
    host.flush();
    host.expect_batch(["a"]);
    host.queue([note("b")]);
    host.expect_nothing();
    host.close();
    host.expect_batch(["b"]);
}

#[test]
fn the_clock_may_start_anywhere() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    let unix = 1_767_225_600_000;
    host.at(unix).queue([note("a")]);
    host.expect_next(unix + 50);
    host.at(unix + 50).expect_batch(["a"]);
}

// rule 13

#[test]
fn the_first_update_needs_a_fresh_reading_and_others_reuse_the_last() {
    let mut host = Host::new(config(10, 10));
    host.at(5);
    assert_eq!(host.bus.last_reading(&note("a")), None);
    host.queue([note("a")]);
    assert_eq!(host.bus.last_reading(&note("b")), Some(Instant::from_millis(5)));
    host.expect_batch(["a"]);
    assert_eq!(host.bus.last_reading(&note("b")), None, "the queue is empty again");
}

#[test]
fn an_offer_reads_the_clock_only_if_it_has_to() {
    let mut host: Host = Host::new(config(10, 10));
    let mut offer = |update, ms| {
        let mut read = false;
        let reading = || {
            read = true;
            Instant::from_millis(ms)
        };
        let facts = Facts::of(&update);
        assert_eq!(host.bus.offer(&mut Place::new(update), facts, reading), Outcome::Queued);
        read
    };
    assert!(offer(note("the first"), 5));
    assert!(!offer(note("another"), 10));
    assert!(offer(note("short-lived").ttl(100), 20));
    assert!(!offer(note("another"), 30));
    host.at(50).poll();
    let waited: Vec<_> = host.batch.iter().map(|it| it.waited().as_millis()).collect();
    assert_eq!(waited, [45, 45, 30, 30], "the others take the reading before theirs");
    host.deliver();
}

#[test]
fn an_update_with_a_time_to_live_needs_a_fresh_reading() {
    let mut host = Host::new(config(10, 10));
    host.queue([note("a")]);
    assert_eq!(host.bus.last_reading(&note("b").ttl(10)), None);
    host.bus.reconfigure_category(Category::TOOL, Priority::State, Some(Duration::from_millis(10)));
    assert_eq!(host.bus.last_reading(&note("b").category(Category::TOOL)), None);
    assert!(host.bus.last_reading(&note("b").category(Category::INFO)).is_some());
}
