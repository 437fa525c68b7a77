//! The losses that readers of a ring get: how many there were up to each position.

use std::collections::VecDeque;
use std::sync::Arc;

use statusbus_core::{Category, CategorySet, DropReason, Dropped, Losses};

/// Which updates a [`Gap`](crate::Gap) counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapScope {
    /// Those of this category in the conversation that the reader selected.
    Topic(Category),
    /// Those of any topic: more topics had losses than the bus counts apart, or the reader selected
    /// everything.
    Bus,
}

impl GapScope {
    /// Whether a reader of these categories gets such a gap.
    pub(crate) const fn is_of(self, categories: CategorySet) -> bool {
        match self {
            Self::Topic(category) => categories.contains(category),
            Self::Bus => true,
        }
    }
}

/// Positions with losses that the logs of everything and of the whole bus keep: of almost a minute if
/// each batch has some.
pub(crate) const MOST_LOSSES: usize = 1_024;

/// The last losses of a conversation, of everything, or those of the whole bus that no topic accounts
/// for.
///
/// Each record holds the totals up to its position. A reader keeps the record that it was given last,
/// so that the difference to any later one is exact, however many records between them are gone.
pub(crate) struct LossLog {
    records: VecDeque<LossRecord>,
    /// Scopes of all records together, and how many they may be.
    scopes: usize,
    most: usize,
    /// The position of the first record that was dropped. Between there and the oldest record that is
    /// left the totals are unknown.
    dropped_from: Option<u64>,
}

/// A position in a log and the totals up to there.
#[derive(Clone, Default)]
pub(crate) struct LossRecord {
    pub(crate) seq: u64,
    totals: Totals,
}

/// Losses by scope; nothing is allocated before the first loss.
#[derive(Clone, Default)]
struct Totals(Option<Arc<[(GapScope, Losses)]>>);

/// Scopes of all records together that the log of a conversation keeps: about 16 KiB. A reader that
/// resumes at a position before the oldest record gets the losses between in one sum.
const MOST_SCOPES: usize = 256;

impl Default for LossLog {
    fn default() -> Self {
        Self::new(MOST_SCOPES)
    }
}

impl LossLog {
    /// A log that keeps records with so many scopes together, and the last record in any case.
    pub(crate) const fn new(most: usize) -> Self {
        Self { records: VecDeque::new(), scopes: 0, most, dropped_from: None }
    }

    /// Appends the losses at a position.
    pub(crate) fn append(&mut self, seq: u64, losses: &[(GapScope, Losses)]) {
        let totals = self.last().map_or(Totals::default(), |last| last.totals.clone()).plus(losses);
        self.scopes += totals.iter().len();
        self.records.push_back(LossRecord { seq, totals });
        while self.scopes > self.most
            && self.records.len() > 1
            && let Some(oldest) = self.records.pop_front()
        {
            self.scopes -= oldest.totals.iter().len();
            self.dropped_from.get_or_insert(oldest.seq);
        }
    }

    fn last(&self) -> Option<&LossRecord> {
        self.records.back()
    }

    /// The position of the last record; 0: there is none.
    #[inline]
    pub(crate) fn last_seq(&self) -> u64 {
        self.last().map_or(0, |last| last.seq)
    }

    /// The first record behind a position.
    pub(crate) fn next_behind(&self, seq: u64) -> Option<&LossRecord> {
        if self.last_seq() <= seq {
            return None;
        }
        self.records.get(self.records.partition_point(|record| record.seq <= seq))
    }

    /// The last record up to a position. Before the oldest one that is left, and so possibly wrong if
    /// any was dropped: the one of no losses.
    pub(crate) fn last_up_to(&self, seq: u64) -> LossRecord {
        let known = self.records.partition_point(|record| record.seq <= seq);
        known.checked_sub(1).and_then(|last| self.records.get(last)).cloned().unwrap_or_default()
    }

