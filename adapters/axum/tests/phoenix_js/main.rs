//! The `phoenix` package from npm as published, against a server on a real port.
//!
//! It needs Node (`NODE` selects another program than `node`) and, once, `npm ci` in `tests/js`:
//!
//! ```sh
//! npm --prefix adapters/axum/tests/js ci
//! cargo test -p statusbus-axum --test phoenix_js -- --ignored
//! ```

#![allow(clippy::panic)] // a panic is a test failure, in helpers, too

mod client;
#[path = "../programs/mod.rs"]
mod programs;

use serde_json::json;
use statusbus_axum::{Access, Caller, Denied, Grant};
use statusbus_tokio::{Category, Spawn, Status};

use client::Client;
use programs::Server;
use programs::slow::{LAST, Seen, forgetful, make_lag};

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn it_joins_and_receives_updates_in_order() {
    let server = Server::start(&Status::builder().spawn());
    server.status.update("conv-1", Category::INFO, "stands").key("k").send();
    server.status.flush().await;
    let mut client = Client::connect(&server, json!({})).await;
    let params = json!({"categories": ["tool", "info"]});
    let response = client.join("a", "status:conv-1", params).await;
    assert_eq!(response["conversation_id"], "conv-1");
    assert_eq!(response["available_categories"], json!(Category::BUILT_IN));
    assert_eq!(response["subscribed_categories"], json!(["tool", "info"]));
    let retained = client.next_update("a").await;
    assert_eq!((&retained["text"], &retained["retained"]), (&json!("stands"), &json!(true)));
    let hostile = "a\r\nb\0\u{2028}</script>\u{1f600}";
    server.status.tool("conv-1", hostile);
    assert_eq!(client.next_update("a").await["text"], hostile);
    for number in 0..2_000 {
        server.status.tool("conv-1", number.to_string());
        server.status.error("conv-1", "not chosen");
        server.status.tool("conv-2", "of another one");
    }
    for number in 0..2_000 {
        assert_eq!(client.next_update("a").await["text"], number.to_string());
    }
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn it_chooses_categories_after_joining_as_original_clients_do() {
    let server = Server::start(&Status::builder().spawn());
    let mut client = Client::connect(&server, json!({})).await;
    let response = client.join("a", "status:conv-1", json!({})).await;
    assert_eq!(response["subscribed_categories"], json!([]));
    let (status, response) = client.push("a", "get_available_categories", json!({})).await;
    assert_eq!((&*status, &response["available_categories"]), ("ok", &json!(Category::BUILT_IN)));
    let categories = json!({"categories": ["engine", "tool"]});
    let (_, response) = client.push("a", "subscribe_categories", categories).await;
    assert_eq!(response["subscribed"], json!(["engine", "tool"]));
    server.status.engine("conv-1", "loaded");
    assert_eq!(client.next_update("a").await["text"], "loaded");
    let categories = json!({"categories": ["engine"]});
    client.push("a", "unsubscribe_categories", categories).await;
    let (_, response) = client.push("a", "get_subscriptions", json!({})).await;
    assert_eq!(response["subscribed_categories"], json!(["tool"]));
    server.status.engine("conv-1", "unheard");
    server.status.tool("conv-1", "heard");
    assert_eq!(client.next_update("a").await["text"], "heard");
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn errors_are_reported_and_the_channel_continues() {
    let server = Server::start(&Status::builder().spawn());
    let mut client = Client::connect(&server, json!({})).await;
    client.command(json!({"do": "join", "name": "bad", "topic": "room:lobby"})).await;
    let refused = client.next("joined", "bad").await;
    assert_eq!(
        (&refused["status"], &refused["response"]["reason"]),
        (&json!("error"), &json!("unmatched topic"))
    );
    client.command(json!({"do": "leave", "name": "bad"})).await;
    client.join("a", "status:conv-1", json!({})).await;
    let (status, response) = client.push("a", "make_coffee", json!({})).await;
    assert_eq!((&*status, &response["reason"]), ("error", &json!("unknown_event")));
    let gossip = json!({"categories": ["gossip"]});
    let (status, response) = client.push("a", "subscribe_categories", gossip).await;
    assert_eq!((&*status, &response["invalid"]), ("error", &json!(["gossip"])));
    for _ in 0..30 {
        let tool = json!({"categories": ["tool"]});
        assert_eq!(client.push("a", "subscribe_categories", tool).await.0, "ok");
    }
    let tool = json!({"categories": ["tool"]});
    let (status, response) = client.push("a", "subscribe_categories", tool).await;
    assert_eq!((&*status, &response["reason"]), ("error", &json!("rate_limit_exceeded")));
    assert!(response["retry_after_ms"].as_u64().is_some_and(|ms| ms <= 60_000), "{response}");
    server.status.tool("conv-1", "still there");
    assert_eq!(client.next_update("a").await["text"], "still there");
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn it_leaves_and_joins_the_same_topic_again() {
    let server = Server::start(&Status::builder().spawn());
    let mut client = Client::connect(&server, json!({})).await;
    client.join("first", "status:conv-1", json!({"categories": ["tool"]})).await;
    // A second channel of the same topic replaces the first.
    client.join("second", "status:conv-1", json!({"categories": ["tool"]})).await;
    server.status.tool("conv-1", "1");
    assert_eq!(client.next_update("second").await["text"], "1");
    assert!(client.seen("phx_close", "first"));
    assert!(!client.seen("status_update", "first"));
    client.command(json!({"do": "leave", "name": "second"})).await;
    assert_eq!(client.next("left", "second").await["status"], "ok");
    client.command(json!({"do": "ping"})).await;
    client.next_on("pong").await;
    assert_eq!(server.status.readers(), 0);
    server.assert_balanced().await;
}

fn secret(caller: &Caller, _: Access<'_>) -> Result<Grant, Denied> {
    match caller.token().as_deref() {
        Some("secret") => Ok(Grant::unlimited()),
        _ => Err(Denied::unauthenticated("bring a token")),
    }
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn it_sends_a_token_in_the_query_or_among_the_subprotocols() {
    let server = Server::start_with(&Status::builder().spawn(), |routes| routes.authorize(secret));
    for options in [json!({"params": {"token": "secret"}}), json!({"token": "secret"})] {
        let mut client = Client::connect(&server, options).await;
        client.join("a", "status:conv-1", json!({})).await;
    }
    let mut stranger = Client::connect(&server, json!({"token": "wrong"})).await;
    stranger.command(json!({"do": "join", "name": "a", "topic": "status:conv-1"})).await;
    let refused = stranger.next("joined", "a").await;
    assert_eq!(
        refused["response"],
        json!({"reason": "unauthenticated", "message": "bring a token"})
    );
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn its_heartbeats_are_answered() {
    let server = Server::start(&Status::builder().spawn());
    let mut client = Client::connect(&server, json!({})).await;
    for _ in 0..5 {
        // The heartbeat that phoenix.js sends every 30 s, sent immediately.
        client.command(json!({"do": "ping"})).await;
        client.next_on("pong").await;
    }
    assert!(client.script().passed().is_empty(), "{:?}", client.script().passed());
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn after_a_server_was_killed_it_resumes_without_gap_or_duplicate() {
    let status = Status::builder().spawn();
    let mut server = Server::start(&status);
    let mut client = Client::connect(&server, json!({})).await;
    let mut sent = 0;
    client.join("a", "status:conv-1", json!({"categories": ["tool"]})).await;
    let mut received = Vec::new();
    for _ in 0..3 {
        for _ in 0..40 {
            status.tool("conv-1", sent.to_string());
            sent += 1;
        }
        // The server is killed while updates are in transit, and more are published meanwhile.
        received.push(client.next_update("a").await);
        server = server.kill().await;
        for _ in 0..20 {
            status.tool("conv-1", sent.to_string());
            sent += 1;
        }
        status.flush().await;
        server = server.restart();
        let joined = client.next_joined("a", &mut received).await;
        assert_eq!(joined["response"]["recovered"], true);
    }
    while received.len() < sent {
        received.push(client.next_update("a").await);
    }
    let texts = received.iter().filter_map(|update| update["text"].as_str());
    assert!(
        texts.eq((0..sent).map(|number| number.to_string()).collect::<Vec<_>>()),
        "{received:?}"
    );
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn after_a_restart_of_the_bus_it_receives_the_retained_values() {
    let server = Server::start(&Status::builder().spawn());
    let mut client = Client::connect(&server, json!({})).await;
    client.join("a", "status:conv-1", json!({"categories": ["tool"]})).await;
    server.status.tool("conv-1", "of the first run");
    client.next_update("a").await;
    let status = Status::builder().spawn();
    status.tool("conv-1", "of the second run");
    status.flush().await;
    let server = server.kill().await.on(&status).restart();
    let joined = client.next_joined("a", &mut Vec::new()).await;
    assert_eq!(joined["response"]["recovered"], false);
    assert_eq!(client.next_update("a").await["text"], "of the second run");
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn it_reconnects_after_a_shutdown() {
    let status = Status::builder().spawn();
    let server = Server::start(&status);
    let mut client = Client::connect(&server, json!({})).await;
    client.join("a", "status:conv-1", json!({"categories": ["tool"]})).await;
    server.shutdown.close();
    assert_eq!(client.next_on("close").await["code"], 1012);
    let server = server.kill().await.restart();
    let joined = client.next_joined("a", &mut Vec::new()).await;
    assert_eq!(joined["response"]["recovered"], true);
    status.tool("conv-1", "back");
    assert_eq!(client.next_update("a").await["text"], "back");
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_lagging_reader_receives_the_missed_count_and_the_retained_values() {
    let server = Server::start(&forgetful());
    let mut client = Client::connect(&server, json!({})).await;
    let categories = json!({"categories": ["tool", "progress"]});
    client.join("a", "status:conv-1", categories).await;
    make_lag(client.script(), &server.status).await;
    let (mut seen, mut is_last) = (Seen::default(), false);
    while !is_last {
        let mut event = client.next_of(&["status_update", "gap"]).await;
        let payload = &mut event["payload"];
        if payload["count"].is_null() {
            // Only the last retained value has an id; the others have their numbers.
            let text = payload["text"].as_str().expect("a text");
            let number = text.split_once(' ').and_then(|(number, _)| number.parse::<u64>().ok());
            let id = payload["id"].as_str().and_then(|id| id.rsplit('-').next()?.parse().ok());
            let number = number.filter(|_| text != LAST).map(|number| number + 1);
            payload["seq"] = number.or(id).expect("a position").into();
            is_last = seen.update(payload);
        } else {
            seen.gap(payload);
        }
    }
    assert!(seen.gaps > 0);
    server.status.tool("conv-1", "goes on");
    assert_eq!(client.next_update("a").await["text"], "goes on");
    server.assert_balanced().await;
}
