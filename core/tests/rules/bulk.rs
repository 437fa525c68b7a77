//! Plain updates that join a queue of a host in bulk.

use std::time::Duration;

use statusbus_core::{
    BatchHead, Category, CategorySet, Config, Instant, Priority, Rules, SendOptions,
};

const NOW: Instant = Instant::from_millis(1_000);

type Host = Rules<u32, (), 9>;

/// A queue of up to 10 updates, in batches of 4, with so many queued already.
fn queue_of(updates: usize) -> Host {
    let config = Config::new().with_batch_size(4).expect("in range");
    let mut rules = Rules::new(10, config, 8, ());
    for _ in 0..updates {
        push(&mut rules, Category::INFO);
    }
    rules
}

fn push(rules: &mut Host, category: Category) {
    let read = |rules: &mut Host| assert!(rules.advance(NOW).is_none());
    let terms = rules.admit(&SendOptions::new(category), read).expect("an open queue");
    rules.joined(&terms);
}

#[test]
fn the_first_update_is_not_free_because_it_gets_the_deadline() {
    assert_eq!(queue_of(0).free(), 0);
    assert_eq!(queue_of(0).poll_at(), None);
    assert_eq!(queue_of(1).poll_at(), Some(NOW));
}

#[test]
fn the_update_that_makes_a_batch_due_is_not_free_because_it_requests_a_wake_up() {
    let mut rules = queue_of(1);
    assert_eq!(rules.free(), 2);
    rules.join(2);
    assert_eq!((rules.len(), rules.free()), (3, 0));
    push(&mut rules, Category::INFO);
    assert_eq!(rules.free(), 6, "up to the queue limit");
    rules.join(6);
    assert_eq!((rules.ledger().queued, rules.free(), rules.is_full()), (10, 0, true));
}

#[test]
fn a_smaller_queue_limit_leaves_nothing_free() {
    let mut rules = queue_of(6);
    rules.reconfigure(rules.config().with_queue_limit(5).expect("in range"), 10);
    assert_eq!(rules.free(), 0);
}

#[test]
fn nothing_is_free_or_plain_once_the_queue_is_closed() {
    let mut rules = queue_of(2);
    assert!(rules.free() > 0 && !rules.plain_categories().is_empty());
    rules.close();
    assert_eq!((rules.free(), rules.plain_categories()), (0, CategorySet::NONE));
}

#[test]
fn a_category_is_plain_if_it_exists_and_has_no_ttl() {
    let mut rules = queue_of(0);
    let last = Category::from_index(7).expect("below 32");
    assert_eq!(rules.plain_categories().len(), 8);
    assert!(rules.plain_categories().contains(last));
    rules.set_categories(7);
    assert!(!rules.plain_categories().contains(last));
    rules.reconfigure_category(Category::TOOL, Priority::High, Some(Duration::from_secs(1)));
    assert!(!rules.plain_categories().contains(Category::TOOL));
    rules.reconfigure_category(Category::TOOL, Priority::High, None);
    assert!(rules.plain_categories().contains(Category::TOOL));
}

#[test]
fn the_priorities_of_all_categories_fit_one_number() {
    let mut rules = queue_of(0);
    rules.reconfigure_category(Category::TOOL, Priority::High, None);
    let priority = |category: Category| rules.priorities() >> (2 * category.index()) & 3;
    let of = [Category::TOOL, Category::PROGRESS, Category::ERROR, Category::INFO].map(priority);
    let expected = [Priority::High, Priority::Low, Priority::High, Priority::Normal];
    assert_eq!(of, expected.map(|priority| priority as u64));
}

#[test]
fn a_batch_that_was_never_polled_is_neither_in_flight_nor_whole() {
    let head = BatchHead::default();
    assert!(!head.is_in_flight() && !head.is_whole() && head.is_empty());
    assert_eq!(head.gap_seq(), None);
}
