//! Telemetry for `defmt`.

use embassy_time::{Duration, Instant};
use statusbus_core::{DropReason, HandedOn, OverflowEdge, RefuseReason, Telemetry};

use crate::report::Report;

/// Telemetry that logs by `defmt`: when updates begin to be lost to a full queue and when that is
/// over, as warnings, at most once a second; and each batch, with what was lost and refused meanwhile,
/// as `debug`.
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
    batches: u16,
    coalesced: u32,
    expired: u32,
    dropped: u32,
    refused: u32,
    started: bool,
    /// Updates lost in the overflows that have ended.
    ended: Option<u64>,
    /// When overflow was told last.
    told_at: Option<u64>,
    /// It was told that it has started.
    told: bool,
}

impl Log {
    /// One that has heard nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            batch: None,
            batches: 0,
            coalesced: 0,
            expired: 0,
            dropped: 0,
            refused: 0,
            started: false,
            ended: None,
            told_at: None,
            told: false,
        }
    }

    /// Whether it is time for another line on overflow.
    fn may_tell(&mut self) -> bool {
        let now = Instant::now().as_ticks();
        let early = |told: u64| now.saturating_sub(told) < QUIET.as_ticks();
        if self.told_at.is_some_and(early) {
            return false;
        }
        self.told_at = Some(now);
        true
    }
}

/// The shortest time between two lines on overflow.
const QUIET: Duration = Duration::from_secs(1);

impl Telemetry for Log {
    fn handed_on(&mut self, batch: HandedOn) {
        self.batch = Some(batch);
        self.batches = self.batches.saturating_add(1);
    }

    fn coalesced(&mut self) {
        self.coalesced = self.coalesced.saturating_add(1);
    }

    fn expired(&mut self) {
        self.expired = self.expired.saturating_add(1);
    }

    fn dropped(&mut self, _: DropReason) {
        self.dropped = self.dropped.saturating_add(1);
    }

    fn refused(&mut self, _: RefuseReason) {
        self.refused = self.refused.saturating_add(1);
    }

    fn overflow(&mut self, edge: OverflowEdge) {
        match edge {
            OverflowEdge::Started => self.started = true,
            OverflowEdge::Ended { lost } => {
                self.ended = Some(self.ended.unwrap_or_default().saturating_add(lost));
            }
        }
    }
}

impl Report for Log {
    fn report(&mut self, heard: Self) {
        if heard.started && !self.told && self.may_tell() {
            self.told = true;
            defmt::warn!("status: overflow, updates are being lost");
        }
        if let Some(lost) = heard.ended {
            // what is not told now is told with the next one
            let lost = self.ended.take().unwrap_or_default().saturating_add(lost);
            if core::mem::take(&mut self.told) {
                defmt::warn!("status: overflow is over, {=u64} updates were lost", lost);
            } else {
                self.ended = Some(lost);
            }
        }
        self.coalesced = self.coalesced.saturating_add(heard.coalesced);
        self.expired = self.expired.saturating_add(heard.expired);
        self.dropped = self.dropped.saturating_add(heard.dropped);
        self.refused = self.refused.saturating_add(heard.refused);
        if let Some(batch) = heard.batch {
            defmt::debug!(
                "status: {=usize} handed on ({=str}), {=usize} left; since the batch before {=u32} replaced, {=u32} expired, {=u32} dropped, {=u32} refused",
                batch.size,
                batch.reason.as_str(),
                batch.left,
                core::mem::take(&mut self.coalesced),
                core::mem::take(&mut self.expired),
                core::mem::take(&mut self.dropped),
                core::mem::take(&mut self.refused),
            );
        }
    }
}
