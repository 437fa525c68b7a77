//! Subscriptions: their updates and order, and the end of the stream.

use std::task::Poll;
use std::time::{Duration, UNIX_EPOCH};

use futures_core::stream::FusedStream;
use statusbus_hub::{Category, CategorySet, Event, Selector, Status, Subscription};

use crate::support::task::Task;
use crate::support::{
    SECOND, Start, config, events, everything, names, of, reader, summary, test, updates,
};

const INFOS: CategorySet = CategorySet::NONE.with(Category::INFO);

#[test]
fn a_reader_gets_its_conversation_and_nothing_else() {
    let bus = Status::builder().start();
    let (mut a, mut b) = (reader(&bus, "a"), reader(&bus, "b"));
    let mut system = bus.subscribe(Selector::System).open();
    for number in 0..3 {
        bus.tool("a", format!("a{number}"));
        bus.info("b", format!("b{number}"));
        bus.system().error(format!("s{number}"));
    }
    bus.deliver();
    assert_eq!(updates(&mut a), names("a", 0..3));
    assert_eq!(updates(&mut b), names("b", 0..3));
    assert_eq!(updates(&mut system), names("s", 0..3));
    drop((a, b, system));
    assert_eq!(bus.end().delivered, 9);
}

#[test]
fn a_handle_subscribes_to_its_conversation() {
    let bus = Status::builder().start();
    let conversation = bus.conversation("a").expect("a name");
    let (mut a, mut system) = (conversation.subscribe().open(), bus.system().subscribe().open());
    drop(conversation);
    bus.tool("a", "a");
    bus.tool("b", "b");
    bus.system().tool("s");
    bus.deliver();
    assert_eq!(
        (updates(&mut a), updates(&mut system)),
        (vec!["a".to_owned()], vec!["s".to_owned()])
    );
    drop((a, system));
    assert_eq!(bus.end().delivered, 3);
}

#[test]
fn a_subscription_is_terminated_when_it_has_yielded_everything() {
    let bus = Status::builder().start();
    let mut a = bus.subscribe(of("a")).with_retained().open();
    assert!(!a.is_terminated(), "the retained values are still to come");
    assert!(matches!(a.try_next(), Some(Event::Retained(_))));
    assert!(a.try_next().is_none() && !a.is_terminated(), "it waits for updates");
    bus.tool("a", "last");
    let ledger = bus.run(bus.shutdown(Duration::ZERO));
    assert!(ledger.is_balanced(), "{ledger:?}");
    while bus.run(a.next()).is_some() {}
    assert!(a.is_terminated());
    assert!(bus.run(a.next()).is_none());
}

#[test]
fn a_reader_gets_the_chosen_categories() {
    let bus = Status::builder().start();
    let mut infos = bus.subscribe(of("a")).with_categories(INFOS).open();
    let mut nothing = bus.subscribe(Selector::Everything).with_categories(CategorySet::NONE).open();
    let mut all_infos = bus.subscribe(Selector::Everything).with_categories(INFOS).open();
    for category in 0..7 {
        let category = Category::from_index(category).expect("a category");
        bus.update("a", category, "a").send();
        bus.update("b", category, "b").send();
    }
    bus.deliver();
    bus.tool("a", "not chosen");
    bus.deliver();
    assert_eq!(events(&mut infos), ["a"]);
    assert_eq!(events(&mut all_infos), ["a b"]);
    assert!(events(&mut nothing).is_empty(), "a batch without updates for the reader is no event");
    assert_eq!(bus.unread(), 0, "updates of other categories count as read");
    drop((infos, nothing, all_infos));
    bus.end();
}

#[test]
fn a_reader_can_change_its_categories() {
    let bus = Status::builder().start();
    let mut a = reader(&bus, "a");
    a.set_categories(INFOS);
    bus.tool("a", "tool");
    bus.info("a", "info");
    bus.deliver();
    assert_eq!(updates(&mut a), ["info"]);
    a.set_categories(CategorySet::ALL);
    bus.tool("a", "tool again");
    bus.deliver();
    assert_eq!(updates(&mut a), ["tool again"]);
    drop(a);
    bus.end();
}

#[test]
fn registered_categories_can_be_chosen() {
    let builder = Status::builder().with_category("deploy").expect("a category");
    let bus = builder.start();
    let deploy = bus.categories().find("deploy").expect("it is registered");
    let chosen = CategorySet::NONE.with(deploy);
    let mut reading = bus.subscribe(Selector::Everything).with_categories(chosen).open();
    bus.update("a", deploy, "by constant").send();
    bus.update("a", Category::INFO, "by name").category("deploy").send();
    bus.info("a", "another");
    bus.deliver();
    assert_eq!(updates(&mut reading), ["by constant", "by name"]);
    drop(reading);
    bus.end();
}

