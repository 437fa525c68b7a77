//! The same interface over loom, which runs a model in every order of these operations.
//!
//! Loom decides which thread has a lock. The value is in a lock of `parking_lot`, which is free then.

use std::fmt;
use std::future::Future;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use slab::Slab;

const NO_POISON: &str = "a model ends with its first panic";

/// A store is a swap here. To loom a store of one thread may come between what a swap of another thread reads and
/// writes, which the memory model rules out.
#[derive(Debug, Default)]
pub(crate) struct AtomicBool(loom::sync::atomic::AtomicBool);

impl AtomicBool {
    pub(crate) fn new(value: bool) -> Self {
        Self(loom::sync::atomic::AtomicBool::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> bool {
        self.0.load(order)
    }

    pub(crate) fn store(&self, value: bool, order: Ordering) {
        self.0.swap(value, order);
    }

    pub(crate) fn swap(&self, value: bool, order: Ordering) -> bool {
        self.0.swap(value, order)
    }
}

#[derive(Default)]
pub(crate) struct Mutex<T> {
    turn: loom::sync::Mutex<()>,
    value: parking_lot::Mutex<T>,
}

/// The value is unlocked first: fields are dropped in their order.
pub(crate) struct MutexGuard<'a, T> {
    value: parking_lot::MutexGuard<'a, T>,
    turn: loom::sync::MutexGuard<'a, ()>,
}

pub(crate) struct MappedMutexGuard<'a, T> {
    value: parking_lot::MappedMutexGuard<'a, T>,
    _turn: loom::sync::MutexGuard<'a, ()>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { turn: loom::sync::Mutex::new(()), value: parking_lot::Mutex::new(value) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let turn = self.turn.lock().expect(NO_POISON);
        MutexGuard { value: self.value.lock(), turn }
    }
}

impl<'a, T> MutexGuard<'a, T> {
    pub(crate) fn map<U>(
        this: Self,
        map: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        let value = parking_lot::MutexGuard::map(this.value, map);
        MappedMutexGuard { value, _turn: this.turn }
    }
}

#[derive(Default)]
pub(crate) struct RwLock<T> {
    turn: loom::sync::RwLock<()>,
    value: parking_lot::RwLock<T>,
}

pub(crate) struct ReadGuard<'a, T> {
    value: parking_lot::RwLockReadGuard<'a, T>,
    _turn: loom::sync::RwLockReadGuard<'a, ()>,
}

pub(crate) struct WriteGuard<'a, T> {
    value: parking_lot::RwLockWriteGuard<'a, T>,
    _turn: loom::sync::RwLockWriteGuard<'a, ()>,
}

impl<T> RwLock<T> {
    pub(crate) fn read(&self) -> ReadGuard<'_, T> {
        let turn = self.turn.read().expect(NO_POISON);
        ReadGuard { value: self.value.read(), _turn: turn }
    }

    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        let turn = self.turn.write().expect(NO_POISON);
        WriteGuard { value: self.value.write(), _turn: turn }
    }
}

macro_rules! guards {
    ($($guard:ident)*; $($mutable:ident)*) => {
        $(impl<T> Deref for $guard<'_, T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.value
            }
        })*

        $(impl<T> DerefMut for $mutable<'_, T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.value
            }
        })*
    };
}

guards!(MutexGuard MappedMutexGuard ReadGuard WriteGuard; MutexGuard MappedMutexGuard WriteGuard);

/// [`std::sync::OnceLock`]: setting releases, getting acquires, and one thread initialises while others wait.
pub(crate) struct OnceLock<T> {
    turn: loom::sync::Mutex<()>,
    is_set: AtomicBool,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        let turn = loom::sync::Mutex::new(());
        Self { turn, is_set: AtomicBool::new(false), value: std::sync::OnceLock::new() }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let _turn = self.turn.lock().expect(NO_POISON);
        self.value.set(value)?;
        self.is_set.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let _turn = self.turn.lock().expect(NO_POISON);
        let value = self.value.get_or_init(init);
        self.is_set.store(true, Ordering::Release);
        value
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        mem::take(self).value.into_inner()
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        Self { is_set: AtomicBool::new(true), value: value.into(), ..Self::new() }
    }
}

/// An [`Arc`] whose count is loom's, with the orderings of [`std::sync::Arc`]. The one of loom has stronger orderings.
pub(crate) struct CountedArc<T> {
    shared: Arc<Counted<T>>,
}

struct Counted<T> {
    count: AtomicUsize,
    value: T,
}

impl<T> CountedArc<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { shared: Arc::new(Counted { count: AtomicUsize::new(1), value }) }
    }

    pub(crate) fn ptr_eq(one: &Self, other: &Self) -> bool {
        Arc::ptr_eq(&one.shared, &other.shared)
    }

    pub(crate) fn strong_count(this: &Self) -> usize {
        this.shared.count.load(Ordering::Relaxed)
    }
}

impl<T> Clone for CountedArc<T> {
    fn clone(&self) -> Self {
        self.shared.count.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for CountedArc<T> {
    fn drop(&mut self) {
        if self.shared.count.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
        }
    }
}

impl<T> Deref for CountedArc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.shared.value
    }
}

/// A waker that is registered while it is woken is woken.
#[derive(Default)]
pub(crate) struct AtomicWaker {
    waker: Mutex<Option<Waker>>,
}

impl AtomicWaker {
    pub(crate) fn register(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    pub(crate) fn wake(&self) {
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl fmt::Debug for AtomicWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtomicWaker")
    }
}

/// Wakes its listeners. A listener that is registered before a notification gets it; one that is registered later
/// sees what was done before it.
pub(crate) struct Event {
    listeners: Mutex<Slab<Listener>>,
}

enum Listener {
    Waiting(Option<Waker>),
    Notified,
}

impl Event {
    pub(crate) fn new() -> Self {
        Self { listeners: Mutex::new(Slab::new()) }
    }

    /// Notifies up to so many listeners.
    pub(crate) fn notify(&self, most: usize) {
        let mut listeners = self.listeners.lock();
        let waiting = listeners.iter_mut().filter_map(|(_, listener)| match listener {
            Listener::Waiting(waker) => {
                let waker = waker.take();
                *listener = Listener::Notified;
                Some(waker)
            }
            Listener::Notified => None,
        });
        let wakers: Vec<_> = waiting.take(most).flatten().collect();
        drop(listeners);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn listen(&self) -> Listening<'_> {
        Listening { event: self, key: self.listeners.lock().insert(Listener::Waiting(None)) }
    }
}

pub(crate) struct Listening<'a> {
    event: &'a Event,
    key: usize,
}

impl Future for Listening<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.event.listeners.lock().get_mut(self.key) {
            Some(Listener::Waiting(waker)) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Listener::Notified) | None => Poll::Ready(()),
        }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.event.listeners.lock().try_remove(self.key);
    }
}
