//! Counting encoded bytes while anything holds them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// Counts the bytes of encoded frames from their encoding until the last reference to them is dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct HeldBytes(Arc<AtomicUsize>);

struct Counted {
    bytes: Vec<u8>,
    count: Arc<AtomicUsize>,
}

impl HeldBytes {
    /// Bytes that are held now, in caches or on their way to readers. Shared bytes count once.
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Turns encoded bytes into shared ones and counts them.
    pub(super) fn hold(&self, mut bytes: Vec<u8>) -> Bytes {
        bytes.shrink_to_fit();
        self.0.fetch_add(bytes.capacity(), Ordering::Relaxed);
        Bytes::from_owner(Counted { bytes, count: Arc::clone(&self.0) })
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count.fetch_sub(self.bytes.capacity(), Ordering::Relaxed);
    }
}
