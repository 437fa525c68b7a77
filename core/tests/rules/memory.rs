//! Rule 12: memory is fixed at construction.

use std::mem::{align_of, size_of};
use std::sync::Mutex;
use std::time::Duration;

use statusbus_core::{
    Accepted, Batch, Bus, Category, Config, DropReason, FlushReason, Instant, Item, Keyed, Ledger,
    Loss, Outcome, Overflow, Polled, Priority, SendOptions, Slot, Unkeyed, Update,
};

use crate::support::{Named, Note, alive, note};

const NOW: Instant = Instant::ZERO;

/// A small update with a key that can be in a static.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Numbered(u32);

impl Update for Numbered {
    type Topic = u32;
    type Keys = Keyed;
    const EMPTY: Self = Numbered(0);
    fn topic(&self) -> u32 {
        self.0 % 7
    }
    fn same_key(&self, other: &Self) -> bool {
        self == other
    }
}

/// Pushes an update with the number as key. Answers with what comes back, too.
fn push<S, const CATEGORIES: usize, const GAPS: usize>(
    bus: &mut Bus<Numbered, S, (), CATEGORIES, GAPS>,
    number: u32,
) -> (Outcome, u32)
where
    S: AsRef<[Slot<Numbered>]> + AsMut<[Slot<Numbered>]>,
{
    let mut update = Numbered(number);
    let options = SendOptions::new(Category::INFO).with_key_hash(number);
    (bus.push(&mut update, options, || NOW), update.0)
}

fn boxed(slots: usize) -> Box<[Slot<Numbered>]> {
    (0..slots).map(|_| Slot::VACANT).collect()
}

fn most() -> Config {
    Config::new().with_queue_limit(Config::MOST).expect("in range")
}

/// The ledger balances, and this is what it has besides `sent`.
#[track_caller]
fn assert_ledger(ledger: Ledger, sent: u64, delivered: u64, queued: u64) {
    assert!(ledger.is_balanced());
    assert_eq!((ledger.sent, ledger.delivered, ledger.queued), (sent, delivered, queued));
}

static BUS: Mutex<Bus<Numbered, [Slot<Numbered>; 32]>> = Mutex::new(Bus::new());

#[test]
fn a_bus_and_a_buffer_can_be_constants() {
    const BUFFER: Batch<Numbered, [Item<Numbered>; 4]> = Batch::new();
    let mut bus = BUS.lock().expect("no test panics with it");
    let mut batch = BUFFER;
    assert_eq!(batch.capacity(), 4);
    assert_eq!(push(&mut bus, 1), (Outcome::Queued, 0));
    assert_eq!(bus.poll(&mut batch, NOW), Polled::Batch);
    bus.settle(&mut batch, Accepted::All, NOW);
    assert_ledger(bus.ledger(), 1, 1, 0);
}

#[test]
fn a_new_bus_has_the_defaults_before_anything_is_done_with_it() {
    const NEW: Bus<Numbered, [Slot<Numbered>; 32]> = Bus::new();
    let mut bus = NEW;
    let defaults = Config::new().with_queue_limit(32).expect("in range");
    assert_eq!((bus.config(), bus.capacity(), bus.seq()), (defaults, 32, 0));
    assert!(bus.poll_at().is_none() && !bus.is_closed() && !bus.take_wake());
    push(&mut bus, 1);
    assert_eq!(bus.config(), defaults);
    assert_ledger(bus.ledger(), 1, 0, 1);
}

#[test]
fn a_large_new_bus_has_the_default_limit() {
    let bus: Box<Bus<Numbered, [Slot<Numbered>; 12_000]>> = Box::default();
    assert_eq!((bus.config(), bus.capacity()), (Config::new(), 12_000));
}

