//! Batches that are polled a part at a time.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::time::Duration;

use statusbus_core::{Accepted, FlushReason, Leading, Polled};

use crate::support::{Host, Pushed, Record, config, delayed, ms, note};

/// Five updates are queued, and due.
fn host() -> Host {
    let mut host = Host::new(config(6, 4).with_leading(Leading::Delayed));
    host.queue(["a", "b", "c", "d", "e"].map(note));
    host
}

/// Nothing is due before `ms`.
fn wait(ms: impl Into<Option<u64>>) -> (Polled, Vec<String>) {
    (Polled::Wait(ms.into().map(statusbus_core::Instant::from_millis)), Vec::new())
}

#[test]
fn the_parts_are_one_batch() {
    let mut host = host();
    host.expect_part(3, Polled::More, ["a", "b", "c"]);
    host.expect_ledger([("queued", 2), ("in_flight", 3)]);
    assert_eq!(host.records(), [], "a batch is recorded when it is whole");
    host.advance_to(7).expect_part(3, Polled::Batch, ["a", "b", "c", "d"]);
    assert_eq!((host.seqs(), host.waits()), (vec![1, 2, 3, 4], vec![0; 4]));
    let records = host.records();
    let [Record::Polled(batch)] = records[..] else { unreachable!("{records:?}") };
    assert_eq!((batch.size, batch.reason, batch.left), (4, FlushReason::Full, 1));
    assert_eq!(batch.longest_wait, Duration::ZERO);
    host.advance_to(10).deliver();
    assert_eq!(host.records(), [Record::Settled(ms(10))]);
    assert_eq!(host.poll_part(3), wait(50));
    host.advance_to(50).expect_part(1, Polled::Batch, ["e"]);
    host.deliver();
    assert_eq!(host.poll_part(3), wait(None));
    host.expect_ledger([("delivered", 5)]);
}

#[test]
fn no_part_is_empty() {
    let mut host = host();
    host.expect_part(0, Polled::More, ["a"]);
    host.expect_part(0, Polled::More, ["a", "b"]);
    host.deliver();
    host.expect_ledger([("delivered", 2), ("queued", 3)]);
}

#[test]
fn a_part_that_empties_the_queue_or_fills_the_buffer_is_the_last() {
    let mut host = Host::new(config(6, 6));
    host.queue(["a", "b", "c"].map(note));
    host.use_buffer(2);
    host.expect_part(1, Polled::More, ["a"]);
    host.expect_part(1, Polled::Batch, ["a", "b"]);
    host.deliver();
    host.expect_part(1, Polled::Batch, ["c"]);
    host.deliver();
}

#[test]
fn updates_that_are_sent_meanwhile_may_come_into_the_batch() {
    let mut host = Host::new(config(6, 4));
    host.queue(["a", "b"].map(note));
    host.expect_part(1, Polled::More, ["a"]);
    host.advance_to(5).queue([note("c").ttl(20), note("d"), note("e")]);
    host.expect_part(2, Polled::More, ["a", "b", "c"]);
    host.expect_part(2, Polled::Batch, ["a", "b", "c", "d"]);
    assert_eq!(host.waits(), [0; 4], "they came after the batch was begun");
    assert_eq!(host.batch.get(2).and_then(|one| one.ttl_left()), Some(ms(20)));
    host.deliver();
    host.expect_ledger([("delivered", 4), ("queued", 1)]);
}

#[test]
fn a_poller_between_two_parts_is_not_woken() {
    let mut host = host();
    let _ = host.bus.take_wake();
    host.expect_part(1, Polled::More, ["a"]);
    host.queue([note("f"), note("g")]);
    host.flush();
    assert!(!host.bus.take_wake());
    host.expect_part(8, Polled::Batch, ["a", "b", "c", "d"]);
    host.deliver();
    host.expect_part(8, Polled::Batch, ["e", "f", "g"]);
    host.deliver();
    assert_eq!(host.poll_part(8), wait(None));
    host.queue([note("h")]);
    assert!(host.bus.take_wake());
}

#[test]
fn expired_updates_count_in_the_parts_and_are_reported_in_front_of_the_first_or_the_next_batch() {
    let mut host = delayed(6, 4);
    host.queue([note("a").ttl(1), note("b").ttl(1), note("c"), note("d").ttl(1), note("e")]);
    host.advance_to(2);
    assert_eq!(host.poll_part(1), (Polled::More, vec!["a".to_owned()]));
    assert_eq!((host.names(), host.losses()), (vec![], vec![("expired", 1)]));
    assert_eq!(host.poll_part(2), (Polled::More, vec!["b".to_owned()]));
    assert_eq!(host.poll_part(9), (Polled::Batch, vec!["d".to_owned()]));
    assert_eq!((host.names(), host.seqs()), (vec!["c", "e"], vec![2, 3]));
    assert_eq!(host.losses(), [("expired", 1)]);
    host.expect_next(None); // one gap at a time
    host.deliver();
    host.expect_next(52);
    host.advance_to(52).expect_gap([("expired", 2)], []);
    host.expect_next(None);
    host.expect_ledger([("delivered", 2), ("expired", 3)]);
}

