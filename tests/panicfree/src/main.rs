//! Calls everything that the core offers, with input unknown at compile time, and has the buses whose
//! memory `scripts/panicfree.sh` inspects.

#![no_std]
#![no_main]

mod calls;
#[cfg(feature = "display")]
mod display;
mod input;
mod rules;
mod runs;
mod stored;
#[cfg(feature = "wire")]
mod wire;

use core::cell::UnsafeCell;

use statusbus_core::{Batch, Bus, Config, Item, Keyed, Receipt, SilenceMonitor, Slot, Unkeyed};

use crate::input::{number, told};
use crate::stored::{Listener, Stored};

/// A static that can be changed. There is one thread, and each is borrowed once.
struct Cell<T>(UnsafeCell<T>);

// SAFETY: there is one thread.
unsafe impl<T> Sync for Cell<T> {}

impl<T> Cell<T> {
    const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    #[allow(clippy::mut_from_ref)] // its purpose
    fn borrow(&self) -> &mut T {
        // SAFETY: `start` is called once, and borrows each once.
        unsafe { &mut *self.0.get() }
    }
}

type Full = Stored<Keyed, true>;
type Small = Stored<Unkeyed, false>;

#[unsafe(no_mangle)]
static BUS_OF_32: Cell<Bus<Full, [Slot<Full>; 32], Listener>> =
    Cell::new(Bus::with_telemetry(Listener::new()));
#[unsafe(no_mangle)]
static BUS_OF_10000: Cell<Bus<Full, [Slot<Full>; 10_000], Listener>> =
    Cell::new(Bus::with_telemetry(Listener::new()));
#[unsafe(no_mangle)]
static SMALL_BUS_OF_32: Cell<Bus<Small, [Slot<Small>; 32]>> = Cell::new(Bus::new());
#[unsafe(no_mangle)]
static BATCH_OF_16: Cell<Batch<Full, [Item<Full>; 16]>> = Cell::new(Batch::new());
#[unsafe(no_mangle)]
static MONITOR: Cell<SilenceMonitor<u16, 8>> = Cell::new(SilenceMonitor::new());
#[unsafe(no_mangle)]
static SLOTS: Cell<[Slot<Stored<Keyed, false>>; 100]> = Cell::new([const { Slot::VACANT }; 100]);
#[unsafe(no_mangle)]
static ITEMS: Cell<[Item<Stored<Keyed, false>>; 100]> = Cell::new([const { Item::VACANT }; 100]);
#[unsafe(no_mangle)]
static OTHER_ITEMS: Cell<[Item<Stored<Keyed, false>>; 8]> = Cell::new([const { Item::VACANT }; 8]);

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    let full = BUS_OF_32.borrow();
    let large = BUS_OF_10000.borrow();
    let batch = BATCH_OF_16.borrow();
    let small = SMALL_BUS_OF_32.borrow();
    let monitor = MONITOR.borrow();
    let mut small_batch: Batch<Small, [Item<Small>; 7]> = Batch::new();
    // A number of slots and items that is unknown at compile time, and may be zero.
    let slots = SLOTS.borrow().get_mut(..number()).unwrap_or_default();
    let items = ITEMS.borrow().get_mut(..number()).unwrap_or_default();
    let mut other_items = OTHER_ITEMS.borrow().get_mut(..number()).unwrap_or_default();
    let mut brought: Bus<_, _, _, 12, 0> = Bus::with_slots(slots, config(), Listener::new());
    let mut brought_batch = Batch::with_items(items);
    let mut ranked: Bus<Stored<Unkeyed, true>, [Slot<_>; 5]> = Bus::default();
    let mut ranked_batch: Batch<Stored<Unkeyed, true>, [Item<_>; 3]> = Batch::default();
    let mut receipts: [Option<Receipt>; 4] = [const { None }; 4];
    let mut queue = rules::Queue::new();
    let [first, second, third, fourth] = &mut receipts;
    loop {
        match number() {
            0 => calls::any(full, batch, first),
            1 => calls::any(large, batch, first),
            2 => calls::any(small, &mut small_batch, second),
            3 => calls::any(&mut brought, &mut brought_batch, third),
            9 => other_items = calls::exchange(&mut brought_batch, other_items),
            4 => calls::any(&mut ranked, &mut ranked_batch, fourth),
            5 => calls::names(),
            10 => runs::any(monitor),
            11 => queue.any(),
            #[cfg(feature = "display")]
            6 => display::any(),
            #[cfg(feature = "wire")]
            7 => wire::encode(full, batch),
            #[cfg(feature = "wire")]
            8 => wire::decode(),
            _ => {}
        }
    }
}

fn config() -> Config {
    calls::config(Config::new()).unwrap_or_default()
}

/// Called by everything that can panic: its name in the program shows that.
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
