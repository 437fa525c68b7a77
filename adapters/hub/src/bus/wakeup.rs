//! Waking the delivery.

use std::task::{Context, Poll};

use crate::sync::{AtomicBool, AtomicWaker, Ordering};

/// Wakes one task. A wake-up that comes while the task does not wait is kept for it.
#[derive(Debug, Default)]
pub(crate) struct Wakeup {
    is_woken: AtomicBool,
    waker: AtomicWaker,
}

impl Wakeup {
    pub(crate) fn wake(&self) {
        self.is_woken.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Ready once for all wake-ups since it was last ready.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.take() {
            self.waker.register(cx.waker());
            // one that came before the waker was registered
            if !self.take() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    fn take(&self) -> bool {
        self.is_woken.swap(false, Ordering::Acquire)
    }
}
