//! Rule 11: the configuration changes at run time.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::time::Duration;

use statusbus_core::{Category, Config, DropReason, Leading, Loss, Overflow, Priority, Update};

use crate::support::{Host, Named, Note, Plain, Pushed, config, delayed, note};

const SHRUNK: Loss = Loss::Dropped(DropReason::Shrunk);

fn interval(ms: u64) -> Config {
    let config = config(10, 10).with_leading(Leading::Delayed);
    config.with_flush_interval(Duration::from_millis(ms)).expect("in range")
}

fn gone(names: &[&str]) -> Vec<(String, Loss)> {
    names.iter().map(|&name| (name.to_owned(), SHRUNK)).collect()
}

#[test]
fn a_limit_above_the_number_of_slots_becomes_that_number() {
    let mut host = Host::with_slots(2, config(9, 10));
    assert_eq!((host.bus.config(), host.bus.capacity()), (config(2, 10), 2));
    host.reconfigure(config(1_000, 10));
    assert_eq!(host.bus.config(), config(2, 10));
    host.queue(["a", "b"].map(note));
    assert!(matches!(host.push(note("c")), Pushed::Displaced(..)));
}

#[test]
fn a_larger_limit_takes_more() {
    let mut host = Host::with_slots(4, config(1, 10));
    host.queue([note("a")]);
    assert_eq!(host.reconfigure(config(4, 10)), []);
    host.queue(["b", "c", "d"].map(note));
    assert!(matches!(host.push(note("e")), Pushed::Displaced(..)));
    host.expect_gap([("evicted", 1)], ["b", "c", "d", "e"]);
}

#[test]
fn what_shrinking_removes_is_shown_in_the_order_of_the_policy() {
    let cases: [(Overflow, &[&str], [&str; 2]); 4] = [
        (Overflow::Evict, &["low", "normal", "normal 2"], ["high", "high 2"]),
        (Overflow::DropOldest, &["high", "normal", "low"], ["normal 2", "high 2"]),
        (Overflow::DropNewest, &["high 2", "normal 2", "low"], ["high", "normal"]),
        (Overflow::Reject, &["high 2", "normal 2", "low"], ["high", "normal"]),
    ];
    for (overflow, left, stays) in cases {
        for slots in [5, 9] {
            let mut host = Host::with_slots(slots, config(5, 10).with_overflow(overflow));
            host.queue([note("high").high(), note("normal"), note("low").low()]);
            host.queue([note("normal 2"), note("high 2").high()]);
            assert_eq!(host.reconfigure(config(2, 10).with_overflow(overflow)), gone(left));
            host.expect_gap([("shrunk", 3)], stays);
            host.queue(["a", "b"].map(note));
            host.advance_to(50).expect_batch(["a", "b"]);
        }
    }
}

#[test]
fn without_keys_and_priorities_shrinking_keeps_the_order_too() {
    for overflow in Overflow::ALL {
        for slots in [5, 9] {
            let config = |limit| config(limit, 10).with_overflow(overflow);
            let mut host: Host<Plain> = Host::with_slots(slots, config(5));
            host.queue(["a", "b", "c", "d", "e"].map(|name| note(name).plain()));
            let oldest_first = matches!(overflow, Overflow::Evict | Overflow::DropOldest);
            let (left, stays) = if oldest_first {
                (["a", "b", "c"], ["d", "e"])
            } else {
                (["e", "d", "c"], ["a", "b"])
            };
            assert_eq!(host.reconfigure(config(2)), gone(&left));
            host.expect_gap([("shrunk", 3)], stays);
            host.reconfigure(config(5));
            host.queue(["f", "g", "h", "i", "j"].map(|name| note(name).plain()));
            let left = host.advance_to(60).reconfigure(config(1));
            assert_eq!(left.len(), 4);
            host.drain();
        }
    }
}

