//! Close: no new updates, and everything queued is due.

use statusbus_core::{FlushReason, Leading, RefuseReason};

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
