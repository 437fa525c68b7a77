//! Readers: waiting, coming and going, beside a delivery that publishes or closes.

use std::sync::Arc;

use loom::future::block_on;
use statusbus_core::{Category, CategorySet, Overflow};

use super::{build, builder, config, explore, explore_within, join, send, spawn, texts};
use crate::window::bounds::{Amount, Bounds};
use crate::window::hub::{Hub, Source};
use crate::{Event, GapScope, Selector};

fn selectors() -> [Selector; 2] {
    [Selector::Everything, Selector::conversation("a").expect("a valid name")]
}

#[test]
fn a_reader_that_goes_to_sleep_is_woken_by_a_batch() {
    for selector in selectors() {
        explore(move || {
            let (status, mut delivery) = build(builder());
            let mut reader = status.subscribe(selector.clone()).open();
            send(&status, "a");
            let runner = spawn(move || {
                let _ = delivery.step();
                delivery
            });
            assert_eq!(texts(block_on(reader.next())), "a|");
            join(runner);
        });
    }
}

#[test]
fn a_reader_that_goes_to_sleep_is_woken_by_losses_of_the_whole_bus() {
    explore(|| {
        let config = config().with_queue_limit(1).expect("in range");
        let (status, mut delivery) =
            build(builder().with_config(config.with_overflow(Overflow::DropNewest)));
        send(&status, "kept");
        // More topics than the bus counts apart.
        let categories = [Category::INFO, Category::TOOL, Category::ENGINE, Category::PLANNING];
        for name in ["1", "2", "3", "4", "5"] {
            let conversation = status.conversation(name).expect("a valid name");
            for category in categories {
                conversation.send(category, name);
            }
        }
        let reader = Selector::conversation("quiet").expect("a valid name");
        let mut reader = status.subscribe(reader).with_categories(CategorySet::ALL).open();
        let runner = spawn(move || {
            let _ = delivery.step();
            delivery
        });
        let Some(Event::Gap(gap)) = block_on(reader.next()) else { panic!("no gap") };
        assert_eq!(gap.scope, GapScope::Bus);
        assert_eq!(gap.losses.total(), 4);
        join(runner);
    });
}

#[test]
fn a_reader_that_goes_to_sleep_is_woken_by_losses_of_its_conversation() {
    for selector in selectors() {
        explore(move || {
            let config = config().with_queue_limit(1).expect("in range");
            let (status, mut delivery) =
                build(builder().with_config(config.with_overflow(Overflow::DropNewest)));
            send(&status, "kept");
            send(&status, "a");
            let mut reader = status.subscribe(selector.clone()).open();
            let runner = spawn(move || {
                let _ = delivery.step();
                delivery
            });
            let Some(Event::Gap(gap)) = block_on(reader.next()) else { panic!("no gap") };
            assert_eq!(gap.losses.total(), 1);
            join(runner);
        });
    }
}

#[test]
fn a_reader_that_comes_while_the_bus_closes_comes_to_the_end() {
    for selector in selectors() {
        explore(move || {
            let (status, delivery) = build(builder());
            let closing = spawn(move || drop(delivery));
            let mut reader = status.subscribe(selector.clone()).open();
            assert!(block_on(reader.next()).is_none());
            join(closing);
        });
    }
}

#[test]
fn a_reader_that_comes_while_a_batch_is_published_gets_each_update_once() {
    for selector in selectors() {
        explore(move || {
            let (status, mut delivery) = build(builder());
            send(&status, "a");
            let runner = spawn(move || {
                let _ = delivery.step();
                delivery
            });
            let mut reader = status.subscribe(selector.clone()).with_retained().open();
            let mut read = texts(reader.try_next());
            join(runner);
            read.push_str(&texts(reader.try_next()));
            assert_eq!(read, "a|");
            assert!(reader.try_next().is_none());
        });
    }
}

#[test]
fn a_reader_that_comes_while_another_one_leaves_gets_each_update_once() {
    let selector = Selector::conversation("a").expect("a valid name");
    explore_within(2, move || {
        let (status, mut delivery) = build(builder());
        let leaving = status.subscribe(selector.clone()).open();
        send(&status, "a");
        let runner = spawn(move || {
            let _ = delivery.step();
            delivery
        });
        let leaving = spawn(move || drop(leaving));
        let mut reader = status.subscribe(selector.clone()).with_retained().open();
        let mut read = texts(reader.try_next());
        join(runner);
        join(leaving);
        read.push_str(&texts(reader.try_next()));
        assert_eq!(read, "a|");
    });
}

#[test]
fn a_shutdown_sees_the_last_reader_leave() {
    explore(|| {
        let amount = Amount { updates: 1, bytes: 1 };
        let hub = Hub::new(Bounds { window: amount, history: amount, retained: amount });
        let hub = Arc::new(hub);
        let readers = [(); 2].map(|()| hub.enter(Source::Everything, Arc::default()));
        let leaving = readers.map(|reader| {
            let hub = Arc::clone(&hub);
            spawn(move || hub.leave(reader))
        });
        block_on(hub.all_left());
        assert_eq!(hub.readers(), 0);
        for leaving in leaving {
            join(leaving);
        }
    });
}
