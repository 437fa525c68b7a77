//! Batches that are polled a part at a time.

use std::time::Duration;

use statusbus_core::{FlushReason, HandedOn, Leading, Part, Priority};

use crate::support::{Became, Heard, Host, config, note};

/// Five updates are queued, and due.
fn host() -> Host {
    let mut host = Host::new(config(6, 4).leading(Leading::Delayed));
    host.queue(["a", "b", "c", "d", "e"].map(note));
    host
}

#[test]
fn the_parts_are_one_batch() {
    let mut host = host();
    host.expect_part(3, Part::More, ["a", "b", "c"]);
    host.expect_ledger([("queued", 2), ("in_flight", 3)]);
    host.at(7).expect_part(3, Part::Whole, ["a", "b", "c", "d"]);
    assert_eq!(host.seqs(), [1, 2, 3, 4]);
    assert_eq!(host.bus.seq(), 4);
    let batch =
        HandedOn { size: 4, reason: FlushReason::Full, longest_wait: Duration::ZERO, left: 1 };
    assert_eq!(host.heard(), [Heard::HandedOn(batch)]); // told once, when it is whole
    host.deliver();
    assert_eq!(host.poll_part(3), (Part::Nothing, vec![]));
    host.at(50).expect_part(1, Part::Whole, ["e"]);
    host.deliver();
    host.expect_next(None);
    host.expect_ledger([("delivered", 5)]);
}

#[test]
fn no_part_is_empty() {
    let mut host = host();
    host.expect_part(0, Part::More, ["a"]);
    host.expect_part(0, Part::More, ["a", "b"]);
    host.deliver();
    host.expect_ledger([("delivered", 2), ("queued", 3)]);
}

#[test]
fn what_is_sent_meanwhile_may_come_into_the_batch() {
    let mut host = Host::new(config(6, 4));
    host.queue(["a", "b"].map(note));
    host.expect_part(1, Part::More, ["a"]);
    host.queue(["c", "d", "e"].map(note));
    host.expect_part(2, Part::More, ["a", "b", "c"]);
    host.expect_part(2, Part::Whole, ["a", "b", "c", "d"]);
    host.deliver();
    host.expect_ledger([("delivered", 4), ("queued", 1)]);
}

#[test]
fn whoever_is_still_polling_is_not_woken() {
    let mut host = host();
    let _ = host.bus.take_wake();
    host.expect_part(1, Part::More, ["a"]);
    host.queue([note("f"), note("g")]);
    assert!(!host.bus.take_wake());
    host.expect_part(8, Part::Whole, ["a", "b", "c", "d"]);
    host.deliver();
    assert_eq!(host.poll_part(8), (Part::Nothing, vec![])); // e, f and g are no batch yet
    host.queue([note("h")]);
    assert!(host.bus.take_wake());
}

#[test]
fn what_had_expired_counts_as_part_and_stands_in_front_of_the_first() {
    let mut host = Host::new(config(6, 4).leading(Leading::Delayed));
    host.queue([note("a").ttl(1), note("b").ttl(1), note("c"), note("d").ttl(1), note("e")]);
    host.at(2);
    assert_eq!(host.poll_part(1), (Part::More, vec!["a".to_owned()]));
    assert_eq!((host.names(), host.losses()), (vec![], vec![("expired", 1)]));
    assert_eq!(host.poll_part(2), (Part::More, vec!["b".to_owned()]));
    assert_eq!(host.poll_part(9), (Part::Whole, vec!["d".to_owned()]));
    assert_eq!((host.names(), host.seqs()), (vec!["c", "e"], vec![2, 3]));
    assert_eq!(host.losses(), [("expired", 1)]);
    host.deliver();
    // those that were found later: by themselves, within the interval
    host.expect_next(52);
    host.at(52).expect_gap([("expired", 2)], []);
    host.expect_next(None);
    host.expect_ledger([("delivered", 2), ("expired", 3)]);
}

#[test]
fn what_is_lost_meanwhile_is_told_with_the_next() {
    let mut host = host();
    host.queue([note("f")]);
    host.expect_part(1, Part::More, ["a"]);
    host.queue([note("g")]);
    let became = host.push(note("h").priority(Priority::Terminal));
    assert!(matches!(became, Became::Displaced(name, _) if name == "b"));
    host.expect_part(9, Part::Whole, ["a", "c", "d", "e"]);
    assert_eq!(host.losses(), []);
    host.deliver();
    host.flush();
    host.expect_gap([("evicted", 1)], ["f", "g", "h"]);
    host.expect_ledger([("delivered", 7), ("evicted", 1)]);
}

#[test]
fn a_batch_may_be_settled_after_any_part() {
    let mut host = host();
    host.expect_part(2, Part::More, ["a", "b"]);
    host.fail(1);
    host.expect_ledger([("delivered", 1), ("sink", 1), ("queued", 3)]);
    host.at(50).expect_gap([("sink", 1)], ["c", "d", "e"]);
}

#[test]
fn a_whole_poll_does_not_go_on_with_a_part() {
    let mut host = host();
    host.expect_part(2, Part::More, ["a", "b"]);
    host.at(50);
    // as with every batch that is left in the buffer unsettled
    host.expect_gap([("sink", 2)], ["c", "d", "e"]);
}

#[test]
fn a_batch_is_left_as_it_is_when_another_one_is_begun() {
    let mut host = host();
    host.expect_part(2, Part::More, ["a", "b"]);
    host.lay_aside();
    host.flush();
    host.expect_part(9, Part::Whole, ["c", "d", "e"]);
    assert_eq!(host.seqs(), [3, 4, 5]);
    host.deliver();
    host.queue([note("f")]);
    host.take_up();
    host.expect_part(9, Part::Whole, ["a", "b"]);
    host.deliver();
    host.expect_ledger([("delivered", 5), ("queued", 1)]);
}

#[test]
fn a_flush_is_done_when_all_parts_are_handed_on() {
    let mut host = Host::new(config(6, 6).leading(Leading::Delayed));
    host.queue(["a", "b", "c"].map(note));
    let mark = host.flush();
    host.expect_part(2, Part::More, ["a", "b"]);
    assert!(!host.bus.is_flushed(mark));
    host.expect_part(2, Part::Whole, ["a", "b", "c"]);
    assert!(host.bus.is_flushed(mark));
    host.deliver();
}

#[test]
fn a_smaller_batch_size_ends_the_batch() {
    let mut host = host();
    host.expect_part(2, Part::More, ["a", "b"]);
    let _ = host.reconfigure(config(6, 2));
    host.expect_part(2, Part::Whole, ["a", "b"]);
    host.deliver();
    host.expect_batch(["c", "d"]);
}

#[test]
fn a_host_that_panics_in_a_part_strands_nothing() {
    let mut host = Host::new(config(6, 4).leading(Leading::Delayed));
    host.queue([note("a"), note("b"), note("c").ttl(1), note("d")]);
    host.at(2).expect_part(1, Part::More, ["a"]);
    let now = host.now();
    let part = || host.bus.poll_part(&mut host.batch, 9, |_| std::panic::panic_any("oh"), now);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(part)).is_err());
    host.expect_part(9, Part::Whole, ["a", "b", "d"]);
    host.deliver();
    host.at(60).expect_gap([("expired", 1)], []);
    host.expect_ledger([("delivered", 3), ("expired", 1)]);
}