#[test]
fn a_new_bus_has_a_full_batch_at_the_default_size_or_at_its_slots() {
    fn check<const SLOTS: usize>() {
        let full = SLOTS.min(100) as u32;
        let mut bus: Box<Bus<Numbered, [Slot<Numbered>; SLOTS]>> = Box::default();
        let mut batch: Batch<Numbered, [Item<Numbered>; 100]> = Batch::new();
        // The first update after idling is due at once; those behind it wait for the interval.
        push(&mut bus, 0);
        assert_eq!(bus.poll(&mut batch, NOW), Polled::Batch);
        bus.settle(&mut batch, Accepted::All, NOW);
        for number in 1..full {
            push(&mut bus, number);
            assert!(bus.poll_at() > Some(NOW), "{number} of {full}");
        }
        push(&mut bus, full);
        assert_eq!(bus.poll_at(), Some(NOW), "{full} are a full batch");
        assert_eq!(bus.poll(&mut batch, NOW), Polled::Batch);
        assert_eq!((batch.len(), batch.reason()), (full as usize, FlushReason::Full));
        bus.settle(&mut batch, Accepted::All, NOW);
        assert_ledger(bus.ledger(), u64::from(full) + 1, u64::from(full) + 1, 0);
    }
    check::<3>();
    check::<99>();
    check::<100>();
    check::<101>();
    check::<200>();
}

