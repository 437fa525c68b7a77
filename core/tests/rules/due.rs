//! Rule 3: when a batch is due.

use std::time::Duration;

use statusbus_core::{DropReason, FlushReason, Leading, Loss, Overflow};

use crate::support::{Became, Host, config, note};

/// A bus whose first update waits like every other.
fn delayed(limit: usize, batch_size: usize) -> Host {
    Host::new(config(limit, batch_size).leading(Leading::Delayed))
}

#[test]
fn a_batchs_worth_is_due_at_once() {
    let mut host = delayed(10, 3);
    host.queue(["a", "b"].map(note));
    host.expect_nothing();
    host.queue([note("c")]);
    host.expect_in_flight([], ["a", "b", "c"]);
    assert_eq!(host.batch.reason(), FlushReason::Full);
}

#[test]
fn a_full_queue_is_due_at_once_if_its_limit_is_below_the_batch_size() {
    let mut host = delayed(2, 3);
    host.queue(["a", "b"].map(note));
    host.expect_in_flight([], ["a", "b"]);
    assert_eq!(host.batch.reason(), FlushReason::Full);
}

#[test]
fn as_many_full_batches_as_are_due_go_at_once() {
    let mut host = delayed(10, 2);
    host.queue(["a", "b", "c", "d", "e", "f", "g"].map(note));
    host.expect_batch(["a", "b"]);
    host.expect_batch(["c", "d"]);
    host.expect_batch(["e", "f"]);
    host.expect_nothing(); // "g" is no batch's worth, and young
    host.at(50).expect_batch(["g"]);
}

#[test]
fn the_deadline_makes_a_smaller_batch_due() {
    let mut host = delayed(10, 10);
    host.at(5).queue([note("a")]);
    host.at(20).queue([note("b")]);
    host.expect_next(55);
    host.at(54).expect_nothing();
    host.at(55).expect_in_flight([], ["a", "b"]);
    assert_eq!(host.batch.reason(), FlushReason::Interval);
}

#[test]
fn the_first_update_of_all_goes_out_at_once() {
    let mut host = Host::new(config(10, 10));
    host.at(5).queue([note("a")]);
    host.expect_next(5);
    host.expect_batch(["a"]);
}

#[test]
fn the_first_update_after_idling_goes_out_at_once_and_the_rest_is_batched() {
    let mut host = Host::new(config(10, 10));
    host.queue([note("a")]);
    host.expect_batch(["a"]);
    host.at(1_000).queue([note("b")]);
    host.expect_batch(["b"]);
    host.at(1_010).queue([note("c")]);
    host.at(1_020).queue([note("d")]);
    host.expect_nothing();
    host.expect_next(1_050); // an interval after the last batch, not after "c"
    host.at(1_050).expect_batch(["c", "d"]);
}

#[test]
fn idling_for_less_than_the_interval_is_no_idling() {
    let mut host = Host::new(config(10, 10));
    host.queue([note("a")]);
    host.expect_batch(["a"]);
    host.at(49).queue([note("b")]);
    host.expect_next(50);
    host.at(50).expect_batch(["b"]);
    host.at(100).queue([note("c")]);
    host.expect_next(100); // an interval after the last batch: at once
}

#[test]
fn a_poll_that_hands_on_nothing_is_no_batch() {
    let mut host = Host::new(config(10, 10));
    host.at(990).expect_nothing();
    host.at(1_000).queue([note("a")]);
    host.expect_next(1_000);
}

#[test]
fn without_leading_every_update_waits_for_the_interval() {
    let mut host = delayed(10, 10);
    for start in [0, 1_000, 1_060] {
        host.at(start).queue([note("a")]);
        host.expect_next(start + 50);
        host.at(start + 49).expect_nothing();
        host.at(start + 50).expect_batch(["a"]);
    }
}

#[test]
fn the_interval_can_be_set() {
    let config = config(10, 10).leading(Leading::Delayed);
    let mut host = Host::new(config.flush_interval(Duration::from_secs(3_600)).expect("in range"));
    host.queue([note("a")]);
    host.expect_next(3_600_000);
}

