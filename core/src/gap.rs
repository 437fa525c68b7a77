//! Losses, told where the missing updates would have been.

use crate::ledger::{DropReason, Dropped};

/// Updates that readers will never see: dropped, by reason, and expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Losses {
    /// Dropped, by reason.
    pub dropped: Dropped,
    /// Found to have outlived their time-to-live.
    pub expired: u64,
}

impl Losses {
    pub(crate) const NONE: Self = Self { dropped: Dropped::NONE, expired: 0 };

    /// How many updates are missing.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.dropped.total() + self.expired
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// Adds what `other` counts.
    pub fn add(&mut self, other: &Self) {
        for reason in DropReason::ALL {
            *self.dropped.count_mut(reason) += other.dropped.count(reason);
        }
        self.expired += other.expired;
    }

    /// The counts that are not zero, with why.
    pub fn iter(&self) -> impl Iterator<Item = (Loss, u64)> {
        let dropped =
            DropReason::ALL.map(|reason| (Loss::Dropped(reason), self.dropped.count(reason)));
        let all = dropped.into_iter().chain([(Loss::Expired, self.expired)]);
        all.filter(|&(_, count)| count > 0)
    }

    fn count(&mut self, loss: Loss) {
        match loss {
            Loss::Expired => self.expired += 1,
            Loss::Dropped(reason) => *self.dropped.count_mut(reason) += 1,
        }
    }
}

/// Why readers will never see an update that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Loss {
    /// It outlived its time-to-live.
    Expired,
    /// It was dropped.
    Dropped(DropReason),
}

impl Loss {
    /// The name in JSON, JavaScript and traces: that of the reason, or `expired`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Dropped(reason) => reason.as_str(),
        }
    }
}

/// A record in the stream, where the missing updates would have been: how many, and why.
///
/// It stands in front of the batch that it comes with and has a position of its own, so that a
/// reader who resumes neither misses it nor gets it twice.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Gap<T, const GAPS: usize> {
    pub(crate) seq: u64,
    /// See [`retold`](Self::retold).
    retold: u32,
    /// See [`confirmed`](Self::confirmed).
    confirmed: u32,
    pub(crate) topics: heapless::Vec<(T, Losses), GAPS>,
    pub(crate) elsewhere: Losses,
}

impl<T, const GAPS: usize> Gap<T, GAPS> {
    pub(crate) const fn new() -> Self {
        Self {
            seq: 0,
            retold: 0,
            confirmed: 0,
            topics: heapless::Vec::new(),
            elsewhere: Losses::NONE,
        }
    }

    /// Whether it has a position: it is told in front of a batch.
    pub(crate) const fn is_told(&self) -> bool {
        self.seq > 0
    }

    pub(crate) fn clear(&mut self) {
        self.topics.clear();
        (self.seq, self.elsewhere) = (0, Losses::NONE);
        (self.retold, self.confirmed) = (0, 0);
    }

    /// The position of this record.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// How many gaps before this one had a position, were not accepted, not even in part, and are
    /// reported here. A reader that follows the positions misses theirs, besides those of the updates
    /// that the sink did not accept.
    #[must_use]
    pub const fn retold(&self) -> u64 {
        self.retold as u64
    }

    /// How many of its losses have been passed on one by one, by
    /// [`Batch::confirm_losses`](crate::Batch::confirm_losses).
    #[must_use]
    pub const fn confirmed(&self) -> usize {
        self.confirmed as usize
    }

    /// Its losses one by one: those of [topics](Self::topics), in order, then those
    /// [elsewhere](Self::elsewhere), without a topic, if there are any. `None` behind the last.
    #[must_use]
    pub fn loss(&self, index: usize) -> Option<(Option<&T>, &Losses)> {
        match self.topics.get(index) {
            Some((topic, losses)) => Some((Some(topic), losses)),
            None if index == self.topics.len() && self.elsewhere != Losses::NONE => {
                Some((None, &self.elsewhere))
            }
            None => None,
        }
    }

    /// So many more of its losses have been passed on. Answers whether some have not.
    pub(crate) fn confirm(&mut self, losses: usize) -> bool {
        let losses = u32::try_from(losses).unwrap_or(u32::MAX);
        self.confirmed = self.confirmed.saturating_add(losses);
        self.loss(self.confirmed()).is_some()
    }

    /// The losses of single topics. Each is news for the readers of its topic.
    #[must_use]
    pub fn topics(&self) -> &[(T, Losses)] {
        &self.topics
    }

    /// The losses of topics that found no place in the table: news for every reader, of the whole
    /// bus.
    #[must_use]
    pub const fn elsewhere(&self) -> &Losses {
        &self.elsewhere
    }

    /// All losses.
    #[must_use]
    pub fn total(&self) -> Losses {
        let mut total = self.elsewhere;
        for (_, losses) in &self.topics {
            total.add(losses);
        }
        total
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty() && self.elsewhere.is_empty()
    }
}

impl<T: PartialEq, const GAPS: usize> Gap<T, GAPS> {
    /// Counts one loss, of a topic if it is known. O(1): the table is small and fixed.
    pub(crate) fn count(&mut self, topic: Option<T>, loss: Loss) {
        self.losses_of(topic).count(loss);
    }

    /// Takes in the losses of a gap that was not accepted, or not all of them. A gap that was accepted
    /// in part has come through, with the number of gaps that it reports again.
    // By reference: taking the topics out by value would link heapless's panics.
    pub(crate) fn take_back(&mut self, gap: &Self)
    where
        T: Clone,
    {
        if gap.confirmed == 0 {
            self.retold = self.retold.saturating_add(gap.retold).saturating_add(1);
        }
        for (topic, losses) in gap.topics.get(gap.confirmed()..).unwrap_or_default() {
            self.losses_of(Some(topic.clone())).add(losses);
        }
        if gap.confirmed() <= gap.topics.len() {
            self.elsewhere.add(&gap.elsewhere);
        }
    }

    /// Where the losses of a topic are counted: in its place in the table, in a new one, or elsewhere.
    fn losses_of(&mut self, topic: Option<T>) -> &mut Losses {
        let Some(topic) = topic else { return &mut self.elsewhere };
        let known = self.topics.iter().position(|(known, _)| *known == topic);
        let index = known.unwrap_or(self.topics.len());
        if known.is_none() {
            let _ = self.topics.push((topic, Losses::NONE)); // full: elsewhere
        }
        match self.topics.get_mut(index) {
            Some((_, losses)) => losses,
            None => &mut self.elsewhere,
        }
    }
}
