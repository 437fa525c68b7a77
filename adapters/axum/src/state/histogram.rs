//! A histogram of durations.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts durations in buckets. An observation costs two relaxed atomic additions.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One for each bound, and one for longer durations.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// Upper bounds in milliseconds: dense around the flush interval (50 ms).
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

    /// Each bucket's upper bound in seconds, `None` for the last one, and its count.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let bounds = BOUNDS.iter().map(|&bound| Some(bound as f64 / 1_000.0)).chain([None]);
        bounds.zip(self.buckets.iter().map(|counter| counter.load(Ordering::Relaxed)))
    }

    /// The sum of all durations, in seconds.
    pub(crate) fn sum(&self) -> f64 {
        self.micros.load(Ordering::Relaxed) as f64 / 1_000_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_the_first_bucket_that_fits() {
        let histogram = Histogram::default();
        for micros in [0, 1_000, 1_001, 50_000, 60_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let counted: Vec<_> = histogram.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(Some(0.001), 2), (Some(0.002), 1), (Some(0.05), 1), (None, 1)]);
        assert!((histogram.sum() - 60.052_001).abs() < 1e-9);
    }
}
