//! A bus whose delivery runs in the calls of the test.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::ops::Deref;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use statusbus_hub::{Builder, Delivery, Host, Instant, Ledger, Status, Step, Subscription};

use super::SECOND;
use super::clock::Clock;
use super::events::{balanced, summary};
use super::task::Task;

/// Builds a bus with the host of the tests.
pub(crate) trait Start {
    fn start(self) -> Bus;
}

impl Start for Builder {
    fn start(self) -> Bus {
        let clock = Clock::default();
        let (status, delivery) = self.build_with(clock.clone());
        Bus {
            status,
            delivery: RefCell::new(Some(delivery)),
            pause: Cell::new(Pause::None),
            steps: Cell::new(0),
            clock,
        }
    }
}

/// A bus with its delivery and its clock. It is used as its [`Status`].
pub(crate) struct Bus {
    status: Status,
    /// `None` behind the end.
    delivery: RefCell<Option<Delivery>>,
    pause: Cell<Pause>,
    steps: Cell<u64>,
    clock: Clock,
}

/// What the delivery waits for besides a wake-up, as it asked for.
#[derive(Clone, Copy)]
enum Pause {
    None,
    Until(Option<Instant>),
}

impl Deref for Bus {
    type Target = Status;

    fn deref(&self) -> &Status {
        &self.status
    }
}

impl Bus {
    /// Delivers everything that was sent, without time passing. Checks the ledger.
    pub(crate) fn deliver(&self) -> Ledger {
        let mut flush = Task::new(self.status.flush());
        while flush.poll().is_pending() {
            assert!(self.step(), "a flush needs no time");
        }
        balanced(self)
    }

    /// Runs the delivery and a future in turn until the future is ready. Time passes when both wait.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.finish(&mut Task::new(future))
    }

    /// The same with a task that may have been polled before.
    pub(crate) fn finish<T>(&self, task: &mut Task<'_, T>) -> T {
        loop {
            if let Poll::Ready(result) = task.poll() {
                return result;
            }
            if !self.step() {
                let next = self.next_deadline();
                self.clock.set(next.expect("the future waits, and nothing will wake it"));
            }
        }
    }

    /// Lets time pass. What becomes due on the way is delivered at its deadline.
    pub(crate) fn advance(&self, time: Duration) {
        let end = self.clock.now() + time;
        loop {
            while self.step() {}
            match self.next_deadline() {
                Some(next) if next <= end => self.clock.set(next),
                _ => break,
            }
        }
        self.clock.set(end);
    }

    /// Lets time pass, and runs nothing.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.set(self.clock.now() + time);
    }

    /// One step of the delivery, unless it waits: it is not woken, and its deadline has not come. Returns whether
    /// there was a step.
    pub(crate) fn step(&self) -> bool {
        let mut slot = self.delivery.borrow_mut();
        let Some(delivery) = &mut *slot else { return false };
        let mut timer_fired = false;
        if let Pause::Until(until) = self.pause.get() {
            let woken = delivery.poll_wakeup(&Context::from_waker(Waker::noop())).is_ready();
            timer_fired = !woken;
            if timer_fired && until.is_none_or(|until| until > self.clock.now()) {
                return false;
            }
        }
        self.steps.set(self.steps.get() + 1);
        let step = delivery.step();
        // A runner reports after each step, which also keeps the peak of the queue up to date.
        let _ = (delivery.take_report(), delivery.depth());
        self.pause.set(match step {
            Step::Progress | Step::Pause => Pause::None,
            Step::Wait(until) => {
                let is_past = until.is_some_and(|until| until <= self.clock.now());
                assert!(!timer_fired || !is_past, "a runner would call it without end");
                Pause::Until(until)
            }
            Step::Ended => {
                *slot = None;
                Pause::None
            }
        });
        true
    }

    /// How many steps the delivery has made.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// Drops the delivery before the bus is shut down.
    pub(crate) fn drop_delivery(&self) {
        self.delivery.take();
    }

    /// See [`Clock::timeouts`].
    pub(crate) fn timeouts(&self) -> Vec<(u64, usize)> {
        self.clock.timeouts()
    }

    /// Whether the bus is closed, and everything is delivered.
    pub(crate) fn is_ended(&self) -> bool {
        self.delivery.borrow().is_none()
    }

    /// The events of a reader until its stream ends, each as its [`summary`].
    pub(crate) fn rest(&self, reader: &mut Subscription) -> Vec<String> {
        self.run(async {
            let mut summaries = Vec::new();
            while let Some(event) = reader.next().await {
                summaries.push(summary(&event));
            }
            summaries
        })
    }

    /// The time since the bus was built.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.since_start()
    }

    pub(crate) fn time_of_day(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.clock.wall_micros())
    }

    /// Shuts down a bus that has no readers, and checks that nothing is left and everything is counted.
    pub(crate) fn end(self) -> Ledger {
        assert_eq!(self.status.readers(), 0, "the shutdown waits for readers");
        let ledger = self.run(self.status.shutdown(SECOND));
        assert!(ledger.is_balanced(), "{ledger:?}");
        assert_eq!((ledger.queued, ledger.in_flight), (0, 0), "{ledger:?}");
        ledger
    }

    fn next_deadline(&self) -> Option<Instant> {
        let delivery = match self.pause.get() {
            Pause::Until(until) => until,
            Pause::None => None,
        };
        delivery.into_iter().chain(self.clock.next_alarm()).min()
    }
}
