//! Who may connect, and join.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderValue, header};
use serde_json::{Value, json};
use statusbus_axum::{Access, Caller, Denied, Grant, Routes, Target};
use statusbus_tokio::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Server, balances, request};

#[tokio::test(start_paused = true)]
async fn only_version_2_is_spoken_and_that_is_said() {
    let server = Server::of(&Status::builder().spawn());
    for query in ["", "vsn=1.0.0", "vsn=3.0.0", "vsn="] {
        let (status, problem) = server.open(request(query)).await.err().expect("a refusal");
        assert_eq!((status, &problem["reason"]), (400, &json!("version")), "{query}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("vsn=2.0.0")));
    }
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn who_brings_no_websocket_is_told_that_one_is_needed() {
    let server = Server::of(&Status::builder().spawn());
    let mut pipe = server.pipe();
    let plain =
        "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    pipe.write_all(plain.as_bytes()).await.expect("open");
    let mut answer = String::new();
    pipe.read_to_string(&mut answer).await.expect("text");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("this is for WebSockets"), "{answer}");
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_page_from_elsewhere_may_not_connect_unless_it_is_listed() {
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

    let routes = Routes::new(&status).origins(["https://elsewhere.example"]).expect("an origin");
    let server = Server::new(&status, routes);
    assert!(server.open(from("https://elsewhere.example")).await.is_ok());
    assert!(server.open(from("null")).await.is_err());
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_let_in_who_asks_through_a_proxy_while_nobody_decides() {
    let server = Server::of(&Status::builder().spawn());
    let mut proxied = request("vsn=2.0.0");
    proxied.headers_mut().insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
    assert_eq!(server.open(proxied).await.err().expect("a refusal").0, 403);
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_new_is_let_in_while_it_closes() {
    let server = Server::of(&Status::builder().spawn());
    server.closing.close();
    let (status, problem) = server.open(request("vsn=2.0.0")).await.err().expect("a refusal");
    assert_eq!((status, &problem["reason"]), (503, &json!("closing")));
    balances(server).await;
}

/// Who brings "secret" may read conversations of its own, and nobody anything else.
fn decide(caller: &Caller, access: Access<'_>) -> Result<Grant, Denied> {
    let own = match access {
        Access::Read(target) => target == Target::Conversation("mine"),
        Access::Resume(_) | Access::Publish(_) | Access::Observe => false,
    };
    match caller.token().as_deref() {
        Some("secret") if own => Ok(Grant::unlimited()),
        Some("secret") => Err(Denied::forbidden("that is not yours")),
        _ => Err(Denied::unauthenticated("bring a token")),
    }
}

#[tokio::test(start_paused = true)]
async fn each_join_is_decided_with_the_token_that_the_socket_brought() {
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
        // Resuming is asked for anew, and as such.
        let resume = json!({"last_event_id": "00000000000000ab-1"});
        client.say("status:mine", "phx_leave", json!({})).await;
        assert_eq!(client.hear().await[3], "phx_reply");
        assert_eq!(client.hear().await[3], "phx_close");
        assert_eq!(client.join("status:mine", resume).await["response"], refused);
    }
    let mut stranger = server.open(request("vsn=2.0.0&token=wrong")).await.expect("a socket");
    let refused = json!({"reason": "unauthenticated", "message": "bring a token"});
    assert_eq!(stranger.join("status:mine", json!({})).await["response"], refused);
    balances(server).await;
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
    let ended = client.hear().await;
    assert_eq!((&ended[0], &ended[3]), (&json!("1"), &json!("phx_error")));
    assert!((29..=30).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    // The socket stays, and phoenix.js joins again over it.
    assert_eq!(client.join("status:a", json!({})).await["status"], "ok");
    balances(server).await;
}

/// Takes its time, without end.
struct Undecided;

impl statusbus_axum::Authorize for Undecided {
    fn authorize<'a>(&'a self, _: &'a Caller, _: Access<'a>) -> statusbus_axum::Decision<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_does_not_come_ends_the_join_and_not_the_socket() {
    let status = Status::builder().spawn();
    let server = Server::new(&status, Routes::new(&status).authorize(Undecided));
    let mut client = server.connect().await;
    let reply: Value = client.join("status:a", json!({})).await;
    assert_eq!(
        (&reply["status"], &reply["response"]["reason"]),
        (&json!("error"), &json!("timeout"))
    );
    client.say("phoenix", "heartbeat", json!({})).await;
    assert_eq!(client.hear().await[4]["status"], "ok");
    // Nor does it hold up the end.
    client.say("status:a", "phx_join", json!({})).await;
    tokio::task::yield_now().await;
    let begun = tokio::time::Instant::now();
    server.closing.close();
    assert_eq!(client.hear_close().await, Some(1012));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    balances(server).await;
}
