//! The AI SDK: a chat whose message is what stands.

use serde_json::{Value, json};
use statusbus_tokio::Status;

use crate::programs::slow::{Seen, forgetful, outrun};
use crate::programs::{Script, Server};
use crate::{HOSTILE, progress, say_hostile_things, say_too_much, small};

/// The newest version, and the oldest that has the protocol: its parser is the strictest.
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
async fn a_message_has_what_stands_and_a_newer_value_takes_the_place_of_the_older() {
    for sdk in VERSIONS {
        let server = Server::start(&Status::builder().epoch(0xab).spawn());
        let status = &server.status;
        progress(status, "10 %").await;
        status.tool("conv-1", "searches");
        status.tool("conv-2", "somebody else's");
        status.flush().await;
        let mut chat = chat(sdk, &server);
        chat.tell("resume").await;
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
        server.balances().await;
        assert_eq!(chat.next("settled").await["status"], "ready");
        assert!(!chat.has_passed("error"));
    }
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn hostile_text_is_read_as_it_was_said_and_what_comes_behind_it_too() {
    for sdk in VERSIONS {
        let server = Server::start(&Status::builder().spawn());
        let mut chat = chat(sdk, &server);
        say_hostile_things(&server.status).await;
        chat.tell("resume").await;
        assert_eq!(next_text(&mut chat).await, HOSTILE, "as it stands");
        say_hostile_things(&server.status).await;
        let part = chat.next("data-status").await;
        let data = &part["part"]["data"];
        assert_eq!(data["text"], HOSTILE, "as it comes");
        assert_eq!(data["key"], format!("{HOSTILE}id: 7\r\n"));
        assert_eq!(data["metadata"], json!({"constructor": {}, "kept": [{"x": 1}]}));
        server.status.info("conv-1", "behind it");
        assert_eq!(next_text(&mut chat).await, "behind it");
        assert_eq!(parts(&message(&mut chat).await).len(), 2);
        server.balances().await;
        assert_eq!(chat.next("settled").await["status"], "ready");
        assert!(!chat.has_passed("error"));
    }
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_gap_is_told_and_stays_out_of_the_message() {
    for sdk in VERSIONS {
        let server = Server::start(&small());
        server.status.info("conv-1", "stands");
        server.status.flush().await;
        let mut chat = chat(sdk, &server);
        chat.tell("resume").await;
        assert_eq!(next_text(&mut chat).await, "stands");
        say_too_much(&server.status);
        let gap = &chat.next("data-gap").await["part"]["data"];
        assert_eq!(gap["scope"], "topic");
        while next_text(&mut chat).await != "4" {}
        let message = message(&mut chat).await;
        assert_eq!(
            parts(&message),
            [("status:conv-1:info", "stands"), ("status:conv-1:tool", "4")]
        );
        server.balances().await;
    }
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn after_a_restart_the_message_is_what_stands_then() {
    for sdk in VERSIONS {
        let server = Server::start(&Status::builder().spawn());
        progress(&server.status, "10 %").await;
        let mut chat = chat(sdk, &server);
        chat.tell("resume").await;
        assert_eq!(next_text(&mut chat).await, "10 %");
        let server = server.kill().await;
        // Its application sees that it was cut off, and has it come back.
        chat.next("error").await;
        chat.next("settled").await;
        progress(&server.status, "20 %").await;
        server.status.tool("conv-1", "searches");
        server.status.flush().await;
        let server = server.restart();
        chat.tell("resume").await;
        assert_eq!(next_text(&mut chat).await, "20 %");
        assert_eq!(next_text(&mut chat).await, "searches");
        let message = message(&mut chat).await;
        assert_eq!(parts(&message), [(DOWNLOAD, "20 %"), ("status:conv-1:tool", "searches")]);
        server.balances().await;
        assert_eq!(chat.next("settled").await["status"], "ready");
    }
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn one_that_was_too_slow_is_told_what_it_missed_and_gets_what_stands() {
    for sdk in VERSIONS {
        let server = Server::start(&forgetful());
        let mut chat = chat(sdk, &server);
        chat.tell("resume").await;
        let (mut seen, mut is_last) = (Seen::default(), false);
        server.status.tool("conv-1", "first");
        seen.update(&chat.next("data-status").await["part"]["data"]);
        outrun(&chat, &server.status).await;
        while !is_last {
            let event = chat.next_of(&["data-status", "data-gap"]).await;
            match event["on"] == "data-status" {
                true => is_last = seen.update(&event["part"]["data"]),
                false => seen.gap(&event["part"]["data"]),
            }
        }
        assert!(seen.gaps > 0);
        server.status.tool("conv-1", "goes on");
        assert_eq!(next_text(&mut chat).await, "goes on");
        let message = message(&mut chat).await;
        assert_eq!(parts(&message), [("status:conv-1:tool", "goes on"), (DOWNLOAD, "99 %")]);
        server.balances().await;
        assert_eq!(chat.next("settled").await["status"], "ready");
        assert!(!chat.has_passed("error"));
    }
}
