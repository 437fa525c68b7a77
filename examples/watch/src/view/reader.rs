//! Reading on after a lag.

use std::collections::VecDeque;

use statusbus_tokio::{Event, Lagged, Selector, Status, Subscription};

/// Reads everything. When it was too slow it goes on with the last updates that are kept, where a
/// subscription by itself goes on with those that come next: at the end of a command none does, and
/// its last lines are the ones that say why.
pub(super) struct Reader {
    subscription: Subscription,
    status: Status,
    /// How many positions back it goes on.
    reach: u64,
    again: VecDeque<Event>,
    missed: u64,
}

impl Reader {
    /// `window`: updates that the bus keeps.
    pub(super) fn new(subscription: Subscription, status: &Status, window: usize) -> Self {
        // Half of them: while it turns back more are delivered, and others are given up for them.
        let reach = window as u64 / 2;
        Self { subscription, status: status.clone(), reach, again: VecDeque::new(), missed: 0 }
    }

    /// The next event; `None` when the bus was shut down and everything is read.
    pub(super) async fn next(&mut self) -> Option<Event> {
        match self.again.pop_front() {
            Some(event) => Some(event),
            None => {
                let event = self.subscription.next().await?;
                Some(self.take(event))
            }
        }
    }

    /// The next event if it is there already.
    pub(super) fn try_next(&mut self) -> Option<Event> {
        self.again.pop_front().or_else(|| {
            let event = self.subscription.try_next()?;
            Some(self.take(event))
        })
    }

    /// Updates that it missed.
    pub(super) const fn missed(&self) -> u64 {
        self.missed
    }

    fn take(&mut self, event: Event) -> Event {
        let Event::Lagged(lagged) = event else { return event };
        let lagged = self.turn_back(lagged);
        self.missed += lagged.missed;
        Event::Lagged(lagged)
    }

    /// Goes back as far as it can, and says what is missing up to there.
    fn turn_back(&mut self, lagged: Lagged) -> Lagged {
        let back = lagged.seq.saturating_sub(self.reach);
        let resume = self.status.subscribe(Selector::Everything).resume(self.status.epoch(), back);
        let Some(mut resumed) = resume.open().ok().filter(Subscription::recovered) else {
            return lagged;
        };
        let mut found = 0;
        while resumed.seq() < lagged.seq
            && let Some(event) = resumed.try_next()
        {
            if let Event::Batch(batch) = &event {
                found += batch.iter().count() as u64;
            }
            self.again.push_back(event);
        }
        self.subscription = resumed;
        Lagged { seq: back, missed: lagged.missed.saturating_sub(found) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_updates_are_read_however_late() {
        let status = Status::builder().window(1_000).spawn();
        let subscription = status.subscribe(Selector::Everything).open().expect("everything");
        let mut reader = Reader::new(subscription, &status, 1_000);
        for n in 0..5_000 {
            status.info("seq", n.to_string());
        }
        status.flush().await;
        let shutdown = status.clone();
        let shutdown = tokio::spawn(async move { shutdown.shutdown(Duration::from_secs(9)).await });
        let Some(Event::Lagged(lagged)) = reader.next().await else { panic!("it was too slow") };
        let mut texts = Vec::new();
        while let Some(event) = reader.next().await {
            let Event::Batch(batch) = event else { panic!("a batch was expected: {event:?}") };
            texts.extend(batch.iter().map(|update| update.text().to_owned()));
        }
        let expected: Vec<_> = (4_500..5_000).map(|n| n.to_string()).collect();
        assert_eq!(texts, expected);
        assert_eq!((lagged.missed, lagged.seq, reader.missed()), (4_500, 4_500, 4_500));
        assert!(shutdown.await.expect("no panic").is_balanced());
    }
}
