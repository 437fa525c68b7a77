//! The queue beside that of the core, with the same calls: what can be seen is compared after each.
//!
//! `STATUSBUS_CASES` sets the number of cases, default 20,000; `STATUSBUS_SEED` the first. WebAssembly has no environment,
//! and runs the first 1,000.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use statusbus_core::{
    Accepted, Batch, BatchInfo, Bus, Category, Config, Instant, Item, Keyed, Leading, Loss,
    Outcome, Overflow, OverflowEvent, Polled, Priority, Receipt, RefuseReason, SendOptions, Slot,
    Telemetry, Update,
};

use super::{GAPS, Next, Queue};
use crate::batch::details::Details;
use crate::batch::subject::Topic;
use crate::batch::text::Text;
use crate::test;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    topic: Topic,
    key: Option<u8>,
    text: String,
}

impl Update for Sent {
    type Topic = Topic;
    type Keys = Keyed;
    const EMPTY: Self = Self {
        topic: Topic { conversation: 0, category: Category::INFO },
        key: None,
        text: String::new(),
    };

    fn topic(&self) -> Topic {
        self.topic
    }

    fn same_key(&self, other: &Self) -> bool {
        (self.topic, self.key) == (other.topic, other.key)
    }
}

/// Every event, in order.
#[derive(Clone, Debug, Default, PartialEq)]
struct Events(Vec<String>);

impl Telemetry for Events {
    fn polled(&mut self, batch: BatchInfo) {
        self.0.push(format!("{batch:?}"));
    }
    fn settled(&mut self, latency: Duration) {
        self.0.push(format!("settled {latency:?}"));
    }
    fn lost(&mut self, loss: Loss) {
        self.0.push(format!("{loss:?}"));
    }
    fn refused(&mut self, reason: RefuseReason) {
        self.0.push(format!("{reason:?}"));
    }
    fn coalesced(&mut self) {
        self.0.push("coalesced".to_owned());
    }
    fn overflow(&mut self, event: OverflowEvent) {
        self.0.push(format!("{event:?}"));
    }
}

type Core = Bus<Sent, Box<[Slot<Sent>]>, Events, { Category::MAX }, GAPS>;

#[derive(Clone, Copy)]
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % end.max(1)
    }
}

