//! Results of more than one number, which JavaScript reads out of the memory.
#![forbid(unsafe_code)]

use statusbus_core::{DropReason, Gap, Ledger, RefuseReason};

/// Numbers for one call. The documentation of each export lists those that it writes.
pub(crate) const LEN: usize = 48;

/// Counts for each loss: expired, and dropped by reason.
const LOSSES: usize = 1 + DropReason::ALL.len();

/// A row of numbers.
pub(crate) struct Report {
    pub(crate) numbers: [f64; LEN],
}

impl Report {
    pub(crate) const EMPTY: Self = Self { numbers: [0.0; LEN] };

    /// The address of the list of payload slots of a new bus.
    pub(crate) fn created(&mut self, payload_slots: usize) {
        let [first, ..] = &mut self.numbers;
        *first = payload_slots as f64;
    }

    /// The counters: sent, queued, in flight, then those of [`Bus::counters`](statusbus_core::Bus::counters).
    pub(crate) fn ledger(&mut self, ledger: &Ledger, counters: impl Iterator<Item = u64>) {
        let [sent, queued, in_flight, rest @ ..] = &mut self.numbers;
        *sent = ledger.sent as f64;
        *queued = ledger.queued as f64;
        *in_flight = ledger.in_flight as f64;
        for (place, count) in rest.iter_mut().zip(counters) {
            *place = count as f64;
        }
    }

    /// The numbers of a batch, from the first on.
    pub(crate) fn batch(&mut self, numbers: [f64; BATCH]) {
        if let Some(places) = self.numbers.first_chunk_mut() {
            *places = numbers;
        }
    }

    /// The gap in front of it: how many topics, for each its number and losses, and the losses elsewhere.
    pub(crate) fn gap(&mut self, gap: &Gap<u32, GAPS>) {
        let mut at = BATCH;
        let mut put = |number: u32| {
            if let Some(place) = self.numbers.get_mut(at) {
                *place = number.into();
            }
            at += 1;
        };
        let mut topics = gap.topics();
        put(topics.len() as u32);
        for index in 0..=GAPS {
            let topic = topics.next();
            if let Some((topic, _)) = topic {
                put(*topic);
            }
            let [dropped @ .., expired] = gap.counts(index);
            put(*expired);
            for count in dropped {
                put(*count);
            }
            if topic.is_none() {
                break;
            }
        }
    }
}

/// Topics whose losses are reported apart.
pub(crate) const GAPS: usize = 4;
/// Numbers of a batch.
pub(crate) const BATCH: usize = 7;

const _: () = {
    assert!(BATCH + 1 + GAPS * (1 + LOSSES) + LOSSES <= LEN);
    assert!(3 + LOSSES + RefuseReason::ALL.len() + 2 <= LEN);
};

#[cfg(test)]
mod tests {
    use statusbus_core::{
        Batch, Bus, Category, Config, Instant, Overflow, Polled, SendOptions, Slot,
    };

    use super::*;
    use crate::stored::StoredUpdate;

    /// The orders of `readLedger` and `Gaps.read` in JavaScript.
    #[test]
    fn counts_are_in_the_order_that_javascript_reads() {
        let mut bus: Bus<StoredUpdate, [Slot<StoredUpdate>; 2], (), 7, GAPS> = Bus::new();
        let now = Instant::from_millis(1);
        bus.reconfigure(Config::new().with_overflow(Overflow::DropOldest), |_, _| {}, now);
        for topic in [5, 6, 7] {
            let mut update = StoredUpdate { slot: 0, topic, key: 0 };
            let _ = bus.push(&mut update, SendOptions::new(Category::INFO), || now);
        }
        for reason in RefuseReason::ALL {
            for _ in 0..=reason as u32 {
                bus.refuse(reason);
            }
        }
        let mut report = Report::EMPTY;
        report.ledger(&bus.ledger(), bus.counters());
        let ledger = [24, 2, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0].map(f64::from);
        assert_eq!(report.numbers[..18], ledger);

        let mut batch: Batch<StoredUpdate, [_; 2]> = Batch::new();
        assert_eq!(bus.poll(&mut batch, now), Polled::Batch);
        report.gap(bus.gap(&batch).expect("an update is missing"));
        let gap = [1, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].map(f64::from);
        assert_eq!(report.numbers[BATCH..BATCH + 16], gap);
    }
}
