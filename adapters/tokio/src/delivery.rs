//! Handlers that are called with what is delivered.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinHandle;

use crate::event::Event;
use crate::runner::{Contained, message};
use crate::subscription::Subscription;

impl Subscription {
    /// Calls `handler` with each event, one after the other, on a task of its own. A handler that
    /// panics loses the event it panicked on and goes on with the next one; that is counted
    /// ([`Status::panics`](crate::Status::panics)) and logged. The task ends when the bus was shut
    /// down and everything is read, or when it is aborted.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn deliver<F, H>(mut self, mut handler: H) -> JoinHandle<()>
    where
        H: FnMut(Event) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let shared = Arc::clone(self.shared());
        let contained = move |panic: String| {
            shared.panics.fetch_add(1, Ordering::Relaxed);
            shared.contain(|| {
                tracing::error!(panic, "a status handler panicked; it goes on with the next event");
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