#[test]
fn any_call_may_be_the_first_on_a_new_bus() {
    let new = Bus::<Numbered, [Slot<Numbered>; 2]>::new;
    let mut batch: Batch<Numbered, [Item<Numbered>; 4]> = Batch::new();
    assert_eq!(new().poll(&mut batch, NOW), Polled::Wait(None));
    new().close(NOW);
    let mut bus = new();
    let mark = bus.flush(NOW);
    assert!(bus.is_flushed(mark));
    new().settle(&mut batch, Accepted::All, NOW);
    new().settle(&mut batch, Accepted::First(3), NOW);
    assert!(new().settle_one(&mut batch, 1, NOW).is_none());
    new().settle_receipt(batch.take_receipt(), Accepted::First(0), NOW);
    new().confirm_losses(&batch, 1);
    assert!(new().gap(&batch).is_none());
    assert_eq!(new().depth().queued, 0);
    new().reconfigure(Config::new(), |_, _| unreachable!("nothing is queued"), NOW);
    let mut bus = new();
    bus.set_categories(7);
    assert_eq!(push(&mut bus, 1).0, Outcome::Queued);
    assert_eq!(new().ledger(), Ledger::default());
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn the_most_slots_fit_a_boxed_slice() {
    let mut bus: Bus<Numbered, _> = Bus::with_slots(boxed(Config::MOST), most(), ());
    assert_eq!(bus.capacity(), 65_534);
    for number in 1..=65_534 {
        assert_eq!(push(&mut bus, number), (Outcome::Queued, 0));
    }
    for number in (1..=65_534).step_by(31) {
        assert_eq!(push(&mut bus, number), (Outcome::Merged, number));
    }
    let evicted = Outcome::Displaced(Loss::Dropped(DropReason::Evicted));
    assert_eq!(push(&mut bus, 65_535), (evicted, 1));
    let mut batch: Batch<Numbered, Box<[Item<Numbered>]>> =
        Batch::with_items((0..100).map(|_| Item::VACANT).collect());
    let mut next = 2;
    while bus.poll(&mut batch, NOW) == Polled::Batch {
        for one in batch.iter() {
            assert_eq!(one.update.0, next);
            next += 1;
        }
        bus.settle(&mut batch, Accepted::All, NOW);
    }
    assert_eq!(next, 65_536);
    assert_ledger(bus.ledger(), 65_535 + 65_534_u64.div_ceil(31), 65_534, 0);
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn slots_behind_the_first_65_534_are_not_used() {
    let mut bus: Bus<Numbered, _> = Bus::with_slots(boxed(100_000), most(), ());
    assert_eq!(bus.capacity(), 65_534);
    for number in 0..100_000 {
        push(&mut bus, number);
    }
    assert_ledger(bus.ledger(), 100_000, 0, 65_534);
    assert_eq!(push(&mut bus, 99_999), (Outcome::Merged, 99_999));
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn a_batch_larger_than_the_largest_is_one_of_65_534() {
    let items: Box<[Item<Numbered>]> = (0..70_000).map(|_| Item::VACANT).collect();
    let mut batch: Batch<Numbered, _> = Batch::with_items(items);
    assert_eq!(batch.capacity(), 65_534);
    let config = most().with_batch_size(Config::MOST).expect("in range");
    let mut bus: Bus<Numbered, _> = Bus::with_slots(boxed(Config::MOST), config, ());
    for number in 0..65_534 {
        push(&mut bus, number);
    }
    assert_eq!(bus.poll(&mut batch, NOW), Polled::Batch);
    assert_eq!((batch.len(), batch.iter().count()), (65_534, 65_534));
    bus.settle(&mut batch, Accepted::First(65_000), NOW);
    let ledger = bus.ledger();
    assert_eq!(ledger.dropped.sink, 534);
    assert_ledger(ledger, 65_534, 65_000, 0);
}

#[test]
fn a_bus_without_slots_drops_or_refuses_everything() {
    for overflow in Overflow::ALL {
        let config = Config::new().with_overflow(overflow);
        let mut bus: Bus<Numbered, _> = Bus::with_slots(boxed(0), config, ());
        let mut batch: Batch<Numbered, [Item<Numbered>; 4]> = Batch::new();
        for number in 1..=10 {
            let (outcome, back) = push(&mut bus, number);
            assert_eq!(back, number);
            match outcome {
                Outcome::Dropped(_) => assert_ne!(overflow, Overflow::Reject),
                Outcome::Refused(_) => assert_eq!(overflow, Overflow::Reject),
                outcome => unreachable!("{outcome:?}"),
            }
        }
        let mut update = Numbered(11);
        let options = SendOptions::new(Category::INFO).with_ttl(Duration::ZERO).with_run_end();
        assert_eq!(bus.push(&mut update, options, || NOW), Outcome::Expired);
        bus.flush(NOW);
        let _ = bus.poll(&mut batch, NOW);
        bus.settle(&mut batch, Accepted::All, NOW);
        bus.close(NOW);
        bus.reconfigure(config, |_, _| unreachable!("nothing is queued"), NOW);
        let ledger = bus.ledger();
        assert_eq!(ledger.dropped.total() + ledger.refused.total(), 10);
        assert_ledger(ledger, 11, 0, 0);
        assert_eq!(bus.depth().queued, 0);
        assert!(bus.is_drained());
    }
}

#[test]
fn a_buffer_without_items_is_empty() {
    let mut batch: Batch<Numbered, [Item<Numbered>; 0]> = Batch::with_items([]);
    assert_eq!((batch.capacity(), batch.len(), batch.iter().count()), (0, 0, 0));
    assert!(batch.is_empty() && batch.get(0).is_none());
    batch.clear();
}

#[test]
fn a_gap_table_without_rows_counts_all_losses_for_the_whole_bus() {
    let mut bus: Bus<Numbered, [Slot<Numbered>; 1], (), 7, 0> = Bus::new();
    let mut batch: Batch<Numbered, [Item<Numbered>; 4]> = Batch::new();
    push(&mut bus, 1);
    push(&mut bus, 2);
    assert_eq!(bus.poll(&mut batch, NOW), Polled::Batch);
    let gap = bus.gap(&batch).expect("one was evicted");
    assert_eq!((gap.topics().len(), gap.elsewhere().dropped.evicted), (0, 1));
    bus.confirm_losses(&batch, 1);
    assert!(bus.gap(&batch).is_none(), "it is the only one");
}

#[test]
fn a_bus_with_fewer_categories_than_the_built_in_ones_refuses_the_rest() {
    let mut bus: Bus<Numbered, [Slot<Numbered>; 1], (), 5> = Bus::new();
    bus.set_categories(32);
    assert!(matches!(push(&mut bus, 1).0, Outcome::Refused(_)), "info is the sixth");
    assert_ledger(bus.ledger(), 1, 0, 0);
}

// What the memory holds

#[test]
fn each_of_32_categories_has_its_default_priority() {
    let mut bus: Bus<Numbered, [Slot<Numbered>; 32], (), 32> = Bus::new();
    let mut batch: Batch<Numbered, [Item<Numbered>; 32]> = Batch::new();
    let all = (0..32).map_while(Category::from_index);
    bus.set_categories(100);
    for (number, category) in (1..).zip(all.clone()) {
        let outcome = bus.push(&mut Numbered(number), SendOptions::new(category), || NOW);
        assert_eq!(outcome, Outcome::Queued, "{number}");
    }
    assert_eq!(bus.poll(&mut batch, NOW), Polled::Batch);
    assert_eq!(batch.len(), 32);
    for (category, one) in all.zip(&batch) {
        let expected = match category {
            Category::PROGRESS => Priority::Low,
            Category::ERROR => Priority::High,
            _ => Priority::Normal,
        };
        assert_eq!(one.priority, expected, "{category:?}");
    }
    bus.settle(&mut batch, Accepted::All, NOW);
    assert_ledger(bus.ledger(), 32, 32, 0);
}

#[test]
fn a_vacant_bus_and_a_vacant_buffer_own_no_update() {
    let bus: Bus<Note, [Slot<Note>; 8]> = Bus::new();
    let batch: Batch<Note, [Item<Note>; 8]> = Batch::new();
    assert_eq!(alive(), 0);
    drop((bus, batch));
    assert_eq!(alive(), 0);
}

#[test]
fn a_bus_and_a_buffer_that_are_dropped_drop_their_updates() {
    let mut bus: Bus<Note, [Slot<Note>; 8]> = Bus::new();
    let mut batch: Batch<Note, [Item<Note>; 2]> = Batch::new();
    for name in ["a", "b", "c", "d"] {
        let mut update = note(name);
        let options = update.options();
        assert!(bus.push(&mut update, options, || NOW).is_queued());
    }
    assert_eq!(bus.poll_part(&mut batch, 2, |_| {}, NOW), Polled::Batch);
    assert_eq!(alive(), 4);
    drop(batch);
    assert_eq!(alive(), 2);
    drop(bus);
    assert_eq!(alive(), 0);
}

#[test]
fn slots_of_moved_updates_keep_nothing_alive() {
    let mut bus: Bus<Note, [Slot<Note>; 3]> = Bus::new();
    let mut batch: Batch<Note, [Item<Note>; 3]> = Batch::new();
    for round in 0..20_u32 {
        let mut update = note(round.to_string()).key("k");
        let options = update.options();
        assert!(bus.push(&mut update, options, || NOW).is_queued());
        drop(update);
        if round % 3 == 2 {
            bus.flush(NOW);
            assert_eq!(bus.poll(&mut batch, NOW), Polled::Batch);
            assert_eq!(alive(), 1, "the others were merged over");
            bus.settle(&mut batch, Accepted::First(0), NOW);
            assert_eq!(alive(), 0);
        }
    }
    let ledger = bus.ledger();
    assert_eq!((ledger.sent, ledger.coalesced), (20, 13));
    assert_eq!((ledger.dropped.sink, ledger.queued), (6, 1));
}

/// 64 bytes aligned to 4, as on a microcontroller.
struct Bytes([u32; 16]);

impl Update for Bytes {
    type Topic = u8;
    type Keys = Unkeyed;
    const EMPTY: Self = Bytes([0; 16]);
    fn topic(&self) -> u8 {
        self.0[0] as u8
    }
}

#[test]
fn slots_are_small() {
    assert!(align_of::<Slot<Bytes>>() >= 4);
    assert!(align_of::<Slot<Numbered>>() >= 4);
    let (plain, keyed) = (size_of::<Slot<Bytes>>() - 64, size_of::<Slot<Numbered>>() - 4);
    // Of a slot: the times, the links, those of its priority, and the priority; then those of the key.
    let most = if crate::support::NARROW { (20, 24) } else { (32, 36) };
    assert!(plain <= most.0 && keyed <= most.1, "{plain} and {keyed}");
}

/// The same, copied from place to place instead of moved.
#[derive(Clone, Copy, PartialEq)]
struct Copied(Numbered);

impl std::fmt::Debug for Copied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Update for Copied {
    type Topic = u32;
    type Keys = Keyed;
    const EMPTY: Self = Copied(Numbered::EMPTY);
    fn topic(&self) -> u32 {
        self.0.topic()
    }
    fn same_key(&self, other: &Self) -> bool {
        self.0.same_key(&other.0)
    }
    fn move_to(&mut self, to: &mut Self) {
        *to = *self;
    }
    fn swap(&mut self, with: &mut Self) {
        (*self, *with) = (*with, *self);
    }
}

/// An update of a bus in which only the oldest leaves. With `ONE_WAY` it is copied, and `swap` gives nothing
/// back, as on microcontrollers.
#[derive(Clone, Copy)]
struct Unlinked<const ONE_WAY: bool>(u32);

impl<const ONE_WAY: bool> std::fmt::Debug for Unlinked<ONE_WAY> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<const ONE_WAY: bool> Update for Unlinked<ONE_WAY> {
    type Topic = u32;
    type Keys = Unkeyed;
    const RANKED: bool = false;
    const EMPTY: Self = Unlinked(0);
    fn topic(&self) -> u32 {
        self.0 % 3
    }
    fn move_to(&mut self, to: &mut Self) {
        *to = *self;
        if !ONE_WAY {
            *self = Self::EMPTY;
        }
    }
    fn swap(&mut self, with: &mut Self) {
        if ONE_WAY {
            *with = *self;
        } else {
            core::mem::swap(self, with);
        }
    }
}

/// What happens to a bus of these updates in many steps, as text; with what comes back, if it `returns`.
fn story<U: Update + Copy + std::fmt::Debug>(
    make: impl Fn(u32) -> U,
    returns: bool,
) -> Vec<String> {
    let mut bus: Bus<U, [Slot<U>; 6]> = Bus::new();
    let mut batch: Batch<U, [Item<U>; 4]> = Batch::new();
    let (mut random, mut lines, mut pushed) = (7_u32, Vec::new(), 0);
    for step in 0..5_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (now, number) = (Instant::from_millis(step), (random >> 16) % 40 + 1);
        match random >> 29 {
            0..=4 => {
                let mut update = make(number);
                let options = SendOptions::new(Category::INFO).with_key_hash(number);
                let options = match random >> 8 & 7 {
                    0 => options.with_run_end(),
                    1 => options.with_ttl(Duration::from_millis(9)),
                    _ => options,
                };
                let outcome = bus.push(&mut update, options, || now);
                pushed += 1;
                lines.push(format!("{outcome:?}"));
                if returns && outcome != Outcome::Queued {
                    lines.push(format!("{update:?}")); // what came back; else of no value
                }
            }
            5 => {
                bus.flush(now);
                let mut expired = Vec::new();
                let polled =
                    bus.poll_part(&mut batch, 9, |update| expired.push(format!("{update:?}")), now);
                lines.push(format!("{polled:?} {expired:?}"));
                lines.push(format!("{:?}", batch.iter().collect::<Vec<_>>()));
            }
            6 => {
                let seq = bus.seq().saturating_sub(u64::from(number % 4));
                lines.push(format!("{:?}", bus.settle_one(&mut batch, seq, now)));
            }
            _ => bus.settle(&mut batch, Accepted::First(1), now),
        }
        lines.push(format!("{:?}", bus.ledger()));
        assert_eq!(bus.ledger().sent, pushed);
    }
    lines
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn updates_that_are_copied_fare_like_those_that_are_moved() {
    assert_eq!(story(Numbered, true), story(|number| Copied(Numbered(number)), true));
    assert_eq!(story(Unlinked::<false>, false), story(Unlinked::<true>, false));
}
