//! Retained values: a new reader first gets the last update of each topic and key.

use std::time::Duration;

use statusbus_hub::{Category, CategorySet, Event, Priority, Selector, Status, Subscription};

use crate::support::{Bus, SECOND, Start, events, names, of, reader, seq_of, test, updates};

/// A reader that begins with the retained values.
fn joiner(bus: &Bus, selector: Selector) -> Subscription {
    bus.subscribe(selector).with_retained().open()
}

/// The retained values of a new reader.
fn retained(bus: &Bus, selector: Selector) -> String {
    let found = events(&mut joiner(bus, selector));
    assert_eq!(found.len(), 1, "one event: {found:?}");
    found.concat()
}

fn a() -> Selector {
    of("a")
}

fn send(bus: &Bus, category: Category, key: &str, text: &str) {
    bus.update("a", category, text.to_owned()).key(key).send();
}

#[test]
fn a_new_reader_gets_the_last_value_of_each_topic_and_key_and_then_the_updates() {
    let bus = Status::builder().start();
    bus.tool("a", "tool-1");
    bus.info("a", "info-1");
    send(&bus, Category::TOOL, "x", "x-1");
    send(&bus, Category::TOOL, "y", "y-1");
    send(&bus, Category::INFO, "x", "info-x");
    bus.tool("b", "other");
    bus.deliver();
    bus.tool("a", "tool-2");
    send(&bus, Category::TOOL, "x", "x-2");
    bus.deliver();
    let mut late = joiner(&bus, a());
    assert!(!late.recovered(), "it does not resume");
    bus.tool("a", "tool-3");
    bus.deliver();
    assert_eq!(events(&mut late), ["[info-1 y-1 info-x tool-2 x-2]", "tool-3"]);
    drop(late);
    bus.end();
}

#[test]
fn several_values_of_one_batch_are_in_the_order_of_their_last_update() {
    let bus = Status::builder().start();
    // One batch with two topics, and with and without keys.
    bus.tool("a", "t1");
    send(&bus, Category::TOOL, "x", "x1");
    bus.info("a", "i1");
    bus.tool("a", "t2");
    send(&bus, Category::TOOL, "y", "y1");
    bus.info("a", "i2");
    bus.deliver();
    assert_eq!(retained(&bus, a()), "[x1 t2 y1 i2]");
    bus.end();
}

#[test]
fn without_the_option_a_reader_gets_no_retained_values() {
    let bus = Status::builder().start();
    bus.tool("a", "before");
    bus.deliver();
    let mut plain = reader(&bus, "a");
    bus.tool("a", "after");
    bus.deliver();
    assert_eq!(updates(&mut plain), ["after"]);
    drop(plain);
    bus.end();
}

#[test]
fn without_values_a_new_reader_gets_an_empty_batch_with_its_position() {
    let bus = Status::builder().with_epoch(1).start();
    bus.info("b", "other");
    bus.deliver();
    let mut late = joiner(&bus, a());
    let event = late.try_next().expect("an event");
    let Event::Retained(batch) = &event else { panic!("retained values come first: {event:?}") };
    assert!(batch.is_empty());
    bus.info("a", "next");
    bus.deliver();
    let mut resumed = bus.subscribe(a()).resume(1, seq_of(&event)).open();
    assert!(resumed.recovered());
    assert_eq!(updates(&mut resumed), ["next"]);
    drop((late, resumed));
    bus.end();
}

#[test]
fn retained_values_are_of_the_chosen_categories() {
    let bus = Status::builder().start();
    bus.tool("a", "tool");
    bus.info("a", "info");
    bus.deliver();
    let tools = CategorySet::NONE.with(Category::TOOL);
    assert_eq!(
        events(&mut bus.subscribe(a()).with_categories(tools).with_retained().open()),
        ["[tool]"]
    );
    bus.end();
}

#[test]
fn a_value_is_retained_until_its_ttl_ends() {
    let bus = Status::builder().start();
    bus.update("a", Category::TOOL, "ten").ttl(10 * SECOND).send();
    bus.update("a", Category::INFO, "keyed").key("k").ttl(5 * SECOND).send();
    bus.planning("a", "forever");
    bus.deliver();
    assert_eq!(retained(&bus, a()), "[ten keyed forever]");
    bus.advance(5 * SECOND - Duration::from_micros(1));
    assert_eq!(retained(&bus, a()), "[ten keyed forever]");
    bus.advance(Duration::from_micros(1));
    assert_eq!(retained(&bus, a()), "[ten forever]");
    assert_eq!(retained(&bus, Selector::Everything), "[ten forever]");
    bus.advance(5 * SECOND);
    assert_eq!(retained(&bus, a()), "[forever]");
    // The TTL includes the time in the queue, which is zero here.
    assert_eq!(bus.end().expired, 0);
}

#[test]
fn a_category_can_have_a_default_ttl() {
    let ttl = Some(5 * SECOND);
    let builder = Status::builder().with_defaults(Category::PROGRESS, Priority::Low, ttl);
    let bus = builder.start();
    bus.progress("a", "41 %");
    bus.update("a", Category::PROGRESS, "longer").key("k").ttl(9 * SECOND).send();
    bus.tool("a", "forever");
    bus.deliver();
    assert_eq!(retained(&bus, a()), "[41 % longer forever]");
    bus.advance(5 * SECOND);
    assert_eq!(retained(&bus, a()), "[longer forever]");
    bus.end();
}

