//! The bus and who waits for it, behind a lock that interrupts may take.

use core::cell::{Cell, RefCell};
use core::task::{Context, Waker};

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{Bus, Category, FlushMark, Slot, Update};

use crate::report::Report;
use crate::status::{Shortened, Status};

/// What is behind the lock.
pub(crate) struct Shared<
    U: Update,
    T,
    const SLOTS: usize,
    const CATEGORIES: usize,
    const GAPS: usize,
> {
    /// Who comes back into the lock from inside it, which only telemetry can: it is counted here.
    pub(crate) strays: Cell<u32>,
    state: RefCell<State<U, T, SLOTS, CATEGORIES, GAPS>>,
}

pub(crate) struct State<
    U: Update,
    T,
    const SLOTS: usize,
    const CATEGORIES: usize,
    const GAPS: usize,
> {
    pub(crate) bus: Bus<U, [Slot<U>; SLOTS], T, CATEGORIES, GAPS>,
    pub(crate) names: Names,
    /// The runner, while it waits.
    pub(crate) runner: Option<Waker>,
    pub(crate) running: bool,
    /// Nobody waits for what is left: it is dropped.
    pub(crate) given_up: bool,
    /// Most updates that the runner's buffer holds; zero while there is none.
    pub(crate) batch: u16,
    pub(crate) shortened: Shortened,
    /// How far flushing had come when a batch was settled last.
    pub(crate) settled: Option<FlushMark>,
    waiting: Waiting,
}

/// The names of the application's own categories.
pub(crate) type Names = Option<&'static [&'static str]>;

pub(crate) fn own_category(category: Category, names: Names) -> Option<&'static str> {
    let own = category.index().checked_sub(Category::BUILT_IN.len())?;
    names?.get(own).copied()
}

/// Who waits for a flush or the end.
pub(crate) type Waiting = [Option<Waker>; 2];

impl<U: Update, T, const SLOTS: usize, const CATEGORIES: usize, const GAPS: usize>
    Shared<U, T, SLOTS, CATEGORIES, GAPS>
{
    pub(crate) const fn new(telemetry: T) -> Self {
        Self {
            strays: Cell::new(0),
            state: RefCell::new(State {
                bus: Bus::with_telemetry(telemetry),
                names: None,
                runner: None,
                running: false,
                given_up: false,
                batch: 0,
                shortened: Shortened { texts: 0, fields: 0 },
                settled: None,
                waiting: [None, None],
            }),
        }
    }
}

impl<U: Update, T, const SLOTS: usize, const CATEGORIES: usize, const GAPS: usize>
    State<U, T, SLOTS, CATEGORIES, GAPS>
{
    /// Whom to wake, outside of the lock, after something was done to the bus.
    #[inline(always)]
    pub(crate) fn who_wakes(&mut self) -> Option<Waker> {
        if self.bus.take_wake() { self.runner.take() } else { None }
    }

    pub(crate) fn take_waiting(&mut self) -> Waiting {
        core::mem::take(&mut self.waiting)
    }
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>
    Status<M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    /// Inside the lock. `None`: the caller is inside already, and is counted as a stray.
    #[inline(always)]
    pub(crate) fn with<A>(
        &self,
        f: impl FnOnce(&mut State<U, T, SLOTS, CATEGORIES, GAPS>) -> A,
    ) -> Option<A> {
        self.shared.lock(|shared| shared.state.try_borrow_mut().ok().map(|mut state| f(&mut state)))
    }

    /// The same, and wakes the runner if that is called for.
    pub(crate) fn call<A>(
        &self,
        f: impl FnOnce(&mut State<U, T, SLOTS, CATEGORIES, GAPS>) -> A,
    ) -> Option<A> {
        let (answer, waker) = self.with(|state| {
            let answer = f(state);
            (answer, state.who_wakes())
        })?;
        if let Some(waker) = waker {
            waker.wake();
        }
        Some(answer)
    }

    /// Whether what is left is to be dropped; if not, the runner will be woken when it is.
    pub(crate) fn is_given_up(&self, cx: &Context<'_>) -> bool {
        let mut waker = Some(cx.waker().clone());
        let given_up = self.with(|state| {
            core::mem::swap(&mut state.runner, &mut waker);
            state.given_up
        });
        given_up == Some(true)
    }

    /// Waits with others for a flush or the end. When there are too many, the one who has waited
    /// longest looks once more.
    pub(crate) fn wait(&self, cx: &Context<'_>) {
        let mut waker = Some(cx.waker().clone());
        self.with(|state| {
            let [first, second] = &mut state.waiting;
            if first.as_ref().is_none_or(|waiting| waiting.will_wake(cx.waker())) {
                core::mem::swap(first, &mut waker);
                waker = None;
            } else if second.as_ref().is_none_or(|waiting| waiting.will_wake(cx.waker())) {
                core::mem::swap(second, &mut waker);
                waker = None;
            } else {
                core::mem::swap(first, &mut waker);
                core::mem::swap(first, second);
            }
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A lock around it.
pub(crate) type Locked<M, U, T, const SLOTS: usize, const CATEGORIES: usize, const GAPS: usize> =
    Mutex<M, Shared<U, T, SLOTS, CATEGORIES, GAPS>>;
