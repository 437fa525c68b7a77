//! Rule 4: one total order, and what keeps its place in it.

use statusbus_core::{Category, Priority};

use crate::support::{Became, Host, Note, config, note};

fn host() -> Host {
    Host::new(config(100, 100))
}

fn merged(old: &str) -> Became {
    Became::Merged(old.to_owned())
}

#[test]
fn updates_leave_in_the_order_in_which_they_came() {
    let mut host = Host::new(config(100, 3));
    host.queue(["a", "b", "c", "d", "e", "f", "g"].map(note));
    let mut order = Vec::new();
    while host.poll().0 {
        order.extend(host.names().into_iter().map(str::to_owned));
        host.deliver();
    }
    assert_eq!(order, ["a", "b", "c", "d", "e", "f", "g"]);
}

#[test]
fn the_order_is_total_across_topics_categories_and_priorities() {
    let mut host = host();
    host.queue([
        note("a").about("conv-1").terminal(),
        note("b").about("conv-2").progress(),
        note("c").about("conv-1").category(Category::ERROR),
        note("d").about("conv-2").category(Category::PROGRESS),
        note("e").about("conv-1").progress(),
    ]);
    host.expect_batch(["a", "b", "c", "d", "e"]);
}

#[test]
fn positions_are_one_two_three_over_all_batches() {
    let mut host = Host::new(config(100, 2));
    host.queue(["a", "b", "c", "d", "e"].map(note));
    for seqs in [vec![1, 2], vec![3, 4], vec![5]] {
        host.poll();
        assert_eq!(host.seqs(), seqs);
        host.deliver();
    }
    assert_eq!(host.bus.seq(), 5);
}

#[test]
fn a_merged_update_keeps_the_place_of_the_one_it_replaced() {
    let mut host = host();
    host.queue([note("a1").key("a"), note("b"), note("c1").key("c"), note("d")]);
    assert_eq!(host.push(note("c2").key("c")), merged("c1"));
    assert_eq!(host.push(note("a2").key("a")), merged("a1"));
    assert_eq!(host.push(note("a3").key("a")), merged("a2"));
    host.expect_batch(["a3", "b", "c2", "d"]);
}

#[test]
fn a_higher_priority_merges_over_a_lower_one_in_its_place() {
    let mut host = host();
    host.queue([note("41 %").key("k").progress(), note("b")]);
    assert_eq!(host.push(note("paused").key("k")), merged("41 %"));
    host.expect_batch(["paused", "b"]);
}

#[test]
fn a_lower_priority_never_merges_over_a_higher_one_but_queues_behind_it() {
    let mut host = host();
    host.queue([
        note("paused").key("k"),
        note("b"),
        note("42 %").key("k").progress(),
        note("failed").key("l").terminal(),
        note("retrying").key("l"),
    ]);
    host.expect_batch(["paused", "b", "42 %", "failed", "retrying"]);
}

#[test]
fn of_several_with_the_same_key_the_newest_is_the_one_merged_with() {
    let mut host = host();
    host.queue([note("paused").key("k"), note("42 %").key("k").progress(), note("c")]);
    assert_eq!(host.push(note("43 %").key("k").progress()), merged("42 %"));
    assert_eq!(host.push(note("resumed").key("k")), merged("43 %"));
    host.queue([note("44 %").key("k").progress()]);
    host.expect_batch(["paused", "resumed", "c", "44 %"]);
}

#[test]
fn a_terminal_never_takes_an_old_place_but_joins_the_end() {
    let mut host = host();
    host.queue([note("41 %").key("k").progress(), note("b"), note("c")]);
    assert_eq!(host.push(note("done").key("k").terminal()), merged("41 %"));
    host.expect_ledger([("coalesced", 1), ("queued", 3)]);
    host.expect_batch(["b", "c", "done"]);
}

#[test]
fn a_terminal_over_a_terminal_joins_the_end_too() {
    let mut host = host();
    host.queue([note("failed").key("k").terminal(), note("b")]);
    assert_eq!(host.push(note("cancelled").key("k").terminal()), merged("failed"));
    host.expect_batch(["b", "cancelled"]);
}

#[test]
fn a_terminal_by_its_category_joins_the_end() {
    let mut host = host();
    let error = |name| note(name).category(Category::ERROR).key("k");
    host.queue([error("disk"), note("b")]);
    assert_eq!(host.push(error("network")), merged("disk"));
    host.expect_batch(["b", "network"]);
}

#[test]
fn what_is_in_flight_is_not_merged_with() {
    let mut host = host();
    host.queue([note("41 %").key("k")]);
    host.expect_in_flight([], ["41 %"]);
    host.queue([note("42 %").key("k")]);
    host.deliver();
    host.at(50).expect_batch(["42 %"]);
}

#[test]
fn what_was_evicted_or_has_expired_in_a_batch_is_not_merged_with() {
    let mut host = Host::new(config(1, 100));
    host.queue([note("a").key("k")]);
    assert!(matches!(host.push(note("b").key("l")), Became::Displaced(..)));
    assert!(matches!(host.push(note("c").key("k")), Became::Displaced(..)));
    assert_eq!(host.push(note("d").key("k")), merged("c"));
}

#[test]
fn a_merge_needs_no_room() {
    let mut host = Host::new(config(2, 100));
    host.queue([note("a1").key("a"), note("b1").key("b")]);
    assert_eq!(host.push(note("a2").key("a")), merged("a1"));
    assert_eq!(host.push(note("b2").key("b").terminal()), merged("b1"));
    host.expect_batch(["a2", "b2"]);
    host.expect_ledger([("delivered", 2), ("coalesced", 2)]);
}

#[test]
fn a_merged_update_has_waited_since_it_was_pushed() {
    let mut host = host();
    host.queue([note("a")]);
    host.expect_batch(["a"]);
    host.at(10).queue([note("41 %").key("k")]);
    host.at(30).push(note("42 %").key("k"));
    host.at(50).poll();
    let waited: Vec<_> = host.batch.iter().map(|handed| handed.waited_micros()).collect();
    assert_eq!(waited, [20_000]);
    host.deliver();
}

#[test]
fn many_keys_in_few_slots_are_kept_apart() {
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let mut host = Host::new(config(keys.len(), 100));
    for round in 0..50 {
        // all but the first of each round merge, and the round ends with every second one done
        for (index, key) in keys.into_iter().enumerate() {
            let old: Note = note(format!("{key}{round}")).key(key);
            assert_eq!(host.push(old), Became::Queued);
            let newer = note(format!("{key}{round}+")).key(key);
            let newer = if index % 2 == 0 { newer.priority(Priority::Terminal) } else { newer };
            assert_eq!(host.push(newer), merged(&format!("{key}{round}")));
        }
        host.at(round * 1_000 + 1_000);
        host.poll();
        let expected: Vec<_> = keys.iter().map(|key| format!("{key}{round}+")).collect();
        assert_eq!(host.names(), expected);
        host.deliver();
    }
}
