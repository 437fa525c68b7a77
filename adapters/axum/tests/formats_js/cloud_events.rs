//! CloudEvents: one for each update, and the retained values as a batch.

use serde_json::{Value, json};
use statusbus_tokio::{Spawn, Status};

use crate::programs::slow::{Seen, forgetful, make_lag};
use crate::programs::{Script, Server};
use crate::{HOSTILE, overflow_queue, progress, publish_hostile_texts, small};

const STATUS: &str = "io.github.statusbus.status";
const READY: &str = "io.github.statusbus.ready";
const GAP: &str = "io.github.statusbus.gap";

fn reader(server: &Server) -> Script {
    let url = format!("http://{}/v1/status/conv-1", server.address);
    let stream = format!("{url}/events?format=cloudevents");
    let retained_texts = format!("{url}?format=cloudevents");
    Script::start("formats/cloudevents.mjs", &[&stream, &retained_texts])
}

/// The next event of this type, validated by the SDK.
async fn next(reader: &mut Script, kind: &str) -> Value {
    let mut read = reader.next(kind).await;
    assert_eq!(read["valid"], true, "{read}");
    read["event"].take()
}

async fn next_text(reader: &mut Script) -> String {
    let event = next(reader, STATUS).await;
    event["data"]["text"].as_str().expect("a text").to_owned()
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn each_update_is_an_event_and_the_retained_values_are_a_batch() {
    let server = Server::start(&Status::builder().with_epoch(0xab).spawn());
    progress(&server.status, "10 %").await;
    let mut reader = reader(&server);
    let ready = next(&mut reader, READY).await;
    assert_eq!(ready["data"], json!({"epoch": "00000000000000ab", "recovered": false}));
    assert_eq!(next_text(&mut reader).await, "10 %");
    server.status.tool("conv-1", "searches");
    let mut read = reader.next(STATUS).await;
    assert_eq!(read["lastEventId"], "00000000000000ab-2");
    let event = &mut read["event"];
    let (time, at) = (event["time"].take(), event["data"]["at"].take());
    // The SDK keeps milliseconds.
    let time = time.as_str().and_then(|time| time.strip_suffix('Z')).expect("a time");
    assert!(at.as_str().is_some_and(|at| at.starts_with(time)), "{at} and {time}");
    assert_eq!(
        *event,
        json!({"specversion": "1.0", "id": "00000000000000ab-2", "source": "/v1/events",
            "type": STATUS, "subject": "status:conv-1:tool", "time": null,
            "datacontenttype": "application/json",
            "data": {"seq": 2, "conversation": "conv-1", "category": "tool", "text": "searches",
                "metadata": null, "key": null, "priority": "normal", "at": null}})
    );
    let batch = reader.ask("batch").await;
    assert_eq!(
        (&batch["valid"], &batch["lastEventId"]),
        (&json!(true), &json!("00000000000000ab-2"))
    );
    let ids: Vec<_> =
        batch["events"].as_array().expect("an array").iter().map(|event| &event["id"]).collect();
    assert_eq!(ids, ["00000000000000ab-1", "00000000000000ab-2"]);
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn hostile_text_arrives_unchanged_and_the_stream_continues() {
    let server = Server::start(&Status::builder().spawn());
    publish_hostile_texts(&server.status).await;
    let mut reader = reader(&server);
    assert_eq!(next_text(&mut reader).await, HOSTILE, "unchanged");
    publish_hostile_texts(&server.status).await;
    let data = next(&mut reader, STATUS).await["data"].take();
    assert_eq!(data["text"], HOSTILE, "as it comes");
    assert_eq!(data["metadata"]["__proto__"], json!({"polluted": 1}));
    assert_eq!(data["metadata"]["kept"], json!([{"x": 1}]));
    server.status.info("conv-1", "behind it");
    assert_eq!(next_text(&mut reader).await, "behind it");
    assert_eq!(reader.ask("batch").await["events"][0]["data"]["text"], HOSTILE);
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_gap_is_reported() {
    let server = Server::start(&small());
    let mut reader = reader(&server);
    next(&mut reader, READY).await;
    overflow_queue(&server.status);
    assert_eq!(next(&mut reader, GAP).await["data"]["scope"], "topic");
    while next_text(&mut reader).await != "4" {}
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn it_reconnects_automatically_and_resumes() {
    let server = Server::start(&Status::builder().spawn());
    let mut reader = reader(&server);
    assert_eq!(next(&mut reader, READY).await["data"]["recovered"], false);
    let mut read = Vec::new();
    for number in 0..3 {
        server.status.tool("conv-1", number.to_string());
        read.push(next(&mut reader, STATUS).await["data"]["seq"].take());
    }
    let server = server.kill().await;
    for number in 3..6 {
        server.status.tool("conv-1", number.to_string());
    }
    server.status.flush().await;
    let server = server.restart();
    assert_eq!(next(&mut reader, READY).await["data"]["recovered"], true);
    for _ in 3..6 {
        read.push(next(&mut reader, STATUS).await["data"]["seq"].take());
    }
    assert_eq!(read, [1, 2, 3, 4, 5, 6], "no gap and no duplicate");
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_lagging_reader_receives_the_missed_count_and_the_retained_values() {
    let server = Server::start(&forgetful());
    let mut reader = reader(&server);
    next(&mut reader, READY).await;
    make_lag(&reader, &server.status).await;
    let (mut seen, mut is_last) = (Seen::default(), false);
    while !is_last {
        let event = reader.next_of(&[STATUS, GAP]).await;
        assert_eq!(event["valid"], true, "{event}");
        if event["on"] == STATUS {
            is_last = seen.update(&event["event"]["data"]);
        } else {
            seen.gap(&event["event"]["data"]);
        }
    }
    assert!(seen.gaps > 0);
    server.status.tool("conv-1", "goes on");
    assert_eq!(next_text(&mut reader).await, "goes on");
    server.assert_balanced().await;
}
