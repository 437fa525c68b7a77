//! AG-UI: a run whose activities are the retained values.

use serde_json::{Value, json};
use statusbus_tokio::{Spawn, Status};

use crate::programs::slow::{Seen, forgetful, make_lag};
use crate::programs::{Script, Server};
use crate::{HOSTILE, overflow_queue, progress, publish_hostile_texts, small};

/// An unmodified agent sends POST.
fn agent(server: &Server) -> Script {
    agent_with("POST", server)
}

fn agent_with(method: &str, server: &Server) -> Script {
    let url = format!("http://{}/v1/status/conv-1/events?format=ag-ui", server.address);
    Script::start("formats/ag-ui.mjs", &[method, &url])
}

async fn next_text(agent: &mut Script) -> String {
    let event = &agent.next("activity").await["event"];
    assert_eq!((&event["activityType"], &event["replace"]), (&json!("status"), &json!(true)));
    event["content"]["text"].as_str().expect("a text").to_owned()
}

/// The ids and texts of the activities among its messages.
async fn activities(agent: &mut Script) -> Vec<(String, String)> {
    let messages = agent.ask("messages").await;
    let messages = messages["messages"].as_array().expect("messages");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let activities = messages.iter().map(|message| {
        assert_eq!(
            (&message["role"], &message["activityType"]),
            (&json!("activity"), &json!("status"))
        );
        (text(&message["id"]), text(&message["content"]["text"]))
    });
    activities.collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(id, text)| (id.to_owned(), text.to_owned())).collect()
}

const DOWNLOAD: &str = "status:conv-1:progress:download-3";

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_run_has_the_retained_values_and_newer_ones_replace_them() {
    for (method, thread) in [("POST", "thread-1"), ("GET", "conv-1")] {
        reads_what_stands(method, thread).await;
    }
}

async fn reads_what_stands(method: &str, thread: &str) {
    let server = Server::start(&Status::builder().with_epoch(0xab).spawn());
    let status = &server.status;
    progress(status, "10 %").await;
    status.tool("conv-1", "searches");
    status.tool("conv-2", "somebody else's");
    status.flush().await;
    let mut agent = agent_with(method, &server);
    agent.command("run").await;
    let started = agent.next("started").await["event"].take();
    assert_eq!(
        (&started["threadId"], &started["protocolVersion"]),
        (&json!(thread), &json!("1.0"))
    );
    let ready = json!({"epoch": "00000000000000ab", "recovered": false});
    assert_eq!(agent.next("statusbus.ready").await["value"], ready);
    assert_eq!(next_text(&mut agent).await, "10 %");
    assert_eq!(next_text(&mut agent).await, "searches");
    for percent in ["20 %", "30 %"] {
        progress(status, percent).await;
        assert_eq!(next_text(&mut agent).await, percent);
    }
    let retained = pairs(&[(DOWNLOAD, "30 %"), ("status:conv-1:tool", "searches")]);
    assert_eq!(activities(&mut agent).await, retained);
    server.assert_balanced().await;
    let finished = agent.next("finished").await["event"].take();
    assert_eq!((&finished["runId"], &finished["outcome"]), (&started["runId"], &Value::Null));
    assert!(!agent.has_passed("warning") && !agent.has_passed("failed"));
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn hostile_text_arrives_unchanged_and_the_stream_continues() {
    let server = Server::start(&Status::builder().spawn());
    let mut agent = agent(&server);
    publish_hostile_texts(&server.status).await;
    agent.command("run").await;
    assert_eq!(next_text(&mut agent).await, HOSTILE, "unchanged");
    publish_hostile_texts(&server.status).await;
    let content = agent.next("activity").await["event"]["content"].take();
    assert_eq!(content["text"], HOSTILE, "as it comes");
    assert_eq!(content["key"], format!("{HOSTILE}id: 7\r\n"));
    assert_eq!(content["metadata"]["kept"], json!([{"x": 1}]));
    server.status.info("conv-1", "behind it");
    assert_eq!(next_text(&mut agent).await, "behind it");
    assert_eq!(activities(&mut agent).await.len(), 2);
    server.assert_balanced().await;
    agent.next("finished").await;
    assert!(!agent.has_passed("warning") && !agent.has_passed("failed"));
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_gap_is_reported() {
    let server = Server::start(&small());
    let mut agent = agent(&server);
    agent.command("run").await;
    agent.next("statusbus.ready").await;
    overflow_queue(&server.status);
    assert_eq!(agent.next("statusbus.gap").await["value"]["scope"], "topic");
    while next_text(&mut agent).await != "4" {}
    assert_eq!(activities(&mut agent).await, pairs(&[("status:conv-1:tool", "4")]));
    server.assert_balanced().await;
    agent.next("finished").await;
    assert!(!agent.has_passed("warning") && !agent.has_passed("failed"));
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_run_that_is_cut_off_has_failed_and_the_next_one_replaces_it() {
    let server = Server::start(&Status::builder().spawn());
    progress(&server.status, "10 %").await;
    let mut agent = agent(&server);
    agent.command("run").await;
    assert_eq!(next_text(&mut agent).await, "10 %");
    let server = server.kill().await;
    agent.next("failed").await;
    progress(&server.status, "20 %").await;
    let server = server.restart();
    agent.command("run").await;
    assert_eq!(next_text(&mut agent).await, "20 %");
    assert_eq!(activities(&mut agent).await, pairs(&[(DOWNLOAD, "20 %")]));
    // A close without a shutdown of the bus: the run is cancelled, neither complete nor failed.
    server.shutdown.close();
    assert_eq!(agent.next("finished").await["event"]["outcome"], json!({"type": "cancelled"}));
    server.assert_balanced().await;
    assert!(!agent.has_passed("warning") && !agent.has_passed("failed"));
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_lagging_reader_receives_the_missed_count_and_the_retained_values() {
    let server = Server::start(&forgetful());
    let mut agent = agent(&server);
    agent.command("run").await;
    agent.next("statusbus.ready").await;
    make_lag(&agent, &server.status).await;
    let (mut seen, mut is_last) = (Seen::default(), false);
    while !is_last {
        let event = agent.next_of(&["activity", "statusbus.gap"]).await;
        if event["on"] == "activity" {
            is_last = seen.update(&event["event"]["content"]);
        } else {
            seen.gap(&event["value"]);
        }
    }
    assert!(seen.gaps > 0);
    server.status.tool("conv-1", "goes on");
    assert_eq!(next_text(&mut agent).await, "goes on");
    let retained = pairs(&[("status:conv-1:tool", "goes on"), (DOWNLOAD, "99 %")]);
    assert_eq!(activities(&mut agent).await, retained);
    server.assert_balanced().await;
    agent.next("finished").await;
    assert!(!agent.has_passed("warning") && !agent.has_passed("failed"));
}
