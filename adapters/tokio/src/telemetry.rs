//! What the bus tells of itself: metrics, and one log line a second when it overflows.

use std::time::Duration;

use statusbus_core::Ledger;
use tokio::time::Instant;

use crate::shared::{Heard, Shared};

/// Tells `metrics` and `tracing` what has happened since it was last called. The runner calls it,
/// without the lock of the bus.
#[derive(Default)]
pub(crate) struct Reporter {
    told: Ledger,
    overflow: OverflowLog,
}

impl Reporter {
    pub(crate) fn report(&mut self, shared: &Shared, heard: &Heard, ledger: &Ledger) {
        // A recorder that panics is not told the same again.
        let told = std::mem::replace(&mut self.told, *ledger);
        let depth = heard.handed_on.map(|_| shared.depth());
        #[cfg(feature = "metrics")]
        meter::record(depth, heard, ledger, &told);
        #[cfg(not(feature = "metrics"))]
        let _ = (depth, told);
    }

    pub(crate) fn report_overflow(&mut self, heard: &Heard, ledger: &Ledger) {
        self.overflow.hear(heard.overflow.started, heard.overflow.ended.is_some(), lost(ledger));
        if let Some(line) = self.overflow.line(Instant::now()) {
            line.log(ledger.queued);
        }
    }

    /// Logs the line that had to wait, if there is one: nothing comes after it.
    pub(crate) fn report_last_line(&mut self, ledger: &Ledger) {
        self.overflow.last_line = None;
        if let Some(line) = self.overflow.line(Instant::now()) {
            line.log(ledger.queued);
        }
    }

    /// When a line is to be logged that had to wait.
    pub(crate) fn next_line(&self) -> Option<Instant> {
        self.overflow.next_line()
    }
}

/// Updates lost to a full queue, as far as the ledger can tell them from other losses.
fn lost(ledger: &Ledger) -> u64 {
    let dropped = ledger.dropped;
    dropped.newest + dropped.oldest + dropped.evicted + dropped.outranked + ledger.refused.full
}

/// Overflow as log lines: started, ongoing, ended, with counts; at most one a second, and the last
/// one always.
#[derive(Default)]
struct OverflowLog {
    overflowing: bool,
    /// Lost when the current episode began, and now.
    lost_before: u64,
    lost: u64,
    /// Lost as the last line of this episode told it; none if it has had no line yet.
    told: Option<u64>,
    ended: bool,
    last_line: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Started { lost: u64 },
    Ongoing { lost: u64 },
    Ended { lost: u64 },
}

const EVERY: Duration = Duration::from_secs(1);

impl OverflowLog {
    fn hear(&mut self, started: bool, ended: bool, lost: u64) {
        if started && !self.overflowing && !self.ended {
            self.lost_before = self.lost;
            self.told = None;
        }
        if started || ended {
            self.overflowing = !ended;
            self.ended = ended;
        }
        self.lost = lost;
    }

    fn due(&self) -> bool {
        self.ended || (self.overflowing && self.told != Some(self.lost))
    }

    fn next_line(&self) -> Option<Instant> {
        (self.due()).then(|| self.last_line.map_or_else(Instant::now, |last| last + EVERY))
    }

    fn line(&mut self, now: Instant) -> Option<Line> {
        if !self.due() || self.last_line.is_some_and(|last| now < last + EVERY) {
            return None;
        }
        let lost = self.lost - self.lost_before;
        let line = match (self.ended, self.told) {
            (true, _) => Line::Ended { lost },
            (false, None) => Line::Started { lost },
            (false, Some(_)) => Line::Ongoing { lost },
        };
        self.told = Some(self.lost);
        self.ended = false;
        self.last_line = Some(now);
        Some(line)
    }
}

impl Line {
    fn log(&self, queued: u64) {
        match *self {
            Self::Started { lost } => {
                tracing::warn!(lost, queued, "the status queue overflows: updates are lost");
            }
            Self::Ongoing { lost } => {
                tracing::warn!(lost, queued, "the status queue still overflows");
            }
            Self::Ended { lost } => tracing::warn!(lost, "the status queue has recovered"),
        }
    }
}

#[cfg(feature = "metrics")]
mod meter {
    use metrics::{counter, gauge, histogram};
    use statusbus_core::{Depth, DropReason, Ledger, RefuseReason};

    use crate::shared::Heard;

    /// Counters by difference, so that the send path touches none of them.
    pub(super) fn record(depth: Option<Depth>, heard: &Heard, ledger: &Ledger, told: &Ledger) {
        count("statusbus_sent_total", ledger.sent, told.sent);
        count("statusbus_delivered_total", ledger.delivered, told.delivered);
        count("statusbus_coalesced_total", ledger.coalesced, told.coalesced);
        count("statusbus_expired_total", ledger.expired, told.expired);
        for reason in DropReason::ALL {
            let more = ledger.dropped.count(reason) - told.dropped.count(reason);
            if more > 0 {
                counter!("statusbus_dropped_total", "reason" => reason.as_str()).increment(more);
            }
        }
        for reason in RefuseReason::ALL {
            let more = ledger.refused.count(reason) - told.refused.count(reason);
            if more > 0 {
                counter!("statusbus_refused_total", "reason" => reason.as_str()).increment(more);
            }
        }
        if let Some(latency) = heard.latency {
            histogram!("statusbus_broadcast_seconds").record(latency.as_secs_f64());
        }
        let Some(batch) = heard.handed_on else { return };
        histogram!("statusbus_batch_size", "reason" => batch.reason.as_str())
            .record(batch.size as f64);
        histogram!("statusbus_queue_wait_seconds").record(batch.longest_wait.as_secs_f64());
        let Some(depth) = depth else { return };
        gauge!("statusbus_queue_depth").set(depth.queued as f64);
        gauge!("statusbus_queue_depth_peak").set(depth.peak as f64);
        gauge!("statusbus_queue_oldest_seconds").set(depth.oldest.as_secs_f64());
    }

    fn count(name: &'static str, now: u64, before: u64) {
        if now > before {
            counter!(name).increment(now - before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn overflow_is_logged_once_a_second_and_its_end_always() {
        let mut log = OverflowLog::default();
        let start = Instant::now();
        log.hear(true, false, 1);
        assert_eq!(log.line(start), Some(Line::Started { lost: 1 }));
        log.hear(false, false, 500);
        assert_eq!(log.line(start + Duration::from_millis(999)), None);
        assert_eq!(log.next_line(), Some(start + EVERY));
        assert_eq!(log.line(start + EVERY), Some(Line::Ongoing { lost: 500 }));
        log.hear(false, true, 700);
        assert_eq!(log.line(start + EVERY), None);
        assert_eq!(log.line(start + 2 * EVERY), Some(Line::Ended { lost: 700 }));
        assert_eq!(log.next_line(), None, "idle: nothing more to say");
    }

    #[tokio::test(start_paused = true)]
    async fn an_overflow_that_flaps_within_a_second_is_one_episode() {
        let mut log = OverflowLog::default();
        let start = Instant::now();
        log.hear(true, true, 10);
        assert_eq!(log.line(start), Some(Line::Ended { lost: 10 }));
        for lost in 11..20 {
            log.hear(true, true, lost);
            assert_eq!(log.line(start + EVERY / 2), None);
        }
        assert_eq!(log.line(start + EVERY), Some(Line::Ended { lost: 9 }));
    }
}
