//! Rule 1: what `push` answers, and that every update which leaves otherwise is handed back.

use std::cell::Cell;

use statusbus_core::{
    Batch, Bus, Category, Config, DropReason, Facts, Instant, Keyed, Ledger, Loss, Outcome,
    Overflow, Place, Pushed, RefuseReason, Slot, Update,
};

use crate::support::{Became, Host, config, note};

#[test]
fn an_update_that_finds_room_is_queued() {
    let mut host = Host::new(config(2, 100));
    assert_eq!(host.push(note("a")), Became::Queued);
    host.expect_ledger([("queued", 1)]);
}

#[test]
fn an_update_with_the_topic_and_key_of_a_queued_one_is_merged_and_hands_that_back() {
    let mut host = Host::new(config(2, 100));
    host.queue([note("41 %").key("download")]);
    assert_eq!(host.push(note("42 %").key("download")), Became::Merged("41 %".into()));
    host.expect_ledger([("coalesced", 1), ("queued", 1)]);
}

#[test]
fn the_same_key_in_another_topic_is_another_thing() {
    let mut host = Host::new(config(4, 100));
    host.queue([
        note("a").key("k").about("conv-1"),
        note("b").key("k").about("conv-2"),
        note("c").key("k").about("conv-1").category(Category::TOOL),
        note("d").about("conv-1"),
    ]);
    host.expect_batch(["a", "b", "c", "d"]);
}

#[test]
fn an_update_that_evicts_another_is_queued_and_hands_that_back() {
    let mut host = Host::new(config(1, 100));
    host.queue([note("old")]);
    let evicted = Loss::Dropped(DropReason::Evicted);
    assert_eq!(host.push(note("new")), Became::Displaced("old".into(), evicted));
    host.expect_ledger([("evicted", 1), ("queued", 1)]);
}

#[test]
fn an_update_that_is_dropped_is_handed_back_with_the_reason() {
    let mut host = Host::new(config(1, 100).overflow(Overflow::DropNewest));
    host.queue([note("old")]);
    assert_eq!(host.push(note("new")), Became::Dropped(DropReason::Newest));
    host.expect_ledger([("newest", 1), ("queued", 1)]);
}

#[test]
fn an_update_that_is_refused_is_handed_back_with_the_reason() {
    let mut host = Host::new(config(1, 100).overflow(Overflow::Reject));
    host.queue([note("old")]);
    assert_eq!(host.push(note("new")), Became::Refused(RefuseReason::Full));
    host.close();
    assert_eq!(host.push(note("late")), Became::Refused(RefuseReason::Closed));
    host.expect_ledger([("full", 1), ("closed", 1), ("queued", 1)]);
}

#[test]
fn an_update_of_an_unknown_category_is_refused_with_that_reason() {
    let mut host = Host::new(config(4, 100));
    for index in [7, 8, 31] {
        let category = Category::from_index(index).expect("an index below 32");
        let refused = Became::Refused(RefuseReason::UnknownCategory);
        assert_eq!(host.push(note("a").category(category)), refused);
    }
    host.expect_ledger([("unknown_category", 3)]);
}

#[test]
fn a_category_that_the_application_registered_is_taken() {
    let mut host = Host::new(config(4, 100));
    let deploy = Category::from_index(7).expect("an index below 32");
    host.bus.set_categories(8);
    host.queue([note("a").category(deploy)]);
    host.bus.set_categories(1_000); // more than the type has room for
    let ninth = Category::from_index(8).expect("an index below 32");
    let refused = Became::Refused(RefuseReason::UnknownCategory);
    assert_eq!(host.push(note("b").category(ninth)), refused);
}

#[test]
fn the_built_in_categories_cannot_be_taken_away() {
    let mut host = Host::new(config(4, 100));
    host.bus.set_categories(0);
    host.queue([note("a").category(Category::PLANNING)]);
}

