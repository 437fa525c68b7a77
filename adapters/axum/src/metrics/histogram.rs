//! How long something takes, in buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts spans of time by their length. Cheap to observe, from any thread.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One for each bound, and one for what is longer.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// In milliseconds: around the flush interval, and what is slow.
const BOUNDS: [u64; 12] = [1, 2, 5, 10, 25, 50, 75, 100, 250, 500, 1_000, 5_000];

impl Histogram {
    pub(crate) fn observe(&self, span: Duration) {
        let bucket = BOUNDS.partition_point(|&bound| Duration::from_millis(bound) < span);
        if let Some(counter) = self.buckets.get(bucket) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The upper bound of each bucket in seconds, none for the last one, and what is in it.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let bounds = BOUNDS.iter().map(|&bound| Some(bound as f64 / 1_000.0)).chain([None]);
        bounds.zip(self.buckets.iter().map(|counter| counter.load(Ordering::Relaxed)))
    }

    /// All spans together, in seconds.
    pub(super) fn sum(&self) -> f64 {
        self.micros.load(Ordering::Relaxed) as f64 / 1_000_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_counted_where_it_fits() {
        let histogram = Histogram::default();
        for micros in [0, 1_000, 1_001, 50_000, 60_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let counted: Vec<_> = histogram.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(Some(0.001), 2), (Some(0.002), 1), (Some(0.05), 1), (None, 1)]);
        assert!((histogram.sum() - 60.052_001).abs() < 1e-9);
    }
}
