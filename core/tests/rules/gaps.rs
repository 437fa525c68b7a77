//! Rule 9: losses are told where the missing updates would have been.

use std::time::Duration;

use statusbus_core::{Category, FlushReason, Gap, Leading, Overflow};

use crate::support::{Heard, Host, Note, TOLD, config, note};

/// A bus that has just lost these to its sink, at 0 ms.
fn failed(updates: impl IntoIterator<Item = Note>) -> Host {
    let mut host = Host::from_updates(config(10, 10), updates.into_iter().collect());
    host.poll();
    host.fail(0);
    host
}

#[test]
fn what_was_dropped_and_expired_stands_in_front_of_the_next_batch() {
    let mut host = Host::new(config(2, 10).leading(Leading::Delayed));
    host.queue([note("a").progress(), note("b").ttl(20)]);
    host.push(note("c"));
    host.push(note("d").progress());
    host.at(50).expect_gap([("evicted", 1), ("outranked", 1), ("expired", 1)], ["c"]);
}

#[test]
fn a_gap_is_told_once() {
    let mut host = Host::new(config(1, 10));
    host.queue([note("a")]);
    host.push(note("b"));
    host.expect_gap([("evicted", 1)], ["b"]);
    host.at(1_000).queue([note("c")]);
    host.expect_batch(["c"]);
}

#[test]
fn nothing_lost_is_no_gap() {
    let mut host = Host::new(config(10, 10));
    host.queue([note("a")]);
    host.poll();
    assert!(host.batch.gap().is_none());
    host.deliver();
}

#[test]
fn merging_is_no_gap() {
    let mut host = Host::new(config(10, 10));
    host.queue([note("a").key("k")]);
    host.push(note("b").key("k"));
    host.push(note("c").key("k").terminal());
    host.expect_batch(["c"]);
}

#[test]
fn what_is_refused_is_no_gap() {
    let mut host = Host::new(config(1, 10).overflow(Overflow::Reject));
    host.queue([note("a")]);
    host.push(note("b"));
    host.expect_batch(["a"]);
}

#[test]
fn losses_are_told_by_topic() {
    let mut host =
        failed([note("a").about("conv-1"), note("b").about("conv-2"), note("c").about("conv-1")]);
    host.at(50).poll();
    let gap = host.batch.take_gap().expect("three are missing");
    let counts: Vec<_> =
        gap.topics().iter().map(|((about, _), losses)| (*about, losses.dropped.sink)).collect();
    assert_eq!(counts, [("conv-1", 2), ("conv-2", 1)]);
    assert!(gap.elsewhere().is_empty());
    assert_eq!(gap.total().total(), 3);
}

#[test]
fn what_does_not_fit_the_table_is_of_the_whole_bus() {
    let mut host = failed(["1", "2", "3", "1", "4"].map(|name| note(name).about(name)));
    host.at(50).poll();
    let gap = host.batch.gap().expect("five are missing");
    assert_eq!(gap.topics().len(), TOLD);
    assert_eq!(gap.elsewhere().dropped.sink, 2);
    assert_eq!(gap.total().dropped.sink, 5);
    host.deliver();
}

#[test]
fn a_category_is_part_of_the_topic_of_a_loss() {
    let mut host = failed([note("a"), note("b").category(Category::TOOL)]);
    host.at(50).poll();
    assert_eq!(host.batch.gap().expect("two are missing").topics().len(), 2);
    host.deliver();
}

#[test]
fn if_nothing_else_is_due_the_gap_comes_by_itself_within_the_interval() {
    let mut host = failed([note("a")]);
    host.expect_next(50);
    host.at(49).expect_nothing();
    host.at(50).expect_gap([("sink", 1)], []);
    host.expect_next(None);
}

#[test]
fn a_gap_goes_with_what_is_due_before() {
    let mut host = failed([note("a")]);
    host.at(10).queue((0..10).map(|n| note(n.to_string())));
    host.expect_gap([("sink", 1)], ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    host.expect_next(None);
}

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
    host.at(40).fail(0);
    host.expect_next(50);
    host.at(50).expect_gap([("sink", 2)], []);
}

