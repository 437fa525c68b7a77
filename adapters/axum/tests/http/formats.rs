//! Event streams in other formats: selection, resume positions and ends.

use std::time::SystemTime;

use serde_json::{Value, json};
use statusbus_axum::{Access, Caller, Denied, Grant, Routes};
use statusbus_tokio::{Category, Config, Spawn, Status};

use crate::support::{Frame, Served, Source, serve, serve_with};

const PATH: &str = "/v1/status/conv-1/events";
const OTHERS: [&str; 3] = ["ai-sdk", "ag-ui", "cloudevents"];

/// The text of the update in an event of another format, `None` for other events.
fn text(event: &Value) -> Option<&str> {
    let update = if event["content"].is_null() { &event["data"] } else { &event["content"] };
    update["text"].as_str()
}

/// Reads up to an update with this text. Returns the texts that were read.
async fn read_to(source: &mut Source, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    while all.last().map(String::as_str) != Some(last) {
        all.extend(text(&source.expect("").await).map(str::to_owned));
    }
    all
}

/// Reads up to an update with this text. Returns the id of its event.
async fn id_of(source: &mut Source, wanted: &str) -> String {
    loop {
        match source.next_frame().await.expect("it goes on") {
            Frame::Event { id, data, .. } if text(&data) == Some(wanted) => return id,
            _ => {}
        }
    }
}

#[tokio::test]
async fn an_unknown_format_is_refused_with_the_list_of_formats() {
    let served = serve(Status::builder().spawn()).await;
    for (path, known) in [
        (PATH, "statusbus, ai-sdk, ag-ui, cloudevents"),
        ("/v1/events", "statusbus, ai-sdk, ag-ui, cloudevents"),
        ("/v1/status/conv-1", "choose among statusbus, cloudevents"),
        ("/v1/system", "choose among statusbus, cloudevents"),
    ] {
        for name in ["xml", "AI-SDK", "", "%0d%0a", "ai-sdk,ag-ui"] {
            let answer = served.get(&format!("{path}?format={name}")).await;
            assert_eq!(answer.reason(), (400, "unknown_format".to_owned()), "{path} {name}");
            assert!(answer.text.contains(known), "{}", answer.text);
        }
    }
    let retained_texts = served.get("/v1/status/conv-1?format=ag-ui").await;
    assert_eq!(retained_texts.reason(), (400, "unknown_format".to_owned()));
    assert_eq!(served.status.conversations(), 0);
    served.end().await;
}

#[tokio::test]
async fn the_native_format_has_a_name() {
    let served = serve(Status::builder().spawn()).await;
    served.status.tool("conv-1", "stands");
    served.status.flush().await;
    let mut source = served.events(&format!("{PATH}?format=statusbus")).await;
    assert_eq!(source.begins().await, ["stands"]);
    let retained_texts = served.get("/v1/status/conv-1?format=statusbus").await.json();
    assert_eq!(retained_texts["updates"][0]["text"], "stands");
    served.end().await;
}

#[tokio::test]
async fn the_header_of_the_ai_sdk_is_on_its_streams_only() {
    let served = serve(Status::builder().spawn()).await;
    for (format, version) in
        [("ai-sdk", Some("v1")), ("ag-ui", None), ("cloudevents", None), ("statusbus", None)]
    {
        let source = served.events(&format!("{PATH}?format={format}")).await;
        let header = |name: &str| source.headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("x-vercel-ai-ui-message-stream"), version, "{format}");
        assert_eq!(header("content-type"), Some("text/event-stream"));
        assert_eq!(header("cache-control"), Some("no-cache, no-transform"));
    }
    served.end().await;
}

#[tokio::test]
async fn every_format_resumes_after_the_id_of_any_event() {
    let served = serve(Status::builder().spawn()).await;
    for format in OTHERS {
        let path = format!("{PATH}?format={format}");
        let mut source = served.events(&path).await;
        // Without an await in between, so that they are one batch.
        for number in 0..5 {
            served.status.tool("conv-1", number.to_string());
        }
        // An event in the middle of a batch.
        let id = id_of(&mut source, "2").await;
        drop(source);
        let mut source = served.events_after(&path, &id).await;
        let begins = source.expect("").await;
        let begins =
            if format == "ag-ui" { source.expect("").await["value"].take() } else { begins };
        let metadata = [&begins, &begins["messageMetadata"], &begins["data"]];
        assert!(metadata.iter().any(|ready| ready["recovered"] == true), "{format}: {begins}");
        served.status.tool("conv-1", "last");
        assert_eq!(read_to(&mut source, "last").await, ["3", "4", "last"], "{format}");
    }
    served.end().await;
}

