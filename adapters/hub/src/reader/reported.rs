//! The losses that a reader was given, of both logs that concern it.

use statusbus_core::Losses;

use crate::window::hub::{Hub, Source};
use crate::window::loss_log::GapScope;
use crate::window::loss_log::LossRecord;
use crate::window::ring::Ring;

/// The losses that a reader was given: the last records of both logs up to there.
#[derive(Default)]
pub(crate) struct Reported {
    /// Of its conversation, or of everything.
    pub(crate) own: LossRecord,
    /// Of the whole bus; those of everything have them already.
    pub(crate) of_bus: LossRecord,
}

impl Reported {
    /// A reader at this position was given all losses up to there.
    pub(crate) fn up_to(seq: u64, source: &Source, hub: &Hub, ring: &Ring) -> Self {
        let of_bus = match source {
            Source::Conversation(_) if hub.bus_loss_seq() > 0 => hub.bus_losses().last_up_to(seq),
            _ => LossRecord::default(),
        };
        Self { own: ring.losses().last_up_to(seq), of_bus }
    }

    /// The losses up to a position, for a reader that was given these: a log may have dropped all of
    /// its records up to there, and what was given stays given.
    pub(crate) fn advanced(&self, seq: u64, source: &Source, hub: &Hub, ring: &Ring) -> Self {
        Self::up_to(seq, source, hub, ring).latest(self)
    }

    /// The later records of both.
    pub(crate) fn latest(self, earlier: &Self) -> Self {
        let later = |one: LossRecord, other: &LossRecord| {
            if one.seq < other.seq { other.clone() } else { one }
        };
        Self { own: later(self.own, &earlier.own), of_bus: later(self.of_bus, &earlier.of_bus) }
    }

    /// A reader that resumes at this position was given all losses up to there; `None` if the totals
    /// at that position are not known any more.
    pub(crate) fn known_at(seq: u64, source: &Source, hub: &Hub, ring: &Ring) -> Option<Self> {
        let of_bus = match source {
            Source::Conversation(_) => hub.bus_losses().known_at(seq)?,
            Source::Everything => LossRecord::default(),
        };
        Some(Self { own: ring.losses().known_at(seq)?, of_bus })
    }

    /// Whether all losses so far were reported to a reader of this source.
    #[inline]
    pub(crate) fn is_complete(&self, source: &Source, hub: &Hub, ring: &Ring) -> bool {
        ring.losses().last_seq() <= self.own.seq
            && (matches!(source, Source::Everything) || hub.bus_loss_seq() <= self.of_bus.seq)
    }

    /// The losses behind earlier ones, by scope: those of the whole bus first.
    pub(crate) fn since(&self, earlier: &Self) -> impl Iterator<Item = (GapScope, Losses)> {
        self.of_bus.since(&earlier.of_bus).chain(self.own.since(&earlier.own))
    }

    /// The position of the next losses to report, up to `limit`. Those of the whole bus are reported
    /// together: nothing of this reader lies between them.
    pub(crate) fn next(&self, limit: u64, source: &Source, hub: &Hub, ring: &Ring) -> Option<u64> {
        if let Some(own) = ring.losses().next_behind(self.own.seq)
            && own.seq <= limit
        {
            return Some(own.seq);
        }
        if matches!(source, Source::Everything) || hub.bus_loss_seq() <= self.of_bus.seq {
            return None;
        }
        let of_bus = hub.bus_losses().last_up_to(limit).seq;
        (of_bus > self.of_bus.seq).then_some(of_bus)
    }

    /// The position of the first losses that were not reported.
    pub(crate) fn first_behind(&self, source: &Source, hub: &Hub, ring: &Ring) -> Option<u64> {
        let own = ring.losses().next_behind(self.own.seq).map(|record| record.seq);
        let of_bus = match source {
            Source::Conversation(_) => hub.bus_losses().next_behind(self.of_bus.seq).map(|r| r.seq),
            Source::Everything => None,
        };
        own.into_iter().chain(of_bus).min()
    }
}
