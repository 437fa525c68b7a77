//! Rule 4: one total order, and what keeps its place in it.

use statusbus_core::Category;

use crate::support::{Host, Pushed, config, note};

fn host() -> Host {
    Host::new(config(100, 100))
}

fn merged(old: &str) -> Pushed {
    Pushed::Merged(old.to_owned())
}

// Any update merges in place unless a higher priority is queued

#[test]
fn an_update_of_high_priority_merges_in_place() {
    for high in
        [|name| note(name).key("k").high(), |name| note(name).key("k").category(Category::ERROR)]
    {
        let mut host = host();
        host.queue([high("disk"), note("b")]);
        assert_eq!(host.push(high("network")), merged("disk"));
        host.expect_batch(["network", "b"]);
    }
    let mut host = host();
    host.queue([note("41 %").key("k").low(), note("b")]);
    assert_eq!(host.push(note("failed").key("k").high()), merged("41 %"));
    host.expect_batch(["failed", "b"]);
}

#[test]
fn a_lower_priority_queues_behind_and_is_merged_with_there() {
    let mut host = host();
    host.queue([note("failed").key("k").high(), note("b"), note("1 %").key("k").low()]);
    assert_eq!(host.push(note("2 %").key("k").low()), merged("1 %"));
    assert_eq!(host.push(note("retrying").key("k")), merged("2 %"));
    host.queue([note("3 %").key("k").low()]);
    assert_eq!(host.push(note("failed again").key("k").high()), merged("3 %"));
    host.expect_batch(["failed", "b", "retrying", "failed again"]);
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn a_high_priority_that_repeats_under_a_backlog_comes_out() {
    let mut host = Host::new(config(1_000, 100));
    host.queue((0..900).map(|n| note(n.to_string())));
    let mut delivered_at = Vec::new();
    for round in 0..1_000_u64 {
        host.advance_to(round * 50);
        host.push(note("disk").key("disk").category(Category::ERROR));
        assert!(host.poll(), "nine batches are queued");
        if host.names().contains(&"disk") {
            delivered_at.push(round);
        }
        host.deliver();
        let room = 900_u64.saturating_sub(host.bus.ledger().queued);
        host.queue((0..room).map(|n| note(n.to_string())));
    }
    assert!(delivered_at[0] <= 10, "{delivered_at:?}");
    assert!(delivered_at.windows(2).all(|two| two[1] - two[0] <= 10), "{delivered_at:?}");
    assert!(delivered_at.len() >= 90, "{}", delivered_at.len());
}

// The end of a run joins the end

#[test]
fn a_run_end_removes_the_queued_value_and_joins_the_end() {
    let mut host = host();
    host.queue([note("41 %").key("k").low(), note("b"), note("c")]);
    assert_eq!(host.push(note("done").key("k").ends_run()), merged("41 %"));
    host.expect_ledger([("coalesced", 1), ("queued", 3)]);
    host.expect_batch(["b", "c", "done"]);
}

#[test]
fn a_run_end_removes_the_value_wherever_it_is() {
    for (removed, left) in [("a", ["b", "c"]), ("b", ["a", "c"]), ("c", ["a", "b"])] {
        for limit in [3, 4] {
            let mut host = Host::new(config(limit, 100));
            host.queue(["a", "b", "c"].map(|key| note(key).key(key)));
            assert_eq!(host.push(note("end").key(removed).ends_run()), merged(removed));
            assert_eq!(host.push(note("again").key(removed).ends_run()), merged("end"));
            host.flush();
            host.expect_batch([left[0], left[1], "again"]);
        }
    }
    for slots in [1, 2] {
        let mut host = Host::with_slots(slots, config(slots, 100));
        host.queue([note("alone").key("k")]);
        assert_eq!(host.push(note("end").key("k").ends_run()), merged("alone"));
        host.expect_batch(["end"]);
    }
}

#[test]
fn a_run_end_is_of_high_priority_whatever_its_category() {
    let mut host = Host::new(config(2, 100));
    host.queue([note("end").category(Category::PROGRESS).key("k").ends_run()]);
    host.queue([note("failed").high()]);
    let dropped = Pushed::Dropped(statusbus_core::DropReason::Outranked);
    assert_eq!(host.push(note("a")), dropped);
    host.poll();
    assert_eq!(
        host.batch.iter().next().map(|one| one.priority),
        Some(statusbus_core::Priority::High)
    );
    host.deliver();
}

#[test]
fn a_run_end_removes_only_the_newest_of_several_values() {
    let mut host = host();
    host.queue([note("failed").key("k").high(), note("1 %").key("k").low(), note("b")]);
    assert_eq!(host.push(note("done").key("k").ends_run()), merged("1 %"));
    host.expect_batch(["failed", "b", "done"]);
}

#[test]
fn an_update_behind_a_run_end_of_its_key_queues_behind() {
    let mut host = host();
    host.queue([note("done").key("k").ends_run(), note("b"), note("begins").key("k")]);
    assert_eq!(host.push(note("done again").key("k").ends_run()), merged("begins"));
    host.expect_batch(["done", "b", "done again"]);
}

#[test]
fn a_run_end_without_a_key_merges_with_nothing() {
    let mut host = host();
    host.queue([note("a"), note("end").ends_run(), note("end 2").ends_run()]);
    host.expect_batch(["a", "end", "end 2"]);
}

#[test]
fn after_a_run_end_the_others_are_evicted_in_their_order() {
    let mut host = Host::new(config(3, 100));
    host.queue([note("a").key("k"), note("b"), note("c")]);
    assert_eq!(host.push(note("end").key("k").ends_run()), merged("a"));
    for (newer, older) in [("d", "b"), ("e", "c"), ("f", "d")] {
        assert!(matches!(host.push(note(newer)), Pushed::Displaced(name, _) if name == older));
    }
    host.expect_gap([("evicted", 3)], ["end", "e", "f"]);
}

// What is not queued any more

#[test]
fn updates_in_flight_or_evicted_are_not_merged_with() {
    let mut host = Host::new(config(1, 100));
    host.queue([note("a").key("k")]);
    assert!(matches!(host.push(note("b").key("l")), Pushed::Displaced(..)));
    assert!(matches!(host.push(note("c").key("k")), Pushed::Displaced(..)));
    assert_eq!(host.push(note("d").key("k")), merged("c"));
    host.expect_in_flight([("evicted", 2)], ["d"]);
    host.queue([note("e").key("k").ends_run()]);
    host.deliver();
    host.advance_to(50).expect_batch(["e"]);
}

#[test]
fn many_keys_in_few_slots_are_kept_apart() {
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let mut host = Host::new(config(keys.len(), 100));
    for round in 0..50 {
        // each value is replaced, every second one by the end of its run, which joins the end
        for key in keys {
            assert_eq!(host.push(note(format!("{key}{round}")).key(key)), Pushed::Queued);
        }
        for (index, key) in keys.into_iter().enumerate() {
            let newer = note(format!("{key}{round}+")).key(key);
            let newer = if index % 2 == 0 { newer.ends_run() } else { newer };
            assert_eq!(host.push(newer), merged(&format!("{key}{round}")));
        }
        host.advance_to(round * 1_000 + 1_000);
        host.poll();
        let odd = keys.iter().skip(1).step_by(2);
        let expected: Vec<_> =
            odd.chain(keys.iter().step_by(2)).map(|key| format!("{key}{round}+")).collect();
        assert_eq!(host.names(), expected);
        host.deliver();
    }
}
