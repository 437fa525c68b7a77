//! Ending with connections open.

use std::time::Duration;

use statusbus_tokio::{Ledger, Status};
use tokio_util::sync::CancellationToken;

/// Ends the delivery, with whoever is connected told to come back. Clone it freely.
#[derive(Clone, Debug)]
pub struct Closing {
    status: Status,
    /// Nobody new, and not ready any more.
    begun: CancellationToken,
    /// Whoever is still connected has to go.
    ended: CancellationToken,
}

impl Closing {
    pub(crate) fn new(status: &Status) -> Self {
        let (begun, ended) = (CancellationToken::new(), CancellationToken::new());
        Self { status: status.clone(), begun, ended }
    }

    /// Shuts the bus down and ends the delivery: from now on it is not ready and takes nothing in;
    /// whoever is connected gets what was said until now, for at most `deadline`, and is told to
    /// come back. Answers the counters of the bus.
    pub async fn shutdown(&self, deadline: Duration) -> Ledger {
        self.begun.cancel();
        let ledger = self.status.shutdown(deadline).await;
        self.ended.cancel();
        ledger
    }

    /// Ends the delivery at once, without the bus: streams end where they are, and whoever was
    /// connected is told to come back, to resume there.
    pub fn close(&self) {
        self.begun.cancel();
        self.ended.cancel();
    }

    /// Whether it has begun to end.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Waits until whoever is still connected has to go.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}
