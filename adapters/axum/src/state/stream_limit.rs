//! The limit of open streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bounds the number of open event streams and sockets.
#[derive(Debug)]
pub(crate) struct StreamLimit {
    max: usize,
    open: AtomicUsize,
    /// Since the start.
    opened: AtomicU64,
    /// Since the start.
    refused: AtomicU64,
}

/// The permit of one stream, returned when it is dropped.
#[derive(Debug)]
pub(crate) struct StreamPermit(Arc<StreamLimit>);

impl StreamLimit {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        let (opened, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { max, open: AtomicUsize::new(0), opened, refused })
    }

    /// A permit; `None` if the limit is reached.
    pub(crate) fn acquire(self: &Arc<Self>) -> Option<StreamPermit> {
        let one_more = |open| (open < self.max).then_some(open + 1);
        match self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => {
                self.opened.fetch_add(1, Ordering::Relaxed);
                Some(StreamPermit(Arc::clone(self)))
            }
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    pub(crate) const fn max(&self) -> usize {
        self.max
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_permit_can_be_acquired_again() {
        let limit = StreamLimit::new(2);
        let first = limit.acquire().expect("a permit");
        let _second = limit.acquire().expect("a permit");
        assert!(limit.acquire().is_none());
        drop(first);
        assert!(limit.acquire().is_some());
        assert_eq!((limit.open(), limit.opened(), limit.refused()), (1, 3, 1));
    }
}
