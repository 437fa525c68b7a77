//! Input that the compiler cannot know, and output that it cannot leave out.

use core::ptr::{addr_of, read_volatile, write_volatile};

use statusbus_core::Instant;

static mut IN: u32 = 0;
static mut OUT: u32 = 0;
static mut TEXT: [u8; 200] = [0; 200];
#[cfg(feature = "wire")]
static mut ROOM: [u8; 2_000] = [0; 2_000];

pub(crate) fn word() -> u32 {
    // SAFETY: there is one thread.
    unsafe { read_volatile(addr_of!(IN)) }
}

pub(crate) fn number() -> usize {
    word() as usize
}

pub(crate) fn long() -> u64 {
    u64::from(word()) << 32 | u64::from(word())
}

pub(crate) fn now() -> Instant {
    Instant::from_micros(long())
}

/// A text of any length.
pub(crate) fn text() -> &'static str {
    core::str::from_utf8(bytes()).unwrap_or_default()
}

/// Any bytes.
pub(crate) fn bytes() -> &'static [u8] {
    // SAFETY: it is never written; the volatile read hides that from the compiler.
    let text = unsafe { read_volatile(&addr_of!(TEXT)).as_ref() };
    text.and_then(|text| text.get(number()..number())).unwrap_or_default()
}

/// Room for bytes.
#[cfg(feature = "wire")]
pub(crate) fn buffer() -> &'static mut [u8] {
    // SAFETY: there is one thread, and the caller before is done with it; the volatile read hides its
    // content from the compiler.
    let room = unsafe { read_volatile(&&raw mut ROOM).as_mut() };
    room.and_then(|room| room.get_mut(..number())).unwrap_or_default()
}

pub(crate) fn told(word: u32) {
    // SAFETY: there is one thread.
    unsafe { write_volatile(&raw mut OUT, word) }
}
