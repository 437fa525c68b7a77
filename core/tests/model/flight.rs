//! A batch as the model hands it on.

use statusbus_core::FlushReason;

use crate::seen::{SeenBatch, SeenGap, SeenUpdate};

/// A batch that is in flight, and its buffer.
pub(crate) struct Flight {
    pub(crate) capacity: usize,
    pub(crate) updates: Vec<SeenUpdate>,
    /// Updates that the caller has taken out.
    pub(crate) taken: usize,
    pub(crate) gap: Option<SeenGap>,
    pub(crate) handed_on: u64,
    pub(crate) reason: FlushReason,
    pub(crate) is_unsettled: bool,
}

impl Flight {
    pub(crate) fn new(capacity: usize) -> Self {
        let (updates, reason) = (Vec::new(), FlushReason::Full);
        Self { capacity, updates, taken: 0, gap: None, handed_on: 0, reason, is_unsettled: false }
    }

    pub(crate) fn seen(&self) -> SeenBatch {
        SeenBatch {
            updates: self.updates.iter().skip(self.taken).copied().collect(),
            gap: self.gap.clone(),
            reason: self.is_unsettled.then_some(self.reason),
        }
    }

    pub(crate) fn take_out(&mut self, count: usize) -> Vec<SeenUpdate> {
        let out = self.seen().updates.into_iter().take(count).collect::<Vec<_>>();
        self.taken += out.len();
        out
    }

    pub(crate) fn take_gap(&mut self) -> Option<SeenGap> {
        self.gap.take()
    }
}