#[tokio::test]
async fn a_stream_without_retained_values_begins_with_its_position() {
    let served = serve(Status::builder().with_epoch(7).spawn()).await;
    served.status.tool("conv-2", "somebody else's");
    served.status.flush().await;
    let mut sources = Vec::new();
    for format in OTHERS {
        sources.push(served.events(&format!("{PATH}?format={format}")).await);
    }
    served.end().await;
    for (source, format) in sources.iter_mut().zip(OTHERS) {
        last_events(source).await;
        assert_eq!(source.last_id(), "0000000000000007-1", "{format}");
    }
}

#[tokio::test]
async fn every_format_has_all_retained_values_of_a_large_bus() {
    const VALUES: usize = 3_000;
    let served = serve(Status::builder().with_conversations(VALUES).spawn()).await;
    for number in 0..VALUES {
        served.status.tool(&format!("conv-{number}"), format!("{number}"));
        if number % 1_000 == 0 {
            served.status.flush().await;
        }
    }
    served.status.flush().await;
    let expected: Vec<_> = (0..VALUES).map(|number| number.to_string()).collect();
    for format in OTHERS {
        let mut source = served.events(&format!("/v1/events?format={format}")).await;
        assert!(read_to(&mut source, &expected[VALUES - 1]).await == expected, "{format}");
    }
    let batch = served.get("/v1/status/conv-7?format=cloudevents").await;
    assert_eq!(text(&batch.json()[0]), Some("7"));
    served.end().await;
}

#[tokio::test]
async fn retained_values_are_available_as_a_batch_of_cloud_events() {
    let served = serve(Status::builder().with_epoch(7).spawn()).await;
    served.status.update("conv-1", Category::PROGRESS, "50 %").key("k").send();
    served.status.tool("conv-1", "searches");
    served.status.system().info("up");
    served.status.flush().await;
    let batch = served.get("/v1/status/conv-1?format=cloudevents").await;
    assert_eq!(batch.header("content-type"), Some("application/cloudevents-batch+json"));
    assert_eq!(batch.header("cache-control"), Some("no-store"));
    assert_eq!(batch.header("last-event-id"), Some("0000000000000007-3"));
    let events = batch.json();
    let events: Vec<_> = events.as_array().expect("an array").iter().collect();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["subject"], "status:conv-1:progress");
    assert_eq!((text(events[0]), text(events[1])), (Some("50 %"), Some("searches")));
    let chosen = served.get("/v1/status/conv-1?format=cloudevents&categories=tool").await.json();
    assert_eq!((chosen[0]["data"]["text"].clone(), &chosen[1]), (json!("searches"), &json!(null)));
    assert_eq!(served.get("/v1/system?format=cloudevents").await.json()[0]["data"]["text"], "up");
    let nobody = served.get("/v1/status/nobody?format=cloudevents").await;
    assert_eq!(
        (nobody.json(), nobody.header("last-event-id")),
        (json!([]), batch.header("last-event-id"))
    );
    served.end().await;
}

/// The last events of a stream, after reading the rest of it.
async fn last_events(source: &mut Source) -> Vec<Value> {
    let mut all = Vec::new();
    while let Some((_, data)) = source.next().await {
        all.push(data);
    }
    all
}

#[tokio::test]
async fn a_complete_stream_ends_with_an_event() {
    let served = serve(Status::builder().spawn()).await;
    let mut sources = Vec::new();
    for format in OTHERS {
        sources.push(served.events(&format!("{PATH}?format={format}")).await);
    }
    served.status.tool("conv-1", "last");
    served.end().await;
    let mut ends = Vec::new();
    for source in &mut sources {
        let events = last_events(source).await;
        let last = events.iter().position(|event| text(event) == Some("last"));
        ends.push(events[last.expect("an update") + 1..].to_vec());
    }
    assert_eq!(ends[0], [json!({"type": "finish"}), json!("[DONE]")]);
    assert_eq!(
        (&ends[1][0]["type"], &ends[1][0]["outcome"]),
        (&json!("RUN_FINISHED"), &json!(null))
    );
    assert_eq!((ends[1].len(), ends[2].len()), (1, 0));
}