struct Case {
    random: Random,
    core: Core,
    queue: Queue<Events>,
    capacity: usize,
    now: u64,
    number: u64,
    settling: VecDeque<(Receipt, Receipt)>,
    keyed: u64,
    special: u64,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        random.below(2);
        let capacity = [1, 5, 40, 300][random.below(4) as usize];
        let config = config(&mut random, capacity as u64);
        let slots = (0..capacity).map(|_| Slot::VACANT).collect();
        let mut core = Core::with_slots(slots, config, Events::default());
        core.set_categories(8);
        let queue = Queue::new(capacity, config, 8, 1 << 20, Events::default());
        let (keyed, special) = ([0, 20, 60][random.below(3) as usize], random.below(3) * 20);
        let settling = VecDeque::new();
        Self { random, core, queue, capacity, now: 1_000, number: 0, settling, keyed, special }
    }

    fn run(&mut self) {
        for _ in 0..self.random.below(60) + 5 {
            match self.random.below(40) {
                0..20 => self.send_some(),
                20..28 => self.poll(),
                28..31 => self.settle(),
                31 => {
                    let (core, queue) = (self.core.flush(self.at()), self.queue.flush(self.at()));
                    assert_eq!(core, queue);
                }
                32 => self.reconfigure(),
                33 => self.reconfigure_category(),
                34 => {
                    self.core.refuse(RefuseReason::Invalid);
                    self.queue.refuse(RefuseReason::Invalid);
                }
                35 if self.random.below(8) == 0 => {
                    self.core.close(self.at());
                    self.queue.close(self.at());
                }
                _ => self.now += [1, 50, 3_000, 60_000, 2_000_000][self.random.below(5) as usize],
            }
            self.compare();
        }
        while self.queue.ledger().queued > 0 || !self.settling.is_empty() {
            self.now += 100_000;
            self.poll();
            self.settle();
            self.compare();
        }
        assert_eq!(self.queue.ledger().queued, 0);
    }

    const fn at(&self) -> Instant {
        Instant::from_micros(self.now)
    }

    fn send_some(&mut self) {
        let bulk = [1, 3, 30, 130][self.random.below(4) as usize];
        for _ in 0..self.random.below(bulk) + 1 {
            self.send();
            if self.random.below(20) == 0 {
                self.compare();
            }
        }
    }

    fn send(&mut self) {
        let random = &mut self.random;
        let category = Category::from_index(random.below(8) as usize).expect("a category");
        let category =
            if random.below(100) == 0 { Category::from_index(9).expect("one") } else { category };
        let topic = Topic { conversation: random.below(3) as u32, category };
        let key = (random.below(100) < self.keyed).then(|| random.below(4) as u8);
        let mut options = SendOptions::new(category);
        if let Some(key) = key {
            // Hashes that fall together.
            options = options.with_key_hash(u32::from(key % 2));
        }
        if random.below(100) < self.special {
            options = match random.below(4) {
                0 => options
                    .with_ttl(Duration::from_micros([0, 40, 5_000][random.below(3) as usize])),
                1 => options.with_run_end(),
                _ => options.with_priority(Priority::ALL[random.below(3) as usize]),
            };
        }
        self.number += 1;
        let len = [3, 44, 45, 200][random.below(4) as usize];
        let text = format!("{:0len$}", self.number);
        let has_metadata = random.below(100) < self.special;
        let now = Instant::from_micros(self.now);
        let mut sent = Sent { topic, key, text: text.clone() };
        let expected = self.core.push(&mut sent, options, || now);
        let is_plain = key.is_none() && !has_metadata && options == SendOptions::new(category);
        let text = match random.below(3) {
            0 => Text::from(Arc::from(text)),
            1 => Text::from(text),
            _ => Text::from(&*text).into_owned(),
        };
        let is_joined = is_plain
            && (self.queue.push_plain(topic, text.as_str()) || self.queue.push_long(topic, &text));
        let outcome = if is_joined {
            Outcome::Queued
        } else {
            let key_hash = key.map_or(0, |key| u32::from(key % 2));
            let key = key.map(|key| key.to_string().into());
            let details = Details { key, key_hash, metadata: None, age: 7 };
            let mut details = (key_of(&details) || has_metadata).then(|| Arc::new(details));
            let outcome = self.queue.push(topic, &text, &mut details, &options, || now).0;
            assert!(!outcome.is_queued() || details.is_none(), "they are stored");
            outcome
        };
        assert_eq!(outcome, expected);
        assert_eq!(self.queue.take_wake(), self.core.take_wake(), "after {outcome:?}");
    }

    fn poll(&mut self) {
        let size = self.core.config().batch_size();
        let mut batch =
            Batch::<Sent, Box<[Item<Sent>]>>::with_items((0..size).map(|_| Item::VACANT).collect());
        let polled = self.core.poll(&mut batch, self.at());
        let next = self.queue.poll(self.at());
        let taken = match (polled, next) {
            (Polled::Wait(expected), Next::Wait(until)) => {
                assert_eq!(until, expected);
                return;
            }
            (Polled::Batch, Next::Batch(taken)) => taken,
            (expected, _) => panic!("{expected:?} expected"),
        };
        assert_eq!(taken.gap_seq, batch.gap_seq());
        let gap = taken.gap_seq.and_then(|seq| self.queue.gap(seq));
        assert_eq!(format!("{gap:?}"), format!("{:?}", self.core.gap(&batch)));
        if let Some(seq) = taken.gap_seq.filter(|_| self.random.below(2) == 0) {
            self.queue.confirm_losses(seq);
            self.core.confirm_losses(&batch, usize::MAX);
        }
        let wall = 10 * self.now;
        let mut block = taken.block.unwrap_or_default();
        block.deliver(taken.first_seq, taken.began, self.now, wall);
        let seen: Vec<_> = block
            .iter_from(0)
            .map(|update| {
                let owned = update.to_owned();
                assert_eq!(owned.text.as_str(), update.text());
                let key = update.key().map(|key| key.parse().expect("a number"));
                let sent = Sent { topic: owned.topic, key, text: update.text().to_owned() };
                (owned.seq, sent, owned.terms.priority, owned.terms.sent_at, owned.terms.expires)
            })
            .collect();
        let expected: Vec<_> = batch
            .iter()
            .map(|one| {
                let expires = self.now.saturating_add(one.ttl_left_micros());
                (one.seq, one.update.clone(), one.priority, wall - one.waited_micros(), expires)
            })
            .collect();
        assert_eq!(seen, expected);
        assert_eq!(block.last_seq(), expected.last().map_or(0, |last| last.0));
        let mut runs = Vec::new();
        block.for_each_run(|run| runs.push((run.start, run.len)));
        assert_eq!(runs.iter().map(|run| run.1).sum::<u32>() as usize, block.len());
        block.clear();
        if self.random.below(2) == 0 {
            self.queue.recycle(block);
        }
        self.settling.push_back((batch.take_receipt(), taken.receipt));
    }

    fn settle(&mut self) {
        let Some((core, queue)) = self.settling.pop_front() else { return };
        let accepted = if self.random.below(6) == 0 { Accepted::First(0) } else { Accepted::All };
        self.core.settle_receipt(core, accepted, self.at());
        let mark = self.queue.settle(queue, accepted, self.at());
        assert_eq!(mark, self.core.flushed());
    }

    fn reconfigure(&mut self) {
        let config = config(&mut self.random, self.capacity as u64);
        let mut expected = Vec::new();
        self.core.reconfigure(config, |_, loss| expected.push(loss), self.at());
        let removed = self.queue.reconfigure(config, self.at());
        let removed: Vec<_> = removed.into_iter().map(|(loss, _)| loss).collect();
        assert_eq!(removed, expected);
    }

    fn reconfigure_category(&mut self) {
        let random = &mut self.random;
        let category = Category::from_index(random.below(8) as usize).expect("a category");
        let priority = Priority::ALL[random.below(3) as usize];
        let ttl = (random.below(3) == 0).then(|| Duration::from_micros(random.below(9_000)));
        self.core.reconfigure_category(category, priority, ttl);
        self.queue.reconfigure_category(category, priority, ttl);
    }

    fn compare(&mut self) {
        let ledger = self.queue.ledger();
        assert!(ledger.is_balanced());
        assert_eq!(ledger, self.core.ledger());
        assert_eq!(self.queue.telemetry(), self.core.telemetry());
        assert_eq!(self.queue.take_wake(), self.core.take_wake());
        assert_eq!(self.queue.poll_at(), self.core.poll_at());
        assert_eq!(self.queue.is_drained(), self.core.is_drained());
        assert_eq!(self.queue.config(), self.core.config());
        if self.random.below(4) == 0 {
            assert_eq!(self.queue.depth(), self.core.depth());
        }
        self.queue.telemetry().0.clear();
        self.core.telemetry().0.clear();
    }
}

