//! Building a bus on tokio.

use statusbus_hub::{Builder, Status};

use crate::host::Tokio;
use crate::runner::{Runner, need_timers};

/// Builds a bus that runs on tokio, from a [`Builder`].
///
/// ```
/// use statusbus_tokio::{Spawn, Status};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let status = Status::builder().with_history(64).spawn();
/// status.tool("conv-42", "searching");
/// # }
/// ```
pub trait Spawn: Sized {
    /// Builds the bus and spawns its runner on the current runtime.
    ///
    /// # Panics
    /// There is no tokio runtime, or it has no timers. [`build`](Self::build) needs neither.
    #[must_use]
    fn spawn(self) -> Status;

    /// Builds the bus and its runner. Nothing is delivered until [`Runner::run`] is polled.
    fn build(self) -> (Status, Runner);
}

impl Spawn for Builder {
    fn spawn(self) -> Status {
        need_timers();
        let (status, runner) = self.build();
        tokio::spawn(runner.run());
        status
    }

    fn build(self) -> (Status, Runner) {
        let host = Tokio::start();
        let (status, delivery) = self.build_with(host);
        (status, Runner::new(delivery, host))
    }
}
