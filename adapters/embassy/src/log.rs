//! Telemetry for `defmt`.

use statusbus_core::{BatchInfo, Loss, OverflowEvent, RefuseReason, Telemetry};

use crate::report::Report;

/// Telemetry that logs by `defmt`: the start, the course and the end of an overflow as `warn`, and each
/// batch as `debug`, with what was lost and refused since the one before.
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
    batch: Option<BatchInfo>,
    counts: Counts,
    has_overflow_started: bool,
    /// Updates lost in the overflow that goes on.
    ongoing: Option<u64>,
    /// Updates lost in the overflows that ended.
    ended: Option<u64>,
}

/// Updates since the last batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, defmt::Format)]
struct Counts {
    coalesced: u32,
    expired: u32,
    dropped: u32,
    refused: u32,
}

impl Log {
    /// Telemetry without any counts.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            batch: None,
            counts: Counts { coalesced: 0, expired: 0, dropped: 0, refused: 0 },
            has_overflow_started: false,
            ongoing: None,
            ended: None,
        }
    }
}

impl Telemetry for Log {
    fn polled(&mut self, batch: BatchInfo) {
        self.batch = Some(batch);
    }

    fn coalesced(&mut self) {
        self.counts.coalesced = self.counts.coalesced.saturating_add(1);
    }

    fn lost(&mut self, loss: Loss) {
        let count = match loss {
            Loss::Expired => &mut self.counts.expired,
            Loss::Dropped(_) => &mut self.counts.dropped,
        };
        *count = count.saturating_add(1);
    }

    fn refused(&mut self, _: RefuseReason) {
        self.counts.refused = self.counts.refused.saturating_add(1);
    }

    fn overflow(&mut self, event: OverflowEvent) {
        match event {
            OverflowEvent::Started => self.has_overflow_started = true,
            OverflowEvent::Ongoing { lost } => self.ongoing = Some(lost),
            OverflowEvent::Ended { lost } => {
                self.ongoing = None;
                self.ended = Some(self.ended.unwrap_or_default().saturating_add(lost));
            }
            _ => {}
        }
    }
}

impl Report for Log {
    fn report(&mut self, delta: Self) {
        if delta.has_overflow_started {
            defmt::warn!("status: the queue is full, updates are being lost");
        }
        if let Some(lost) = delta.ongoing {
            defmt::warn!("status: the queue is still full, {=u64} updates were lost", lost);
        }
        if let Some(lost) = delta.ended {
            defmt::warn!("status: the queue is not full any more, {=u64} updates were lost", lost);
        }
        self.counts.add(delta.counts);
        if let Some(batch) = delta.batch {
            defmt::debug!(
                "status: {=usize} updates ({=str}), {=usize} left; since the last batch: {}",
                batch.size,
                batch.reason.as_str(),
                batch.left,
                core::mem::take(&mut self.counts)
            );
        }
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

#[cfg(test)]
mod tests {
    use statusbus_core::DropReason;

    use super::*;

    #[test]
    fn losses_are_counted_until_a_batch_is_logged() {
        let (mut reporter, mut delta) = (Log::new(), Log::new());
        delta.lost(Loss::Dropped(DropReason::Sink));
        delta.lost(Loss::Expired);
        delta.overflow(OverflowEvent::Started);
        delta.overflow(OverflowEvent::Ended { lost: 7 });
        delta.overflow(OverflowEvent::Started);
        delta.overflow(OverflowEvent::Ended { lost: 10 });
        assert_eq!((delta.ended, delta.ongoing), (Some(17), None));
        reporter.report(delta);
        reporter.report(delta);
        assert_eq!((reporter.counts.dropped, reporter.counts.expired), (2, 2));
    }
}