#[test]
fn updates_that_expire_in_a_later_part_without_a_gap_before_are_reported_within_the_interval() {
    let mut host = delayed(6, 4);
    host.queue([note("a"), note("b").ttl(1), note("c"), note("d")]);
    host.advance_to(2).expect_part(1, Polled::More, ["a"]);
    host.advance_to(3);
    assert_eq!(host.poll_part(9), (Polled::Batch, vec!["b".to_owned()]));
    assert_eq!(host.losses(), []);
    host.expect_next(53);
    host.deliver();
    host.advance_to(53).expect_gap([("expired", 1)], []);
}

#[test]
fn a_batch_of_which_everything_expires_in_parts_has_only_its_gap() {
    let mut host = delayed(6, 3);
    host.queue(["a", "b", "c"].map(|name| note(name).ttl(1)));
    host.advance_to(2);
    for (polled, name) in [(Polled::More, "a"), (Polled::More, "b"), (Polled::Batch, "c")] {
        assert_eq!(host.poll_part(1), (polled, vec![name.to_owned()]));
    }
    assert_eq!((host.batch.len(), host.losses()), (0, vec![("expired", 1)]));
    host.deliver();
    host.advance_to(60).expect_gap([("expired", 2)], []);
}

#[test]
fn losses_meanwhile_are_reported_in_front_of_the_next_batch() {
    let mut host = host();
    host.queue([note("f")]);
    host.expect_part(1, Polled::More, ["a"]);
    host.queue([note("g")]);
    let answer = host.push(note("h").high());
    assert!(matches!(answer, Pushed::Displaced(name, _) if name == "b"));
    host.expect_part(9, Polled::Batch, ["a", "c", "d", "e"]);
    assert_eq!(host.losses(), []);
    host.deliver();
    host.flush();
    host.expect_gap([("evicted", 1)], ["f", "g", "h"]);
    host.expect_ledger([("delivered", 7), ("evicted", 1)]);
}

#[test]
fn a_batch_may_be_settled_after_any_part() {
    for accepted in [Accepted::All, Accepted::First(1), Accepted::First(0)] {
        let mut host = host();
        host.expect_part(2, Polled::More, ["a", "b"]);
        host.settle(accepted);
        assert!(host.batch.is_empty());
        let failed = match accepted {
            Accepted::All => 0,
            Accepted::First(accepted) => 2 - accepted as u64,
        };
        let ledger = host.bus.ledger();
        assert_eq!((ledger.delivered, ledger.dropped.sink), (2 - failed, failed));
        // the next part begins a batch of its own
        host.advance_to(50);
        assert_eq!(host.poll_part(9).0, Polled::Batch);
        assert_eq!(
            (host.names(), host.batch.first_seq()),
            (vec!["c", "d", "e"], 3 + failed.min(1))
        );
        host.deliver();
    }
}

#[test]
fn one_may_be_settled_by_itself_between_two_parts() {
    let mut host = host();
    host.expect_part(2, Polled::More, ["a", "b"]);
    assert_eq!(host.settle_one(1), Some("a".into()));
    host.expect_part(9, Polled::Batch, ["b", "c", "d"]);
    assert_eq!(host.seqs(), [2, 3, 4]);
    host.deliver();
    host.expect_ledger([("delivered", 3), ("sink", 1), ("queued", 1)]);
}

#[test]
fn a_whole_poll_completes_a_batch_that_was_begun_in_parts() {
    let mut host = host();
    host.expect_part(2, Polled::More, ["a", "b"]);
    host.expect_batch(["a", "b", "c", "d"]);
    host.expect_ledger([("delivered", 4), ("queued", 1)]);
}

#[test]
fn a_batch_that_is_whole_does_not_grow_any_more() {
    let mut host = host();
    host.expect_part(2, Polled::More, ["a", "b"]);
    host.reconfigure(config(6, 3));
    host.expect_part(2, Polled::Batch, ["a", "b", "c"]);
    host.reconfigure(config(6, 6));
    host.advance_to(50).expect_part(2, Polled::Batch, ["a", "b", "c"]);
    host.deliver();
    host.expect_part(2, Polled::Batch, ["d", "e"]);
    host.deliver();
}

