//! Connections of the server: counters, and the permit that each holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::OwnedSemaphorePermit;

/// Counters of connections, since the start.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts {
    opened: AtomicU64,
    closed: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

/// The permit of one connection. Counted as open until it is dropped, also by a socket that has taken
/// the connection over.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    counts: Arc<ConnectionCounts>,
    _permit: OwnedSemaphorePermit,
}

impl ConnectionCounts {
    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn fail(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections that are open now, sockets included.
    pub(crate) fn open(&self) -> u64 {
        let closed = self.closed.load(Ordering::Relaxed);
        self.opened().saturating_sub(closed)
    }

    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Refused at the limit.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Aborted: by the peer, by a timeout, or after input that is not HTTP.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

impl ConnectionPermit {
    /// Counts an opened connection.
    pub(crate) fn new(counts: &Arc<ConnectionCounts>, permit: OwnedSemaphorePermit) -> Self {
        counts.opened.fetch_add(1, Ordering::Relaxed);
        Self { counts: Arc::clone(counts), _permit: permit }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.counts.closed.fetch_add(1, Ordering::Relaxed);
    }
}
