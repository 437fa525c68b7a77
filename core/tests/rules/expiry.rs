//! Rule 6: expired updates are counted and never delivered.

use statusbus_core::{Batch, Bus, Instant, Polled, Slot};

use crate::support::{Host, Named, Note, Pushed, config, delayed, note};

#[test]
fn updates_that_expire_in_a_whole_poll_are_counted_and_dropped() {
    let mut bus: Bus<Note, [Slot<Note>; 4]> = Bus::new();
    let mut batch: Batch<Note, [_; 4]> = Batch::new();
    for mut update in [note("a").ttl(5), note("b")] {
        let options = update.options();
        assert!(bus.push(&mut update, options, || Instant::ZERO).is_queued());
    }
    assert_eq!(bus.poll(&mut batch, Instant::from_millis(50)), Polled::Batch);
    assert_eq!(batch.iter().map(|one| one.update.name()).collect::<Vec<_>>(), ["b"]);
    let ledger = bus.ledger();
    assert_eq!((ledger.sent, ledger.expired, ledger.in_flight), (2, 1, 1));
    assert_eq!(bus.gap(&batch).map(|gap| gap.total().expired), Some(1));
    assert_eq!(crate::support::alive(), 1, "\"a\" is dropped");
}

#[test]
fn a_callback_may_take_what_has_expired() {
    let mut host = delayed(10, 10);
    host.queue([note("a").ttl(5), note("b").ttl(5), note("c")]);
    let now = host.advance_to(50).now();
    let mut taken = Vec::new();
    let take =
        |update: &mut Note| taken.push(std::mem::replace(update, statusbus_core::Update::EMPTY));
    assert_eq!(host.bus.poll_part(&mut host.batch, 9, take, now), Polled::Batch);
    assert_eq!(taken.iter().map(Named::name).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((host.names(), crate::support::alive()), (vec!["c"], 3));
    host.expect_ledger([("expired", 2), ("in_flight", 1)]);
}

#[test]
fn the_longest_ttl_never_ends() {
    let mut host = delayed(10, 10);
    host.queue([note("a").ttl(u64::MAX)]);
    host.advance_to(1_000_000).expect_batch(["a"]);
}

#[test]
fn a_ttl_ends_to_the_microsecond() {
    for (late, names) in [(0, vec!["a"]), (1, vec![])] {
        let mut host = Host::new(config(10, 10));
        host.queue([note("a").ttl(40)]);
        host.set_clock(Instant::from_micros(39_999 + late));
        assert!(host.poll());
        assert_eq!(host.names(), names);
        host.deliver();
    }
}

#[test]
fn a_ttl_is_counted_from_its_own_push_also_behind_one_that_came_long_before() {
    let mut host = delayed(10, 10);
    host.queue([note("a")]);
    host.advance_to(40).queue([note("b").ttl(20)]);
    host.advance_to(50).expect_in_flight([], ["a", "b"]);
    let left: Vec<_> = host.batch.iter().map(|one| one.ttl_left_micros()).collect();
    assert_eq!(left, [u64::MAX, 10_000]);
    assert_eq!(host.batch.iter().map(|one| one.ttl_left()).next(), Some(None));
    host.deliver();
}

#[test]
fn a_newer_value_that_expires_in_a_place_takes_the_older_one_with_it() {
    let mut host = delayed(10, 10);
    host.queue([note("41 %").key("k"), note("a")]);
    assert_eq!(host.push(note("42 %").key("k").ttl(10)), Pushed::Merged("41 %".into()));
    host.advance_to(50).expect_gap([("expired", 1)], ["a"]);
    host.queue([note("43 %").key("k")]); // "42 %" is not there to merge with
    host.advance_to(100).expect_batch(["43 %"]);
}
