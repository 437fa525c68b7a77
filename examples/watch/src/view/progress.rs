//! How far a view is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use statusbus_tokio::Event;

/// How far a view is, for who must not be faster. There may be other readers, whom nobody waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    seq: AtomicU64,
    missed: AtomicU64,
}

impl Progress {
    /// Notes what the view has read.
    pub(super) fn note(&self, event: &Event) {
        if let Some(seq) = event.resume_point() {
            self.0.seq.store(seq, Ordering::Relaxed);
        }
        if let Event::Lagged(lagged) = event {
            self.0.missed.fetch_add(lagged.missed, Ordering::Relaxed);
        }
    }

    /// The position up to which it has read.
    pub(crate) fn seq(&self) -> u64 {
        self.0.seq.load(Ordering::Relaxed)
    }

    /// Updates that it missed by being too slow.
    pub(crate) fn missed(&self) -> u64 {
        self.0.missed.load(Ordering::Relaxed)
    }
}
