//! Rule 7: batches leave by value and are settled.

use std::time::Duration;

use statusbus_core::{Batch, Bus, Category, FlushReason, Instant, Item, Leading, Priority, Slot};

use crate::support::{Host, Note, Told, config, note};

fn host() -> Host {
    Host::new(config(10, 10))
}

#[test]
fn what_left_in_a_batch_is_in_flight_until_it_is_settled() {
    let mut host = host();
    host.queue(["a", "b"].map(note));
    host.expect_in_flight([], ["a", "b"]);
    host.expect_ledger([("in_flight", 2)]);
    host.deliver();
    host.expect_ledger([("delivered", 2)]);
}

#[test]
fn while_a_batch_is_in_flight_the_bus_is_free() {
    let mut host = host();
    host.queue([note("a")]);
    host.expect_in_flight([], ["a"]);
    host.queue([note("b")]);
    host.lay_aside();
    host.at(50).expect_in_flight([], ["b"]);
    host.lay_aside();
    host.expect_ledger([("in_flight", 2)]);
    host.take_up();
    host.deliver();
    host.take_up();
    host.deliver();
    host.expect_ledger([("delivered", 2)]);
}

#[test]
fn a_delivered_batch_leaves_the_buffer_empty() {
    let mut host = host();
    host.queue([note("a")]);
    host.expect_batch(["a"]);
    assert!(host.batch.is_empty() && host.batch.gap().is_none());
    assert_eq!(host.batch.iter().count(), 0);
    assert_eq!(host.batch.topics().count(), 0);
}

#[test]
fn a_batch_is_settled_once() {
    let mut host = host();
    host.queue([note("a")]);
    host.expect_batch(["a"]);
    host.deliver();
    host.fail(0);
    host.fail(7);
    host.expect_ledger([("delivered", 1)]);
    host.at(50).expect_nothing();
}

#[test]
fn an_empty_buffer_can_be_settled() {
    let mut host = host();
    host.deliver();
    host.fail(0);
    host.expect_ledger([]);
    host.expect_next(None);
}

#[test]
fn what_the_sink_did_not_accept_is_dropped_with_that_reason() {
    let mut host = host();
    host.queue(["a", "b", "c"].map(note));
    host.expect_in_flight([], ["a", "b", "c"]);
    host.fail(0);
    host.expect_ledger([("sink", 3)]);
    assert!(host.batch.is_empty());
}

#[test]
fn a_sink_may_accept_the_first_few() {
    let mut host = host();
    host.queue(["a", "b", "c"].map(note));
    host.expect_in_flight([], ["a", "b", "c"]);
    host.fail(2);
    host.expect_ledger([("delivered", 2), ("sink", 1)]);
}

#[test]
fn a_sink_that_accepts_more_than_there_were_has_accepted_them_all() {
    let mut host = host();
    host.queue([note("a")]);
    host.expect_in_flight([], ["a"]);
    host.fail(99);
    host.expect_ledger([("delivered", 1)]);
    host.at(50).expect_nothing();
}

#[test]
fn a_batch_that_is_polled_over_counts_as_not_accepted() {
    let mut host = host();
    host.queue([note("a")]);
    host.expect_in_flight([], ["a"]);
    host.queue([note("b")]);
    host.at(50).expect_in_flight([("sink", 1)], ["b"]);
    host.deliver();
    host.expect_ledger([("delivered", 1), ("sink", 1)]);
}

#[test]
fn a_batch_that_is_polled_over_is_settled_even_if_nothing_is_due() {
    let mut host = host();
    host.queue([note("a")]);
    host.expect_in_flight([], ["a"]);
    host.expect_nothing();
    host.expect_ledger([("sink", 1)]);
    host.at(50).expect_gap([("sink", 1)], []);
}

#[test]
fn updates_can_be_taken_out_in_order() {
    let mut host = host();
    host.queue(["a", "b", "c"].map(note));
    host.expect_in_flight([], ["a", "b", "c"]);
    assert_eq!(host.take_out(9), [(1, "a".into()), (2, "b".into()), (3, "c".into())]);
    host.expect_ledger([("in_flight", 3)]);
    host.deliver();
    host.expect_ledger([("delivered", 3)]);
}

