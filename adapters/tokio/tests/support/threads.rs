//! Threads of their own, and a runtime of several.

use std::collections::BTreeMap;
use std::time::Duration;

use statusbus_tokio::{Event, Subscription};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::seq_of;

/// Threads that do the same.
pub(crate) const THREADS: usize = 4;

/// A runtime of several threads, in real time.
pub(crate) fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(3).enable_time().build().expect("a runtime")
}

/// Waits for a task; a minute is long enough for any of them.
pub(crate) fn join<R>(runtime: &Runtime, task: JoinHandle<R>) -> R {
    let minute = Duration::from_secs(60);
    let done = runtime.block_on(async { tokio::time::timeout(minute, task).await });
    done.expect("it comes to its end").expect("no panic")
}

/// Runs `act` on some threads outside of any runtime.
pub(crate) fn on_threads<R: Send>(act: impl Fn(usize) -> R + Sync) -> Vec<R> {
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
pub(crate) async fn numbers(mut reading: Subscription) -> BTreeMap<String, Vec<u64>> {
    let mut numbers = BTreeMap::<String, Vec<u64>>::new();
    let mut last = 0;
    while let Some(event) = reading.next().await {
        assert!(seq_of(&event) >= last, "positions only grow");
        last = seq_of(&event);
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
