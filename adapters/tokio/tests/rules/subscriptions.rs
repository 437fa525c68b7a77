//! What readers get, in which order, and how it ends.

use std::time::Duration;

use futures_core::stream::FusedStream;
use statusbus_tokio::{Category, CategorySet, Event, Selector, Spawn, Status, Subscription};

use crate::support::{
    SECOND, config, delivered, end, everything, found, names, of, reader, rest, said, told,
};

const INFOS: CategorySet = CategorySet::NONE.with(Category::INFO);

#[tokio::test(start_paused = true)]
async fn a_reader_gets_its_conversation_and_nothing_else() {
    let status = Status::builder().spawn();
    let (mut a, mut b) = (reader(&status, "a"), reader(&status, "b"));
    let mut system = status.subscribe(Selector::System).open();
    for number in 0..3 {
        status.tool("a", format!("a{number}"));
        status.info("b", format!("b{number}"));
        status.system().error(format!("s{number}"));
    }
    delivered(&status).await;
    assert_eq!(said(&mut a), names("a", 0..3));
    assert_eq!(said(&mut b), names("b", 0..3));
    assert_eq!(said(&mut system), names("s", 0..3));
    drop((a, b, system));
    assert_eq!(end(status).await.delivered, 9);
}

#[tokio::test(start_paused = true)]
async fn a_handle_subscribes_to_its_conversation() {
    let status = Status::builder().spawn();
    let conversation = status.conversation("a").expect("a name");
    let (mut a, mut system) = (conversation.subscribe().open(), status.system().subscribe().open());
    drop(conversation);
    status.tool("a", "a");
    status.tool("b", "b");
    status.system().tool("s");
    delivered(&status).await;
    assert_eq!((said(&mut a), said(&mut system)), (vec!["a".to_owned()], vec!["s".to_owned()]));
    drop((a, system));
    assert_eq!(end(status).await.delivered, 3);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_terminated_when_it_has_yielded_everything() {
    let status = Status::builder().spawn();
    let mut a = status.subscribe(of("a")).with_retained().open();
    assert!(!a.is_terminated(), "the retained values come");
    assert!(matches!(a.try_next(), Some(Event::Retained(_))));
    assert!(a.try_next().is_none() && !a.is_terminated(), "it waits");
    status.tool("a", "last");
    let ledger = status.shutdown(Duration::ZERO).await;
    assert!(ledger.is_balanced(), "{ledger:?}");
    while a.next().await.is_some() {}
    assert!(a.is_terminated());
    assert!(a.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_the_categories_it_chose() {
    let status = Status::builder().spawn();
    let mut infos = status.subscribe(of("a")).with_categories(INFOS).open();
    let mut nothing =
        status.subscribe(Selector::Everything).with_categories(CategorySet::NONE).open();
    let mut all_infos = status.subscribe(Selector::Everything).with_categories(INFOS).open();
    for category in 0..7 {
        let category = Category::from_index(category).expect("a category");
        status.update("a", category, "a").send();
        status.update("b", category, "b").send();
    }
    delivered(&status).await;
    status.tool("a", "not chosen");
    delivered(&status).await;
    assert_eq!(found(&mut infos), ["a"]);
    assert_eq!(found(&mut all_infos), ["a b"]);
    assert!(found(&mut nothing).is_empty(), "an empty batch is no event");
    assert_eq!(status.unread(), 0, "what it did not choose it has come to all the same");
    drop((infos, nothing, all_infos));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_can_choose_other_categories() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    a.set_categories(INFOS);
    status.tool("a", "tool");
    status.info("a", "info");
    delivered(&status).await;
    assert_eq!(said(&mut a), ["info"]);
    a.set_categories(CategorySet::ALL);
    status.tool("a", "tool again");
    delivered(&status).await;
    assert_eq!(said(&mut a), ["tool again"]);
    drop(a);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn registered_categories_can_be_chosen() {
    let builder = Status::builder().with_category("deploy").expect("a category");
    let status = builder.spawn();
    let deploy = status.categories().find("deploy").expect("it is registered");
    let chosen = CategorySet::NONE.with(deploy);
    let mut reading = status.subscribe(Selector::Everything).with_categories(chosen).open();
    status.update("a", deploy, "by constant").send();
    status.update("a", Category::INFO, "by name").category("deploy").send();
    status.info("a", "another");
    delivered(&status).await;
    assert_eq!(said(&mut reading), ["by constant", "by name"]);
    drop(reading);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn everything_has_one_order_and_each_conversation_keeps_its_own() {
    let status = Status::builder().with_config(config(10_000, 7)).spawn();
    let mut all = everything(&status);
    let mut parts: Vec<_> =
        names("c", 0..5).into_iter().map(|name| (reader(&status, &name), name)).collect();
    let expected: Vec<String> = (0..500).map(|n| format!("c{}-{n}", n * 7 % 5)).collect();
    for text in &expected {
        let conversation = text.split('-').next().expect("a part");
        let category = Category::from_index(text.len() % 3).expect("a category");
        status.update(conversation, category, text.as_str()).send();
    }
    delivered(&status).await;
    assert_eq!(said(&mut all), expected);
    for (part, name) in &mut parts {
        let mine = expected.iter().filter(|text| text.starts_with(&format!("{name}-")));
        assert_eq!(&said(part), &mine.cloned().collect::<Vec<_>>());
    }
    drop((all, parts));
    assert_eq!(end(status).await.delivered, 500);
}

#[tokio::test(start_paused = true)]
async fn positions_only_grow_and_are_the_same_for_everyone() {
    let status = Status::builder().with_config(config(100, 3)).spawn();
    let (mut a, mut all) = (reader(&status, "a"), everything(&status));
    for number in 0..30 {
        status.tool(if number % 3 == 0 { "a" } else { "b" }, format!("{number}"));
    }
    delivered(&status).await;
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
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn what_readers_have_not_come_to_is_counted() {
    let status = Status::builder().spawn();
    let (mut a, mut all) = (reader(&status, "a"), everything(&status));
    status.tool("a", "1");
    status.tool("b", "2");
    assert_eq!(status.unread(), 0, "not delivered yet");
    delivered(&status).await;
    status.tool("a", "3");
    delivered(&status).await;
    assert_eq!(status.unread(), 2 + 3);
    assert_eq!(found(&mut a), ["1", "3"]);
    assert_eq!(status.unread(), 3);
    assert_eq!(told(&all.try_next().expect("a batch")), "1 2");
    assert_eq!(status.unread(), 1);
    drop((a, all));
    assert_eq!((status.unread(), status.readers()), (0, 0));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn streams_end_when_the_bus_was_shut_down_and_everything_is_read() {
    let status = Status::builder().spawn();
    let (mut a, mut all) = (reader(&status, "a"), everything(&status));
    let mut silent = reader(&status, "silent");
    let waiting = tokio::spawn(async move { silent.next().await.is_none() });
    tokio::task::yield_now().await;
    status.tool("a", "last words");
    let shared = status.clone();
    let shutdown = tokio::spawn(async move { shared.shutdown(SECOND).await });
    assert!(waiting.await.expect("no panic"), "whoever waits is told the end");
    assert_eq!(rest(&mut a).await, ["last words"]);
    assert_eq!(rest(&mut all).await, ["last words"]);
    assert!(a.next().await.is_none(), "and it stays so");
    let ledger = shutdown.await.expect("no panic");
    assert!(ledger.is_balanced() && ledger.delivered == 1, "{ledger:?}");
    assert_eq!(status.readers(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_after_the_end_is_told_so() {
    let status = Status::builder().spawn();
    status.tool("a", "last words");
    assert!(status.shutdown(SECOND).await.is_balanced());
    for selector in [Selector::Everything, Selector::System, of("a")] {
        let mut late = status.subscribe(selector.clone()).open();
        let words = rest(&mut late).await;
        assert!(words.is_empty(), "{selector:?}: {words:?}");
    }
    let mut late = status.subscribe(of("a")).with_retained().open();
    assert_eq!(rest(&mut late).await, ["[last words]"]);
    assert_eq!(status.readers(), 0);
    assert!(status.ledger().is_balanced());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_not_waited_for_any_more_loses_nothing() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    for number in 0..5 {
        let cancelled = tokio::time::timeout(Duration::from_millis(1), a.next()).await;
        assert!(cancelled.is_err(), "nothing was said");
        status.tool("a", format!("{number}"));
        delivered(&status).await;
        assert_eq!(told(&a.next().await.expect("a batch")), format!("{number}"));
    }
    drop(a);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_said_elsewhere_before_is_as_old_as_it_says() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    let hour = Duration::from_secs(3_600);
    for age in [hour, Duration::MAX] {
        status.update("a", Category::TOOL, "from a device").age(age).send();
        let event = a.next().await.expect("an update");
        let Event::Batch(batch) = &event else { panic!("an update: {event:?}") };
        let at = batch.iter().next().expect("an update").at();
        let expected = match age {
            Duration::MAX => std::time::UNIX_EPOCH,
            age => std::time::SystemTime::now() - age,
        };
        let off = expected.duration_since(at).expect("it was said before");
        assert!(off < Duration::from_secs(60), "{off:?}");
    }
    drop(a);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_can_be_polled_by_other_tasks_in_turn() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    for number in 0..3 {
        let waiting = tokio::spawn(async move {
            let event = a.next().await.expect("an update");
            (a, told(&event))
        });
        tokio::task::yield_now().await;
        status.tool("a", format!("{number}"));
        let (back, word) = waiting.await.expect("no panic");
        assert_eq!(word, format!("{number}"));
        a = back;
    }
    drop(a);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn the_time_of_sending_is_kept() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    let before = std::time::SystemTime::now() - Duration::from_millis(1);
    status.tool("a", "now");
    let event = a.next().await.expect("an update");
    let Event::Batch(batch) = &event else { panic!("an update: {event:?}") };
    let at = batch.iter().next().expect("an update").at();
    assert!(before <= at && at <= std::time::SystemTime::now(), "{at:?}");
    // Time in the queue is taken off: the second waits for the interval.
    status.tool("a", "then");
    let event = a.next().await.expect("an update");
    let Event::Batch(batch) = &event else { panic!("an update: {event:?}") };
    let waited = status.config().flush_interval();
    let then = batch.iter().next().expect("an update").at();
    assert!(then <= std::time::SystemTime::now() - waited, "{then:?}");
    drop(a);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_knows_how_many_updates_it_has_not_come_to() {
    let status = Status::builder().with_epoch(1).with_window(10).with_history(3).spawn();
    let (mut a, mut all) = (reader(&status, "a"), everything(&status));
    assert_eq!((a.unread(), all.unread()), (0, 0));
    for (name, text) in [("a", "one"), ("b", "two"), ("a", "three")] {
        status.tool(name, text);
        delivered(&status).await;
    }
    assert_eq!((a.unread(), all.unread()), (2, 3));
    assert!(all.try_next().is_some());
    assert_eq!((a.unread(), all.unread()), (2, 2), "each for itself");
    let resumed = status.subscribe(Selector::Everything).resume(1, 1).open();
    assert!(resumed.recovered());
    assert_eq!((resumed.unread(), everything(&status).unread()), (2, 0));
    drop(resumed);
    for _ in 0..20 {
        status.tool("a", "more");
        delivered(&status).await;
    }
    assert_eq!((a.unread(), all.unread()), (22, 22), "what it will miss among them");
    assert_eq!(status.unread(), 44);
    assert!(a.try_next().is_some_and(|event| matches!(event, Event::Lagged(_))));
    assert_eq!((a.unread(), all.unread()), (0, 22));
    drop((a, all));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_says_how_many_updates_of_it_this_reader_gets() {
    let status = Status::builder().with_epoch(1).spawn();
    let readers = [
        reader(&status, "a"),
        everything(&status),
        status.subscribe(Selector::Everything).with_categories(INFOS).open(),
        status.subscribe(of("b")).with_categories(INFOS).open(),
    ];
    status.info("x", "goes at once");
    delivered(&status).await;
    for number in 0..3 {
        status.tool("a", format!("a{number}"));
        status.info("b", format!("b{number}"));
    }
    status.tool("b", "b3");
    delivered(&status).await;
    // The third of seven updates of that batch is the last one that this reader has.
    let resumed = status.subscribe(Selector::Everything).resume(1, 4).open();
    assert!(resumed.recovered());
    let last = |mut reader: Subscription| {
        let last = std::iter::from_fn(|| reader.try_next()).last();
        let Some(Event::Batch(batch)) = last else { panic!("a batch was expected: {last:?}") };
        batch.len()
    };
    let [a, all, infos, infos_of_b] = readers.map(last);
    assert_eq!((a, all, infos, infos_of_b, last(resumed)), (3, 7, 3, 3, 4));
    let none = status.subscribe(of("nobody")).with_retained().open().try_next();
    assert!(
        matches!(none, Some(Event::Retained(batch)) if (batch.len(), batch.is_empty()) == (0, true))
    );
    end(status).await;
}