#[test]
fn a_caller_that_stops_half_way_strands_nothing() {
    let mut host = host();
    host.queue(["a", "b", "c", "d"].map(note));
    host.expect_in_flight([], ["a", "b", "c", "d"]);
    assert_eq!(host.take_out(1), [(1, "a".into())]);
    assert_eq!((host.batch.len(), host.names()), (3, vec!["b", "c", "d"]));
    assert_eq!(host.take_out(2), [(2, "b".into()), (3, "c".into())]);
    assert_eq!(host.seqs(), [4]);
    host.fail(3);
    host.expect_ledger([("delivered", 3), ("sink", 1)]);
}

#[test]
fn a_sink_may_leave_out_one_in_the_middle() {
    let mut host = host();
    host.queue([note("a"), note("b").about("conv-2"), note("c")]);
    host.expect_in_flight([], ["a", "b", "c"]);
    assert_eq!(host.fail_at(2), Some("b".into()), "it is handed back");
    assert_eq!((host.batch.len(), host.names(), host.seqs()), (2, vec!["a", "c"], vec![1, 3]));
    host.expect_ledger([("sink", 1), ("in_flight", 2)]);
    host.expect_next(50); // the gap
    host.deliver();
    host.expect_ledger([("delivered", 2), ("sink", 1)]);
    host.at(50).poll();
    let gap = host.batch.gap().expect("one is missing");
    assert_eq!((gap.topics().len(), gap.topics()[0].0.0), (1, "conv-2"), "its topic is known");
    host.deliver();
}

#[test]
fn one_that_is_left_out_is_left_out_once() {
    let mut host = host();
    host.queue(["a", "b", "c"].map(note));
    host.expect_in_flight([], ["a", "b", "c"]);
    assert_eq!(host.fail_at(2), Some("b".into()));
    for seq in [2, 0, 4, u64::MAX] {
        assert_eq!(host.fail_at(seq), None);
    }
    host.expect_ledger([("sink", 1), ("in_flight", 2)]);
    host.take_out(1);
    assert_eq!(host.fail_at(1), None, "the caller has it");
    host.deliver();
    assert_eq!(host.fail_at(3), None, "it is settled");
    host.expect_ledger([("delivered", 2), ("sink", 1)]);
}

#[test]
fn a_sink_that_goes_down_behind_one_that_was_left_out_has_accepted_what_came_before() {
    for (accepted, delivered) in [(0, 0), (1, 1), (2, 1), (3, 2), (4, 3), (9, 3)] {
        let mut host = host();
        host.queue(["a", "b", "c", "d"].map(note));
        host.expect_in_flight([], ["a", "b", "c", "d"]);
        host.fail_at(2);
        host.fail(accepted);
        let ledger = host.bus.ledger();
        assert_eq!((ledger.delivered, ledger.dropped.sink), (delivered, 4 - delivered));
    }
}

#[test]
fn what_was_taken_out_behind_one_that_was_left_out_is_told_apart_from_it() {
    let mut host = host();
    host.queue(["a", "b", "c", "d"].map(note));
    host.expect_in_flight([], ["a", "b", "c", "d"]);
    host.fail_at(2);
    assert_eq!(host.take_out(2), [(1, "a".into()), (3, "c".into())]);
    assert_eq!((host.batch.len(), host.names()), (1, vec!["d"]));
    host.fail(1);
    host.expect_ledger([("delivered", 1), ("sink", 3)]);
    host.at(50).poll();
    let gap = host.batch.gap().expect("three are missing");
    assert_eq!(gap.elsewhere().dropped.sink, 1, "the topic of \"c\" is not known any more");
    assert_eq!(gap.topics()[0].1.dropped.sink, 2);
    host.deliver();
}

