//! Rule 1: what `push` answers, and that every update that leaves otherwise comes back.

use std::cell::Cell;

use statusbus_core::{
    Accepted, Batch, Bus, Category, Config, DropReason, Instant, Keyed, Loss, Outcome, Overflow,
    Polled, RefuseReason, SendOptions, Slot, Update,
};

use crate::support::{Host, Note, Plain, Pushed, config, note};

const UNKNOWN: Pushed = Pushed::Refused(RefuseReason::UnknownCategory);

fn category(index: usize) -> Category {
    Category::from_index(index).expect("an index below 32")
}

#[test]
fn a_category_behind_the_last_one_is_refused() {
    let mut host = Host::new(config(4, 100));
    for index in [7, 8, 31] {
        assert_eq!(host.push(note("a").category(category(index))), UNKNOWN);
    }
    host.bus.set_categories(8);
    host.queue([note("a").category(category(7))]);
    assert_eq!(host.push(note("b").category(category(8))), UNKNOWN);
    host.bus.set_categories(1_000); // the type has room for 8
    assert_eq!(host.push(note("b").category(category(8))), UNKNOWN);
}

#[test]
fn the_built_in_categories_cannot_be_removed() {
    let mut host = Host::new(config(8, 100));
    host.bus.set_categories(0);
    host.queue((0..7).map(|index| note("a").category(category(index))));
    assert_eq!(host.push(note("b").category(category(7))), UNKNOWN);
}

#[test]
fn updates_of_a_type_without_keys_never_merge() {
    let mut host: Host<Plain> = Host::new(config(4, 100));
    host.queue(["41 %", "42 %"].map(|name| note(name).key("download").plain()));
    host.queue([note("done").key("download").ends_run().plain()]);
    host.expect_batch(["41 %", "42 %", "done"]);
}

thread_local! {
    static COMPARED: Cell<u64> = const { Cell::new(0) };
}

/// An update that counts how often it is compared.
#[derive(Clone, Debug, PartialEq)]
struct Numbered(u32);

impl Update for Numbered {
    type Topic = ();
    type Keys = Keyed;
    const EMPTY: Self = Numbered(0);
    fn topic(&self) {}
    fn same_key(&self, other: &Self) -> bool {
        COMPARED.set(COMPARED.get() + 1);
        self.0 == other.0
    }
}

/// Pushes with the number as hash of the key. Answers with what comes back, too.
fn push<S>(bus: &mut Bus<Numbered, S>, number: u32) -> (Outcome, u32)
where
    S: AsRef<[Slot<Numbered>]> + AsMut<[Slot<Numbered>]>,
{
    let mut update = Numbered(number);
    let options = SendOptions::new(Category::INFO).with_key_hash(number);
    (bus.push(&mut update, options, || Instant::ZERO), update.0)
}

#[test]
fn what_leaves_is_left_in_place_of_what_was_pushed() {
    let mut bus: Bus<Numbered, [Slot<Numbered>; 2]> = Bus::new();
    assert_eq!(push(&mut bus, 1), (Outcome::Queued, 0));
    assert_eq!(push(&mut bus, 1), (Outcome::Merged, 1));
    assert_eq!(push(&mut bus, 2), (Outcome::Queued, 0));
    let evicted = Outcome::Displaced(Loss::Dropped(DropReason::Evicted));
    assert_eq!(push(&mut bus, 3), (evicted, 1));
    bus.close(Instant::ZERO);
    assert_eq!(push(&mut bus, 4), (Outcome::Refused(RefuseReason::Closed), 4));
    let ledger = bus.ledger();
    assert_eq!((ledger.sent, ledger.queued, ledger.coalesced), (5, 2, 1));
    assert!(ledger.is_balanced());
}

#[test]
fn an_outcome_is_queued_or_not() {
    let loss = Loss::Dropped(DropReason::Oldest);
    for queued in [Outcome::Queued, Outcome::Merged, Outcome::Displaced(loss)] {
        assert!(queued.is_queued());
    }
    let refused = Outcome::Refused(RefuseReason::Full);
    for lost in [Outcome::Expired, Outcome::Dropped(DropReason::Newest), refused] {
        assert!(!lost.is_queued());
    }
}

