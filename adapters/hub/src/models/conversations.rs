//! The registry of conversations: a number is given to another conversation only when nothing uses it.

use std::time::Duration;

use loom::future::block_on;
use statusbus_core::Category;

use super::{build, builder, explore, explore_within, join, send, spawn, texts};
use crate::{Builder, Delivery, Selector, Status, Subscription};

/// A bus that forgets a conversation as soon as nothing uses it.
fn forgetful() -> Builder {
    builder().with_conversations(1).with_idle_timeout(Duration::ZERO)
}

/// Takes the number that is free, if one is, and delivers the rest: each update has the name that it was sent to.
fn take_number_and_read(
    status: &Status,
    mut delivery: Delivery,
    mut reader: Subscription,
) -> String {
    send(status, "other");
    let mut read = String::new();
    for _ in 0..3 {
        let _ = delivery.step();
        while let Some(event) = reader.try_next() {
            read.push_str(&texts(Some(event)));
        }
    }
    read
}

#[test]
fn a_number_is_not_reused_while_an_update_sent_by_name_is_queued() {
    explore_within(4, || {
        let (status, mut delivery) = build(forgetful());
        let reader = status.subscribe(Selector::Everything).open();
        status.system().send(Category::INFO, "system");
        let sender = {
            let status = status.clone();
            spawn(move || {
                // The first one after a batch takes another path than those behind it.
                status.system().send(Category::INFO, "system");
                send(&status, "name");
            })
        };
        let _ = delivery.step();
        join(sender);
        let read = take_number_and_read(&status, delivery, reader);
        assert_eq!(read, "system|system|name|other|");
    });
}

#[test]
fn a_number_is_not_reused_while_an_update_of_a_handle_is_queued() {
    explore_within(4, || {
        let (status, mut delivery) = build(forgetful());
        let reader = status.subscribe(Selector::Everything).open();
        let handle = status.conversation("name").expect("a valid name");
        status.system().send(Category::INFO, "system");
        let sender = spawn(move || handle.send(Category::INFO, "name"));
        let _ = delivery.step();
        join(sender);
        let read = take_number_and_read(&status, delivery, reader);
        assert_eq!(read, "system|name|other|");
    });
}

#[test]
fn a_number_is_not_reused_while_a_keyed_update_is_queued() {
    explore_within(4, || {
        let (status, mut delivery) = build(forgetful());
        let reader = status.subscribe(Selector::Everything).open();
        status.system().send(Category::INFO, "system");
        let sender = {
            let status = status.clone();
            spawn(move || status.update("name", Category::INFO, "name").key("k").send())
        };
        let _ = delivery.step();
        join(sender);
        let read = take_number_and_read(&status, delivery, reader);
        assert_eq!(read, "system|name|other|");
    });
}

#[test]
fn a_reader_that_leaves_does_not_free_a_number_that_is_queued() {
    explore_within(4, || {
        let (status, delivery) = build(forgetful());
        let reader = status.subscribe(Selector::Everything).open();
        let leaving = Selector::conversation("name").expect("a valid name");
        let leaving = status.subscribe(leaving).open();
        let sender = {
            let status = status.clone();
            spawn(move || send(&status, "name"))
        };
        drop(leaving);
        join(sender);
        let read = take_number_and_read(&status, delivery, reader);
        assert_eq!(read, "name|other|");
    });
}

#[test]
fn a_number_is_not_reused_while_an_update_is_being_published() {
    explore(|| {
        let (status, mut delivery) = build(builder().with_conversations(1));
        let mut reader = status.subscribe(Selector::Everything).open();
        send(&status, "name");
        let runner = spawn(move || {
            let _ = delivery.step();
            delivery
        });
        drop(status.conversation("other"));
        assert_eq!(texts(block_on(reader.next())), "name|");
        join(runner);
    });
}

#[test]
fn an_update_keeps_its_name_while_its_number_goes_to_another_conversation() {
    explore(|| {
        let (status, mut delivery) = build(builder().with_conversations(1).with_window(1));
        let mut reader = status.subscribe(Selector::Everything).open();
        send(&status, "name");
        let _ = delivery.step();
        let kept = reader.try_next();
        // The update of this batch is the last one in the window, and so the other one leaves it.
        status.system().send(Category::INFO, "system");
        let runner = spawn(move || {
            let _ = delivery.step();
            delivery
        });
        let creating = {
            let status = status.clone();
            spawn(move || drop(status.conversation("other")))
        };
        let reading = kept.clone();
        assert_eq!(texts(reading), "name|");
        join(runner);
        join(creating);
        assert_eq!(texts(kept), "name|");
    });
}
