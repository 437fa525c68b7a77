//! The description of the socket has what is spoken, and what it has is spoken. That what is heard has
//! the form that it says is checked wherever a test listens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde_json::json;
use statusbus_axum::{Access, Caller, Grant, Limits, Routes};
use statusbus_tokio::{Config, Status};

use crate::description::ASYNCAPI;
use crate::dialogue::{asked, pushed};
use crate::support::{Client, Server, balances};

/// Says what a message has for an example, and hears the reply.
async fn say_example(client: &mut Client, message: &str) -> serde_json::Value {
    let examples = &ASYNCAPI.at(&format!("/components/messages/{message}"))["examples"];
    let frame = &examples[0]["payload"];
    client.send(frame.to_string()).await;
    let heard = client.hear().await;
    assert_eq!((&heard[0], &heard[1], &heard[2]), (&frame[0], &frame[1], &frame[2]), "{heard}");
    heard[4].clone()
}

/// In an order that makes sense.
const EXAMPLES: [&str; 7] =
    ["heartbeat", "join", "subscribe", "unsubscribe", "getSubscriptions", "getAvailable", "leave"];

#[tokio::test(start_paused = true)]
async fn all_that_is_described_is_spoken() {
    assert_eq!(
        EXAMPLES.into_iter().collect::<BTreeSet<_>>(),
        asked().map(|(name, _)| name).collect()
    );
    let config = Config::new().queue_limit(3).expect("valid").batch_size(3).expect("valid");
    let status = Status::builder().config(config).spawn();
    let ends = Arc::new(Mutex::new(None::<SystemTime>));
    let decide = {
        let ends = Arc::clone(&ends);
        move |_: &Caller, _: Access<'_>| Ok(ends.lock().map_or(Grant::unlimited(), Grant::until))
    };
    let routes = Routes::new(&status).authorize(decide).limits(Limits::new().changes(2));
    let server = Server::new(&status, routes);
    let mut client = server.connect().await;
    for message in EXAMPLES {
        assert_eq!(say_example(&mut client, message).await["status"], "ok", "{message}");
    }
    assert_eq!(client.hear().await[3], "phx_close", "what was left");

    // Nothing of a channel can be done that is not joined, and leaving it again is no mistake.
    for message in ["subscribe", "unsubscribe", "getSubscriptions", "getAvailable"] {
        assert_eq!(say_example(&mut client, message).await["status"], "error", "{message}");
    }
    assert_eq!(client.join("status:a:b", json!({})).await["status"], "error");
    client.send("nonsense").await;
    assert_eq!(client.hear().await[2], "phoenix");

    // Updates, and a gap where some are missing.
    client.join("status:a", json!({"categories": ["tool"]})).await;
    for number in 0..5 {
        status.tool("a", number.to_string());
    }
    let mut pushes = BTreeSet::new();
    while pushes.len() < 2 {
        pushes.insert(client.hear().await[3].to_string());
    }
    while client.hear_text().await != "4" {}

    *ends.lock() = Some(SystemTime::now() + Duration::from_secs(5));
    client.join("status:b", json!({})).await;
    assert_eq!(client.hear().await[3], "phx_error", "the permission has ended");

    let replies = asked()
        .flat_map(|(said, replies)| replies.into_iter().map(move |reply| (Some(said), reply)));
    let described: BTreeSet<_> = replies.chain(pushed().map(|name| (None, name))).collect();
    assert_eq!(described.difference(&client.dialogue.heard).collect::<Vec<_>>(), [&(None, ""); 0]);
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_which_categories_there_are_and_when_to_come_back() {
    let status = Status::builder().spawn();
    let routes = Routes::new(&status).limits(Limits::new().changes(1));
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
        client.say("status:a", "subscribe_categories", payload).await;
        let heard = client.hear().await[4]["response"].clone();
        let fields: Vec<_> = heard.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(fields, present, "{heard}");
    }
    balances(server).await;
}