/// A permission that expires immediately.
fn for_a_moment(_: &Caller, _: Access<'_>) -> Result<Grant, Denied> {
    Ok(Grant::until(SystemTime::now()))
}

#[tokio::test]
async fn a_stream_that_is_cut_off_is_not_reported_as_complete() {
    let routes = |routes: Routes| routes.authorize(for_a_moment);
    let served = serve_with(Status::builder().spawn(), routes, |server| server).await;
    let mut ends = Vec::new();
    for format in OTHERS {
        let mut source = served.events(&format!("{PATH}?format={format}")).await;
        ends.push(last_events(&mut source).await);
    }
    assert_eq!(ends[0][1..], [json!({"type": "abort"}), json!("[DONE]")]);
    assert_eq!(ends[1].last().expect("an end")["outcome"], json!({"type": "cancelled"}));
    assert_eq!(ends[2].len(), 1, "that it began");
    served.end().await;
}

#[tokio::test]
async fn only_a_run_is_requested_with_post() {
    let served = serve(Status::builder().spawn()).await;
    let post = async |path: &str, body: &'static str| {
        let client = served.client().await;
        let request = client.request("POST", path).header("content-type", "application/json");
        client.answer(request, body).await
    };
    for format in ["", "?format=ai-sdk", "?format=cloudevents"] {
        let answer = post(&format!("{PATH}{format}"), "{}").await;
        assert_eq!(answer.reason(), (405, "method".to_owned()), "{format}");
        assert_eq!(answer.header("allow"), Some("GET"));
    }
    let path = format!("{PATH}?format=ag-ui");
    let answer = post(&path, "nonsense").await;
    assert_eq!(answer.reason(), (400, "invalid".to_owned()));
    let answer = post(&path, r#"{"threadId":"t"}"#).await;
    assert!(answer.text.contains("runId"), "{}", answer.text);
    assert_eq!(served.status.readers(), 0);
    let client = served.client().await;
    let request = client.request("POST", &path);
    let input = r#"{"threadId":"t","runId":"r","messages":[{"anything":1}],"state":{}}"#;
    let mut source = Source::new(&path, client.send(request, input).await);
    let started = source.expect("").await;
    assert_eq!((&started["threadId"], &started["runId"]), (&json!("t"), &json!("r")));
    served.status.tool("conv-1", "comes");
    assert_eq!(read_to(&mut source, "comes").await, ["comes"]);
    served.end().await;
}

async fn counted(served: &Served, name: &str) -> u64 {
    let metrics = served.get("/metrics").await.text;
    let line =
        metrics.lines().find_map(|line| line.strip_prefix(&format!("statusbus_{name}_total ")));
    line.expect("it is counted").parse().expect("a number")
}

#[tokio::test]
async fn every_format_reports_gaps() {
    let config =
        Config::new().with_queue_limit(3).expect("valid").with_batch_size(3).expect("valid");
    let served = serve(Status::builder().with_config(config).spawn()).await;
    for format in OTHERS {
        let mut source = served.events(&format!("{PATH}?format={format}")).await;
        source.expect("").await;
        // Without an await in between, so that the queue overflows.
        for number in 0..5 {
            served.status.tool("conv-1", format!("{format} {number}"));
        }
        let (last, mut gaps) = (format!("{format} 4"), Vec::new());
        loop {
            let event = source.expect("").await;
            if text(&event) == Some(&last) {
                break;
            }
            let gap = if event["value"].is_null() { &event["data"] } else { &event["value"] };
            gaps.extend(gap["count"].as_u64());
        }
        assert_eq!(gaps.iter().sum::<u64>(), 2, "{format}");
    }
    served.end().await;
}

#[tokio::test]
async fn each_format_is_encoded_once_for_all_readers() {
    let served = serve(Status::builder().spawn()).await;
    let mut sources = Vec::new();
    for _ in 0..5 {
        for format in OTHERS {
            sources.push(served.events(&format!("{PATH}?format={format}")).await);
        }
    }
    for source in &mut sources {
        source.expect("").await;
    }
    served.status.tool("conv-1", "said once");
    for source in &mut sources {
        assert_eq!(read_to(source, "said once").await, ["said once"]);
    }
    assert_eq!(counted(&served, "http_frames_encoded").await, 3);
    assert_eq!(counted(&served, "http_frames_shared").await, 12);
    served.end().await;
}
