//! The events that a reader must get next, computed from its position and the log alone.

mod losses;

use statusbus_tokio::{CategorySet, Event, GapScope, Lagged, OnLag};

use super::log::{Log, Loss, wanted};
use super::retained::Snapshot;
use super::{Conversation, Counts, Source};
use crate::coverage::cover;
use crate::failure::{Failure, ensure};

/// An update as a reader saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) seq: u64,
    pub(crate) id: u64,
    pub(crate) conversation: Conversation,
    pub(crate) category: usize,
    pub(crate) key: Option<u8>,
}

/// An event, reduced to what the oracle compares.
#[derive(Clone, Debug)]
pub(crate) enum Observed {
    Retained { seq: u64, ids: Vec<u64> },
    Batch { seq: u64, updates: Vec<Seen> },
    Gap { seq: u64, scope: GapScope, counts: Counts },
    Lagged(Lagged),
}

/// A sequence of events at one position: no other event may come between them, and none but the last
/// has a resume point.
#[derive(Clone, Debug)]
struct Sequence {
    /// The position.
    to: u64,
    /// The categories before they were changed within the sequence.
    categories_before: Option<CategorySet>,
    lagged: bool,
}

/// The retained values that come next.
#[derive(Clone, Debug)]
struct Values {
    snapshot: Snapshot,
    /// The categories at the time of the snapshot.
    chosen: CategorySet,
    /// The lowest position that the snapshot may have.
    least: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct ReaderOracle {
    pub(crate) source: Source,
    pub(crate) categories: CategorySet,
    on_lag: OnLag,
    /// All updates and losses up to this position are accounted for.
    pub(crate) pos: u64,
    sequence: Option<Sequence>,
    retained: Option<Values>,
    /// Losses that were published and not reported to this reader yet.
    debts: Vec<Loss>,
    /// Losses up to this position were added to the debts.
    synced: u64,
    /// If the last event was a batch: the position of the reader before it, and the position before
    /// its first update.
    before_batch: Option<(u64, u64)>,
    last_observed: u64,
    /// It is polled by a task, so that it may have passed unwanted updates without an event.
    pub(crate) reads_unseen: bool,
    /// The head when it resumed exactly where it was asked to.
    recovered_at: Option<u64>,
    pub(crate) seen: u64,
    pub(crate) missed: u64,
    pub(crate) reported: Counts,
    pub(crate) reported_for_bus: Counts,
    /// It has got everything since it began exactly once: it never resumed, rewound or filtered.
    pub(crate) is_complete: bool,
}

impl ReaderOracle {
    pub(crate) fn new(
        source: Source,
        categories: CategorySet,
        on_lag: OnLag,
        pos: u64,
        recovered_at: Option<u64>,
    ) -> Self {
        Self {
            source,
            categories,
            on_lag,
            pos,
            sequence: None,
            retained: None,
            debts: Vec::new(),
            synced: pos,
            before_batch: None,
            last_observed: 0,
            reads_unseen: false,
            recovered_at,
            seen: 0,
            missed: 0,
            reported: Counts::default(),
            reported_for_bus: Counts::default(),
            is_complete: recovered_at.is_none() && categories == CategorySet::ALL,
        }
    }

    pub(crate) const fn on_lag(&self) -> OnLag {
        self.on_lag
    }

    /// Whether the last event was a batch.
    pub(crate) const fn is_behind_batch(&self) -> bool {
        self.before_batch.is_some()
    }

    /// The position of the last update, gap or lag.
    pub(crate) const fn last_observed(&self) -> u64 {
        self.last_observed
    }

    pub(crate) fn expect_retained(&mut self, snapshot: Snapshot, log: &Log) {
        // Readers of everything may share a slightly older snapshot and begin at its position.
        let least = match self.source {
            _ if self.sequence.is_some() => self.pos,
            Source::Everything => log.floor.min(self.pos),
            Source::Conversation(_) => log.last_update(self.source).min(self.pos),
        };
        self.retained = Some(Values { snapshot, chosen: self.categories, least });
    }

    /// Whether more events of the same position must follow.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.sequence.is_some() || self.retained.is_some()
    }

    pub(crate) fn set_categories(&mut self, categories: CategorySet) {
        if let Some(sequence) = &mut self.sequence {
            sequence.categories_before.get_or_insert(self.categories);
            cover("categories changed between gaps of one position");
        }
        self.categories = categories;
        self.is_complete = false;
    }

