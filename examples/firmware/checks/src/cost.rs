//! What it costs.

use ::core::fmt;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;

use lock::Masked;

mod bus;
mod core;
mod lock;
mod peers;
mod wire;

/// Receives what was measured, and the number.
pub type Tell = fn(fmt::Arguments<'_>, u32);

/// What the software interrupt does while it is measured.
pub fn interrupt() {
    bus::interrupt();
}

/// Measures all of it.
pub fn all(tell: Tell) {
    core::small::<CriticalSectionRawMutex>(tell);
    core::small::<Masked>(tell);
    core::full::<CriticalSectionRawMutex>(tell);
    core::full::<Masked>(tell);
    bus::small::<CriticalSectionRawMutex>(tell);
    bus::small::<Masked>(tell);
    bus::full::<CriticalSectionRawMutex>(tell);
    bus::interrupted(tell);
    bus::full::<Masked>(tell);
    bus::frames::<CriticalSectionRawMutex>(tell);
    bus::frames::<Masked>(tell);
    wire::all(tell);
    peers::all(tell);
}