    /// The same, if the totals at that position are known.
    pub(crate) fn known_at(&self, seq: u64) -> Option<LossRecord> {
        let oldest = self.records.front().map_or(0, |oldest| oldest.seq);
        let unknown = self.dropped_from.is_some_and(|from| from <= seq && seq < oldest);
        (!unknown).then(|| self.last_up_to(seq))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

impl LossRecord {
    /// The losses behind an earlier record of the same log, by scope.
    pub(crate) fn since(&self, earlier: &Self) -> impl Iterator<Item = (GapScope, Losses)> {
        let losses = self.totals.iter().map(|&(scope, total)| {
            let before = earlier.totals.iter().find(|(known, _)| *known == scope);
            (scope, before.map_or(total, |(_, before)| difference(&total, before)))
        });
        losses.filter(|(_, losses)| !losses.is_empty())
    }
}

impl Totals {
    fn iter(&self) -> std::slice::Iter<'_, (GapScope, Losses)> {
        self.0.as_deref().unwrap_or_default().iter()
    }

    fn plus(&self, more: &[(GapScope, Losses)]) -> Self {
        let mut totals: Vec<_> = self.iter().copied().collect();
        for (scope, losses) in more {
            match totals.iter_mut().find(|(known, _)| known == scope) {
                Some((_, total)) => total.add(losses),
                None => totals.push((*scope, *losses)),
            }
        }
        Self(Some(totals.into()))
    }
}

/// Totals only grow, so that no difference is negative.
fn difference(later: &Losses, earlier: &Losses) -> Losses {
    let dropped = DropReason::ALL.into_iter().fold(Dropped::default(), |dropped, reason| {
        dropped.with_count(reason, later.dropped.count(reason) - earlier.dropped.count(reason))
    });
    Losses { dropped, expired: later.expired - earlier.expired }
}

#[cfg(test)]
mod tests {
    use statusbus_core::Category;

    use super::*;
    use crate::test;

    const TOOL: GapScope = GapScope::Topic(Category::TOOL);
    const INFO: GapScope = GapScope::Topic(Category::INFO);

    fn expired(expired: u64) -> Losses {
        Losses { expired, dropped: Dropped::default() }
    }

    fn since(log: &LossLog, earlier: &LossRecord) -> Vec<(GapScope, u64)> {
        let last = log.last_up_to(u64::MAX);
        last.since(earlier).map(|(scope, losses)| (scope, losses.total())).collect()
    }

    #[test]
    fn what_lies_between_two_positions_is_exact_by_scope() {
        let mut log = LossLog::default();
        assert_eq!((log.last_seq(), log.next_behind(0).is_none()), (0, true));
        log.append(3, &[(TOOL, expired(1))]);
        log.append(7, &[(INFO, expired(2)), (TOOL, expired(4))]);
        assert_eq!(since(&log, &log.last_up_to(2)), [(TOOL, 5), (INFO, 2)]);
        assert_eq!(since(&log, &log.last_up_to(3)), [(TOOL, 4), (INFO, 2)]);
        assert_eq!(since(&log, &log.last_up_to(6)), [(TOOL, 4), (INFO, 2)]);
        assert_eq!(since(&log, &log.last_up_to(7)), []);
        assert_eq!(log.next_behind(3).map(|record| record.seq), Some(7));
    }

    #[test]
    fn a_record_that_was_dropped_is_in_the_next_one_and_its_own_position_is_unknown() {
        let mut log = LossLog::default();
        let most = MOST_SCOPES as u64;
        for seq in 1..=most + 10 {
            log.append(2 * seq, &[(TOOL, expired(1))]);
        }
        assert_eq!(log.records.len(), MOST_SCOPES);
        let known = |seq| log.known_at(seq).map(|record| since(&log, &record));
        assert_eq!(known(1), Some(vec![(TOOL, most + 10)]));
        assert!((2..22).all(|seq| known(seq).is_none()));
        assert_eq!(known(22), Some(vec![(TOOL, most - 1)]));
    }

    #[test]
    fn many_scopes_take_no_more_memory_and_the_sums_stay_exact() {
        let scopes = || (0..Category::MAX).filter_map(Category::from_index).map(GapScope::Topic);
        let mut log = LossLog::default();
        for seq in 1..=1_000 {
            let losses: Vec<_> = scopes().map(|scope| (scope, expired(1))).collect();
            log.append(seq, &losses);
        }
        assert_eq!(log.records.len(), MOST_SCOPES / Category::MAX);
        assert_eq!(log.scopes, MOST_SCOPES);
        let all: Vec<_> = scopes().map(|scope| (scope, 1_000)).collect();
        assert_eq!(since(&log, &LossRecord::default()), all);
    }
}
