//! Many threads, in real time: counts are exact, orders are kept, and nothing depends on timing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use statusbus_tokio::{
    Category, DropReason, Event, Ledger, Loss, Overflow, RefuseReason, Selector, Sent, Status,
    Subscription,
};
use tokio::runtime::Runtime;

use crate::support::random::Random;
use crate::support::{config, end, everything, reader};

const THREADS: usize = 4;

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(3).enable_time().build().expect("a runtime")
}

/// Runs `act` on some threads outside of any runtime.
fn on_threads<R: Send>(act: impl Fn(usize) -> R + Sync) -> Vec<R> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn({
                    let act = &act;
                    move || act(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// Reads until the end: for each first word, the numbers behind it, in order.
async fn numbers(mut reading: Subscription) -> BTreeMap<String, Vec<u64>> {
    let mut numbers = BTreeMap::<String, Vec<u64>>::new();
    let mut last = 0;
    while let Some(event) = reading.next().await {
        assert!(event.seq() >= last, "positions only grow");
        last = event.seq();
        match event {
            Event::Batch(batch) => {
                for update in batch.iter() {
                    let (who, number) = update.text().split_once(' ').expect("two words");
                    let number = number.parse().expect("a number");
                    numbers.entry(who.to_owned()).or_default().push(number);
                }
            }
            Event::Gap(_) => {}
            other => panic!("nobody lags here: {other:?}"),
        }
    }
    numbers
}

#[test]
fn each_senders_updates_arrive_in_its_order() {
    const EACH: u64 = 10_000;
    let runtime = runtime();
    let status = {
        let _entered = runtime.enter();
        let builder = Status::builder().config(config(60_000, 64)).window(200_000);
        builder.spawn()
    };
    let tool = runtime.spawn(numbers(reader(&status, "a")));
    let all = runtime.spawn(numbers(everything(&status)));
    let tasks: Vec<_> = (0..2)
        .map(|number| {
            let status = status.clone();
            runtime.spawn(async move {
                for n in 0..EACH {
                    status.tool("a", format_args!("task{number} {n}"));
                    if n % 100 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    on_threads(|number| {
        let handle = status.conversation("a").expect("a name");
        for n in 0..EACH {
            match n % 2 {
                0 => handle.tool(format_args!("thread{number} {n}")),
                _ => status.tool("a", format_args!("thread{number} {n}")),
            }
        }
    });
    let ledger = runtime.block_on(async {
        for task in tasks {
            task.await.expect("no panic");
        }
        status.shutdown(Duration::from_secs(60)).await
    });
    assert!(ledger.is_balanced());
    assert_eq!((ledger.delivered, ledger.dropped.total()), (6 * EACH, 0));
    for reading in [tool, all] {
        let heard = runtime.block_on(reading).expect("no panic");
        assert_eq!(heard.len(), 6);
        for (who, numbers) in heard {
            assert!(numbers.into_iter().eq(0..EACH), "{who} is heard in its order");
        }
    }
}

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
    fn hear(&mut self, sent: Result<Sent, statusbus_tokio::Refused>) {
        match sent {
            Ok(Sent::Queued) => self.queued += 1,
            Ok(Sent::Merged) => self.merged += 1,
            Ok(Sent::Displaced(loss)) => *self.displaced.entry(loss.as_str()).or_default() += 1,
            Ok(Sent::Dropped(reason)) => *self.dropped.entry(reason.as_str()).or_default() += 1,
            Err(refused) => *self.refused.entry(refused.reason.as_str()).or_default() += 1,
        }
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
            Status::builder().config(config(50, 10).overflow(overflow)).spawn()
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
        Status::builder().config(config(50, 10)).capacity(1_000).window(1_000_000).spawn()
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
                let config = config.overflow(Overflow::ALL[random.below(4)]);
                shrunk += status.reconfigure(config.flush_interval(interval).expect("an interval"));
                assert!(status.config().values().queue_limit <= 1_000, "the capacity");
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
    assert!(shrunk > 0, "it did shrink");
    told.expect(&ledger, shrunk);
    let heard = runtime.block_on(reading).expect("no panic");
    assert_eq!(heard.values().map(|numbers| numbers.len() as u64).sum::<u64>(), ledger.delivered);
}

#[test]
fn conversations_that_come_and_go_meanwhile_keep_their_order() {
    let runtime = runtime();
    let status = {
        let _entered = runtime.enter();
        let builder = Status::builder().conversations(8).window(400_000).history(2);
        builder.config(config(60_000, 32)).idle_after(Duration::from_micros(100)).spawn()
    };
    let reading = runtime.spawn(numbers(everything(&status)));
    let sent = on_threads(|number| {
        let mut random = Random::new(number as u64);
        let mut held = Vec::new();
        let mut counts = BTreeMap::<String, u64>::new();
        for round in 0..10_000 {
            let name = format!("c{}", random.below(40));
            // Each thread counts for itself in each conversation, and by way of handles and names.
            let count = counts.entry(format!("{number}/{name}")).or_default();
            let text = format!("{number}/{name} {count}");
            *count += 1;
            if held.len() > 6 {
                held.swap_remove(random.below(6));
            }
            match random.below(3) {
                0 => {
                    let handle = status.conversation(&name).expect("a name");
                    handle.tool(text);
                    held.push(handle);
                }
                1 => {
                    let mut late = status.subscribe(Selector::conversation(&*name)).retained();
                    late = late.resume(status.epoch(), round);
                    let mut late = late.open().expect("a name");
                    let _ = late.try_next();
                    status.tool(&name, text);
                }
                _ => status.tool(&name, text),
            }
        }
        counts
    });
    let ledger = runtime.block_on(status.shutdown(Duration::from_secs(60)));
    assert!(ledger.is_balanced());
    assert_eq!((ledger.delivered, ledger.dropped.total()), (40_000, 0));
    let heard = runtime.block_on(reading).expect("no panic");
    let sent: BTreeMap<String, u64> = sent.into_iter().flatten().collect();
    assert_eq!(heard.len(), sent.len());
    for (who, numbers) in heard {
        assert!(numbers.into_iter().eq(0..sent[&who]), "{who} is heard in its order");
    }
    assert_eq!(status.readers(), 0);
}

#[test]
fn a_flush_is_true_on_every_thread() {
    let runtime = runtime();
    let status = {
        let _entered = runtime.enter();
        Status::builder().config(config(10_000, 100)).spawn()
    };
    let flooding = Arc::new(AtomicBool::new(true));
    let flood = {
        let (status, flooding) = (status.clone(), Arc::clone(&flooding));
        std::thread::spawn(move || {
            while flooding.load(Ordering::Relaxed) {
                status.progress("flood", "something");
            }
        })
    };
    let flushing = (0..THREADS).map(|number| {
        let status = status.clone();
        runtime.spawn(async move {
            let name = format!("c{number}");
            let mut own = reader(&status, &name);
            for round in 0..300 {
                status.error(&name, format_args!("{round}"));
                status.flush().await;
                let Some(Event::Batch(batch)) = own.try_next() else {
                    panic!("what was sent before the flush is there");
                };
                let texts: Vec<_> = batch.iter().map(|update| update.text().to_owned()).collect();
                assert_eq!(texts, [round.to_string()]);
            }
        })
    });
    for flushing in flushing.collect::<Vec<_>>() {
        runtime.block_on(flushing).expect("no panic");
    }
    flooding.store(false, Ordering::Relaxed);
    flood.join().expect("no panic");
    assert!(runtime.block_on(end(status)).delivered > 1_200);
}
