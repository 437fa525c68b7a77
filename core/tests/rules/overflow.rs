//! Rule 5: what happens when the queue is full.

use statusbus_core::{DropReason, Loss, Overflow};

use crate::support::{Host, Note, Plain, Pushed, config, note};

/// A full queue, 10 ms later.
fn full(overflow: Overflow, updates: impl IntoIterator<Item = Note>) -> Host {
    let updates: Vec<_> = updates.into_iter().collect();
    let config = config(updates.len(), 100).with_overflow(overflow);
    let mut host = Host::from_updates(config, updates);
    host.advance_to(10);
    host
}

fn evicted(name: &str) -> Pushed {
    Pushed::Displaced(name.to_owned(), Loss::Dropped(DropReason::Evicted))
}

fn expired(name: &str) -> Pushed {
    Pushed::Displaced(name.to_owned(), Loss::Expired)
}

#[test]
fn of_several_that_have_expired_the_one_of_the_lowest_priority_goes_first() {
    let updates = [note("high").high().ttl(1), note("normal").ttl(1), note("low").low()];
    let mut host = full(Overflow::Evict, updates);
    assert_eq!(host.push(note("a")), expired("normal"));
    assert_eq!(host.push(note("b")), expired("high"));
    assert_eq!(host.push(note("c")), evicted("low"));
}

#[test]
fn a_live_update_of_high_priority_is_never_removed_while_anything_else_is_queued() {
    let mut host = full(Overflow::Evict, (0..8).map(|n| note(n.to_string())));
    for done in 0..7 {
        host.push(note(format!("done {done}")).high());
        for flood in 0..20 {
            let low = note(flood.to_string());
            let low = if flood % 2 == 0 { low.low() } else { low };
            match host.push(low) {
                Pushed::Displaced(name, _) => assert!(!name.starts_with("done"), "{name}"),
                answer => assert_eq!(answer, Pushed::Dropped(DropReason::Outranked)),
            }
        }
    }
    host.poll();
    let done = host.names().into_iter().filter(|name| name.starts_with("done")).count();
    assert_eq!(done, 7);
    host.deliver();
}

#[test]
fn an_update_raised_in_its_place_is_the_youngest_of_its_new_priority() {
    let low = note("low").key("k").low();
    let mut host = full(Overflow::Evict, [low, note("high").high(), note("normal")]);
    assert_eq!(host.push(note("raised").key("k").high()), Pushed::Merged("low".into()));
    assert_eq!(host.push(note("a").high()), evicted("normal"));
    assert_eq!(host.push(note("b").high()), evicted("high"));
    assert_eq!(host.push(note("c").high()), evicted("raised"));
    host.expect_gap([("evicted", 3)], ["a", "b", "c"]);
}

#[test]
fn one_raised_in_front_of_others_of_its_new_priority_leaves_with_the_batch_and_they_stay() {
    let mut host = Host::new(config(4, 2));
    host.queue([note("low").key("k").low(), note("a"), note("b")]);
    assert_eq!(host.push(note("raised").key("k")), Pushed::Merged("low".into()));
    host.expect_batch(["raised", "a"]);
    host.queue([note("c"), note("d").high(), note("e").high()]);
    for (newer, older) in [("f", "b"), ("g", "c")] {
        assert_eq!(host.push(note(newer).high()), evicted(older));
    }
}

#[test]
fn a_lower_priority_behind_a_higher_one_of_its_key_is_dropped_if_everything_outranks_it() {
    let mut host = full(Overflow::Evict, [note("paused").key("k")]);
    let answer = host.push(note("42 %").key("k").low());
    assert_eq!(answer, Pushed::Dropped(DropReason::Outranked));
}

#[test]
fn an_update_that_has_expired_already_is_no_overflow() {
    for overflow in Overflow::ALL {
        let mut host = full(overflow, [note("a").low(), note("b")]);
        assert_eq!(host.push(note("c").high().ttl(0)), Pushed::Expired);
        assert!(!host.bus.is_overflowing(), "it was not lost to the full queue");
    }
}

#[test]
fn an_update_that_has_expired_already_does_not_remove_even_an_expired_one() {
    let mut host = full(Overflow::Evict, [note("a").ttl(10), note("b")]);
    assert_eq!(host.push(note("c").ttl(0)), Pushed::Expired);
    assert_eq!(host.push(note("d")), expired("a"));
    host.expect_gap([("expired", 2)], ["b", "d"]);
}

#[test]
fn every_policy_merges_rather_than_overflows() {
    for overflow in Overflow::ALL {
        let mut host = full(overflow, [note("a").key("k")]);
        assert_eq!(host.push(note("b").key("k")), Pushed::Merged("a".into()));
        assert_eq!(host.push(note("c").key("k").ends_run()), Pushed::Merged("b".into()));
        assert!(!host.bus.is_overflowing());
    }
}

#[test]
fn without_priorities_evict_removes_the_oldest() {
    let mut host: Host<Plain> = Host::new(config(3, 100));
    host.queue([note("a").high(), note("b").low().ttl(5), note("c")].map(Note::plain));
    host.advance_to(10);
    assert_eq!(host.push(note("d").low().plain()), evicted("a"));
    assert_eq!(host.push(note("e").plain()), expired("b"));
    host.expect_gap([("evicted", 1), ("expired", 1)], ["c", "d", "e"]);
}

#[test]
fn without_priorities_and_with_slots_to_spare_the_order_holds_while_the_oldest_leave() {
    for overflow in [Overflow::Evict, Overflow::DropOldest] {
        for (limit, slots) in [(1, 1), (1, 2), (1, 3), (2, 3), (4, 4), (4, 7)] {
            let config = config(limit, 100).with_overflow(overflow);
            let mut host: Host<Plain> = Host::with_slots(slots, config);
            for n in 0..40 {
                host.push(note(n.to_string()).plain());
            }
            host.poll();
            let newest: Vec<_> = (40 - limit..40).map(|n| n.to_string()).collect();
            assert_eq!(host.names(), newest, "{limit} of {slots}");
            host.deliver();
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn the_queue_limit_holds_whatever_is_sent() {
    for overflow in Overflow::ALL {
        let mut host = Host::with_slots(64, config(7, 100).with_overflow(overflow));
        for n in 0..1_000 {
            host.push(note(n.to_string()));
            assert!(host.bus.ledger().queued <= 7);
        }
        assert_eq!(host.bus.depth().peak, 7);
        assert_eq!(host.drain().iter().map(|&(_, size)| size).sum::<usize>(), 7);
    }
}
