//! The last update of each topic and key is there for late joiners.

use std::time::Duration;

use statusbus_tokio::{
    Category, CategorySet, Event, Priority, Selector, Spawn, Status, Subscription,
};

use crate::support::{SECOND, delivered, end, found, heap, names, of, reader, said, seq_of};

/// A reader who first gets the values that stand.
fn joiner(status: &Status, selector: Selector) -> Subscription {
    status.subscribe(selector).with_retained().open()
}

/// What somebody who joins now gets first.
fn standing(status: &Status, selector: Selector) -> String {
    let found = found(&mut joiner(status, selector));
    assert_eq!(found.len(), 1, "one event: {found:?}");
    found.concat()
}

fn a() -> Selector {
    of("a")
}

fn say(status: &Status, category: Category, key: &str, text: &str) {
    status.update("a", category, text.to_owned()).key(key).send();
}

#[tokio::test(start_paused = true)]
async fn a_late_joiner_gets_the_last_value_of_each_topic_and_key_and_then_what_comes() {
    let status = Status::builder().spawn();
    status.tool("a", "tool-1");
    status.info("a", "info-1");
    say(&status, Category::TOOL, "x", "x-1");
    say(&status, Category::TOOL, "y", "y-1");
    say(&status, Category::INFO, "x", "info-x");
    status.tool("b", "other");
    delivered(&status).await;
    status.tool("a", "tool-2");
    say(&status, Category::TOOL, "x", "x-2");
    delivered(&status).await;
    let mut late = joiner(&status, a());
    assert!(!late.recovered(), "it did not ask to resume");
    status.tool("a", "tool-3");
    delivered(&status).await;
    assert_eq!(found(&mut late), ["[info-1 y-1 info-x tool-2 x-2]", "tool-3"]);
    drop(late);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn several_values_of_one_batch_each_have_their_place() {
    let status = Status::builder().spawn();
    // One batch: without a key, with two keys, and again, of two categories.
    status.tool("a", "t1");
    say(&status, Category::TOOL, "x", "x1");
    status.info("a", "i1");
    status.tool("a", "t2");
    say(&status, Category::TOOL, "y", "y1");
    status.info("a", "i2");
    delivered(&status).await;
    assert_eq!(standing(&status, a()), "[x1 t2 y1 i2]");
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_ask_gets_only_what_comes() {
    let status = Status::builder().spawn();
    status.tool("a", "before");
    delivered(&status).await;
    let mut plain = reader(&status, "a");
    status.tool("a", "after");
    delivered(&status).await;
    assert_eq!(said(&mut plain), ["after"]);
    drop(plain);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn where_nothing_stands_a_joiner_is_told_so_with_the_position_of_that_moment() {
    let status = Status::builder().with_epoch(1).spawn();
    status.info("b", "other");
    delivered(&status).await;
    let mut late = joiner(&status, a());
    let event = late.try_next().expect("an event");
    let Event::Retained(batch) = &event else { panic!("retained values first: {event:?}") };
    assert!(batch.is_empty());
    status.info("a", "next");
    delivered(&status).await;
    let mut resumed = status.subscribe(a()).resume(1, seq_of(&event)).open();
    assert!(resumed.recovered());
    assert_eq!(said(&mut resumed), ["next"]);
    drop((late, resumed));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn only_the_chosen_categories_are_given() {
    let status = Status::builder().spawn();
    status.tool("a", "tool");
    status.info("a", "info");
    delivered(&status).await;
    let tools = CategorySet::NONE.with(Category::TOOL);
    assert_eq!(
        found(&mut status.subscribe(a()).with_categories(tools).with_retained().open()),
        ["[tool]"]
    );
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_value_stands_until_its_time_to_live_ends() {
    let status = Status::builder().spawn();
    status.update("a", Category::TOOL, "ten").ttl(10 * SECOND).send();
    status.update("a", Category::INFO, "keyed").key("k").ttl(5 * SECOND).send();
    status.planning("a", "for ever");
    delivered(&status).await;
    assert_eq!(standing(&status, a()), "[ten keyed for ever]");
    tokio::time::sleep(5 * SECOND - Duration::from_micros(1_000)).await;
    assert_eq!(standing(&status, a()), "[ten keyed for ever]");
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(standing(&status, a()), "[ten for ever]");
    assert_eq!(standing(&status, Selector::Everything), "[ten for ever]");
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(standing(&status, a()), "[for ever]");
    // Waiting in the queue is part of the time: nothing here waits, so nothing expired.
    assert_eq!(end(status).await.expired, 0);
}

#[tokio::test(start_paused = true)]
async fn a_category_may_say_how_long_its_values_stand() {
    let ttl = Some(5 * SECOND);
    let builder = Status::builder().with_defaults(Category::PROGRESS, Priority::Low, ttl);
    let status = builder.spawn();
    status.progress("a", "41 %");
    status.update("a", Category::PROGRESS, "longer").key("k").ttl(9 * SECOND).send();
    status.tool("a", "for ever");
    delivered(&status).await;
    assert_eq!(standing(&status, a()), "[41 % longer for ever]");
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(standing(&status, a()), "[longer for ever]");
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_value_can_be_removed() {
    let status = Status::builder().spawn();
    status.tool("a", "plain");
    say(&status, Category::TOOL, "k", "keyed");
    say(&status, Category::INFO, "k", "of info");
    delivered(&status).await;
    assert!(!status.remove_retained("a", Category::TOOL, Some("other")));
    assert!(!status.remove_retained("b", Category::TOOL, None));
    assert!(!status.remove_retained("a:b", Category::TOOL, None), "no name, no value");
    assert!(status.remove_retained("a", Category::TOOL, Some("k")));
    assert!(!status.remove_retained("a", Category::TOOL, Some("k")), "it is gone");
    assert_eq!(standing(&status, a()), "[plain of info]");
    assert!(status.remove_retained("a", Category::TOOL, None));
    assert_eq!(standing(&status, a()), "[of info]");
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn to_remove_a_value_does_not_make_a_conversation() {
    let status = Status::builder().spawn();
    assert!(!status.remove_retained("a", Category::TOOL, None));
    assert_eq!(status.conversations(), 0);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn of_64_keys_the_least_recent_is_forgotten_first() {
    let status = Status::builder().spawn();
    status.tool("a", "plain");
    for key in names("k", 0..64) {
        say(&status, Category::TOOL, &key, &key);
    }
    delivered(&status).await;
    say(&status, Category::TOOL, "k0", "k0-again");
    delivered(&status).await;
    // "k1" is the least recent now. What has no key has its own place and does not count.
    say(&status, Category::INFO, "new", "new");
    delivered(&status).await;
    let keyed = names("k", 2..64).join(" ");
    assert_eq!(standing(&status, a()), format!("[plain {keyed} k0-again new]"));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn values_outlive_the_window_that_they_were_delivered_in() {
    let status = Status::builder().with_window(8).with_history(2).spawn();
    say(&status, Category::TOOL, "k", "kept");
    status.info("a", "a text that is too long to lie inline, so that it has to be shared");
    delivered(&status).await;
    for number in 0..100 {
        status.info("b", format!("{number}"));
        delivered(&status).await;
    }
    let text = "a text that is too long to lie inline, so that it has to be shared";
    assert_eq!(standing(&status, a()), format!("[kept {text}]"));
    assert_eq!(standing(&status, Selector::Everything), format!("[kept {text} 99]"));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_value_does_not_keep_its_batch_in_memory() {
    let status = Status::builder().with_window(200).with_history(0).spawn();
    let mut after_few = 0;
    for number in 0..200 {
        // Each of them says one thing, among a hundred that somebody else says.
        status.tool(&format!("quiet{number}"), "now and then");
        for _ in 0..99 {
            status.tool("flood", "something");
        }
        delivered(&status).await;
        if number == 100 {
            after_few = heap::held();
        }
    }
    let grown = heap::held() - after_few;
    assert!(grown < 100 * 2_000, "{grown} bytes for a hundred values");
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_value_says_all_that_was_said() {
    let status = Status::builder().with_window(1).with_history(0).spawn();
    let draft = status.update("a", Category::TOOL, "text").key("k").priority(Priority::High);
    draft.metadata(r#"{"hits":3}"#.parse::<statusbus_tokio::Metadata>().expect("JSON")).send();
    delivered(&status).await;
    status.info("b", "1");
    delivered(&status).await;
    status.info("b", "2");
    delivered(&status).await;
    let Some(Event::Retained(batch)) = joiner(&status, a()).try_next() else {
        panic!("retained values first");
    };
    let update = batch.iter().next().expect("a value");
    assert_eq!((update.seq(), update.conversation(), update.text()), (1, Some("a"), "text"));
    assert_eq!((update.key(), update.metadata()), (Some("k"), Some(r#"{"hits":3}"#)));
    assert_eq!((update.category(), update.priority()), (Category::TOOL, Priority::High));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_system_wide_is_retained_too() {
    let status = Status::builder().spawn();
    status.system().info("all well");
    status.info("a", "other");
    delivered(&status).await;
    assert_eq!(standing(&status, Selector::System), "[all well]");
    assert_eq!(standing(&status, Selector::Everything), "[all well other]");
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_retains_no_keys_retains_what_has_none() {
    let status = Status::builder().with_retained_keys(0).spawn();
    say(&status, Category::TOOL, "k", "keyed");
    status.tool("a", "plain");
    delivered(&status).await;
    assert_eq!(standing(&status, a()), "[plain]");
    end(status).await;
}

/// More values than fit 16 bits, and each says whose it is.
#[tokio::test(start_paused = true)]
async fn the_values_of_very_many_conversations_keep_their_names() {
    let status = Status::builder().spawn();
    for category in 0..7 {
        let category = Category::from_index(category).expect("a category");
        for name in names("c", 0..10_000) {
            status.send(&name, category, name.as_str());
        }
        delivered(&status).await;
    }
    let mut late = joiner(&status, Selector::Everything);
    let mut values = 0;
    while let Some(Event::Retained(batch)) = late.try_next() {
        for update in batch.iter() {
            assert_eq!(update.conversation(), Some(update.text()));
            values += 1;
        }
    }
    assert_eq!(values, 70_000);
    drop(late);
    assert_eq!(end(status).await.delivered, 70_000);
}
