//! Models of what threads share: short programs that loom runs in every order of their locks and atomic operations,
//! with the results that the memory model allows.
//!
//! They run the code of the crate as it is: [`crate::sync`] gives it the locks and atomics of loom. Each file of
//! `tests/loom` changes this code so that one of them fails; `tests/loom.sh` checks that it does.

mod conversations;
mod delivery;
mod readers;
mod retained;
mod shutdown;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use loom::future::block_on;
use loom::thread::JoinHandle;
use statusbus_core::{Category, Config, Instant};

use crate::{Builder, Delivery, Event, Host, Sleep, Status, Step};

/// Switches to another thread in one order, besides those where a thread has to wait or ends. `LOOM_MAX_PREEMPTIONS`
/// sets another number.
const PREEMPTIONS: usize = 3;

/// Runs a program in every order, up to a number of switches.
fn explore(program: impl Fn() + Send + Sync + 'static) {
    explore_within(PREEMPTIONS, program);
}

/// The same, with another number of switches.
fn explore_within(preemptions: usize, program: impl Fn() + Send + Sync + 'static) {
    let orders = Arc::new(AtomicUsize::new(0));
    let (program, count) = (Arc::new(program), Arc::clone(&orders));
    let mut explorer = loom::model::Builder::new();
    explorer.preemption_bound = explorer.preemption_bound.or(Some(preemptions));
    explorer.max_branches = 10_000;
    explorer.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let program = Arc::clone(&program);
        join(spawn(move || program()));
    });
    println!("{} orders", orders.load(Ordering::Relaxed));
}

/// Begins a thread. The stack that loom gives a thread by itself is too small for a bus.
fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let builder = loom::thread::Builder::new().stack_size(STACK);
    builder.spawn(run).expect("loom always has a thread")
}

/// In words.
const STACK: usize = 0x8000;

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("a model ends with its first panic")
}

/// A clock that goes on by more than the flush interval with each reading: what is queued is due.
#[derive(Default)]
struct Clock(AtomicU64);

impl Host for Clock {
    fn now(&self) -> Instant {
        Instant::from_micros(1_000 * self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn wall_micros(&self) -> u64 {
        0
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        let is_forever = at == Instant::from_micros(u64::MAX);
        if is_forever { Box::pin(std::future::pending()) } else { Box::pin(std::future::ready(())) }
    }
}

fn builder() -> Builder {
    Status::builder().with_config(config()).with_epoch(1)
}

fn config() -> Config {
    let config = Config::new().with_flush_interval(Duration::from_micros(1));
    config.expect("the shortest interval")
}

fn build(builder: Builder) -> (Status, Delivery) {
    builder.build_with(Clock::default())
}

/// Runs the delivery until everything is delivered, as a runtime does.
fn run(mut delivery: Delivery) {
    loop {
        match delivery.step() {
            Step::Progress | Step::Pause | Step::Wait(Some(_)) => {}
            Step::Wait(None) => block_on(poll_fn(|cx| delivery.poll_wakeup(cx))),
            Step::Ended => return,
        }
    }
}

/// Sends an update whose text is the name of its conversation.
fn send(status: &Status, conversation: &str) {
    status.send(conversation, Category::INFO, conversation);
}

/// The texts of an event, each with a bar behind it. Each update has the name of its conversation as its text.
fn texts(event: Option<Event>) -> String {
    let Some(Event::Batch(batch) | Event::Retained(batch)) = event else { return String::new() };
    let mut texts = String::new();
    for update in batch.iter() {
        assert_eq!(update.conversation().unwrap_or("system"), update.text());
        texts.push_str(update.text());
        texts.push('|');
    }
    texts
}
