//! Answers as one number.
#![forbid(unsafe_code)]

use statusbus_core::{DropReason, FlushReason, Loss, Outcome, RefuseReason};

/// The whole answer to `send`: the outcome in 6 bits, whether the one who polls has to be woken in
/// bit 7, and above bit 8 the place that has become free, if one has. Zero is the common case:
/// queued, nothing to do.
#[inline(always)]
pub(crate) fn answer(outcome: Outcome, wake: bool, freed: Option<u32>) -> u32 {
    let outcome = match outcome {
        Outcome::Queued => 0,
        Outcome::Merged => 1,
        Outcome::Expired => 2,
        Outcome::Displaced(Loss::Expired) => 3,
        Outcome::Displaced(Loss::Dropped(reason)) => 8 + reason as u32,
        Outcome::Dropped(reason) => 16 + reason as u32,
        Outcome::Refused(reason) => 24 + reason as u32,
    };
    outcome | u32::from(wake) << 7 | freed.map_or(0, |place| place << 8)
}

/// A reason by its place in the list.
pub(crate) fn refuse_reason(index: u32) -> Option<RefuseReason> {
    RefuseReason::ALL.get(index as usize).copied()
}

/// Why a batch was due, by its place in the enumeration.
pub(crate) const fn flush_reason(reason: FlushReason) -> u32 {
    reason as u32
}

// JavaScript has the same lists in the same order.
const _: () = {
    assert!(DropReason::Newest as u32 == 0 && DropReason::Sink as u32 == 5);
    assert!(RefuseReason::Full as u32 == 0 && RefuseReason::Unauthorized as u32 == 5);
    assert!(FlushReason::Full as u32 == 0 && FlushReason::Close as u32 == 3);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_number_of_its_own_below_the_bit_for_waking() {
        let dropped = DropReason::ALL.map(Outcome::Dropped);
        let displaced = DropReason::ALL.map(|reason| Outcome::Displaced(Loss::Dropped(reason)));
        let refused = RefuseReason::ALL.map(Outcome::Refused);
        let plain =
            [Outcome::Queued, Outcome::Merged, Outcome::Expired, Outcome::Displaced(Loss::Expired)];
        let all = [&plain[..], &dropped, &displaced, &refused].concat();
        let mut answers: Vec<u32> =
            all.iter().map(|&outcome| answer(outcome, false, None)).collect();
        assert!(answers.iter().all(|&answer| answer < 64));
        answers.sort_unstable();
        answers.dedup();
        assert_eq!(answers.len(), all.len());
        assert_eq!(answer(Outcome::Merged, true, Some(5)), 1 | 128 | 5 << 8);
    }
}
