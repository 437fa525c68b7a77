//! Many tasks that send at once.

use std::collections::BTreeMap;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::{Duration, Timer};
use statusbus_embassy::{Buffer, Config, Message, Overflow, Status, Subject};

use crate::balanced;
use crate::support::{Task, Time};

type Bus = Status<CriticalSectionRawMutex, Message<24>, 32>;

/// Each task sends `count` numbers, `period` apart.
async fn sends(status: &Bus, task: u32, count: u32, period: u64) {
    for number in 0..count {
        status.info(task, format_args!("{number}"));
        Timer::after_micros(period).await;
    }
}

#[test]
fn what_each_task_sends_arrives_in_order() {
    let time = Time::begin();
    for overflow in Overflow::ALL {
        time.begin_anew();
        let status = Bus::new();
        status.reconfigure(Config::new().with_overflow(overflow));
        let mut buffer = Buffer::<_, 8>::new();
        let mut last: BTreeMap<u32, i64> = BTreeMap::new();
        let mut delivered = 0;
        let mut runner = Task::new(async {
            let mut runner = status.runner(&mut buffer).expect("the only one");
            while let Some(batch) = runner.next().await {
                for update in batch.updates() {
                    let Subject::Number(task) = update.update.subject() else { unreachable!() };
                    let number: i64 = update.update.text().parse().expect("a number");
                    let before = last.insert(task, number).unwrap_or(-1);
                    assert!(number > before, "{number} after {before} of {task}");
                    delivered += 1;
                }
                // a sink that is slow now and then
                if delivered % 5 == 0 {
                    Timer::after_millis(40).await;
                }
                batch.delivered();
            }
        });
        let mut tasks: Vec<_> = (1..=10)
            .map(|task| Task::new(sends(&status, task, 200, 300 * u64::from(task))))
            .collect();
        for _ in 0..7_000 {
            while tasks.iter_mut().map(Task::turn).filter(|&turn| turn).count() > 0 {}
            runner.rest();
            time.pass(Duration::from_micros(100));
        }
        assert!(tasks.iter().all(|task| task.output().is_some()));
        status.close();
        for _ in 0..1_000 {
            runner.rest();
            time.pass(Duration::from_millis(1));
        }
        assert!(runner.output().is_some());
        drop(runner);
        let ledger = balanced(&status);
        assert_eq!((ledger.sent, ledger.queued, ledger.in_flight), (2_000, 0, 0));
        assert_eq!(ledger.delivered, delivered);
        let lost = ledger.dropped.total() + ledger.refused.total();
        assert!(lost > 0 && delivered > 500, "{overflow:?}: {ledger:?}");
    }
}
