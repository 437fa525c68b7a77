//! Rule 12: memory is fixed at construction.

use std::mem::{align_of, size_of};
use std::sync::Mutex;

use statusbus_core::{
    Batch, Bus, Category, Config, Instant, Item, Keyed, Overflow, Pushed, Slot, Unkeyed, Update,
};

/// A small update with a key that can live in a static.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Numbered(u32);

impl Update for Numbered {
    type Topic = u32;
    type Keys = Keyed;
    fn topic(&self) -> u32 {
        self.0 % 7
    }
    fn category(&self) -> Category {
        Category::INFO
    }
    fn key_hash(&self) -> Option<u32> {
        Some(self.0)
    }
    fn same_key(&self, other: &Self) -> bool {
        self == other
    }
}

fn boxed(slots: usize) -> Box<[Slot<Numbered>]> {
    (0..slots).map(|_| Slot::VACANT).collect()
}

fn most() -> Config {
    Config::new().queue_limit(Config::MOST).expect("in range")
}

static BUS: Mutex<Bus<Numbered, [Slot<Numbered>; 32]>> = Mutex::new(Bus::new());

#[test]
fn a_bus_can_stand_in_a_static() {
    let mut bus = BUS.lock().expect("nobody panics with it");
    let mut batch: Batch<Numbered, [Item<Numbered>; 4]> = Batch::new();
    assert_eq!(bus.push(Numbered(1), Instant::ZERO), Pushed::Queued);
    assert!(bus.poll(&mut batch, Instant::ZERO));
    bus.delivered(&mut batch, Instant::ZERO);
    assert_eq!(bus.ledger().delivered, 1);
}

#[test]
fn a_new_bus_has_the_defaults_before_anything_is_done_with_it() {
    const NEW: Bus<Numbered, [Slot<Numbered>; 32]> = Bus::new();
    let mut bus = NEW;
    let defaults = Config::new().queue_limit(32).expect("in range");
    assert_eq!(bus.config(), defaults);
    assert!(bus.poll_at().is_none() && !bus.is_closed() && !bus.take_wake());
    let _ = bus.push(Numbered(1), Instant::ZERO);
    assert_eq!(bus.config(), defaults);
}

#[test]
fn a_new_bus_may_be_asked_anything_first() {
    let new = Bus::<Numbered, [Slot<Numbered>; 2]>::new;
    let mut batch: Batch<Numbered, [Item<Numbered>; 4]> = Batch::new();
    assert!(!new().poll(&mut batch, Instant::ZERO));
    new().close(Instant::ZERO);
    let mut bus = new();
    let mark = bus.flush(Instant::ZERO);
    assert!(bus.is_flushed(mark));
    new().delivered(&mut batch, Instant::ZERO);
    new().failed(&mut batch, 3, Instant::ZERO);
    assert_eq!(new().depth().queued, 0);
    assert_eq!(new().last_reading(&Numbered(1)), None);
    let mut bus = new();
    bus.set_categories(7);
    assert_eq!(bus.push(Numbered(1), Instant::ZERO), Pushed::Queued);
}

#[test]
fn the_most_slots_fit_a_boxed_slice() {
    let mut bus: Bus<Numbered, _> = Bus::with_slots(boxed(Config::MOST), most(), ());
    assert_eq!(bus.capacity(), 65_534);
    for number in 0..65_534 {
        assert_eq!(bus.push(Numbered(number), Instant::ZERO), Pushed::Queued);
    }
    for number in (0..65_534).step_by(31) {
        assert_eq!(bus.push(Numbered(number), Instant::ZERO), Pushed::Merged(Numbered(number)));
    }
    let oldest = Pushed::Displaced(
        Numbered(0),
        statusbus_core::Loss::Dropped(statusbus_core::DropReason::Evicted),
    );
    assert_eq!(bus.push(Numbered(65_534), Instant::ZERO), oldest);
    let mut batch: Batch<Numbered, Box<[Item<Numbered>]>> =
        Batch::with_items((0..100).map(|_| Item::VACANT).collect());
    let mut next = 1;
    while bus.poll(&mut batch, Instant::ZERO) {
        for handed in batch.iter() {
            assert_eq!(handed.update.0, next);
            next += 1;
        }
        bus.delivered(&mut batch, Instant::ZERO);
    }
    assert_eq!(next, 65_535);
    assert!(bus.ledger().is_balanced());
}

#[test]
fn what_is_behind_the_first_65_534_slots_is_not_used() {
    let mut bus: Bus<Numbered, _> = Bus::with_slots(boxed(100_000), most(), ());
    assert_eq!(bus.capacity(), 65_534);
    for number in 0..100_000 {
        let _ = bus.push(Numbered(number), Instant::ZERO);
    }
    assert_eq!(bus.ledger().queued, 65_534);
    assert_eq!(bus.push(Numbered(99_999), Instant::ZERO), Pushed::Merged(Numbered(99_999)));
}

#[test]
fn a_batch_larger_than_the_largest_is_one_of_65_534() {
    let items: Box<[Item<Numbered>]> = (0..70_000).map(|_| Item::VACANT).collect();
    let mut batch: Batch<Numbered, _> = Batch::with_items(items);
    assert_eq!(batch.capacity(), 65_534);
    let config = most().batch_size(Config::MOST).expect("in range");
    let mut bus: Bus<Numbered, _> = Bus::with_slots(boxed(Config::MOST), config, ());
    for number in 0..65_534 {
        let _ = bus.push(Numbered(number), Instant::ZERO);
    }
    assert!(bus.poll(&mut batch, Instant::ZERO));
    assert_eq!(batch.len(), 65_534);
    assert_eq!(batch.topics().count(), 7);
    assert_eq!(batch.topics().map(|topic| topic.iter().count()).sum::<usize>(), 65_534);
    bus.delivered(&mut batch, Instant::ZERO);
}