    fn expect_nothing_wanted(&self, log: &Log, to: u64) -> Result<(), Failure> {
        let skipped = wanted(log.updates(self.source, self.pos, to), self.categories).next();
        ensure!(
            "update skipped",
            skipped.is_none(),
            "{:?} advances from {} to {to} and did not get {skipped:?}",
            self.source,
            self.pos
        );
        Ok(())
    }

    /// Compares an event with the expected one.
    pub(crate) fn read(
        &mut self,
        observed: &Observed,
        event: &Event,
        log: &Log,
        snapshot: impl FnOnce() -> Snapshot,
    ) -> Result<(), Failure> {
        self.sync(log);
        self.before_batch = None;
        let resume = event.resume_point();
        ensure!(
            "retained late",
            self.retained.is_none() || !matches!(observed, Observed::Batch { .. }),
            "retained values must come before {observed:?}"
        );
        match observed {
            Observed::Retained { seq, ids } => self.read_retained(*seq, ids, log)?,
            Observed::Batch { seq, updates } => {
                ensure!(
                    "sequence",
                    self.sequence.is_none(),
                    "{observed:?} inside {:?}",
                    self.sequence
                );
                self.read_batch(*seq, updates, log)?;
            }
            Observed::Gap { seq, scope, counts } => {
                self.read_gap(*seq, *scope, counts, resume, log)?;
            }
            Observed::Lagged(lagged) => {
                ensure!(
                    "sequence",
                    self.sequence.is_none(),
                    "{observed:?} inside {:?}",
                    self.sequence
                );
                self.read_lagged(*lagged, log)?;
                if self.on_lag == OnLag::Latest {
                    self.expect_retained(snapshot(), log);
                }
            }
        }
        if let Some(point) = resume {
            ensure!(
                "early resume point",
                self.retained.is_none(),
                "resuming at {point} after {observed:?} skips the retained values"
            );
            ensure!("resume point", point >= self.pos, "{point} is before {}", self.pos);
            if self.sequence.is_none() {
                self.expect_nothing_wanted(log, point)?;
            }
            self.expect_reported(log, point)?;
            self.pos = point;
            self.sequence = None;
        }
        Ok(())
    }

    fn read_retained(&mut self, seq: u64, ids: &[u64], log: &Log) -> Result<(), Failure> {
        let Some(Values { snapshot, chosen, least }) = self.retained.take() else {
            return Err(Failure { rule: "retained twice", detail: format!("{ids:?} at {seq}") });
        };
        if !ids.is_empty() {
            cover("retained, not empty");
        }
        if self.sequence.is_some() {
            cover("retained after a lag");
        }
        if seq < self.pos {
            cover("shared values");
        }
        let fits = snapshot.is(ids, seq, chosen) || snapshot.is(ids, seq, self.categories);
        ensure!(
            "retained",
            fits,
            "{:?} gets {ids:?} of {chosen:?} at {seq}, expected {snapshot:?}",
            self.source
        );
        ensure!(
            "retained position",
            (least..=self.pos).contains(&seq),
            "{seq} is not in {least}..={}",
            self.pos
        );
        if self.sequence.is_none() {
            self.is_complete &= seq == self.pos;
            self.debts.clear();
            self.pos = seq;
            self.synced = seq;
            self.sync(log);
        }
        Ok(())
    }

    fn read_batch(&mut self, seq: u64, updates: &[Seen], log: &Log) -> Result<(), Failure> {
        ensure!(
            "position",
            seq > self.pos && seq <= log.head,
            "a batch from {} to {seq}, with the head at {}",
            self.pos,
            log.head
        );
        let expected: Vec<Seen> = wanted(log.updates(self.source, self.pos, seq), self.categories)
            .map(|update| Seen {
                seq: update.seq,
                id: update.id,
                conversation: update.topic.conversation,
                category: update.topic.category.index(),
                key: update.key,
            })
            .collect();
        let differs = expected.iter().zip(updates).find(|(one, other)| one != other);
        ensure!(
            "updates",
            expected.len() == updates.len() && differs.is_none(),
            "{:?} at {} gets {} updates up to {seq}, expected {}; first difference: {differs:?}",
            self.source,
            self.pos,
            updates.len(),
            expected.len()
        );
        ensure!("empty batch", !updates.is_empty(), "a batch up to {seq} without an update");
        self.expect_reported(log, seq)?;
        self.seen += updates.len() as u64;
        self.before_batch = updates.first().map(|first| (self.pos, first.seq - 1));
        self.pos = seq;
        self.last_observed = updates.last().map_or(0, |update| update.seq);
        Ok(())
    }

