//! Event streams: content, order and encoding.

use std::time::Duration;

use serde_json::json;
use statusbus_tokio::{Category, Config, Metadata, Priority, Spawn, Status};

use crate::support::source::texts;
use crate::support::{Frame, serve, serve_with};

#[tokio::test]
async fn a_new_reader_receives_the_retained_values_first() {
    let served = serve(Status::builder().with_epoch(0xab).spawn()).await;
    served.status.tool("conv-1", "old");
    served.status.tool("conv-1", "stands");
    served.status.tool("conv-2", "somebody else's");
    served.status.flush().await;
    let mut source = served.events("/v1/status/conv-1/events").await;
    assert_eq!(
        source.expect("ready").await,
        json!({"epoch": "00000000000000ab", "recovered": false})
    );
    assert_eq!(texts(&source.expect("status").await), ["stands"]);
    assert_eq!(source.last_id(), "00000000000000ab-3", "the head of the stream");
    served.status.info("conv-1", "comes");
    assert_eq!(source.read(1).await, ["comes"]);
    assert_eq!(source.last_id(), "00000000000000ab-4");
    served.end().await;
    assert_eq!(source.rest().await, [""; 0]);
}

#[tokio::test]
async fn an_update_has_the_documented_fields() {
    let served = serve(Status::builder().spawn()).await;
    let mut source = served.events("/v1/events").await;
    assert_eq!(source.begins().await, [""; 0], "an empty list of retained values");
    let metadata: Metadata = r#"{"hits":3}"#.parse().expect("an object");
    served
        .status
        .update("conv-1", Category::TOOL, "found")
        .key("search")
        .metadata(metadata)
        .priority(Priority::High)
        .send();
    let mut updates = source.expect("status").await;
    let at = updates[0]["at"].take();
    assert!(at.as_str().is_some_and(|at| at.ends_with('Z') && at.contains('T')), "{at}");
    assert_eq!(
        updates,
        json!([{"seq": 1, "conversation": "conv-1", "category": "tool", "text": "found",
            "metadata": {"hits": 3}, "key": "search", "priority": "high", "at": null}])
    );
    served.status.system().info("up");
    let updates = source.expect("status").await;
    assert_eq!(updates[0]["conversation"], json!(null));
    assert_eq!(updates[0]["metadata"], json!(null));
    assert_eq!(updates[0]["key"], json!(null));
    drop(source);
    served.end().await;
}

#[tokio::test]
async fn each_stream_has_its_own_selection() {
    let served = serve(Status::builder().spawn()).await;
    let mut one = served.events("/v1/status/conv%2F1/events").await;
    let mut tools = served.events("/v1/status/conv%2F1/events?categories=tool,error").await;
    let mut system = served.events("/v1/system/events").await;
    let mut all = served.events("/v1/events").await;
    for source in [&mut one, &mut tools, &mut system, &mut all] {
        source.begins().await;
    }
    served.status.tool("conv/1", "a");
    served.status.info("conv/1", "b");
    served.status.tool("conv-2", "c");
    served.status.system().info("d");
    served.status.error("conv/1", "e");
    assert_eq!(one.read(3).await, ["a", "b", "e"]);
    assert_eq!(tools.read(2).await, ["a", "e"]);
    assert_eq!(system.read(1).await, ["d"]);
    assert_eq!(all.read(5).await, ["a", "b", "c", "d", "e"]);
    served.end().await;
}

#[tokio::test]
async fn proxies_neither_buffer_nor_change_a_stream() {
    let served = serve(Status::builder().spawn()).await;
    let source = served.events("/v1/events").await;
    let header = |name: &str| source.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("text/event-stream"));
    assert_eq!(header("cache-control"), Some("no-cache, no-transform"));
    assert_eq!(header("x-accel-buffering"), Some("no"));
    drop(source);
    served.end().await;
}

#[tokio::test]
async fn a_gap_is_in_place_of_the_lost_updates() {
    let config =
        Config::new().with_queue_limit(3).expect("valid").with_batch_size(3).expect("valid");
    let served = serve(Status::builder().with_config(config).with_epoch(1).spawn()).await;
    let mut source = served.events("/v1/status/conv-1/events").await;
    source.begins().await;
    // Without an await in between, so that the runner does not run.
    for number in 0..5 {
        served.status.tool("conv-1", number.to_string());
    }
    let (mut seen, mut missing) = (0, 0);
    while seen + missing < 5 {
        match source.next().await.expect("it goes on") {
            (name, data) if name == "gap" => {
                missing += data["count"].as_u64().expect("a number");
                assert_eq!(data["scope"], "topic");
                assert_eq!(data["reasons"]["evicted"], data["count"]);
            }
            (_, data) => seen += texts(&data).len() as u64,
        }
    }
    let lost = served.status.ledger().dropped.total();
    assert_eq!(missing, lost, "as in the ledger");
    served.end().await;
}

