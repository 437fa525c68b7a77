//! What a conversation keeps when the window has moved on.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::bounds::Amount;
use crate::parcel::{Delivered, Parcel};

/// The last updates of a conversation that have left the window, copied out of it.
#[derive(Default)]
pub(crate) struct History {
    updates: VecDeque<Delivered>,
    /// What they have allocated.
    bytes: u64,
}

impl History {
    pub(crate) fn push(&mut self, delivered: Delivered) {
        self.bytes += delivered.post.allocated();
        self.updates.push_back(delivered);
    }

    /// Forgets the oldest ones until the rest fits. Returns the position of the last one that was
    /// forgotten.
    pub(crate) fn fit(&mut self, most: Amount) -> Option<u64> {
        let mut forgotten = None;
        while self.len() > most.updates || self.bytes > most.bytes {
            let Some(oldest) = self.updates.pop_front() else { break };
            self.bytes -= oldest.post.allocated();
            forgotten = Some(oldest.seq);
        }
        forgotten
    }

    /// The updates behind a position.
    pub(crate) fn behind(&self, seq: u64) -> Range<usize> {
        self.updates.partition_point(|update| update.seq <= seq)..self.updates.len()
    }

    /// A copy of these updates.
    pub(crate) fn parcel(&self, range: Range<usize>, name: Option<&Arc<str>>) -> Parcel {
        let mut parcel = Parcel::default();
        for delivered in self.updates.range(range) {
            parcel.copy(name, delivered.clone());
        }
        parcel
    }

    pub(crate) fn seq_at(&self, index: usize) -> Option<u64> {
        self.updates.get(index).map(|update| update.seq)
    }

    pub(crate) fn len(&self) -> u64 {
        self.updates.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }
}
