//! Results of more than one number, which JavaScript reads out of the memory.
#![forbid(unsafe_code)]

use statusbus_core::{DropReason, Dropped, Gap, Ledger, Losses, RefuseReason, Refused};

/// Numbers for one call. The documentation of each export lists those that it writes.
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

    // Once, and not at every call: each costs bytes on the way to a page.
    #[inline(never)]
    fn counts(&mut self, counts: &[u64]) {
        for &count in counts {
            self.put(count as f64);
        }
    }

    #[inline(never)]
    fn losses(&mut self, losses: &Losses) {
        self.counts(&[losses.expired]);
        self.counts(&by_drop_reason(&losses.dropped));
    }
}

/// In the order of [`DropReason::ALL`]. By name: by reason each would be a jump.
const fn by_drop_reason(dropped: &Dropped) -> [u64; DropReason::ALL.len()] {
    let Dropped { newest, oldest, evicted, outranked, shrunk, sink, .. } = *dropped;
    [newest, oldest, evicted, outranked, shrunk, sink]
}

/// In the order of [`RefuseReason::ALL`].
const fn by_refuse_reason(refused: &Refused) -> [u64; RefuseReason::ALL.len()] {
    let Refused { full, closed, invalid, unknown_category, too_large, unauthorized, .. } = *refused;
    [full, closed, invalid, unknown_category, too_large, unauthorized]
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
        pen.counts(&[sent, delivered, coalesced, expired, queued, in_flight]);
        pen.counts(&by_drop_reason(&ledger.dropped));
        pen.counts(&by_refuse_reason(&ledger.refused));
    }

    /// The numbers of a batch, from the first on.
    pub(crate) fn batch(&mut self, numbers: [f64; BATCH]) {
        let mut pen = self.pen(0);
        for number in numbers {
            pen.put(number);
        }
    }

    /// The gap in front of it: how many topics, for each its number and losses, and the losses elsewhere.
    pub(crate) fn gap(&mut self, gap: &Gap<u32, GAPS>) {
        let mut pen = self.pen(BATCH);
        pen.put(gap.topics().len() as f64);
        for (topic, losses) in gap.topics() {
            pen.put(f64::from(*topic));
            pen.losses(&losses);
        }
        pen.losses(&gap.elsewhere());
    }
}

/// Topics whose losses are reported apart.
pub(crate) const GAPS: usize = 4;
/// Numbers of a batch.
pub(crate) const BATCH: usize = 7;

const _: () = {
    assert!(BATCH + 1 + GAPS * (1 + LOSSES) + LOSSES <= LEN);
    assert!(6 + DropReason::ALL.len() + RefuseReason::ALL.len() <= LEN);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_in_the_order_of_their_reasons() {
        let mut dropped = Dropped::default();
        (dropped.newest, dropped.oldest, dropped.evicted) = (1, 2, 3);
        (dropped.outranked, dropped.shrunk, dropped.sink) = (4, 5, 6);
        assert_eq!(by_drop_reason(&dropped), DropReason::ALL.map(|reason| dropped.count(reason)));
        let mut refused = Refused::default();
        (refused.full, refused.closed, refused.invalid) = (1, 2, 3);
        (refused.unknown_category, refused.too_large, refused.unauthorized) = (4, 5, 6);
        assert_eq!(
            by_refuse_reason(&refused),
            RefuseReason::ALL.map(|reason| refused.count(reason))
        );
    }
}
