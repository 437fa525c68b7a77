//! Whether a conversation is still in use.

use crate::sync::{AtomicU64, Ordering, fence};

/// How far the updates reach that were sent by holders of a conversation which no longer hold it.
/// Together with the count of its holders it decides whether its number is free for another one.
///
/// The models of conversations run it in every order of its operations that the memory model allows.
#[derive(Debug)]
pub(crate) struct Usage {
    /// Upper bound, as a count of all sends, on updates sent through dropped holders.
    sent_to: AtomicU64,
}

impl Usage {
    pub(crate) fn new() -> Self {
        Self { sent_to: AtomicU64::new(0) }
    }

    /// Notes that a holder that is about to be dropped may have sent updates, the last of them among
    /// the first `sent` of all sends.
    pub(crate) fn let_go(&self, sent: u64) {
        // The decrement of the count of holders that follows releases it.
        self.sent_to.fetch_max(sent, Ordering::Relaxed);
    }

    /// Whether exactly `expected` holders are left, and every update of the dropped ones is among
    /// the first `left` of all sends, which are delivered. `holders` is the count of holders, which
    /// may have been read relaxed as long as no holder can come that was not cloned from another one.
    pub(crate) fn is_over(&self, holders: usize, expected: usize, left: u64) -> bool {
        if holders != expected {
            return false;
        }
        // Pairs with the decrements that `holders` shows: what was noted before each of them is read
        // below. An acquiring load alone could still read the value before.
        fence(Ordering::Acquire);
        self.sent_to.load(Ordering::Relaxed) <= left
    }
}