#[test]
fn nothing_waits_longer_than_the_interval() {
    for leading in [Leading::Immediate, Leading::Delayed] {
        let mut host = Host::new(config(1_000, 4).leading(leading));
        let mut random = 1_u64;
        for ms in 0..5_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            host.at(ms);
            host.queue((0..(random >> 60) / 5).map(|_| note("a")));
            while host.poll().0 {
                for handed in host.batch.iter() {
                    assert!(handed.waited() <= Duration::from_millis(50), "at {ms} ms");
                }
                host.deliver();
            }
        }
    }
}

// A deadline that is set never moves later:

#[test]
fn new_arrivals_do_not_move_the_deadline() {
    let mut host = delayed(1_000, 1_000);
    for ms in 0..50 {
        host.at(ms).queue([note("a")]);
        host.expect_nothing();
        host.expect_next(50);
    }
    host.at(50);
    assert_eq!(host.drain(), [(FlushReason::Interval, 50)]);
}

#[test]
fn merging_does_not_move_the_deadline() {
    let mut host = delayed(10, 10);
    host.queue([note("0").key("k")]);
    for ms in 1..50 {
        let merged = host.at(ms).push(note(ms.to_string()).key("k"));
        assert_eq!(merged, Became::Merged((ms - 1).to_string()));
        host.expect_next(50);
    }
    host.at(50).expect_batch(["49"]);
}

#[test]
fn a_terminal_that_leaves_the_queue_empty_for_a_moment_does_not_move_the_deadline() {
    let mut host = delayed(10, 10);
    host.queue([note("half").key("k")]);
    host.at(40).push(note("done").key("k").terminal());
    host.expect_next(50);
}

#[test]
fn eviction_of_the_oldest_does_not_move_the_deadline() {
    for overflow in [Overflow::Evict, Overflow::DropOldest] {
        let mut host = Host::new(config(3, 10).leading(Leading::Delayed).overflow(overflow));
        host.queue([note("a")]);
        host.at(40).queue(["b", "c"].map(note));
        assert!(
            matches!(host.at(41).push(note("d")), Became::Displaced(oldest, _) if oldest == "a")
        );
        host.use_buffer(1); // of what is full, one goes out
        let loss = if overflow == Overflow::Evict { "evicted" } else { "oldest" };
        host.expect_gap([(loss, 1)], ["b"]);
        host.expect_next(50);
        host.at(49).expect_nothing();
        host.at(50).expect_batch(["c"]);
    }
}

#[test]
fn a_smaller_limit_does_not_move_the_deadline() {
    let mut host = delayed(3, 10);
    host.queue([note("a")]);
    host.at(30).queue([note("b")]);
    let left = host.reconfigure(config(1, 10).leading(Leading::Delayed));
    assert_eq!(left, [("a".into(), Loss::Dropped(DropReason::Shrunk))]);
    host.reconfigure(config(3, 10).leading(Leading::Delayed));
    host.expect_next(50);
}

#[test]
fn a_capped_batch_does_not_move_the_deadline_of_what_is_left() {
    let mut host = delayed(10, 3);
    host.queue([note("a")]);
    host.at(30).queue(["b", "c", "d"].map(note));
    host.expect_batch(["a", "b", "c"]);
    host.expect_next(50); // and not 30 + 50
    host.at(50).expect_batch(["d"]);
}

#[test]
fn what_a_small_buffer_leaves_is_still_due() {
    let mut host = delayed(10, 10);
    host.queue(["a", "b", "c"].map(note));
    host.use_buffer(2);
    host.at(50).expect_batch(["a", "b"]);
    host.expect_next(50);
    host.expect_batch(["c"]);
    host.expect_next(None);
}

#[test]
fn a_new_deadline_begins_once_the_queue_has_been_empty() {
    let mut host = delayed(10, 10);
    host.queue([note("a")]);
    host.at(50).expect_batch(["a"]);
    host.at(70).queue([note("b")]);
    host.expect_next(120);
}

#[test]
fn a_steady_trickle_comes_out_at_every_interval() {
    let mut host = Host::new(config(1_000, 1_000));
    let mut batches = Vec::new();
    for ms in 0..501 {
        host.at(ms).queue([note("a")]);
        batches.extend(host.drain().into_iter().map(|(_, size)| (ms, size)));
    }
    let expected: Vec<_> =
        (0..=10).map(|batch| (batch * 50, if batch == 0 { 1 } else { 50 })).collect();
    assert_eq!(batches, expected);
}
