//! Sending, waking the delivery, and flushing.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use statusbus_core::{Category, Outcome};

use super::{build, builder, explore, explore_within, join, run, send, spawn, texts};
use crate::bus::wakeup::Wakeup;
use crate::{RefuseReason, Selector, SendErrorKind};

#[test]
fn a_wakeup_is_kept_for_a_task_that_does_not_wait_yet() {
    explore_within(4, || {
        let wakeup = Arc::new(Wakeup::default());
        let work = Arc::new(AtomicUsize::new(0));
        let waking = {
            let (wakeup, work) = (Arc::clone(&wakeup), Arc::clone(&work));
            spawn(move || {
                work.store(1, Ordering::Relaxed);
                wakeup.wake();
            })
        };
        block_on(poll_fn(|cx| wakeup.poll(cx)));
        assert_eq!(work.load(Ordering::Relaxed), 1, "the task does not see what it was woken for");
        join(waking);
    });
}

#[test]
fn an_update_reaches_a_delivery_that_goes_to_sleep() {
    explore(|| {
        let (status, delivery) = build(builder());
        let mut reader = status.subscribe(Selector::Everything).open();
        let sender = spawn(move || {
            send(&status, "a");
            send(&status, "b");
        });
        run(delivery);
        join(sender);
        let mut read = String::new();
        while let Some(event) = block_on(reader.next()) {
            read.push_str(&texts(Some(event)));
        }
        assert_eq!(read, "a|b|");
    });
}

#[test]
fn a_flush_returns_when_what_was_sent_before_is_published() {
    explore(|| {
        let (status, delivery) = build(builder());
        let mut reader = status.subscribe(Selector::Everything).open();
        let sender = spawn(move || {
            send(&status, "a");
            block_on(status.flush());
            assert_eq!(texts(reader.try_next()), "a|", "it is not published");
        });
        run(delivery);
        join(sender);
    });
}

#[test]
fn a_flush_returns_when_the_delivery_is_dropped() {
    explore(|| {
        let (status, delivery) = build(builder());
        send(&status, "a");
        let dropping = spawn(move || drop(delivery));
        block_on(status.flush());
        assert_eq!(status.ledger().dropped.sink, 1);
        join(dropping);
    });
}

#[test]
fn an_update_that_is_queued_while_the_bus_closes_is_delivered() {
    explore(|| {
        let (status, delivery) = build(builder());
        let conversation = status.conversation("a").expect("a valid name");
        let sender = {
            let status = status.clone();
            spawn(move || {
                send(&status, "a");
                conversation.send(Category::INFO, "a");
                conversation.update(Category::INFO, "a").try_send()
            })
        };
        let dropped = block_on(status.shutdown(Duration::ZERO)).dropped.sink;
        let queued = match join(sender) {
            Ok(outcome) => outcome == Outcome::Queued,
            Err(error) => {
                assert_eq!(error.kind(), SendErrorKind::Refused(RefuseReason::Closed));
                false
            }
        };
        run(delivery);
        let ledger = status.ledger();
        assert!(ledger.is_balanced());
        assert_eq!(ledger.queued + ledger.in_flight, 0, "nothing delivers it any more");
        assert_eq!(ledger.dropped.sink + ledger.refused.closed, 3, "{ledger:?}");
        assert_eq!(ledger.dropped.sink, dropped, "one was queued behind the end");
        assert!(!queued || ledger.dropped.sink == 3, "{ledger:?}");
    });
}
