//! What the adapter keeps for a conversation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::ring::Ring;

/// A conversation, or the system: its name, and what its readers can get.
///
/// As long as somebody holds one (a handle, a subscription, a queued update), it is the only one of
/// its name.
pub(crate) struct ConversationState {
    /// None: the system.
    name: Option<Arc<str>>,
    pub(crate) hash: u64,
    /// The runner's note of which group of the current parcel this is. A hint, to be checked.
    pub(crate) group: AtomicU32,
    /// When it was last used, on the bus's clock in microseconds.
    used: AtomicU64,
    ring: Mutex<Ring>,
}

impl ConversationState {
    /// A conversation of which everything up to `floor` may be missing.
    pub(crate) fn new(name: Option<Arc<str>>, hash: u64, floor: u64, now: u64) -> Self {
        Self {
            name,
            hash,
            group: AtomicU32::new(0),
            used: AtomicU64::new(now),
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

    /// Whether nobody but the registry holds it.
    pub(crate) fn is_unused(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1
    }
}
