//! Rule 10: what telemetry records, and in which order.

use std::time::Duration;

use statusbus_core::{
    Accepted, Category, Depth, DropReason, FlushReason, Loss, Overflow, OverflowEvent, RefuseReason,
};

use crate::support::{Host, Record, config, delayed, ms, note};

const STARTED: Record = Record::Overflow(OverflowEvent::Started);

const fn ended(lost: u64) -> Record {
    Record::Overflow(OverflowEvent::Ended { lost })
}

const fn ongoing(lost: u64) -> Record {
    Record::Overflow(OverflowEvent::Ongoing { lost })
}

const fn dropped(reason: DropReason) -> Record {
    Record::Lost(Loss::Dropped(reason))
}

/// The records of overflow since telemetry was last asked.
fn overflow(host: &mut Host) -> Vec<Record> {
    let records = host.records().into_iter();
    records.filter(|record| matches!(record, Record::Overflow(_))).collect()
}

/// Queue depth, its peak, and the age of the oldest in milliseconds.
fn depth(host: &mut Host) -> (usize, usize, u128) {
    let Depth { queued, peak, oldest, .. } = host.bus.depth();
    (queued, peak, oldest.as_millis())
}

#[test]
fn every_batch_is_recorded_as_settled_once() {
    let mut host = Host::new(config(1, 10));
    let settled = |host: &mut Host| {
        host.records().iter().filter(|record| matches!(record, Record::Settled(_))).count()
    };
    host.queue([note("a")]);
    host.push(note("b"));
    host.expect_in_flight([("evicted", 1)], ["b"]);
    let ticket = host.take_receipt();
    host.clear();
    assert_eq!(settled(&mut host), 0);
    host.settle_receipt(ticket, Accepted::All);
    assert_eq!(settled(&mut host), 1, "by its receipt");
    host.deliver();
    assert_eq!(settled(&mut host), 0, "there is nothing to settle");
    host.advance_to(50).queue([note("c")]);
    host.expect_in_flight([], ["c"]);
    host.settle_one(2 + 1);
    assert_eq!(settled(&mut host), 0, "one of a batch is not the batch");
    host.fail(0);
    assert_eq!(settled(&mut host), 1);
    host.advance_to(100).expect_in_flight([("sink", 1)], []);
    host.confirm_losses(1);
    assert_eq!(settled(&mut host), 0);
    host.deliver();
    assert_eq!(settled(&mut host), 1, "a batch with only a gap");
    host.queue([note("d")]);
    host.advance_to(150).poll();
    host.poll();
    assert_eq!(settled(&mut host), 0, "it is the answer again");
    host.deliver();
    assert_eq!(settled(&mut host), 1);
}

#[test]
fn the_latency_of_a_batch_counts_from_its_poll() {
    for by_receipt in [false, true] {
        let mut host = Host::new(config(10, 2));
        host.advance_to(1_000).queue([note("a")]);
        host.advance_to(1_010).poll();
        host.records();
        host.advance_to(1_017);
        if by_receipt {
            let ticket = host.take_receipt();
            host.clear();
            host.settle_receipt(ticket, Accepted::All);
        } else {
            host.deliver();
        }
        assert_eq!(host.records(), [Record::Settled(ms(7))]);
    }
}

