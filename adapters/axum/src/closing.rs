//! Ending with connections open.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use statusbus_tokio::{Ledger, Status};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Ends the delivery, with whoever is connected told to come back. Clone it freely.
#[derive(Clone, Debug)]
pub struct Closing {
    status: Status,
    stages: Arc<Stages>,
}

#[derive(Debug, Default)]
struct Stages {
    /// Nobody new, and not ready any more.
    begun: CancellationToken,
    /// Streams and sockets have to go.
    ended: CancellationToken,
    /// When connections have to be gone.
    deadline: OnceLock<Instant>,
    /// Sockets, which their server has let go of.
    sockets: TaskTracker,
}

/// What is left of a deadline for connections to end in, when the bus has taken its time: a tenth
/// of it, and no more than this.
const LAST_WORDS: Duration = Duration::from_millis(500);

impl Closing {
    pub(crate) fn new(status: &Status) -> Self {
        Self { status: status.clone(), stages: Arc::default() }
    }

    /// Shuts the bus down and ends the delivery within `deadline`: from now on it is not ready and
    /// takes nothing in; whoever is connected gets what was said until now, and is told to come
    /// back. Answers the counters of the bus.
    pub async fn shutdown(&self, deadline: Duration) -> Ledger {
        self.begin(deadline);
        let last_words = (deadline / 10).min(LAST_WORDS);
        let ledger = self.status.shutdown(deadline - last_words).await;
        self.stages.ended.cancel();
        self.sockets_gone().await;
        ledger
    }

    /// Ends the delivery at once, and lets the bus be: streams end where they are, and whoever was
    /// connected is told to come back, to resume there.
    pub fn close(&self) {
        self.begin(LAST_WORDS);
        self.stages.ended.cancel();
    }

    /// Ends the delivery, and lets the bus be: streams of a bus that was shut down end when they
    /// are read; others, as with [`close`](Self::close), when `patience` is over.
    pub async fn close_after(&self, patience: Duration) {
        self.begin(patience.saturating_add(LAST_WORDS));
        tokio::time::sleep(patience).await;
        self.stages.ended.cancel();
    }

    fn begin(&self, deadline: Duration) {
        let now = Instant::now();
        // A deadline beyond all clocks is none that comes.
        let far = now + Duration::from_secs(365 * 86_400);
        self.stages.deadline.get_or_init(|| now.checked_add(deadline).unwrap_or(far));
        self.stages.sockets.close();
        self.stages.begun.cancel();
    }

    /// A socket lives as long as it has this.
    pub(crate) fn socket(&self) -> TaskTrackerToken {
        self.stages.sockets.token()
    }

    /// Waits until sockets have taken their leave, until the deadline at most.
    pub(crate) async fn sockets_gone(&self) {
        if let Some(deadline) = self.deadline() {
            // Who has not by then is cut off.
            let _ = timeout_at(deadline, self.stages.sockets.wait()).await;
        }
    }

    /// Whether it has begun to end.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.stages.begun.is_cancelled()
    }

    /// Waits until it begins to end.
    pub async fn begun(&self) {
        self.stages.begun.cancelled().await;
    }

    /// When connections have to be gone; `None` as long as it has not begun to end.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.stages.deadline.get().copied()
    }

    /// Whether streams and sockets have to go.
    pub(crate) fn has_ended(&self) -> bool {
        self.stages.ended.is_cancelled()
    }

    /// Waits until streams and sockets have to go.
    pub(crate) async fn ended(&self) {
        self.stages.ended.cancelled().await;
    }
}
