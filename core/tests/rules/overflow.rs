//! Rule 5: what happens when the queue is full.

use std::time::Duration;

use statusbus_core::{Category, DropReason, Loss, Overflow, Priority, RefuseReason};

use crate::support::{Became, Host, Note, config, note};

fn full(overflow: Overflow, updates: impl IntoIterator<Item = Note>) -> Host {
    let updates: Vec<_> = updates.into_iter().collect();
    let config = config(updates.len(), 100).overflow(overflow);
    let mut host = Host::from_updates(config, updates);
    host.at(10);
    host
}

fn evicted(name: &str) -> Became {
    Became::Displaced(name.to_owned(), Loss::Dropped(DropReason::Evicted))
}

fn expired(name: &str) -> Became {
    Became::Displaced(name.to_owned(), Loss::Expired)
}

#[test]
fn evict_is_the_default() {
    let mut host = Host::new(config(1, 1));
    host.queue([note("a")]);
    assert_eq!(host.push(note("b")), evicted("a"));
}

#[test]
fn evict_removes_the_oldest_of_the_lowest_priority() {
    let mut host = full(
        Overflow::Evict,
        [
            note("terminal 1").terminal(),
            note("state 1"),
            note("progress 1").progress(),
            note("state 2"),
            note("progress 2").progress(),
        ],
    );
    assert_eq!(host.push(note("a").terminal()), evicted("progress 1"));
    assert_eq!(host.push(note("b").terminal()), evicted("progress 2"));
    assert_eq!(host.push(note("c").terminal()), evicted("state 1"));
    assert_eq!(host.push(note("d").terminal()), evicted("state 2"));
    assert_eq!(host.push(note("e").terminal()), evicted("terminal 1"));
    host.expect_gap([("evicted", 5)], ["a", "b", "c", "d", "e"]);
}

#[test]
fn the_priority_is_that_of_the_category_unless_the_update_says_otherwise() {
    let mut host = full(
        Overflow::Evict,
        [
            note("error").category(Category::ERROR),
            note("info"),
            note("progress").category(Category::PROGRESS),
            note("important").category(Category::PROGRESS).terminal(),
        ],
    );
    assert_eq!(host.push(note("a")), evicted("progress"));
    assert_eq!(host.push(note("b")), evicted("info"));
    assert_eq!(host.push(note("c").terminal()), evicted("a"));
    assert_eq!(host.push(note("d").terminal()), evicted("b"));
    assert_eq!(host.push(note("e").terminal()), evicted("error"));
    host.expect_gap([("evicted", 5)], ["important", "c", "d", "e"]);
}

#[test]
fn among_equals_the_newcomer_stays_and_the_oldest_goes() {
    for rank in [Note::progress as fn(Note) -> Note, |note| note, Note::terminal] {
        let mut host = full(Overflow::Evict, [rank(note("a")), rank(note("b"))]);
        assert_eq!(host.push(rank(note("c"))), evicted("a"));
    }
}

#[test]
fn a_newcomer_that_ranks_below_everything_queued_is_the_one_dropped() {
    let mut host = full(Overflow::Evict, [note("a"), note("b").terminal()]);
    assert_eq!(host.push(note("c").progress()), Became::Dropped(DropReason::Outranked));
    host.expect_gap([("outranked", 1)], ["a", "b"]);
    host.expect_ledger([("delivered", 2), ("outranked", 1)]);
}

#[test]
fn one_that_has_expired_goes_first() {
    let mut host = full(
        Overflow::Evict,
        [note("progress").progress(), note("state"), note("terminal").terminal().ttl(10)],
    );
    assert_eq!(host.push(note("a").progress()), expired("terminal"));
    host.expect_ledger([("expired", 1), ("queued", 3)]);
}

#[test]
fn only_the_oldest_of_each_priority_is_looked_at() {
    let mut host = full(Overflow::Evict, [note("a"), note("b").ttl(5), note("c").terminal()]);
    assert_eq!(host.push(note("d")), evicted("a"));
    assert_eq!(host.push(note("e")), expired("b"));
}

#[test]
fn of_several_that_have_expired_the_least_important_goes_first() {
    let mut host = full(
        Overflow::Evict,
        [note("terminal").terminal().ttl(1), note("state").ttl(1), note("progress").progress()],
    );
    assert_eq!(host.push(note("a")), expired("state"));
    assert_eq!(host.push(note("b")), expired("terminal"));
    assert_eq!(host.push(note("c")), evicted("progress"));
}

#[test]
fn a_newcomer_that_ranks_below_everything_alive_takes_the_place_of_what_has_expired() {
    let mut host = full(Overflow::Evict, [note("a").terminal().ttl(10), note("b").terminal()]);
    assert_eq!(host.push(note("c").progress()), expired("a"));
    assert_eq!(host.push(note("d").progress()), evicted("c"));
}

#[test]
fn a_live_terminal_is_never_removed_while_anything_else_is_queued() {
    let mut host = full(Overflow::Evict, (0..8).map(|n| note(n.to_string())));
    for done in 0..7 {
        host.push(note(format!("done {done}")).terminal());
        for flood in 0..20 {
            let low = note(flood.to_string());
            let low = if flood % 2 == 0 { low.progress() } else { low };
            let name = match host.push(low) {
                Became::Displaced(name, _) => name,
                became => {
                    assert_eq!(became, Became::Dropped(DropReason::Outranked));
                    continue;
                }
            };
            assert!(!name.starts_with("done"), "{name} was evicted");
        }
    }
    host.poll();
    let done = host.names().into_iter().filter(|name| name.starts_with("done")).count();
    assert_eq!(done, 7);
    host.deliver();
}