#[test]
fn a_batch_of_which_everything_was_left_out_is_settled_like_any_other() {
    let mut host = host();
    host.queue([note("a"), note("b")]);
    host.expect_in_flight([], ["a", "b"]);
    host.fail_at(1);
    host.fail_at(2);
    assert!(host.batch.is_empty());
    host.expect_ledger([("sink", 2)]);
    host.deliver();
    host.queue([note("c")]);
    host.at(50).expect_gap([("sink", 2)], ["c"]);
    host.queue([note("d")]);
    host.at(100).expect_in_flight([], ["d"]);
    host.fail_at(5);
    host.queue([note("e")]);
    host.at(150).expect_gap([("sink", 1)], ["e"]); // polled over
    host.expect_ledger([("delivered", 2), ("sink", 3)]);
}

#[test]
fn what_was_left_out_is_in_no_topic_and_not_given_away() {
    let mut host = host();
    host.queue([note("a"), note("b").about("conv-2"), note("c")]);
    host.expect_in_flight([], ["a", "b", "c"]);
    host.fail_at(1);
    let topics: Vec<_> = host.batch.topics().map(|topic| topic.topic().0).collect();
    assert_eq!(topics, ["conv-2", "conv"]);
    let now = host.now();
    let (updates, receipt) = host.batch.detach(items(10));
    assert_eq!(updates.iter().map(|handed| handed.seq).collect::<Vec<_>>(), [2, 3]);
    assert!(updates.get(0).is_none());
    drop(updates);
    assert_eq!(host.fail_at(2), None, "it is not in the batch any more");
    host.bus.settle_failed(receipt, 1, now);
    host.expect_ledger([("delivered", 1), ("sink", 2)]);
}

#[test]
fn what_was_taken_out_and_then_failed_is_dropped_without_its_topic() {
    let mut host = host();
    host.queue(["a", "b"].map(|name| note(name).about("conv-1")));
    host.expect_in_flight([], ["a", "b"]);
    host.take_out(1);
    host.fail(0);
    host.expect_ledger([("sink", 2)]);
    host.at(50).poll();
    let gap = host.batch.gap().expect("two are missing");
    assert_eq!(gap.elsewhere().dropped.sink, 1);
    assert_eq!(gap.topics().len(), 1);
    assert_eq!(gap.topics()[0].1.dropped.sink, 1);
    host.deliver();
}

fn items(count: usize) -> Box<[Item<Note>]> {
    (0..count).map(|_| Item::VACANT).collect()
}

#[test]
fn updates_can_be_given_away_with_their_items_and_settled_by_receipt() {
    let mut host = host();
    host.queue(["a", "b"].map(note));
    host.expect_in_flight([], ["a", "b"]);
    let now = host.now();
    let (mut detached, receipt) = host.batch.detach(items(3));
    assert_eq!((host.batch.len(), host.batch.capacity()), (0, 3));
    assert_eq!((detached.len(), detached.first_seq()), (2, 1));
    let seen: Vec<_> = detached.iter().map(|it| (it.seq, it.update.name().to_owned())).collect();
    assert_eq!(seen, [(1, "a".to_owned()), (2, "b".to_owned())]);
    assert_eq!(detached.get(1).map(|it| (it.seq, it.update.name())), Some((2, "b")));
    assert!(detached.get(2).is_none());
    assert_eq!(detached.iter_mut().map(|note| note.name().to_owned()).collect::<String>(), "ab");
    host.expect_ledger([("in_flight", 2)]);
    assert_eq!(detached.into_items().len(), 256);
    host.bus.settle(receipt, now);
    host.expect_ledger([("delivered", 2)]);
    // the buffer goes on with the items that it was given
    host.queue([note("c")]);
    host.at(50).expect_batch(["c"]);
}

#[test]
fn what_was_given_away_and_not_accepted_is_dropped_and_told_as_of_the_whole_bus() {
    let mut host = host();
    host.queue(["a", "b", "c"].map(note));
    host.expect_in_flight([], ["a", "b", "c"]);
    let now = host.now();
    let (detached, receipt) = host.batch.detach(items(10));
    drop(detached);
    host.bus.settle_failed(receipt, 1, now);
    host.expect_ledger([("delivered", 1), ("sink", 2)]);
    host.expect_next(50);
    host.at(50).poll();
    let gap = host.batch.gap().expect("two are missing");
    assert_eq!((gap.elsewhere().dropped.sink, gap.topics().len()), (2, 0));
    host.deliver();
}

