//! What cannot be reached from outside in reasonable time: numbers that wrap.

use super::Bus;
use crate::{Accepted, Batch, Category, Instant, Item, Keyed, Polled, SendOptions, Slot, Update};

struct Message;

impl Update for Message {
    type Topic = ();
    type Keys = Keyed;
    const EMPTY: Self = Message;
    fn topic(&self) {}
}

const NOW: Instant = Instant::ZERO;

/// A bus that so many updates have left already, in which this many are queued.
fn used(passed: u32, queued: usize) -> Bus<Message, [Slot<Message>; 8]> {
    let mut bus = Bus::new();
    bus.rules.passed = passed;
    bus.rules.flush_to = passed;
    for _ in 0..queued {
        assert!(bus.push(&mut Message, SendOptions::new(Category::INFO), || NOW).is_queued());
    }
    bus
}

#[test]
fn flush_marks_wrap() {
    for passed in [0, u32::MAX / 2 - 1, u32::MAX / 2, u32::MAX - 3, u32::MAX - 1, u32::MAX] {
        let mut bus = used(passed, 2);
        let mut batch: Batch<Message, [Item<Message>; 3]> = Batch::new();
        let before = bus.flushed();
        let first = bus.flush(NOW);
        for _ in 0..3 {
            assert!(bus.push(&mut Message, SendOptions::new(Category::INFO), || NOW).is_queued());
        }
        let second = bus.flush(NOW);
        assert_eq!(bus.flush(NOW), second, "nothing came between");
        assert!(before.is_reached_by(first) && first.is_reached_by(second));
        assert!(!first.is_reached_by(before) && !second.is_reached_by(first));
        assert!(!bus.is_flushed(first));
        assert_eq!(bus.poll(&mut batch, NOW), Polled::Batch);
        assert!(bus.is_flushed(first) && !bus.is_flushed(second));
        bus.settle(&mut batch, Accepted::All, NOW);
        assert_eq!(bus.poll(&mut batch, NOW), Polled::Batch);
        assert!(bus.is_flushed(first) && bus.is_flushed(second) && bus.is_flushed(before));
        bus.settle(&mut batch, Accepted::All, NOW);
        assert_eq!(bus.poll(&mut batch, NOW), Polled::Wait(None));
        assert_eq!((bus.ledger().sent, bus.ledger().delivered), (5, 5));
    }
}

#[test]
fn a_shorter_queue_does_not_take_a_mark_back_when_marks_wrap() {
    let mut bus = used(u32::MAX - 1, 4);
    let mark = bus.flush(NOW);
    let one = bus.config().with_queue_limit(1).expect("in range");
    bus.reconfigure(one, |_, _| {}, NOW);
    assert!(mark.is_reached_by(bus.flush(NOW)));
    let mut batch: Batch<Message, [Item<Message>; 3]> = Batch::new();
    assert_eq!(bus.poll(&mut batch, NOW), Polled::Batch);
    assert!(bus.is_flushed(mark));
    let ledger = bus.ledger();
    assert_eq!((ledger.sent, ledger.dropped.shrunk, ledger.in_flight), (4, 3, 1));
}

#[test]
fn a_bus_that_was_never_flushed_does_not_seem_to_be_after_2_to_the_31_updates() {
    let mut bus = used(0, 0);
    bus.rules.passed = (1 << 31) - 1;
    let delayed = bus.config().with_leading(crate::Leading::Delayed);
    bus.reconfigure(delayed, |_, _| {}, NOW);
    let mut batch: Batch<Message, [Item<Message>; 3]> = Batch::new();
    for millis in [50, 100, 150] {
        let _ = bus.push(&mut Message, SendOptions::new(Category::INFO), || NOW);
        assert!(matches!(bus.poll(&mut batch, NOW), Polled::Wait(Some(_))), "{millis}");
        let due = Instant::from_millis(millis);
        assert_eq!(bus.poll(&mut batch, due), Polled::Batch);
        assert_eq!(batch.reason(), crate::FlushReason::Interval);
        bus.settle(&mut batch, Accepted::All, NOW);
    }
    assert_eq!((bus.ledger().sent, bus.ledger().delivered), (3, 3));
}

#[test]
fn a_batch_of_another_bus_panics_neither() {
    let (mut one, mut other) = (used(0, 2), used(0, 0));
    let mut batch: Batch<Message, [Item<Message>; 3]> = Batch::new();
    assert_eq!(one.poll(&mut batch, NOW), Polled::Batch);
    other.settle(&mut batch, Accepted::First(0), NOW);
    assert_eq!((other.ledger().in_flight, one.ledger().in_flight), (0, 2));
    other.close(NOW);
    assert_eq!(other.poll(&mut batch, NOW), Polled::Batch); // what it counted as lost
    other.settle(&mut batch, Accepted::All, NOW);
    assert!(other.is_drained());
}
