//! The runner: the task that delivers, with a timer of the runtime.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::delivery::{Delivery, Step};
use crate::publisher::Publisher;
use crate::shared::Shared;
use crate::telemetry::Reporter;

/// The task that delivers updates: from [`Builder::build`](crate::Builder::build). Spawn
/// [`run`](Self::run). If it is dropped earlier, the bus closes and what is queued counts as dropped by the
/// [sink](crate::DropReason::Sink).
#[must_use = "nothing is delivered until the runner is run"]
pub struct Runner {
    delivery: Delivery,
    reporter: Reporter,
}

impl Runner {
    pub(crate) fn new(shared: Arc<Shared>, publisher: Publisher) -> Self {
        Self { delivery: Delivery::new(shared, publisher), reporter: Reporter::default() }
    }

    /// Delivers updates until the bus is closed and everything is delivered. At most one wake-up is
    /// outstanding. While the bus is idle, it sleeps without a timer.
    ///
    /// A panic of a metrics recorder, a log subscriber or a reader's waker is contained and
    /// [counted](crate::Status::panics), and costs no update. After any other panic in delivery the batch
    /// counts as dropped by the [sink](crate::DropReason::Sink), and the runner continues.
    ///
    /// # Panics
    /// At once, if the runtime has no timers.
    pub async fn run(mut self) {
        need_timers();
        loop {
            let step = std::panic::catch_unwind(AssertUnwindSafe(|| self.delivery.step()));
            match step {
                Ok(Step::Progress) => {
                    self.report();
                    tokio::task::yield_now().await;
                }
                Ok(Step::Wait(until)) => {
                    self.report();
                    self.wait(until).await;
                }
                Ok(Step::Ended) => return, // dropping reports
                Err(panic) => {
                    self.contain_panic(&message(&*panic));
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Waits for a wake-up, or until a reading of the bus's clock.
    async fn wait(&self, until: Option<statusbus_core::Instant>) {
        let wakeup = std::future::poll_fn(|cx| self.delivery.poll_wakeup(cx));
        match until {
            None => wakeup.await,
            Some(until) => {
                let deadline = self.shared().clock.timer_at(until);
                let _ = tokio::time::timeout_at(deadline, wakeup).await;
            }
        }
    }

    fn contain_panic(&mut self, panic: &str) {
        self.shared().panics.fetch_add(1, Ordering::Relaxed);
        self.delivery.settle_failed();
        self.shared().contain(|| {
            tracing::error!(panic, "delivery panicked and was restarted");
        });
    }

    fn report(&mut self) {
        let (heard, ledger) = self.delivery.take_report();
        let shared = self.delivery.shared();
        let reporter = &mut self.reporter;
        shared.contain(|| reporter.report_overflow(&heard, &ledger));
        shared.contain(|| reporter.report(shared, &heard, &ledger));
    }

    const fn shared(&self) -> &Arc<Shared> {
        self.delivery.shared()
    }
}

/// A runtime without timers is a mistake that is better told at once than with the first deadline.
///
/// # Panics
/// There are no timers, or there is no runtime.
pub(crate) fn need_timers() {
    drop(tokio::time::sleep(Duration::ZERO));
}

/// The runner ends: by itself when everything is delivered, or because its runtime does.
impl Drop for Runner {
    fn drop(&mut self) {
        let lost = self.delivery.end();
        self.report();
        if lost > 0 {
            self.shared().contain(|| {
                tracing::warn!(
                    lost,
                    "the runner was dropped before the queue was empty: updates are lost"
                );
            });
        }
        self.delivery.close();
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

/// A future whose panic is an answer.
pub(crate) struct Contained<F>(pub(crate) F);

impl<F: Future + Unpin> Future for Contained<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = Pin::new(&mut self.0);
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(message(&*panic))),
        }
    }
}

/// The message of a panic.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