#[test]
fn updates_keep_their_order_over_all_and_in_each_conversation() {
    let bus = Status::builder().with_config(config(10_000, 7)).start();
    let mut all = everything(&bus);
    let mut parts: Vec<_> =
        names("c", 0..5).into_iter().map(|name| (reader(&bus, &name), name)).collect();
    let expected: Vec<String> = (0..500).map(|n| format!("c{}-{n}", n * 7 % 5)).collect();
    for text in &expected {
        let conversation = text.split('-').next().expect("a part");
        let category = Category::from_index(text.len() % 3).expect("a category");
        bus.update(conversation, category, text.as_str()).send();
    }
    bus.deliver();
    assert_eq!(updates(&mut all), expected);
    for (part, name) in &mut parts {
        let mine = expected.iter().filter(|text| text.starts_with(&format!("{name}-")));
        assert_eq!(&updates(part), &mine.cloned().collect::<Vec<_>>());
    }
    drop((all, parts));
    assert_eq!(bus.end().delivered, 500);
}

#[test]
fn positions_increase_and_are_the_same_for_every_reader() {
    let bus = Status::builder().with_config(config(100, 3)).start();
    let (mut a, mut all) = (reader(&bus, "a"), everything(&bus));
    for number in 0..30 {
        bus.tool(if number % 3 == 0 { "a" } else { "b" }, format!("{number}"));
    }
    bus.deliver();
    let positions = |reader: &mut Subscription| {
        let mut positions = Vec::new();
        while let Some(Event::Batch(batch)) = reader.try_next() {
            let updates: Vec<_> = batch.iter().map(|update| update.seq()).collect();
            assert_eq!(updates.last(), Some(&batch.seq()), "the position of its last update");
            positions.extend(updates);
        }
        positions
    };
    assert_eq!(positions(&mut all), (1..=30).collect::<Vec<_>>());
    assert_eq!(positions(&mut a), (1..=30).step_by(3).collect::<Vec<_>>());
    assert_eq!((a.resume_point(), all.resume_point()), (Some(28), Some(30)));
    drop((a, all));
    bus.end();
}

#[test]
fn unread_updates_are_counted() {
    let bus = Status::builder().start();
    let (mut a, mut all) = (reader(&bus, "a"), everything(&bus));
    bus.tool("a", "1");
    bus.tool("b", "2");
    assert_eq!(bus.unread(), 0, "not delivered yet");
    bus.deliver();
    bus.tool("a", "3");
    bus.deliver();
    assert_eq!(bus.unread(), 2 + 3);
    assert_eq!(events(&mut a), ["1", "3"]);
    assert_eq!(bus.unread(), 3);
    assert_eq!(summary(&all.try_next().expect("a batch")), "1 2");
    assert_eq!(bus.unread(), 1);
    drop((a, all));
    assert_eq!((bus.unread(), bus.readers()), (0, 0));
    bus.end();
}

#[test]
fn streams_end_after_the_shutdown_when_everything_is_read() {
    let bus = Status::builder().start();
    let (mut a, mut all) = (reader(&bus, "a"), everything(&bus));
    let mut silent = reader(&bus, "silent");
    let mut waiting = Task::new(async move { silent.next().await.is_none() });
    assert!(waiting.poll().is_pending());
    bus.tool("a", "last words");
    let mut shutdown = Task::new(bus.shutdown(SECOND));
    assert!(shutdown.poll().is_pending());
    assert!(bus.finish(&mut waiting), "the end wakes a waiting reader");
    assert_eq!(bus.rest(&mut a), ["last words"]);
    assert_eq!(bus.rest(&mut all), ["last words"]);
    assert!(bus.run(a.next()).is_none(), "the end is final");
    let Poll::Ready(ledger) = shutdown.poll() else { panic!("everything is read") };
    assert!(ledger.is_balanced() && ledger.delivered == 1, "{ledger:?}");
    assert_eq!(bus.readers(), 0);
}

#[test]
fn a_subscription_after_the_end_ends_at_once() {
    let bus = Status::builder().start();
    bus.tool("a", "last words");
    assert!(bus.run(bus.shutdown(SECOND)).is_balanced());
    for selector in [Selector::Everything, Selector::System, of("a")] {
        let mut late = bus.subscribe(selector.clone()).open();
        let rest = bus.rest(&mut late);
        assert!(rest.is_empty(), "{selector:?}: {rest:?}");
    }
    let mut late = bus.subscribe(of("a")).with_retained().open();
    assert_eq!(bus.rest(&mut late), ["[last words]"]);
    assert_eq!(bus.readers(), 0);
    assert!(bus.ledger().is_balanced());
}

#[test]
fn a_cancelled_wait_loses_nothing() {
    let bus = Status::builder().start();
    let mut a = reader(&bus, "a");
    for number in 0..5 {
        let mut cancelled = Task::new(a.next());
        assert!(cancelled.poll().is_pending());
        drop(cancelled);
        bus.tool("a", format!("{number}"));
        bus.deliver();
        assert_eq!(summary(&bus.run(a.next()).expect("a batch")), format!("{number}"));
    }
    drop(a);
    bus.end();
}

