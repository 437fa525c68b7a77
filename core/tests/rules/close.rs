//! Close: no new updates, and everything queued is due.

use statusbus_core::{FlushReason, Item, Leading, RefuseReason};

use crate::support::{Became, Host, config, note};

fn delayed() -> Host {
    Host::new(config(10, 4).leading(Leading::Delayed))
}

#[test]
fn a_closed_bus_refuses_new_updates() {
    let mut host = delayed();
    assert!(!host.bus.is_closed());
    host.close();
    assert!(host.bus.is_closed());
    assert_eq!(host.push(note("a")), Became::Refused(RefuseReason::Closed));
    assert_eq!(host.push(note("a").key("k").terminal()), Became::Refused(RefuseReason::Closed));
}

#[test]
fn a_closed_bus_hands_on_everything_queued_now() {
    let mut host = delayed();
    host.queue((0..6).map(|n| note(n.to_string())));
    host.close();
    host.expect_next(0);
    assert_eq!(host.drain(), [(FlushReason::Full, 4), (FlushReason::Close, 2)]);
    host.expect_ledger([("delivered", 6)]);
    host.expect_next(None);
}

#[test]
fn a_bus_is_drained_once_it_is_closed_and_has_handed_on_everything() {
    let mut host = delayed();
    assert!(!host.bus.is_drained(), "it is open");
    host.queue([note("a")]);
    host.close();
    assert!(!host.bus.is_drained(), "an update is queued");
    host.expect_batch(["a"]);
    assert!(host.bus.is_drained());
}

#[test]
fn a_bus_that_is_closed_empty_is_drained() {
    let mut host = delayed();
    host.close();
    assert!(host.bus.is_drained());
    host.expect_next(None);
    host.expect_nothing();
}

#[test]
fn a_closed_bus_tells_its_gaps_at_once() {
    let mut host = delayed();
    host.queue([note("a")]);
    host.close();
    host.expect_in_flight([], ["a"]);
    host.fail(0);
    assert!(!host.bus.is_drained(), "a gap is to be told");
    host.expect_next(0);
    host.expect_gap([("sink", 1)], []);
    assert!(host.bus.is_drained());
}

/// A bus whose sink has accepted neither "a" nor, at 50 ms, the gap that told of it.
fn parked() -> Host {
    let mut host = delayed();
    host.queue([note("a")]);
    host.flush();
    host.expect_in_flight([], ["a"]);
    host.fail(0);
    host.at(50).expect_in_flight([("sink", 1)], []);
    host.fail(0);
    host.expect_next(None); // it waits for the next batch
    host
}

#[test]
fn a_gap_that_nobody_accepted_is_tried_once_more_when_the_bus_is_closed() {
    let mut host = parked();
    host.at(60).close();
    assert!(!host.bus.is_drained(), "a gap is to be told");
    host.expect_next(60);
    host.expect_in_flight([("sink", 1)], []);
    assert_eq!(host.batch.reason(), FlushReason::Close);
    host.deliver();
    assert!(host.bus.is_drained());
    host.expect_next(None);
}

#[test]
fn it_goes_with_the_last_batch_if_there_is_one() {
    let mut host = parked();
    host.queue([note("b")]);
    host.close();
    host.expect_gap([("sink", 1)], ["b"]);
    assert!(host.bus.is_drained());
}

#[test]
fn a_sink_that_fails_for_ever_is_asked_once_more_and_not_again() {
    let mut host = parked();
    host.close();
    host.expect_in_flight([("sink", 1)], []);
    host.fail(0);
    assert!(host.bus.is_drained());
    host.expect_next(None);
    host.close();
    host.expect_nothing();
    assert!(host.bus.is_drained(), "closing again does not ask again");
}

#[test]
fn what_the_sink_did_not_accept_at_the_close_is_told_twice_at_most() {
    let mut host = delayed();
    host.queue([note("a")]);
    host.close();
    host.expect_in_flight([], ["a"]);
    host.fail(0);
    for _ in 0..2 {
        assert!(!host.bus.is_drained(), "a gap is to be told");
        host.expect_in_flight([("sink", 1)], []);
        host.fail(0);
    }
    assert!(host.bus.is_drained());
    host.expect_nothing();
    host.expect_ledger([("sink", 1)]);
}

#[test]
fn a_gap_that_is_settled_by_receipt_is_tried_once_more_too() {
    let mut host = delayed();
    host.queue([note("a")]);
    host.close();
    host.expect_in_flight([], ["a"]);
    for _ in 0..3 {
        let (updates, receipt) = host.batch.detach(Box::new([const { Item::VACANT }; 4]));
        drop(updates);
        let now = host.now();
        host.bus.settle_failed(receipt, 0, now);
        host.poll();
    }
    host.expect_nothing();
    assert!(host.bus.is_drained());
    host.expect_ledger([("sink", 1)]);
}

#[test]
fn what_fails_later_is_told_and_tried_once_more_by_itself() {
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
    let mut host = delayed();
    host.queue([note("a")]);
    host.close();
    host.expect_in_flight([], ["a"]);
    assert!(!host.bus.is_drained(), "the sink may fail, and then there is a gap to tell");
    host.lay_aside();
    host.expect_nothing();
    host.take_up();
    host.deliver();
    assert!(host.bus.take_wake(), "whoever polls has to see that the bus is drained");
    assert!(host.bus.is_drained());
}

#[test]
fn a_bus_with_a_gap_in_flight_is_not_drained() {
    let mut host = parked();
    host.close();
    host.expect_in_flight([("sink", 1)], []);
    assert!(!host.bus.is_drained());
    host.batch.take_gap();
    assert!(!host.bus.is_drained(), "whoever has taken it may still be telling it");
    host.deliver();
    assert!(host.bus.is_drained());
}

#[test]
fn what_expires_in_a_closed_bus_is_told() {
    let mut host = delayed();
    host.queue([note("a").ttl(5)]);
    host.at(10).close();
    host.expect_gap([("expired", 1)], []);
    assert!(host.bus.is_drained());
}

#[test]
fn a_new_configuration_does_not_open_a_closed_bus() {
    let mut host = delayed();
    host.close();
    host.reconfigure(config(5, 5));
    host.bus.set_categories(8);
    assert_eq!(host.push(note("a")), Became::Refused(RefuseReason::Closed));
    assert!(host.bus.is_drained());
}

#[test]
fn closing_twice_is_closing_once() {
    let mut host = delayed();
    host.queue([note("a")]);
    host.close();
    host.close();
    host.expect_batch(["a"]);
    host.close();
    host.expect_nothing();
    assert!(host.bus.is_drained());
}

#[test]
fn what_was_in_flight_when_the_bus_was_closed_is_settled_as_ever() {
    let mut host = delayed();
    host.queue([note("a")]);
    host.flush();
    host.expect_in_flight([], ["a"]);
    host.close();
    host.deliver();
    host.expect_ledger([("delivered", 1)]);
}
