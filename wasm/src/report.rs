//! What is more than one number: a row of them, which JavaScript reads out of the memory.
#![forbid(unsafe_code)]

use statusbus_core::{DropReason, Gap, Ledger, Loss, Losses, RefuseReason};

/// Numbers for one call. Which of them a call writes stands at its export.
pub(crate) const LEN: usize = 48;

/// Counts for each loss: expired, and dropped by reason.
const LOSSES: usize = 1 + DropReason::ALL.len();

/// A row of numbers, written from the front.
pub(crate) struct Report {
    pub(crate) numbers: [f64; LEN],
}

struct Pen<'a>(core::slice::IterMut<'a, f64>);

impl Pen<'_> {
    fn put(&mut self, number: f64) {
        if let Some(place) = self.0.next() {
            *place = number;
        }
    }

    fn losses(&mut self, losses: &Losses) {
        self.put(losses.expired as f64);
        for reason in DropReason::ALL {
            self.put(losses.dropped.count(reason) as f64);
        }
    }
}

impl Report {
    pub(crate) const EMPTY: Self = Self { numbers: [0.0; LEN] };

    fn pen(&mut self, from: usize) -> Pen<'_> {
        Pen(self.numbers.get_mut(from..).unwrap_or_default().iter_mut())
    }

    /// The counters: sent, delivered, coalesced, expired, queued, in flight, then dropped and refused
    /// by reason.
    pub(crate) fn ledger(&mut self, ledger: &Ledger) {
        let mut pen = self.pen(0);
        let Ledger { sent, delivered, coalesced, expired, queued, in_flight, .. } = *ledger;
        for count in [sent, delivered, coalesced, expired, queued, in_flight] {
            pen.put(count as f64);
        }
        for reason in DropReason::ALL {
            pen.put(ledger.dropped.count(reason) as f64);
        }
        for reason in RefuseReason::ALL {
            pen.put(ledger.refused.count(reason) as f64);
        }
    }

    /// The numbers of a batch, from the first on.
    pub(crate) fn batch(&mut self, numbers: [f64; BATCH]) {
        let mut pen = self.pen(0);
        for number in numbers {
            pen.put(number);
        }
    }

    /// The gap that stands in front of it: how many topics, for each its number and losses, and the
    /// losses elsewhere.
    pub(crate) fn gap(&mut self, gap: &Gap<u32, GAPS>) {
        let mut pen = self.pen(BATCH);
        pen.put(gap.topics().len() as f64);
        for (topic, losses) in gap.topics() {
            pen.put(f64::from(*topic));
            pen.losses(losses);
        }
        pen.losses(gap.elsewhere());
    }
}

/// Topics whose losses are told apart.
pub(crate) const GAPS: usize = 4;
/// Numbers of a batch.
pub(crate) const BATCH: usize = 7;

const _: () = {
    assert!(BATCH + 1 + GAPS * (1 + LOSSES) + LOSSES <= LEN);
    assert!(6 + DropReason::ALL.len() + RefuseReason::ALL.len() <= LEN);
    assert!(Loss::Expired.as_str().len() == 7);
};
