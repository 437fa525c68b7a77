//! What is missing between the frames of a device.

/// Follows the positions of a device's frames: notices what is missing, and that it starts anew.
///
/// It outlives the line: what was lost while that was down is missing between the frames before and
/// after, like anything else.
#[derive(Debug, Default)]
pub(super) struct Positions {
    run: Option<Run>,
    /// Epoch, position and checksum of the last frame.
    last: Option<(u64, u64, u32)>,
}

/// A run of the device.
#[derive(Debug)]
struct Run {
    epoch: u64,
    /// The position that comes next.
    next: u64,
    /// The position of the gap that the frame before was about: it may take several frames.
    gap: Option<u64>,
    /// Positions that are missing, in front of a gap that may say why.
    hole: u64,
    /// What was missing, and nobody has said why.
    unexplained: u64,
}

/// What is to be told before what the next frame holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Updates of the run before that were lost on the line.
    pub(super) lost_before: u64,
    /// The device has started anew.
    pub(super) restarted: bool,
    /// Updates that were lost on the line.
    pub(super) lost: u64,
    /// Updates that were told as lost on the line before, and were lost in the device.
    pub(super) explained: u64,
}

impl Positions {
    /// Whether a frame is the one that came last, once more.
    pub(super) fn is_duplicate(&mut self, epoch: u64, seq: u64, checksum: u32) -> bool {
        let frame = Some((epoch, seq, checksum));
        std::mem::replace(&mut self.last, frame) == frame
    }

    /// A frame of updates has come.
    pub(super) fn updates(&mut self, epoch: u64, seq: u64, next: u64) -> Step {
        let (mut step, run) = self.enter(epoch, seq, None);
        step.lost = run.hole + (seq - run.next);
        (run.hole, run.gap, run.next) = (0, None, next);
        run.unexplained += step.lost;
        step
    }

    /// A frame of a gap has come: so many updates the device could not send, though they had
    /// positions already. They are missing twice, as positions and as what the gap tells.
    pub(super) fn gap(&mut self, epoch: u64, seq: u64, next: u64, unsent: u64) -> Step {
        let (mut step, run) = self.enter(epoch, seq, Some(seq));
        run.hole += seq.saturating_sub(run.next);
        let in_hole = unsent.min(run.hole);
        run.hole -= in_hole;
        step.explained = (unsent - in_hole).min(run.unexplained);
        run.unexplained -= step.explained;
        (run.gap, run.next) = (Some(seq), next);
        step
    }

    /// The line is down. Answers what is known to be missing, and was not told yet.
    pub(super) fn cut(&mut self) -> u64 {
        let Some(run) = &mut self.run else { return 0 };
        run.unexplained += run.hole;
        std::mem::take(&mut run.hole)
    }

    /// The run that a frame belongs to.
    fn enter(&mut self, epoch: u64, seq: u64, gap: Option<u64>) -> (Step, &mut Run) {
        let mut step = Step::default();
        let goes_on =
            |run: &Run| run.epoch == epoch && (seq >= run.next || gap.is_some() && run.gap == gap);
        // Positions that go back are those of another run, too: not every device has an epoch of its
        // own for each.
        if self.run.as_ref().is_some_and(|run| !goes_on(run)) {
            step = Step { lost_before: self.cut(), restarted: true, ..step };
            self.run = None;
        }
        // What was before the first frame of all was before our time.
        let next = if step.restarted { 1 } else { seq };
        let run = self.run.get_or_insert(Run { epoch, next, gap: None, hole: 0, unexplained: 0 });
        (step, run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Step = Step { lost_before: 0, restarted: false, lost: 0, explained: 0 };

    #[test]
    fn what_is_missing_between_two_frames_was_lost() {
        let mut positions = Positions::default();
        assert_eq!(positions.updates(1, 40, 42), NOTHING, "before our time");
        assert_eq!(positions.updates(1, 42, 43), NOTHING);
        assert_eq!(positions.updates(1, 45, 46), Step { lost: 2, ..NOTHING });
        assert_eq!(positions.cut(), 0, "it was told");
        assert_eq!(positions.updates(1, 50, 51), Step { lost: 4, ..NOTHING }, "also across a cut");
        assert_eq!(positions.updates(1, 51, 52), NOTHING);
    }

    #[test]
    fn another_epoch_or_a_position_that_goes_back_is_another_run() {
        for epoch in [1, 2] {
            let mut positions = Positions::default();
            assert_eq!(positions.updates(1, 1, 10), NOTHING);
            let lost = Step { restarted: true, lost: 2, ..NOTHING };
            assert_eq!(positions.updates(epoch, 3, 4), lost);
            assert_eq!(positions.updates(epoch, 4, 5), NOTHING);
        }
    }

    #[test]
    fn a_gap_may_take_several_frames() {
        let mut positions = Positions::default();
        assert_eq!(positions.gap(1, 1, 2, 0), NOTHING);
        assert_eq!(positions.gap(1, 1, 2, 0), NOTHING);
        assert_eq!(positions.updates(1, 2, 3), NOTHING);
        assert!(positions.gap(1, 1, 2, 0).restarted, "that one was over");
    }

    #[test]
    fn what_the_device_could_not_send_is_no_loss_of_the_line() {
        let mut positions = Positions::default();
        assert_eq!(positions.updates(1, 1, 5), NOTHING);
        // 5 to 9 are missing: the device could not send four of them, and says so in two frames.
        assert_eq!(positions.gap(1, 10, 11, 3), NOTHING);
        assert_eq!(positions.gap(1, 10, 11, 1), NOTHING);
        assert_eq!(positions.updates(1, 11, 12), Step { lost: 1, ..NOTHING });
        // One is too large for a frame: it is missing before the device says so.
        assert_eq!(positions.updates(1, 13, 14), Step { lost: 1, ..NOTHING });
        assert_eq!(positions.gap(1, 14, 15, 1), Step { explained: 1, ..NOTHING });
        // Nobody knows any positions of what it could not send before our time.
        assert_eq!(positions.gap(1, 15, 16, 9), Step { explained: 1, ..NOTHING });
        assert_eq!(positions.gap(1, 16, 17, 9), NOTHING);
    }

    #[test]
    fn what_was_not_told_yet_is_told_when_the_line_is_cut_or_the_device_starts_anew() {
        let mut positions = Positions::default();
        assert_eq!(positions.updates(1, 1, 2), NOTHING);
        assert_eq!(positions.gap(1, 4, 5, 1), NOTHING);
        assert_eq!(positions.cut(), 1);
        assert_eq!(positions.cut(), 0);
        assert_eq!(positions.gap(1, 8, 9, 0), NOTHING);
        let step = Step { lost_before: 3, restarted: true, ..NOTHING };
        assert_eq!(positions.updates(2, 1, 2), step);
    }
}