#[test]
fn an_update_that_was_refused_can_be_pushed_again() {
    let mut bus: Bus<Numbered, [Slot<Numbered>; 1]> = Bus::new();
    let mut batch: Batch<Numbered, [_; 1]> = Batch::new();
    let now = Instant::ZERO;
    bus.reconfigure(Config::new().with_overflow(Overflow::Reject), |_, _| {}, now);
    assert_eq!(push(&mut bus, 1).0, Outcome::Queued);
    let mut update = Numbered(2);
    let options = SendOptions::new(Category::INFO);
    let refused = Outcome::Refused(RefuseReason::Full);
    assert_eq!(bus.push(&mut update, options, || now), refused);
    assert_eq!(bus.poll(&mut batch, now), Polled::Batch);
    assert_eq!(bus.push(&mut update, options, || now), Outcome::Queued);
    bus.settle(&mut batch, Accepted::All, now);
    let ledger = bus.ledger();
    assert_eq!((ledger.sent, ledger.delivered, ledger.queued), (3, 1, 1));
    assert!(ledger.is_balanced());
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn a_push_compares_with_few_updates_whatever_the_queue_holds() {
    let slots: Box<[Slot<Numbered>]> = (0..10_000).map(|_| Slot::VACANT).collect();
    let mut bus: Bus<Numbered, _> = Bus::with_slots(slots, Config::new(), ());
    // numbers in a row, then with ever larger gaps: hashes with a pattern must not collide
    for stride in [1, 7, 64, 1_000, 65_536] {
        COMPARED.set(0);
        for number in 0..10_000_u32 {
            push(&mut bus, number.wrapping_mul(stride) ^ stride);
        }
        let compared = COMPARED.get();
        assert!(compared < 40_000, "{compared} comparisons for 10,000 updates, stride {stride}");
    }
    let ledger = bus.ledger();
    assert!(ledger.is_balanced());
    assert_eq!(ledger.sent, 50_000);
}

#[test]
fn keys_with_the_same_hash_are_different_keys() {
    let mut bus: Bus<Numbered, [Slot<Numbered>; 8]> = Bus::new();
    let mut batch: Batch<Numbered, [_; 8]> = Batch::new();
    let push = |bus: &mut Bus<_, _>, number| {
        let options = SendOptions::new(Category::INFO).with_key_hash(7);
        bus.push(&mut Numbered(number), options, || Instant::ZERO)
    };
    for number in 1..=6 {
        assert_eq!(push(&mut bus, number), Outcome::Queued);
    }
    for number in [3, 1, 6] {
        assert_eq!(push(&mut bus, number), Outcome::Merged);
    }
    assert_eq!(bus.poll(&mut batch, Instant::ZERO), Polled::Batch);
    assert_eq!(batch.iter().map(|one| one.update.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    for number in 1..=6 {
        assert_eq!(push(&mut bus, number), Outcome::Queued, "none is left to merge with");
    }
    bus.settle(&mut batch, Accepted::All, Instant::ZERO);
    let ledger = bus.ledger();
    assert_eq!((ledger.sent, ledger.coalesced), (15, 3));
    assert_eq!((ledger.delivered, ledger.queued, ledger.in_flight), (6, 6, 0));
}

#[test]
fn the_clock_is_read_only_if_a_push_needs_the_time() {
    let mut host: Host<Note> = Host::new(config(5, 10));
    let ttl = Some(std::time::Duration::from_millis(100));
    host.bus.reconfigure_category(Category::TOOL, statusbus_core::Priority::Normal, ttl);
    let mut reads = |update: Note, ms| {
        let mut read = false;
        let clock = || {
            read = true;
            Instant::from_millis(ms)
        };
        let answer = host.push_with(update, clock);
        (answer == Pushed::Queued, read)
    };
    assert_eq!(reads(note("the first"), 5), (true, true));
    assert_eq!(reads(note("another"), 10), (true, false));
    assert_eq!(reads(note("with a TTL").ttl(100), 20), (true, true));
    assert_eq!(reads(note("with a key").key("k"), 30), (true, false));
    assert_eq!(reads(note("with a category's TTL").category(Category::TOOL), 35), (true, true));
    assert_eq!(reads(note("finds it full"), 40), (false, true));
    assert_eq!(reads(note("unknown").category(category(20)), 50), (false, false));
    host.advance_to(60).poll();
    assert_eq!(host.waits(), [55, 40, 40, 25, 20], "without a reading: that of the last");
    host.deliver();
}
