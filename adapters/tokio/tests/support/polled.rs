//! A future that counts how often it is polled.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// How often a future was polled.
#[derive(Clone, Default)]
pub(crate) struct Polls(Arc<AtomicU64>);

impl Polls {
    pub(crate) fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// `future`, counted here.
    pub(crate) fn of<F: Future>(&self, future: F) -> Polled<F> {
        Polled { future: Box::pin(future), polls: self.clone() }
    }
}

pub(crate) struct Polled<F> {
    future: Pin<Box<F>>,
    polls: Polls,
}

impl<F: Future> Future for Polled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.polls.0.fetch_add(1, Ordering::Relaxed);
        self.future.as_mut().poll(cx)
    }
}
