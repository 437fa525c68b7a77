//! Rule 10: what telemetry hears.

use std::time::Duration;

use statusbus_core::{
    Category, Depth, DropReason, FlushReason, HandedOn, Item, Leading, Overflow, OverflowEdge,
    RefuseReason,
};

use crate::support::{Heard, Host, config, note};

const STARTED: Heard = Heard::Overflow(OverflowEdge::Started);

const fn ended(lost: u64) -> Heard {
    Heard::Overflow(OverflowEdge::Ended { lost })
}

#[test]
fn a_batch_handed_on_is_heard_with_its_size_reason_and_longest_wait() {
    let mut host = Host::new(config(10, 2).leading(Leading::Delayed));
    host.at(10).queue([note("a")]);
    host.at(25).queue(["b", "c"].map(note));
    host.at(30).poll();
    let (size, reason, left) = (2, FlushReason::Full, 1);
    let longest_wait = Duration::from_millis(20);
    assert_eq!(host.heard(), [Heard::HandedOn(HandedOn { size, reason, longest_wait, left })]);
    host.deliver();
}

#[test]
fn a_settled_batch_is_heard_with_its_latency() {
    let mut host = Host::new(config(10, 2));
    for fail in [false, true] {
        host.at(1_000 * u64::from(fail)).queue([note("a")]);
        host.poll();
        host.at(1_000 * u64::from(fail) + 7);
        if fail {
            host.fail(0);
        } else {
            host.deliver();
        }
        assert_eq!(host.heard().pop(), Some(Heard::Settled(Duration::from_millis(7))));
    }
}

#[test]
fn every_batch_is_heard_to_be_settled_once() {
    let mut host = Host::new(config(1, 10));
    let settled = |host: &mut Host| {
        host.heard().iter().filter(|heard| matches!(heard, Heard::Settled(_))).count()
    };
    host.queue([note("a")]);
    host.push(note("b"));
    host.expect_in_flight([("evicted", 1)], ["b"]);
    let now = host.now();
    let (updates, receipt) = host.batch.detach(Box::new([const { Item::VACANT }; 4]));
    drop(updates);
    host.bus.settle(receipt, now);
    assert_eq!(settled(&mut host), 1, "by its receipt");
    // the gap was left where it was
    host.at(50).queue([note("c")]);
    host.expect_in_flight([("evicted", 1)], ["c"]);
    assert_eq!(settled(&mut host), 0, "not a second time");
    host.fail(0);
    assert_eq!(settled(&mut host), 1);
    host.at(100).expect_in_flight([("evicted", 1), ("sink", 1)], []);
    host.batch.take_gap();
    host.deliver();
    assert_eq!(settled(&mut host), 1, "one that was only a gap, which was taken out");
    host.deliver();
    host.fail(0);
    assert_eq!(settled(&mut host), 0, "it is settled");
}

#[test]
fn every_loss_is_heard_by_its_reason() {
    let mut host = Host::new(config(1, 2));
    host.queue([note("a").key("k").ttl(5)]);
    host.push(note("b").key("k").ttl(5));
    host.push(note("c").progress());
    host.at(10).push(note("d").progress());
    host.push(note("e").category(Category::from_index(9).expect("below 32")));
    let heard = [
        Heard::Coalesced,
        STARTED,
        Heard::Dropped(DropReason::Outranked),
        Heard::Expired,
        Heard::Refused(RefuseReason::UnknownCategory),
    ];
    assert_eq!(host.heard(), heard);
    host.push(note("f"));
    assert_eq!(host.heard(), [Heard::Dropped(DropReason::Evicted)]);
    host.poll();
    host.heard();
    host.fail(0);
    let settled = Heard::Settled(Duration::ZERO);
    assert_eq!(host.heard(), [Heard::Dropped(DropReason::Sink), settled]);
    host.bus.refuse(RefuseReason::TooLarge);
    assert_eq!(host.heard(), [Heard::Refused(RefuseReason::TooLarge)]);
}

