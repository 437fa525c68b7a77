//! Flush: when it returns, everything that was sent before the call is delivered.

use std::time::Duration;

use statusbus_hub::{Category, Leading, Status};

use crate::support::task::Task;
use crate::support::{Bus, SECOND, Start, config, names, reader, test, updates};

/// A bus that keeps each update for an hour, unless it is flushed.
fn slow() -> Bus {
    let config = config(10_000, 5_000).with_leading(Leading::Delayed);
    let config = config.with_flush_interval(Duration::from_secs(3_600)).expect("an interval");
    Status::builder().with_config(config).start()
}

#[test]
fn a_flush_delivers_everything_without_delay() {
    let bus = slow();
    let mut a = reader(&bus, "a");
    for round in 0..10 {
        for name in names("a", 0..round * 100) {
            bus.tool("a", name);
        }
        bus.run(bus.flush());
        assert_eq!(updates(&mut a), names("a", 0..round * 100));
        assert_eq!((bus.ledger().queued, bus.ledger().in_flight), (0, 0));
    }
    assert_eq!(bus.elapsed(), Duration::ZERO);
    drop(a);
    bus.end();
}

#[test]
fn a_flush_ends_while_others_send() {
    let bus = Status::builder().with_config(config(100, 10)).start();
    for round in 0..100 {
        bus.error("a", format!("{round}"));
        let before = bus.ledger();
        let mut flush = Task::new(bus.flush());
        let mut steps = 0;
        while flush.poll().is_pending() {
            for _ in 0..100 {
                bus.tool("flood", "something");
            }
            assert!(bus.step() && steps < 100, "round {round}");
            steps += 1;
        }
        let now = bus.ledger();
        assert!(now.is_balanced(), "{now:?}");
        let left = now.sent - now.queued - now.in_flight;
        assert!(left >= before.sent, "{before:?} {now:?}");
    }
    bus.end();
}

#[test]
fn any_number_of_flushes_can_wait_together() {
    let bus = slow();
    let mut flushes: Vec<_> = names("c", 0..1_000)
        .into_iter()
        .map(|name| {
            let bus = &bus;
            Task::new(async move {
                let mut own = reader(bus, &name);
                bus.tool(&name, "mine");
                bus.flush().await;
                updates(&mut own)
            })
        })
        .collect();
    for flush in &mut flushes {
        assert!(flush.poll().is_pending());
    }
    for flush in &mut flushes {
        assert_eq!(bus.finish(flush), ["mine"]);
    }
    drop(flushes);
    assert_eq!(bus.elapsed(), Duration::ZERO);
    assert_eq!(bus.end().delivered, 1_000);
}

#[test]
fn a_flush_of_an_idle_or_closed_bus_returns_at_once() {
    let bus = slow();
    assert!(Task::new(bus.flush()).poll().is_ready(), "idle");
    assert!(bus.run(bus.shutdown(SECOND)).is_balanced());
    bus.tool("a", "refused");
    assert!(Task::new(bus.flush()).poll().is_ready(), "shut down");
}

#[test]
fn a_flush_returns_when_the_delivery_is_dropped() {
    let bus = Status::builder().start();
    bus.tool("a", "something");
    let mut flush = Task::new(bus.flush());
    assert!(flush.poll().is_pending());
    bus.drop_delivery();
    assert!(flush.poll().is_ready());
    let ledger = bus.ledger();
    assert!(ledger.is_balanced() && ledger.dropped.sink == 1, "{ledger:?}");
}

#[test]
fn a_cancelled_flush_still_flushes() {
    let bus = slow();
    let mut a = reader(&bus, "a");
    bus.tool("a", "one");
    assert!(Task::new(bus.flush()).poll().is_pending());
    bus.advance(Duration::ZERO);
    assert_eq!(updates(&mut a), ["one"]);
    bus.tool("a", "two");
    bus.run(bus.flush());
    assert_eq!(updates(&mut a), ["two"]);
    assert_eq!(bus.elapsed(), Duration::ZERO);
    drop(a);
    bus.end();
}

#[test]
fn expired_and_coalesced_updates_do_not_delay_a_flush() {
    let bus = slow();
    for number in 0..100 {
        let update = bus.update("a", Category::TOOL, format!("{number}"));
        match number % 2 {
            0 => update.ttl(Duration::ZERO).send(),
            _ => update.key("k").send(),
        }
    }
    bus.run(bus.flush());
    assert_eq!(bus.elapsed(), Duration::ZERO);
    let ledger = bus.end();
    assert_eq!((ledger.expired, ledger.coalesced, ledger.delivered), (50, 49, 1));
}
