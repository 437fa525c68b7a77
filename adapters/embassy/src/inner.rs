//! The state of a bus behind its lock.

use core::cell::{Cell, RefCell};
use core::task::{Context, Waker};

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{Bus, FlushMark, Slot, Telemetry, Update};

use crate::bus::Names;
use crate::report::Report;

/// The state and the lock around it, which interrupts may take.
pub(crate) struct Inner<M, U: Update, T, const SLOTS: usize, const C: usize, const GAPS: usize> {
    lock: Mutex<M, Locked<State<U, T, SLOTS, C, GAPS>>>,
}

struct Locked<S> {
    /// Calls from inside the lock, which only telemetry can make.
    strays: Cell<u32>,
    state: RefCell<S>,
}

/// What the lock guards.
pub(crate) struct State<U: Update, T, const SLOTS: usize, const C: usize, const GAPS: usize> {
    pub(crate) bus: Bus<U, [Slot<U>; SLOTS], T, C, GAPS>,
    pub(crate) names: Names,
    /// The runner, while it waits.
    pub(crate) runner: Option<Waker>,
    /// The capacity of the runner's buffer; zero without a runner.
    pub(crate) batch_capacity: u16,
    /// The deadline of a shutdown has passed: what is left is dropped.
    pub(crate) is_given_up: bool,
    pub(crate) shortened: Shortened,
    /// The progress of flushing at the last settlement.
    pub(crate) settled: Option<FlushMark>,
    /// The task that waits for a flush or for the end.
    pub(crate) waiter: Option<Waker>,
}

/// Counts of what was shortened because it exceeded the capacity of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Shortened {
    /// Texts that were cut.
    pub texts: u32,
    /// Fields of metadata that were left out.
    pub fields: u32,
}

impl<M: RawMutex, U: Update, T, const SLOTS: usize, const C: usize, const GAPS: usize>
    Inner<M, U, T, SLOTS, C, GAPS>
{
    pub(crate) const fn new(telemetry: T) -> Self {
        let state = State {
            bus: Bus::with_telemetry(telemetry),
            names: None,
            runner: None,
            batch_capacity: 0,
            is_given_up: false,
            shortened: Shortened { texts: 0, fields: 0 },
            settled: None,
            waiter: None,
        };
        Self { lock: Mutex::new(Locked { strays: Cell::new(0), state: RefCell::new(state) }) }
    }

    /// Runs `f` under the lock. `None`: the caller is under the lock already.
    #[inline(always)]
    pub(crate) fn with<A>(
        &self,
        f: impl FnOnce(&mut State<U, T, SLOTS, C, GAPS>) -> A,
    ) -> Option<A> {
        self.lock.lock(|locked| locked.state.try_borrow_mut().ok().map(|mut state| f(&mut state)))
    }

    pub(crate) fn strays(&self) -> u32 {
        self.lock.lock(|locked| locked.strays.get())
    }

    #[cold]
    #[inline(always)]
    pub(crate) fn count_stray(&self)
    where
        T: Telemetry,
    {
        // Nothing else runs under the lock.
        if T::ENABLED {
            self.lock.lock(|locked| locked.strays.set(locked.strays.get().saturating_add(1)));
        }
    }

    /// Has the task woken by the next settlement. A task that waited already is woken to try again.
    pub(crate) fn wait(&self, cx: &Context<'_>) {
        let mut waker = Some(cx.waker().clone());
        self.with(|state| core::mem::swap(&mut state.waiter, &mut waker));
        if let Some(waker) = waker.filter(|waker| !waker.will_wake(cx.waker())) {
            waker.wake();
        }
    }
}

impl<M: RawMutex, U: Update, T: Report, const SLOTS: usize, const C: usize, const GAPS: usize>
    Inner<M, U, T, SLOTS, C, GAPS>
{
    /// Like [`with`](Self::with); then wakes the runner if the bus asks for it.
    // Wakers run outside of the lock, whatever they do.
    pub(crate) fn call<A>(
        &self,
        f: impl FnOnce(&mut State<U, T, SLOTS, C, GAPS>) -> A,
    ) -> Option<A> {
        let (answer, waker) = self.with(|state| {
            let answer = f(state);
            (answer, if state.bus.take_wake() { state.runner.take() } else { None })
        })?;
        if let Some(waker) = waker {
            waker.wake();
        }
        Some(answer)
    }
}
