//! What the model counts (rules 8 to 10): one function for each outcome.

use statusbus_core::{DropReason, Ledger, Loss, Losses, RefuseReason};

use crate::said::{About, Facts};
use crate::seen::{Became, Heard, SeenGap};

/// How many topics' losses are told apart.
pub(crate) const TOLD: usize = 2;

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) ledger: Ledger,
    pub(crate) gap: SeenGap,
    /// Something was lost since the last batch.
    pub(crate) untold: bool,
    /// Updates lost since overflow began.
    pub(crate) overflow: Option<u64>,
    pub(crate) heard: Vec<Heard>,
}

impl Tally {
    pub(crate) fn coalesced(&mut self, old: Facts) -> Became {
        self.ledger.coalesced += 1;
        self.heard.push(Heard::Coalesced);
        Became::Merged(old)
    }

    pub(crate) fn dropped(&mut self, new: Facts, reason: DropReason) -> Became {
        self.lost(Some(new.about), Loss::Dropped(reason));
        Became::Dropped(new, reason)
    }

    pub(crate) fn expired(&mut self, new: Facts) -> Became {
        self.lost(Some(new.about), Loss::Expired);
        Became::Expired(new)
    }

    pub(crate) fn refused(&mut self, new: Facts, reason: RefuseReason) -> Became {
        self.refuse(reason);
        Became::Refused(new, reason)
    }

    pub(crate) fn refuse(&mut self, reason: RefuseReason) {
        let refused = &mut self.ledger.refused;
        *match reason {
            RefuseReason::Full => &mut refused.full,
            RefuseReason::Closed => &mut refused.closed,
            RefuseReason::Invalid => &mut refused.invalid,
            RefuseReason::UnknownCategory => &mut refused.unknown_category,
            RefuseReason::TooLarge => &mut refused.too_large,
            RefuseReason::Unauthorized => &mut refused.unauthorized,
        } += 1;
        self.heard.push(Heard::Refused(reason));
    }

    /// The topic is not known of what the caller has taken out of a batch.
    pub(crate) fn lost(&mut self, topic: Option<About>, loss: Loss) {
        let mut losses = Losses::default();
        let dropped = &mut losses.dropped;
        *match loss {
            Loss::Expired => &mut losses.expired,
            Loss::Dropped(DropReason::Newest) => &mut dropped.newest,
            Loss::Dropped(DropReason::Oldest) => &mut dropped.oldest,
            Loss::Dropped(DropReason::Evicted) => &mut dropped.evicted,
            Loss::Dropped(DropReason::Outranked) => &mut dropped.outranked,
            Loss::Dropped(DropReason::Shrunk) => &mut dropped.shrunk,
            Loss::Dropped(DropReason::Sink) => &mut dropped.sink,
        } += 1;
        let mut all = Losses { dropped: self.ledger.dropped, expired: self.ledger.expired };
        all.add(&losses);
        (self.ledger.dropped, self.ledger.expired) = (all.dropped, all.expired);
        self.heard.push(Heard::Lost(loss));
        self.gap.add(topic, losses, TOLD);
        self.untold = true;
    }
}
