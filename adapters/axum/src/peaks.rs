//! The peak of the queue, for any number of people who ask.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use statusbus_tokio::{Depth, Status};
use tokio::time::Instant;

/// The bus tells the peak since it was last asked: so of two who ask, each would hear of half of
/// them. Here everybody hears of the highest of the last [`SPAN`](Self::SPAN).
#[derive(Debug, Default)]
pub(crate) struct Peaks {
    /// When each was told, the highest first: a peak that is lower than a later one is of no use.
    recent: Mutex<VecDeque<(Instant, usize)>>,
}

impl Peaks {
    /// For how long a peak is told. Longer, if nobody has asked in the meantime.
    pub(crate) const SPAN: Duration = Duration::from_secs(10);

    /// The depth of the queue, with the peak of the last seconds.
    pub(crate) fn depth(&self, status: &Status) -> Depth {
        let depth = status.depth();
        Depth { peak: self.see(depth.peak, Instant::now()), ..depth }
    }

    fn see(&self, peak: usize, now: Instant) -> usize {
        let mut recent = self.recent.lock();
        while recent.front().is_some_and(|(told, _)| now > *told + Self::SPAN) {
            recent.pop_front();
        }
        while recent.back().is_some_and(|(_, lower)| *lower <= peak) {
            recent.pop_back();
        }
        recent.push_back((now, peak));
        recent.front().map_or(peak, |(_, highest)| *highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn everybody_hears_of_the_highest_of_the_last_seconds() {
        let peaks = Peaks::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let seen = [(0, 5), (1, 90), (2, 7), (3, 40), (11, 0), (12, 1), (14, 0), (60, 0)];
        let told = seen.map(|(seconds, peak)| peaks.see(peak, after(seconds)));
        assert_eq!(told, [5, 90, 90, 90, 90, 40, 1, 0]);
    }

    #[test]
    fn asking_often_takes_no_memory() {
        let peaks = Peaks::default();
        let now = Instant::now();
        for _ in 0..100_000 {
            peaks.see(3, now);
        }
        assert_eq!(peaks.recent.lock().len(), 1);
    }
}
