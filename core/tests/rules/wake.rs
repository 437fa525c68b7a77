//! At most one wake-up of whoever polls is outstanding, and none is missing.

use statusbus_core::{Category, Leading, Overflow, Priority};

use crate::support::{Host, config, note};

/// A bus that was just polled and had nothing.
fn asleep() -> Host {
    let mut host = Host::new(config(10, 3).leading(Leading::Delayed));
    host.expect_nothing();
    host
}

#[test]
fn an_update_that_finds_the_queue_empty_wakes() {
    let mut host = asleep();
    host.queue([note("a")]);
    assert!(host.bus.take_wake());
}

#[test]
fn the_wake_up_is_given_once() {
    let mut host = asleep();
    host.queue([note("a")]);
    assert!(host.bus.take_wake());
    assert!(!host.bus.take_wake());
}

#[test]
fn only_the_first_update_and_the_one_that_fills_the_batch_wake() {
    let mut host = asleep();
    host.queue([note("a")]);
    assert!(host.bus.take_wake());
    host.expect_nothing(); // it sleeps until the deadline
    host.queue([note("b")]);
    assert!(!host.bus.take_wake());
    host.queue([note("c")]);
    assert!(host.bus.take_wake(), "the batch is full while it sleeps");
    host.queue([note("d")]);
    assert!(!host.bus.take_wake());
}

#[test]
fn while_a_wake_up_is_outstanding_there_is_no_other() {
    let mut host = asleep();
    host.queue([note("a")]);
    assert!(host.bus.take_wake());
    host.queue(["b", "c", "d", "e", "f"].map(note));
    host.flush();
    host.close();
    assert!(!host.bus.take_wake());
}

#[test]
fn who_has_not_been_told_that_nothing_is_due_needs_no_waking() {
    let mut host = Host::new(config(10, 3));
    host.queue([note("a")]);
    assert!(!host.bus.take_wake(), "nobody has polled yet");
    host.expect_batch(["a"]);
    host.queue([note("b")]);
    assert!(!host.bus.take_wake(), "it will poll again, because there was a batch");
}

#[test]
fn who_polls_by_a_timer_is_awake() {
    let mut host = asleep();
    host.queue([note("a")]);
    assert!(host.bus.take_wake());
    host.expect_nothing();
    host.at(50).expect_in_flight([], ["a"]);
    host.queue([note("b")]);
    assert!(!host.bus.take_wake(), "it is busy with a batch and will poll again");
}

#[test]
fn a_wake_up_that_nobody_took_is_gone_once_whoever_polls_is_awake() {
    let mut host = asleep();
    host.queue([note("a")]);
    host.expect_nothing();
    assert!(!host.bus.take_wake());
}

#[test]
fn an_update_that_merges_wakes_nobody() {
    let mut host = asleep();
    host.queue([note("a").key("k")]);
    host.expect_nothing();
    host.push(note("b").key("k"));
    host.push(note("c").key("k").terminal());
    assert!(!host.bus.take_wake());
}

#[test]
fn an_update_that_is_refused_wakes_nobody() {
    let mut host = asleep();
    host.push(note("a").category(Category::from_index(9).expect("below 32")));
    assert!(!host.bus.take_wake());
}

#[test]
fn flush_close_and_a_new_configuration_wake() {
    let mut host = asleep();
    host.queue([note("a")]);
    host.expect_nothing();
    host.flush();
    assert!(host.bus.take_wake());

    host.expect_batch(["a"]);
    host.queue([note("b")]);
    host.expect_nothing();
    host.reconfigure(config(10, 1));
    assert!(host.bus.take_wake());

    host.expect_batch(["b"]);
    host.expect_nothing();
    host.close();
    assert!(host.bus.take_wake(), "whoever polls has to see that the bus is drained");
}

#[test]
fn a_sink_that_fails_elsewhere_wakes() {
    let mut host = asleep();
    host.queue(["a", "b", "c"].map(note));
    host.expect_in_flight([], ["a", "b", "c"]);
    host.lay_aside();
    host.expect_nothing();
    let _ = host.bus.take_wake();
    host.take_up();
    host.fail(0);
    host.expect_next(50);
    assert!(host.bus.take_wake());
}

#[test]
fn whoever_sleeps_until_poll_at_or_a_wake_up_is_never_late() {
    for overflow in Overflow::ALL {
        let mut host = Host::new(config(6, 3).overflow(overflow));
        let mut sleeps_until = None;
        let mut random = 9_u64;
        for ms in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(ms);
            host.at(ms);
            let due = sleeps_until.is_some_and(|at| at <= host.now());
            if host.bus.take_wake() || due || ms == 0 {
                while host.poll().0 {
                    if random >> 62 == 0 { host.fail(1) } else { host.deliver() }
                }
                sleeps_until = host.bus.poll_at();
                assert!(sleeps_until.is_none_or(|at| at > host.now()));
            }
            match random >> 58 {
                0..4 => host.push(note("a")),
                4 => host.push(note("b").key("k").priority(Priority::Terminal)),
                5 => host.push(note("c").key("k").ttl(7)),
                _ => continue,
            };
            let wanted = host.bus.poll_at();
            let sooner = wanted.is_some() && (sleeps_until.is_none() || wanted < sleeps_until);
            if sooner {
                assert!(host.bus.take_wake(), "{sleeps_until:?} became {wanted:?}");
                sleeps_until = Some(host.now());
            }
        }
    }
}
