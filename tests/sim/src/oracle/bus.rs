//! A naive model of the queue: the outcome of every update, when batches are due, and their contents.

use std::collections::VecDeque;

use statusbus_tokio::{
    Config, DropReason, Leading, Loss, Outcome, Overflow, Priority, RefuseReason,
};

use super::{Counts, Topic};

/// An update to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update {
    /// Its text.
    pub(crate) id: u64,
    pub(crate) topic: Topic,
    pub(crate) key: Option<u8>,
    pub(crate) priority: Option<Priority>,
    /// In microseconds.
    pub(crate) ttl: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    pub(crate) update: Update,
    pub(crate) priority: Priority,
    pub(crate) expiry: u64,
    /// When it came, or the update came that it replaced at the front: the earliest and the latest time
    /// that the bus may have recorded.
    since: (u64, u64),
    /// The order among updates of one priority.
    rank: u64,
}

/// Losses in front of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lost {
    pub(crate) topics: Vec<(Topic, Counts)>,
    pub(crate) elsewhere: Counts,
}

/// Topics whose losses the bus counts apart.
const APART: usize = 16;

impl Lost {
    fn counts_of(&mut self, topic: Topic) -> &mut Counts {
        match self.topics.iter().position(|(known, _)| *known == topic) {
            Some(index) => &mut self.topics[index].1,
            None if self.topics.len() < APART => {
                self.topics.push((topic, Counts::default()));
                let last = self.topics.len() - 1;
                &mut self.topics[last].1
            }
            None => &mut self.elsewhere,
        }
    }

    pub(crate) fn total(&self) -> Counts {
        let mut total = self.elsewhere;
        self.topics.iter().for_each(|(_, counts)| total.add(counts));
        total
    }
}

/// A batch that has left the queue.
pub(crate) struct Handed {
    pub(crate) lost: Option<Lost>,
    pub(crate) updates: Vec<Queued>,
    pub(crate) expired: u64,
}

pub(crate) struct BusOracle {
    pub(crate) config: Config,
    capacity: usize,
    /// Priority and time-to-live by category.
    pub(crate) defaults: [(Priority, Option<u64>); 7],
    pub(crate) queue: VecDeque<Queued>,
    unreported: Lost,
    missing: bool,
    /// The earliest and the latest deadline that the bus may have computed.
    deadline: Option<(u64, u64)>,
    gap_deadline: Option<u64>,
    last_flush: Option<u64>,
    passed: u64,
    flush_to: u64,
    gap_flush: bool,
    pub(crate) closed: bool,
    /// The last time at which the bus had to read the clock.
    reading: u64,
    ranks: u64,
    pub(crate) sent: u64,
    pub(crate) coalesced: u64,
    pub(crate) lost: Counts,
    pub(crate) refused: [u64; 6],
    pub(crate) delivered: u64,
    pub(crate) in_flight: u64,
}

impl BusOracle {
    pub(crate) fn new(config: Config, capacity: usize) -> Self {
        let normal = (Priority::Normal, None);
        let mut defaults = [normal; 7];
        defaults[statusbus_tokio::Category::PROGRESS.index()].0 = Priority::Low;
        defaults[statusbus_tokio::Category::ERROR.index()].0 = Priority::High;
        Self {
            config: limited(config, capacity),
            capacity,
            defaults,
            queue: VecDeque::new(),
            unreported: Lost::default(),
            missing: false,
            deadline: None,
            gap_deadline: None,
            last_flush: None,
            passed: 0,
            flush_to: 0,
            gap_flush: false,
            closed: false,
            reading: 0,
            ranks: 0,
            sent: 0,
            coalesced: 0,
            lost: Counts::default(),
            refused: [0; 6],
            delivered: 0,
            in_flight: 0,
        }
    }

    fn interval(&self) -> u64 {
        self.config.flush_interval().as_micros() as u64
    }

    pub(crate) fn refuse(&mut self, reason: RefuseReason) {
        self.sent += 1;
        let index = RefuseReason::ALL.iter().position(|known| *known == reason).unwrap_or(0);
        self.refused[index] += 1;
    }

    fn lose(&mut self, topic: Topic, loss: Loss) {
        self.lost.count(loss);
        self.unreported.counts_of(topic).count(loss);
        self.missing = true;
    }