#[test]
fn a_bus_without_slots_drops_or_refuses_everything() {
    for overflow in Overflow::ALL {
        let config = Config::new().overflow(overflow);
        let mut bus: Bus<Numbered, _> = Bus::with_slots(boxed(0), config, ());
        let mut batch: Batch<Numbered, [Item<Numbered>; 4]> = Batch::new();
        for number in 0..10 {
            match bus.push(Numbered(number), Instant::ZERO) {
                Pushed::Dropped(back, _) => assert_ne!(overflow, Overflow::Reject, "{back:?}"),
                Pushed::Refused(back, _) => assert_eq!(overflow, Overflow::Reject, "{back:?}"),
                other => unreachable!("{other:?}"),
            }
        }
        bus.flush(Instant::ZERO);
        let _ = bus.poll(&mut batch, Instant::ZERO);
        bus.delivered(&mut batch, Instant::ZERO);
        bus.close(Instant::ZERO);
        bus.reconfigure(config, |_, _| unreachable!("nothing is queued"), Instant::ZERO);
        let ledger = bus.ledger();
        assert!(ledger.is_balanced());
        assert_eq!(ledger.dropped.total() + ledger.refused.total(), 10);
        assert_eq!(bus.depth().queued, 0);
    }
}

#[test]
fn a_buffer_without_items_is_empty() {
    let mut batch: Batch<Numbered, [Item<Numbered>; 0]> = Batch::with_items([]);
    assert_eq!((batch.capacity(), batch.len()), (0, 0));
    assert!(batch.is_empty());
    assert_eq!((batch.iter().count(), batch.topics().count(), batch.drain().count()), (0, 0, 0));
}

#[test]
fn a_gap_table_without_places_tells_all_of_the_whole_bus() {
    let mut bus: Bus<Numbered, [Slot<Numbered>; 1], (), 7, 0> = Bus::new();
    let mut batch: Batch<Numbered, [Item<Numbered>; 4], 0> = Batch::new();
    let _ = bus.push(Numbered(1), Instant::ZERO);
    let _ = bus.push(Numbered(2), Instant::ZERO);
    assert!(bus.poll(&mut batch, Instant::ZERO));
    let gap = batch.gap().expect("one was evicted");
    assert_eq!((gap.topics().len(), gap.elsewhere().dropped.evicted), (0, 1));
}

#[test]
fn a_bus_with_fewer_categories_than_the_built_in_ones_refuses_the_rest() {
    let mut bus: Bus<Numbered, [Slot<Numbered>; 1], (), 5> = Bus::new();
    bus.set_categories(32);
    assert!(
        matches!(bus.push(Numbered(1), Instant::ZERO), Pushed::Refused(..)),
        "info is the sixth"
    );
}

/// 64 bytes aligned to 4, as a microcontroller has it.
struct Bytes([u32; 16]);

impl Update for Bytes {
    type Topic = u8;
    type Keys = Unkeyed;
    fn topic(&self) -> u8 {
        self.0[0] as u8
    }
    fn category(&self) -> Category {
        Category::INFO
    }
}

#[test]
fn slots_are_aligned_to_four_at_least() {
    assert!(align_of::<Slot<Bytes>>() >= 4);
    assert!(align_of::<Slot<Numbered>>() >= 4);
}

#[test]
fn a_type_without_keys_carries_no_index() {
    assert!(size_of::<Slot<Bytes>>() < size_of::<Slot<Numbered>>() - 4 + 64);
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
    fn assign(&mut self, from: &Self) -> bool {
        self.0 = from.0;
        true
    }
    fn topic(&self) -> u32 {
        self.0.topic()
    }
    fn category(&self) -> Category {
        self.0.category()
    }
    fn key_hash(&self) -> Option<u32> {
        self.0.key_hash()
    }
    fn same_key(&self, other: &Self) -> bool {
        self.0.same_key(&other.0)
    }
}

/// What happens to a bus of these updates in many steps, as text.
fn story<U: Update + Copy + std::fmt::Debug>(make: impl Fn(u32) -> U) -> Vec<String> {
    let mut bus: Bus<U, [Slot<U>; 6]> = Bus::new();
    let mut batch: Batch<U, [Item<U>; 4]> = Batch::new();
    let (mut random, mut told) = (7_u32, Vec::new());
    for step in 0..5_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (now, number) = (Instant::from_millis(step), random >> 16);
        match random >> 29 {
            0..=4 => told.push(format!("{:?}", bus.push(make(number % 40), now))),
            5 => {
                let _ = bus.flush(now);
                if bus.poll(&mut batch, now) {
                    told.push(format!("{:?}", batch.iter().collect::<Vec<_>>()));
                }
            }
            6 => {
                let seq = bus.seq().saturating_sub(u64::from(number % 4));
                told.push(format!("{:?}", bus.failed_at(&mut batch, seq, now)));
                told.push(format!("{:?}", batch.drain().take(1).collect::<Vec<_>>()));
            }
            _ => bus.failed(&mut batch, 1, now),
        }
        told.push(format!("{:?}", bus.ledger()));
        assert!(bus.ledger().is_balanced());
    }
    told
}

#[test]
fn what_is_copied_from_place_to_place_fares_like_what_is_moved() {
    assert_eq!(story(Numbered), story(|number| Copied(Numbered(number))));
}
