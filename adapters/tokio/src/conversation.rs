//! What the adapter keeps for a conversation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::ring::Ring;

/// A conversation, or the system: its name, and what its readers can get.
///
/// As long as somebody holds one (a handle, a subscription) or an update of it is queued, it is the
/// only one of its name, and its number means no other.
pub(crate) struct ConversationState {
    /// None: the system.
    name: Option<Arc<str>>,
    pub(crate) hash: u64,
    /// Its place in the registry.
    pub(crate) number: u32,
    /// When it was last used, on the bus's clock in microseconds.
    used: AtomicU64,
    /// Updates of it that were sent by who does not hold it any more were among the first so many
    /// that were ever sent.
    sent_to: AtomicU64,
    ring: Mutex<Ring>,
}

impl ConversationState {
    /// A conversation of which everything up to `floor` may be missing.
    pub(crate) fn new(
        name: Option<Arc<str>>,
        hash: u64,
        number: u32,
        floor: u64,
        now: u64,
    ) -> Self {
        Self {
            name,
            hash,
            number,
            used: AtomicU64::new(now),
            sent_to: AtomicU64::new(0),
            ring: Mutex::new(Ring::new(floor)),
        }
    }

    pub(crate) const fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    pub(crate) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock()
    }

    pub(crate) fn touch(&self, now: u64) {
        self.used.store(now, Ordering::Relaxed);
    }

    pub(crate) fn idle_since(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Notes that whoever is about to let go of it may have sent updates, the last of them among the
    /// first `sent` that were ever sent.
    pub(crate) fn let_go(&self, sent: u64) {
        self.sent_to.fetch_max(sent, Ordering::Release);
    }

    /// Whether nobody but the registry holds it, and no update of it is queued or in flight: of all
    /// that was ever sent, the first `left` have left the queue and are delivered.
    pub(crate) fn is_unused(self: &Arc<Self>, left: u64) -> bool {
        self.is_held_by(0, left)
    }

    /// The same, but for so many who hold it besides the registry.
    pub(crate) fn is_held_by(self: &Arc<Self>, holders: usize, left: u64) -> bool {
        Arc::strong_count(self) == 1 + holders && self.sent_to.load(Ordering::Acquire) <= left
    }
}
