//! At most one wake-up of the poller is outstanding, and none is missing.

use statusbus_core::{Accepted, Category, Leading, Overflow};

use crate::support::{Host, config, note};

/// A bus that was just polled and had nothing.
fn asleep() -> Host {
    let mut host = Host::new(config(10, 3).with_leading(Leading::Delayed));
    host.expect_nothing();
    host
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
fn a_poller_that_was_not_answered_that_nothing_is_due_needs_no_waking() {
    let mut host = Host::new(config(10, 3));
    host.queue([note("a")]);
    assert!(!host.bus.take_wake(), "it has not polled yet");
    host.expect_batch(["a"]);
    host.queue([note("b")]);
    assert!(!host.bus.take_wake(), "it will poll again, because there was a batch");
}

#[test]
fn a_wake_up_that_was_not_taken_is_gone_once_the_poller_is_awake() {
    let mut host = asleep();
    host.queue([note("a")]);
    host.expect_nothing();
    assert!(!host.bus.take_wake());
}

#[test]
fn an_update_that_needs_no_earlier_poll_does_not_wake() {
    let mut host = asleep();
    host.push(note("a").category(Category::from_index(9).expect("below 32")));
    assert!(!host.bus.take_wake());
    host.queue([note("a").key("k")]);
    host.expect_nothing();
    host.push(note("b").key("k"));
    host.push(note("c").key("k").high());
    host.push(note("d").key("k").ends_run());
    assert!(!host.bus.take_wake());
    host.queue([note("e")]);
    assert!(!host.bus.take_wake());
}

#[test]
fn what_makes_updates_due_earlier_wakes() {
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
    assert!(host.bus.take_wake(), "the poller has to see that the bus is drained");
}

#[test]
fn a_batch_that_fails_elsewhere_wakes() {
    for way in 0..3 {
        let mut host = asleep();
        host.queue(["a", "b", "c"].map(note));
        host.expect_in_flight([], ["a", "b", "c"]);
        host.lay_aside();
        host.expect_nothing();
        host.take_up();
        match way {
            0 => host.fail(0),
            1 => assert!(host.settle_one(2).is_some()),
            _ => {
                let ticket = host.take_receipt();
                host.settle_receipt(ticket, Accepted::First(2));
            }
        }
        host.expect_next(50);
        assert!(host.bus.take_wake());
    }
}

#[test]
fn a_batch_that_is_delivered_elsewhere_does_not_wake() {
    let mut host = asleep();
    host.queue(["a", "b", "c"].map(note));
    host.expect_in_flight([], ["a", "b", "c"]);
    host.lay_aside();
    host.expect_nothing();
    host.take_up();
    host.deliver();
    assert!(!host.bus.take_wake());
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn a_poller_that_sleeps_until_poll_at_or_a_wake_up_is_never_late() {
    for overflow in Overflow::ALL {
        let mut host = Host::new(config(6, 3).with_overflow(overflow));
        let mut sleeps_until = None;
        let mut is_aside = false;
        let mut random = 9_u64;
        for ms in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(ms);
            host.advance_to(ms);
            let due = sleeps_until.is_some_and(|at| at <= host.now());
            if host.bus.take_wake() || due || ms == 0 {
                while host.poll() {
                    match random >> 61 {
                        0 | 1 => host.fail(1),
                        2 => host.fail(0),
                        3 if !is_aside => {
                            // its gap, if it has one, holds up the next
                            host.lay_aside();
                            is_aside = true;
                        }
                        _ => host.deliver(),
                    }
                }
                sleeps_until = host.bus.poll_at();
                assert!(sleeps_until.is_none_or(|at| at > host.now()));
            }
            match random >> 58 {
                0..4 => {
                    host.push(note("a"));
                }
                4 => {
                    host.push(note("b").key("k").ends_run());
                }
                5 => {
                    host.push(note("c").key("k").ttl(7));
                }
                6 if is_aside => {
                    host.take_up();
                    host.fail(random as usize >> 8 & 1);
                    is_aside = false;
                }
                7 if is_aside => {
                    host.take_up();
                    host.confirm_losses(usize::MAX);
                    host.lay_aside();
                }
                _ => continue,
            }
            let wanted = host.bus.poll_at();
            let sooner = wanted.is_some() && (sleeps_until.is_none() || wanted < sleeps_until);
            if sooner {
                assert!(host.bus.take_wake(), "{sleeps_until:?} became {wanted:?}");
                sleeps_until = Some(host.now());
            }
        }
        assert!(host.bus.ledger().delivered > 500 && host.bus.ledger().dropped.sink > 50);
    }
}

#[test]
fn a_smaller_batch_size_wakes() {
    let mut host = Host::new(config(10, 10).with_leading(Leading::Delayed));
    host.expect_nothing();
    host.queue(["a", "b", "c"].map(note));
    host.expect_nothing();
    host.bus.limit_batch_size(2);
    assert!(host.bus.take_wake());
    host.expect_batch(["a", "b"]);
}

#[test]
fn a_bus_without_slots_reports_its_losses_within_the_interval() {
    let mut host = Host::with_slots(0, config(10, 3));
    host.expect_nothing();
    host.push(note("a"));
    assert!(host.bus.take_wake());
    host.expect_next(50);
    host.advance_to(50).expect_gap([("evicted", 1)], []);
}
