//! The runner: the task that delivers, with a timer of the runtime.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use statusbus_hub::{Delivery, Instant, Step};

use crate::host::Tokio;
use crate::panic::message;
use crate::telemetry::Reporter;

/// The task that delivers updates: from [`Spawn::build`](crate::Spawn::build). Spawn [`run`](Self::run). If it is
/// dropped earlier, the bus closes and what is queued counts as dropped by the [sink](crate::DropReason::Sink).
#[must_use = "nothing is delivered until the runner is run"]
pub struct Runner {
    delivery: Delivery,
    host: Tokio,
    reporter: Reporter,
}

impl Runner {
    pub(crate) fn new(delivery: Delivery, host: Tokio) -> Self {
        Self { delivery, host, reporter: Reporter::default() }
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
                Ok(Step::Progress) => self.report(),
                Ok(Step::Pause) => {
                    self.report();
                    tokio::task::yield_now().await;
                }
                Ok(Step::Wait(until)) => {
                    self.report();
                    self.wait(until).await;
                }
                Ok(Step::Ended) => return, // dropping reports
                Err(panic) => {
                    self.delivery.recover();
                    let panic = message(&*panic);
                    self.delivery.contain(|| {
                        tracing::error!(panic, "delivery panicked and was restarted");
                    });
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Waits for a wake-up, or until a reading of the clock.
    async fn wait(&self, until: Option<Instant>) {
        let wakeup = std::future::poll_fn(|cx| self.delivery.poll_wakeup(cx));
        match until {
            None => wakeup.await,
            Some(until) => {
                let _ = tokio::time::timeout_at(self.host.timer_at(until), wakeup).await;
            }
        }
    }

    fn report(&mut self) {
        let (activity, ledger) = self.delivery.take_report();
        let Self { delivery, reporter, .. } = self;
        delivery.contain(|| reporter.report_overflow(&activity, &ledger));
        delivery.contain(|| reporter.report(delivery, &activity, &ledger));
    }
}

/// A runtime without timers is a mistake that is better reported at once than with the first deadline.
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
            self.delivery.contain(|| {
                tracing::warn!(
                    lost,
                    "the runner was dropped before the queue was empty: updates are lost"
                );
            });
        }
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}