#[tokio::test]
async fn hostile_text_stays_within_its_frame() {
    let builder =
        Status::builder().with_max_text(2 * 1024 * 1024).with_conversation_bytes(4 * 1024 * 1024);
    let served = serve(builder.spawn()).await;
    let mut source = served.events("/v1/status/conv-1/events").await;
    source.begins().await;
    let hostile = [
        "a\r\n\r\nevent: status\r\ndata: [1]\r\n\r\n".to_owned(),
        "a\rb\nc\0d\u{85}e\u{2028}f\u{feff}".to_owned(),
        "</script><!-- ]]>".to_owned(),
        "\u{202e}rtl".to_owned(),
        "😀".repeat(256 * 1024),
        "\u{1}".repeat(100_000),
    ];
    for text in &hostile {
        let metadata: Metadata =
            serde_json::json!({ "a\r\nid: 7": text.chars().take(100).collect::<String>() })
                .to_string()
                .parse()
                .expect("an object");
        served.status.update("conv-1", Category::INFO, text).metadata(metadata).send();
    }
    served.status.update("conv-1", Category::INFO, "k").key("a\r\nid: 7\r\n\r\n").send();
    let read = source.read(7).await;
    assert!(read[..6] == hostile, "texts are as they were sent");
    assert!(source.last_id().ends_with("-7"), "{}", source.last_id());
    let mut late = served.events("/v1/status/conv-1/events").await;
    assert_eq!(late.begins().await, [hostile[5].as_str(), "k"]);
    served.end().await;
}

#[tokio::test]
async fn the_retained_values_of_a_large_bus_are_one_event() {
    let served = serve(Status::builder().with_conversations(20_000).spawn()).await;
    for number in 0..5_000 {
        served.status.tool(&format!("conv-{number}"), format!("{number} {}", "x".repeat(50)));
        if number % 1_000 == 0 {
            served.status.flush().await;
        }
    }
    served.status.flush().await;
    let mut source = served.events("/v1/events").await;
    let values = source.begins().await;
    assert_eq!(values.len(), 5_000);
    assert!(
        values.iter().enumerate().all(|(number, text)| text.starts_with(&format!("{number} ")))
    );
    served.status.info("conv-1", "comes");
    assert_eq!(source.read(1).await, ["comes"]);
    served.end().await;
}

#[tokio::test]
async fn readers_of_one_selection_share_frames() {
    let served = serve(Status::builder().spawn()).await;
    let mut sources = Vec::new();
    for _ in 0..20 {
        let mut source = served.events("/v1/events").await;
        source.begins().await;
        sources.push(source);
    }
    served.status.info("conv-1", "one");
    let mut seen = Vec::new();
    for source in &mut sources {
        seen.push(source.expect("status").await);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    served.end().await;
}

#[tokio::test]
async fn errors_name_the_fault_and_the_remedy() {
    let served = serve(Status::builder().spawn()).await;
    let long = format!("/v1/status/{}/events", "x".repeat(129));
    for (path, status, reason, detail) in [
        ("/v1/status/a:b/events", 400, "invalid", "leave out control characters"),
        ("/v1/status/a%0Ab/events", 400, "invalid", "leave out control characters"),
        ("/v1/status/system/events", 400, "invalid", "leave the conversation out"),
        (&long, 400, "invalid", "give it 1 to 128"),
        ("/v1/events?categories=tool,gossip", 400, "unknown_category", "choose among engine, tool"),
        ("/v1/events?categories=", 400, "unknown_category", "choose among engine, tool"),
    ] {
        let answer = served.get(path).await;
        assert_eq!(answer.reason(), (status, reason.to_owned()), "{path}");
        assert!(answer.text.contains(detail), "{path}: {}", answer.text);
    }
    assert_eq!(served.status.conversations(), 0);
    served.end().await;
}

#[tokio::test]
async fn a_stream_over_the_limit_is_refused_and_the_others_continue() {
    let limits = statusbus_axum::Limits::new().with_streams(2);
    let routes = |routes: statusbus_axum::Routes| routes.with_limits(limits);
    let served = serve_with(Status::builder().spawn(), routes, |server| server).await;
    let mut first = served.events("/v1/events").await;
    first.begins().await;
    let second = served.events("/v1/events").await;
    let third = served.get("/v1/events").await;
    assert_eq!(third.reason(), (503, "crowded".to_owned()));
    assert_eq!(third.header("retry-after"), Some("1"));
    served.status.info("conv-1", "one");
    assert_eq!(first.read(1).await, ["one"]);
    drop(second);
    // The server detects the closed connection when it polls it, for which it is woken.
    while served.status.readers() > 1 {
        tokio::task::yield_now().await;
    }
    served.events("/v1/events").await.begins().await;
    served.end().await;
}

#[tokio::test]
async fn a_shutdown_delivers_everything_and_asks_readers_to_reconnect() {
    let served = serve(Status::builder().spawn()).await;
    let mut source = served.events("/v1/events").await;
    source.begins().await;
    for number in 0..1_000 {
        served.status.info("conv-1", number.to_string());
    }
    let ledger = served.shutdown(Duration::from_secs(20)).await;
    assert_eq!(ledger.delivered, 1_000);
    let mut last = None;
    let mut read = 0;
    while let Some(frame) = source.next_frame().await {
        if let Frame::Event { data, .. } = &frame {
            read += texts(data).len();
        }
        last = Some(frame);
    }
    assert_eq!(read, 1_000);
    let Some(Frame::Retry(wait)) = last else { panic!("{last:?}") };
    assert!((500..3_000).contains(&wait), "{wait}");
}
