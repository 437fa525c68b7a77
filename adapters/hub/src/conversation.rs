//! What the hub keeps for a conversation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::ring::Ring;
use crate::usage::Usage;

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
    usage: Usage,
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
            usage: Usage::new(),
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

    /// Notes that a holder that is about to be dropped may have sent updates, the last of them among
    /// the first `sent` of all sends.
    pub(crate) fn let_go(&self, sent: u64) {
        self.usage.let_go(sent);
    }

    /// Whether only the registry holds it, and no update of it is queued or in flight: of all sends,
    /// the first `left` have left the queue and are delivered. Ask under the registry's lock.
    pub(crate) fn is_unused(self: &Arc<Self>, left: u64) -> bool {
        self.is_held_by(0, left)
    }

    /// The same, while so many hold it besides the registry, the caller among them.
    pub(crate) fn is_held_by(self: &Arc<Self>, holders: usize, left: u64) -> bool {
        // Only a holder, or the registry under its lock, makes another holder: a count that has come
        // down to these does not go up again before the lock is released. Dropping an `Arc` releases.
        self.usage.is_over(Arc::strong_count(self), 1 + holders, left)
    }
}
