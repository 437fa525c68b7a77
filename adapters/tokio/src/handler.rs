//! Handlers that are called with events.

use std::future::Future;
use std::pin::pin;

use statusbus_hub::{Event, Subscription};
use tokio::task::JoinHandle;

use crate::panic::{Contained, message};

/// Calls a handler with the events of a [`Subscription`].
pub trait Deliver {
    /// Spawns a task that calls `handler` with each event, one after the other. A panic of the handler
    /// costs it that event, is logged and counted ([`Status::panics`](crate::Status::panics)), and the
    /// next event follows. The task ends when the bus was shut down and everything is read, or when it is
    /// aborted.
    ///
    /// # Panics
    /// There is no tokio runtime.
    fn deliver<F, H>(self, handler: H) -> JoinHandle<()>
    where
        H: FnMut(Event) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static;
}

impl Deliver for Subscription {
    fn deliver<F, H>(mut self, mut handler: H) -> JoinHandle<()>
    where
        H: FnMut(Event) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(async move {
            while let Some(event) = self.next().await {
                let call = std::panic::AssertUnwindSafe(|| handler(event));
                let outcome = match std::panic::catch_unwind(call) {
                    Ok(handling) => Contained(pin!(handling)).await,
                    Err(panic) => Err(message(&*panic)),
                };
                if let Err(panic) = outcome {
                    self.count_panic();
                    self.contain(|| {
                        tracing::error!(panic, "a status handler panicked and missed one event");
                    });
                }
            }
        })
    }
}
