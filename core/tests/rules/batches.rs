//! Rule 7: updates leave in batches, which are settled.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use statusbus_core::{Accepted, Batch, Bus, Instant, Polled, Slot, Update};

use crate::support::{Host, Named, Note, config, note};

fn host() -> Host {
    Host::new(config(10, 10))
}

/// A host with these updates in flight.
fn in_flight<const N: usize>(names: [&str; N]) -> Host {
    let mut host = host();
    host.queue(names.map(note));
    host.expect_in_flight([], names);
    host
}

#[test]
fn two_batches_may_be_in_flight_and_are_settled_in_any_order() {
    for first_first in [true, false] {
        let mut host = in_flight(["a"]);
        host.lay_aside();
        host.queue([note("b")]);
        host.advance_to(50).expect_in_flight([], ["b"]);
        host.expect_ledger([("in_flight", 2)]);
        if first_first {
            host.lay_aside();
            host.take_up();
        }
        host.fail(0);
        host.take_up();
        host.deliver();
        host.expect_ledger([("delivered", 1), ("sink", 1)]);
        host.advance_to(100).expect_gap([("sink", 1)], []);
    }
}

#[test]
fn a_settled_batch_leaves_nothing_in_the_buffer() {
    for accepted in [Accepted::All, Accepted::First(0), Accepted::First(1)] {
        let mut host = in_flight(["a", "b"]);
        host.settle(accepted);
        assert!(host.batch.is_empty());
        assert_eq!(
            (host.batch.len(), host.batch.gap_seq(), host.batch.iter().count()),
            (0, None, 0)
        );
        assert_eq!(host.batch.updates_mut().count(), 0);
        assert!(host.batch.get(0).is_none());
    }
}

#[test]
fn a_buffer_that_was_never_polled_can_be_settled() {
    let mut host = host();
    for accepted in [Accepted::All, Accepted::First(0), Accepted::First(7)] {
        host.settle(accepted);
    }
    assert_eq!(host.settle_one(0), None);
    assert_eq!(host.settle_one(1), None);
    host.confirm_losses(1);
    host.expect_ledger([]);
    host.expect_next(None);
}

#[test]
fn a_batch_is_settled_once_also_after_a_part_of_it_failed() {
    let mut host = in_flight(["a", "b"]);
    host.fail(1);
    host.deliver();
    host.fail(0);
    host.expect_ledger([("delivered", 1), ("sink", 1)]);
}

