//! How many of all updates that were ever sent have left the queue for sure.

/// Counts batches. The queue does not say when a single update leaves it; but whatever was queued
/// when one looked has left when as many have, or when it is empty.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    /// Of all updates that were ever sent, this many have left the queue and are delivered.
    left: u64,
    /// Updates that had been sent when it was last looked.
    sent: u64,
    /// Of those, so many may still be queued.
    queued: u64,
}

impl Departures {
    /// A batch is delivered: it had `size` updates; when it left, `sent` had ever been sent and
    /// `queued` were queued behind it.
    pub(crate) fn batch(&mut self, size: u64, sent: u64, queued: u64) {
        self.queued = self.queued.saturating_sub(size).min(queued);
        if queued == 0 {
            (self.left, self.sent) = (sent, sent);
        } else if self.queued == 0 {
            self.left = self.sent;
            (self.sent, self.queued) = (sent, queued);
        }
    }

    pub(crate) const fn left(&self) -> u64 {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn what_has_left_for_sure_is_never_too_much_and_catches_up() {
        let (mut departures, mut queue) = (Departures::default(), VecDeque::new());
        let (mut sent, mut random) = (0_u64, 1_u64);
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            for _ in 0..(random >> 33) % 12 {
                sent += 1;
                queue.push_back(sent);
            }
            // some leave otherwise: evicted from the front, dropped at the end
            if random >> 60 == 0 {
                queue.pop_front();
            }
            if random >> 60 == 1 {
                queue.pop_back();
            }
            let size = queue.len().min((random >> 40) as usize % 13);
            queue.drain(..size);
            let before = departures.left();
            departures.batch(size as u64, sent, queue.len() as u64);
            let oldest = queue.front().copied().unwrap_or(sent + 1);
            assert!(departures.left() < oldest, "{departures:?}, but {oldest} is queued");
            assert!(departures.left() >= before);
        }
        departures.batch(queue.len() as u64, sent, 0);
        assert_eq!(departures.left(), sent);
    }
}
