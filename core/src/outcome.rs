//! What became of an update.

use crate::{DropReason, Dropped, Loss, RefuseReason};

/// What [`Bus::push`](crate::Bus::push) did with an update. An update that is returned is in the caller's
/// variable afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Outcome {
    /// It is queued.
    Queued,
    /// It is queued and has replaced a queued update with the same topic and key; the old one is returned.
    Merged,
    /// It is queued; the queued update that was removed to make room is returned, lost for this reason.
    Displaced(Loss),
    /// The queue was full and its TTL had ended: it is not queued and is returned.
    Expired,
    /// The queue was full: it was dropped and is returned.
    Dropped(DropReason),
    /// It was refused and is returned.
    Refused(RefuseReason),
}

impl Outcome {
    /// Whether the update is queued.
    #[must_use]
    pub const fn is_queued(self) -> bool {
        matches!(self, Self::Queued | Self::Merged | Self::Displaced(_))
    }
}

// Packed into one byte: the index of a counter. Losses come first, so that the same index names a column of
// the gap. Counting, reporting and returning an outcome then need no branch.
pub(crate) const NEWEST: u8 = DropReason::Newest as u8;
pub(crate) const OLDEST: u8 = DropReason::Oldest as u8;
pub(crate) const EVICTED: u8 = DropReason::Evicted as u8;
pub(crate) const OUTRANKED: u8 = DropReason::Outranked as u8;
pub(crate) const SHRUNK: u8 = DropReason::Shrunk as u8;
pub(crate) const SINK: u8 = DropReason::Sink as u8;
pub(crate) const EXPIRED: u8 = DropReason::ALL.len() as u8;
/// How many kinds of losses there are.
pub(crate) const LOSSES: usize = DropReason::ALL.len() + 1;
/// The first of the refusals.
pub(crate) const REFUSED: u8 = LOSSES as u8;
pub(crate) const COALESCED: u8 = REFUSED + RefuseReason::ALL.len() as u8;
pub(crate) const DELIVERED: u8 = COALESCED + 1;
/// How many counters there are.
pub(crate) const COUNTERS: usize = DELIVERED as usize + 1;

/// Mask of the counter index.
const INDEX: u8 = 0x1F;
/// The index of a queued update that removed no other. A push delivers none.
const NONE: u8 = DELIVERED;
/// The update is queued.
pub(crate) const IS_QUEUED: u8 = 0x80;
/// The update must still join the end of the queue.
pub(crate) const ENQUEUE: u8 = 0x40;
/// With [`ENQUEUE`]: it is already in the next free slot.
pub(crate) const IN_SLOT: u8 = 0x20;
pub(crate) const QUEUED: u8 = IS_QUEUED | NONE;
pub(crate) const MERGED: u8 = IS_QUEUED | COALESCED;

const _: () = assert!(COUNTERS <= INDEX as usize);

impl Outcome {
    /// The outcome of a code of [`Bus::push_code`](crate::Bus::push_code).
    ///
    /// The low 5 bits are an index: 0 to 5 the reasons of [`DropReason::ALL`], 6 expired, 7 to 12 the reasons of
    /// [`RefuseReason::ALL`], 13 merged, 14 none. Bit 7: the update is queued; an index below 7 is then that of
    /// the update that it displaced.
    #[must_use]
    #[inline(always)]
    pub const fn from_code(code: u8) -> Self {
        let index = code & INDEX;
        match code & (IS_QUEUED | INDEX) {
            QUEUED => Self::Queued,
            MERGED => Self::Merged,
            _ if code & IS_QUEUED != 0 => Self::Displaced(loss(index)),
            EXPIRED => Self::Expired,
            _ if index < EXPIRED => Self::Dropped(drop_reason(index)),
            _ => Self::Refused(refuse_reason(index)),
        }
    }
}

/// The loss of that index.
#[inline]
pub(crate) const fn loss(index: u8) -> Loss {
    if index < EXPIRED { Loss::Dropped(drop_reason(index)) } else { Loss::Expired }
}

/// The drops by reason, with the count of each index.
#[inline(always)]
pub(crate) fn dropped(count: impl Fn(u8) -> u64) -> Dropped {
    Dropped {
        newest: count(NEWEST),
        oldest: count(OLDEST),
        evicted: count(EVICTED),
        outranked: count(OUTRANKED),
        shrunk: count(SHRUNK),
        sink: count(SINK),
    }
}

#[inline(always)]
const fn drop_reason(index: u8) -> DropReason {
    match index {
        NEWEST => DropReason::Newest,
        OLDEST => DropReason::Oldest,
        EVICTED => DropReason::Evicted,
        OUTRANKED => DropReason::Outranked,
        SHRUNK => DropReason::Shrunk,
        _ => DropReason::Sink,
    }
}

#[inline(always)]
pub(crate) const fn refuse_reason(index: u8) -> RefuseReason {
    match index.wrapping_sub(REFUSED) {
        0 => RefuseReason::Full,
        1 => RefuseReason::Closed,
        2 => RefuseReason::Invalid,
        3 => RefuseReason::UnknownCategory,
        4 => RefuseReason::TooLarge,
        _ => RefuseReason::Unauthorized,
    }
}

/// The index of a refusal.
#[inline(always)]
pub(crate) const fn refusal(reason: RefuseReason) -> u8 {
    REFUSED + reason as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        for (index, reason) in (0..).zip(DropReason::ALL) {
            assert_eq!((loss(index), reason as u8), (Loss::Dropped(reason), index));
            assert_eq!(Outcome::from_code(index), Outcome::Dropped(reason));
            let displaced = Outcome::from_code(index | IS_QUEUED | ENQUEUE | IN_SLOT);
            assert_eq!(displaced, Outcome::Displaced(Loss::Dropped(reason)));
        }
        for reason in RefuseReason::ALL {
            assert_eq!(refuse_reason(refusal(reason)), reason);
            assert_eq!(Outcome::from_code(refusal(reason)), Outcome::Refused(reason));
        }
        assert_eq!(Outcome::from_code(EXPIRED), Outcome::Expired);
        assert_eq!(Outcome::from_code(EXPIRED | IS_QUEUED), Outcome::Displaced(Loss::Expired));
        assert_eq!(Outcome::from_code(QUEUED | ENQUEUE), Outcome::Queued);
        assert_eq!(Outcome::from_code(MERGED), Outcome::Merged);
    }
}