#[test]
fn updates_of_a_type_without_keys_never_merge() {
    let mut host = Host::new(config(4, 100));
    host.queue([note("41 %").key("download").plain(), note("42 %").key("download").plain()]);
    host.expect_batch(["41 %", "42 %"]);
}

#[test]
fn an_offer_leaves_what_comes_back_in_its_place() {
    let mut bus: Bus<_, [Slot<_>; 2]> = Bus::new();
    let offer = |bus: &mut Bus<_, _>, number| {
        let facts = Facts::of(&Asked(number));
        let mut place = Place::new(Asked(number));
        (bus.offer(&mut place, facts, || Instant::ZERO), place.take())
    };
    assert_eq!(offer(&mut bus, 1), (Outcome::Queued, None));
    assert_eq!(offer(&mut bus, 1), (Outcome::Merged, Some(Asked(1))));
    assert_eq!(offer(&mut bus, 2), (Outcome::Queued, None));
    let evicted = Outcome::Displaced(Loss::Dropped(DropReason::Evicted));
    assert_eq!(offer(&mut bus, 3), (evicted, Some(Asked(1))));
    bus.close(Instant::ZERO);
    assert_eq!(offer(&mut bus, 4), (Outcome::Refused(RefuseReason::Closed), Some(Asked(4))));
    assert!(bus.ledger().is_balanced());
}

#[test]
fn an_offer_of_nothing_is_no_attempt() {
    let mut bus: Bus<Asked, [Slot<Asked>; 2]> = Bus::new();
    let mut nothing = Place::VACANT;
    let facts = Facts::plain(Category::INFO);
    assert_eq!(bus.offer(&mut nothing, facts, || Instant::ZERO), Outcome::Queued);
    assert_eq!(bus.ledger(), Ledger::default());
}

#[test]
fn an_update_that_was_refused_can_be_pushed_again() {
    let mut bus: Bus<_, [Slot<_>; 1]> = Bus::new();
    let mut batch: Batch<_, [_; 1]> = Batch::new();
    let now = Instant::ZERO;
    bus.reconfigure(Config::new().overflow(Overflow::Reject), |_, _| {}, now);
    assert_eq!(bus.push(Asked(1), now), Pushed::Queued);
    let Pushed::Refused(update, RefuseReason::Full) = bus.push(Asked(2), now) else {
        unreachable!("the queue is full");
    };
    assert!(bus.poll(&mut batch, now));
    assert_eq!(bus.push(update, now), Pushed::Queued);
}

thread_local! {
    static QUESTIONS: Cell<u64> = const { Cell::new(0) };
}

/// An update that counts how often it is compared.
#[derive(Debug, PartialEq)]
struct Asked(u32);

impl Update for Asked {
    type Topic = ();
    type Keys = Keyed;
    fn topic(&self) {}
    fn category(&self) -> Category {
        Category::INFO
    }
    fn key_hash(&self) -> Option<u32> {
        Some(self.0)
    }
    fn same_key(&self, other: &Self) -> bool {
        QUESTIONS.set(QUESTIONS.get() + 1);
        self.0 == other.0
    }
}

#[test]
fn a_push_compares_with_few_updates_whatever_the_queue_holds() {
    let slots: Box<[Slot<Asked>]> = (0..10_000).map(|_| Slot::VACANT).collect();
    let mut bus: Bus<Asked, _> = Bus::with_slots(slots, Config::new(), ());
    // numbers in a row, then with ever larger gaps: neighbours in no sense must not collide
    for stride in [1, 7, 64, 1_000, 65_536] {
        QUESTIONS.set(0);
        for number in 0..10_000_u32 {
            let _ = bus.push(Asked(number.wrapping_mul(stride) ^ stride), Instant::ZERO);
        }
        let questions = QUESTIONS.get();
        assert!(questions < 40_000, "{questions} comparisons for 10,000 updates, stride {stride}");
    }
}