#[test]
fn records_come_in_the_order_in_which_things_happen() {
    let mut host = Host::new(config(1, 2));
    host.queue([note("a").key("k").ttl(5)]);
    host.push(note("b").key("k").ttl(5));
    host.push(note("c").low());
    host.advance_to(10).push(note("d").low());
    host.push(note("e").category(Category::from_index(9).expect("below 32")));
    let records = [
        Record::Coalesced,
        STARTED,
        dropped(DropReason::Outranked),
        Record::Lost(Loss::Expired),
        Record::Refused(RefuseReason::UnknownCategory),
    ];
    assert_eq!(host.records(), records);
    host.push(note("f").key("k"));
    assert_eq!(host.records(), [dropped(DropReason::Evicted)]);
    host.push(note("g").key("k").ends_run());
    assert_eq!(host.records(), [Record::Coalesced]);
    host.poll();
    let records = host.records();
    assert!(matches!(records[..], [Record::Polled(batch)] if batch.size == 1), "{records:?}");
    host.fail(0);
    assert_eq!(host.records(), [dropped(DropReason::Sink), Record::Settled(Duration::ZERO)]);
    host.refuse(RefuseReason::TooLarge);
    assert_eq!(host.records(), [Record::Refused(RefuseReason::TooLarge)]);
    host.queue([note("h").ttl(0)]);
    host.advance_to(60).poll();
    let records = host.records();
    assert_eq!(records[0], Record::Lost(Loss::Expired));
    assert!(matches!(records[1], Record::Polled(batch) if batch.size == 0), "{records:?}");
    host.deliver();
    host.advance_to(1_000).queue([note("i")]);
    host.records();
    host.poll();
    let records = host.records();
    assert_eq!(records[0], ended(3), "before the batch that is polled a second later");
    assert!(matches!(records[1], Record::Polled(_)), "{records:?}");
    host.deliver();
}

#[test]
fn losses_to_a_smaller_limit_are_no_overflow() {
    let mut host = Host::new(config(4, 4));
    host.queue(["a", "b"].map(note));
    host.reconfigure(config(1, 4));
    assert_eq!(host.records(), [dropped(DropReason::Shrunk)]);
    assert!(!host.bus.is_overflowing());
}

#[test]
fn overflow_ends_when_the_queue_is_drained_to_half_its_limit() {
    let mut host = Host::new(config(4, 10).with_overflow(Overflow::DropNewest));
    host.queue(["a", "b", "c", "d"].map(note));
    assert!(!host.bus.is_overflowing() && host.records().is_empty());
    for _ in 0..3 {
        host.push(note("e"));
        assert!(host.bus.is_overflowing());
    }
    let newest = dropped(DropReason::Newest);
    assert_eq!(host.records(), [STARTED, newest, newest, newest]);
    host.use_buffer(1);
    host.poll();
    assert!(host.bus.is_overflowing(), "three of four are left");
    host.deliver();
    host.poll();
    assert!(!host.bus.is_overflowing());
    host.deliver();
    host.drain();
    assert_eq!(overflow(&mut host), [], "a second behind the last report");
    host.expect_next(1_000);
    host.advance_to(999).expect_nothing();
    assert_eq!(overflow(&mut host), []);
    host.advance_to(1_000).expect_nothing();
    assert_eq!(overflow(&mut host), [ended(3)]);
    host.expect_next(None);
}

#[test]
fn overflow_that_comes_and_goes_within_a_second_is_one() {
    let mut host = Host::new(config(1, 10));
    for now in [0, 300, 600, 900] {
        host.advance_to(now).queue([note("a")]);
        host.push(note("b"));
        assert!(host.bus.is_overflowing());
        host.drain();
        assert!(!host.bus.is_overflowing());
        host.expect_next(1_000);
    }
    assert_eq!(overflow(&mut host), [STARTED]);
    host.advance_to(1_000).drain();
    assert_eq!(overflow(&mut host), [ended(4)]);
    host.queue([note("c")]);
    host.push(note("d"));
    assert_eq!(overflow(&mut host), [STARTED], "the start is reported at once");
    host.drain();
    host.advance_to(2_500).queue([note("e")]);
    host.push(note("f"));
    assert_eq!(overflow(&mut host), [ongoing(1)], "its end was not polled for in time");
}

#[test]
fn a_closed_bus_reports_the_end_of_overflow_at_once() {
    for closed_first in [true, false] {
        let mut host = Host::new(config(1, 10));
        host.queue([note("a")]);
        host.push(note("b"));
        if closed_first {
            host.close();
            host.drain();
        } else {
            host.drain();
            host.close();
            assert!(host.bus.take_wake());
            host.expect_nothing();
        }
        assert_eq!(overflow(&mut host), [STARTED, ended(1)]);
        assert!(host.bus.is_drained());
        host.expect_next(None);
    }
}

