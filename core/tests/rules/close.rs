//! Close: no new updates, everything queued is due, and the bus comes to an end.

use statusbus_core::{Accepted, FlushReason, RefuseReason};

use crate::support::{Host, Pushed, config, delayed, note};

const CLOSED: Pushed = Pushed::Refused(RefuseReason::Closed);

#[test]
fn a_closed_bus_refuses_what_it_could_merge_or_does_not_know_too() {
    let mut host = delayed(10, 4);
    host.queue([note("a").key("k")]);
    assert!(!host.bus.is_closed());
    host.close();
    assert!(host.bus.is_closed());
    assert_eq!(host.push(note("b").key("k")), CLOSED);
    assert_eq!(host.push(note("c").key("k").ends_run()), CLOSED);
    assert_eq!(host.push(note("d").ttl(0)), CLOSED);
    let unknown = statusbus_core::Category::from_index(20).expect("below 32");
    assert_eq!(host.push(note("e").category(unknown)), CLOSED);
    host.expect_batch(["a"]);
}

#[test]
fn a_bus_that_is_closed_empty_is_drained() {
    let mut host = delayed(10, 4);
    assert!(!host.bus.is_drained(), "it is open");
    host.close();
    assert!(host.bus.is_drained());
    host.expect_next(None);
    host.expect_nothing();
}

/// A bus whose sink has accepted neither "a" nor, at 50 ms, the gap with its loss.
fn parked() -> Host {
    let mut host = delayed(10, 4);
    host.queue([note("a")]);
    host.flush();
    host.expect_in_flight([], ["a"]);
    host.fail(0);
    host.advance_to(50).expect_in_flight([("sink", 1)], []);
    host.fail(0);
    host.expect_next(None); // it waits for the next batch
    host
}

#[test]
fn a_gap_that_was_not_accepted_goes_with_the_last_batch_if_there_is_one() {
    let mut host = parked();
    host.queue([note("b")]);
    host.close();
    host.expect_in_flight([("sink", 1)], ["b"]);
    assert_eq!(host.batch.reason(), FlushReason::Close);
    host.deliver();
    assert!(host.bus.is_drained());
}

#[test]
fn closing_again_does_not_report_a_gap_again() {
    let mut host = parked();
    host.close();
    host.expect_in_flight([("sink", 1)], []);
    host.fail(0);
    assert!(host.bus.is_drained());
    host.close();
    host.expect_nothing();
    assert!(host.bus.is_drained());
}

#[test]
fn a_gap_that_is_settled_by_receipt_is_tried_once_more_too() {
    let mut host = delayed(10, 4);
    host.queue([note("a")]);
    host.close();
    host.expect_in_flight([], ["a"]);
    for _ in 0..3 {
        let ticket = host.take_receipt();
        host.clear();
        assert!(!host.bus.is_drained());
        host.settle_receipt(ticket, Accepted::First(0));
        host.poll();
    }
    host.expect_nothing();
    assert!(host.bus.is_drained());
    host.expect_ledger([("sink", 1)]);
}

#[test]
fn a_later_failure_is_reported_and_tried_once_more_by_itself() {
    let mut host = Host::new(config(10, 1));
    host.queue(["a", "b"].map(note));
    host.expect_in_flight([], ["a"]);
    host.lay_aside();
    host.expect_in_flight([], ["b"]);
    host.close();
    for _ in 0..2 {
        host.fail(0);
        host.expect_in_flight([("sink", 1)], []);
    }
    host.fail(0);
    host.expect_nothing();
    host.take_up();
    host.fail(0);
    for _ in 0..2 {
        assert!(!host.bus.is_drained());
        host.expect_in_flight([("sink", 2)], []);
        host.fail(0);
    }
    assert!(host.bus.is_drained());
}

#[test]
fn a_bus_with_a_batch_in_flight_is_not_drained() {
    let mut host = delayed(10, 4);
    host.queue([note("a")]);
    host.close();
    host.expect_in_flight([], ["a"]);
    assert!(!host.bus.is_drained(), "the sink may fail, and then there is a gap");
    host.lay_aside();
    host.expect_nothing();
    host.take_up();
    host.deliver();
    assert!(host.bus.take_wake(), "the poller has to see that the bus is drained");
    assert!(host.bus.is_drained());
}

#[test]
fn a_bus_with_a_gap_in_flight_is_not_drained_even_if_all_of_it_is_confirmed() {
    let mut host = parked();
    host.close();
    host.expect_in_flight([("sink", 1)], []);
    assert!(!host.bus.is_drained());
    host.confirm_losses(1);
    assert!(!host.bus.is_drained(), "the batch is to be settled");
    host.fail(0);
    assert!(host.bus.is_drained());
}

#[test]
fn losses_that_wait_for_a_gap_on_its_way_keep_a_closed_bus_from_being_drained() {
    let mut host = delayed(1, 1);
    host.queue([note("a")]);
    host.push(note("b"));
    host.expect_in_flight([("evicted", 1)], ["b"]);
    host.lay_aside();
    host.queue([note("c")]);
    host.push(note("d"));
    host.close();
    host.expect_batch(["d"]); // its gap waits
    host.expect_nothing();
    assert!(!host.bus.is_drained());
    host.take_up();
    host.deliver();
    assert!(host.bus.take_wake());
    assert!(!host.bus.is_drained());
    host.expect_gap([("evicted", 1)], []);
    assert!(host.bus.is_drained());
}

#[test]
fn updates_that_expire_in_a_closed_bus_are_reported() {
    let mut host = delayed(10, 4);
    host.queue([note("a").ttl(5)]);
    host.advance_to(10).close();
    host.expect_gap([("expired", 1)], []);
    assert!(host.bus.is_drained());
}

#[test]
fn a_new_configuration_does_not_open_a_closed_bus() {
    let mut host = delayed(10, 4);
    host.close();
    host.reconfigure(config(5, 5));
    host.bus.set_categories(8);
    assert_eq!(host.push(note("a")), CLOSED);
    assert!(host.bus.is_drained());
    assert_eq!(host.bus.config(), config(5, 5));
}
