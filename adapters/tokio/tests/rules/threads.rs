//! Many threads, in real time: counts are exact, orders are kept, and nothing depends on timing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use statusbus_tokio::{Event, Selector, Spawn, Status};
use tokio::task::JoinHandle;

use crate::support::random::Random;
use crate::support::threads::{THREADS, join, numbers, on_threads, runtime};
use crate::support::{config, end, everything, of, reader};

#[test]
fn each_senders_updates_arrive_in_its_order() {
    const EACH: u64 = 10_000;
    let runtime = runtime();
    let status = {
        let _entered = runtime.enter();
        let builder = Status::builder().with_config(config(60_000, 64)).with_window(200_000);
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
        let heard = join(&runtime, reading);
        assert_eq!(heard.len(), 6);
        for (who, numbers) in heard {
            assert!(numbers.into_iter().eq(0..EACH), "{who} is heard in its order");
        }
    }
}

#[test]
fn conversations_that_come_and_go_meanwhile_keep_their_order() {
    let runtime = runtime();
    let status = {
        let _entered = runtime.enter();
        let builder = Status::builder().with_conversations(8).with_window(400_000).with_history(2);
        builder
            .with_config(config(60_000, 32))
            .with_idle_timeout(Duration::from_micros(100))
            .spawn()
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
                    let mut late = status.subscribe(of(&name)).with_retained();
                    late = late.resume(status.epoch(), round);
                    let mut late = late.open();
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
    let heard = join(&runtime, reading);
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
        Status::builder().with_config(config(10_000, 100)).spawn()
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
        join(&runtime, flushing);
    }
    flooding.store(false, Ordering::Relaxed);
    flood.join().expect("no panic");
    assert!(runtime.block_on(end(status)).delivered > 1_200);
}

#[test]
fn whoever_joins_meanwhile_gets_the_last_value_and_then_exactly_what_comes() {
    let runtime = runtime();
    let status = {
        let _entered = runtime.enter();
        Status::builder().with_config(config(60_000, 16)).with_window(1_000_000).spawn()
    };
    let joining = [of("a"), Selector::Everything].map(|selector| {
        let status = status.clone();
        runtime.spawn(async move {
            for _ in 0..300 {
                let mut joiner = status.subscribe(selector.clone()).with_retained().open();
                let Some(Event::Retained(batch)) = joiner.next().await else {
                    panic!("the values first");
                };
                // Of everything there may be none: it was replaced while the values were gathered.
                let mut last = batch.iter().next().map(|value| number_of(value.text()));
                let Some(Event::Batch(batch)) = joiner.next().await else {
                    panic!("only updates come after them");
                };
                for update in batch.iter() {
                    let number = number_of(update.text());
                    assert!(last.is_none_or(|last| last + 1 == number), "{last:?} {number}");
                    last = Some(number);
                }
            }
        })
    });
    let mut number = 0;
    while !joining.iter().all(JoinHandle::is_finished) {
        status.tool("a", format_args!("{number}"));
        number += 1;
        assert!(number < 10_000_000, "somebody does not come to the end");
        // A sender is faster than a delivery in batches of 16.
        while number % 1_000 == 0 && status.depth().queued > 10_000 {
            std::thread::yield_now();
        }
    }
    for joining in joining {
        join(&runtime, joining);
    }
    assert_eq!(runtime.block_on(end(status)).delivered, number);
}

fn number_of(text: &str) -> u64 {
    text.parse().expect("a number")
}