#[test]
fn a_batch_whose_updates_were_given_away_is_not_settled_a_second_time() {
    let mut host = host();
    host.queue([note("a")]);
    host.expect_in_flight([], ["a"]);
    let now = host.now();
    let (detached, receipt) = host.batch.detach(items(10));
    drop(detached);
    host.deliver();
    host.fail(0);
    host.expect_ledger([("in_flight", 1)]);
    host.bus.settle(receipt, now);
    host.expect_ledger([("delivered", 1)]);
}

#[test]
fn the_gap_of_a_batch_whose_updates_were_given_away_is_told_with_the_next_one_unless_it_was_taken()
{
    for taken in [true, false] {
        let mut host = Host::new(config(1, 10));
        host.queue([note("a")]);
        host.push(note("b"));
        host.expect_in_flight([("evicted", 1)], ["b"]);
        let now = host.now();
        let gap = taken.then(|| host.batch.take_gap());
        let (detached, receipt) = host.batch.detach(items(10));
        drop(detached);
        host.bus.settle(receipt, now);
        host.queue([note("c")]);
        let losses = if gap.is_some() { vec![] } else { vec![("evicted", 1)] };
        host.at(50).poll();
        assert_eq!(host.losses(), losses);
        host.deliver();
    }
}

#[test]
fn an_update_in_a_batch_knows_its_priority_and_what_is_left_of_its_life() {
    let mut host = host();
    host.queue([note("a")]);
    host.expect_batch(["a"]);
    host.at(10).queue([
        note("b").ttl(100),
        note("c").terminal(),
        note("d").category(Category::PROGRESS),
        note("e").ttl(40).progress(),
    ]);
    host.at(50).poll();
    assert_eq!(host.names(), ["b", "c", "d"], "\"e\" has expired");
    let seen: Vec<_> = host.batch.iter().map(|it| (it.priority, it.ttl_left())).collect();
    let left = Some(Duration::from_millis(60));
    let expected =
        [(Priority::State, left), (Priority::Terminal, None), (Priority::Progress, None)];
    assert_eq!(seen, expected);
    host.deliver();
}

#[test]
fn what_expires_while_a_batch_is_in_flight_is_the_readers_affair() {
    let mut host = host();
    host.queue([note("a").ttl(1)]);
    host.expect_in_flight([], ["a"]);
    host.at(100).deliver();
    host.expect_ledger([("delivered", 1)]);
}

#[test]
fn a_host_that_panics_over_an_expired_update_strands_nothing() {
    let mut host = host();
    host.queue([note("a"), note("b").ttl(0), note("c")]);
    let now = host.now();
    let poll = || host.bus.poll_with(&mut host.batch, |_| std::panic::panic_any("oh"), now);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll)).is_err());
    host.expect_gap([("expired", 1)], ["a", "c"]);
    host.expect_ledger([("delivered", 2), ("expired", 1)]);
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
fn a_batch_says_why_it_was_due() {
    let mut host = Host::new(config(10, 2).leading(Leading::Delayed));
    host.queue(["a", "b", "c"].map(note));
    host.close();
    for reason in [FlushReason::Full, FlushReason::Close] {
        host.poll();
        assert_eq!(host.batch.reason(), reason);
        host.deliver();
    }
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

#[test]
fn a_buffer_can_stand_in_a_const() {
    const BUFFER: Batch<crate::support::Plain, [Item<crate::support::Plain>; 2]> = Batch::new();
    let mut bus: Bus<_, [Slot<_>; 2]> = Bus::default();
    let mut batch = BUFFER;
    assert_eq!(batch.capacity(), 2);
    let _ = bus.push(note("a").plain(), Instant::ZERO);
    assert!(bus.poll(&mut batch, Instant::ZERO));
    assert_eq!(batch.len(), 1);
    bus.delivered(&mut batch, Instant::ZERO);
}
