//! Rule 9: losses are reported where the missing updates would have been.

use statusbus_core::{Accepted, FlushReason, Gap, Leading, Losses, Overflow};

use crate::support::{Host, Note, ROWS, config, delayed, losses_of, note};

/// A bus that has just lost these to its sink, at 0 ms.
fn failed(updates: impl IntoIterator<Item = Note>) -> Host {
    let mut host = Host::from_updates(config(10, 10), updates.into_iter().collect());
    host.poll();
    host.fail(0);
    host
}

/// Nothing but the report that overflow is over, a second behind its start, has a deadline.
const IDLE: u64 = 1_000;

/// A bus of one slot with "b" in flight behind a gap that has the loss of "a".
fn on_its_way() -> Host {
    let mut host = Host::new(config(1, 10));
    host.queue([note("a")]);
    host.push(note("b"));
    host.expect_in_flight([("evicted", 1)], ["b"]);
    host.lay_aside();
    host
}

/// Queues "c", which is lost, and "d".
fn lose_another(host: &mut Host) {
    host.queue([note("c")]);
    host.push(note("d"));
}

/// The losses of the gap in the buffer: whether each has a topic, and how many they are.
fn rows(host: &Host) -> Vec<(bool, u64)> {
    let gap = host.gap();
    let rows = (0..).map_while(|index| gap.loss(index));
    rows.map(|(topic, losses)| (topic.is_some(), losses.total())).collect()
}

#[test]
fn losses_are_listed_by_topic_and_then_elsewhere() {
    let mut host = failed(["1", "2", "3", "1", "4"].map(|name| note(name).about(name)));
    host.advance_to(50).poll();
    assert_eq!(rows(&host), [(true, 2), (true, 1), (false, 2)]);
    let gap = host.gap();
    let topics: Vec<_> =
        gap.topics().map(|(topic, losses)| (topic.0, losses.dropped.sink)).collect();
    assert_eq!(topics, [("1", 2), ("2", 1)]);
    assert_eq!((gap.topics().len(), gap.elsewhere().dropped.sink), (ROWS, 2));
    assert_eq!((gap.total().dropped.sink, gap.total().total()), (5, 5));
    assert_eq!((gap.confirmed(), gap.retold()), (0, 0));
    host.deliver();
}

#[test]
fn losses_add_up() {
    let mut losses = Losses::default();
    assert!(losses.is_empty());
    let mut other = Losses::default();
    (other.expired, other.dropped.sink) = (2, 3);
    losses.add(&other);
    losses.add(&other);
    assert_eq!(losses_of(&losses), [("sink", 6), ("expired", 4)]);
    assert_eq!((losses.total(), losses.is_empty()), (10, false));
}

// One gap on its way at a time

#[test]
fn later_losses_wait_until_the_gap_on_its_way_is_settled() {
    for accepted in [Accepted::All, Accepted::First(1)] {
        let mut host = on_its_way();
        host.advance_to(10);
        lose_another(&mut host);
        host.expect_batch(["d"]); // without a gap
        host.expect_next(IDLE);
        host.expect_nothing();
        host.advance_to(200).expect_nothing();
        host.flush();
        host.expect_next(IDLE);
        host.take_up();
        host.advance_to(300).settle(accepted);
        assert!(host.bus.take_wake(), "the poller waits for nothing else");
        host.expect_next(300);
        host.expect_in_flight([("evicted", 1)], []);
        assert_eq!(host.batch.reason(), FlushReason::Flush);
        host.deliver();
        host.expect_next(IDLE);
    }
}

#[test]
fn later_losses_come_within_the_interval_once_the_gap_before_is_settled() {
    let mut host = on_its_way();
    host.advance_to(10);
    lose_another(&mut host);
    host.expect_batch(["d"]);
    host.take_up();
    host.advance_to(20).deliver();
    host.expect_next(60); // an interval after the batch that could not report them
    host.advance_to(59).expect_nothing();
    host.advance_to(60).expect_gap([("evicted", 1)], []);
}

#[test]
fn later_losses_go_with_the_next_batch_once_the_gap_before_is_settled() {
    let mut host = on_its_way();
    lose_another(&mut host);
    host.take_up();
    host.deliver();
    host.expect_gap([("evicted", 1)], ["d"]);
}

