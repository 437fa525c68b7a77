//! A loss of the whole bus concerns every reader. It wakes all waiting readers at most once in a flush interval, and the
//! last loss always wakes them.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use statusbus_hub::{Category, Event, GapScope, Status, Subscription};

use crate::support::task::Task;
use crate::support::{Bus, SECOND, Start, events, everything, names, reader, test};

const INTERVAL: Duration = Duration::from_millis(50);

/// Loses an update of more topics than the bus counts one by one: three losses count for the whole bus.
fn lose(bus: &Bus) {
    for name in names("x", 0..19) {
        bus.update(&name, Category::INFO, "lost").ttl(Duration::ZERO).send();
    }
    bus.deliver();
}

/// A task that waits for a reader, and counts its wake-ups and the losses that it gets.
struct Watcher {
    task: Task<'static, ()>,
    losses: Rc<Cell<u64>>,
}

impl Watcher {
    fn new(mut reader: Subscription) -> Self {
        let losses = Rc::new(Cell::new(0));
        let sum = Rc::clone(&losses);
        let task = Task::new(async move {
            while let Some(event) = reader.next().await {
                let Event::Gap(gap) = event else { continue };
                assert_eq!(gap.scope, GapScope::Bus);
                sum.set(sum.get() + gap.losses.total());
            }
        });
        let mut watcher = Self { task, losses };
        assert!(watcher.poll().is_pending());
        watcher
    }

    fn poll(&mut self) -> Poll<()> {
        self.task.poll()
    }

    /// Its wake-ups and the losses that it got. The first poll, with which it began to wait, is not a wake-up.
    fn counts(&mut self) -> (u64, u64) {
        assert!(self.poll().is_pending());
        (self.task.polls() - 1, self.losses.get())
    }
}

#[test]
fn sustained_losses_wake_a_waiting_reader_once_in_an_interval() {
    let bus = Status::builder().start();
    let mut quiet = Watcher::new(reader(&bus, "quiet"));
    for _ in 0..500 {
        lose(&bus);
        let _ = quiet.counts();
        bus.advance(Duration::from_millis(2));
        let _ = quiet.counts();
    }
    let intervals = (bus.elapsed().as_millis() / INTERVAL.as_millis()) as u64;
    let (wakes, _) = quiet.counts();
    assert!((intervals - 1..=intervals + 1).contains(&wakes), "{wakes} in {intervals} intervals");
    bus.advance(INTERVAL);
    assert_eq!(quiet.counts().1, 500 * 3);
    drop(quiet);
    assert_eq!(bus.end().expired, 500 * 19);
}

#[test]
fn the_first_loss_wakes_at_once_and_the_last_one_within_an_interval() {
    let bus = Status::builder().start();
    let mut quiet = Watcher::new(reader(&bus, "quiet"));
    bus.advance(SECOND);
    lose(&bus);
    assert_eq!(quiet.counts(), (1, 3), "the first one at once");
    for _ in 0..100 {
        lose(&bus);
        assert_eq!(quiet.counts(), (1, 3), "not for each");
    }
    bus.advance(INTERVAL - Duration::from_micros(1));
    assert_eq!(quiet.counts(), (1, 3));
    bus.advance(Duration::from_micros(1));
    assert_eq!(quiet.counts(), (2, 303), "although nothing else is sent");
    bus.advance(60 * SECOND);
    assert_eq!(quiet.counts().0, 2, "no more wake-ups");
    drop(quiet);
    bus.end();
}

#[test]
fn a_reader_that_polls_in_between_gets_the_losses_at_once() {
    let bus = Status::builder().start();
    let (mut polls, mut waits) = (reader(&bus, "polls"), Watcher::new(reader(&bus, "b")));
    for _ in 0..3 {
        lose(&bus);
        assert_eq!(events(&mut polls), ["-3 expired of all"]);
    }
    let (wakes, _) = waits.counts();
    bus.info("b", "an update");
    bus.deliver();
    assert_eq!(waits.counts(), (wakes + 1, 9), "woken for the update");
    drop((polls, waits));
    bus.end();
}

#[test]
fn a_loss_that_waits_for_its_wake_up_is_reported_at_the_shutdown() {
    let bus = Status::builder().start();
    let mut quiet = Watcher::new(reader(&bus, "quiet"));
    lose(&bus);
    lose(&bus);
    let mut shutdown = Task::new(bus.shutdown(SECOND));
    assert!(shutdown.poll().is_pending());
    while bus.step() {}
    assert!(quiet.poll().is_ready());
    assert_eq!(quiet.losses.get(), 6);
    drop(quiet);
    let Poll::Ready(ledger) = shutdown.poll() else { panic!("everything is read") };
    assert_eq!(bus.elapsed(), Duration::ZERO);
    assert!(ledger.is_balanced() && ledger.expired == 2 * 19, "{ledger:?}");
}

#[test]
fn a_reader_of_everything_is_woken_once_by_each_batch() {
    let bus = Status::builder().start();
    let mut all = Watcher::new(everything(&bus));
    for round in 1..=5 {
        lose(&bus);
        assert_eq!(all.counts(), (round, round * 19));
    }
    bus.advance(SECOND);
    assert_eq!(all.counts().0, 5);
    drop(all);
    bus.end();
}
