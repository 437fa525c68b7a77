//! What a reader must get next, from its position alone: an independent account of everything that
//! lies behind it in the log.

use statusbus_tokio::{CategorySet, Event, GapScope, Lagged, OnLag};

use super::log::{Log, Loss, wanted};
use super::retained::Standing;
use super::{Conversation, Counts, Source};
use crate::failure::{Failure, ensure};
use crate::marks::mark;

/// An update as a reader saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) seq: u64,
    pub(crate) id: u64,
    pub(crate) conversation: Conversation,
    pub(crate) category: usize,
    pub(crate) key: Option<u8>,
}

/// What a reader was given, in the oracle's words.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    Retained { seq: u64, ids: Vec<u64> },
    Batch { seq: u64, updates: Vec<Seen> },
    Gap { seq: u64, scope: GapScope, counts: Counts },
    Lagged(Lagged),
}

/// Between events that belong together: nothing else may come, and nobody can resume here.
#[derive(Clone, Debug)]
struct Middle {
    /// They lead up to this position.
    to: u64,
    /// The rest of these losses was looked up when other categories were chosen.
    chosen_before: Option<CategorySet>,
    lagged: bool,
}

/// The values that come next.
#[derive(Clone, Debug)]
struct Values {
    standing: Standing,
    /// The categories that were chosen when they were looked up.
    chosen: CategorySet,
    /// The position behind which the reader goes on, at the least.
    least: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct ReaderOracle {
    pub(crate) source: Source,
    pub(crate) categories: CategorySet,
    on_lag: OnLag,
    /// Everything up to here is accounted for.
    pub(crate) pos: u64,
    middle: Option<Middle>,
    retained: Option<Values>,
    /// Losses that it must still be told.
    debts: Vec<Loss>,
    /// Losses up to here are among the debts.
    synced: u64,
    /// The positions in front of the batch that was read last, and in front of its first update.
    before_batch: Option<(u64, u64)>,
    last_given: u64,
    /// It may have passed what it does not want, unseen.
    pub(crate) reads_unseen: bool,
    /// The head when it was told that it goes on exactly where it resumed.
    recovered_at: Option<u64>,
    pub(crate) seen: u64,
    pub(crate) missed: u64,
    pub(crate) told: Counts,
    pub(crate) told_of_bus: Counts,
    /// Whether it saw, missed and was told everything since it began, once.
    pub(crate) is_plain: bool,
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
            middle: None,
            retained: None,
            debts: Vec::new(),
            synced: pos,
            before_batch: None,
            last_given: 0,
            reads_unseen: false,
            recovered_at,
            seen: 0,
            missed: 0,
            told: Counts::default(),
            told_of_bus: Counts::default(),
            is_plain: recovered_at.is_none() && categories == CategorySet::ALL,
        }
    }

    pub(crate) const fn on_lag(&self) -> OnLag {
        self.on_lag
    }

    /// Whether the event that was read last is a batch, into which it can be rewound.
    pub(crate) const fn is_behind_batch(&self) -> bool {
        self.before_batch.is_some()
    }

    /// The position of the last thing that it was given.
    pub(crate) const fn last_given(&self) -> u64 {
        self.last_given
    }

    pub(crate) fn expect_retained(&mut self, standing: Standing, log: &Log) {
        // Readers of everything may share values that stood a little earlier, and begin there.
        let least = match self.source {
            _ if self.middle.is_some() => self.pos,
            Source::Everything => log.floor.min(self.pos),
            Source::Conversation(_) => log.last_update(self.source).min(self.pos),
        };
        self.retained = Some(Values { standing, chosen: self.categories, least });
    }

    /// Whether more of the same position must follow.
    pub(crate) fn is_amid(&self) -> bool {
        self.middle.is_some() || self.retained.is_some()
    }

    pub(crate) fn set_categories(&mut self, categories: CategorySet) {
        if let Some(middle) = &mut self.middle {
            middle.chosen_before.get_or_insert(self.categories);
            mark("categories chosen amid gaps");
        }
        self.categories = categories;
        self.is_plain = false;
    }

    fn sync(&mut self, log: &Log) {
        self.debts.extend(log.losses(self.source, self.synced));
        self.synced = self.synced.max(log.head);
    }

    /// Whether a loss must be told to this reader; `None`: it may.
    fn is_owed(&self, loss: &Loss) -> Option<bool> {
        let Some(category) = loss.scope else { return Some(true) };
        let now = self.categories.contains(category);
        let chosen_before = self.middle.as_ref().and_then(|middle| {
            middle.chosen_before.filter(|_| loss.seq <= middle.to)
        });
        match chosen_before {
            Some(before) if before.contains(category) != now => None,
            _ => Some(now),
        }
    }

    /// Losses up to a position have been told, or are none of this reader's.
    fn expect_told(&mut self, log: &Log, to: u64) -> Result<(), Failure> {
        let owed = self.debts.iter().find(|loss| {
            loss.seq <= to
                && self.is_owed(loss) == Some(true)
                && !log.may_be_late(self.source, loss.seq)
        });
        ensure!(
            "loss untold",
            owed.is_none(),
            "{:?} is at {} and comes to {to}, and was not told {owed:?}",
            self.source,
            self.pos
        );
        let debts = std::mem::take(&mut self.debts);
        let late = |loss: &Loss| {
            self.is_owed(loss) == Some(true) && log.may_be_late(self.source, loss.seq)
        };
        self.debts = debts.into_iter().filter(|loss| loss.seq > to || late(loss)).collect();
        Ok(())
    }

    fn expect_nothing_wanted(&self, log: &Log, to: u64) -> Result<(), Failure> {
        let skipped = wanted(log.updates(self.source, self.pos, to), self.categories).next();
        ensure!(
            "update skipped",
            skipped.is_none(),
            "{:?} is at {} and comes to {to}, and did not get {skipped:?}",
            self.source,
            self.pos
        );
        Ok(())
    }

    /// Compares an event with what must come. `resume` is its resume point.
    pub(crate) fn read(
        &mut self,
        given: &Given,
        event: &Event,
        log: &Log,
        standing: impl FnOnce() -> Standing,
    ) -> Result<(), Failure> {
        self.sync(log);
        self.before_batch = None;
        let resume = event.resume_point();
        ensure!(
            "retained late",
            self.retained.is_none() || !matches!(given, Given::Batch { .. }),
            "the values that stand come first: {given:?}"
        );
        match given {
            Given::Retained { seq, ids } => self.read_retained(*seq, ids, log)?,
            Given::Batch { seq, updates } => {
                ensure!("middle", self.middle.is_none(), "{given:?} amid {:?}", self.middle);
                self.read_batch(*seq, updates, log)?;
            }
            Given::Gap { seq, scope, counts } => {
                self.read_gap(*seq, *scope, counts, resume, log)?;
            }
            Given::Lagged(lagged) => {
                ensure!("middle", self.middle.is_none(), "{given:?} amid {:?}", self.middle);
                self.read_lagged(*lagged, log)?;
                if self.on_lag == OnLag::Latest {
                    self.expect_retained(standing(), log);
                }
            }
        }
        if let Some(point) = resume {
            ensure!(
                "resume amid",
                self.retained.is_none(),
                "who resumes at {point} after {given:?} misses the values that stand"
            );
            ensure!("resume point", point >= self.pos, "{point} is before {}", self.pos);
            if self.middle.as_ref().is_none_or(|middle| !middle.lagged) {
                self.expect_nothing_wanted(log, point)?;
            }
            self.expect_told(log, point)?;
            self.pos = point;
            self.middle = None;
        }
        Ok(())
    }

    fn read_retained(&mut self, seq: u64, ids: &[u64], log: &Log) -> Result<(), Failure> {
        let Some(Values { standing, chosen, least }) = self.retained.take() else {
            return Err(Failure { rule: "retained twice", detail: format!("{ids:?} at {seq}") });
        };
        if !ids.is_empty() {
            mark("retained, not empty");
        }
        if self.middle.is_some() {
            mark("retained after a lag");
        }
        if seq < self.pos {
            mark("shared values");
        }
        let fits = standing.is(ids, seq, chosen) || standing.is(ids, seq, self.categories);
        ensure!(
            "retained",
            fits,
            "{:?} gets {ids:?} of {chosen:?} at {seq}, not {standing:?}",
            self.source
        );
        ensure!(
            "retained position",
            (least..=self.pos).contains(&seq),
            "{seq} is not in {least}..={}",
            self.pos
        );
        if self.middle.is_none() {
            self.is_plain &= seq == self.pos;
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
            "a batch leads from {} to {seq}, and the head is {}",
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
            "{:?} is at {} and gets {} updates up to {seq}, not {}; the first that differs: {differs:?}",
            self.source,
            self.pos,
            updates.len(),
            expected.len()
        );
        ensure!("empty batch", !updates.is_empty(), "a batch up to {seq} without an update");
        self.expect_told(log, seq)?;
        self.seen += updates.len() as u64;
        self.before_batch = updates.first().map(|first| (self.pos, first.seq - 1));
        self.pos = seq;
        self.last_given = updates.last().map_or(0, |update| update.seq);
        Ok(())
    }

    fn read_gap(
        &mut self,
        seq: u64,
        scope: GapScope,
        counts: &Counts,
        resume: Option<u64>,
        log: &Log,
    ) -> Result<(), Failure> {
        let lagged = self.middle.as_ref().is_some_and(|middle| middle.lagged);
        if !lagged {
            ensure!("retained late", self.retained.is_none(), "a gap at {seq} comes before");
            ensure!("position", seq > self.pos, "a gap at {seq} behind {}", self.pos);
            self.expect_nothing_wanted(log, seq)?;
        }
        let scope = match scope {
            GapScope::Topic(category) => Some(category),
            GapScope::Bus => None,
        };
        mark(if scope.is_some() { "gap of a topic" } else { "gap of all" });
        if lagged {
            mark("gap after a lag");
        } else if self.middle.is_some() {
            mark("gaps at one position");
        }
        let here = |loss: &Loss| loss.seq <= seq && loss.scope == scope;
        let (mut least, mut most) = (Counts::default(), Counts::default());
        let mut last = 0;
        let vague = self.source != Source::Everything && seq == log.vague;
        for loss in self.debts.iter().filter(|loss| here(loss)) {
            let owed = self.is_owed(loss);
            if owed == Some(true) {
                least.add(&loss.counts);
            }
            if owed != Some(false) {
                most.add(&loss.counts);
                last = loss.seq;
            }
        }
        ensure!(
            "gap",
            vague || counts.total() > 0 && (*counts == least || *counts == most),
            "{:?} is at {} and is told {counts:?} of {scope:?} up to {seq}, not {most:?}",
            self.source,
            self.pos
        );
        let same = self.middle.as_ref().is_some_and(|middle| middle.to == seq);
        let with_others = same || self.debts.iter().any(|loss| loss.seq == seq);
        ensure!(
            "gap position",
            vague || lagged || last == seq || last > 0 && with_others,
            "the last loss of {scope:?} is at {last}, and is told at {seq}"
        );
        self.debts.retain(|loss| !here(loss));
        self.last_given = self.last_given.max(seq);
        self.told.add(counts);
        if scope.is_none() {
            self.told_of_bus.add(counts);
        }
        if resume.is_none() {
            let before = self.middle.take();
            self.middle = Some(Middle {
                to: before.as_ref().map_or(seq, |middle| middle.to.max(seq)),
                chosen_before: before.and_then(|middle| middle.chosen_before),
                lagged,
            });
        }
        Ok(())
    }

    fn read_lagged(&mut self, lagged: Lagged, log: &Log) -> Result<(), Failure> {
        let Lagged { seq, missed, .. } = lagged;
        let (source, pos) = (self.source, self.pos);
        ensure!(
            "lagged",
            log.may_lag(source, pos),
            "{source:?} is at {pos}, head {}, floor {}: all that it needs is there, and it is told {lagged:?}",
            log.head,
            log.floor
        );
        ensure!(
            "lagged after resume",
            self.recovered_at.is_none_or(|head| head < log.head),
            "{source:?} was told that it goes on exactly at {pos}, and then {lagged:?}"
        );
        ensure!("position", seq > pos && seq <= log.head, "from {pos} {lagged:?}");
        let skipped = log.count(source, pos, seq);
        let unwanted = log.updates(source, pos, seq);
        let unwanted =
            unwanted.take_while(|update| !self.categories.contains(update.topic.category));
        let passed = if self.reads_unseen { unwanted.count() as u64 } else { 0 };
        let right = (skipped - passed..=skipped).contains(&missed);
        ensure!("missed", right, "{source:?} at {pos}: {lagged:?}, not {skipped}");
        let right = match self.on_lag {
            // It may share values that stood a little earlier.
            OnLag::Latest if source == Source::Everything => seq >= log.floor,
            OnLag::Latest => seq >= log.last_update(source),
            OnLag::Oldest => log.may_skip(source, pos, seq),
        };
        ensure!("skips what is there", right, "{source:?} at {pos}: {lagged:?}");
        mark(match (self.on_lag, source) {
            (_, Source::Everything) => "lagged, everything",
            (OnLag::Latest, _) => "lagged, latest",
            (OnLag::Oldest, _) => "lagged, oldest",
        });
        self.missed += missed;
        (self.pos, self.last_given) = (seq, seq);
        self.middle = Some(Middle { to: seq, chosen_before: None, lagged: true });
        if crate::failure::is_ignored("loss untold") {
            self.debts.retain(|loss| loss.seq > seq);
        }
        Ok(())
    }

    /// It finds nothing: everything up to the head is accounted for.
    pub(crate) fn find_nothing(&mut self, log: &Log) -> Result<(), Failure> {
        self.sync(log);
        ensure!("middle", self.middle.is_none(), "nothing comes amid {:?}", self.middle);
        ensure!("retained late", self.retained.is_none(), "the values that stand did not come");
        self.expect_nothing_wanted(log, log.head)?;
        self.expect_told(log, log.head)?;
        let late = self.debts.iter().find(|loss| self.is_owed(loss) == Some(true));
        ensure!("loss untold", late.is_none(), "{:?} is at the end without {late:?}", self.source);
        self.debts.clear();
        self.pos = log.head;
        self.before_batch = None;
        Ok(())
    }

    /// Where a rewind into the batch that was read last leads, at the least and at the most.
    pub(crate) fn rewound(&self, seq: u64) -> Option<(u64, u64)> {
        let (least, most) = self.before_batch?;
        (seq < self.pos).then(|| (seq.max(least), seq.max(most)))
    }

    pub(crate) fn rewind(&mut self, to: u64, log: &Log) {
        let again = wanted(log.updates(self.source, to, self.pos), self.categories).count();
        self.seen = self.seen.saturating_sub(again as u64);
        (self.pos, self.last_given) = (to, self.last_given.min(to));
        self.before_batch = None;
    }

    pub(crate) fn unread(&self, log: &Log) -> u64 {
        log.count(self.source, self.pos, u64::MAX)
    }

    /// Whether something must come for it: more than losses of the whole bus, of which readers are
    /// told once in a while.
    pub(crate) fn has_news(&self, log: &Log) -> bool {
        let update = wanted(log.updates(self.source, self.pos, u64::MAX), self.categories).next();
        let losses = log.losses(self.source, self.synced.max(self.pos));
        let mine = |loss: &Loss| {
            self.is_owed(loss) == Some(true)
                && (loss.scope.is_some() || self.source == Source::Everything)
        };
        update.is_some() || losses.iter().any(mine)
    }
}