    fn read_lagged(&mut self, lagged: Lagged, log: &Log) -> Result<(), Failure> {
        let Lagged { seq, missed, .. } = lagged;
        let (source, pos) = (self.source, self.pos);
        ensure!(
            "lagged",
            log.may_lag(source, pos),
            "{source:?} at {pos} gets {lagged:?}, although the log is kept from {} to {}",
            log.floor,
            log.head
        );
        ensure!(
            "lagged after resume",
            self.recovered_at.is_none_or(|head| head < log.head),
            "{source:?} resumed exactly at {pos} and then gets {lagged:?}"
        );
        ensure!("position", seq > pos && seq <= log.head, "from {pos} {lagged:?}");
        let skipped = log.count(source, pos, seq);
        let unwanted = log.updates(source, pos, seq);
        let unwanted =
            unwanted.take_while(|update| !self.categories.contains(update.topic.category));
        let passed = if self.reads_unseen { unwanted.count() as u64 } else { 0 };
        let right = (skipped - passed..=skipped).contains(&missed);
        ensure!("missed", right, "{source:?} at {pos}: {lagged:?}, expected {skipped} missed");
        let right = match self.on_lag {
            // It may share a slightly older snapshot.
            OnLag::Latest if source == Source::Everything => seq >= log.floor,
            OnLag::Latest => seq >= log.last_update(source),
            OnLag::Oldest => log.may_skip(source, pos, seq),
        };
        ensure!("skips what is there", right, "{source:?} at {pos}: {lagged:?}");
        cover(match (self.on_lag, source) {
            (_, Source::Everything) => "lagged, everything",
            (OnLag::Latest, _) => "lagged, latest",
            (OnLag::Oldest, _) => "lagged, oldest",
        });
        self.missed += missed;
        (self.pos, self.last_observed) = (seq, seq);
        self.sequence = Some(Sequence { to: seq, categories_before: None, lagged: true });
        if crate::failure::is_ignored("loss unreported") {
            self.debts.retain(|loss| loss.seq > seq);
        }
        Ok(())
    }

    /// The reader has no event: everything up to the head must be accounted for.
    pub(crate) fn find_nothing(&mut self, log: &Log) -> Result<(), Failure> {
        self.sync(log);
        ensure!("sequence", self.sequence.is_none(), "no event inside {:?}", self.sequence);
        ensure!("retained late", self.retained.is_none(), "no retained values");
        self.expect_nothing_wanted(log, log.head)?;
        self.expect_reported(log, log.head)?;
        let late = self.debts.iter().find(|loss| self.is_owed(loss) == Some(true));
        ensure!(
            "loss unreported",
            late.is_none(),
            "{:?} is at the head without {late:?}",
            self.source
        );
        self.debts.clear();
        self.pos = log.head;
        self.before_batch = None;
        Ok(())
    }

    /// The lowest and the highest position that a rewind into the last batch may lead to.
    pub(crate) fn rewound(&self, seq: u64) -> Option<(u64, u64)> {
        let (least, most) = self.before_batch?;
        (seq < self.pos).then(|| (seq.max(least), seq.max(most)))
    }

    pub(crate) fn rewind(&mut self, to: u64, log: &Log) {
        let again = wanted(log.updates(self.source, to, self.pos), self.categories).count();
        self.seen = self.seen.saturating_sub(again as u64);
        (self.pos, self.last_observed) = (to, self.last_observed.min(to));
        self.before_batch = None;
    }

    pub(crate) fn unread(&self, log: &Log) -> u64 {
        log.count(self.source, self.pos, u64::MAX)
    }

    /// Whether an event must follow for which the reader was woken. Losses of the whole bus wake with a
    /// delay: only those published up to `bus_losses_by` count.
    pub(crate) fn has_news(&self, log: &Log, bus_losses_by: Option<u64>) -> bool {
        let update = wanted(log.updates(self.source, self.pos, u64::MAX), self.categories).next();
        let losses = log.losses(self.source, self.synced.max(self.pos));
        let mine = |loss: &Loss| {
            self.is_owed(loss) == Some(true)
                && (loss.scope.is_some()
                    || self.source == Source::Everything
                    || bus_losses_by.is_some_and(|by| loss.at <= by))
        };
        update.is_some() || losses.iter().any(mine)
    }
}
