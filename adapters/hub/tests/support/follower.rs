//! A reader whose every event is compared with the naive model.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use statusbus_hub::{Batch, CategorySet, Event, GapScope, Lagged, OnLag, Subscription};

use super::naive::{Content, Naive, Scope};
use super::{seq_of, texts};

/// A reader, and the events that it must get next.
pub(crate) struct Follower {
    pub(crate) subscription: Subscription,
    /// The conversation; `None`: everything.
    pub(crate) source: Option<usize>,
    pub(crate) categories: CategorySet,
    on_lag: OnLag,
    /// The position of its last event: it has everything up to there.
    pub(crate) seq: u64,
    /// The first record of the model that it has not reached.
    next: usize,
    /// The losses that it has reached, less those that were reported to it.
    owed: BTreeMap<Scope, i64>,
    pub(crate) missed: u64,
    /// After a lag: the retained values that must come next.
    expected: Option<Vec<u64>>,
}

impl Follower {
    /// A reader that has everything up to `start`.
    pub(crate) fn new(
        subscription: Subscription,
        source: Option<usize>,
        categories: CategorySet,
        on_lag: OnLag,
        start: u64,
        model: &Naive,
    ) -> Self {
        Self {
            subscription,
            source,
            categories,
            on_lag,
            seq: start,
            next: model.records.partition_point(|record| record.seq <= start),
            owed: BTreeMap::new(),
            missed: 0,
            expected: None,
        }
    }

    /// Reads an event and compares it. At the end of the events no loss may be unreported.
    pub(crate) fn read(&mut self, model: &Naive) -> Option<Event> {
        let before = self.subscription.resume_point().unwrap_or_default();
        let Some(event) = self.subscription.try_next() else {
            self.advance_to(u64::MAX, model);
            self.expect_all_reported();
            return None;
        };
        match &event {
            Event::Batch(batch) => {
                let numbers: Vec<u64> =
                    texts(batch).iter().map(|text| text.parse().expect("a number")).collect();
                assert!(!numbers.is_empty());
                for (update, number) in batch.iter().zip(numbers) {
                    assert!(update.seq() > self.seq && update.seq() <= seq_of(&event));
                    assert_eq!(self.advance_to(update.seq(), model), Some(number));
                    self.expect_all_reported();
                }
                assert!(seq_of(&event) > self.seq);
            }
            Event::Gap(gap) => {
                let scope = match (gap.scope, self.source) {
                    (GapScope::Topic(category), Some(source)) => Some((source, category)),
                    (GapScope::Topic(_), None) => {
                        panic!("a reader of everything gets gaps of the whole bus")
                    }
                    (GapScope::Bus, _) => None,
                    _ => unreachable!("no other kind exists"),
                };
                assert!(gap.losses.total() > 0);
                *self.owed.entry(scope).or_default() -= gap.losses.total() as i64;
                assert!(seq_of(&event) >= self.seq, "{} < {}", seq_of(&event), self.seq);
            }
            Event::Lagged(lagged) => {
                self.lag(before, *lagged, model);
            }
            Event::Retained(batch) => {
                let expected = self.expected.take();
                let expected = expected.expect("retained values come first or after a lag");
                self.expect_all_reported();
                self.check_retained(batch, &expected, model);
            }
            _ => unreachable!("no other kind exists"),
        }
        self.seq = seq_of(&event);
        Some(event)
    }

    fn lag(&mut self, before: u64, lagged: Lagged, model: &Naive) {
        assert!(model.may_be_gone(self.source, before), "a reader lags only if updates are gone");
        assert!(lagged.seq > before, "a lag skips updates");
        let updates = |after| model.updates(self.source, after).count() as u64;
        assert_eq!(lagged.missed, updates(before) - updates(lagged.seq));
        self.missed += lagged.missed;
        self.seq = lagged.seq;
        // The losses in between are reported after the lag.
        while self.advance_to(lagged.seq, model).is_some() {}
        match self.on_lag {
            OnLag::Latest => {
                // Readers of everything that lag together go on at the same position.
                assert!(self.source.is_none() || lagged.seq == self.head(model));
                let expected = model.retained(self.source, self.categories, lagged.seq);
                self.expected = Some(expected);
            }
            OnLag::Oldest => {
                let kept = model.kept_behind(self.source, before);
                assert!(lagged.seq <= kept, "{} is skipped, {kept} is kept", lagged.seq);
            }
        }
    }

    /// The position of the last record that concerns this reader.
    fn head(&self, model: &Naive) -> u64 {
        let concerns = |content: &Content| match (content, self.source) {
            (_, None) => true,
            (Content::Update(sent), Some(source)) => sent.conversation == source,
            (Content::Gap(gap), Some(source)) => {
                gap.keys().any(|scope| scope.is_some_and(|(other, _)| other == source))
            }
        };
        let last = model.records.iter().rev().find(|record| concerns(&record.content));
        last.map_or(0, |record| record.seq)
    }

    /// Goes on in the model to the next update of this reader, up to the position `seq`.
    fn advance_to(&mut self, seq: u64, model: &Naive) -> Option<u64> {
        while let Some(record) = model.records.get(self.next).filter(|record| record.seq <= seq) {
            self.next += 1;
            match &record.content {
                Content::Update(sent) => {
                    let mine = self.source.is_none_or(|source| source == sent.conversation);
                    if mine && self.categories.contains(sent.category) {
                        return Some(sent.number);
                    }
                }
                Content::Gap(gap) => {
                    for (&scope, &count) in gap {
                        let scope = match (scope, self.source) {
                            (Some((conversation, category)), Some(source)) => {
                                if conversation != source || !self.categories.contains(category) {
                                    continue;
                                }
                                scope
                            }
                            _ => None,
                        };
                        *self.owed.entry(scope).or_default() += count as i64;
                    }
                }
            }
        }
        None
    }

    fn expect_all_reported(&self) {
        let owed: Vec<_> = self.owed.iter().filter(|(_, count)| **count != 0).collect();
        assert!(owed.is_empty(), "losses not reported, or reported twice: {owed:?}");
    }

    pub(crate) fn expect_retained(&mut self, model: &Naive) {
        let Some(Event::Retained(batch)) = self.subscription.try_next() else {
            panic!("the retained values come first");
        };
        assert!(self.source.is_none() || batch.seq() == self.seq);
        self.seq = batch.seq();
        self.next = model.records.partition_point(|record| record.seq <= self.seq);
        let expected = model.retained(self.source, self.categories, self.seq);
        self.check_retained(&batch, &expected, model);
    }

    fn check_retained(&self, batch: &Batch, retained: &[u64], model: &Naive) {
        let numbers: Vec<u64> =
            texts(batch).iter().map(|text| text.parse().expect("a number")).collect();
        match (model.settings.bytes, self.source) {
            (None, _) => assert_eq!(numbers, retained),
            // Of each conversation the most recent values that fit.
            (_, Some(_)) => assert!(retained.ends_with(&numbers), "{numbers:?} of {retained:?}"),
            (_, None) => {
                let mut retained = retained.iter();
                assert!(numbers.iter().all(|number| retained.any(|value| value == number)));
            }
        }
        assert_eq!(batch.seq(), self.seq);
    }

    pub(crate) fn expect_end(&mut self) {
        let end =
            Pin::new(&mut self.subscription).poll_next(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(end, Poll::Ready(None)), "the stream has ended");
    }
}
