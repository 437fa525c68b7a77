//! The packed outcome: the answer of `send` as one number.
#![forbid(unsafe_code)]

use statusbus_core::{DropReason, FlushReason, RefuseReason};

/// The answer for an update that is queued, with nothing to do.
pub(crate) const QUEUED: u32 = 128 | 14;

/// The [code](statusbus_core::Outcome::from_code) of the outcome, whether the poller must be woken in bit 5,
/// and from bit 8 on the payload slot of the update that has left. If none has, those bits mean nothing.
#[inline(always)]
pub(crate) fn packed(code: u8, wake: bool, left: u32) -> u32 {
    debug_assert!(code & 0b0110_0000 == 0, "bits 5 and 6 are free");
    u32::from(code) | u32::from(wake) << 5 | left << 8
}

/// The reason at an index of [`RefuseReason::ALL`]. A table would take more bytes than this.
pub(crate) fn refuse_reason(index: u32) -> Option<RefuseReason> {
    Some(match index {
        0 => RefuseReason::Full,
        1 => RefuseReason::Closed,
        2 => RefuseReason::Invalid,
        3 => RefuseReason::UnknownCategory,
        4 => RefuseReason::TooLarge,
        5 => RefuseReason::Unauthorized,
        _ => return None,
    })
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
    use statusbus_core::{Loss, Outcome};

    /// The list of JavaScript: `OUTCOMES` in `js/words.ts`.
    #[test]
    fn every_outcome_has_the_number_that_javascript_expects() {
        for (index, reason) in (0..).zip(DropReason::ALL) {
            assert_eq!(Outcome::from_code(index), Outcome::Dropped(reason));
            let displaced = Outcome::Displaced(Loss::Dropped(reason));
            assert_eq!(Outcome::from_code(128 | index), displaced);
        }
        assert_eq!(Outcome::from_code(6), Outcome::Expired);
        assert_eq!(Outcome::from_code(128 | 6), Outcome::Displaced(Loss::Expired));
        for (index, reason) in (7..).zip(RefuseReason::ALL) {
            assert_eq!(Outcome::from_code(index), Outcome::Refused(reason));
            assert_eq!(refuse_reason(u32::from(index) - 7), Some(reason));
        }
        assert_eq!(refuse_reason(6), None);
        assert_eq!(Outcome::from_code(128 | 13), Outcome::Merged);
        assert_eq!(Outcome::from_code(QUEUED as u8), Outcome::Queued);
    }

    #[test]
    fn waking_and_the_slot_of_an_update_that_has_left_are_beside_the_outcome() {
        assert_eq!(packed(141, true, 5), 141 | 32 | 5 << 8);
        assert_eq!(packed(142, false, 5) & 191, QUEUED);
    }
}