#[test]
fn a_value_can_be_removed() {
    let bus = Status::builder().start();
    bus.tool("a", "plain");
    send(&bus, Category::TOOL, "k", "keyed");
    send(&bus, Category::INFO, "k", "of info");
    bus.deliver();
    assert!(!bus.remove_retained("a", Category::TOOL, Some("other")));
    assert!(!bus.remove_retained("b", Category::TOOL, None));
    assert!(!bus.remove_retained("a:b", Category::TOOL, None), "the name is invalid");
    assert!(bus.remove_retained("a", Category::TOOL, Some("k")));
    assert!(!bus.remove_retained("a", Category::TOOL, Some("k")), "it is removed already");
    assert_eq!(retained(&bus, a()), "[plain of info]");
    assert!(bus.remove_retained("a", Category::TOOL, None));
    assert_eq!(retained(&bus, a()), "[of info]");
    bus.end();
}

#[test]
fn removing_a_value_does_not_create_a_conversation() {
    let bus = Status::builder().start();
    assert!(!bus.remove_retained("a", Category::TOOL, None));
    assert_eq!(bus.conversations(), 0);
    bus.end();
}

#[test]
fn the_oldest_of_64_keys_is_removed_first() {
    let bus = Status::builder().start();
    bus.tool("a", "plain");
    for key in names("k", 0..64) {
        send(&bus, Category::TOOL, &key, &key);
    }
    bus.deliver();
    send(&bus, Category::TOOL, "k0", "k0-again");
    bus.deliver();
    // "k1" is the oldest now. The value without a key does not count.
    send(&bus, Category::INFO, "new", "new");
    bus.deliver();
    let keyed = names("k", 2..64).join(" ");
    assert_eq!(retained(&bus, a()), format!("[plain {keyed} k0-again new]"));
    bus.end();
}

#[test]
fn values_outlive_the_window() {
    let bus = Status::builder().with_window(8).with_history(2).start();
    send(&bus, Category::TOOL, "k", "kept");
    bus.info("a", "a text that is too long to be stored in the update itself");
    bus.deliver();
    for number in 0..100 {
        bus.info("b", format!("{number}"));
        bus.deliver();
    }
    let text = "a text that is too long to be stored in the update itself";
    assert_eq!(retained(&bus, a()), format!("[kept {text}]"));
    assert_eq!(retained(&bus, Selector::Everything), format!("[kept {text} 99]"));
    bus.end();
}

#[test]
fn a_value_has_all_fields_of_its_update() {
    let bus = Status::builder().with_window(1).with_history(0).start();
    let update = bus.update("a", Category::TOOL, "text").key("k").priority(Priority::High);
    update.metadata(r#"{"hits":3}"#.parse::<statusbus_hub::Metadata>().expect("JSON")).send();
    bus.deliver();
    bus.info("b", "1");
    bus.deliver();
    bus.info("b", "2");
    bus.deliver();
    let Some(Event::Retained(batch)) = joiner(&bus, a()).try_next() else {
        panic!("retained values come first");
    };
    let update = batch.iter().next().expect("a value");
    assert_eq!((update.seq(), update.conversation(), update.text()), (1, Some("a"), "text"));
    assert_eq!((update.key(), update.metadata()), (Some("k"), Some(r#"{"hits":3}"#)));
    assert_eq!((update.category(), update.priority()), (Category::TOOL, Priority::High));
    bus.end();
}

#[test]
fn system_wide_values_are_retained_too() {
    let bus = Status::builder().start();
    bus.system().info("all well");
    bus.info("a", "other");
    bus.deliver();
    assert_eq!(retained(&bus, Selector::System), "[all well]");
    assert_eq!(retained(&bus, Selector::Everything), "[all well other]");
    bus.end();
}

#[test]
fn with_a_limit_of_zero_keys_values_without_a_key_are_still_retained() {
    let bus = Status::builder().with_retained_keys(0).start();
    send(&bus, Category::TOOL, "k", "keyed");
    bus.tool("a", "plain");
    bus.deliver();
    assert_eq!(retained(&bus, a()), "[plain]");
    bus.end();
}

/// More values than 16 bits count; each has its conversation's name as text.
#[test]
fn the_values_of_many_conversations_keep_their_names() {
    let bus = Status::builder().start();
    for category in 0..7 {
        let category = Category::from_index(category).expect("a category");
        for name in names("c", 0..10_000) {
            bus.send(&name, category, name.as_str());
        }
        bus.deliver();
    }
    let mut late = joiner(&bus, Selector::Everything);
    let mut values = 0;
    while let Some(Event::Retained(batch)) = late.try_next() {
        for update in batch.iter() {
            assert_eq!(update.conversation(), Some(update.text()));
            values += 1;
        }
    }
    assert_eq!(values, 70_000);
    drop(late);
    assert_eq!(bus.end().delivered, 70_000);
}