#[test]
fn overflow_is_recorded_under_every_policy_and_begins_anew() {
    for policy in Overflow::ALL {
        let mut host = Host::new(config(1, 10).with_overflow(policy));
        for round in 0..3 {
            host.advance_to(round * 2_000).queue([note("a")]);
            host.push(note("b"));
            host.push(note("c"));
            host.drain();
            host.advance_to(round * 2_000 + 1_000).expect_nothing();
            assert_eq!(overflow(&mut host), [STARTED, ended(2)], "{policy:?}");
        }
    }
}

#[test]
fn overflow_that_goes_on_is_recorded_at_most_once_a_second() {
    for policy in Overflow::ALL {
        let mut host = Host::new(config(2, 10).with_overflow(policy));
        host.queue(["a", "b"].map(note));
        host.push(note("c"));
        assert_eq!(overflow(&mut host), [STARTED]);
        for now in [1, 500, 999] {
            host.advance_to(now).push(note("d"));
            assert_eq!(overflow(&mut host), []);
        }
        host.advance_to(1_000).push(note("e"));
        assert_eq!(overflow(&mut host), [ongoing(4)], "lost before this one");
        host.advance_to(1_999).push(note("f"));
        assert_eq!(overflow(&mut host), []);
        host.advance_to(7_777).push(note("g"));
        host.push(note("h"));
        assert_eq!(overflow(&mut host), [ongoing(6)], "once, however long it was");
        host.advance_to(8_776).push(note("i"));
        assert_eq!(overflow(&mut host), [], "a second counts from the last record");
        host.advance_to(8_777).push(note("j"));
        assert_eq!(overflow(&mut host), [ongoing(9)]);
        host.drain();
        assert_eq!(overflow(&mut host), []);
        host.advance_to(9_777).expect_nothing();
        assert_eq!(overflow(&mut host), [ended(10)]);
        // and a new overflow counts its own
        host.queue(["k", "l"].map(note));
        host.push(note("m"));
        host.advance_to(10_777).push(note("n"));
        assert_eq!(overflow(&mut host), [STARTED, ongoing(1)]);
    }
}

#[test]
fn a_clock_that_goes_back_does_not_hurry_the_records_of_overflow() {
    let mut host = Host::new(config(1, 10));
    host.advance_to(5_000).queue([note("a")]);
    host.push(note("b"));
    host.advance_to(0).push(note("c"));
    host.advance_to(999).push(note("d"));
    assert_eq!(overflow(&mut host), [STARTED]);
    host.advance_to(1_000).push(note("e"));
    assert_eq!(overflow(&mut host), [ongoing(3)]);
}

#[test]
fn merging_into_a_full_queue_is_no_overflow() {
    let mut host = Host::new(config(1, 10));
    host.queue([note("a").key("k")]);
    host.push(note("b").key("k"));
    assert_eq!(host.records(), [Record::Coalesced]);
}

// Depth and waiting

#[test]
fn the_peak_is_that_since_the_last_call() {
    let mut host = Host::new(config(10, 10));
    host.queue(["a", "b", "c"].map(note));
    host.expect_batch(["a", "b", "c"]);
    host.advance_to(10).queue([note("d")]);
    host.advance_to(25).queue([note("e").ttl(100)]);
    assert_eq!(depth(&mut host), (2, 3, 15));
    assert_eq!(depth(&mut host), (2, 2, 15));
    host.reconfigure(config(1, 10));
    assert_eq!(depth(&mut host), (1, 2, 0));
    host.advance_to(60).expect_gap([("shrunk", 1)], ["e"]);
    assert_eq!(depth(&mut host), (0, 1, 0));
    assert_eq!(depth(&mut host), (0, 0, 0));
}

