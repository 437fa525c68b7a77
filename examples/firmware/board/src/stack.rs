//! How deep the stack has become.

unsafe extern "C" {
    static mut _stack_start: u32;
    static mut _stack_end: u32;
}

const PAINT: u32 = 0xCCCC_CCCC;

/// The part of memory that the stack has not used yet: where it begins, and its top now.
fn bounds() -> (*mut u32, *mut u32) {
    let mark = 0_u32;
    (&raw mut _stack_end, (&raw const mark).cast_mut())
}

/// Paints what is free of the stack, so that [`deepest`] measures from now on.
#[inline(never)]
pub fn paint() {
    let (mut at, top) = bounds();
    // far enough below that neither this function nor an interrupt now is hit
    let top = (top as usize).saturating_sub(256);
    while (at as usize) < top {
        // SAFETY: between the end of the statics and the stack of this call there is nothing
        unsafe {
            at.write_volatile(PAINT);
            at = at.add(1);
        }
    }
}

/// The most bytes of stack that have been in use since [`paint`], or since the reset, from the top of
/// the memory.
#[must_use]
#[inline(never)]
pub fn deepest() -> usize {
    let (mut at, top) = bounds();
    // SAFETY: as above; it is only read
    while at < top && unsafe { at.read_volatile() } == PAINT {
        // SAFETY: it stays below `top`
        at = unsafe { at.add(1) };
    }
    (&raw const _stack_start as usize).saturating_sub(at as usize)
}

/// The bytes of stack that are in use now.
#[must_use]
#[inline(never)]
pub fn depth() -> usize {
    (&raw const _stack_start as usize).saturating_sub(bounds().1 as usize)
}
