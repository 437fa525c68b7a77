//! The interrupt that comes after so many instructions, and where it came.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use board::ticks;

use super::Bus;
use super::action::Action;

/// A bit for each instruction of two bytes that was interrupted: the first 64 KiB of the program.
const PLACES: usize = 64 * 1024 / 2 / 32;

static WHERE: [AtomicU32; PLACES] = [const { AtomicU32::new(0) }; PLACES];
static CAME: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicBool = AtomicBool::new(false);
static CAME_INSIDE: AtomicBool = AtomicBool::new(false);
/// What it acts on, and how.
static TO: AtomicPtr<Bus> = AtomicPtr::new(core::ptr::null_mut());
static ACTION: critical_section::Mutex<Cell<Action>> =
    critical_section::Mutex::new(Cell::new(Action::Nothing));

/// Does `work` and lets the interrupt come `after` so many instructions: it does `action` to `bus`.
/// Returns whether it came during `work`; if not, it comes now.
pub(super) fn during(bus: &Bus, action: Action, after: u32, work: impl FnOnce()) -> bool {
    TO.store(core::ptr::from_ref(bus).cast_mut(), Ordering::Relaxed);
    critical_section::with(|cs| ACTION.borrow(cs).set(action));
    let was_inside = work_interrupted(after, work);
    TO.store(core::ptr::null_mut(), Ordering::Relaxed);
    was_inside
}

fn work_interrupted(after: u32, work: impl FnOnce()) -> bool {
    CAME.store(false, Ordering::Relaxed);
    CAME_INSIDE.store(false, Ordering::Relaxed);
    ticks::alarm_after(after);
    INSIDE.store(true, Ordering::Relaxed);
    work();
    INSIDE.store(false, Ordering::Relaxed);
    while !CAME.load(Ordering::Relaxed) {
        core::hint::spin_loop();
    }
    CAME_INSIDE.load(Ordering::Relaxed)
}

/// Clears the places where it came.
pub fn forget_places() {
    WHERE.iter().for_each(|word| word.store(0, Ordering::Relaxed));
}

/// The number of places in the program at which it came during work.
#[must_use]
pub fn places() -> u32 {
    WHERE.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum()
}

/// Counts to two, once in the interrupt, without a lock; returns whether a count was lost.
#[must_use]
pub fn counts_lost(after: u32) -> bool {
    COUNT.store(0, Ordering::Relaxed);
    critical_section::with(|cs| ACTION.borrow(cs).set(Action::Count));
    work_interrupted(after, count);
    COUNT.load(Ordering::Relaxed) != 2
}

static COUNT: AtomicU32 = AtomicU32::new(0);

#[inline(never)]
fn count() {
    let read = COUNT.load(Ordering::Relaxed);
    COUNT.store(core::hint::black_box(read) + 1, Ordering::Relaxed);
}

/// The exception handler, with the frame that the processor pushed: it holds the interrupted place.
#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "C" fn SysTick() {
    core::arch::naked_asm!(
        "push {{r4, lr}}",
        "add r0, sp, #8",
        "bl {came}",
        "pop {{r4, pc}}",
        came = sym came,
    )
}

extern "C" fn came(frame: &[u32; 8]) {
    ticks::disarm();
    if INSIDE.load(Ordering::Relaxed) {
        CAME_INSIDE.store(true, Ordering::Relaxed);
        let place = frame[6] as usize / 2;
        if let Some(word) = WHERE.get(place / 32) {
            word.store(word.load(Ordering::Relaxed) | 1 << (place % 32), Ordering::Relaxed);
        }
    }
    match critical_section::with(|cs| ACTION.borrow(cs).get()) {
        Action::Count => count(),
        action => {
            // SAFETY: it was stored by `during`, which holds a reference to it until it is cleared
            if let Some(bus) = unsafe { TO.load(Ordering::Relaxed).as_ref() } {
                action.run(bus);
            }
        }
    }
    CAME.store(true, Ordering::Relaxed);
}