#[test]
fn a_batch_is_complete_as_it_is_once_another_one_is_begun() {
    let mut host = host();
    host.expect_part(2, Polled::More, ["a", "b"]);
    host.lay_aside();
    host.flush();
    host.expect_part(9, Polled::Batch, ["c", "d", "e"]);
    assert_eq!(host.seqs(), [3, 4, 5]);
    host.deliver();
    host.queue([note("f")]);
    host.take_up();
    host.expect_part(9, Polled::Batch, ["a", "b"]);
    host.deliver();
    host.expect_ledger([("delivered", 5), ("queued", 1)]);
}

#[test]
fn another_batch_with_only_a_gap_completes_the_one_begun_before() {
    let mut host = host();
    host.queue([note("x")]);
    host.push(note("y")); // "a" is evicted
    host.expect_part(1, Polled::More, ["b"]);
    host.fail(0); // and now "b" is lost, too
    host.flush();
    host.expect_part(1, Polled::More, ["c"]);
    host.lay_aside();
    host.push(note("z").ttl(0));
    host.flush();
    host.expect_part(1, Polled::More, ["d"]);
    host.lay_aside();
    host.take_up();
    host.expect_part(9, Polled::Batch, ["c"]);
    host.fail(0);
    host.take_up();
    host.expect_part(9, Polled::Batch, ["d", "e", "x", "y"]);
    host.deliver();
    host.advance_to(50).expect_gap([("evicted", 1), ("sink", 2), ("expired", 1)], []);
}

#[test]
fn two_batches_that_grow_at_the_same_time_share_no_position() {
    let mut host = delayed(9, 6);
    host.queue((0..8).map(|n| note(n.to_string())));
    for _ in 0..3 {
        assert_eq!(host.poll_part(1).0, Polled::More);
        host.flush();
        host.lay_aside();
    }
    host.take_up();
    host.expect_part(1, Polled::Batch, ["0"]);
    host.deliver();
    host.take_up();
    host.expect_part(1, Polled::Batch, ["1"]);
    host.fail(0);
    host.take_up();
    host.expect_part(9, Polled::Batch, ["2", "3", "4", "5", "6", "7"]);
    assert_eq!(host.seqs(), [3, 4, 5, 6, 7, 8]);
    host.deliver();
}

#[test]
fn a_flush_is_done_when_all_parts_have_left() {
    let mut host = delayed(6, 6);
    host.queue(["a", "b", "c"].map(note));
    let mark = host.flush();
    host.expect_part(2, Polled::More, ["a", "b"]);
    assert!(!host.bus.is_flushed(mark));
    host.expect_part(2, Polled::Batch, ["a", "b", "c"]);
    assert!(host.bus.is_flushed(mark));
    host.deliver();
}

#[test]
fn a_smaller_batch_size_ends_the_batch() {
    let mut host = host();
    host.expect_part(2, Polled::More, ["a", "b"]);
    host.reconfigure(config(6, 2));
    host.expect_part(2, Polled::Batch, ["a", "b"]);
    host.deliver();
    host.expect_batch(["c", "d"]);
}

#[test]
fn closing_between_two_parts_loses_nothing() {
    let mut host = host();
    host.expect_part(2, Polled::More, ["a", "b"]);
    host.close();
    assert!(!host.bus.is_drained());
    host.expect_part(9, Polled::Batch, ["a", "b", "c", "d"]);
    host.deliver();
    host.expect_batch(["e"]);
    assert!(host.bus.is_drained());
}

#[test]
fn a_callback_that_panics_in_a_part_strands_nothing() {
    let mut host = delayed(6, 4);
    host.queue([note("a"), note("b"), note("c").ttl(1), note("d")]);
    host.advance_to(2).expect_part(1, Polled::More, ["a"]);
    let now = host.now();
    let part = || host.bus.poll_part(&mut host.batch, 9, |_| panic_any("oh"), now);
    assert!(catch_unwind(AssertUnwindSafe(part)).is_err());
    let ledger = host.bus.ledger();
    assert_eq!((ledger.sent, ledger.expired), (4, 1), "{ledger:?}");
    let polled = host.bus.poll_part(&mut host.batch, 9, |_| {}, now);
    assert_eq!((polled, host.names()), (Polled::Batch, vec!["a", "b", "d"]));
    host.bus.settle(&mut host.batch, Accepted::All, now);
    host.expect_ledger([("delivered", 3), ("expired", 1)]);
    assert_eq!(crate::support::alive(), 0);
}
