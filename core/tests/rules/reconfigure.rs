//! Rule 11: the configuration changes at run time.

use std::time::Duration;

use statusbus_core::{Category, Config, DropReason, Leading, Loss, Overflow, Priority};

use crate::support::{Became, Host, Note, config, note};

const SHRUNK: Loss = Loss::Dropped(DropReason::Shrunk);

fn shrink(overflow: Overflow, updates: Vec<Note>, limit: usize) -> (Host, Vec<(String, Loss)>) {
    let mut host = Host::from_updates(config(10, 10).leading(Leading::Delayed), updates);
    let left = host.at(10).reconfigure(config(limit, 10).overflow(overflow));
    (host, left)
}

fn gone(names: &[&str]) -> Vec<(String, Loss)> {
    names.iter().map(|&name| (name.to_owned(), SHRUNK)).collect()
}

#[test]
fn a_larger_limit_takes_more() {
    let mut host = Host::with_slots(4, config(1, 10));
    host.queue([note("a")]);
    assert_eq!(host.reconfigure(config(4, 10)), []);
    host.queue(["b", "c", "d"].map(note));
    host.expect_batch(["a", "b", "c", "d"]);
}

#[test]
fn a_limit_above_the_number_of_slots_becomes_that_number() {
    let mut host = Host::with_slots(2, config(9, 10));
    assert_eq!((host.bus.config(), host.bus.capacity()), (config(2, 10), 2));
    host.reconfigure(config(1_000, 10));
    assert_eq!(host.bus.config(), config(2, 10));
    host.queue(["a", "b"].map(note));
    assert!(matches!(host.push(note("c")), Became::Displaced(..)));
}

#[test]
fn shrinking_under_evict_removes_the_least_important_oldest_first() {
    let updates = vec![
        note("terminal").terminal(),
        note("state 1"),
        note("progress 1").progress(),
        note("state 2"),
        note("progress 2").progress(),
    ];
    let (mut host, left) = shrink(Overflow::Evict, updates, 2);
    assert_eq!(left, gone(&["progress 1", "progress 2", "state 1"]));
    host.at(50).expect_gap([("shrunk", 3)], ["terminal", "state 2"]);
}

#[test]
fn shrinking_under_drop_oldest_removes_the_oldest() {
    let updates = vec![note("a").terminal(), note("b"), note("c").progress()];
    let (mut host, left) = shrink(Overflow::DropOldest, updates, 1);
    assert_eq!(left, gone(&["a", "b"]));
    host.expect_gap([("shrunk", 2)], ["c"]);
}

#[test]
fn shrinking_under_drop_newest_and_reject_removes_the_newest() {
    for overflow in [Overflow::DropNewest, Overflow::Reject] {
        let updates = vec![note("a").progress(), note("b"), note("c").terminal()];
        let (mut host, left) = shrink(overflow, updates, 1);
        assert_eq!(left, gone(&["c", "b"]));
        host.expect_gap([("shrunk", 2)], ["a"]);
    }
}

#[test]
fn what_shrinking_finds_expired_counts_as_expired() {
    let updates = vec![note("a").ttl(10), note("b"), note("c")];
    let (host, left) = shrink(Overflow::DropOldest, updates, 1);
    assert_eq!(left, [("a".into(), Loss::Expired), ("b".into(), SHRUNK)]);
    host.expect_ledger([("expired", 1), ("shrunk", 1), ("queued", 1)]);
}

#[test]
fn under_evict_what_has_expired_leaves_first() {
    let updates = vec![note("a").progress(), note("b").terminal().ttl(10), note("c")];
    let (_, left) = shrink(Overflow::Evict, updates, 1);
    assert_eq!(left, [("b".into(), Loss::Expired), ("a".into(), SHRUNK)]);
}

#[test]
fn what_is_left_after_shrinking_can_be_merged_with() {
    let keyed = |key: &'static str| note(key).key(key);
    let (mut host, left) =
        shrink(Overflow::Evict, vec![keyed("a"), keyed("b"), keyed("c"), keyed("d")], 2);
    assert_eq!(left, gone(&["a", "b"]));
    assert_eq!(host.push(keyed("d")), Became::Merged("d".into()));
    assert!(matches!(host.push(keyed("a")), Became::Displaced(name, _) if name == "c"));
}

#[test]
fn a_smaller_batch_size_makes_a_batch_due() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    host.queue(["a", "b", "c"].map(note));
    host.expect_nothing();
    host.reconfigure(config(10, 2).leading(Leading::Delayed));
    host.expect_batch(["a", "b"]);
    host.expect_nothing();
}

#[test]
fn a_batch_size_is_the_largest_a_batch_can_be() {
    let mut host = Host::new(config(10, 3));
    host.queue((0..8).map(|n| note(n.to_string())));
    host.reconfigure(config(10, 5));
    host.expect_batch(["0", "1", "2", "3", "4"]);
}

