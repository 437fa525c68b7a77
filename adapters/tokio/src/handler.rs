//! Handlers that are called with events.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinHandle;

use crate::event::Event;
use crate::runner::{Contained, message};
use crate::subscription::Subscription;

impl Subscription {
    /// Spawns a task that calls `handler` with each event, one after the other. A panic of the handler
    /// costs it that event, is logged and counted ([`Status::panics`](crate::Status::panics)), and the
    /// next event follows. The task ends when the bus was shut down and everything is read, or when it is
    /// aborted.
    ///
    /// # Panics
    /// There is no tokio runtime.
    pub fn deliver<F, H>(mut self, mut handler: H) -> JoinHandle<()>
    where
        H: FnMut(Event) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let shared = Arc::clone(self.shared());
        let contained = move |panic: String| {
            shared.panics.fetch_add(1, Ordering::Relaxed);
            shared.contain(|| {
                tracing::error!(panic, "a status handler panicked and missed one event");
            });
        };
        tokio::spawn(async move {
            while let Some(event) = self.next().await {
                let call = std::panic::AssertUnwindSafe(|| handler(event));
                match std::panic::catch_unwind(call) {
                    Ok(handling) => {
                        if let Err(panic) = Contained(pin!(handling)).await {
                            contained(panic);
                        }
                    }
                    Err(panic) => contained(message(&*panic)),
                }
            }
        })
    }
}