#[test]
fn one_raised_in_place_is_the_youngest_of_its_new_priority() {
    let mut host =
        full(Overflow::Evict, [note("low").key("k").progress(), note("state 1"), note("state 2")]);
    assert_eq!(host.push(note("raised").key("k")), Became::Merged("low".into()));
    assert_eq!(host.push(note("a").terminal()), evicted("state 1"));
    assert_eq!(host.push(note("b").terminal()), evicted("state 2"));
    assert_eq!(host.push(note("c").terminal()), evicted("raised"));
}

#[test]
fn one_merged_at_the_same_priority_keeps_its_age() {
    let mut host = full(Overflow::Evict, [note("old").key("k"), note("b")]);
    assert_eq!(host.push(note("new").key("k")), Became::Merged("old".into()));
    assert_eq!(host.push(note("c")), evicted("new"));
}

#[test]
fn a_lower_priority_behind_a_higher_one_of_its_key_is_dropped_if_everything_outranks_it() {
    let mut host = full(Overflow::Evict, [note("paused").key("k")]);
    let became = host.push(note("42 %").key("k").progress());
    assert_eq!(became, Became::Dropped(DropReason::Outranked));
}

#[test]
fn reject_refuses_and_hands_back() {
    let mut host = full(Overflow::Reject, [note("a").progress(), note("b")]);
    assert_eq!(host.push(note("c").terminal()), Became::Refused(RefuseReason::Full));
    host.expect_batch(["a", "b"]); // what is refused is no gap
    host.expect_ledger([("delivered", 2), ("full", 1)]);
}

#[test]
fn drop_newest_drops_the_newcomer() {
    let mut host = full(Overflow::DropNewest, [note("a").progress(), note("b")]);
    assert_eq!(host.push(note("c").terminal()), Became::Dropped(DropReason::Newest));
    host.expect_gap([("newest", 1)], ["a", "b"]);
    host.expect_ledger([("delivered", 2), ("newest", 1)]);
}

#[test]
fn drop_oldest_drops_the_oldest() {
    let mut host = full(Overflow::DropOldest, [note("a").terminal(), note("b").progress()]);
    let oldest = Loss::Dropped(DropReason::Oldest);
    assert_eq!(host.push(note("c").progress()), Became::Displaced("a".into(), oldest));
    host.expect_gap([("oldest", 1)], ["b", "c"]);
    host.expect_ledger([("delivered", 2), ("oldest", 1)]);
}

#[test]
fn what_has_to_leave_and_has_expired_counts_as_expired() {
    let mut host = full(Overflow::DropOldest, [note("a").ttl(10), note("b")]);
    assert_eq!(host.push(note("c")), expired("a"));
}

#[test]
fn a_newcomer_whose_life_is_over_takes_nobodys_place() {
    for overflow in Overflow::ALL {
        let mut host = full(overflow, [note("a").progress(), note("b")]);
        assert_eq!(host.push(note("c").terminal().ttl(0)), Became::Expired);
        assert!(!host.bus.is_overflowing(), "it was not lost to the full queue");
        host.expect_gap([("expired", 1)], ["a", "b"]);
        host.expect_ledger([("delivered", 2), ("expired", 1)]);
    }
}

#[test]
fn a_newcomer_whose_life_is_over_leaves_even_what_has_expired_where_it_is() {
    let mut host = full(Overflow::Evict, [note("a").ttl(10), note("b")]);
    assert_eq!(host.push(note("c").ttl(0)), Became::Expired);
    assert_eq!(host.push(note("d")), expired("a"));
    host.expect_gap([("expired", 2)], ["b", "d"]);
}

#[test]
fn a_life_that_is_over_by_its_category_is_over_too() {
    let mut host = full(Overflow::Evict, [note("a")]);
    host.bus.reconfigure_category(Category::INFO, Priority::Terminal, Some(Duration::ZERO));
    assert_eq!(host.push(note("b")), Became::Expired);
    assert_eq!(host.push(note("c").ttl(1)), evicted("a"));
}

#[test]
fn a_newer_value_replaces_the_old_one_however_long_it_lives() {
    let mut host = full(Overflow::Evict, [note("41 %").key("k"), note("a")]);
    assert_eq!(host.push(note("42 %").key("k").ttl(0)), Became::Merged("41 %".into()));
    host.expect_gap([("expired", 1)], ["a"]);
}

#[test]
fn every_policy_merges_rather_than_overflows() {
    for overflow in Overflow::ALL {
        let mut host = full(overflow, [note("a").key("k")]);
        assert_eq!(host.push(note("b").key("k")), Became::Merged("a".into()));
        assert!(!host.bus.is_overflowing());
    }
}

#[test]
fn without_ranks_evict_removes_the_oldest() {
    let mut host = Host::new(config(3, 100));
    host.queue([note("a").terminal(), note("b").progress().ttl(5), note("c")].map(Note::plain));
    host.at(10);
    assert_eq!(host.push(note("d").progress().plain()), evicted("a"));
    assert_eq!(host.push(note("e").plain()), expired("b"));
    host.expect_gap([("evicted", 1), ("expired", 1)], ["c", "d", "e"]);
}

#[test]
fn the_queue_limit_holds_whatever_is_sent() {
    for overflow in Overflow::ALL {
        let mut host = Host::with_slots(64, config(7, 100).overflow(overflow));
        for n in 0..1_000 {
            host.push(note(n.to_string()));
            assert!(host.bus.ledger().queued <= 7);
        }
        assert_eq!(host.bus.depth().peak, 7);
        assert_eq!(host.drain().iter().map(|&(_, size)| size).sum::<usize>(), 7);
    }
}
