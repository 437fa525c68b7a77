//! Shutting down delivers or counts every update, within the deadline.

use std::task::Poll;
use std::time::Duration;

use statusbus_hub::{Category, RefuseReason, SendErrorKind, Status};

use crate::support::task::Task;
use crate::support::{SECOND, Start, config, everything, names, reader, test, updates};

#[test]
fn a_shutdown_returns_as_soon_as_everything_is_delivered_and_read() {
    let bus = Status::builder().start();
    let mut a = reader(&bus, "a");
    for name in names("a", 0..500) {
        bus.tool("a", name);
    }
    let mut shutdown = Task::new(bus.shutdown(SECOND));
    assert!(shutdown.poll().is_pending());
    assert_eq!(bus.rest(&mut a).join(" "), names("a", 0..500).join(" "));
    let Poll::Ready(ledger) = shutdown.poll() else { panic!("everything is read") };
    assert_eq!(bus.elapsed(), Duration::ZERO);
    assert!(ledger.is_balanced(), "{ledger:?}");
    assert_eq!((ledger.sent, ledger.delivered), (500, 500));
    assert_eq!((bus.unread(), bus.readers()), (0, 0));
}

#[test]
fn updates_that_are_not_read_by_the_deadline_count_as_unread() {
    let bus = Status::builder().start();
    let (mut a, mut all) = (reader(&bus, "a"), everything(&bus));
    for name in names("a", 0..7) {
        bus.tool("a", name);
    }
    bus.tool("b", "b0");
    let ledger = bus.run(bus.shutdown(3 * SECOND));
    assert_eq!(bus.elapsed(), 3 * SECOND);
    assert!(ledger.is_balanced(), "unread updates are outside of the ledger");
    assert_eq!((ledger.delivered, bus.unread()), (8, 7 + 8));
    assert_eq!(bus.timeouts(), [(0, 2)]);
    assert_eq!(bus.rest(&mut a), ["a0 a1 a2 a3 a4 a5 a6"], "it can still be read");
    assert_eq!(bus.rest(&mut all), ["a0 a1 a2 a3 a4 a5 a6 b0"]);
    assert_eq!(bus.unread(), 0);
}

#[test]
fn updates_that_are_not_delivered_by_the_deadline_are_counted_and_reported() {
    let bus = Status::builder().with_config(config(1_000, 100)).start();
    let mut a = reader(&bus, "a");
    for name in names("a", 0..500) {
        bus.tool("a", name);
    }
    // The delivery does not run before the deadline.
    let mut shutdown = Task::new(bus.shutdown(SECOND));
    assert!(shutdown.poll().is_pending());
    bus.pass(SECOND);
    let Poll::Ready(ledger) = shutdown.poll() else { panic!("the deadline has passed") };
    assert!(ledger.is_balanced(), "{ledger:?}");
    assert_eq!((ledger.dropped.sink, ledger.queued, ledger.in_flight), (500, 0, 0));
    assert_eq!(bus.timeouts(), [(500, 1)]);
    assert!(Task::new(bus.flush()).poll().is_ready(), "nothing will be delivered");
    // The delivery runs after all: it reports the losses and ends.
    assert_eq!(bus.rest(&mut a), ["-500 sink of tool"]);
    assert_eq!(bus.ledger(), ledger);
}

#[test]
fn updates_after_the_shutdown_are_refused() {
    let bus = Status::builder().start();
    let handle = bus.conversation("a").expect("a name");
    assert!(bus.run(bus.shutdown(SECOND)).is_balanced());
    let refused = handle.update(Category::TOOL, "too late").try_send().expect_err("it is closed");
    assert_eq!(
        (refused.kind(), refused.to_string()),
        (
            SendErrorKind::Refused(RefuseReason::Closed),
            "the bus is closed: send before it is shut down".into()
        )
    );
    handle.tool("too late");
    bus.system().tool("too late");
    let ledger = bus.ledger();
    assert!(ledger.is_balanced(), "{ledger:?}");
    assert_eq!((ledger.sent, ledger.refused.closed), (3, 3));
}

#[test]
fn a_shutdown_can_be_called_again_and_at_the_same_time() {
    let bus = Status::builder().start();
    bus.tool("a", "one");
    let mut tasks = [SECOND, 2 * SECOND].map(|timeout| Task::new(bus.shutdown(timeout)));
    for task in &mut tasks {
        assert!(task.poll().is_pending());
    }
    let [first, second] = tasks.each_mut().map(|task| bus.finish(task));
    let third = bus.run(bus.shutdown(Duration::ZERO));
    assert!(first.is_balanced(), "{first:?}");
    assert_eq!((first, first), (second, third));
    assert_eq!((first.delivered, bus.elapsed()), (1, Duration::ZERO));
}

#[test]
fn a_shutdown_can_wait_without_a_limit() {
    let bus = Status::builder().start();
    let mut a = reader(&bus, "a");
    bus.tool("a", "one");
    let mut shutdown = Task::new(bus.shutdown(Duration::MAX));
    assert!(shutdown.poll().is_pending());
    bus.advance(86_400 * SECOND);
    assert!(shutdown.poll().is_pending(), "an update is unread");
    assert_eq!(bus.rest(&mut a), ["one"]);
    let Poll::Ready(ledger) = shutdown.poll() else { panic!("everything is read") };
    assert!(ledger.is_balanced() && ledger.delivered == 1, "{ledger:?}");
}

#[test]
fn losses_are_reported_before_the_end() {
    let bus = Status::builder().start();
    let (mut a, mut other) = (reader(&bus, "a"), reader(&bus, "b"));
    bus.update("a", Category::TOOL, "lost").ttl(Duration::ZERO).send();
    let mut shutdown = Task::new(bus.shutdown(SECOND));
    assert!(shutdown.poll().is_pending());
    assert_eq!(bus.rest(&mut a), ["-1 expired of tool"]);
    assert!(bus.rest(&mut other).is_empty());
    let Poll::Ready(ledger) = shutdown.poll() else { panic!("everything is read") };
    assert!(ledger.is_balanced(), "{ledger:?}");
    assert!(updates(&mut a).is_empty());
}
