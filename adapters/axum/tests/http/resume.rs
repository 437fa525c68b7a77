//! Resuming: without a gap and a duplicate, or with a report that it is impossible.

use serde_json::Value;
use statusbus_tokio::{Spawn, Status};

use crate::support::{Served, serve};

const PATH: &str = "/v1/status/conv-1/events";

async fn read_three(served: &Served) -> String {
    let mut source = served.events(PATH).await;
    source.begins().await;
    for number in 0..3 {
        served.status.tool("conv-1", number.to_string());
        assert_eq!(source.read(1).await, [number.to_string()]);
    }
    source.last_id().to_owned()
}

#[tokio::test]
async fn a_reader_resumes_at_its_position() {
    let served = serve(Status::builder().spawn()).await;
    let id = read_three(&served).await;
    served.status.tool("conv-2", "not its own");
    served.status.tool("conv-1", "missed");
    served.status.flush().await;
    let mut source = served.events_after(PATH, &id).await;
    source.recovers().await;
    assert_eq!(source.read(1).await, ["missed"]);
    let again = source.last_id().to_owned();
    drop(source);
    let mut source = served.events_after(PATH, &again).await;
    source.recovers().await;
    served.status.tool("conv-1", "next");
    assert_eq!(source.read(1).await, ["next"]);
    served.end().await;
}

#[tokio::test]
async fn the_header_precedes_the_query() {
    let served = serve(Status::builder().spawn()).await;
    let id = read_three(&served).await;
    served.status.tool("conv-1", "missed");
    served.status.flush().await;
    let first = id.replace("-3", "-1");
    let mut source = served.events(&format!("{PATH}?last_event_id={first}")).await;
    source.recovers().await;
    assert_eq!(source.read(3).await, ["1", "2", "missed"]);
    let mut source = served.events_after(&format!("{PATH}?last_event_id={first}"), &id).await;
    source.recovers().await;
    assert_eq!(source.read(1).await, ["missed"]);
    served.end().await;
}

#[tokio::test]
async fn an_impossible_resume_is_reported_and_starts_with_the_retained_values() {
    let served =
        serve(Status::builder().with_epoch(7).with_history(2).with_window(2).spawn()).await;
    for number in 0..10 {
        served.status.tool("conv-1", number.to_string());
        served.status.flush().await;
    }
    let lost = [
        ("0000000000000007-1", "it is too long ago"),
        ("0000000000000007-11", "there is no such position yet"),
        ("0000000000000008-9", "another run"),
        ("0000000000000007-99999999999999999999999999", "beyond all positions"),
        ("garbage", "another server's"),
        ("0000000000000007-", "half of one"),
    ];
    for (id, why) in lost {
        let mut source = served.events_after(PATH, id).await;
        assert_eq!(source.begins().await, ["9"], "{why}");
        assert_eq!(source.last_id(), "0000000000000007-10", "{why}");
    }
    let mut source = served.events_after(PATH, "0000000000000007-9").await;
    source.recovers().await;
    assert_eq!(source.read(1).await, ["9"]);
    served.end().await;
}

/// A reader that reconnects repeatedly under load receives each update once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconnecting_under_load_has_no_gap_and_no_duplicate() {
    const UPDATES: u64 = 3_000;
    let served = serve(Status::builder().spawn()).await;
    for path in [PATH, "/v1/events"] {
        let mut source = served.events(path).await;
        source.begins().await;
        let status = served.status.clone();
        let sender = tokio::spawn(async move {
            for number in 0..UPDATES {
                status.tool("conv-1", number.to_string());
                status.tool("conv-2", "not its own");
                if number % 7 == 0 {
                    tokio::task::yield_now().await;
                }
                if number % 100 == 0 {
                    status.flush().await;
                }
            }
        });
        let (mut next, mut returns) = (0, 0);
        while next < UPDATES {
            let (name, updates) = source.next().await.expect("it goes on");
            assert_eq!(name, "status");
            for update in updates.as_array().expect("an array") {
                if update["conversation"] == "conv-1" {
                    assert_eq!(update["text"], Value::from(next.to_string()));
                    next += 1;
                }
            }
            let id = source.last_id().to_owned();
            drop(source);
            source = served.events_after(path, &id).await;
            source.recovers().await;
            returns += 1;
        }
        assert!(returns > 20, "it came back {returns} times");
        sender.await.expect("no panic");
    }
    assert_eq!(served.end().await.dropped.total(), 0);
}
