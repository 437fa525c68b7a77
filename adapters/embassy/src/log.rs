//! Telemetry for `defmt`.

use embassy_time::{Duration, Instant};
use statusbus_core::{DropReason, HandedOn, OverflowEdge, RefuseReason, Telemetry};

use crate::report::Report;

/// Telemetry that logs by `defmt`: when updates begin to be lost to a full queue and when that is
/// over, as warnings, and not more than one beginning a second; and each batch, with what was lost and
/// refused since the one before, as `debug`.
///
/// ```
/// # use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
/// use statusbus_embassy::{Log, Message, Status};
///
/// static STATUS: Status<CriticalSectionRawMutex, Message<64>, 32, Log> =
///     Status::with_telemetry(Log::new());
/// ```
#[derive(Clone, Copy, Debug, Default, defmt::Format)]
pub struct Log {
    batch: Option<HandedOn>,
    counts: Counts,
    overflow_started: bool,
    /// Updates lost in the overflows that have ended and are not told.
    lost: Option<u64>,
    /// When the beginning of an overflow was told last.
    told_at: Option<u64>,
    /// A beginning was told, and not the end.
    end_is_due: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, defmt::Format)]
struct Counts {
    coalesced: u32,
    expired: u32,
    dropped: u32,
    refused: u32,
}

/// What is to be logged.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lines {
    overflow_started: bool,
    overflow_ended: Option<u64>,
    batch: Option<(HandedOn, Counts)>,
}

/// The shortest time between two beginnings that are told.
const QUIET: Duration = Duration::from_secs(1);

impl Log {
    /// One that has heard nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            batch: None,
            counts: Counts { coalesced: 0, expired: 0, dropped: 0, refused: 0 },
            overflow_started: false,
            lost: None,
            told_at: None,
            end_is_due: false,
        }
    }

    /// Takes in what was heard at a time, in ticks, and answers with what is to be said of it.
    fn lines(&mut self, heard: &Self, now: u64) -> Lines {
        let mut lines = Lines::default();
        let is_early = |told_at: u64| now.saturating_sub(told_at) < QUIET.as_ticks();
        if heard.overflow_started && !self.end_is_due && !self.told_at.is_some_and(is_early) {
            (self.told_at, self.end_is_due, lines.overflow_started) = (Some(now), true, true);
        }
        if let Some(lost) = heard.lost {
            let lost = lost.saturating_add(self.lost.unwrap_or_default());
            // what is not told now is told with the next one
            self.lost = Some(lost);
            if core::mem::take(&mut self.end_is_due) {
                lines.overflow_ended = self.lost.take();
            }
        }
        self.counts.add(heard.counts);
        lines.batch = heard.batch.map(|batch| (batch, core::mem::take(&mut self.counts)));
        lines
    }
}

impl Counts {
    fn add(&mut self, more: Self) {
        self.coalesced = self.coalesced.saturating_add(more.coalesced);
        self.expired = self.expired.saturating_add(more.expired);
        self.dropped = self.dropped.saturating_add(more.dropped);
        self.refused = self.refused.saturating_add(more.refused);
    }
}

impl Telemetry for Log {
    fn handed_on(&mut self, batch: HandedOn) {
        self.batch = Some(batch);
    }

    fn coalesced(&mut self) {
        self.counts.coalesced = self.counts.coalesced.saturating_add(1);
    }

    fn expired(&mut self) {
        self.counts.expired = self.counts.expired.saturating_add(1);
    }

    fn dropped(&mut self, _: DropReason) {
        self.counts.dropped = self.counts.dropped.saturating_add(1);
    }

    fn refused(&mut self, _: RefuseReason) {
        self.counts.refused = self.counts.refused.saturating_add(1);
    }

    fn overflow(&mut self, edge: OverflowEdge) {
        match edge {
            OverflowEdge::Started => self.overflow_started = true,
            OverflowEdge::Ended { lost } => {
                self.lost = Some(self.lost.unwrap_or_default().saturating_add(lost));
            }
        }
    }
}

impl Report for Log {
    fn report(&mut self, heard: Self) {
        let Lines { overflow_started, overflow_ended, batch } =
            self.lines(&heard, Instant::now().as_ticks());
        if overflow_started {
            defmt::warn!("status: the queue is full, updates are being lost");
        }
        if let Some(lost) = overflow_ended {
            defmt::warn!("status: the queue is not full any more, {=u64} updates were lost", lost);
        }
        if let Some((batch, counts)) = batch {
            defmt::debug!(
                "status: {=usize} handed on ({=str}), {=usize} left; since the batch before: {}",
                batch.size,
                batch.reason.as_str(),
                batch.left,
                counts
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use statusbus_core::FlushReason;

    use super::*;

    fn at(teller: &mut Log, millis: u64, hear: impl FnOnce(&mut Log)) -> Lines {
        let mut heard = Log::new();
        hear(&mut heard);
        teller.lines(&heard, Duration::from_millis(millis).as_ticks())
    }

    fn ended(lost: u64) -> impl FnOnce(&mut Log) {
        move |log| {
            log.overflow(OverflowEdge::Started);
            log.overflow(OverflowEdge::Ended { lost });
        }
    }

    #[test]
    fn overflow_is_told_once_a_second_and_no_loss_is_forgotten() {
        let mut teller = Log::new();
        assert_eq!(at(&mut teller, 0, |_| {}), Lines::default());
        let started = at(&mut teller, 0, |log| log.overflow(OverflowEdge::Started));
        assert_eq!(started, Lines { overflow_started: true, ..Lines::default() });
        let over = at(&mut teller, 50, |log| log.overflow(OverflowEdge::Ended { lost: 7 }));
        assert_eq!(over, Lines { overflow_ended: Some(7), ..Lines::default() });
        // it comes and goes: nothing is said for a while
        for millis in [100, 500, 999] {
            assert_eq!(at(&mut teller, millis, ended(10)), Lines::default());
        }
        let again = Lines { overflow_started: true, overflow_ended: Some(31), ..Lines::default() };
        assert_eq!(at(&mut teller, 1_000, ended(1)), again);
        assert_eq!(at(&mut teller, 1_001, ended(2)), Lines::default());
        let lasts = at(&mut teller, 2_000, |log| log.overflow(OverflowEdge::Started));
        assert_eq!(lasts, Lines { overflow_started: true, ..Lines::default() });
        let over = at(&mut teller, 2_001, |log| log.overflow(OverflowEdge::Ended { lost: 3 }));
        assert_eq!(over, Lines { overflow_ended: Some(5), ..Lines::default() });
    }

    #[test]
    fn what_was_lost_is_told_with_the_next_batch_and_not_one_by_one() {
        let mut teller = Log::new();
        let quiet = at(&mut teller, 0, |log| {
            log.dropped(DropReason::Evicted);
            log.dropped(DropReason::Sink);
            log.refused(RefuseReason::Invalid);
        });
        assert_eq!(quiet, Lines::default());
        let batch = HandedOn {
            size: 3,
            reason: FlushReason::Full,
            longest_wait: core::time::Duration::ZERO,
            left: 1,
        };
        let told = at(&mut teller, 1, |log| {
            log.coalesced();
            log.expired();
            log.handed_on(batch);
        });
        let counts = Counts { coalesced: 1, expired: 1, dropped: 2, refused: 1 };
        assert_eq!(told, Lines { batch: Some((batch, counts)), ..Lines::default() });
        let none = at(&mut teller, 2, |log| log.handed_on(batch));
        assert_eq!(none, Lines { batch: Some((batch, Counts::default())), ..Lines::default() });
    }
}
