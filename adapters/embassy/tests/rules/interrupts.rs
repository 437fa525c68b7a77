//! Interrupts that send wherever they can: before and after each time the lock is taken.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::Duration;
use statusbus_embassy::{Buffer, Key, Message, Priority, SYSTEM, Status};

use crate::balanced;
use crate::support::{Task, Time};

/// A lock that lets an interrupt in whenever it is open, and none while it is taken.
struct Interrupted;

static OPEN: AtomicBool = AtomicBool::new(false);
static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
/// The next interrupt that comes.
static EACH: AtomicU32 = AtomicU32::new(1);

static STATUS: Status<Interrupted, Message<24, 16, 0, Key<8>>, 8> = Status::new();

// SAFETY: the tests that use it hold the only `Time`, so there is one thread.
unsafe impl RawMutex for Interrupted {
    const INIT: Self = Self;

    fn lock<R>(&self, f: impl FnOnce() -> R) -> R {
        interrupt();
        let answer = f();
        interrupt();
        answer
    }
}

fn interrupt() {
    if !OPEN.swap(false, Ordering::SeqCst) {
        return; // it is not enabled, or this is one
    }
    let number = INTERRUPTS.fetch_add(1, Ordering::SeqCst);
    let each = EACH.load(Ordering::SeqCst);
    if number.is_multiple_of(each) {
        match number / each % 5 {
            0 => STATUS.error("interrupt", "a failure"),
            1 => STATUS.progress("interrupt", "a step"),
            2 => {
                let draft =
                    STATUS.update("interrupt", statusbus_embassy::Category::INFO, "a value");
                draft.key("value").priority(Priority::Normal).send();
            }
            3 => STATUS.request_flush(),
            _ => STATUS.info(":", "refused"),
        }
    }
    OPEN.store(true, Ordering::SeqCst);
}

#[test]
fn an_interrupt_before_and_after_each_lock_loses_nothing() {
    let time = Time::begin();
    for each in 1..8 {
        EACH.store(each, Ordering::SeqCst);
        let mut delivered = 0_u64;
        let before = STATUS.ledger();
        let mut buffer = Buffer::<_, 4>::new();
        let mut runner = Task::new(async {
            let mut runner = STATUS.runner(&mut buffer).expect("the only one");
            let mut last = 0;
            while let Some(batch) = runner.next().await {
                for update in batch.updates() {
                    assert!(update.seq > last, "{} after {last}", update.seq);
                    last = update.seq;
                    delivered += 1;
                }
                batch.delivered();
            }
        });
        OPEN.store(true, Ordering::SeqCst);
        for round in 0..200 {
            STATUS.info(SYSTEM, "from a task");
            STATUS.update(7_u8, statusbus_embassy::Category::INFO, "keyed").key("k").send();
            if round % 3 == 0 {
                // however often it is interrupted, it comes to an end
                for _ in 0..20 {
                    runner.turn();
                }
            }
            OPEN.store(false, Ordering::SeqCst);
            balanced(&STATUS);
            OPEN.store(true, Ordering::SeqCst);
            time.pass(Duration::from_millis(5));
        }
        OPEN.store(false, Ordering::SeqCst);
        STATUS.request_flush();
        runner.rest();
        drop(runner);
        let ledger = balanced(&STATUS);
        assert_eq!((ledger.queued, ledger.in_flight), (0, 0));
        assert_eq!(ledger.delivered - before.delivered, delivered);
        assert!(ledger.refused.invalid > before.refused.invalid, "there were interrupts");
    }
}
