//! How much memory a test holds. Counted for each thread by itself, so that tests can run side by
//! side: what is freed by another thread than the one that took it is not seen.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static HEAP: Counting = Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static FREED: Cell<u64> = const { Cell::new(0) };
}

/// Bytes that this thread holds: taken less given back.
pub(crate) fn held() -> isize {
    HELD.get()
}

/// Allocations that this thread has given back so far.
pub(crate) fn freed() -> u64 {
    FREED.get()
}

/// Most bytes that this thread held while `act` ran, above what it held before.
pub(crate) fn peak<R>(act: impl FnOnce() -> R) -> (R, isize) {
    let before = held();
    PEAK.set(before);
    let answer = act();
    (answer, PEAK.get() - before)
}

fn count(bytes: isize) {
    // A thread that ends has no counter any more.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every call goes to the system's allocator as it is; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        let _ = FREED.try_with(|freed| freed.set(freed.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}
