//! The description of the socket is complete: it has every message that is sent, and no other. Messages
//! are validated against it in every test that receives some.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde_json::json;
use statusbus_axum::{Access, Caller, Grant, Limits, Routes};
use statusbus_tokio::{Config, Spawn, Status};

use crate::description::ASYNCAPI;
use crate::dialogue::{asked, pushed};
use crate::support::{Client, Server, assert_balanced};

/// Sends the example of a message, and receives the reply.
async fn send_example(client: &mut Client, message: &str) -> serde_json::Value {
    let examples = &ASYNCAPI.at(&format!("/components/messages/{message}"))["examples"];
    let frame = &examples[0]["payload"];
    client.send(frame.to_string()).await;
    let received = client.receive().await;
    assert_eq!(
        (&received[0], &received[1], &received[2]),
        (&frame[0], &frame[1], &frame[2]),
        "{received}"
    );
    received[4].clone()
}

/// The operations in an order in which they succeed.
const EXAMPLES: [&str; 7] =
    ["heartbeat", "join", "subscribe", "unsubscribe", "getSubscriptions", "getAvailable", "leave"];

#[tokio::test(start_paused = true)]
async fn every_described_message_occurs() {
    assert_eq!(
        EXAMPLES.into_iter().collect::<BTreeSet<_>>(),
        asked().map(|(name, _)| name).collect()
    );
    let config =
        Config::new().with_queue_limit(3).expect("valid").with_batch_size(3).expect("valid");
    let status = Status::builder().with_config(config).spawn();
    let ends = Arc::new(Mutex::new(None::<SystemTime>));
    let decide = {
        let ends = Arc::clone(&ends);
        move |_: &Caller, _: Access<'_>| Ok(ends.lock().map_or(Grant::unlimited(), Grant::until))
    };
    let routes = Routes::new(&status).authorize(decide).with_limits(Limits::new().with_changes(2));
    let server = Server::new(&status, routes);
    let mut client = server.connect().await;
    for message in EXAMPLES {
        assert_eq!(send_example(&mut client, message).await["status"], "ok", "{message}");
    }
    assert_eq!(client.receive().await[3], "phx_close", "what was left");

    // Events for a channel that is not joined are refused, except for leaving it again.
    for message in ["subscribe", "unsubscribe", "getSubscriptions", "getAvailable"] {
        assert_eq!(send_example(&mut client, message).await["status"], "error", "{message}");
    }
    assert_eq!(client.join("status:a:b", json!({})).await["status"], "error");
    client.send("nonsense").await;
    assert_eq!(client.receive().await[2], "phoenix");

    // Updates, and a gap for missing ones.
    client.join("status:a", json!({"categories": ["tool"]})).await;
    for number in 0..5 {
        status.tool("a", number.to_string());
    }
    let mut pushes = BTreeSet::new();
    while pushes.len() < 2 {
        pushes.insert(client.receive().await[3].to_string());
    }
    while client.receive_text().await != "4" {}

    *ends.lock() = Some(SystemTime::now() + Duration::from_secs(5));
    client.join("status:b", json!({})).await;
    assert_eq!(client.receive().await[3], "phx_error", "the permission has ended");

    let replies = asked()
        .flat_map(|(sent, replies)| replies.into_iter().map(move |reply| (Some(sent), reply)));
    let described: BTreeSet<_> = replies.chain(pushed().map(|name| (None, name))).collect();
    assert_eq!(
        described.difference(&client.dialogue.received).collect::<Vec<_>>(),
        [&(None, ""); 0]
    );
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_lists_the_categories_and_the_retry_time() {
    let status = Status::builder().spawn();
    let routes = Routes::new(&status).with_limits(Limits::new().with_changes(1));
    let server = Server::new(&status, routes);
    let mut client = server.connect().await;
    client.join("status:a", json!({})).await;
    let tool = json!({"categories": ["tool"]});
    for (payload, present) in [
        (json!({"categories": ["gossip"]}), &["invalid", "message", "reason", "valid"][..]),
        (tool.clone(), &["subscribed"]),
        (tool, &["message", "reason", "retry_after_ms"]),
        (json!({"categories": "tool"}), &["message", "reason"]),
    ] {
        client.push("status:a", "subscribe_categories", payload).await;
        let received = client.receive().await[4]["response"].clone();
        let fields: Vec<_> = received.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(fields, present, "{received}");
    }
    assert_balanced(server).await;
}
