//! Retained values are collected once for readers that begin at the same time.

use std::time::Duration;

use statusbus_hub::{Batch, Category, CategorySet, Event, Selector, Status, Subscription};

use crate::support::{Bus, Start, events, names, of, test, texts, updates};

const VALUES: usize = 400;

/// A bus with a retained value in each of many conversations.
fn with_values(bus: Bus) -> Bus {
    for name in names("c", 0..VALUES) {
        bus.tool(&name, name.clone());
    }
    bus.deliver();
    bus
}

fn joiner(bus: &Bus, selector: Selector) -> (Subscription, Batch) {
    let mut reader = bus.subscribe(selector).with_retained().open();
    let Some(Event::Retained(values)) = reader.try_next() else {
        panic!("retained values come first")
    };
    (reader, values)
}

#[test]
fn readers_that_begin_at_the_same_position_share_the_values() {
    let bus = with_values(Status::builder().start());
    for selector in [Selector::Everything, of("c7")] {
        let (first, one) = joiner(&bus, selector.clone());
        let (second, two) = joiner(&bus, selector.clone());
        assert!(one.ptr_eq(&two));
        let chosen = CategorySet::NONE.with(Category::TOOL);
        let mut third = bus.subscribe(selector).with_categories(chosen).with_retained().open();
        let Some(Event::Retained(three)) = third.try_next() else {
            panic!("retained values come first")
        };
        assert!(!one.ptr_eq(&three), "other categories are another view");
        assert_eq!(texts(&one), texts(&three));
        drop((first, second, third));
    }
    bus.end();
}

#[test]
fn a_reader_may_begin_at_an_earlier_position_with_shared_values_and_misses_nothing() {
    let bus = with_values(Status::builder().start());
    let (mut first, one) = joiner(&bus, Selector::Everything);
    for text in names("new", 0..VALUES / 4) {
        bus.tool("c7", text);
    }
    bus.deliver();
    let (mut second, two) = joiner(&bus, Selector::Everything);
    assert!(one.ptr_eq(&two), "reading the few updates behind it is less work");
    assert_eq!(updates(&mut second), names("new", 0..VALUES / 4));
    assert_eq!(updates(&mut first), names("new", 0..VALUES / 4));
    bus.tool("c8", "one more");
    bus.deliver();
    let (mut third, three) = joiner(&bus, Selector::Everything);
    assert_eq!(texts(&three).last().map(String::as_str), Some("one more"), "collected again");
    assert!(events(&mut third).is_empty());
    drop((first, second, third));
    bus.end();
}

#[test]
fn removed_and_expired_values_are_not_shared() {
    let bus = with_values(Status::builder().start());
    for selector in [Selector::Everything, of("c7")] {
        bus.update("c7", Category::INFO, "brief").ttl(Duration::from_secs(1)).send();
        bus.update("c7", Category::INFO, "kept").key("k").send();
        bus.deliver();
        let (first, one) = joiner(&bus, selector.clone());
        assert!(texts(&one).iter().any(|text| text == "brief"));
        bus.advance(Duration::from_secs(1));
        let (second, two) = joiner(&bus, selector.clone());
        assert!(!texts(&two).iter().any(|text| text == "brief"));
        assert!(bus.remove_retained("c7", Category::INFO, Some("k")));
        let (third, three) = joiner(&bus, selector.clone());
        assert_eq!(texts(&three).len() + 1, texts(&two).len());
        drop((first, second, third));
    }
    bus.end();
}

#[test]
fn a_value_of_a_removed_conversation_can_be_removed_from_the_shared_values() {
    let bus = with_values(Status::builder().with_conversations(VALUES).start());
    let (first, one) = joiner(&bus, Selector::Everything);
    for name in names("new", 0..20) {
        bus.tool(&name, name.clone());
    }
    bus.deliver();
    let removed = texts(&one).into_iter().find(|name| !bus.is_known(name));
    let removed = removed.expect("new conversations replaced some");
    let (second, two) = joiner(&bus, Selector::Everything);
    assert!(two.ptr_eq(&one));
    assert!(!bus.remove_retained(&removed, Category::TOOL, None));
    let (third, three) = joiner(&bus, Selector::Everything);
    assert!(!texts(&three).contains(&removed));
    drop((first, second, third));
    bus.end();
}

#[test]
fn values_are_not_shared_beyond_the_window() {
    let bus = with_values(Status::builder().with_window(8).with_history(0).start());
    let (mut first, one) = joiner(&bus, Selector::Everything);
    for text in names("new", 0..20) {
        bus.tool("c7", text);
        bus.deliver();
    }
    let (second, two) = joiner(&bus, Selector::Everything);
    assert_eq!(texts(&two).last().map(String::as_str), Some("new19"));
    let Some(Event::Lagged(lagged)) = first.try_next() else { panic!("it fell behind") };
    let Some(Event::Retained(three)) = first.try_next() else { panic!("values after a lag") };
    assert!(three.ptr_eq(&two) && !three.ptr_eq(&one), "readers share them after a lag too");
    assert_eq!(lagged.missed, 20);
    drop((first, second));
    bus.end();
}

#[test]
fn values_are_shared_over_half_of_the_window() {
    let bus = with_values(Status::builder().with_window(16).with_history(0).start());
    let (first, one) = joiner(&bus, Selector::Everything);
    for text in names("new", 0..16) {
        bus.tool("c7", text);
        bus.deliver();
    }
    let (mut second, two) = joiner(&bus, Selector::Everything);
    assert!(!one.ptr_eq(&two) && second.unread() == 0);
    for text in names("more", 0..8) {
        bus.tool("c7", text);
        bus.deliver();
    }
    assert_eq!(updates(&mut second), names("more", 0..8));
    let (mut third, three) = joiner(&bus, Selector::Everything);
    assert!(two.ptr_eq(&three));
    assert_eq!(updates(&mut third), names("more", 0..8));
    drop((first, second, third));
    bus.end();
}

#[test]
fn values_can_be_skipped() {
    let bus = with_values(Status::builder().start());
    let (reader, values) = joiner(&bus, Selector::Everything);
    for skipped in [0, 1, 7, VALUES - 1] {
        let rest: Vec<&str> = values.iter().skip(skipped).map(|update| update.text()).collect();
        assert_eq!(rest, names("c", skipped..VALUES));
    }
    assert!(values.iter().nth(VALUES).is_none());
    drop(reader);
    bus.end();
}