#[test]
fn a_shorter_interval_holds_for_a_gap_that_waits() {
    let mut host = failed([note("a")]);
    let interval = Duration::from_millis(5);
    host.at(10).reconfigure(config(10, 10).flush_interval(interval).expect("in range"));
    host.expect_next(15);
    host.at(15).expect_gap([("sink", 1)], []);
}

#[test]
fn a_flush_tells_a_gap_that_waits() {
    let mut host = failed([note("a")]);
    host.at(10).flush();
    host.expect_next(10);
    host.expect_in_flight([("sink", 1)], []);
    assert_eq!(host.batch.reason(), FlushReason::Flush);
    host.deliver();
}

#[test]
fn a_gap_by_itself_says_why_it_is_told() {
    let mut host = failed([note("a")]);
    host.at(50).expect_in_flight([("sink", 1)], []);
    assert_eq!(host.batch.reason(), FlushReason::Interval);
    host.deliver();

    let mut host = failed([note("a")]);
    host.close();
    host.expect_in_flight([("sink", 1)], []);
    assert_eq!(host.batch.reason(), FlushReason::Close);
    host.deliver();

    let mut host = failed([note("a")]);
    host.flush();
    host.close();
    host.expect_in_flight([("sink", 1)], []);
    assert_eq!(host.batch.reason(), FlushReason::Flush, "flush comes before close");
    host.deliver();
}

#[test]
fn a_flush_that_has_told_a_gap_does_not_hurry_the_next_one() {
    let mut host = failed([note("a")]);
    host.flush();
    host.expect_gap([("sink", 1)], []);
    host.at(50).queue([note("b")]);
    host.expect_in_flight([], ["b"]);
    host.fail(0);
    host.expect_next(100);
    host.at(100).expect_in_flight([("sink", 1)], []);
    assert_eq!(host.batch.reason(), FlushReason::Interval);
    host.deliver();
}

#[test]
fn a_flush_with_nothing_to_tell_does_not_hurry_a_later_gap() {
    let (small, large) = (config(1, 10), config(2, 10));
    let mut host = Host::new(large.leading(Leading::Delayed));
    host.flush();
    host.at(100).queue([note("a"), note("b")]);
    host.reconfigure(small.leading(Leading::Delayed));
    host.reconfigure(large.leading(Leading::Delayed));
    host.expect_nothing();
    host.expect_next(150);
    host.at(150).expect_gap([("shrunk", 1)], ["b"]);
}

#[test]
fn a_gap_has_a_position_of_its_own_in_front_of_the_batch() {
    let mut host = Host::new(config(2, 10));
    host.queue(["a", "b"].map(note));
    host.expect_batch(["a", "b"]);
    host.at(1_000).queue(["c", "d"].map(note));
    host.push(note("e"));
    host.poll();
    assert_eq!(host.batch.gap().map(Gap::seq), Some(3));
    assert_eq!(host.seqs(), [4, 5]);
    host.deliver();
    assert_eq!(host.bus.seq(), 5);
}

#[test]
fn a_gap_by_itself_has_a_position() {
    let mut host = failed([note("a")]);
    host.at(50).poll();
    assert_eq!(host.batch.gap().map(Gap::seq), Some(2));
    host.deliver();
    host.queue([note("b")]);
    host.at(100).poll();
    assert_eq!(host.seqs(), [3]);
    host.deliver();
}

#[test]
fn a_gap_that_the_sink_did_not_accept_is_told_with_the_next_batch() {
    let mut host = failed([note("a")]);
    host.at(50).expect_in_flight([("sink", 1)], []);
    host.fail(0);
    host.at(100).queue([note("b")]);
    host.poll();
    let gap = host.batch.gap().expect("one is missing");
    assert_eq!((gap.seq(), gap.total().dropped.sink), (3, 1));
    assert_eq!(gap.retold(), 1, "position 2 was that of the gap that nobody has got");
    host.deliver();
    host.at(1_000).queue([note("c")]);
    host.expect_batch(["c"]);
}

