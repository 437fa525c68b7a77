//! The slowest of many sends to a statusbus bus whose runner does not run: what one caller may have to
//! wait for while the bus rearranges its queue.

use std::hint::black_box;
use std::time::{Duration, Instant};

use statusbus_tokio::{Category, Conversation, Metadata, Priority, Runner, Spawn, Status};

use crate::cell::{METADATA, TEXT};
use crate::peers::QUEUE;

/// Sends in a fixed order to a new bus of default sizes.
#[derive(Debug)]
pub struct Scenario {
    /// The name in the tables and on the command line.
    pub name: &'static str,
    /// What is sent.
    pub title: &'static str,
    /// How many plain updates are queued before the first timed send.
    filled: usize,
    /// How many sends are timed.
    sends: usize,
    /// The send at a position.
    send: fn(usize) -> Send,
}

/// The scenarios.
pub const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "plain",
        title: "10,000 plain sends into an empty queue, 1,000 into the full one",
        filled: 0,
        sends: QUEUE + 1000,
        send: |_| Send::Plain(Category::INFO),
    },
    Scenario {
        name: "keyed-full",
        title: "sends with keys into a queue full of plain updates",
        filled: QUEUE,
        sends: 2 * QUEUE,
        send: |position| Send::Keyed(position % 1000, None),
    },
    Scenario {
        name: "priorities",
        title: "Low, Normal and High in irregular order, four out of five into the full queue",
        filled: 0,
        sends: 5 * QUEUE,
        send: |position| Send::Plain(irregular(position)),
    },
    Scenario {
        name: "merges",
        title: "every other send with one of 100 keys; one key becomes High halfway",
        filled: 0,
        sends: 3 * QUEUE,
        send: |position| match position {
            position if position.is_multiple_of(2) => Send::Plain(Category::INFO),
            position => {
                let key = position / 2 % 100;
                Send::Keyed(key, (key == 0 && position > QUEUE).then_some(Priority::High))
            }
        },
    },
    Scenario {
        name: "ttl",
        title: "metadata and a TTL of 0 to 5 ms",
        filled: 0,
        sends: 3 * QUEUE,
        send: |position| Send::Extra(Duration::from_millis(scatter(position) % 6)),
    },
    Scenario {
        name: "long",
        title: "texts of 16 KiB, the last 1,000 into the full queue",
        filled: 0,
        sends: QUEUE + 1000,
        send: |_| Send::Long,
    },
];

/// One send.
#[derive(Clone, Copy, Debug)]
enum Send {
    Plain(Category),
    /// With the key of this number, and a priority of its own.
    Keyed(usize, Option<Priority>),
    /// With metadata and a TTL.
    Extra(Duration),
    Long,
}

/// Times of sends in nanoseconds, each the least of several runs.
#[derive(Debug)]
pub struct Times(Vec<u32>);

impl Times {
    /// The time that this share of the sends does not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u32 {
        crate::table::quantile(&mut self.0.clone(), share)
    }

    /// The position and the time of the slowest send.
    #[must_use]
    pub fn worst(&self) -> (usize, u32) {
        let times = self.0.iter().copied().enumerate();
        times.rev().max_by_key(|(_, time)| *time).unwrap_or_default()
    }
}

impl Scenario {
    /// Runs it several times, each time from the start. What only one run shows is noise of the machine,
    /// so each position has the least of its times.
    #[must_use]
    pub fn run(&self, runs: usize) -> Times {
        let mut least = vec![u32::MAX; self.sends];
        for _ in 0..runs {
            let bus = Bus::new();
            for _ in 0..self.filled {
                bus.send(Send::Plain(Category::INFO));
            }
            for (position, least) in least.iter_mut().enumerate() {
                let send = black_box((self.send)(position));
                let start = Instant::now();
                bus.send(send);
                let took = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
                *least = took.min(*least);
            }
            bus.check(self.filled + self.sends);
        }
        Times(least)
    }
}