    /// The outcome of an update.
    pub(crate) fn send(&mut self, update: Update, now: u64) -> Outcome {
        if self.closed {
            self.refuse(RefuseReason::Closed);
            return Outcome::Refused(RefuseReason::Closed);
        }
        let (priority, ttl) = self.defaults[update.topic.category.index()];
        let (priority, ttl) = (update.priority.unwrap_or(priority), update.ttl.or(ttl));
        let limit = self.config.queue_limit();
        if ttl.is_some() || self.queue.is_empty() || self.queue.len() >= limit {
            self.reading = now;
        }
        let expiry = ttl.map_or(u64::MAX, |ttl| now.saturating_add(ttl));
        let since = (self.reading, now);
        let new = Queued { update, priority, expiry, since, rank: 0 };
        let same = self.queue.iter().rposition(|queued| {
            update.key.is_some()
                && queued.update.key == update.key
                && queued.update.topic == update.topic
        });
        if let Some(index) = same {
            let old = self.queue[index];
            if priority >= old.priority {
                let rank = if priority == old.priority { old.rank } else { self.next_rank() };
                // Only the front keeps its age: a value that changes all the time cannot hide that
                // nothing leaves.
                let since = if index == 0 { old.since } else { new.since };
                self.queue[index] = Queued { since, rank, ..new };
                self.sent += 1;
                self.coalesced += 1;
                return Outcome::Merged;
            }
        }
        if self.queue.len() < limit {
            self.sent += 1;
            self.append(new, now);
            return Outcome::Queued;
        }
        self.send_to_full(new, now)
    }

    fn send_to_full(&mut self, new: Queued, now: u64) -> Outcome {
        let topic = new.update.topic;
        if new.expiry <= now {
            self.sent += 1;
            self.lose(topic, Loss::Expired);
            return Outcome::Expired;
        }
        let (leaving, reason) = match self.config.overflow() {
            Overflow::Reject => {
                self.refuse(RefuseReason::Full);
                return Outcome::Refused(RefuseReason::Full);
            }
            Overflow::DropNewest => (None, DropReason::Newest),
            Overflow::DropOldest => (Some(0), DropReason::Oldest),
            Overflow::Evict => {
                let least = self.least(now);
                let old = self.queue[least];
                if old.priority > new.priority && old.expiry > now {
                    (None, DropReason::Outranked)
                } else {
                    (Some(least), DropReason::Evicted)
                }
            }
            other => unreachable!("{other}"),
        };
        self.sent += 1;
        let Some(old) = leaving.and_then(|index| self.queue.remove(index)) else {
            self.lose(topic, Loss::Dropped(reason));
            return Outcome::Dropped(reason);
        };
        let loss = if old.expiry <= now { Loss::Expired } else { Loss::Dropped(reason) };
        self.append(new, now);
        self.lose(old.update.topic, loss);
        Outcome::Displaced(loss)
    }

    const fn next_rank(&mut self) -> u64 {
        self.ranks += 1;
        self.ranks
    }

    fn append(&mut self, mut new: Queued, now: u64) {
        if self.deadline.is_none() {
            let latest = now + self.interval();
            let at = match (self.config.leading(), self.last_flush) {
                (Leading::Delayed, _) => latest,
                (Leading::Immediate, None) => now,
                (Leading::Immediate, Some(last)) => latest.min(now.max(last + self.interval())),
            };
            self.deadline = Some((at, at));
        }
        new.rank = self.next_rank();
        self.queue.push_back(new);
    }

    /// The eviction candidate under the policy `Evict`.
    fn least(&self, now: u64) -> usize {
        let oldest = |priority| {
            let of_it = self.queue.iter().enumerate().filter(|(_, q)| q.priority == priority);
            of_it.min_by_key(|(_, q)| q.rank).map(|(index, _)| index)
        };
        let fronts = [Priority::Low, Priority::Normal, Priority::High].map(oldest);
        let mut present = fronts.iter().flatten().copied();
        let expired = present.clone().find(|&index| self.queue[index].expiry <= now);
        expired.or_else(|| present.next()).unwrap_or(0)
    }

