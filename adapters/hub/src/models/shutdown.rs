//! Shutting down, in time and too late.

use std::time::Duration;

use loom::future::block_on;
use statusbus_core::Overflow;

use super::{build, builder, config, explore, explore_within, join, run, send, spawn, texts};
use crate::Selector;

#[test]
fn a_shutdown_that_times_out_knows_what_became_of_the_batch_at_hand() {
    explore(|| {
        let (status, mut delivery) = build(builder());
        let mut reader = status.subscribe(Selector::Everything).open();
        send(&status, "a");
        let runner = spawn(move || {
            let _ = delivery.step();
            delivery
        });
        let ledger = block_on(status.shutdown(Duration::ZERO));
        assert_eq!((ledger.queued, ledger.in_flight), (0, 0));
        let delivery = join(runner);
        let was_read = texts(reader.try_next()) == "a|";
        assert_eq!((ledger.delivered, ledger.dropped.sink), if was_read { (1, 0) } else { (0, 1) });
        run(delivery);
        assert_eq!(status.ledger(), ledger, "the ledger was final");
    });
}

#[test]
fn a_shutdown_without_a_limit_returns_when_everything_is_delivered_and_read() {
    explore_within(2, || {
        let (status, delivery) = build(builder());
        let mut reader = status.subscribe(Selector::Everything).open();
        send(&status, "a");
        let runner = spawn(move || run(delivery));
        let reading = spawn(move || while block_on(reader.next()).is_some() {});
        let ledger = block_on(status.shutdown(Duration::MAX));
        assert_eq!((ledger.delivered, status.readers()), (1, 0));
        join(runner);
        join(reading);
    });
}

#[test]
fn a_ledger_is_balanced_while_a_shutdown_times_out() {
    explore(|| {
        let config = config().with_queue_limit(1).expect("in range");
        let config = config.with_overflow(Overflow::DropNewest);
        let (status, delivery) = build(builder().with_config(config));
        send(&status, "a");
        let reading = {
            let status = status.clone();
            spawn(move || {
                let ledger = status.ledger();
                assert!(ledger.is_balanced(), "{ledger:?}");
                assert!(ledger.dropped.total() <= ledger.sent, "{ledger:?}");
            })
        };
        send(&status, "b");
        let ledger = block_on(status.shutdown(Duration::ZERO));
        assert_eq!(ledger.dropped.total(), 2);
        join(reading);
        run(delivery);
        assert_eq!(status.ledger(), ledger, "the ledger was final");
    });
}
