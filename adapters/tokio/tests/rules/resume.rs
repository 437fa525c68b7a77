//! Resuming from (epoch, position): with no gap and no duplicate, or it says that it could not.

use std::time::Duration;

use statusbus_tokio::{Event, Selector, Spawn, Status, Subscription};

use crate::support::{
    SECOND, delivered, end, everything, found, names, of, position, reader, said, seq_of, texts,
};

const EPOCH: u64 = 42;

fn resume(status: &Status, selector: Selector, epoch: u64, seq: u64) -> Subscription {
    status.subscribe(selector).resume(epoch, seq).open()
}

fn a() -> Selector {
    of("a")
}

/// A bus on which "a" has said `a0` to `a9` at the positions 1, 3, 5 … 19, and "b" in between.
async fn ten() -> Status {
    let status = Status::builder().with_epoch(EPOCH).spawn();
    for number in 0..10 {
        status.tool("a", format!("a{number}"));
        status.tool("b", format!("b{number}"));
    }
    delivered(&status).await;
    status
}

#[tokio::test(start_paused = true)]
async fn a_reader_goes_on_behind_its_last_event() {
    let status = ten().await;
    let mut first = reader(&status, "a");
    status.tool("a", "a10");
    delivered(&status).await;
    let seq = position(&mut first);
    drop(first);
    status.tool("a", "a11");
    status.tool("b", "b11");
    delivered(&status).await;
    let mut second = resume(&status, a(), EPOCH, seq);
    assert!(second.recovered());
    assert_eq!(second.resume_point(), Some(seq));
    assert_eq!(said(&mut second), ["a11"]);
    drop(second);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn it_can_be_resumed_in_the_middle_of_a_batch_at_any_position() {
    let status = ten().await;
    for seq in 0..=20 {
        let mut resumed = resume(&status, a(), EPOCH, seq);
        assert!(resumed.recovered());
        let read = seq.div_ceil(2) as usize;
        assert_eq!(status.unread(), 10 - read as u64);
        assert_eq!(said(&mut resumed), names("a", read..10), "behind {seq}");
        let mut all = resume(&status, Selector::Everything, EPOCH, seq);
        assert!(all.recovered());
        assert_eq!(status.unread(), 20 - seq);
        assert_eq!(said(&mut all).len() as u64, 20 - seq);
    }
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn another_epoch_is_another_stream() {
    let status = ten().await;
    let mut resumed = resume(&status, a(), EPOCH + 1, 5);
    assert!(!resumed.recovered());
    assert_eq!(found(&mut resumed), ["[a9]"]);
    drop(resumed);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_position_from_the_future_is_none() {
    let status = ten().await;
    assert!(resume(&status, a(), EPOCH, 20).recovered(), "the head of the bus, not only of \"a\"");
    for seq in [21, 1_000, u64::MAX] {
        let mut resumed = resume(&status, a(), EPOCH, seq);
        assert!(!resumed.recovered());
        assert_eq!(found(&mut resumed), ["[a9]"]);
        status.tool("a", "a9");
        delivered(&status).await;
        assert_eq!(said(&mut resumed), ["a9"], "it is at the head, not in the future");
    }
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_has_said_nothing_can_be_resumed() {
    let status = ten().await;
    let mut resumed = resume(&status, of("new"), EPOCH, 7);
    assert!(resumed.recovered(), "nothing of it can be missing");
    status.tool("new", "first");
    delivered(&status).await;
    assert_eq!(said(&mut resumed), ["first"]);
    drop(resumed);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_position_that_is_too_old_is_not_recovered() {
    let status = Status::builder().with_epoch(EPOCH).with_window(10).with_history(3).spawn();
    for name in names("a", 0..50) {
        status.tool("a", name);
        delivered(&status).await;
    }
    for seq in 0..=50 {
        let mut resumed = resume(&status, a(), EPOCH, seq);
        assert_eq!(resumed.recovered(), seq >= 40, "{seq}");
        let words = found(&mut resumed);
        match seq {
            0..40 => assert_eq!(words, ["[a49]"]),
            _ => assert_eq!(words, names("a", seq as usize..50)),
        }
        let mut all = resume(&status, Selector::Everything, EPOCH, seq);
        assert_eq!(all.recovered(), seq >= 40);
        assert_eq!(found(&mut all).len(), if seq < 40 { 1 } else { 50 - seq as usize });
    }
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_was_forgotten_in_between_is_not_recovered() {
    let idle = Duration::from_secs(60);
    let status = Status::builder().with_epoch(EPOCH).with_idle_timeout(idle).spawn();
    status.tool("a", "one");
    delivered(&status).await;
    status.tool("a", "two");
    delivered(&status).await;
    tokio::time::sleep(idle).await;
    status.tool("b", "something"); // what is idle is looked at with the next batch
    delivered(&status).await;
    assert_eq!(status.conversations(), 1, "only \"b\" is left");
    let mut resumed = resume(&status, a(), EPOCH, 1);
    assert!(!resumed.recovered());
    assert_eq!(found(&mut resumed), ["[]"]);
    status.tool("a", "three");
    delivered(&status).await;
    assert_eq!(said(&mut resumed), ["three"]);
    drop(resumed);
    // It had everything of "a" when that was forgotten, and nothing was said since but "three".
    assert_eq!(said(&mut resume(&status, a(), EPOCH, 2)), ["three"]);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_held_is_forgotten_all_the_same() {
    let idle = Duration::from_secs(60);
    let status = Status::builder().with_epoch(EPOCH).with_idle_timeout(idle).spawn();
    let held = status.conversation("a").expect("a name");
    held.tool("one");
    delivered(&status).await;
    tokio::time::sleep(idle).await;
    status.tool("b", "something");
    delivered(&status).await;
    assert!(!resume(&status, a(), EPOCH, 0).recovered());
    held.tool("two");
    delivered(&status).await;
    let mut resumed = resume(&status, a(), EPOCH, 1);
    assert!(resumed.recovered());
    assert_eq!(said(&mut resumed), ["two"]);
    drop((resumed, held));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_system_wide_can_be_resumed() {
    let status = ten().await;
    status.system().info("one");
    delivered(&status).await;
    status.system().info("two");
    delivered(&status).await;
    let mut resumed = resume(&status, Selector::System, EPOCH, 21);
    assert!(resumed.recovered());
    assert_eq!(said(&mut resumed), ["two"]);
    drop(resumed);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn after_the_end_what_is_left_can_still_be_read() {
    let status = ten().await;
    let all = everything(&status);
    drop(all);
    assert!(status.shutdown(SECOND).await.is_balanced());
    let mut resumed = resume(&status, a(), EPOCH, 17);
    assert!(resumed.recovered());
    assert_eq!(crate::support::rest(&mut resumed).await, ["a9"]);
    drop(resumed);
    end(status).await;
}

/// Reads a few events, breaks off, and comes back behind the last one, until `last` was said.
async fn reconnecting(status: Status, selector: Selector, mine: &str, last: String) -> Vec<String> {
    let (mut seq, mut heard, mut patience) = (0, Vec::new(), 0);
    loop {
        let mut reader = resume(&status, selector.clone(), EPOCH, seq);
        assert!(reader.recovered(), "at {seq}");
        patience = patience % 3 + 1;
        for _ in 0..patience {
            let event = reader.next().await.expect("more to come");
            let Event::Batch(batch) = &event else { panic!("only updates: {event:?}") };
            heard.extend(texts(batch).into_iter().filter(|text| text.starts_with(mine)));
            seq = seq_of(&event);
            if heard.last() == Some(&last) {
                return heard;
            }
        }
    }
}

#[test]
fn readers_who_resume_while_others_send_miss_nothing_and_get_nothing_twice() {
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
                // A minute is long enough: whoever is still waiting was not woken.
                let heard = tokio::time::timeout(60 * SECOND, reading).await;
                let heard = heard.expect("it comes to its end").expect("no panic");
                assert_eq!(heard, names(name, 0..UPDATES));
            }
        });
        let ledger = runtime.block_on(end(status));
        assert_eq!(ledger.delivered, 2 * UPDATES as u64);
    }
}
