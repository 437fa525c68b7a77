//! What it costs.

use core::fmt;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;

use lock::Masked;

mod bus;
mod lock;
mod peers;

/// Told what was measured, and the number.
pub type Tell = fn(fmt::Arguments<'_>, u32);

/// Measures all of it.
pub fn all(tell: Tell) {
    bus::small::<CriticalSectionRawMutex>(tell);
    bus::small::<Masked>(tell);
    bus::full::<CriticalSectionRawMutex>(tell);
    bus::full::<Masked>(tell);
    bus::frames::<CriticalSectionRawMutex>(tell);
    bus::frames::<Masked>(tell);
    peers::all(tell);
}
