//! Counts of the host's own: what it pushed, what came back, what it settled. The bus computes `sent` as a
//! sum, so that its ledger always balances; only counts that are made apart show that it is right.

use std::collections::{BTreeMap, BTreeSet};

use statusbus_core::{DropReason, Ledger, Loss, Losses, RefuseReason};

pub(crate) fn add_loss(ledger: &mut Ledger, loss: Loss) {
    *match loss {
        Loss::Expired => &mut ledger.expired,
        Loss::Dropped(DropReason::Newest) => &mut ledger.dropped.newest,
        Loss::Dropped(DropReason::Oldest) => &mut ledger.dropped.oldest,
        Loss::Dropped(DropReason::Evicted) => &mut ledger.dropped.evicted,
        Loss::Dropped(DropReason::Outranked) => &mut ledger.dropped.outranked,
        Loss::Dropped(DropReason::Shrunk) => &mut ledger.dropped.shrunk,
        Loss::Dropped(DropReason::Sink) => &mut ledger.dropped.sink,
        #[allow(unreachable_patterns)] // there may be more one day
        loss => unreachable!("{loss:?} has no counter"),
    } += 1;
}

pub(crate) fn add_refusal(ledger: &mut Ledger, reason: RefuseReason) {
    *match reason {
        RefuseReason::Full => &mut ledger.refused.full,
        RefuseReason::Closed => &mut ledger.refused.closed,
        RefuseReason::Invalid => &mut ledger.refused.invalid,
        RefuseReason::UnknownCategory => &mut ledger.refused.unknown_category,
        RefuseReason::TooLarge => &mut ledger.refused.too_large,
        RefuseReason::Unauthorized => &mut ledger.refused.unauthorized,
        #[allow(unreachable_patterns)] // there may be more one day
        reason => unreachable!("{reason:?} has no counter"),
    } += 1;
}

/// Losses by the name of their kind.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

pub(crate) fn counts_of(losses: &Losses) -> Counts {
    losses.iter().map(|(loss, count)| (loss.as_str(), count)).collect()
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Without what is queued and in flight.
    ledger: Ledger,
    /// The ids of queued updates.
    queued: BTreeSet<u64>,
    in_flight: usize,
    /// Losses that were in no gap yet, or in one that was not accepted.
    unreported: Counts,
    /// The position and the losses of the gap on its way.
    on_its_way: Option<(u64, Counts)>,
    /// The last position that was given.
    pub(crate) seq: u64,
    pub(crate) settled: usize,
}

impl Tally {
    pub(crate) fn ledger(&self) -> Ledger {
        let mut ledger = self.ledger;
        ledger.queued = self.queued.len() as u64;
        ledger.in_flight = self.in_flight as u64;
        ledger
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued.len()
    }

    pub(crate) fn send(&mut self) {
        self.ledger.sent += 1;
    }

    pub(crate) fn enqueue(&mut self, id: u64) {
        assert!(self.queued.insert(id), "an update is queued twice");
    }

    #[track_caller]
    pub(crate) fn dequeue(&mut self, id: u64) {
        assert!(self.queued.remove(&id), "an update left the queue that was not in it");
    }

    pub(crate) fn coalesce(&mut self, id: u64) {
        self.dequeue(id);
        self.ledger.coalesced += 1;
    }

    /// A loss of an update that is not queued any more.
    pub(crate) fn lose(&mut self, loss: Loss) {
        add_loss(&mut self.ledger, loss);
        *self.unreported.entry(loss.as_str()).or_default() += 1;
    }

    pub(crate) fn refuse(&mut self, reason: RefuseReason) {
        add_refusal(&mut self.ledger, reason);
    }

    /// An update left the queue in a batch.
    pub(crate) fn poll(&mut self, id: u64) {
        self.dequeue(id);
        self.in_flight += 1;
        self.seq += 1;
    }

    /// The sink did not accept an update in flight.
    pub(crate) fn fail(&mut self) {
        self.in_flight -= 1;
        self.lose(Loss::Dropped(DropReason::Sink));
    }

    pub(crate) fn deliver(&mut self) {
        self.in_flight -= 1;
        self.ledger.delivered += 1;
    }

    /// A batch begins with this gap, or without one.
    #[track_caller]
    pub(crate) fn begin(&mut self, gap: Option<(u64, Losses)>) {
        let is_due = !self.unreported.is_empty() && self.on_its_way.is_none();
        assert_eq!(gap.is_some(), is_due, "a gap: lost {:?}", self.unreported);
        if let Some((seq, losses)) = gap {
            self.seq += 1;
            assert_eq!(seq, self.seq, "the gap has the next position");
            assert_eq!(counts_of(&losses), self.unreported, "the gap has all losses so far");
            self.on_its_way = Some((seq, std::mem::take(&mut self.unreported)));
        }
    }

    /// Losses of the gap on its way were passed on; the last ones: it is not on its way any more.
    pub(crate) fn confirm(&mut self, losses: &Losses, is_last: bool) {
        let Some((_, gap)) = &mut self.on_its_way else { return };
        for (loss, count) in losses.iter() {
            *gap.get_mut(loss.as_str()).expect("it is in the gap") -= count;
        }
        gap.retain(|_, count| *count > 0);
        if is_last {
            assert!(gap.is_empty(), "all is confirmed but {gap:?}");
            self.on_its_way = None;
        }
    }

    /// The batch with the gap at this position is settled.
    pub(crate) fn close(&mut self, gap_seq: Option<u64>, is_accepted: bool) {
        self.settled += 1;
        let is_its_own = self.on_its_way.as_ref().is_some_and(|gap| gap_seq == Some(gap.0));
        if let Some((_, gap)) = self.on_its_way.take_if(|_| is_its_own)
            && !is_accepted
        {
            for (loss, count) in gap {
                *self.unreported.entry(loss).or_default() += count;
            }
        }
    }

    /// The losses of the gap at this position that were not confirmed.
    pub(crate) fn on_its_way(&self, gap_seq: Option<u64>) -> Option<&Counts> {
        let (seq, losses) = self.on_its_way.as_ref()?;
        (gap_seq == Some(*seq)).then_some(losses)
    }
}