const fn key_of(details: &Details) -> bool {
    details.key.is_some()
}

fn config(random: &mut Random, capacity: u64) -> Config {
    let overflow = [Overflow::Evict, Overflow::DropNewest, Overflow::DropOldest, Overflow::Reject];
    let leading = [Leading::Immediate, Leading::Delayed][random.below(2) as usize];
    let policies = if random.below(3) == 0 { 4 } else { 1 };
    let policy = random.below(policies) as usize;
    Config::new()
        .with_queue_limit(1 + random.below(capacity + 2) as usize)
        .and_then(|config| config.with_batch_size(1 + random.below(50) as usize))
        .and_then(|config| {
            config.with_flush_interval(Duration::from_micros(1 + random.below(60_000)))
        })
        .expect("a valid configuration")
        .with_overflow(overflow[policy])
        .with_leading(leading)
}

#[test]
fn it_does_the_same_as_the_queue_of_the_core() {
    let setting = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
    };
    let first = setting("STATUSBUS_SEED", 1);
    let cases = if cfg!(target_family = "wasm") { 1_000 } else { 20_000 };
    for seed in first..first + setting("STATUSBUS_CASES", cases) {
        let run = std::panic::AssertUnwindSafe(|| Case::new(seed).run());
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("STATUSBUS_SEED={seed} STATUSBUS_CASES=1 shows it again");
            std::panic::resume_unwind(panic);
        }
    }
}
