//! Rule 3: when a batch is due.

use statusbus_core::{DropReason, Leading, Loss, Overflow, Polled};

use crate::support::{Host, Pushed, config, delayed, ms, note};

#[test]
fn a_poll_that_finds_nothing_is_no_batch() {
    let mut host = Host::new(config(10, 10));
    host.advance_to(990).expect_nothing();
    host.advance_to(1_000).queue([note("a")]);
    host.expect_next(1_000);
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn nothing_waits_longer_than_the_interval() {
    for leading in [Leading::Immediate, Leading::Delayed] {
        let mut host = Host::new(config(1_000, 4).with_leading(leading));
        let mut random = 1_u64;
        for now in 0..5_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            host.advance_to(now);
            host.queue((0..(random >> 60) / 5).map(|_| note("a")));
            while host.poll() {
                for one in host.batch.iter() {
                    assert!(one.waited() <= ms(50), "at {now} ms");
                }
                host.deliver();
            }
            assert!(host.bus.poll_at().is_none_or(|at| at > host.now()));
        }
    }
}

// A deadline that is set never moves later:

#[test]
fn merging_does_not_move_the_deadline() {
    let mut host = delayed(10, 10);
    host.queue([note("0").key("k")]);
    for now in 1..50 {
        let merged = host.advance_to(now).push(note(now.to_string()).key("k"));
        assert_eq!(merged, Pushed::Merged((now - 1).to_string()));
        host.expect_next(50);
    }
    host.advance_to(50).expect_batch(["49"]);
}

#[test]
fn a_run_end_that_leaves_the_queue_empty_for_a_moment_does_not_move_the_deadline() {
    let mut host = delayed(10, 10);
    host.queue([note("half").key("k")]);
    host.advance_to(40).push(note("done").key("k").ends_run());
    host.expect_next(50);
    host.advance_to(50).expect_batch(["done"]);
}

#[test]
fn losing_the_oldest_does_not_move_the_deadline() {
    for overflow in [Overflow::Evict, Overflow::DropOldest] {
        let config = config(3, 10).with_leading(Leading::Delayed).with_overflow(overflow);
        let mut host = Host::new(config);
        host.queue([note("a")]);
        host.advance_to(40).queue(["b", "c"].map(note));
        let reason = match overflow {
            Overflow::Evict => DropReason::Evicted,
            _ => DropReason::Oldest,
        };
        let displaced = Pushed::Displaced("a".into(), Loss::Dropped(reason));
        assert_eq!(host.advance_to(41).push(note("d")), displaced);
        host.use_buffer(1); // the queue is full: one leaves
        host.expect_gap([(reason.as_str(), 1)], ["b"]);
        host.expect_next(50);
        host.advance_to(49).expect_nothing();
        host.advance_to(50).expect_batch(["c"]);
    }
}

#[test]
fn updates_that_a_small_buffer_leaves_are_still_due() {
    let mut host = delayed(10, 10);
    host.queue(["a", "b", "c"].map(note));
    host.use_buffer(2);
    host.advance_to(50).expect_batch(["a", "b"]);
    host.expect_next(50);
    host.expect_batch(["c"]);
    host.expect_next(None);
}

#[test]
fn a_part_of_a_batch_counts_as_the_batch_for_the_next_deadline() {
    let mut host = Host::new(config(10, 10));
    host.queue([note("a"), note("b")]);
    host.expect_part(1, Polled::More, ["a"]);
    host.advance_to(30).expect_part(1, Polled::Batch, ["a", "b"]);
    host.deliver();
    host.queue([note("c")]);
    host.expect_next(50); // an interval after the batch was begun
}