#[test]
fn what_expires_in_the_queue_is_heard() {
    let mut host = Host::new(config(4, 4));
    host.queue(["a", "b"].map(|name| note(name).ttl(0)));
    host.poll();
    assert_eq!(host.heard()[..2], [Heard::Expired, Heard::Expired]);
    host.deliver();
}

#[test]
fn what_a_smaller_limit_removes_is_heard_and_is_no_overflow() {
    let mut host = Host::new(config(4, 4));
    host.queue(["a", "b"].map(note));
    host.reconfigure(config(1, 4));
    assert_eq!(host.heard(), [Heard::Dropped(DropReason::Shrunk)]);
}

#[test]
fn overflow_starts_with_the_first_loss_and_ends_when_the_queue_is_drained_to_half() {
    let mut host = Host::new(config(4, 10).overflow(Overflow::DropNewest));
    host.queue(["a", "b", "c", "d"].map(note));
    assert!(!host.bus.is_overflowing() && host.heard().is_empty());
    let dropped = Heard::Dropped(DropReason::Newest);
    for _ in 0..3 {
        host.push(note("e"));
        assert!(host.bus.is_overflowing());
    }
    assert_eq!(host.heard(), [STARTED, dropped, dropped, dropped], "started is heard once");
    host.use_buffer(1);
    host.poll();
    assert!(host.bus.is_overflowing(), "three of four are left");
    host.deliver();
    host.poll();
    assert!(!host.bus.is_overflowing());
    let edges = host.heard().into_iter().filter(|heard| matches!(heard, Heard::Overflow(_)));
    assert_eq!(edges.collect::<Vec<_>>(), [ended(3)]);
    host.deliver();
}

#[test]
fn overflow_is_heard_under_every_policy() {
    for overflow in Overflow::ALL {
        let mut host = Host::new(config(1, 10).overflow(overflow));
        for round in 0..3 {
            host.at(round * 1_000).queue([note("a")]);
            host.push(note("b"));
            host.push(note("c"));
            host.drain();
            let edges =
                host.heard().into_iter().filter(|heard| matches!(heard, Heard::Overflow(_)));
            assert_eq!(edges.collect::<Vec<_>>(), [STARTED, ended(2)], "{overflow:?}");
        }
    }
}

#[test]
fn merging_is_no_overflow() {
    let mut host = Host::new(config(1, 10));
    host.queue([note("a").key("k")]);
    host.push(note("b").key("k"));
    assert_eq!(host.heard(), [Heard::Coalesced]);
}

#[test]
fn the_depth_is_that_of_now_and_its_peak_since_it_was_last_read() {
    let mut host = Host::new(config(10, 10));
    host.queue(["a", "b", "c"].map(note));
    host.expect_batch(["a", "b", "c"]);
    host.at(10).queue([note("d")]);
    host.at(25).queue([note("e")]);
    let oldest = Duration::from_millis(15);
    assert_eq!(host.bus.depth(), Depth { queued: 2, peak: 3, oldest });
    assert_eq!(host.bus.depth(), Depth { queued: 2, peak: 2, oldest });
    host.at(60).expect_batch(["d", "e"]);
    assert_eq!(host.bus.depth(), Depth { queued: 0, peak: 2, oldest: Duration::ZERO });
    assert_eq!(host.bus.depth(), Depth { queued: 0, peak: 0, oldest: Duration::ZERO });
}

#[test]
fn a_newer_value_does_not_make_the_place_that_it_takes_young() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    host.queue([note("1 %").key("k")]);
    for percent in 2..=4 {
        host.at(10 * percent - 10).push(note(format!("{percent} %")).key("k"));
        let oldest = Duration::from_millis(10 * percent - 10);
        assert_eq!(host.bus.depth().oldest, oldest, "readers wait since \"1 %\"");
    }
    host.heard();
    host.at(50).expect_in_flight([], ["4 %"]);
    assert_eq!(host.longest_waits(), [50]);
    let waited = host.batch.iter().map(|handed| handed.waited()).collect::<Vec<_>>();
    assert_eq!(waited, [Duration::from_millis(20)], "\"4 %\" itself waits since it was pushed");
    host.deliver();
}

