//! The losses that a reader must be given, and the gaps that report them.

use statusbus_tokio::GapScope;

use super::{ReaderOracle, Sequence};
use crate::coverage::cover;
use crate::failure::{Failure, ensure};
use crate::oracle::log::{Log, Loss};
use crate::oracle::{Counts, Source};

impl ReaderOracle {
    pub(super) fn sync(&mut self, log: &Log) {
        self.debts.extend(log.losses(self.source, self.synced));
        self.synced = self.synced.max(log.head);
    }

    /// Whether a loss must be reported to this reader; `None`: it may be, because the categories changed
    /// between the events of its position.
    pub(super) fn is_owed(&self, loss: &Loss) -> Option<bool> {
        if loss.is_optional {
            return None;
        }
        let Some(category) = loss.scope else { return Some(true) };
        let now = self.categories.contains(category);
        let categories_before = self
            .sequence
            .as_ref()
            .and_then(|sequence| sequence.categories_before.filter(|_| loss.seq <= sequence.to));
        match categories_before {
            Some(before) if before.contains(category) != now => None,
            _ => Some(now),
        }
    }

    /// Checks that all losses up to a position were reported to this reader.
    pub(super) fn expect_reported(&mut self, log: &Log, to: u64) -> Result<(), Failure> {
        let owed = self.debts.iter().find(|loss| {
            loss.seq <= to
                && self.is_owed(loss) == Some(true)
                && !log.may_be_late(self.source, loss.seq)
        });
        ensure!(
            "loss unreported",
            owed.is_none(),
            "{:?} advances from {} to {to} and was not given {owed:?}",
            self.source,
            self.pos
        );
        let mut debts = std::mem::take(&mut self.debts);
        debts.retain_mut(|loss| {
            if loss.seq > to {
                return true;
            }
            // Merged into a later one, it may be reported to a reader that wants it by then.
            loss.is_optional |= self.is_owed(loss) != Some(true);
            log.may_be_late(self.source, loss.seq)
        });
        self.debts = debts;
        Ok(())
    }

    pub(super) fn read_gap(
        &mut self,
        seq: u64,
        scope: GapScope,
        counts: &Counts,
        resume: Option<u64>,
        log: &Log,
    ) -> Result<(), Failure> {
        let lagged = self.sequence.as_ref().is_some_and(|sequence| sequence.lagged);
        if !lagged {
            ensure!(
                "retained late",
                self.retained.is_none(),
                "a gap at {seq} precedes the retained values"
            );
            ensure!("position", seq > self.pos, "a gap at {seq}, after position {}", self.pos);
            // Later events of a sequence come with the updates before it read or filtered out already.
            if self.sequence.is_none() {
                self.expect_nothing_wanted(log, seq)?;
            }
        }
        let scope = match scope {
            GapScope::Topic(category) => Some(category),
            GapScope::Bus => None,
            _ => unreachable!("no other kind exists"),
        };
        cover(if scope.is_some() { "gap of a topic" } else { "gap of the bus" });
        if lagged {
            cover("gap after a lag");
        } else if self.sequence.is_some() {
            cover("gaps at one position");
        }
        let here = |loss: &Loss| loss.seq <= seq && loss.scope == scope;
        let (mut least, mut most) = (Counts::default(), Counts::default());
        let mut last = 0;
        let unattributed = self.source != Source::Everything && seq == log.unattributed;
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
        let mut compared = *counts;
        if log.abandoned > 0 && seq >= log.abandoned {
            least = least.with_expired_as_sink();
            most = most.with_expired_as_sink();
            compared = compared.with_expired_as_sink();
        }
        ensure!(
            "gap",
            unattributed || counts.total() > 0 && (compared == least || compared == most),
            "{:?} at {} is given losses {counts:?} of {scope:?} up to {seq}, expected {most:?}",
            self.source,
            self.pos
        );
        let same = self.sequence.as_ref().is_some_and(|sequence| sequence.to == seq);
        let with_others = same || self.debts.iter().any(|loss| loss.seq == seq);
        ensure!(
            "gap position",
            unattributed || lagged || last == seq || last > 0 && with_others,
            "the last loss of {scope:?} is at {last}, reported at {seq}"
        );
        self.debts.retain(|loss| !here(loss));
        self.last_observed = self.last_observed.max(seq);
        self.reported.add(counts);
        if scope.is_none() {
            self.reported_for_bus.add(counts);
        }
        if resume.is_none() {
            let before = self.sequence.take();
            self.sequence = Some(Sequence {
                to: before.as_ref().map_or(seq, |sequence| sequence.to.max(seq)),
                categories_before: before.and_then(|sequence| sequence.categories_before),
                lagged,
            });
        }
        Ok(())
    }
}
