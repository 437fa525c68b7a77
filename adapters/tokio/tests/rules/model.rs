//! Random operations against a naive model: every reader gets every update of its conversation in
//! order exactly once, every loss where it belongs, or is told exactly how many it missed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use statusbus_tokio::{Category, CategorySet, Ledger, OnLag, Overflow, Selector, Spawn, Status};

use crate::support::follower::Follower;
use crate::support::naive::{Knobs, Naive, Said};
use crate::support::random::Random;
use crate::support::{SECOND, config, of};

const CONVERSATIONS: [&str; 4] = ["a", "b", "c", "d"];

struct Case {
    number: u64,
    random: Random,
    model: Naive,
    status: Status,
    runner: Option<Pin<Box<dyn Future<Output = ()>>>>,
    followers: Vec<Follower>,
    seen: Ledger,
    missed: u64,
    /// Positions that somebody was told.
    places: Vec<u64>,
}

#[derive(Clone, Copy)]
enum Kind {
    SmallBatches,
    /// They are larger than what is kept of a conversation.
    LargeBatches,
    /// So many that they cannot be told apart.
    ManyLosses,
    /// They are longer than there is room for.
    LongTexts,
}

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("case {}: {:?}", self.number, self.model.knobs);
        }
    }
}

impl Case {
    fn new(kind: Kind, number: u64) -> Self {
        let mut random = Random::new(number);
        let overflow = [Overflow::DropNewest, Overflow::DropOldest][random.below(2)];
        let keys = random.among(0, 3);
        let knobs = match kind {
            Kind::LargeBatches => Knobs {
                limit: random.among(60, 120),
                batch_size: random.among(30, 60),
                window: random.among(0, 90) as u64,
                history: random.among(0, 40) as u64,
                bulk: 40,
                expiring: 20,
                keys,
                bytes: None,
                overflow,
            },
            Kind::ManyLosses => Knobs {
                limit: 60,
                batch_size: random.among(1, 12),
                window: random.among(0, 30) as u64,
                history: random.among(0, 12) as u64,
                bulk: 30,
                expiring: 1,
                keys,
                bytes: None,
                overflow,
            },
            Kind::LongTexts => Knobs {
                limit: random.among(1, 40),
                batch_size: random.among(1, 40),
                window: random.among(0, 40) as u64,
                history: random.among(0, 40) as u64,
                bulk: 12,
                expiring: 8,
                keys: 8,
                bytes: Some(random.among(0, 2_000)),
                overflow,
            },
            Kind::SmallBatches => Knobs {
                limit: random.among(1, 40),
                batch_size: random.among(1, 12),
                window: random.among(0, 40) as u64,
                history: random.among(0, 12) as u64,
                bulk: 12,
                expiring: 8,
                keys,
                bytes: None,
                overflow,
            },
        };
        let config = config(knobs.limit, knobs.batch_size).with_overflow(knobs.overflow);
        let builder =
            Status::builder().with_config(config).with_epoch(7).with_retained_keys(knobs.keys);
        let builder =
            builder.with_window(knobs.window as usize).with_history(knobs.history as usize);
        let bytes = knobs.bytes.unwrap_or(1 << 20);
        let (status, runner) =
            builder.with_window_bytes(bytes).with_conversation_bytes(bytes).build();
        let seen = status.ledger();
        Self {
            number,
            random,
            model: Naive::new(knobs),
            status,
            runner: Some(Box::pin(runner.run())),
            followers: Vec::new(),
            seen,
            missed: 0,
            places: vec![0],
        }
    }

    fn run(mut self) {
        for _ in 0..self.random.among(10, 60) {
            match self.random.below(20) {
                0..8 => self.send(),
                8..11 => {
                    let _ = self.step();
                }
                11..13 => self.flush(),
                13..15 => self.open(),
                15..18 => self.read(),
                18 => self.come_back(),
                _ => self.leave(),
            }
        }
        self.close();
    }

    fn send(&mut self) {
        let mut conversation = self.random.below(CONVERSATIONS.len());
        let Knobs { bulk, expiring, .. } = self.model.knobs;
        for _ in 0..self.random.among(1, bulk) {
            if expiring == 1 {
                conversation = self.random.below(CONVERSATIONS.len());
            }
            let said = Said {
                conversation,
                category: Category::from_index([0, 1, 2, 3, 5, 6][self.random.below(6)])
                    .expect("a category"),
                key: (self.random.below(3) == 0).then(|| self.random.below(4) as u32),
                expires: self.random.below(expiring + 1) == 0,
                number: self.model.sent,
            };
            self.model.send(said);
            // A number is one with zeros before it, too.
            let len = if self.model.knobs.bytes.is_some() { self.random.below(200) } else { 0 };
            let text = format!("{:0len$}", said.number);
            let mut draft = self.status.update(CONVERSATIONS[conversation], said.category, text);
            if let Some(key) = said.key {
                draft = draft.key(key.to_string());
            }
            if said.expires {
                draft = draft.ttl(Duration::ZERO);
            }
            draft.send();
        }
        self.seen = self.status.ledger();
    }

