//! Resuming while other threads send, in real time.

use std::time::Duration;

use statusbus_tokio::{Event, Selector, Spawn, Status, Subscription};

use crate::support::{SECOND, end, names, of, seq_of, texts};

const EPOCH: u64 = 42;

fn resume(status: &Status, selector: Selector, epoch: u64, seq: u64) -> Subscription {
    status.subscribe(selector).resume(epoch, seq).open()
}

fn a() -> Selector {
    of("a")
}

/// Reads a few events, reconnects and resumes after the last one, until it gets `last`.
async fn reconnecting(status: Status, selector: Selector, mine: &str, last: String) -> Vec<String> {
    let (mut seq, mut received, mut events) = (0, Vec::new(), 0);
    loop {
        let mut reader = resume(&status, selector.clone(), EPOCH, seq);
        assert!(reader.recovered(), "at {seq}");
        events = events % 3 + 1;
        for _ in 0..events {
            let event = reader.next().await.expect("more to come");
            let Event::Batch(batch) = &event else { panic!("only updates: {event:?}") };
            received.extend(texts(batch).into_iter().filter(|text| text.starts_with(mine)));
            seq = seq_of(&event);
            if received.last() == Some(&last) {
                return received;
            }
        }
    }
}

#[test]
fn readers_that_resume_while_other_threads_send_miss_nothing_and_get_nothing_twice() {
    const UPDATES: usize = 4_000;
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(4).enable_time().build().expect("a runtime");
    for _ in 0..10 {
        let status = runtime.block_on(async {
            let limits = crate::support::config(UPDATES * 2, 16);
            let limits =
                limits.with_flush_interval(Duration::from_micros(200)).expect("an interval");
            Status::builder().with_config(limits).with_epoch(EPOCH).spawn()
        });
        let last = |name: &str| format!("{name}{}", UPDATES - 1);
        runtime.block_on(async {
            let read = |selector: Selector, mine: &'static str| {
                let reading = reconnecting(status.clone(), selector, mine, last(mine));
                tokio::spawn(reading)
            };
            let readers = [
                (read(a(), "a"), "a"),
                (read(a(), "a"), "a"),
                (read(of("b"), "b"), "b"),
                (read(Selector::Everything, "a"), "a"),
            ];
            std::thread::scope(|scope| {
                for name in ["a", "b"] {
                    let status = &status;
                    scope.spawn(move || {
                        for text in names(name, 0..UPDATES) {
                            status.tool(name, text);
                            std::thread::yield_now();
                        }
                    });
                }
            });
            for (reading, name) in readers {
                // A reader that still waits after a minute was not woken.
                let received = tokio::time::timeout(60 * SECOND, reading).await;
                let received = received.expect("the reading ends").expect("no panic");
                assert_eq!(received, names(name, 0..UPDATES));
            }
        });
        let ledger = runtime.block_on(end(status));
        assert_eq!(ledger.delivered, 2 * UPDATES as u64);
    }
}
