//! What a conversation keeps when the window has moved on.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use statusbus_core::{Category, Losses};

use crate::bounds::Amount;
use crate::parcel::{Delivered, Parcel};

/// The last updates of a conversation that have left the window, copied out of it, with the losses
/// between them.
#[derive(Default)]
pub(crate) struct History {
    records: VecDeque<Past>,
    /// Updates among these.
    updates: u64,
    /// What they have allocated.
    bytes: u64,
}

pub(crate) struct Past {
    pub(crate) seq: u64,
    what: What,
}

enum What {
    Update {
        delivered: Delivered,
        /// A loss of the whole bus may belong between the one before and this one.
        apart: bool,
    },
    Gap {
        category: Option<Category>,
        losses: Losses,
    },
}

impl History {
    /// `bus_gap` is the position of the last loss of the whole bus before it.
    pub(crate) fn push(&mut self, delivered: Delivered, bus_gap: u64) {
        self.updates += 1;
        self.bytes += delivered.post.allocated();
        let apart = self.records.back().is_none_or(|last| last.seq <= bus_gap);
        let seq = delivered.seq;
        self.records.push_back(Past { seq, what: What::Update { delivered, apart } });
    }

    pub(crate) fn push_gap(&mut self, seq: u64, category: Option<Category>, losses: Losses) {
        self.records.push_back(Past { seq, what: What::Gap { category, losses } });
    }

    /// Forgets the oldest ones until the rest fits. Answers with the position of the last one that
    /// was forgotten.
    pub(crate) fn fit(&mut self, most: Amount) -> Option<u64> {
        // Losses without updates between them are bounded too.
        let records = most.updates.saturating_mul(2).saturating_add(32);
        let mut forgotten = None;
        while self.updates > most.updates
            || self.bytes > most.bytes
            || self.records.len() as u64 > records
        {
            let Some(past) = self.records.pop_front() else { break };
            forgotten = Some(past.seq);
            if let What::Update { delivered, .. } = past.what {
                self.updates -= 1;
                self.bytes -= delivered.post.allocated();
            }
        }
        forgotten
    }

    /// What comes behind a position: updates that can be read together, or one loss.
    pub(crate) fn behind(&self, seq: u64) -> Option<Range<usize>> {
        let first = self.records.partition_point(|past| past.seq <= seq);
        let joins = |past: &&Past| matches!(past.what, What::Update { apart: false, .. });
        let more = match self.records.get(first)?.what {
            What::Update { .. } => self.records.range(first + 1..).take_while(joins).count(),
            What::Gap { .. } => 0,
        };
        Some(first..first + 1 + more)
    }

    /// A copy of these updates; none if they are a loss.
    pub(crate) fn parcel(&self, range: Range<usize>, name: Option<&Arc<str>>) -> Option<Parcel> {
        let mut parcel = Parcel::default();
        for past in self.records.range(range) {
            let What::Update { delivered, .. } = &past.what else { return None };
            parcel.copy(name, delivered.clone());
        }
        Some(parcel)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Past> {
        self.records.get(index)
    }

    /// Updates up to a position.
    pub(crate) fn count_to(&self, seq: u64) -> u64 {
        let up_to = self.records.iter().take_while(|past| past.seq <= seq);
        up_to.filter(|past| matches!(past.what, What::Update { .. })).count() as u64
    }

    pub(crate) const fn updates(&self) -> u64 {
        self.updates
    }

    /// The losses at one position.
    pub(crate) fn gaps_at(&self, seq: u64) -> impl Iterator<Item = (Option<Category>, Losses)> {
        let first = self.records.partition_point(|past| past.seq < seq);
        let there = self.records.range(first..).take_while(move |past| past.seq == seq);
        there.filter_map(|past| match past.what {
            What::Gap { category, losses } => Some((category, losses)),
            What::Update { .. } => None,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}