#[test]
fn an_update_can_be_sent_with_the_age_that_it_has() {
    let bus = Status::builder().start();
    let mut a = reader(&bus, "a");
    let hour = Duration::from_secs(3_600);
    for age in [hour, Duration::MAX] {
        bus.update("a", Category::TOOL, "from a device").age(age).send();
        let event = bus.run(a.next()).expect("an update");
        let Event::Batch(batch) = &event else { panic!("an update: {event:?}") };
        let at = batch.iter().next().expect("an update").at();
        assert_eq!(at, bus.time_of_day().checked_sub(age).unwrap_or(UNIX_EPOCH).max(UNIX_EPOCH));
    }
    drop(a);
    bus.end();
}

#[test]
fn tasks_can_take_turns_in_waiting_for_a_reader() {
    let bus = Status::builder().start();
    let mut a = reader(&bus, "a");
    for number in 0..3 {
        let mut waiting = Task::new(async move {
            let event = a.next().await.expect("an update");
            (a, summary(&event))
        });
        assert!(waiting.poll().is_pending());
        bus.tool("a", format!("{number}"));
        let (back, event) = bus.finish(&mut waiting);
        assert_eq!(event, format!("{number}"));
        a = back;
    }
    drop(a);
    bus.end();
}

#[test]
fn an_update_has_the_time_of_its_sending() {
    let bus = Status::builder().start();
    let mut a = reader(&bus, "a");
    bus.advance(SECOND);
    // The first is delivered at once, the second waits in the queue for the flush interval.
    for waited in [Duration::ZERO, bus.config().flush_interval()] {
        let (sent_at, before) = (bus.time_of_day(), bus.elapsed());
        bus.tool("a", "update");
        let event = bus.run(a.next()).expect("an update");
        let Event::Batch(batch) = &event else { panic!("an update: {event:?}") };
        assert_eq!(batch.iter().next().expect("an update").at(), sent_at);
        assert_eq!(bus.elapsed() - before, waited);
    }
    drop(a);
    bus.end();
}

#[test]
fn a_reader_counts_its_unread_updates() {
    let bus = Status::builder().with_epoch(1).with_window(10).with_history(3).start();
    let (mut a, mut all) = (reader(&bus, "a"), everything(&bus));
    assert_eq!((a.unread(), all.unread()), (0, 0));
    for (name, text) in [("a", "one"), ("b", "two"), ("a", "three")] {
        bus.tool(name, text);
        bus.deliver();
    }
    assert_eq!((a.unread(), all.unread()), (2, 3));
    assert!(all.try_next().is_some());
    assert_eq!((a.unread(), all.unread()), (2, 2), "each reader counts its own");
    let resumed = bus.subscribe(Selector::Everything).resume(1, 1).open();
    assert!(resumed.recovered());
    assert_eq!((resumed.unread(), everything(&bus).unread()), (2, 0));
    drop(resumed);
    for _ in 0..20 {
        bus.tool("a", "more");
        bus.deliver();
    }
    assert_eq!((a.unread(), all.unread()), (22, 22), "missed updates count until the lag is read");
    assert_eq!(bus.unread(), 44);
    assert!(a.try_next().is_some_and(|event| matches!(event, Event::Lagged(_))));
    assert_eq!((a.unread(), all.unread()), (0, 22));
    drop((a, all));
    bus.end();
}

#[test]
fn the_length_of_a_batch_counts_the_updates_for_the_reader() {
    let bus = Status::builder().with_epoch(1).start();
    let readers = [
        reader(&bus, "a"),
        everything(&bus),
        bus.subscribe(Selector::Everything).with_categories(INFOS).open(),
        bus.subscribe(of("b")).with_categories(INFOS).open(),
    ];
    bus.info("x", "a batch of its own");
    bus.deliver();
    for number in 0..3 {
        bus.tool("a", format!("a{number}"));
        bus.info("b", format!("b{number}"));
    }
    bus.tool("b", "b3");
    bus.deliver();
    // This reader has the first three of the seven updates of that batch.
    let resumed = bus.subscribe(Selector::Everything).resume(1, 4).open();
    assert!(resumed.recovered());
    let last = |mut reader: Subscription| {
        let last = std::iter::from_fn(|| reader.try_next()).last();
        let Some(Event::Batch(batch)) = last else { panic!("a batch was expected: {last:?}") };
        batch.len()
    };
    let [a, all, infos, infos_of_b] = readers.map(last);
    assert_eq!((a, all, infos, infos_of_b, last(resumed)), (3, 7, 3, 3, 4));
    let none = bus.subscribe(of("unknown")).with_retained().open().try_next();
    assert!(
        matches!(none, Some(Event::Retained(batch)) if (batch.len(), batch.is_empty()) == (0, true))
    );
    bus.end();
}