#[test]
fn updates_can_be_changed_and_taken_while_they_are_in_flight() {
    let mut bus: Bus<Note, [Slot<Note>; 4]> = Bus::new();
    let mut batch: Batch<Note, [_; 4]> = Batch::new();
    let now = Instant::ZERO;
    for name in ["a", "b", "c"] {
        let mut update = note(name);
        let options = update.options();
        assert!(bus.push(&mut update, options, || now).is_queued());
    }
    assert_eq!(bus.poll(&mut batch, now), Polled::Batch);
    let taken: Vec<Note> =
        batch.updates_mut().take(2).map(|update| std::mem::replace(update, Note::EMPTY)).collect();
    assert_eq!(taken.iter().map(Named::name).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((batch.len(), bus.ledger().in_flight), (3, 3), "taking settles nothing");
    bus.settle(&mut batch, Accepted::All, now);
    let ledger = bus.ledger();
    assert_eq!((ledger.sent, ledger.delivered, ledger.in_flight), (3, 3, 0));
}

// Settling one by itself

#[test]
fn an_update_that_is_settled_by_itself_comes_back() {
    let mut host = in_flight(["a", "b", "c"]);
    assert_eq!(host.settle_one(2), Some("b".into()));
    assert_eq!((host.batch.len(), host.names(), host.seqs()), (2, vec!["a", "c"], vec![1, 3]));
    assert!(host.batch.get(1).is_none());
    assert_eq!(host.batch.get(2).map(|one| (one.seq, one.update.name())), Some((3, "c")));
    assert!(host.batch.get(3).is_none());
    assert_eq!(host.batch.updates_mut().count(), 2);
    let from = |index| host.batch.iter_from(index).map(|one| one.seq).collect::<Vec<_>>();
    assert_eq!(
        [0, 1, 2].map(from),
        [vec![1, 3], vec![3], vec![3]],
        "it is skipped, and keeps its index"
    );
    assert!([3, usize::MAX].iter().all(|&behind| host.batch.iter_from(behind).next().is_none()));
    assert_eq!(host.batch.iter().fold(0, |sum, one| sum + one.seq), 4, "folding skips it too");
    for seq in [2, 0, 4, u64::MAX] {
        assert_eq!(host.settle_one(seq), None);
    }
    host.deliver();
    assert_eq!(host.settle_one(3), None, "the batch is settled");
    host.expect_ledger([("delivered", 2), ("sink", 1)]);
}

#[test]
fn an_update_that_is_settled_by_itself_and_not_taken_is_dropped_with_the_batch() {
    let mut host = in_flight(["a", "b"]);
    let now = host.now();
    let alive = crate::support::alive();
    let back = host.bus.settle_one(&mut host.batch, 1, now).map(|update| update.name().to_owned());
    assert_eq!(back, Some("a".into()));
    assert_eq!(crate::support::alive(), alive, "it stays in the buffer");
    host.bus.settle(&mut host.batch, Accepted::All, now);
    assert_eq!(crate::support::alive(), alive - 2);
    host.expect_ledger([("delivered", 1), ("sink", 1)]);
}

#[test]
fn a_sink_that_fails_behind_one_that_was_settled_by_itself_has_accepted_what_came_before() {
    for (accepted, delivered) in [(0, 0), (1, 1), (2, 1), (3, 2), (4, 3), (9, 3)] {
        let mut host = in_flight(["a", "b", "c", "d"]);
        host.settle_one(2);
        host.fail(accepted);
        let ledger = host.bus.ledger();
        assert_eq!((ledger.delivered, ledger.dropped.sink), (delivered, 4 - delivered));
    }
}

#[test]
fn a_batch_whose_updates_were_all_settled_by_themselves_is_still_to_be_settled() {
    let mut host = in_flight(["a", "b"]);
    host.settle_one(1);
    host.settle_one(2);
    assert!(host.batch.is_empty());
    host.expect_ledger([("sink", 2)]);
    host.close();
    host.lay_aside();
    host.expect_gap([("sink", 2)], []);
    assert!(!host.bus.is_drained());
    host.take_up();
    host.deliver();
    assert!(host.bus.is_drained());
}

#[test]
fn one_settled_by_itself_is_in_the_next_gap_with_its_topic_and_within_the_interval() {
    let mut host = host();
    host.queue([note("a"), note("b").about("conv-2")]);
    host.expect_in_flight([], ["a", "b"]);
    host.advance_to(10).settle_one(2);
    host.expect_next(60);
    host.advance_to(20).deliver();
    host.expect_next(60);
    host.advance_to(60).expect_in_flight([("sink", 1)], []);
    assert_eq!(host.gap().topics().map(|(topic, _)| topic.0).collect::<Vec<_>>(), ["conv-2"]);
    host.deliver();
}

#[test]
fn a_batch_that_is_not_settled_is_the_answer_again_and_as_it_is() {
    let mut host = in_flight(["a", "b", "c"]);
    host.settle_one(2);
    host.queue([note("d").ttl(0), note("e")]);
    for ms in [0, 50, 60] {
        host.advance_to(ms).expect_in_flight([], ["a", "c"]);
        assert_eq!(host.poll_part(1), (Polled::Batch, vec![]));
        host.expect_ledger([("sink", 1), ("queued", 2), ("in_flight", 2)]);
    }
    host.deliver();
    host.expect_gap([("sink", 1), ("expired", 1)], ["e"]);
    host.expect_ledger([("delivered", 3), ("expired", 1), ("sink", 1)]);
}

// The sink, the buffer and callbacks

#[test]
fn an_update_whose_ttl_ends_in_flight_is_delivered() {
    let mut host = host();
    host.queue([note("a").ttl(1)]);
    host.expect_in_flight([], ["a"]);
    host.advance_to(100).deliver();
    host.expect_ledger([("delivered", 1)]);
}

#[test]
fn a_callback_that_panics_over_an_expired_update_strands_nothing() {
    let mut host = host();
    host.queue([note("a"), note("b").ttl(0), note("c")]);
    let now = host.now();
    let poll = || host.bus.poll_part(&mut host.batch, 9, |_| panic_any("oh"), now);
    assert!(catch_unwind(AssertUnwindSafe(poll)).is_err());
    let ledger = host.bus.ledger();
    assert_eq!((ledger.sent, ledger.expired), (3, 1), "{ledger:?}");
    let mut names = Vec::new();
    for _ in 0..3 {
        if host.bus.poll(&mut host.batch, now) == Polled::Batch {
            names.extend(host.batch.iter().map(|one| one.update.name().to_owned()));
            host.bus.settle(&mut host.batch, Accepted::All, now);
        }
    }
    assert_eq!(names, ["a", "c"]);
    host.expect_ledger([("delivered", 2), ("expired", 1)]);
    assert_eq!(crate::support::alive(), 0);
}

#[test]
fn a_batch_holds_no_more_than_its_buffer() {
    let mut host = host();
    host.use_buffer(2);
    host.queue(["a", "b", "c", "d", "e"].map(note));
    host.expect_batch(["a", "b"]);
    host.expect_batch(["c", "d"]);
    host.expect_batch(["e"]);
}

#[test]
fn a_buffer_without_items_takes_nothing_and_loses_nothing() {
    let mut host = host();
    host.use_buffer(0);
    host.queue([note("a")]);
    host.expect_nothing();
    host.expect_ledger([("queued", 1)]);
    host.expect_next(0);
    host.use_buffer(1);
    host.expect_batch(["a"]);
}
