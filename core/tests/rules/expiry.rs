//! Rule 6: expired updates are counted and never delivered.

use std::time::Duration;

use statusbus_core::{Category, Leading, Priority};

use crate::support::{Became, Host, config, note};

fn delayed() -> Host {
    Host::new(config(10, 10).leading(Leading::Delayed))
}

#[test]
fn an_update_that_outlives_its_time_to_live_is_counted_and_not_delivered() {
    let mut host = delayed();
    host.queue([note("a").ttl(50), note("b").ttl(51), note("c")]);
    host.at(50);
    let (due, expired) = host.poll();
    assert!(due);
    assert_eq!(expired, ["a"], "it is handed back");
    assert_eq!(host.names(), ["b", "c"]);
    host.deliver();
    host.expect_ledger([("delivered", 2), ("expired", 1)]);
}

#[test]
fn what_expires_without_poll_with_is_counted_too() {
    let mut host = delayed();
    host.queue([note("a").ttl(0)]);
    let now = host.at(50).now();
    assert!(host.bus.poll(&mut host.batch, now));
    host.expect_ledger([("expired", 1)]);
    assert!(host.batch.is_empty() && host.batch.gap().is_some());
    host.deliver();
}

#[test]
fn a_time_to_live_of_zero_is_out_of_date_at_once() {
    let mut host = Host::new(config(10, 10));
    host.queue([note("a").ttl(0)]);
    host.expect_gap([("expired", 1)], []);
}

#[test]
fn until_it_is_noticed_an_expired_update_counts_as_queued() {
    let mut host = delayed();
    host.queue([note("a").ttl(10)]);
    host.at(40).expect_nothing();
    host.expect_ledger([("queued", 1)]);
}

#[test]
fn expiry_makes_nothing_due_by_itself() {
    let mut host = delayed();
    host.queue([note("a").ttl(10)]);
    host.expect_next(50);
}

#[test]
fn an_update_expires_by_its_category_unless_it_says_otherwise() {
    let mut host = delayed();
    let ttl = Some(Duration::from_millis(20));
    host.bus.reconfigure_category(Category::TOOL, Priority::State, ttl);
    host.queue([
        note("a").category(Category::TOOL),
        note("b").category(Category::TOOL).ttl(60),
        note("c"),
    ]);
    host.at(50).expect_gap([("expired", 1)], ["b", "c"]);
}

#[test]
fn a_category_with_a_time_to_live_of_zero_is_out_of_date_at_once() {
    let mut host = Host::new(config(10, 10));
    host.bus.reconfigure_category(Category::TOOL, Priority::State, Some(Duration::ZERO));
    host.queue([note("a").category(Category::TOOL)]);
    host.expect_gap([("expired", 1)], []);
}

#[test]
fn the_longest_time_to_live_never_ends() {
    let mut host = delayed();
    host.queue([note("a").ttl(u64::MAX)]);
    host.at(u64::MAX).expect_batch(["a"]);
}

#[test]
fn a_step_back_of_the_clock_does_not_lengthen_a_life() {
    let mut host = delayed();
    host.at(1_000).queue([note("a").ttl(40)]);
    host.at(1_030).expect_nothing();
    host.at(0).expect_nothing();
    host.at(20).expect_gap([("expired", 1)], []);
}

#[test]
fn a_newer_value_over_an_expired_one_coalesces_and_has_a_life_of_its_own() {
    let mut host = delayed();
    host.queue([note("41 %").key("k").ttl(10)]);
    let merged = host.at(20).push(note("42 %").key("k").ttl(40));
    assert_eq!(merged, Became::Merged("41 %".into()));
    host.at(50).expect_batch(["42 %"]);
    host.expect_ledger([("delivered", 1), ("coalesced", 1)]);
}

#[test]
fn a_batch_is_filled_past_what_has_expired() {
    let mut host = Host::new(config(10, 2).leading(Leading::Delayed));
    host.queue([note("a").ttl(5), note("b")]);
    host.at(10).queue([note("c"), note("d").ttl(0), note("e")]);
    host.expect_gap([("expired", 1)], ["b", "c"]);
    host.expect_gap([("expired", 1)], ["e"]);
}

#[test]
fn if_everything_has_expired_the_gap_comes_by_itself() {
    let mut host = delayed();
    host.queue([note("a").ttl(5), note("b").ttl(5)]);
    host.at(50).expect_gap([("expired", 2)], []);
    host.expect_next(None);
    host.at(1_000).queue([note("c")]);
    host.at(1_050).expect_batch(["c"]);
}