#[test]
fn a_gap_that_is_confirmed_makes_way_before_its_batch_is_settled() {
    let mut host = on_its_way();
    lose_another(&mut host);
    host.expect_batch(["d"]);
    host.expect_nothing();
    host.take_up();
    assert_eq!(host.losses(), [("evicted", 1)]);
    host.confirm_losses(usize::MAX);
    assert_eq!((host.losses(), host.batch.gap_seq()), (vec![], Some(1)), "it is passed on");
    assert!(host.bus.take_wake());
    host.lay_aside();
    host.advance_to(50).expect_in_flight([("evicted", 1)], []);
    host.lay_aside();
    host.take_up(); // "b"
    host.fail(0); // its gap was passed on: only "b" is lost
    host.take_up();
    host.deliver();
    host.advance_to(100).expect_gap([("sink", 1)], []);
}

#[test]
fn a_gap_that_was_not_accepted_is_reported_with_the_losses_that_waited_for_it() {
    let mut host = on_its_way();
    lose_another(&mut host);
    host.expect_batch(["d"]);
    host.take_up();
    host.advance_to(20).fail(0);
    host.expect_next(50);
    host.advance_to(50).expect_in_flight([("evicted", 2), ("sink", 1)], []);
    assert_eq!((host.gap().seq(), host.gap().retold()), (4, 1));
    host.deliver();
}

#[test]
fn a_failure_of_a_batch_without_the_gap_leaves_that_on_its_way() {
    let mut host = on_its_way();
    host.queue([note("c")]);
    host.advance_to(50).expect_in_flight([], ["c"]);
    host.fail(0);
    host.expect_next(IDLE); // the loss waits
    host.take_up();
    assert_eq!(host.losses(), [("evicted", 1)]);
    host.deliver();
    host.expect_next(100);
    host.advance_to(100).expect_gap([("sink", 1)], []);
}

#[test]
fn a_shorter_interval_holds_for_a_gap_that_waits_for_another() {
    let mut host = on_its_way();
    lose_another(&mut host);
    host.expect_batch(["d"]);
    let interval = std::time::Duration::from_millis(5);
    host.advance_to(10);
    host.reconfigure(config(1, 10).with_flush_interval(interval).expect("in range"));
    host.expect_next(IDLE);
    host.take_up();
    host.deliver();
    host.expect_next(15);
    host.advance_to(15).expect_gap([("evicted", 1)], []);
}

// Confirming and settling

#[test]
fn a_batch_with_only_a_gap_is_accepted_whole_or_not_at_all() {
    for (accepted, again) in
        [(Accepted::All, false), (Accepted::First(1), false), (Accepted::First(0), true)]
    {
        let mut host = failed([note("a")]);
        host.advance_to(50).expect_in_flight([("sink", 1)], []);
        assert_eq!((host.batch.len(), host.batch.gap_seq()), (0, Some(2)));
        host.settle(accepted);
        host.expect_next(None); // a sink that fails is not asked again by itself
        host.advance_to(1_000).expect_nothing();
        host.queue([note("b")]);
        host.poll();
        assert_eq!(host.losses(), if again { vec![("sink", 1)] } else { vec![] });
        assert_eq!(host.bus.gap(&host.batch).map(Gap::retold), again.then_some(1));
        host.deliver();
        host.queue([note("c")]);
        host.advance_to(2_000).expect_batch(["c"]);
    }
}

#[test]
fn of_a_gap_that_was_passed_on_in_part_the_rest_is_reported_with_the_next_batch() {
    // Of three topics the table has room for two.
    let all = [(true, 1), (true, 1), (false, 1)];
    for passed_on in 0..=all.len() + 1 {
        for one_by_one in [true, false] {
            let mut host = failed(["c", "d", "e"].map(|topic| note("a").about(topic)));
            host.advance_to(50).poll();
            assert_eq!((rows(&host), host.gap().retold()), (all.to_vec(), 0));
            if one_by_one {
                (0..passed_on).for_each(|_| host.confirm_losses(1));
            } else {
                host.confirm_losses(passed_on);
            }
            if passed_on < all.len() {
                assert_eq!((host.gap().confirmed(), host.gap().seq()), (passed_on, 4));
            }
            host.fail(0);
            host.advance_to(100).queue([note("b")]);
            host.poll();
            if passed_on < all.len() {
                assert_eq!(rows(&host), all[passed_on..], "{passed_on} passed on");
                // A reader has seen the position of a gap of which a part was passed on.
                assert_eq!(host.gap().retold(), u64::from(passed_on == 0));
            } else {
                assert_eq!(host.losses(), []);
            }
            host.confirm_losses(usize::MAX);
            assert_eq!(host.losses(), []);
            host.deliver();
        }
    }
}

