//! Opening, resuming and dropping readers.

use statusbus_tokio::{CategorySet, OnLag, Selector, Subscription};

use super::read::Reader;
use super::{EPOCH, World, name};
use crate::coverage::cover;
use crate::failure::{Failure, ensure};
use crate::operation::{Opening, Resume};
use crate::oracle::Source;
use crate::oracle::reader::ReaderOracle;

impl World<'_> {
    pub(super) fn open(&mut self, opening: &Opening) -> Result<(), Failure> {
        let head = self.log.head;
        let resume = match opening.resume {
            Resume::Not => None,
            Resume::Point(number) if !self.points.is_empty() => {
                Some((EPOCH, self.points[self.points.len() - 1 - number % self.points.len()]))
            }
            Resume::Point(_) => Some((EPOCH, 0)),
            Resume::Any(part) => Some((EPOCH, head * part / 1_000)),
            Resume::Future => Some((EPOCH, head + 1)),
            Resume::OtherEpoch => Some((EPOCH + 1, head / 2)),
        };
        let source = self.existing(opening.source);
        let (chosen, on_lag) = (opening.categories, opening.on_lag);
        let (subscription, oracle) =
            self.begin(source, chosen, on_lag, opening.retained, resume)?;
        if self.readers.len() >= self.settings.readers {
            self.leave(0)?;
        }
        let reader = match opening.handler {
            true => Reader::handled(subscription, oracle, &self.panics),
            false => Reader::polled(subscription, oracle, &self.panics),
        };
        let reader = reader.with_baseline(self);
        self.readers.push(reader);
        Ok(())
    }

    fn existing(&self, source: Source) -> Source {
        match source {
            Source::Everything => Source::Everything,
            Source::Conversation(number) => {
                Source::Conversation(number.min(self.settings.conversations))
            }
        }
    }

    /// Opens a subscription and checks whether it resumes where it must.
    pub(super) fn begin(
        &mut self,
        source: Source,
        categories: CategorySet,
        on_lag: OnLag,
        retained: bool,
        resume: Option<(u64, u64)>,
    ) -> Result<(Subscription, ReaderOracle), Failure> {
        let (head, now) = (self.log.head, self.now());
        self.forgetting.look(now, head, self.runner.is_none(), &mut self.retained);
        let selector = match source {
            Source::Everything => Selector::Everything,
            Source::Conversation(0) => Selector::System,
            Source::Conversation(number) => match Selector::conversation(&name(number)) {
                Ok(selector) => selector,
                Err(error) => {
                    return Err(Failure { rule: "name", detail: error.to_string() });
                }
            },
        };
        let mut subscribe =
            self.status.subscribe(selector).with_categories(categories).with_on_lag(on_lag);
        if retained {
            subscribe = subscribe.with_retained();
        }
        if let Some((epoch, seq)) = resume {
            subscribe = subscribe.resume(epoch, seq);
        }
        let subscription = subscribe.open();
        let recovered = subscription.recovered();
        let pos = match resume {
            Some((epoch, seq)) => {
                let possible = epoch == EPOCH && seq <= head;
                ensure!("recovered", possible || !recovered, "from {epoch}-{seq}, head {head}");
                let may_refuse = !possible
                    || self.log.may_refuse(source, seq)
                    || self.forgetting.may_refuse(source, seq);
                ensure!(
                    "not recovered",
                    recovered || may_refuse,
                    "{source:?} cannot resume at {seq} of {head}, although the log is kept from {}",
                    self.log.floor
                );
                cover(if recovered { "recovered" } else { "resume refused" });
                if recovered && self.log.is_inside_batch(seq) {
                    cover("resume inside a batch");
                }
                if recovered { seq } else { head }
            }
            None => head,
        };
        self.forgetting.enter(source);
        let resumed = recovered.then_some(head);
        let mut oracle = ReaderOracle::new(source, categories, on_lag, pos, resumed);
        let point = subscription.resume_point();
        if (retained || resume.is_some()) && !recovered {
            oracle.expect_retained(self.retained.snapshot(source, now), &self.log);
            ensure!("resume point", point.is_none(), "{point:?} before the retained values");
        } else {
            let least = self.log.last_update(source).min(pos);
            let right = point.is_some_and(|point| (least..=pos).contains(&point));
            ensure!("resume point", right, "begins at {point:?}, expected {pos}");
        }
        Ok((subscription, oracle))
    }

    /// Checks a resume point: opens a reader there with the same terms or, every fourth time, of
    /// everything, reads all events and drops it.
    pub(super) fn resume_behind(&mut self, index: usize, seq: u64) -> Result<(), Failure> {
        let reader = &self.readers[index];
        let (mut source, categories, on_lag) = reader.terms();
        if self.resumes.is_multiple_of(4) {
            source = Source::Everything;
        }
        let resume = Some((EPOCH, seq));
        let (subscription, oracle) = self.begin(source, categories, on_lag, false, resume)?;
        let reader = Reader::polled(subscription, oracle, &self.panics);
        self.readers.push(reader);
        let index = self.readers.len() - 1;
        self.read_plainly(index)?;
        self.leave(index).map(drop)
    }

    pub(super) fn come_back(
        &mut self,
        index: usize,
        as_other: Option<&Opening>,
    ) -> Result<(), Failure> {
        let Some(point) = self.readers[index].resume_point() else { return Ok(()) };
        let (mut source, mut categories, mut on_lag) = self.readers[index].terms();
        if let Some(other) = as_other {
            source = self.existing(other.source);
            (categories, on_lag) = (other.categories, other.on_lag);
            cover("recovered by another");
        }
        self.leave(index)?;
        let resume = Some((EPOCH, point));
        let (subscription, oracle) = self.begin(source, categories, on_lag, false, resume)?;
        let reader = Reader::polled(subscription, oracle, &self.panics).with_baseline(self);
        self.readers.push(reader);
        Ok(())
    }

    pub(super) fn leave(&mut self, index: usize) -> Result<(), Failure> {
        let reader = self.readers.remove(index);
        let (source, ..) = reader.terms();
        self.missed += reader.missed();
        self.forgetting.leave(source, &self.log);
        reader.go(self.runtime);
        self.read_handled()
    }
}