#[test]
fn updates_that_stay_after_shrinking_can_be_merged_with() {
    let keyed = |key: &'static str| note(key).key(key);
    let mut host = Host::new(config(10, 10));
    host.queue(["a", "b", "c", "d"].map(keyed));
    assert_eq!(host.reconfigure(config(2, 10)), gone(&["a", "b"]));
    assert_eq!(host.push(keyed("d")), Pushed::Merged("d".into()));
    assert!(matches!(host.push(keyed("a")), Pushed::Displaced(name, _) if name == "c"));
}

#[test]
fn a_callback_may_take_what_shrinking_removes() {
    let mut host = Host::new(config(4, 4));
    host.queue(["a", "b", "c"].map(note));
    let mut taken = Vec::new();
    let take = |update: &mut Note, _| taken.push(std::mem::replace(update, Note::EMPTY));
    host.bus.reconfigure(config(1, 4), take, host.now());
    assert_eq!(taken.iter().map(Named::name).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(crate::support::alive(), 3);
    host.expect_ledger([("shrunk", 2), ("queued", 1)]);
}

#[test]
fn a_callback_that_panics_leaves_the_ledger_exact_and_the_rest_queued() {
    for overflow in Overflow::ALL {
        let mut host = Host::new(config(4, 4).with_overflow(overflow));
        host.queue([note("a").key("a"), note("b").key("b"), note("c").key("c")]);
        let now = host.now();
        let smaller = config(2, 4).with_overflow(overflow);
        let shrink = || host.bus.reconfigure(smaller, |_, _| panic_any("oh"), now);
        assert!(catch_unwind(AssertUnwindSafe(shrink)).is_err());
        let ledger = host.bus.ledger();
        assert_eq!(ledger.sent, 3, "{ledger:?}");
        assert_eq!(ledger.queued + ledger.dropped.shrunk, 3, "{ledger:?}");
        host.bus.reconfigure(smaller, |_, _| {}, now);
        host.expect_ledger([("shrunk", 1), ("queued", 2)]);
    }
}

#[test]
fn a_larger_batch_size_holds_from_the_next_batch_on() {
    let mut host = Host::new(config(10, 3));
    host.queue((0..8).map(|n| note(n.to_string())));
    host.reconfigure(config(10, 5));
    host.expect_batch(["0", "1", "2", "3", "4"]);
}

#[test]
fn a_batch_size_is_limited_to_a_buffer_and_never_raised_by_that() {
    let mut host = delayed(10, 8);
    host.bus.limit_batch_size(3);
    assert_eq!(host.bus.config(), config(10, 3).with_leading(Leading::Delayed));
    host.queue([note("a"), note("b")]);
    host.expect_nothing();
    host.queue([note("c"), note("d")]);
    host.expect_batch(["a", "b", "c"]);
    host.bus.limit_batch_size(5);
    assert_eq!(host.bus.config().batch_size(), 3);
    host.expect_nothing();
    host.bus.limit_batch_size(0);
    assert_eq!(host.bus.config().batch_size(), 1, "a batch holds at least one");
    host.expect_batch(["d"]);
}

#[test]
fn a_queue_limit_below_the_limited_batch_size_still_makes_a_batch_due() {
    let mut host = delayed(2, 8);
    host.bus.limit_batch_size(3);
    assert_eq!(host.bus.config().batch_size(), 3);
    host.queue([note("a")]);
    host.expect_nothing();
    host.queue([note("b")]);
    host.expect_batch(["a", "b"]);
}

#[test]
fn a_shorter_interval_counts_from_when_the_front_came() {
    let mut host = Host::new(interval(1_000));
    host.queue([note("a"), note("1 %").key("k")]);
    host.advance_to(90).push(note("2 %").key("k"));
    host.advance_to(95).reconfigure(interval(120));
    host.expect_next(120); // since "a"
    let one = interval(120).with_overflow(Overflow::DropOldest).with_queue_limit(1);
    host.reconfigure(one.expect("in range")); // "a" leaves; its deadline stays
    host.expect_next(95); // one is a batch's worth
    host.expect_gap([("shrunk", 1)], ["2 %"]);
}

#[test]
fn a_shorter_interval_makes_the_first_update_after_a_batch_due_earlier_too() {
    let immediate = |ms| interval(ms).with_leading(Leading::Immediate);
    let mut host = Host::new(immediate(1_000));
    host.queue([note("a")]);
    host.expect_batch(["a"]);
    host.advance_to(10).reconfigure(immediate(100));
    host.queue([note("b")]);
    host.expect_next(100); // an interval after the batch with "a"
    host.reconfigure(immediate(20));
    host.expect_next(30);
    host.advance_to(30).expect_batch(["b"]);
}

#[test]
fn a_longer_interval_does_not_move_a_deadline_that_is_set() {
    let mut host = delayed(10, 10);
    host.queue([note("a")]);
    host.advance_to(10).reconfigure(interval(60_000));
    host.expect_next(50);
    host.advance_to(50).expect_batch(["a"]);
    host.queue([note("b")]);
    host.expect_next(60_050);
}

#[test]
fn a_category_without_a_ttl_any_more_does_not_expire() {
    let mut host = delayed(4, 10);
    let tool = |name| note(name).category(Category::TOOL);
    let ttl = Some(Duration::from_millis(5));
    host.bus.reconfigure_category(Category::TOOL, Priority::Low, ttl);
    host.queue([tool("a")]);
    host.bus.reconfigure_category(Category::TOOL, Priority::High, None);
    host.queue([tool("b"), note("c")]);
    host.advance_to(50).expect_in_flight([("expired", 1)], ["b", "c"]);
    let priorities: Vec<_> = host.batch.iter().map(|one| one.priority).collect();
    assert_eq!(priorities, [Priority::High, Priority::Normal]);
    host.deliver();
}

#[test]
fn the_default_priority_of_every_category() {
    let mut host = delayed(10, 10);
    host.bus.set_categories(8);
    host.queue((0..8).map(|index| {
        let category = Category::from_index(index).expect("below 32");
        note(category.index().to_string()).category(category)
    }));
    host.flush();
    host.poll();
    for one in host.batch.iter() {
        let expected = match one.update.topic().1 {
            Category::PROGRESS => Priority::Low,
            Category::ERROR => Priority::High,
            _ => Priority::Normal,
        };
        assert_eq!(one.priority, expected, "{}", one.update.name());
    }
    host.deliver();
}

#[test]
fn a_category_that_the_bus_does_not_have_is_ignored() {
    let mut host = delayed(2, 10);
    let none = Category::from_index(31).expect("below 32");
    host.bus.reconfigure_category(none, Priority::High, Some(Duration::ZERO));
    host.queue([note("a").ttl(60)]);
    host.advance_to(50).expect_batch(["a"]);
}

#[test]
fn updates_in_flight_are_not_touched() {
    let mut host = Host::new(config(3, 3));
    host.queue(["a", "b", "c"].map(note));
    host.expect_in_flight([], ["a", "b", "c"]);
    assert_eq!(host.reconfigure(config(1, 1)), []);
    assert_eq!(host.names(), ["a", "b", "c"]);
    host.deliver();
    host.expect_ledger([("delivered", 3)]);
}

#[test]
fn the_configuration_that_holds_can_be_read() {
    let wanted = config(3, 2)
        .with_overflow(Overflow::Reject)
        .with_leading(Leading::Delayed)
        .with_flush_interval(Duration::from_micros(1))
        .expect("in range");
    let mut host: Host = Host::with_slots(5, wanted);
    assert_eq!(host.bus.config(), wanted);
    assert_eq!((wanted.queue_limit(), wanted.batch_size()), (3, 2));
    assert_eq!(wanted.flush_interval(), Duration::from_micros(1));
    assert_eq!((wanted.overflow(), wanted.leading()), (Overflow::Reject, Leading::Delayed));
    let defaults = Config::new().with_queue_limit(5).expect("in range");
    host.reconfigure(defaults);
    assert_eq!(host.bus.config(), defaults);
    let hour = defaults.with_flush_interval(Config::LONGEST_INTERVAL).expect("in range");
    host.reconfigure(hour);
    assert_eq!(host.bus.config(), hour);
}
