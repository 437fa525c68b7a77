//! The core with a fake clock and no runtime: the loop that a porter reads first.
//!
//! One invariant: the bus is polled whenever it was given something, and again when it asked to be.
//! The numbers in `main` are the steps that every adapter has, in this order:
//!
//! 1. Sleep until [`Bus::poll_at`], or until somebody sends; `None`: until somebody sends.
//! 2. Take in what is sent. What does not fit comes back, with the reason.
//! 3. Poll until nothing is due. What has expired comes back too.
//! 4. Hand the batch on, its gap first, without holding the bus.
//! 5. Settle it: the sink accepted it, or how much of it.
//! 6. At the end close, and go on until the bus is drained.
//!
//! `cargo run -p statusbus-examples --bin bare_loop`

use core::time::Duration;
use std::collections::VecDeque;

use statusbus_core::{Batch, Bus, Category, Config, Instant, Keyed, Pushed, Slot, Update};

/// An update as a small machine has it: a sensor, what it says, and whether a newer one replaces it.
#[derive(Clone, Copy, Debug)]
struct Said {
    sensor: u8,
    category: Category,
    text: &'static str,
    keyed: bool,
}

impl Update for Said {
    type Topic = (u8, Category);
    type Keys = Keyed;

    fn topic(&self) -> (u8, Category) {
        (self.sensor, self.category)
    }

    fn category(&self) -> Category {
        self.category
    }

    fn key_hash(&self) -> Option<u32> {
        self.keyed.then_some(u32::from(self.sensor))
    }

    fn same_key(&self, other: &Self) -> bool {
        other.keyed && self.topic() == other.topic()
    }
}

/// Eight slots in place, and batches of four.
type Core = Bus<Said, [Slot<Said>; 8]>;
type Out = Batch<Said, [statusbus_core::Item<Said>; 4]>;

fn main() {
    let mut bus = Core::new();
    let config = Config::new().batch_size(4).expect("4 is in range");
    bus.reconfigure(config, |_, _| unreachable!("nothing is queued yet"), Instant::ZERO);
    let mut batch = Out::new();
    let mut clock = Instant::ZERO;
    // What the program says, and when: in a real one this comes from its tasks and interrupts.
    let mut script: VecDeque<(u64, Said)> = script().into();
    let mut closing = false;

    while !(closing && bus.is_drained()) {
        // 1. Sleep until the bus wants to be polled, or until somebody sends.
        let sent_at = script.front().map(|(ms, _)| Instant::from_millis(*ms));
        let Some(wake_at) = [bus.poll_at(), sent_at].into_iter().flatten().min() else {
            // Nothing is queued and nobody will send: no timer, no wake-up. 6. Close.
            println!("{:>4} ms  close", clock.as_micros() / 1_000);
            bus.close(clock);
            closing = true;
            continue;
        };
        clock = clock.max(wake_at);

        // 2. Take in what is sent now.
        while let Some((ms, said)) = script.front().copied() {
            if Instant::from_millis(ms) > clock {
                break;
            }
            script.pop_front();
            match bus.push(said, clock) {
                Pushed::Queued => {}
                Pushed::Merged(old) => {
                    println!("{ms:>4} ms  {:?} replaces {:?}", said.text, old.text);
                }
                Pushed::Displaced(old, why) => {
                    println!("{ms:>4} ms  {:?} leaves: {}", old.text, why.as_str());
                }
                Pushed::Expired(said) => {
                    println!("{ms:>4} ms  {:?} is out of date", said.text);
                }
                Pushed::Dropped(said, why) => {
                    println!("{ms:>4} ms  {:?} dropped: {}", said.text, why.as_str());
                }
                Pushed::Refused(said, why) => {
                    println!("{ms:>4} ms  {:?} refused: {}", said.text, why.as_str());
                }
            }
        }

        // 3. Poll until nothing is due.
        while bus.poll(&mut batch, clock) {
            // 4. Hand the batch on. The bus is free: here a sink would take its time.
            deliver(&batch, clock);
            // 5. Settle it. The sink took a millisecond.
            clock = clock + Duration::from_millis(1);
            bus.delivered(&mut batch, clock);
        }
    }

    let ledger = bus.ledger();
    println!("{ledger:#?}");
    assert!(ledger.is_balanced(), "every update is accounted for");
}

fn deliver(batch: &Out, now: Instant) {
    let ms = now.as_micros() / 1_000;
    if let Some(gap) = batch.gap() {
        for (why, count) in gap.total().iter() {
            println!("{ms:>4} ms  gap #{}: {count} {}", gap.seq(), why.as_str());
        }
    }
    for handed in batch.iter() {
        let Said { sensor, text, .. } = handed.update;
        println!(
            "{ms:>4} ms  #{} sensor {sensor}: {text:?}, waited {:?}",
            handed.seq,
            handed.waited()
        );
    }
}

/// A first word, a progress that is replaced, a burst that overflows, and the end.
fn script() -> Vec<(u64, Said)> {
    let state = |text| Said { sensor: 1, category: Category::ENGINE, text, keyed: false };
    let progress = |text| Said { sensor: 1, category: Category::PROGRESS, text, keyed: true };
    let error = |text| Said { sensor: 2, category: Category::ERROR, text, keyed: false };
    let mut script = vec![
        (10, state("calibrating")),
        (12, progress("10 %")),
        (30, progress("50 %")),
        (55, progress("90 %")),
        (200, error("sensor 2 is gone")),
    ];
    script.extend((0..9).map(|_| (220, state("still here"))));
    script.push((300, state("done")));
    script
}
