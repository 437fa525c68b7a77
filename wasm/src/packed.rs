//! The packed outcome: the answer of `send` as one number.
#![forbid(unsafe_code)]

use statusbus_core::{DropReason, FlushReason, Loss, Outcome, RefuseReason};

/// The outcome in 6 bits, whether the poller must be woken in bit 7, and from bit 8 on the payload slot of
/// the update that has left, if one has. Zero is the common case: queued, nothing to do.
#[inline(always)]
pub(crate) fn packed(outcome: Outcome, wake: bool, left: u32) -> u32 {
    let code = code(outcome);
    let left = if code == 0 { 0 } else { left };
    code | u32::from(wake) << 7 | left << 8
}

#[inline(always)]
fn code(outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Merged => 1,
        Outcome::Expired => 2,
        Outcome::Displaced(Loss::Expired) => 3,
        Outcome::Displaced(Loss::Dropped(reason)) => 8 + reason as u32,
        Outcome::Dropped(reason) => 16 + reason as u32,
        Outcome::Refused(reason) => 24 + reason as u32,
        // `Queued`
        _ => 0,
    }
}

/// The reason at an index of [`RefuseReason::ALL`].
pub(crate) fn refuse_reason(index: u32) -> Option<RefuseReason> {
    RefuseReason::ALL.get(index as usize).copied()
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
        let mut codes: Vec<u32> = all.iter().map(|&outcome| packed(outcome, false, 0)).collect();
        assert!(codes.iter().all(|&code| code < 64));
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all.len());
    }

    #[test]
    fn the_slot_of_an_update_that_has_left_is_above_the_bit_for_waking() {
        assert_eq!(packed(Outcome::Merged, true, 5), 1 | 128 | 5 << 8);
        assert_eq!(packed(Outcome::Queued, true, 5), 128);
    }
}