#[test]
fn from_then_on_nothing_waits_longer_than_a_shorter_interval() {
    let interval = |ms| {
        let config = config(10, 10).leading(Leading::Delayed);
        config.flush_interval(Duration::from_millis(ms)).expect("in range")
    };
    let mut host = Host::new(interval(1_000));
    host.queue([note("a")]);
    host.at(100).reconfigure(interval(120));
    host.expect_next(120);
    host.at(105).queue([note("b")]);
    host.at(120).expect_batch(["a", "b"]);
}

#[test]
fn what_has_waited_longer_than_a_shorter_interval_is_due_at_once() {
    let interval = |ms| {
        let config = config(10, 10).leading(Leading::Delayed);
        config.flush_interval(Duration::from_millis(ms)).expect("in range")
    };
    let mut host = Host::new(interval(1_000));
    host.queue([note("a")]);
    host.at(100).reconfigure(interval(20));
    host.expect_batch(["a"]);
}

#[test]
fn a_shorter_interval_counts_from_when_a_place_was_taken_and_not_from_its_newest_value() {
    let interval = |ms| {
        let config = config(10, 10).leading(Leading::Delayed);
        config.flush_interval(Duration::from_millis(ms)).expect("in range")
    };
    let mut host = Host::new(interval(1_000));
    host.queue([note("a"), note("1 %").key("k")]);
    host.at(90).push(note("2 %").key("k"));
    let one = interval(1_000).overflow(Overflow::DropOldest).queue_limit(1).expect("in range");
    host.reconfigure(one); // "a" leaves, and the other comes to the front
    host.at(95).reconfigure(interval(120));
    host.expect_next(120);
    host.at(120).expect_gap([("shrunk", 1)], ["2 %"]);
}

#[test]
fn a_longer_interval_does_not_move_a_deadline_that_is_set() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    host.queue([note("a")]);
    let longer = config(10, 10).flush_interval(Duration::from_secs(60)).expect("in range");
    host.at(10).reconfigure(longer.leading(Leading::Delayed));
    host.expect_next(50);
    host.at(50).expect_batch(["a"]);
    host.queue([note("b")]);
    host.expect_next(60_050);
}

#[test]
fn leading_holds_for_the_next_first_update() {
    let mut host = Host::new(config(10, 10));
    host.reconfigure(config(10, 10).leading(Leading::Delayed));
    host.queue([note("a")]);
    host.expect_next(50);
    host.at(50).expect_batch(["a"]);
    host.reconfigure(config(10, 10).leading(Leading::Immediate));
    host.at(500).queue([note("b")]);
    host.expect_next(500);
}

#[test]
fn the_overflow_policy_holds_from_the_next_update_on() {
    let mut host = Host::new(config(1, 10));
    host.queue([note("a")]);
    host.reconfigure(config(1, 10).overflow(Overflow::DropNewest));
    assert_eq!(host.push(note("b")), Became::Dropped(DropReason::Newest));
}

#[test]
fn a_categorys_priority_and_time_to_live_hold_for_updates_to_come() {
    let mut host = Host::new(config(2, 10));
    let tool = |name| note(name).category(Category::TOOL);
    host.queue([tool("before")]);
    let ttl = Some(Duration::from_millis(5));
    host.bus.reconfigure_category(Category::TOOL, Priority::Progress, ttl);
    host.queue([tool("after")]);
    assert!(matches!(host.push(note("a")), Became::Displaced(name, _) if name == "after"));
    host.at(100).expect_gap([("evicted", 1)], ["before", "a"]);
    host.bus.reconfigure_category(Category::TOOL, Priority::Progress, None);
    host.queue([tool("b")]);
    host.at(200).expect_batch(["b"]);
}

#[test]
fn a_category_that_the_bus_does_not_have_is_ignored() {
    let mut host: Host = Host::new(config(2, 10));
    let none = Category::from_index(31).expect("below 32");
    host.bus.reconfigure_category(none, Priority::Terminal, None);
}

#[test]
fn what_is_in_flight_is_not_touched() {
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
        .overflow(Overflow::Reject)
        .leading(Leading::Delayed)
        .flush_interval(Duration::from_micros(1))
        .expect("in range");
    let mut host: Host = Host::with_slots(5, wanted);
    assert_eq!(host.bus.config(), wanted);
    assert_eq!((wanted.values().queue_limit, wanted.values().batch_size), (3, 2));
    assert_eq!(wanted.values().flush_interval, Duration::from_micros(1));
    assert_eq!(
        (wanted.values().overflow, wanted.values().leading),
        (Overflow::Reject, Leading::Delayed)
    );
    host.reconfigure(Config::new().queue_limit(5).expect("in range"));
    assert_eq!(host.bus.config(), Config::new().queue_limit(5).expect("in range"));
}
