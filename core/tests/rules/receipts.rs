//! Rule 7: a batch whose updates stay where they are is settled by its receipt.

use statusbus_core::Accepted::{All, First};
use statusbus_core::{Batch, Item, Polled};

use crate::support::{Host, Named, config, note};

/// A host with three updates in flight, the second of another topic.
fn in_flight() -> Host {
    let mut host = Host::new(config(10, 10));
    host.queue([note("a"), note("b").about("conv-2"), note("c")]);
    host.expect_in_flight([], ["a", "b", "c"]);
    host
}

/// A host with "c" in flight behind a gap that has the loss of "a".
fn behind_a_gap() -> Host {
    let mut host = Host::new(config(1, 10));
    host.queue([note("a")]);
    host.push(note("c"));
    host.expect_in_flight([("evicted", 1)], ["c"]);
    host
}

#[test]
fn updates_stay_readable_behind_the_receipt_and_beyond_settling() {
    let mut host = in_flight();
    let ticket = host.take_receipt();
    host.expect_ledger([("in_flight", 3)]);
    host.settle_receipt(ticket, All);
    host.expect_ledger([("delivered", 3)]);
    assert_eq!((host.names(), host.seqs()), (vec!["a", "b", "c"], vec![1, 2, 3]));
    assert_eq!((host.batch.len(), host.batch.first_seq()), (3, 1));
    assert_eq!(host.batch.get(1).map(|one| one.update.name()), Some("b"));
    host.clear();
    assert_eq!((host.batch.len(), host.batch.iter().count()), (0, 0));
    host.queue([note("d")]);
    host.advance_to(50).expect_batch(["d"]);
}

#[test]
fn the_items_come_back_vacant() {
    let mut host = in_flight();
    let ticket = host.take_receipt();
    let empty = Batch::with_items((0..4).map(|_| Item::VACANT).collect());
    let batch = std::mem::replace(&mut host.batch, empty);
    assert_eq!(batch.into_items().len(), 256);
    assert_eq!(crate::support::alive(), 0);
    host.bus.settle_receipt(ticket.into_receipt(), All, host.now());
    host.expect_ledger([("delivered", 3)]);
}

#[test]
fn after_the_receipt_the_buffer_settles_nothing() {
    let mut host = in_flight();
    let ticket = host.take_receipt();
    let (second, now) = (host.take_receipt(), host.now());
    assert_eq!(host.settle_one(2), None);
    host.settle_receipt(second, First(0));
    host.expect_ledger([("in_flight", 3)]);
    host.bus.settle(&mut host.batch, First(0), now);
    host.expect_ledger([("in_flight", 3)]);
    assert_eq!(host.names(), [""; 0], "but it is emptied");
    host.bus.settle_receipt(ticket.into_receipt(), All, now);
    host.expect_ledger([("delivered", 3)]);
}

#[test]
fn a_buffer_that_is_polled_again_gives_up_the_updates_and_not_the_duty() {
    let mut host = in_flight();
    let ticket = host.take_receipt();
    host.queue([note("d")]);
    let now = host.advance_to(50).now();
    assert_eq!(host.bus.poll(&mut host.batch, now), Polled::Batch);
    assert_eq!((host.names(), host.bus.ledger().in_flight), (vec!["d"], 4));
    assert_eq!(crate::support::alive(), 1);
    host.bus.settle_receipt(ticket.into_receipt(), All, now);
    host.bus.settle(&mut host.batch, All, now);
    host.expect_ledger([("delivered", 4)]);
}

#[test]
fn updates_that_were_not_accepted_are_a_loss_of_the_whole_bus() {
    for (accepted, delivered) in [(0, 0), (1, 1), (2, 2), (3, 3), (9, 3)] {
        let mut host = in_flight();
        let ticket = host.take_receipt();
        host.clear();
        host.advance_to(10).settle_receipt(ticket, First(accepted));
        assert_eq!(host.bus.ledger().delivered, delivered);
        if delivered == 3 {
            host.expect_next(None);
            continue;
        }
        host.expect_next(60);
        host.advance_to(60).expect_in_flight([("sink", 3 - delivered)], []);
        assert_eq!(
            (host.gap().topics().len(), host.gap().elsewhere().dropped.sink),
            (0, 3 - delivered)
        );
        host.deliver();
    }
}

#[test]
fn a_receipt_is_for_what_was_not_settled_by_itself() {
    let mut host = in_flight();
    host.settle_one(1);
    let ticket = host.take_receipt();
    assert_eq!((host.batch.len(), host.seqs()), (2, vec![2, 3]));
    host.settle_receipt(ticket, First(1));
    host.expect_ledger([("delivered", 1), ("sink", 2)]);
}

#[test]
fn the_gap_of_a_receipt_is_in_the_bus_until_the_receipt_is_settled() {
    let mut host = behind_a_gap();
    let ticket = host.take_receipt();
    assert_eq!(host.losses(), [("evicted", 1)]);
    host.settle_receipt(ticket, All);
    assert!(host.bus.gap(&host.batch).is_none());
    assert_eq!(host.batch.gap_seq(), Some(1), "the batch keeps its position");
    host.clear();
    assert_eq!(host.batch.gap_seq(), None);
    host.queue([note("d")]);
    host.advance_to(50).expect_batch(["d"]);
}

#[test]
fn a_receipt_of_which_nothing_was_accepted_has_its_gap_reported_again() {
    for (accepted, confirmed) in [(First(0), 0), (First(0), 1), (First(1), 0), (All, 0)] {
        let mut host = behind_a_gap();
        host.confirm_losses(confirmed);
        let ticket = host.take_receipt();
        host.clear();
        host.settle_receipt(ticket, accepted);
        host.queue([note("d")]);
        host.advance_to(50).poll();
        let expected = match (accepted, confirmed) {
            (First(0), 0) => vec![("evicted", 1), ("sink", 1)],
            (First(0), _) => vec![("sink", 1)],
            _ => vec![],
        };
        assert_eq!(host.losses(), expected, "{accepted:?} {confirmed}");
        host.deliver();
    }
}

#[test]
fn a_part_of_a_batch_has_a_receipt_too() {
    let mut host = Host::new(config(10, 10));
    host.queue(["a", "b", "c"].map(note));
    host.expect_part(2, Polled::More, ["a", "b"]);
    let ticket = host.take_receipt();
    host.clear();
    host.expect_batch(["c"]);
    host.settle_receipt(ticket, All);
    host.expect_ledger([("delivered", 3)]);
}
