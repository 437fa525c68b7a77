//! What is measured, which the lock of the bus decides.

use core::sync::atomic::{AtomicU32, Ordering};

use board::ticks;
use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};

/// A lock, and what is measured with it.
pub(super) trait Ruler: RawMutex {
    /// The unit of the number.
    const UNIT: &str;
    /// Whether nothing but the bus is at work, so that its stack can be measured.
    const PLAIN: bool;

    /// Does `work` and answers with the number.
    fn measure(work: impl FnOnce()) -> u32;
}

/// All instructions.
impl Ruler for CriticalSectionRawMutex {
    const UNIT: &str = "instructions";
    const PLAIN: bool = true;

    fn measure(work: impl FnOnce()) -> u32 {
        ticks::count(work)
    }
}

static LONGEST: AtomicU32 = AtomicU32::new(0);

/// The same lock, and the most instructions that were done in it at once.
pub(super) struct Masked(CriticalSectionRawMutex);

// SAFETY: it is the other one
unsafe impl RawMutex for Masked {
    const INIT: Self = Self(CriticalSectionRawMutex::INIT);

    #[inline(always)]
    fn lock<R>(&self, work: impl FnOnce() -> R) -> R {
        self.0.lock(|| {
            let begin = ticks::now();
            let result = work();
            let spent = ticks::between(begin, ticks::now());
            LONGEST.store(spent.max(LONGEST.load(Ordering::Relaxed)), Ordering::Relaxed);
            result
        })
    }
}

impl Ruler for Masked {
    const UNIT: &str = "of them masked at once";
    const PLAIN: bool = false;

    fn measure(work: impl FnOnce()) -> u32 {
        LONGEST.store(0, Ordering::Relaxed);
        work();
        LONGEST.load(Ordering::Relaxed)
    }
}
