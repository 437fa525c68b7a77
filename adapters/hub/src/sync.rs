//! Locks, atomics and wake-ups: what threads share goes through these. The [models](crate::models) run the same code
//! with those of loom.

#[cfg(all(test, statusbus_loom))]
mod modelled;

#[cfg(all(test, statusbus_loom))]
pub(crate) use modelled::{
    AtomicBool, AtomicU64, AtomicUsize, AtomicWaker, CountedArc, Event, MappedMutexGuard, Mutex,
    MutexGuard, OnceLock, Ordering, RwLock, fence,
};

#[cfg(not(all(test, statusbus_loom)))]
pub(crate) use {
    atomic_waker::AtomicWaker,
    event_listener::Event,
    parking_lot::{MappedMutexGuard, Mutex, MutexGuard, RwLock},
    // An `Arc` whose count of holders decides something.
    std::sync::Arc as CountedArc,
    std::sync::OnceLock,
    std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
};
