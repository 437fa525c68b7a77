//! Losses of the whole bus are news for everyone. Everyone who waits is woken for them at most once
//! in a flush interval, and nobody is left without the last one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use statusbus_tokio::{Event, GapScope, Spawn, Status, Subscription};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::support::polled::Polls;
use crate::support::{SECOND, delivered, end, events, everything, names, reader};

const INTERVAL: Duration = Duration::from_millis(50);

/// More conversations lose an update than the bus counts apart: three losses are of the whole bus.
async fn lose(status: &Status) {
    for name in names("x", 0..19) {
        status.update(&name, statusbus_tokio::Category::INFO, "lost").ttl(Duration::ZERO).send();
    }
    delivered(status).await;
}

/// A reader on a task of its own that counts how often it is woken and what it is told.
struct Watcher {
    task: JoinHandle<()>,
    polls: Polls,
    told: Arc<AtomicU64>,
}

impl Watcher {
    async fn new(mut reader: Subscription) -> Self {
        let (polls, told) = (Polls::default(), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&told);
        let task = tokio::spawn(polls.of(async move {
            while let Some(event) = reader.next().await {
                let Event::Gap(gap) = event else { continue };
                assert_eq!(gap.scope, GapScope::Bus);
                count.fetch_add(gap.losses.total(), Ordering::Relaxed);
            }
        }));
        tokio::task::yield_now().await;
        Self { task, polls, told }
    }

    /// Not counting the first poll, with which it began to wait.
    fn woken(&self) -> u64 {
        self.polls.so_far() - 1
    }

    fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    async fn stop(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()), "no panic");
    }
}

#[tokio::test(start_paused = true)]
async fn under_sustained_losses_a_waiting_reader_is_woken_once_an_interval() {
    let status = Status::builder().spawn();
    let quiet = Watcher::new(reader(&status, "quiet")).await;
    let start = Instant::now();
    for _ in 0..500 {
        lose(&status).await;
        sleep(Duration::from_millis(2)).await;
    }
    let intervals = (start.elapsed().as_millis() / INTERVAL.as_millis()) as u64;
    let woken = quiet.woken();
    assert!((intervals - 1..=intervals + 1).contains(&woken), "{woken} in {intervals} intervals");
    sleep(INTERVAL).await;
    assert_eq!(quiet.told(), 500 * 3);
    quiet.stop().await;
    assert_eq!(end(status).await.expired, 500 * 19);
}

#[tokio::test(start_paused = true)]
async fn the_first_loss_is_told_at_once_and_the_last_one_at_most_an_interval_later() {
    let status = Status::builder().spawn();
    let quiet = Watcher::new(reader(&status, "quiet")).await;
    sleep(SECOND).await;
    lose(&status).await;
    tokio::task::yield_now().await;
    assert_eq!((quiet.woken(), quiet.told()), (1, 3), "the first one at once");
    for _ in 0..100 {
        lose(&status).await;
    }
    sleep(INTERVAL - Duration::from_millis(1)).await;
    assert_eq!((quiet.woken(), quiet.told()), (1, 3), "not for each");
    sleep(Duration::from_millis(3)).await;
    assert_eq!((quiet.woken(), quiet.told()), (2, 303), "though nothing else is sent");
    sleep(60 * SECOND).await;
    assert_eq!(quiet.woken(), 2, "and then no more");
    quiet.stop().await;
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_in_between_finds_the_losses_at_once() {
    let status = Status::builder().spawn();
    let (mut looks, lively) = (reader(&status, "looks"), Watcher::new(reader(&status, "b")).await);
    lose(&status).await;
    assert_eq!(events(&mut looks), ["-3 expired of all"]);
    lose(&status).await;
    assert_eq!(events(&mut looks), ["-3 expired of all"]);
    lose(&status).await;
    let before = (lively.woken(), lively.told());
    status.info("b", "something else");
    delivered(&status).await;
    tokio::task::yield_now().await;
    assert_eq!((lively.woken(), lively.told()), (before.0 + 1, 9), "woken for another reason");
    drop(looks);
    lively.stop().await;
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_everyone_is_still_to_be_called_for_is_told_at_the_shutdown() {
    let status = Status::builder().spawn();
    let quiet = Watcher::new(reader(&status, "quiet")).await;
    lose(&status).await;
    lose(&status).await;
    let start = Instant::now();
    let ledger = status.shutdown(SECOND).await;
    assert!(start.elapsed() < INTERVAL, "it is not waited for");
    assert!(ledger.is_balanced() && ledger.expired == 2 * 19, "{ledger:?}");
    let told = Arc::clone(&quiet.told);
    quiet.task.await.expect("no panic");
    assert_eq!(told.load(Ordering::Relaxed), 6);
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_everything_is_woken_by_each_batch_and_not_once_more() {
    let status = Status::builder().spawn();
    let all = Watcher::new(everything(&status)).await;
    for round in 1..=5 {
        lose(&status).await;
        tokio::task::yield_now().await;
        assert_eq!((all.woken(), all.told()), (round, round * 19));
    }
    sleep(SECOND).await;
    assert_eq!(all.woken(), 5);
    all.stop().await;
    end(status).await;
}