/// A bus whose runner exists and is never polled.
struct Bus {
    status: Status,
    conversation: Conversation,
    metadata: Metadata,
    keys: Vec<String>,
    long: String,
    _runner: Runner,
}

impl Bus {
    fn new() -> Self {
        let (status, runner) = Status::builder().build();
        Self {
            conversation: status.conversation("conv-0").expect("a valid name"),
            status,
            metadata: METADATA.parse().expect("a JSON object"),
            keys: (0..1000).map(|number| format!("download-{number}")).collect(),
            long: "x".repeat(16 * 1024),
            _runner: runner,
        }
    }

    #[inline(never)]
    fn send(&self, send: Send) {
        match send {
            Send::Plain(category) => self.conversation.send(category, black_box(TEXT)),
            Send::Keyed(key, priority) => {
                let update = self.conversation.update(Category::INFO, black_box(TEXT));
                let update = update.key(&*self.keys[key]);
                match priority {
                    None => update.send(),
                    Some(priority) => update.priority(priority).send(),
                }
            }
            Send::Extra(ttl) => {
                let update = self.conversation.update(Category::INFO, black_box(TEXT));
                update.metadata(self.metadata.clone()).ttl(ttl).send();
            }
            Send::Long => self.conversation.send(Category::INFO, black_box(&*self.long)),
        }
    }

    /// A send that was refused would be fast for the wrong reason.
    fn check(&self, sent: usize) {
        let ledger = self.status.ledger();
        assert_eq!(ledger.refused.total(), 0, "nothing is refused");
        assert_eq!(ledger.sent, sent as u64, "everything is counted");
    }
}

fn irregular(position: usize) -> Category {
    match scatter(position) % 5 {
        0 | 1 => Category::PROGRESS,
        2 | 3 => Category::INFO,
        _ => Category::ERROR,
    }
}

/// A number that looks random and depends only on the position.
const fn scatter(position: usize) -> u64 {
    let mixed = (position as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_fills_the_queue_or_merges() {
        for scenario in &SCENARIOS {
            let bus = Bus::new();
            let sends = (0..scenario.sends).map(scenario.send);
            std::iter::repeat_n(Send::Plain(Category::INFO), scenario.filled)
                .chain(sends)
                .for_each(|send| bus.send(send));
            bus.check(scenario.filled + scenario.sends);
            let ledger = bus.status.ledger();
            assert_eq!(ledger.queued, QUEUE as u64, "{}", scenario.name);
            let left = ledger.coalesced + ledger.expired + ledger.dropped.total();
            assert!(left > 0, "{}: {ledger:?}", scenario.name);
            match scenario.name {
                "merges" | "keyed-full" => assert!(ledger.coalesced > 1000, "{ledger:?}"),
                "ttl" => assert!(ledger.expired > 1000, "{ledger:?}"),
                _ => assert_eq!(ledger.coalesced + ledger.expired, 0, "{ledger:?}"),
            }
        }
    }

    #[test]
    fn the_least_of_the_runs_is_kept_for_each_send() {
        let scenario = &SCENARIOS[0];
        let times = scenario.run(2);
        assert_eq!(times.0.len(), scenario.sends);
        assert!(times.0.iter().all(|time| *time < u32::MAX));
        let (at, worst) = times.worst();
        assert_eq!((times.0[at], times.quantile(1.0)), (worst, worst));
    }

    #[test]
    fn the_first_of_the_slowest_sends_is_named() {
        assert_eq!(Times(vec![3, 9, 1, 9]).worst(), (1, 9));
    }

    #[test]
    fn priorities_are_mixed() {
        let count = |category| (0..1000).filter(|n| irregular(*n) == category).count();
        for (category, share) in
            [(Category::PROGRESS, 400), (Category::INFO, 400), (Category::ERROR, 200)]
        {
            assert!(count(category).abs_diff(share) < 60, "{}", count(category));
        }
    }
}
