//! The core with a fake clock and no runtime: the loop of every adapter.
//!
//! One invariant: the bus is polled after every call that moves its deadline forward, and at its deadline.
//! The numbers are those of the guide in `core/README.md`:
//!
//! 1. Push an update. One that is not queued, or left for it, comes back.
//! 2. Wake the task that polls, if the bus asks for it.
//! 3. Poll until nothing is due, then sleep until the deadline or a wake-up.
//! 4. Deliver the batch, its gap first.
//! 5. Settle it, and poll again. After a close the loop ends when the bus is drained.
//!
//! `cargo run -p statusbus-examples --bin bare_loop`

use core::time::Duration;
use std::collections::VecDeque;

use statusbus_core::{
    Accepted, Batch, Bus, Category, Config, Instant, Item, Keyed, Outcome, Polled, SendOptions,
    Slot, Update,
};

/// An update as a small machine stores it.
#[derive(Clone, Copy, Debug)]
struct Stored {
    sensor: u8,
    category: Category,
    text: &'static str,
}

impl Update for Stored {
    type Topic = (u8, Category);
    type Keys = Keyed;

    const EMPTY: Self = Self { sensor: 0, category: Category::ENGINE, text: "" };

    fn topic(&self) -> (u8, Category) {
        (self.sensor, self.category)
    }

    // An update has at most one key here: that of its topic.
    fn same_key(&self, other: &Self) -> bool {
        self.topic() == other.topic()
    }

    fn move_to(&mut self, to: &mut Self) {
        *to = *self;
    }
}

/// The state that an adapter has behind its lock.
struct Shared {
    /// Eight slots, in place.
    bus: Bus<Stored, [Slot<Stored>; 8]>,
    /// Here a waker, a semaphore or an event.
    is_woken: bool,
}

fn main() {
    let mut shared = Shared { bus: Bus::new(), is_woken: false };
    let config = Config::new().with_batch_size(4).expect("4 is in range");
    shared.bus.reconfigure(config, |_, _| unreachable!("nothing is queued yet"), Instant::ZERO);
    let mut batch: Batch<Stored, [Item<Stored>; 4]> = Batch::new();
    let mut clock = Instant::ZERO;
    // In a real program senders are other tasks and interrupts.
    let mut script: VecDeque<(u64, Stored, SendOptions)> = script().into();

    loop {
        shared.is_woken = false;
        // 3. Poll until nothing is due.
        let deadline = loop {
            match shared.bus.poll(&mut batch, clock) {
                Polled::Wait(deadline) => break deadline,
                Polled::More => unreachable!("a part is only the answer of `poll_part`"),
                Polled::Batch => {}
            }
            // 4. Deliver it. The lock is free: a sink may take its time here.
            deliver(&shared, &batch, clock);
            // 5. Settle it. The sink took a millisecond.
            clock = clock + Duration::from_millis(1);
            shared.bus.settle(&mut batch, Accepted::All, clock);
        };
        if shared.bus.is_drained() {
            break;
        }
        // Sleep until the deadline or a wake-up.
        while !shared.is_woken {
            let next = script.front().map(|&(ms, ..)| Instant::from_millis(ms));
            let Some(at) = [deadline, next].into_iter().flatten().min() else {
                // Nothing is queued and no sender is left: no timer, no wake-up.
                println!("{:>4} ms  close", clock.as_micros() / 1_000);
                shared.bus.close(clock);
                wake(&mut shared);
                continue;
            };
            clock = clock.max(at);
            if deadline.is_some_and(|deadline| deadline <= clock) {
                break;
            }
            // Several senders may be faster than the task that is woken.
            while script.front().is_some_and(|&(ms, ..)| Instant::from_millis(ms) <= clock) {
                send(&mut shared, script.pop_front().expect("it is at the front"), clock);
            }
        }
    }

    let ledger = shared.bus.ledger();
    println!("{ledger:#?}");
    assert!(ledger.is_balanced(), "every update is accounted for");
}

fn send(shared: &mut Shared, sent: (u64, Stored, SendOptions), clock: Instant) {
    let (ms, mut update, options) = sent;
    let text = update.text;
    // 1. Push it. The clock is only read if the bus needs it.
    let outcome = shared.bus.push(&mut update, options, || clock);
    match outcome {
        Outcome::Queued => {}
        Outcome::Merged => println!("{ms:>4} ms  {text:?} replaces {:?}", update.text),
        Outcome::Displaced(loss) => {
            println!("{ms:>4} ms  {:?} leaves: {}", update.text, loss.as_str());
        }
        Outcome::Expired => println!("{ms:>4} ms  {text:?} is out of date"),
        Outcome::Dropped(reason) => println!("{ms:>4} ms  {text:?} dropped: {}", reason.as_str()),
        Outcome::Refused(reason) => println!("{ms:>4} ms  {text:?} refused: {}", reason.as_str()),
        other => println!("{ms:>4} ms  {text:?}: {other:?}"),
    }
    // 2. Wake the task that polls.
    wake(shared);
}

/// After every call that the task that polls does not make itself.
fn wake(shared: &mut Shared) {
    shared.is_woken |= shared.bus.take_wake();
}

fn deliver(shared: &Shared, batch: &Batch<Stored, [Item<Stored>; 4]>, now: Instant) {
    let ms = now.as_micros() / 1_000;
    if let Some(gap) = shared.bus.gap(batch) {
        for (loss, count) in gap.total().iter() {
            println!("{ms:>4} ms  gap #{}: {count} {}", gap.seq(), loss.as_str());
        }
    }
    for one in batch {
        let Stored { sensor, text, .. } = one.update;
        let waited = one.waited();
        println!("{ms:>4} ms  #{} sensor {sensor}: {text:?}, waited {waited:?}", one.seq);
    }
}

/// A first update, a progress that is replaced, a burst that overflows, and the end of a run.
fn script() -> Vec<(u64, Stored, SendOptions)> {
    let update =
        |sensor, category, text| (Stored { sensor, category, text }, SendOptions::new(category));
    let engine = |ms, text| {
        let (update, options) = update(1, Category::ENGINE, text);
        (ms, update, options)
    };
    let progress = |ms, text| {
        let (update, options) = update(1, Category::PROGRESS, text);
        (ms, update, options.with_key_hash(1))
    };
    let (gone, error) = update(2, Category::ERROR, "sensor 2 is gone");
    let (done, workflow) = update(1, Category::WORKFLOW, "done");
    let mut script = vec![
        engine(10, "calibrating"),
        progress(12, "10 %"),
        progress(30, "50 %"),
        progress(55, "90 %"),
        (200, gone, error.with_ttl(Duration::from_secs(60))),
    ];
    script.extend((0..9).map(|_| engine(220, "still running")));
    script.push((300, done, workflow.with_run_end()));
    script
}
