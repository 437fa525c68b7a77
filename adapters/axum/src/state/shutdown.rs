//! Shutting down with open connections.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use statusbus_tokio::{Ledger, Status};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
#[cfg(feature = "phoenix")]
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Shuts the HTTP delivery down, with or without its bus, and asks connected clients to reconnect.
/// A cheap clone: all clones control the same delivery.
#[derive(Clone, Debug)]
pub struct ShutdownHandle {
    status: Status,
    stages: Arc<Stages>,
}

#[derive(Debug, Default)]
struct Stages {
    /// No new streams, and `/readyz` fails.
    started: CancellationToken,
    /// Streams and sockets end without waiting for the bus.
    cut_off: CancellationToken,
    /// The time by which connections have to be closed.
    deadline: OnceLock<Instant>,
    /// Open sockets, which the HTTP server no longer tracks.
    sockets: TaskTracker,
}

/// Maximum share of a deadline that is reserved for closing connections after the bus has shut down.
/// The share is a tenth of the deadline, if that is less.
const CLOSE_TIME: Duration = Duration::from_millis(500);

impl ShutdownHandle {
    pub(crate) fn new(status: &Status) -> Self {
        Self { status: status.clone(), stages: Arc::default() }
    }

    /// Shuts the bus down and ends the delivery within `deadline`. Readiness fails and publishing is
    /// refused from now on; connected clients receive everything that was sent until now, and are
    /// asked to reconnect. Returns the final counters of the bus.
    pub async fn shutdown(&self, deadline: Duration) -> Ledger {
        self.start(deadline);
        let close_time = (deadline / 10).min(CLOSE_TIME);
        let ledger = self.status.shutdown(deadline - close_time).await;
        self.stages.cut_off.cancel();
        self.sockets_closed().await;
        ledger
    }

    /// Ends the delivery immediately and leaves the bus running. Streams end at their current
    /// position, from which clients can resume elsewhere.
    pub fn close(&self) {
        self.start(CLOSE_TIME);
        self.stages.cut_off.cancel();
    }

    /// Ends the delivery and leaves the bus running. Streams of a bus that has been shut down
    /// separately end when everything is read; others end after `delay`, as with
    /// [`close`](Self::close).
    pub async fn close_after(&self, delay: Duration) {
        self.start(delay.saturating_add(CLOSE_TIME));
        tokio::time::sleep(delay).await;
        self.stages.cut_off.cancel();
    }

    fn start(&self, deadline: Duration) {
        let now = Instant::now();
        // The sum may exceed the range of the clock.
        let far = now + Duration::from_secs(365 * 86_400);
        self.stages.deadline.get_or_init(|| now.checked_add(deadline).unwrap_or(far));
        self.stages.sockets.close();
        self.stages.started.cancel();
    }

    /// A token that an open socket holds until it has closed.
    #[cfg(feature = "phoenix")]
    pub(crate) fn socket_token(&self) -> TaskTrackerToken {
        self.stages.sockets.token()
    }

    /// Waits until all sockets have closed, until the deadline at most.
    pub(crate) async fn sockets_closed(&self) {
        if let Some(deadline) = self.deadline() {
            // Sockets that are still open at the deadline are aborted.
            let _ = timeout_at(deadline, self.stages.sockets.wait()).await;
        }
    }

    /// Whether a shutdown has started.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.stages.started.is_cancelled()
    }

    /// Waits until a shutdown starts.
    pub async fn shutdown_started(&self) {
        self.stages.started.cancelled().await;
    }

    /// The time by which connections have to be closed; `None` before a shutdown starts.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.stages.deadline.get().copied()
    }

    /// Whether streams and sockets have to end now.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.stages.cut_off.is_cancelled()
    }

    /// Waits until streams and sockets have to end.
    pub(crate) async fn cut_off(&self) {
        self.stages.cut_off.cancelled().await;
    }
}
