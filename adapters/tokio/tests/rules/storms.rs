//! Under load from many threads the ledger is exact: it says what the senders were told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use statusbus_tokio::{
    Category, DropReason, Ledger, Loss, Outcome, Overflow, RefuseReason, SendError, SendErrorKind,
    Spawn, Status,
};

use crate::support::random::Random;
use crate::support::threads::{join, numbers, on_threads, runtime};
use crate::support::{config, end, everything};

/// What senders were told of their updates.
#[derive(Default)]
struct Told {
    queued: u64,
    merged: u64,
    displaced: BTreeMap<&'static str, u64>,
    dropped: BTreeMap<&'static str, u64>,
    refused: BTreeMap<&'static str, u64>,
}

impl Told {
    fn hear(&mut self, sent: Result<Outcome, SendError>) {
        let count = match sent.map_err(|error| error.kind()) {
            Ok(Outcome::Queued) => &mut self.queued,
            Ok(Outcome::Merged) => &mut self.merged,
            Ok(Outcome::Displaced(loss)) => self.displaced.entry(loss.as_str()).or_default(),
            Err(SendErrorKind::Dropped(why)) => self.dropped.entry(why.as_str()).or_default(),
            Err(SendErrorKind::Refused(why)) => self.refused.entry(why.as_str()).or_default(),
            other => unreachable!("nothing in a storm has a TTL: {other:?}"),
        };
        *count += 1;
    }

    fn add(mut self, other: Self) -> Self {
        self.queued += other.queued;
        self.merged += other.merged;
        for (mine, others) in [
            (&mut self.displaced, other.displaced),
            (&mut self.dropped, other.dropped),
            (&mut self.refused, other.refused),
        ] {
            for (reason, count) in others {
                *mine.entry(reason).or_default() += count;
            }
        }
        self
    }

    /// Compares with the ledger of a bus at its end, of which `shrunk` were told otherwise.
    fn expect(&self, ledger: &Ledger, shrunk: u64) {
        let of = |told: &BTreeMap<&str, u64>, name: &str| told.get(name).copied().unwrap_or(0);
        assert_eq!(ledger.coalesced, self.merged);
        for reason in DropReason::ALL {
            let name = reason.as_str();
            let left = if reason == DropReason::Shrunk { shrunk } else { 0 };
            let told = of(&self.dropped, name) + of(&self.displaced, name) + left;
            assert_eq!(ledger.dropped.count(reason), told, "{reason:?}");
        }
        for reason in RefuseReason::ALL {
            assert_eq!(ledger.refused.count(reason), of(&self.refused, reason.as_str()));
        }
        let displaced: u64 = self.displaced.values().sum();
        let taken = self.queued + displaced;
        let removed = ledger.dropped.evicted + ledger.dropped.oldest + ledger.dropped.shrunk;
        assert_eq!(ledger.delivered, taken - removed - ledger.expired);
        assert_eq!(of(&self.displaced, Loss::Expired.as_str()), 0, "nothing expires here");
    }
}

fn storm(status: &Status, each: usize) -> Told {
    let told = on_threads(|number| {
        let mut told = Told::default();
        let mut random = Random::new(number as u64);
        let handle = status.conversation(&format!("c{number}")).expect("a name");
        for n in 0..each {
            let category = Category::from_index(random.below(7)).expect("a category");
            let draft = handle.update(category, format_args!("{number} {n}"));
            told.hear(match random.below(4) {
                0 => draft.key(["x", "y", "z"][random.below(3)]).try_send(),
                _ => draft.try_send(),
            });
        }
        told
    });
    told.into_iter().fold(Told::default(), Told::add)
}

#[test]
fn the_ledger_is_exact_under_four_threads_and_a_small_queue() {
    for overflow in Overflow::ALL {
        let runtime = runtime();
        let status = {
            let _entered = runtime.enter();
            Status::builder().with_config(config(50, 10).with_overflow(overflow)).spawn()
        };
        let told = storm(&status, 50_000);
        let ledger = runtime.block_on(end(status));
        assert_eq!(ledger.sent, 200_000);
        told.expect(&ledger, 0);
    }
}

#[test]
fn reconfiguring_meanwhile_loses_nothing_uncounted() {
    let runtime = runtime();
    let status = {
        let _entered = runtime.enter();
        Status::builder()
            .with_config(config(50, 10))
            .with_capacity(1_000)
            .with_window(1_000_000)
            .spawn()
    };
    let reading = runtime.spawn(numbers(everything(&status)));
    let done = AtomicBool::new(false);
    let (told, shrunk) = std::thread::scope(|scope| {
        let reconfiguring = scope.spawn(|| {
            let mut random = Random::new(7);
            let mut shrunk = 0;
            while !done.load(Ordering::Relaxed) {
                let config = config(random.among(1, 1_200), random.among(1, 200));
                let interval = Duration::from_micros(random.among(1, 2_000) as u64);
                let config = config.with_overflow(Overflow::ALL[random.below(4)]);
                shrunk +=
                    status.reconfigure(config.with_flush_interval(interval).expect("an interval"));
                assert!(status.config().queue_limit() <= 1_000, "the capacity");
                std::thread::yield_now();
            }
            shrunk as u64
        });
        let told = storm(&status, 20_000);
        done.store(true, Ordering::Relaxed);
        (told, reconfiguring.join().expect("no panic"))
    });
    let ledger = runtime.block_on(status.shutdown(Duration::from_secs(60)));
    assert!(ledger.is_balanced() && ledger.sent == 80_000, "{ledger:?}");
    told.expect(&ledger, shrunk);
    let heard = join(&runtime, reading);
    assert_eq!(heard.values().map(|numbers| numbers.len() as u64).sum::<u64>(), ledger.delivered);
}

#[test]
fn a_runtime_that_goes_meanwhile_leaves_an_exact_ledger() {
    for _ in 0..20 {
        let runtime = runtime();
        let status = {
            let _entered = runtime.enter();
            Status::builder()
                .with_config(config(500, 16).with_overflow(Overflow::DropOldest))
                .spawn()
        };
        let mut told = Told::default();
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let mut told = Told::default();
                loop {
                    let sent = status.update("a", Category::TOOL, "something").try_send();
                    let closed = sent.is_err();
                    told.hear(sent);
                    if closed {
                        return told;
                    }
                }
            });
            while status.ledger().delivered < 1_000 {
                std::thread::yield_now();
            }
            runtime.shutdown_background();
            told = sending.join().expect("no panic");
        });
        let ledger = status.ledger();
        assert!(ledger.is_balanced(), "{ledger:?}");
        assert_eq!((ledger.queued, ledger.in_flight), (0, 0));
        assert_eq!((ledger.refused.closed, ledger.refused.total()), (1, 1));
        let displaced: u64 = told.displaced.values().sum();
        assert_eq!(ledger.dropped.oldest, displaced);
        assert_eq!(ledger.delivered + ledger.dropped.sink, told.queued);
    }
}
