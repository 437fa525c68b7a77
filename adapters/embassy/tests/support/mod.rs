//! Polling futures by hand, in virtual time.

#![allow(dead_code)] // each test program uses its part

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use embassy_time::{Duration, MockDriver};

/// The only clock of embassy-time in the process, held alone. It starts at zero, without timers.
pub(crate) struct Time(#[allow(dead_code)] MutexGuard<'static, ()>);

static TIME: Mutex<()> = Mutex::new(());

impl Time {
    pub(crate) fn begin() -> Self {
        let alone = TIME.lock().unwrap_or_else(PoisonError::into_inner);
        MockDriver::get().reset();
        Self(alone)
    }

    /// Sets time to zero and removes all timers.
    pub(crate) fn begin_anew(&self) {
        MockDriver::get().reset();
    }

    /// Advances time and wakes tasks whose timers are due.
    pub(crate) fn pass(&self, span: Duration) {
        MockDriver::get().advance(span);
    }
}

/// A task: a future that is polled when it was woken.
pub(crate) struct Task<'f, O> {
    future: Pin<Box<dyn Future<Output = O> + 'f>>,
    wakes: Arc<Wakes>,
    seen: u32,
    pub(crate) polls: u32,
    output: Option<O>,
}

#[derive(Default)]
struct Wakes(AtomicU32);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<'f, O> Task<'f, O> {
    /// A task that is to be polled for the first time.
    pub(crate) fn new(future: impl Future<Output = O> + 'f) -> Self {
        let wakes = Arc::new(Wakes(AtomicU32::new(1)));
        Self { future: Box::pin(future), wakes, seen: 0, polls: 0, output: None }
    }

    /// How often it was woken since it was polled.
    pub(crate) fn wakes(&self) -> u32 {
        self.wakes.0.load(Ordering::SeqCst) - self.seen
    }

    /// Polls it once, if it was woken; answers whether.
    pub(crate) fn turn(&mut self) -> bool {
        if self.output.is_some() || self.wakes() == 0 {
            return false;
        }
        self.seen = self.wakes.0.load(Ordering::SeqCst);
        self.polls += 1;
        let waker = Waker::from(Arc::clone(&self.wakes));
        if let Poll::Ready(output) = self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.output = Some(output);
        }
        true
    }

    /// Polls it until it waits.
    pub(crate) fn rest(&mut self) {
        for _ in 0..10_000 {
            if !self.turn() {
                return;
            }
        }
        unreachable!("the task does not come to rest");
    }

    /// What came out, once it is done.
    pub(crate) const fn output(&self) -> Option<&O> {
        self.output.as_ref()
    }
}