#[test]
fn losses_of_a_gap_taken_back_join_the_rows_of_their_topics() {
    let mut host = failed([note("a").about("1"), note("b").about("2"), note("c").about("3")]);
    host.advance_to(50).expect_in_flight([("sink", 3)], []);
    host.lay_aside();
    host.queue([note("d").about("4"), note("e").about("1")]);
    host.advance_to(100).expect_in_flight([], ["d", "e"]);
    host.fail(0);
    host.take_up();
    host.fail(0);
    host.advance_to(150).poll();
    let topics: Vec<_> = host.gap().topics().map(|(topic, lost)| (topic.0, lost.total())).collect();
    assert_eq!(topics, [("4", 1), ("1", 2)]);
    assert_eq!(host.gap().elsewhere().total(), 2, "\"2\" finds no row any more");
    host.deliver();
}

#[test]
fn each_gap_that_was_not_accepted_counts_as_retold() {
    let mut host = failed([note("a")]);
    for round in 1..5_u64 {
        host.advance_to(round * 1_000).queue([note("b")]);
        host.poll();
        assert_eq!(host.gap().retold(), round - 1);
        host.fail(0);
    }
    host.advance_to(9_000).poll();
    host.confirm_losses(0);
    assert_eq!(host.gap().retold(), 4);
    host.confirm_losses(1); // all: they have one topic
    host.fail(0);
    host.queue([note("c")]);
    host.advance_to(10_000).expect_batch(["c"]);
}

#[test]
fn confirming_without_a_gap_does_nothing() {
    let mut host = on_its_way();
    host.confirm_losses(usize::MAX); // another buffer than that of the gap
    host.take_up();
    assert_eq!(host.losses(), [("evicted", 1)]);
    host.deliver();
    host.confirm_losses(usize::MAX);
}

// Deadlines and reasons

#[test]
fn a_later_loss_does_not_put_a_gap_off() {
    let mut host = Host::new(config(10, 1));
    host.queue(["a", "b"].map(note));
    host.expect_in_flight([], ["a"]);
    host.lay_aside();
    host.expect_in_flight([], ["b"]);
    host.fail(0);
    host.expect_next(50);
    host.take_up();
    host.advance_to(40).fail(0);
    host.expect_next(50);
    host.advance_to(50).expect_gap([("sink", 2)], []);
}

#[test]
fn for_a_gap_by_itself_flush_comes_before_close() {
    let mut host = failed([note("a")]);
    host.flush();
    host.close();
    host.expect_in_flight([("sink", 1)], []);
    assert_eq!(host.batch.reason(), FlushReason::Flush);
    host.deliver();
}

#[test]
fn a_flush_with_nothing_to_report_does_not_hurry_a_later_gap() {
    let (small, large) = (config(1, 10), config(2, 10));
    let mut host = Host::new(large.with_leading(Leading::Delayed));
    host.flush();
    host.advance_to(100).queue([note("a"), note("b")]);
    host.reconfigure(small.with_leading(Leading::Delayed));
    host.reconfigure(large.with_leading(Leading::Delayed));
    host.expect_nothing();
    host.expect_next(150);
    host.advance_to(150).expect_gap([("shrunk", 1)], ["b"]);
}

#[test]
fn an_update_that_leaves_behind_no_queue_is_reported_within_the_interval() {
    // "a" expires alone in the queue, and only the poll for its deadline notices it.
    let mut host = delayed(4, 4);
    host.queue([note("a").ttl(10)]);
    host.expect_next(50);
    host.advance_to(50).expect_gap([("expired", 1)], []);
    host.expect_next(None);
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn what_is_lost_and_reported_adds_up_over_a_long_run() {
    let mut host = Host::new(config(5, 3).with_overflow(Overflow::DropOldest));
    let mut reported = 0;
    let mut random = 3_u64;
    for now in 0..5_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(now);
        host.advance_to(now);
        match random >> 60 {
            0..=8 => {
                host.push(note("a").ttl(random >> 40 & 63));
            }
            9 => {
                host.flush();
            }
            _ => {
                let accepted = random >> 50 & 3;
                if host.poll() {
                    let losses: u64 = host.losses().iter().map(|&(_, count)| count).sum();
                    reported += if accepted > 0 { losses } else { 0 };
                    host.fail(accepted as usize);
                }
            }
        }
    }
    host.close();
    while host.poll() {
        reported += host.losses().iter().map(|&(_, count)| count).sum::<u64>();
        host.deliver();
    }
    let ledger = host.bus.ledger();
    assert_eq!(reported, ledger.dropped.total() + ledger.expired);
    assert!(host.bus.is_drained());
    assert!(reported > 100, "{reported}");
}
