//! Calls everything that the core offers, with input that no compiler can know, and holds the buses
//! whose memory `scripts/panicfree.sh` looks at.

#![no_std]
#![no_main]

mod calls;
#[cfg(feature = "display")]
mod display;
mod input;
mod said;
#[cfg(feature = "wire")]
mod wire;

use core::cell::UnsafeCell;

use statusbus_core::{Batch, Bus, Config, Item, Keyed, Slot, Unkeyed};

use crate::input::{number, told};
use crate::said::{Ears, Said};

/// What a static needs to be changed. There is one thread, and each is borrowed once.
struct Cell<T>(UnsafeCell<T>);

// SAFETY: there is one thread.
unsafe impl<T> Sync for Cell<T> {}

impl<T> Cell<T> {
    const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    #[allow(clippy::mut_from_ref)] // that is what it is for
    fn borrow(&self) -> &mut T {
        // SAFETY: `start` is called once, and borrows each once.
        unsafe { &mut *self.0.get() }
    }
}

type Full = Said<Keyed, true>;
type Small = Said<Unkeyed, false>;

#[unsafe(no_mangle)]
static BUS_OF_32: Cell<Bus<Full, [Slot<Full>; 32], Ears>> =
    Cell::new(Bus::with_telemetry(Ears::new()));
#[unsafe(no_mangle)]
static BUS_OF_10000: Cell<Bus<Full, [Slot<Full>; 10_000], Ears>> =
    Cell::new(Bus::with_telemetry(Ears::new()));
#[unsafe(no_mangle)]
static SMALL_BUS_OF_32: Cell<Bus<Small, [Slot<Small>; 32]>> = Cell::new(Bus::new());
#[unsafe(no_mangle)]
static BATCH_OF_16: Cell<Batch<Full, [Item<Full>; 16]>> = Cell::new(Batch::new());
#[unsafe(no_mangle)]
static SLOTS: Cell<[Slot<Said<Keyed, false>>; 100]> = Cell::new([const { Slot::VACANT }; 100]);
#[unsafe(no_mangle)]
static ITEMS: Cell<[Item<Said<Keyed, false>>; 100]> = Cell::new([const { Item::VACANT }; 100]);
#[unsafe(no_mangle)]
static OTHER_ITEMS: Cell<[Item<Said<Keyed, false>>; 8]> = Cell::new([const { Item::VACANT }; 8]);

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    let full = BUS_OF_32.borrow();
    let large = BUS_OF_10000.borrow();
    let batch = BATCH_OF_16.borrow();
    let small = SMALL_BUS_OF_32.borrow();
    let mut small_batch: Batch<Small, [Item<Small>; 7]> = Batch::new();
    // as many slots and items as nobody knows, none perhaps
    let slots = SLOTS.borrow().get_mut(..number()).unwrap_or_default();
    let items = ITEMS.borrow().get_mut(..number()).unwrap_or_default();
    let mut other_items = OTHER_ITEMS.borrow().get_mut(..number()).unwrap_or_default();
    let mut brought: Bus<_, _, _, 12, 0> = Bus::with_slots(slots, config(), Ears::new());
    let mut brought_batch = Batch::with_items(items);
    let mut ranked: Bus<Said<Unkeyed, true>, [Slot<_>; 5]> = Bus::default();
    let mut ranked_batch: Batch<Said<Unkeyed, true>, [Item<_>; 3]> = Batch::default();
    loop {
        match number() {
            0 => calls::any(full, batch),
            1 => calls::any(large, batch),
            2 => calls::any(small, &mut small_batch),
            3 => calls::any(&mut brought, &mut brought_batch),
            9 => other_items = calls::give_away(&mut brought, &mut brought_batch, other_items),
            4 => calls::any(&mut ranked, &mut ranked_batch),
            5 => calls::names(),
            #[cfg(feature = "display")]
            6 => display::any(),
            #[cfg(feature = "wire")]
            7 => wire::encode(batch),
            #[cfg(feature = "wire")]
            8 => wire::decode(),
            _ => {}
        }
    }
}

fn config() -> Config {
    calls::config(Config::new()).unwrap_or_default()
}

/// Reached by whatever can panic: its name in the program gives that away.
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    a_panic_is_reachable()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn a_panic_is_reachable() -> ! {
    loop {
        told(0);
    }
}
