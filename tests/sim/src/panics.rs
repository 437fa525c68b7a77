//! Injected panics: in a metrics recorder, wakers and handlers. Each is counted, to be compared with the
//! count of the bus.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::task::Wake;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::random::Random;

/// Injects panics at random and counts them.
#[derive(Clone, Debug)]
pub(crate) struct Panics {
    percent: u64,
    random: Arc<Mutex<Random>>,
    count: Arc<AtomicU64>,
}

impl Panics {
    pub(crate) fn new(percent: u64, seed: u64) -> Self {
        let random = Arc::new(Mutex::new(Random::new(seed ^ 0xDEAD)));
        Self { percent, random, count: Arc::default() }
    }

    pub(crate) fn so_far(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn perhaps(&self) {
        if self.percent == 0 {
            return;
        }
        let now = self.random.lock().is_ok_and(|mut random| random.chance(self.percent));
        if now {
            self.count.fetch_add(1, Ordering::Relaxed);
            // Without the panic hook: an injected panic is not printed.
            std::panic::resume_unwind(Box::new("injected"));
        }
    }
}

impl Recorder for Panics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        self.perhaps();
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        self.perhaps();
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        self.perhaps();
        Histogram::noop()
    }
}

/// A waker that records its calls and may panic.
pub(crate) struct Flag {
    woken: AtomicBool,
    panics: Option<Panics>,
}

impl Flag {
    pub(crate) fn new(panics: Option<Panics>) -> Arc<Self> {
        Arc::new(Self { woken: AtomicBool::new(false), panics })
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, woken: bool) {
        self.woken.store(woken, Ordering::Relaxed);
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.set(true);
        if let Some(panics) = &self.panics {
            panics.perhaps();
        }
    }
}

thread_local! {
    static SIMULATES: Cell<bool> = const { Cell::new(false) };
    static WHERE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a closure and catches its panic without printing it.
///
/// # Errors
/// Location and message of the panic.
pub(crate) fn caught<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let known = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !SIMULATES.get() {
                return known(panic);
            }
            let at = panic.location().map(Location::to_string).unwrap_or_default();
            let payload = panic.payload();
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            WHERE.set(Some(format!("{at}: {}", text.unwrap_or_default())));
        }));
    });
    let before = SIMULATES.replace(true);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    SIMULATES.set(before);
    result.map_err(|_| WHERE.take().unwrap_or_default())
}
