//! The AI SDK: a chat whose message is the retained values.

use serde_json::{Value, json};
use statusbus_tokio::{Spawn, Status};

use crate::programs::slow::{Seen, forgetful, make_lag};
use crate::programs::{Script, Server};
use crate::{HOSTILE, overflow_queue, progress, publish_hostile_texts, small};

/// The newest version, and the oldest with the protocol, whose parser is the strictest.
const VERSIONS: [&str; 2] = ["ai", "ai-5"];

fn chat(sdk: &str, server: &Server) -> Script {
    let url = format!("http://{}/v1/status/conv-1/events?format=ai-sdk", server.address);
    Script::start("formats/ai-sdk.mjs", &[sdk, &url])
}

/// The one message of a chat.
async fn message(chat: &mut Script) -> Value {
    let mut messages = chat.ask("messages").await;
    assert_eq!(messages["messages"].as_array().map(Vec::len), Some(1), "{messages}");
    messages["messages"][0].take()
}

/// The ids and texts of a message's parts.
fn parts(message: &Value) -> Vec<(&str, &str)> {
    let parts = message["parts"].as_array().expect("parts");
    let parts = parts.iter().map(|part| {
        assert_eq!(part["type"], "data-status");
        let id = part["id"].as_str().expect("an id");
        (id, part["data"]["text"].as_str().expect("a text"))
    });
    parts.collect()
}

async fn next_text(chat: &mut Script) -> String {
    let part = chat.next("data-status").await;
    part["part"]["data"]["text"].as_str().expect("a text").to_owned()
}

const DOWNLOAD: &str = "status:conv-1:progress:download-3";

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_message_has_the_retained_values_and_newer_ones_replace_them() {
    for sdk in VERSIONS {
        let server = Server::start(&Status::builder().with_epoch(0xab).spawn());
        let status = &server.status;
        progress(status, "10 %").await;
        status.tool("conv-1", "searches");
        status.tool("conv-2", "somebody else's");
        status.flush().await;
        let mut chat = chat(sdk, &server);
        chat.command("resume").await;
        assert_eq!(next_text(&mut chat).await, "10 %");
        assert_eq!(next_text(&mut chat).await, "searches");
        for percent in ["20 %", "30 %"] {
            progress(status, percent).await;
            assert_eq!(next_text(&mut chat).await, percent);
        }
        let message = message(&mut chat).await;
        assert_eq!(message["id"], "status:conv-1");
        assert_eq!(message["role"], "assistant");
        assert_eq!(message["metadata"], json!({"epoch": "00000000000000ab", "recovered": false}));
        assert_eq!(parts(&message), [(DOWNLOAD, "30 %"), ("status:conv-1:tool", "searches")]);
        assert_eq!(message["parts"][0]["data"]["seq"], 5);
        server.assert_balanced().await;
        assert_eq!(chat.next("settled").await["status"], "ready");
        assert!(!chat.has_passed("error"));
    }
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn hostile_text_arrives_unchanged_and_the_stream_continues() {
    for sdk in VERSIONS {
        let server = Server::start(&Status::builder().spawn());
        let mut chat = chat(sdk, &server);
        publish_hostile_texts(&server.status).await;
        chat.command("resume").await;
        assert_eq!(next_text(&mut chat).await, HOSTILE, "unchanged");
        publish_hostile_texts(&server.status).await;
        let part = chat.next("data-status").await;
        let data = &part["part"]["data"];
        assert_eq!(data["text"], HOSTILE, "as it comes");
        assert_eq!(data["key"], format!("{HOSTILE}id: 7\r\n"));
        assert_eq!(data["metadata"], json!({"constructor": {}, "kept": [{"x": 1}]}));
        server.status.info("conv-1", "behind it");
        assert_eq!(next_text(&mut chat).await, "behind it");
        assert_eq!(parts(&message(&mut chat).await).len(), 2);
        server.assert_balanced().await;
        assert_eq!(chat.next("settled").await["status"], "ready");
        assert!(!chat.has_passed("error"));
    }
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_gap_is_reported_and_not_kept_in_the_message() {
    for sdk in VERSIONS {
        let server = Server::start(&small());
        server.status.info("conv-1", "stands");
        server.status.flush().await;
        let mut chat = chat(sdk, &server);
        chat.command("resume").await;
        assert_eq!(next_text(&mut chat).await, "stands");
        overflow_queue(&server.status);
        let gap = &chat.next("data-gap").await["part"]["data"];
        assert_eq!(gap["scope"], "topic");
        while next_text(&mut chat).await != "4" {}
        let message = message(&mut chat).await;
        assert_eq!(
            parts(&message),
            [("status:conv-1:info", "stands"), ("status:conv-1:tool", "4")]
        );
        server.assert_balanced().await;
    }
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn after_a_restart_the_message_has_the_current_retained_values() {
    for sdk in VERSIONS {
        let server = Server::start(&Status::builder().spawn());
        progress(&server.status, "10 %").await;
        let mut chat = chat(sdk, &server);
        chat.command("resume").await;
        assert_eq!(next_text(&mut chat).await, "10 %");
        let server = server.kill().await;
        // The application sees the disconnect, and reconnects.
        chat.next("error").await;
        chat.next("settled").await;
        progress(&server.status, "20 %").await;
        server.status.tool("conv-1", "searches");
        server.status.flush().await;
        let server = server.restart();
        chat.command("resume").await;
        assert_eq!(next_text(&mut chat).await, "20 %");
        assert_eq!(next_text(&mut chat).await, "searches");
        let message = message(&mut chat).await;
        assert_eq!(parts(&message), [(DOWNLOAD, "20 %"), ("status:conv-1:tool", "searches")]);
        server.assert_balanced().await;
        assert_eq!(chat.next("settled").await["status"], "ready");
    }
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_lagging_reader_receives_the_missed_count_and_the_retained_values() {
    for sdk in VERSIONS {
        let server = Server::start(&forgetful());
        let mut chat = chat(sdk, &server);
        chat.command("resume").await;
        let (mut seen, mut is_last) = (Seen::default(), false);
        server.status.tool("conv-1", "first");
        seen.update(&chat.next("data-status").await["part"]["data"]);
        make_lag(&chat, &server.status).await;
        while !is_last {
            let event = chat.next_of(&["data-status", "data-gap"]).await;
            if event["on"] == "data-status" {
                is_last = seen.update(&event["part"]["data"]);
            } else {
                seen.gap(&event["part"]["data"]);
            }
        }
        assert!(seen.gaps > 0);
        server.status.tool("conv-1", "goes on");
        assert_eq!(next_text(&mut chat).await, "goes on");
        let message = message(&mut chat).await;
        assert_eq!(parts(&message), [("status:conv-1:tool", "goes on"), (DOWNLOAD, "99 %")]);
        server.assert_balanced().await;
        assert_eq!(chat.next("settled").await["status"], "ready");
        assert!(!chat.has_passed("error"));
    }
}