    /// Lets the runner go on by one batch at most.
    fn step(&mut self) -> Poll<()> {
        let Some(runner) = &mut self.runner else { return Poll::Ready(()) };
        let polled = runner.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let ledger = self.status.ledger();
        let handed = |ledger: &Ledger| ledger.delivered + ledger.in_flight;
        let more = handed(&ledger) - handed(&self.seen);
        let expired = ledger.expired - self.seen.expired;
        if more + expired > 0 {
            self.model.hand_on(expired, more);
        }
        self.seen = ledger;
        assert!(ledger.is_balanced(), "{ledger:?}");
        polled
    }

    fn flush(&mut self) {
        let status = self.status.clone();
        let mut flush = Box::pin(status.flush());
        let mut steps = 0;
        while flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            assert!(self.step().is_pending() && steps < 200, "a flush comes to its end");
            steps += 1;
        }
    }

    fn open(&mut self) {
        let source = match self.random.below(5) {
            4 => None,
            conversation => Some(conversation),
        };
        let categories = match self.random.below(3) {
            0 => CategorySet::ALL.without(Category::TOOL).without(Category::PROGRESS),
            _ => CategorySet::ALL,
        };
        let resume = match self.random.below(3) {
            0 => None,
            1 => Some(self.places[self.random.below(self.places.len())]),
            _ => Some(self.random.among(0, self.model.seq() as usize + 2) as u64),
        };
        self.open_at(source, categories, resume);
    }

    fn open_at(&mut self, source: Option<usize>, categories: CategorySet, resume: Option<u64>) {
        let selector = match source {
            Some(conversation) => of(CONVERSATIONS[conversation]),
            None => Selector::Everything,
        };
        let on_lag = [OnLag::Latest, OnLag::Oldest][self.random.below(2)];
        let subscribe = self.status.subscribe(selector).with_categories(categories);
        let mut subscribe = subscribe.with_on_lag(on_lag);
        if let Some(seq) = resume {
            subscribe = subscribe.resume(7, seq);
        }
        let subscription = subscribe.open();
        let start = match resume {
            Some(seq) if subscription.recovered() => {
                assert!(seq <= self.model.seq(), "nobody can go on from the future");
                seq
            }
            Some(seq) => {
                let gone = self.model.may_be_gone(source, seq);
                assert!(gone || seq > self.model.seq(), "position {seq} of {source:?} is there");
                self.model.seq()
            }
            None => self.model.seq(),
        };
        let fresh = resume.is_some() && !subscription.recovered();
        let model = &self.model;
        let mut follower = Follower::new(subscription, source, categories, on_lag, start, model);
        if fresh {
            follower.expect_retained(&self.model);
        }
        self.followers.push(follower);
    }

    fn read(&mut self) {
        if self.followers.is_empty() {
            return;
        }
        let which = self.random.below(self.followers.len());
        let most = self.random.among(1, 6);
        let follower = &mut self.followers[which];
        for _ in 0..most {
            let Some(event) = follower.read(&self.model) else { break };
            self.places.extend(event.resume_point());
        }
    }

    /// A reader breaks off and comes back.
    fn come_back(&mut self) {
        let Some(follower) = self.followers.pop() else { return };
        let Follower { subscription, source, categories, missed, .. } = follower;
        let seq = subscription.resume_point();
        drop(subscription);
        self.missed += missed;
        self.open_at(source, categories, seq);
    }

    fn leave(&mut self) {
        if !self.followers.is_empty() {
            let which = self.random.below(self.followers.len());
            self.missed += self.followers.swap_remove(which).missed;
        }
    }

    fn close(mut self) {
        let unread = self.followers.iter().map(|follower| {
            let read = follower.subscription.resume_point().expect("it began").max(follower.seq);
            self.model.updates(follower.source, read).count() as u64
        });
        assert_eq!(self.status.unread(), unread.sum::<u64>());
        let mut closing = Box::pin(self.status.shutdown(SECOND));
        let polled = closing.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "the runner has not ended");
        drop(closing);
        let mut steps = 0;
        while self.step().is_pending() {
            steps += 1;
            assert!(steps < 200, "a closed bus comes to its end");
        }
        self.runner = None;
        for mut follower in std::mem::take(&mut self.followers) {
            while follower.read(&self.model).is_some() {}
            follower.expect_end();
            self.missed += follower.missed;
        }
        let ledger = self.status.ledger();
        assert!(ledger.is_balanced(), "{ledger:?}");
        assert_eq!((ledger.sent, ledger.coalesced), (self.model.sent, self.model.merged));
        assert_eq!(
            (ledger.dropped.total(), ledger.expired),
            (self.model.dropped, self.model.expired)
        );
        assert_eq!(ledger.delivered, self.model.updates(None, 0).count() as u64);
        assert_eq!((self.status.missed(), self.status.readers()), (self.missed, 0));
    }
}

fn run(kind: Kind, cases: std::ops::Range<u64>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let _entered = runtime.enter();
    for number in cases {
        Case::new(kind, number).run();
    }
}

#[test]
fn every_reader_gets_everything_once_and_in_order_or_knows_what_it_missed() {
    run(Kind::SmallBatches, 0..8_000);
}

#[test]
fn the_same_with_other_cases() {
    run(Kind::SmallBatches, 8_000..16_000);
}

#[test]
fn the_same_with_large_batches() {
    run(Kind::LargeBatches, 0..2_000);
}

#[test]
fn the_same_with_many_losses() {
    run(Kind::ManyLosses, 0..2_000);
}

#[test]
fn the_same_with_long_texts() {
    run(Kind::LongTexts, 0..4_000);
}
