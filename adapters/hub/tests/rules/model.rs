//! Random operations against a naive model: every reader gets every update of its conversation once and in order,
//! each loss at its position, and after a lag the exact number of missed updates.

use std::time::Duration;

use statusbus_hub::{Category, CategorySet, Ledger, OnLag, Overflow, Selector, Status};

use crate::support::follower::Follower;
use crate::support::naive::{Naive, Sent, Settings};
use crate::support::random::Random;
use crate::support::task::Task;
use crate::support::{Bus, SECOND, Start, config, of, test};

const CONVERSATIONS: [&str; 4] = ["a", "b", "c", "d"];

struct Case {
    number: u64,
    random: Random,
    model: Naive,
    bus: Bus,
    followers: Vec<Follower>,
    seen: Ledger,
    missed: u64,
    /// The resume points of all events that were read.
    positions: Vec<u64>,
}

#[derive(Clone, Copy)]
enum Kind {
    SmallBatches,
    /// Batches that are larger than the history of a conversation.
    LargeBatches,
    /// So many losses that most of them count for the whole bus.
    ManyLosses,
    /// Texts that are larger than the limits in bytes.
    LongTexts,
}

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("case {}: {:?}", self.number, self.model.settings);
        }
    }
}

impl Case {
    fn new(kind: Kind, number: u64) -> Self {
        let mut random = Random::new(number);
        let overflow = [Overflow::DropNewest, Overflow::DropOldest][random.below(2)];
        let keys = random.among(0, 3);
        let settings = match kind {
            Kind::LargeBatches => Settings {
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
            Kind::ManyLosses => Settings {
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
            Kind::LongTexts => Settings {
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
            Kind::SmallBatches => Settings {
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
        let config = config(settings.limit, settings.batch_size).with_overflow(settings.overflow);
        let builder =
            Status::builder().with_config(config).with_epoch(7).with_retained_keys(settings.keys);
        let builder =
            builder.with_window(settings.window as usize).with_history(settings.history as usize);
        let bytes = settings.bytes.unwrap_or(1 << 20);
        let bus = builder.with_window_bytes(bytes).with_conversation_bytes(bytes).start();
        let seen = bus.ledger();
        Self {
            number,
            random,
            model: Naive::new(settings),
            bus,
            followers: Vec::new(),
            seen,
            missed: 0,
            positions: vec![0],
        }
    }

    fn run(mut self) {
        for _ in 0..self.random.among(10, 60) {
            match self.random.below(20) {
                0..8 => self.send(),
                8..10 => self.step(),
                10 => self.wait(),
                11..13 => self.flush(),
                13..15 => self.open(),
                15..18 => self.read(),
                18 => self.reconnect(),
                _ => self.drop_reader(),
            }
        }
        self.close();
    }

    fn send(&mut self) {
        let mut conversation = self.random.below(CONVERSATIONS.len());
        let Settings { bulk, expiring, .. } = self.model.settings;
        for _ in 0..self.random.among(1, bulk) {
            if expiring == 1 {
                conversation = self.random.below(CONVERSATIONS.len());
            }
            let sent = Sent {
                conversation,
                category: Category::from_index([0, 1, 2, 3, 5, 6][self.random.below(6)])
                    .expect("a category"),
                key: (self.random.below(3) == 0).then(|| self.random.below(4) as u32),
                expires: self.random.below(expiring + 1) == 0,
                number: self.model.sent,
            };
            self.model.send(sent);
            // Zeros before the number make the text longer.
            let len = if self.model.settings.bytes.is_some() { self.random.below(200) } else { 0 };
            let text = format!("{:0len$}", sent.number);
            let mut update = self.bus.update(CONVERSATIONS[conversation], sent.category, text);
            if let Some(key) = sent.key {
                update = update.key(key.to_string());
            }
            if sent.expires {
                update = update.ttl(Duration::ZERO);
            }
            update.send();
        }
        self.seen = self.bus.ledger();
    }

    /// Lets time pass, less than any deadline needs.
    fn wait(&mut self) {
        self.bus.pass(Duration::from_millis(self.random.among(1, 60) as u64));
        self.step();
    }

    /// Delivers one batch at most.
    fn step(&mut self) {
        self.bus.step();
        let ledger = self.bus.ledger();
        let taken = |ledger: &Ledger| ledger.delivered + ledger.in_flight;
        let delivered = taken(&ledger) - taken(&self.seen);
        let expired = ledger.expired - self.seen.expired;
        if delivered + expired > 0 {
            self.model.deliver(expired, delivered);
        }
        self.seen = ledger;
        assert!(ledger.is_balanced(), "{ledger:?}");
    }

    fn flush(&mut self) {
        let status = Status::clone(&self.bus);
        let mut flush = Task::new(status.flush());
        let mut steps = 0;
        while flush.poll().is_pending() {
            assert!(steps < 200, "a flush ends");
            self.step();
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
            1 => Some(self.positions[self.random.below(self.positions.len())]),
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
        let subscribe = self.bus.subscribe(selector).with_categories(categories);
        let mut subscribe = subscribe.with_on_lag(on_lag);
        if let Some(seq) = resume {
            subscribe = subscribe.resume(7, seq);
        }
        let subscription = subscribe.open();
        let start = match resume {
            Some(seq) if subscription.recovered() => {
                assert!(seq <= self.model.seq(), "a position in the future is not recovered");
                seq
            }
            Some(seq) => {
                let gone = self.model.may_be_gone(source, seq);
                assert!(gone || seq > self.model.seq(), "position {seq} of {source:?} is kept");
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
            self.positions.extend(event.resume_point());
        }
    }

    /// Replaces a reader by one that resumes at its position.
    fn reconnect(&mut self) {
        let Some(follower) = self.followers.pop() else { return };
        let Follower { subscription, source, categories, missed, .. } = follower;
        let seq = subscription.resume_point();
        drop(subscription);
        self.missed += missed;
        self.open_at(source, categories, seq);
    }

    fn drop_reader(&mut self) {
        if !self.followers.is_empty() {
            let which = self.random.below(self.followers.len());
            self.missed += self.followers.swap_remove(which).missed;
        }
    }

    fn close(mut self) {
        let unread = self.followers.iter().map(|follower| {
            let read =
                follower.subscription.resume_point().expect("it has a position").max(follower.seq);
            self.model.updates(follower.source, read).count() as u64
        });
        assert_eq!(self.bus.unread(), unread.sum::<u64>());
        let mut shutdown = Task::new(self.bus.shutdown(SECOND));
        assert!(shutdown.poll().is_pending(), "the delivery has not ended");
        drop(shutdown);
        let mut steps = 0;
        while !self.bus.is_ended() {
            assert!(steps < 200, "a closed bus ends");
            self.step();
            steps += 1;
        }
        for mut follower in std::mem::take(&mut self.followers) {
            while follower.read(&self.model).is_some() {}
            follower.expect_end();
            self.missed += follower.missed;
        }
        let ledger = self.bus.ledger();
        assert!(ledger.is_balanced(), "{ledger:?}");
        assert_eq!((ledger.sent, ledger.coalesced), (self.model.sent, self.model.merged));
        assert_eq!(
            (ledger.dropped.total(), ledger.expired),
            (self.model.dropped, self.model.expired)
        );
        assert_eq!(ledger.delivered, self.model.updates(None, 0).count() as u64);
        assert_eq!((self.bus.missed(), self.bus.readers()), (self.missed, 0));
    }
}

/// Runs cases; a tenth of them on WebAssembly, where they are slower.
fn run(kind: Kind, cases: std::ops::Range<u64>) {
    let share = if cfg!(target_family = "wasm") { 10 } else { 1 };
    for number in cases.step_by(share) {
        Case::new(kind, number).run();
    }
}

#[test]
fn every_reader_gets_every_update_once_and_in_order_or_the_number_that_it_missed() {
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
