//! Authorization of connections and joins.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderValue, header};
use serde_json::{Value, json};
use statusbus_axum::{Access, Caller, Denied, Grant, Routes, Target};
use statusbus_tokio::{Spawn, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Server, assert_balanced, request};

#[tokio::test(start_paused = true)]
async fn only_version_2_is_spoken_and_that_is_said() {
    let server = Server::of(&Status::builder().spawn());
    for query in ["", "vsn=1.0.0", "vsn=3.0.0", "vsn="] {
        let (status, problem) = server.open(request(query)).await.err().expect("a refusal");
        assert_eq!((status, &problem["reason"]), (400, &json!("version")), "{query}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("vsn=2.0.0")));
    }
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_upgrade_is_refused() {
    let server = Server::of(&Status::builder().spawn());
    let mut pipe = server.pipe();
    let plain =
        "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    pipe.write_all(plain.as_bytes()).await.expect("open");
    let mut answer = String::new();
    pipe.read_to_string(&mut answer).await.expect("text");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("this path is for WebSockets"), "{answer}");
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_cannot_connect_unless_listed() {
    let status = Status::builder().spawn();
    let from = |origin: &'static str| {
        let mut request = request("vsn=2.0.0");
        request.headers_mut().insert(header::ORIGIN, HeaderValue::from_static(origin));
        request
    };
    let server = Server::of(&status);
    assert!(server.open(from("http://localhost")).await.is_ok());
    let refused = server.open(from("https://elsewhere.example")).await.err().expect("a refusal");
    assert_eq!((refused.0, &refused.1["reason"]), (403, &json!("origin")));

    let routes =
        Routes::new(&status).with_origins(["https://elsewhere.example"]).expect("an origin");
    let server = Server::new(&status, routes);
    assert!(server.open(from("https://elsewhere.example")).await.is_ok());
    assert!(server.open(from("null")).await.is_err());
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn the_default_policy_refuses_sockets_through_a_proxy() {
    let server = Server::of(&Status::builder().spawn());
    let mut proxied = request("vsn=2.0.0");
    proxied.headers_mut().insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
    assert_eq!(server.open(proxied).await.err().expect("a refusal").0, 403);
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn new_sockets_are_refused_during_a_shutdown() {
    let server = Server::of(&Status::builder().spawn());
    server.shutdown.close();
    let (status, problem) = server.open(request("vsn=2.0.0")).await.err().expect("a refusal");
    assert_eq!((status, &problem["reason"]), (503, &json!("closing")));
    assert_balanced(server).await;
}

/// The token "secret" grants reading one conversation. Everything else is denied.
fn decide(caller: &Caller, access: Access<'_>) -> Result<Grant, Denied> {
    let own = match access {
        Access::Read(target) => target == Target::Conversation("mine"),
        _ => false,
    };
    match caller.token().as_deref() {
        Some("secret") if own => Ok(Grant::unlimited()),
        Some("secret") => Err(Denied::forbidden("that is not yours")),
        _ => Err(Denied::unauthenticated("bring a token")),
    }
}

#[tokio::test(start_paused = true)]
async fn each_join_is_decided_with_the_token_of_the_socket() {
    let status = Status::builder().spawn();
    let server = Server::new(&status, Routes::new(&status).authorize(decide));
    let mut protocol = request("vsn=2.0.0");
    let offered = HeaderValue::from_static("phoenix, base64url.bearer.phx.c2VjcmV0");
    protocol.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, offered);
    for request in [request("vsn=2.0.0&token=secret"), protocol] {
        let mut client = server.open(request).await.expect("a socket");
        assert_eq!(client.join("status:mine", json!({})).await["status"], "ok");
        let refused = json!({"reason": "unauthorized", "message": "that is not yours"});
        assert_eq!(client.join("status:other", json!({})).await["response"], refused);
        assert_eq!(client.join("status:system", json!({})).await["response"], refused);
        // A resume is a decision of its own.
        let resume = json!({"last_event_id": "00000000000000ab-1"});
        client.push("status:mine", "phx_leave", json!({})).await;
        assert_eq!(client.receive().await[3], "phx_reply");
        assert_eq!(client.receive().await[3], "phx_close");
        assert_eq!(client.join("status:mine", resume).await["response"], refused);
    }
    let mut stranger = server.open(request("vsn=2.0.0&token=wrong")).await.expect("a socket");
    let refused = json!({"reason": "unauthenticated", "message": "bring a token"});
    assert_eq!(stranger.join("status:mine", json!({})).await["response"], refused);
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_ends_with_the_permission() {
    let status = Status::builder().spawn();
    let soon =
        |_: &Caller, _: Access<'_>| Ok(Grant::until(SystemTime::now() + Duration::from_secs(30)));
    let server = Server::new(&status, Routes::new(&status).authorize(soon));
    let mut client = server.connect().await;
    assert_eq!(client.join("status:a", json!({"categories": ["tool"]})).await["status"], "ok");
    let begun = tokio::time::Instant::now();
    let ended = client.receive().await;
    assert_eq!((&ended[0], &ended[3]), (&json!("1"), &json!("phx_error")));
    assert!((29..=30).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    // The socket stays open, and phoenix.js joins again over it.
    assert_eq!(client.join("status:a", json!({})).await["status"], "ok");
    assert_balanced(server).await;
}

/// A policy that never decides.
struct Undecided;

impl statusbus_axum::Authorize for Undecided {
    fn authorize<'a>(&'a self, _: &'a Caller, _: Access<'a>) -> statusbus_axum::Decision<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_takes_too_long_refuses_the_join_and_keeps_the_socket() {
    let status = Status::builder().spawn();
    let server = Server::new(&status, Routes::new(&status).authorize(Undecided));
    let mut client = server.connect().await;
    let reply: Value = client.join("status:a", json!({})).await;
    assert_eq!(
        (&reply["status"], &reply["response"]["reason"]),
        (&json!("error"), &json!("timeout"))
    );
    client.push("phoenix", "heartbeat", json!({})).await;
    assert_eq!(client.receive().await[4]["status"], "ok");
    // A pending decision does not delay a shutdown.
    client.push("status:a", "phx_join", json!({})).await;
    tokio::task::yield_now().await;
    let begun = tokio::time::Instant::now();
    server.shutdown.close();
    assert_eq!(client.receive_close().await, Some(1012));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_balanced(server).await;
}
