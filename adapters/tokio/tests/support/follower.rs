//! A reader whose every event is compared with the naive model.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use statusbus_tokio::{Batch, CategorySet, Event, GapScope, Lagged, OnLag, Subscription};

use super::naive::{Naive, Scope, What};
use super::{seq_of, texts};

/// A reader, and what it has to get next.
pub(crate) struct Follower {
    pub(crate) subscription: Subscription,
    /// The conversation; `None`: everything.
    pub(crate) source: Option<usize>,
    pub(crate) categories: CategorySet,
    on_lag: OnLag,
    /// Up to this position it has everything, as the last event says.
    pub(crate) seq: u64,
    /// The first record of the model that it has not come to.
    next: usize,
    /// Losses that it came to, less those it was told.
    owed: BTreeMap<Scope, i64>,
    pub(crate) missed: u64,
    /// It has lagged and goes on with these retained values.
    expected: Option<Vec<u64>>,
}

impl Follower {
    /// Somebody who has everything up to `start`.
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

    /// Reads an event and compares it; at the end, nothing may be owed.
    pub(crate) fn read(&mut self, model: &Naive) -> Option<Event> {
        let before = self.subscription.resume_point().unwrap_or_default();
        let Some(event) = self.subscription.try_next() else {
            self.come_to(u64::MAX, model);
            self.expect_nothing_owed();
            return None;
        };
        match &event {
            Event::Batch(batch) => {
                let numbers: Vec<u64> =
                    texts(batch).iter().map(|text| text.parse().expect("a number")).collect();
                assert!(!numbers.is_empty());
                for (update, number) in batch.iter().zip(numbers) {
                    assert!(update.seq() > self.seq && update.seq() <= seq_of(&event));
                    assert_eq!(self.come_to(update.seq(), model), Some(number));
                    self.expect_nothing_owed();
                }
                assert!(seq_of(&event) > self.seq);
            }
            Event::Gap(gap) => {
                let scope = match (gap.scope, self.source) {
                    (GapScope::Topic(category), Some(source)) => Some((source, category)),
                    (GapScope::Topic(_), None) => panic!("everything has gaps of the whole bus"),
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
                self.expect_nothing_owed();
                self.check_retained(batch, &expected, model);
            }
            _ => unreachable!("no other kind exists"),
        }
        self.seq = seq_of(&event);
        Some(event)
    }

    fn lag(&mut self, before: u64, lagged: Lagged, model: &Naive) {
        assert!(model.may_be_gone(self.source, before), "what it needs is there");
        assert!(lagged.seq > before, "something is missing");
        let updates = |after| model.updates(self.source, after).count() as u64;
        assert_eq!(lagged.missed, updates(before) - updates(lagged.seq));
        self.missed += lagged.missed;
        self.seq = lagged.seq;
        // The losses in between are reported all the same, behind this.
        while self.come_to(lagged.seq, model).is_some() {}
        match self.on_lag {
            OnLag::Latest => {
                // Of everything, readers that come together begin together.
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

    /// The position of the last record that is news for this reader.
    fn head(&self, model: &Naive) -> u64 {
        let news = |what: &What| match (what, self.source) {
            (_, None) => true,
            (What::Update(said), Some(source)) => said.conversation == source,
            (What::Gap(gap), Some(source)) => {
                gap.keys().any(|scope| scope.is_some_and(|(other, _)| other == source))
            }
        };
        let last = model.records.iter().rev().find(|record| news(&record.what));
        last.map_or(0, |record| record.seq)
    }

    /// Goes on in the model to the first update of this reader at or behind `seq`.
    fn come_to(&mut self, seq: u64, model: &Naive) -> Option<u64> {
        while let Some(record) = model.records.get(self.next).filter(|record| record.seq <= seq) {
            self.next += 1;
            match &record.what {
                What::Update(said) => {
                    let mine = self.source.is_none_or(|source| source == said.conversation);
                    if mine && self.categories.contains(said.category) {
                        return Some(said.number);
                    }
                }
                What::Gap(gap) => {
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

    fn expect_nothing_owed(&self) {
        let owed: Vec<_> = self.owed.iter().filter(|(_, count)| **count != 0).collect();
        assert!(owed.is_empty(), "losses untold (or told too often): {owed:?}");
    }

    pub(crate) fn expect_retained(&mut self, model: &Naive) {
        let Some(Event::Retained(batch)) = self.subscription.try_next() else {
            panic!("the values that stand come first");
        };
        assert!(self.source.is_none() || batch.seq() == self.seq);
        self.seq = batch.seq();
        self.next = model.records.partition_point(|record| record.seq <= self.seq);
        let expected = model.retained(self.source, self.categories, self.seq);
        self.check_retained(&batch, &expected, model);
    }

    fn check_retained(&self, batch: &Batch, standing: &[u64], model: &Naive) {
        let numbers: Vec<u64> =
            texts(batch).iter().map(|text| text.parse().expect("a number")).collect();
        match (model.knobs.bytes, self.source) {
            (None, _) => assert_eq!(numbers, standing),
            // The most recent ones, as many as there is room for, of each conversation by itself.
            (_, Some(_)) => assert!(standing.ends_with(&numbers), "{numbers:?} of {standing:?}"),
            (_, None) => {
                let mut standing = standing.iter();
                assert!(numbers.iter().all(|number| standing.any(|stands| stands == number)));
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