    pub(crate) fn reconfigure(&mut self, config: Config, now: u64) -> usize {
        self.reading = now;
        self.config = limited(config, self.capacity);
        let mut left = 0;
        while self.queue.len() > self.config.queue_limit() {
            let index = match self.config.overflow() {
                Overflow::Evict => self.least(now),
                Overflow::DropOldest => 0,
                Overflow::DropNewest | Overflow::Reject => self.queue.len() - 1,
                other => unreachable!("{other}"),
            };
            let Some(old) = self.queue.remove(index) else { break };
            let expired = old.expiry <= now;
            let shrunk = Loss::Dropped(DropReason::Shrunk);
            self.lose(old.update.topic, if expired { Loss::Expired } else { shrunk });
            left += 1;
        }
        let interval = self.interval();
        if let (Some(front), Some((early, late))) = (self.queue.front(), &mut self.deadline) {
            *early = (*early).min(front.since.0 + interval);
            *late = (*late).min(front.since.1 + interval);
        }
        if let Some(deadline) = &mut self.gap_deadline {
            *deadline = (*deadline).min(now + interval);
        }
        left
    }

    pub(crate) fn flush(&mut self, now: u64) {
        self.reading = now;
        self.flush_to = self.flush_to.max(self.passed + self.queue.len() as u64);
        self.gap_flush |= self.missing;
    }

    pub(crate) fn close(&mut self, now: u64) {
        self.reading = now;
        self.closed = true;
    }

    fn is_due_whatever_the_time(&self) -> bool {
        let len = self.queue.len();
        let full = self.config.batch_size().min(self.config.queue_limit());
        len > 0 && (len >= full || self.passed < self.flush_to)
            || self.gap_flush
            || self.closed && (len > 0 || self.missing)
    }

    /// Whether a batch may be handed on.
    pub(crate) fn may_be_due(&self, now: u64) -> bool {
        let early = self.deadline.map(|(early, _)| early);
        let times = early.into_iter().chain(self.gap_deadline);
        self.is_due_whatever_the_time() || times.min().is_some_and(|at| at <= now)
    }

    /// Whether a batch must have been handed on.
    pub(crate) fn must_be_due(&self, now: u64) -> bool {
        self.is_due_whatever_the_time() || self.next_deadline().is_some_and(|at| at <= now)
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.deadline.map(|(_, late)| late).into_iter().chain(self.gap_deadline).min()
    }

    /// Settles the last batch, as every poll of the runner does.
    pub(crate) const fn settle(&mut self, now: u64) {
        self.reading = now;
        self.delivered += self.in_flight;
        self.in_flight = 0;
    }

    /// Takes the next batch.
    pub(crate) fn hand(&mut self, now: u64) -> Handed {
        self.reading = now;
        let (mut updates, mut expired) = (Vec::new(), 0);
        while updates.len() < self.config.batch_size() {
            let Some(first) = self.queue.pop_front() else { break };
            self.passed += 1;
            if first.expiry <= now {
                expired += 1;
                self.lose(first.update.topic, Loss::Expired);
            } else {
                updates.push(first);
            }
        }
        if self.queue.is_empty() {
            self.deadline = None;
            self.passed = self.passed.max(self.flush_to);
        }
        self.last_flush = Some(now);
        self.gap_deadline = None;
        self.gap_flush = false;
        self.in_flight += updates.len() as u64;
        Handed { lost: self.report(), updates, expired }
    }

    fn report(&mut self) -> Option<Lost> {
        std::mem::take(&mut self.missing).then(|| std::mem::take(&mut self.unreported))
    }

    /// Losses that were not published yet.
    pub(crate) fn unreported(&self) -> u64 {
        self.unreported.total().total()
    }

    /// Drops everything queued: nothing is delivered any more. True if there are losses of more topics
    /// than the bus counts apart; which of them it counts apart is then not predicted.
    pub(crate) fn abandon(&mut self, now: u64) -> bool {
        self.close(now);
        self.settle(now);
        while let Some(first) = self.queue.pop_front() {
            self.lose(first.update.topic, Loss::Dropped(DropReason::Sink));
        }
        self.deadline = None;
        self.passed = self.passed.max(self.flush_to);
        self.unreported.elsewhere.total() > 0
    }

    /// The losses that are published after the queue was abandoned.
    pub(crate) fn final_losses(&mut self) -> Option<Lost> {
        self.gap_deadline = None;
        self.gap_flush = false;
        self.report()
    }

    /// The least and the greatest age of the front slot that the bus may compute.
    pub(crate) fn oldest(&self, now: u64) -> (u64, u64) {
        let Some(front) = self.queue.front() else { return (0, 0) };
        (self.reading.saturating_sub(front.since.1), now - front.since.0)
    }
}

/// `config` with a queue limit of at most `capacity`.
fn limited(config: Config, capacity: usize) -> Config {
    let limit = config.queue_limit().min(capacity);
    config.with_queue_limit(limit).expect("a bus has a slot")
}
