//! What the bus tells of itself: metrics, and one log line a second when it overflows.

use statusbus_hub::{Activity, Delivery, Ledger, OverflowEvent};

/// Tells `metrics` and `tracing` what has happened since it was last called. The runner calls it,
/// without the lock of the bus.
#[derive(Default)]
pub(crate) struct Reporter {
    told: Ledger,
    /// Updates lost to a full queue when it recovered last.
    lost_before: u64,
}

impl Reporter {
    pub(crate) fn report(&mut self, delivery: &Delivery, activity: &Activity, ledger: &Ledger) {
        // A recorder that panics is not told the same again.
        let told = std::mem::replace(&mut self.told, *ledger);
        let depth = activity.polled.map(|_| delivery.depth());
        #[cfg(feature = "metrics")]
        meter::record(depth, activity, ledger, &told);
        #[cfg(not(feature = "metrics"))]
        let _ = (depth, told);
    }

    /// Logs that the queue overflows, still does, or has recovered. The core decides how often.
    pub(crate) fn report_overflow(&mut self, activity: &Activity, ledger: &Ledger) {
        let Some(event) = activity.overflow else { return };
        let (lost, before) = (lost(ledger), self.lost_before);
        if let OverflowEvent::Ended { .. } = event {
            self.lost_before = lost;
        }
        log_overflow(event, lost - before, ledger.queued);
    }
}

/// Updates lost to a full queue, as far as the ledger can tell them from other losses.
fn lost(ledger: &Ledger) -> u64 {
    let dropped = ledger.dropped;
    dropped.newest + dropped.oldest + dropped.evicted + dropped.outranked + ledger.refused.full
}

fn log_overflow(event: OverflowEvent, lost_since: u64, queued: u64) {
    match event {
        OverflowEvent::Started => {
            tracing::warn!(
                lost = lost_since,
                queued,
                "the status queue overflows: updates are lost"
            );
        }
        OverflowEvent::Ongoing { lost } => {
            tracing::warn!(lost, queued, "the status queue still overflows");
        }
        OverflowEvent::Ended { lost } => tracing::warn!(lost, "the status queue has recovered"),
        _ => {}
    }
}

#[cfg(feature = "metrics")]
mod meter {
    use metrics::{counter, gauge, histogram};
    use statusbus_hub::{Activity, Depth, DropReason, Ledger, RefuseReason};

    /// Counters by difference, so that the send path touches none of them.
    pub(super) fn record(
        depth: Option<Depth>,
        activity: &Activity,
        ledger: &Ledger,
        told: &Ledger,
    ) {
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
        if let Some(latency) = activity.latency {
            histogram!("statusbus_broadcast_seconds").record(latency.as_secs_f64());
        }
        let Some(batch) = activity.polled else { return };
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
