//! What telemetry hears, and what it may not do.

use std::cell::RefCell;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use statusbus_embassy::{Message, OverflowEvent, RefuseReason, Report, SYSTEM, Status, Telemetry};

use crate::line::Line;
use crate::support::Time;
use crate::{balanced, writes};

type Bus<T> = Status<CriticalSectionRawMutex, Message<24>, 8, T>;

#[derive(Default)]
struct Counted {
    lost: u32,
    overflow: Vec<OverflowEvent>,
}

thread_local! {
    static REPORTS: RefCell<Vec<(u32, Vec<OverflowEvent>)>> = const { RefCell::new(Vec::new()) };
}

impl Telemetry for Counted {
    fn lost(&mut self, _: statusbus_embassy::Loss) {
        self.lost += 1;
    }
    fn overflow(&mut self, edge: OverflowEvent) {
        self.overflow.push(edge);
    }
}

impl Report for Counted {
    fn report(&mut self, delta: Self) {
        if delta.lost > 0 || !delta.overflow.is_empty() {
            REPORTS.with_borrow_mut(|reports| reports.push((delta.lost, delta.overflow)));
        }
    }
}

#[test]
fn the_runner_reports_the_counts_outside_of_the_lock() {
    let (time, line) = (Time::begin(), Line::new());
    let status: &'static Bus<Counted> = Box::leak(Box::default());
    let mut runner = writes::<8, 24, 0, Counted>(status, &line);
    for _ in 0..10 {
        status.info(SYSTEM, "too many");
    }
    runner.rest();
    assert_eq!(REPORTS.take(), [(2, vec![OverflowEvent::Started])]);
    // the end is reported a second later
    time.pass(embassy_time::Duration::from_secs(1));
    status.info(SYSTEM, "one");
    runner.rest();
    assert_eq!(REPORTS.take(), [(0, vec![OverflowEvent::Ended { lost: 2 }])]);
    assert_eq!(balanced(status).dropped.evicted, 2);
}

/// Sends from inside the lock, where it may not.
#[derive(Default)]
struct Sends;

static SENDS: Bus<Sends> = Bus::with_telemetry(Sends);

impl Telemetry for Sends {
    fn refused(&mut self, reason: RefuseReason) {
        assert_eq!(reason, RefuseReason::Invalid);
        SENDS.info(SYSTEM, "from inside");
        SENDS.update(SYSTEM, statusbus_embassy::Category::INFO, "from inside").send();
        SENDS.refuse(RefuseReason::Full);
        SENDS.request_flush();
        assert_eq!(SENDS.ledger().queued, 0); // it cannot be read either
    }
}

impl Report for Sends {}

#[test]
fn telemetry_that_sends_is_refused_and_counted() {
    let _time = Time::begin();
    SENDS.info(":", "invalid");
    let ledger = balanced(&SENDS);
    assert_eq!((ledger.sent, ledger.refused.invalid, ledger.refused.unauthorized), (4, 1, 3));
}
