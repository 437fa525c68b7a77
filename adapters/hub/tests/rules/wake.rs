//! Wake-ups of the delivery: at most one is outstanding. It is woken to set its timer, and when a batch is full.

use std::time::Duration;

use statusbus_hub::{Leading, Status};

use crate::support::{SECOND, Start, config, events, names, reader, test};

#[test]
fn many_sends_wake_the_delivery_once() {
    let bus = Status::builder().with_config(config(10_000, 100)).start();
    let mut a = reader(&bus, "a");
    bus.advance(Duration::ZERO);
    let before = bus.steps();
    for name in names("a", 0..10_000) {
        bus.tool("a", name);
    }
    bus.deliver();
    // One step for each batch, and at most one more that finds nothing.
    let steps = bus.steps() - before;
    assert!((100..=101).contains(&steps), "{steps}");
    bus.advance(SECOND);
    assert!(bus.steps() - before <= 102, "no wake-up is left over");
    assert_eq!(events(&mut a).len(), 100);
    drop(a);
    bus.end();
}

#[test]
fn the_delivery_waits_until_the_deadline_or_until_a_batch_is_full() {
    let limits = config(1_000, 100).with_leading(Leading::Delayed);
    let bus = Status::builder().with_config(limits).start();
    let pause = Duration::from_millis(10);
    bus.advance(pause);
    assert_eq!(bus.steps(), 1);
    bus.tool("a", "the first");
    bus.advance(pause);
    assert_eq!(bus.steps(), 2, "woken to set its timer");
    for _ in 0..98 {
        bus.tool("a", "one more");
        bus.advance(Duration::ZERO);
    }
    bus.advance(pause);
    assert_eq!((bus.steps(), bus.ledger().queued), (2, 99), "not woken for each update");
    bus.tool("a", "the hundredth");
    bus.advance(Duration::ZERO);
    assert_eq!(bus.ledger().delivered, 100, "a full batch is delivered before the deadline");
    assert!(bus.steps() <= 4, "{}", bus.steps());
    bus.tool("a", "the first of the next batch");
    bus.advance(bus.config().flush_interval() - Duration::from_micros(1));
    assert_eq!(bus.ledger().queued, 1);
    bus.advance(Duration::from_micros(1));
    assert_eq!(bus.ledger().delivered, 101, "at the deadline");
    bus.end();
}