#[test]
fn a_gap_and_its_batch_that_the_sink_did_not_accept_are_told_together() {
    let mut host = Host::new(config(1, 10));
    host.queue([note("a")]);
    host.push(note("b"));
    host.expect_in_flight([("evicted", 1)], ["b"]);
    host.fail(0);
    host.at(50).expect_gap([("evicted", 1), ("sink", 1)], []);
}

#[test]
fn a_gap_in_front_of_updates_that_the_sink_accepted_is_told() {
    let mut host = Host::new(config(2, 10));
    host.queue([note("a"), note("b")]);
    host.push(note("c"));
    host.expect_in_flight([("evicted", 1)], ["b", "c"]);
    host.fail(1);
    host.at(50).expect_gap([("sink", 1)], []);
}

#[test]
fn a_gap_that_the_caller_took_out_is_told() {
    let mut host = failed([note("a")]);
    host.at(50).poll();
    assert!(host.batch.take_gap().is_some());
    host.fail(0);
    host.at(100).queue([note("b")]);
    host.expect_batch(["b"]);
}

#[test]
fn of_a_gap_that_was_passed_on_in_part_the_rest_is_told_with_the_next_batch() {
    let lost = |host: &Host| {
        let gap = host.batch.gap().expect("some are missing");
        let losses = (0..).map_while(|index| gap.loss(index));
        let losses = losses.map(|(topic, losses)| (topic.is_some(), losses.total()));
        (losses.collect::<Vec<_>>(), gap.retold())
    };
    // Of three topics the table has room for two.
    let all = [(true, 1), (true, 1), (false, 1)];
    for passed_on in 0..=all.len() {
        let mut host = failed(["c", "d", "e"].map(|chat| note("a").about(chat)));
        host.at(50).poll();
        assert_eq!(lost(&host), (all.to_vec(), 0));
        for _ in 0..passed_on {
            host.batch.confirm_losses(1);
        }
        host.fail(0);
        host.at(100).queue([note("b")]);
        host.poll();
        if passed_on == all.len() {
            assert!(host.batch.gap().is_none());
        } else {
            // A record of which a part came through has not been missed.
            let retold = u64::from(passed_on == 0);
            assert_eq!(lost(&host), (all[passed_on..].to_vec(), retold), "{passed_on} passed on");
        }
        host.batch.confirm_losses(usize::MAX);
        assert!(host.batch.gap().is_none());
        host.deliver();
    }
}

#[test]
fn a_sink_that_keeps_failing_makes_nothing_spin() {
    let mut host = failed([note("a")]);
    host.at(50).expect_in_flight([("sink", 1)], []);
    host.fail(0);
    host.expect_next(None);
    for ms in 50..500 {
        host.at(ms).expect_nothing();
    }
}

#[test]
fn closed_with_a_sink_that_keeps_failing_the_bus_comes_to_an_end() {
    let mut host = Host::new(config(10, 2));
    host.queue(["a", "b", "c"].map(note));
    host.close();
    let mut polls = 0;
    while host.poll().0 {
        host.fail(0);
        polls += 1;
        assert!(polls < 10, "it spins");
    }
    assert!(host.bus.is_drained());
    host.expect_next(None);
    host.expect_ledger([("sink", 3)]);
}

#[test]
fn a_gap_by_itself_is_a_batch_without_updates() {
    let mut host = failed([note("a")]);
    host.heard();
    host.at(50).poll();
    assert!(host.batch.is_empty());
    let heard = host.heard();
    assert!(matches!(heard[..], [Heard::HandedOn(batch)] if batch.size == 0), "{heard:?}");
    host.deliver();
    host.expect_ledger([("sink", 1)]);
}
