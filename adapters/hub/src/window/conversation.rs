//! What the hub keeps for a conversation.

use std::sync::Arc;

use super::ring::Ring;
use super::usage::Usage;
use crate::sync::{CountedArc, MappedMutexGuard, Mutex, MutexGuard};

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
    usage: Usage,
    /// None as long as it would be empty.
    ring: Mutex<Option<Box<Ring>>>,
}

impl ConversationState {
    pub(crate) fn new(name: Option<Arc<str>>, hash: u64, number: u32) -> Self {
        Self { name, hash, number, usage: Usage::new(), ring: Mutex::new(None) }
    }

    pub(crate) const fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    pub(crate) fn ring(&self) -> MappedMutexGuard<'_, Ring> {
        MutexGuard::map(self.ring.lock(), |ring| &mut **ring.get_or_insert_default())
    }

    /// Calls with the ring, if there is one.
    pub(crate) fn with_ring<R>(&self, otherwise: R, call: impl FnOnce(&mut Ring) -> R) -> R {
        match &mut *self.ring.lock() {
            Some(ring) => call(ring),
            None => otherwise,
        }
    }

    /// Whether nothing is kept of it beyond the window.
    pub(crate) fn is_blank(&self) -> bool {
        self.with_ring(true, |ring| ring.is_blank())
    }

    /// Frees the ring, if it has nothing and no reader.
    pub(crate) fn drop_blank_ring(&self) {
        let mut ring = self.ring.lock();
        if ring.as_ref().is_some_and(|ring| ring.readers == 0 && ring.is_blank()) {
            *ring = None;
        }
    }

    /// Notes that a holder that is about to be dropped may have sent updates, the last of them among
    /// the first `sent` of all sends.
    pub(crate) fn let_go(&self, sent: u64) {
        self.usage.let_go(sent);
    }

    /// Whether only the registry and the index hold it, and no update of it is queued or in flight: of all sends,
    /// the first `left` have left the queue and are delivered. Ask under the registry's lock.
    pub(crate) fn is_unused(this: &CountedArc<Self>, left: u64) -> bool {
        Self::is_held_by(this, 0, left)
    }

    /// The same, while so many others hold it, the caller among them.
    pub(crate) fn is_held_by(this: &CountedArc<Self>, holders: usize, left: u64) -> bool {
        // Only a holder, or the registry under its lock, makes another holder: a count that has come
        // down to these does not go up again before the lock is released. Dropping an `Arc` releases.
        this.usage.is_over(CountedArc::strong_count(this), 2 + holders, left)
    }
}
