//! Retained values are collected once for all readers that begin together.

use std::time::Duration;

use statusbus_tokio::{Batch, Category, CategorySet, Event, Selector, Spawn, Status, Subscription};

use crate::support::{delivered, end, found, names, of, said, texts};

const VALUES: usize = 400;

/// A bus with a retained value in each of many conversations.
async fn with_values(status: Status) -> Status {
    for name in names("c", 0..VALUES) {
        status.tool(&name, name.clone());
    }
    delivered(&status).await;
    status
}

fn joiner(status: &Status, selector: Selector) -> (Subscription, Batch) {
    let mut reader = status.subscribe(selector).with_retained().open();
    let Some(Event::Retained(values)) = reader.try_next() else { panic!("values come first") };
    (reader, values)
}

#[tokio::test(start_paused = true)]
async fn readers_that_begin_at_one_position_share_the_values() {
    let status = with_values(Status::builder().spawn()).await;
    for selector in [Selector::Everything, of("c7")] {
        let (first, one) = joiner(&status, selector.clone());
        let (second, two) = joiner(&status, selector.clone());
        assert!(one.ptr_eq(&two));
        let chosen = CategorySet::NONE.with(Category::TOOL);
        let mut third = status.subscribe(selector).with_categories(chosen).with_retained().open();
        let Some(Event::Retained(three)) = third.try_next() else { panic!("values come first") };
        assert!(!one.ptr_eq(&three), "other categories are another view");
        assert_eq!(texts(&one), texts(&three));
        drop((first, second, third));
    }
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_may_begin_a_little_earlier_with_shared_values_and_misses_nothing() {
    let status = with_values(Status::builder().spawn()).await;
    let (mut first, one) = joiner(&status, Selector::Everything);
    for text in names("new", 0..VALUES / 4) {
        status.tool("c7", text);
    }
    delivered(&status).await;
    let (mut second, two) = joiner(&status, Selector::Everything);
    assert!(one.ptr_eq(&two), "a quarter as many updates: reading them is less work");
    assert_eq!(said(&mut second), names("new", 0..VALUES / 4));
    assert_eq!(said(&mut first), names("new", 0..VALUES / 4));
    status.tool("c8", "one more");
    delivered(&status).await;
    let (mut third, three) = joiner(&status, Selector::Everything);
    assert_eq!(texts(&three).last().map(String::as_str), Some("one more"), "collected again");
    assert!(found(&mut third).is_empty());
    drop((first, second, third));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_removed_or_has_expired_is_shared_no_longer() {
    let status = with_values(Status::builder().spawn()).await;
    for selector in [Selector::Everything, of("c7")] {
        status.update("c7", Category::INFO, "brief").ttl(Duration::from_secs(1)).send();
        status.update("c7", Category::INFO, "kept").key("k").send();
        delivered(&status).await;
        let (first, one) = joiner(&status, selector.clone());
        assert!(texts(&one).iter().any(|text| text == "brief"));
        tokio::time::advance(Duration::from_secs(1)).await;
        let (second, two) = joiner(&status, selector.clone());
        assert!(!texts(&two).iter().any(|text| text == "brief"));
        assert!(status.remove_retained("c7", Category::INFO, Some("k")));
        let (third, three) = joiner(&status, selector.clone());
        assert_eq!(texts(&three).len() + 1, texts(&two).len());
        drop((first, second, third));
    }
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_value_of_a_conversation_that_was_forgotten_can_be_removed_from_those_that_are_shared() {
    let status = with_values(Status::builder().with_conversations(VALUES).spawn()).await;
    let (first, one) = joiner(&status, Selector::Everything);
    for name in names("new", 0..20) {
        status.tool(&name, name.clone());
    }
    delivered(&status).await;
    let forgotten = texts(&one).into_iter().find(|name| !status.is_known(name));
    let forgotten = forgotten.expect("others have taken its place");
    let (second, two) = joiner(&status, Selector::Everything);
    assert!(two.ptr_eq(&one));
    assert!(!status.remove_retained(&forgotten, Category::TOOL, None));
    let (third, three) = joiner(&status, Selector::Everything);
    assert!(!texts(&three).contains(&forgotten));
    drop((first, second, third));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn values_are_not_shared_beyond_the_window() {
    let status = with_values(Status::builder().with_window(8).with_history(0).spawn()).await;
    let (mut first, one) = joiner(&status, Selector::Everything);
    for text in names("new", 0..20) {
        status.tool("c7", text);
        delivered(&status).await;
    }
    let (second, two) = joiner(&status, Selector::Everything);
    assert_eq!(texts(&two).last().map(String::as_str), Some("new19"));
    let Some(Event::Lagged(lagged)) = first.try_next() else { panic!("it fell behind") };
    let Some(Event::Retained(three)) = first.try_next() else { panic!("values after a lag") };
    assert!(three.ptr_eq(&two) && !three.ptr_eq(&one), "a lag shares them too");
    assert_eq!(lagged.missed, 20);
    drop((first, second));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_begins_with_shared_values_has_half_of_the_window_before_it() {
    let status = with_values(Status::builder().with_window(16).with_history(0).spawn()).await;
    let (first, one) = joiner(&status, Selector::Everything);
    for text in names("new", 0..16) {
        status.tool("c7", text);
        delivered(&status).await;
    }
    let (mut second, two) = joiner(&status, Selector::Everything);
    assert!(!one.ptr_eq(&two) && second.unread() == 0);
    for text in names("more", 0..8) {
        status.tool("c7", text);
        delivered(&status).await;
    }
    assert_eq!(said(&mut second), names("more", 0..8));
    let (mut third, three) = joiner(&status, Selector::Everything);
    assert!(two.ptr_eq(&three));
    assert_eq!(said(&mut third), names("more", 0..8));
    drop((first, second, third));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn values_are_skipped_without_reading_them_one_by_one() {
    let status = with_values(Status::builder().spawn()).await;
    let (reader, values) = joiner(&status, Selector::Everything);
    for skipped in [0, 1, 7, VALUES - 1] {
        let rest: Vec<&str> = values.iter().skip(skipped).map(|update| update.text()).collect();
        assert_eq!(rest, names("c", skipped..VALUES));
    }
    assert!(values.iter().nth(VALUES).is_none());
    drop(reader);
    end(status).await;
}