#[test]
fn a_newer_value_at_the_front_does_not_hide_how_long_readers_wait() {
    let mut host = delayed(10, 10);
    host.queue([note("1 %").key("k")]);
    for step in 1..=3 {
        host.advance_to(10 * step).push(note(format!("{} %", step + 1)).key("k").ttl(500));
        assert_eq!(depth(&mut host).2, 10 * u128::from(step), "readers wait since \"1 %\"");
    }
}

#[test]
fn the_longest_wait_is_the_depth_just_before_and_what_each_update_waited() {
    let mut host = delayed(10, 10);
    host.queue([note("1 %").key("k")]);
    host.advance_to(30).push(note("2 %").key("k").ttl(500));
    host.queue([note("a").ttl(500)]);
    host.records();
    host.advance_to(50).expect_in_flight([], ["2 %", "a"]);
    assert_eq!(host.longest_waits(), [50]);
    assert_eq!(host.waits(), [20, 20], "each by itself");
    host.deliver();
}

#[test]
fn a_run_end_is_as_young_as_it_is() {
    let mut host = delayed(10, 10);
    host.queue([note("1 %").key("k")]);
    host.advance_to(30).push(note("done").key("k").ends_run().ttl(500));
    host.advance_to(40).expect_nothing();
    assert_eq!(depth(&mut host).2, 10);
    host.advance_to(50).expect_batch(["done"]);
    assert_eq!(host.longest_waits(), [20]);
}

#[test]
fn the_next_front_is_as_old_as_the_update_that_is_there() {
    let mut host = delayed(10, 10);
    host.use_buffer(1);
    host.queue([note("a")]);
    host.advance_to(10).queue([note("b").ttl(500), note("c").low()]);
    host.advance_to(25).queue([note("d").ttl(500)]);
    host.advance_to(30).flush();
    for (name, waited) in [("a", 30), ("b", 20), ("c", 20), ("d", 5)] {
        assert_eq!(depth(&mut host).2, waited, "{name}");
        host.expect_batch([name]);
    }
    assert_eq!(host.longest_waits(), [30, 20, 20, 5]);
}

#[test]
fn after_the_front_was_lost_the_next_one_counts() {
    for policy in [Overflow::Evict, Overflow::DropOldest] {
        let mut host = Host::new(config(2, 10).with_overflow(policy));
        host.queue([note("a")]);
        host.advance_to(10).queue([note("b").ttl(500)]);
        host.advance_to(30).push(note("c"));
        assert_eq!(depth(&mut host).2, 20, "since \"b\"");
        host.advance_to(35).expect_in_flight(
            [(if policy == Overflow::Evict { "evicted" } else { "oldest" }, 1)],
            ["b", "c"],
        );
        assert_eq!(host.longest_waits(), [25]);
        host.deliver();
    }
}

#[test]
fn an_expired_update_at_the_front_is_not_in_the_longest_wait() {
    let mut host = delayed(10, 10);
    host.queue([note("a").ttl(30)]);
    host.advance_to(10).queue([note("b").ttl(500)]);
    host.advance_to(50).expect_gap([("expired", 1)], ["b"]);
    assert_eq!(host.longest_waits(), [40]);
}

#[test]
fn names_are_those_of_json() {
    let reasons = FlushReason::ALL.map(FlushReason::as_str);
    assert_eq!(reasons, ["full", "interval", "flush", "close"]);
    let dropped = ["newest", "oldest", "evicted", "outranked", "shrunk", "sink"];
    assert_eq!(DropReason::ALL.map(DropReason::as_str), dropped);
    let refused = ["full", "closed", "invalid", "unknown_category", "too_large", "unauthorized"];
    assert_eq!(RefuseReason::ALL.map(RefuseReason::as_str), refused);
    assert_eq!(Loss::Expired.as_str(), "expired");
    assert_eq!(Loss::Dropped(DropReason::Sink).as_str(), "sink");
}