#[test]
fn a_terminal_takes_no_old_place_and_is_as_young_as_it_is() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    host.queue([note("1 %").key("k")]);
    host.at(30).push(note("done").key("k").terminal());
    host.at(40).expect_nothing();
    assert_eq!(host.bus.depth().oldest, Duration::from_millis(10));
    host.at(50).expect_batch(["done"]);
    assert_eq!(host.longest_waits(), [20]);
}

#[test]
fn a_place_is_as_old_as_its_first_value_wherever_it_waits() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    host.use_buffer(1);
    host.queue([note("a"), note("1 %").key("k")]);
    host.at(20).push(note("2 %").key("k"));
    host.at(25).queue([note("b")]);
    host.at(30).flush();
    host.expect_batch(["a"]);
    assert_eq!(host.bus.depth().oldest, Duration::from_millis(30), "since \"1 %\"");
    host.at(40).push(note("3 %").key("k"));
    assert_eq!(host.bus.depth().oldest, Duration::from_millis(40));
    host.expect_batch(["3 %"]);
    host.expect_batch(["b"]);
    assert_eq!(host.longest_waits(), [30, 40, 15]);
}

#[test]
fn a_place_that_others_have_had_before_is_as_old_as_its_own_first_value() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    host.queue([note("a"), note("1 %").key("k")]);
    host.at(20).push(note("2 %").key("k"));
    host.at(30).push(note("done").key("k").terminal()); // leaves that place
    host.at(40).queue([note("b"), note("c").key("k2")]);
    host.at(45).push(note("d").key("k2"));
    host.use_buffer(1);
    host.flush();
    for (text, waited) in [("a", 45), ("done", 15), ("b", 5), ("d", 5)] {
        assert_eq!(host.bus.depth().oldest, Duration::from_millis(waited), "{text}");
        host.expect_batch([text]);
    }
    assert_eq!(host.longest_waits(), [45, 15, 5, 5]);
}

#[test]
fn more_than_an_hour_of_newer_values_makes_no_place_younger_than_the_last_hour() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    host.use_buffer(1);
    host.queue([note("a"), note("1 %").key("k")]);
    for minutes in [20, 70, 200] {
        host.at(60_000 * minutes).push(note("2 %").key("k"));
    }
    host.flush();
    host.expect_batch(["a"]);
    let saturated = Duration::from_micros(u64::from(u32::MAX));
    assert_eq!(host.bus.depth().oldest, saturated, "71 minutes");
    host.expect_batch(["2 %"]);
}

#[test]
fn what_had_expired_at_the_front_is_not_in_the_longest_wait() {
    let mut host = Host::new(config(10, 10).leading(Leading::Delayed));
    host.queue([note("a").ttl(30)]);
    host.at(10).queue([note("b")]);
    host.at(50).expect_gap([("expired", 1)], ["b"]);
    assert_eq!(host.longest_waits(), [40]);
}

#[test]
fn names_are_those_of_json() {
    let reasons =
        [FlushReason::Full, FlushReason::Interval, FlushReason::Flush, FlushReason::Close];
    assert_eq!(reasons.map(FlushReason::as_str), ["full", "interval", "flush", "close"]);
    let dropped = ["newest", "oldest", "evicted", "outranked", "shrunk", "sink"];
    assert_eq!(DropReason::ALL.map(DropReason::as_str), dropped);
    let refused = ["full", "closed", "invalid", "unknown_category", "too_large", "unauthorized"];
    assert_eq!(RefuseReason::ALL.map(RefuseReason::as_str), refused);
}
