//! Bodies that stall, end too early or exceed the budget: in virtual time, without a network.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream::{iter, pending};
use http_body_util::BodyExt;
use hyper::Request;
use serde_json::Value;
use statusbus_axum::{Limits, Routes};
use statusbus_tokio::{Spawn, Status};
use tokio::time::Instant;
use tower_service::Service;

use crate::support::api::{Seen, check_answer};

/// Sends a publish request.
async fn post(router: Router, body: Body) -> Response {
    post_to("/v1/status", router, body).await
}

async fn post_to(address: &str, mut router: Router, body: Body) -> Response {
    let mut request = Request::post(address).body(body).expect("a request");
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4_000))));
    router.call(request).await.expect("a router always answers")
}

/// The status and the reason of the response to a publish request, validated against the description.
async fn reason(response: Response) -> (u16, String) {
    reason_of(("/v1/status", "publish"), response).await
}

/// The same for the operation with this name at this address.
async fn reason_of((address, id): (&str, &str), response: Response) -> (u16, String) {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let text = std::str::from_utf8(&body).expect("text");
    let (status, headers) = (parts.status.as_u16(), &parts.headers);
    let seen = Seen { method: "POST", address, status, headers, text: Some(text) };
    assert_eq!(check_answer(&seen), Some((id.to_owned(), status)));
    let problem: Value = serde_json::from_str(text).expect("JSON");
    (status, problem["reason"].as_str().expect("a reason").to_owned())
}

/// A body that stalls after this many bytes.
fn stuck(bytes: usize) -> Body {
    let begins = iter([Ok::<_, io::Error>(vec![b' '; bytes])]);
    Body::from_stream(begins.chain(pending()))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_times_out_after_30_s() {
    let status = Status::builder().spawn();
    for operation in [
        ("/v1/status", "publish"),
        ("/v1/status/conv-1/events?format=ag-ui", "conversationRun"),
        ("/v1/system/events?format=ag-ui", "systemRun"),
        ("/v1/events?format=ag-ui", "run"),
    ] {
        let began = Instant::now();
        let answer = post_to(operation.0, Routes::new(&status).router(), stuck(10)).await;
        assert_eq!(began.elapsed().as_secs(), 30);
        assert_eq!(reason_of(operation, answer).await, (408, "slow".to_owned()));
    }
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}

#[tokio::test(start_paused = true)]
async fn a_truncated_body_is_refused() {
    let status = Status::builder().spawn();
    let pieces = [Ok("[".to_owned()), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    let answer = post(Routes::new(&status).router(), Body::from_stream(iter(pieces))).await;
    assert_eq!(reason(answer).await, (400, "incomplete".to_owned()));
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}

#[tokio::test(start_paused = true)]
async fn bodies_share_a_budget_and_return_their_charge() {
    const ROOM: usize = 64 * 1024 * 1024;
    let status = Status::builder().spawn();
    let router = Routes::new(&status).with_limits(Limits::new().with_body(ROOM / 2)).router();
    let large = tokio::spawn(post(router.clone(), stuck(ROOM)));
    assert_eq!(reason(large.await.expect("an answer")).await, (413, "too_large".to_owned()));
    // One peer may take half of the budget: two of the largest bodies here.
    let large = [ROOM / 2, ROOM / 2].map(|bytes| tokio::spawn(post(router.clone(), stuck(bytes))));
    // Lets the spawned requests run.
    tokio::task::yield_now().await;
    let update = r#"{"category":"tool","text":"x"}"#;
    let answer = post(router.clone(), Body::from(update)).await;
    assert_eq!(reason(answer).await, (503, "busy".to_owned()));
    for large in large {
        assert_eq!(reason(large.await.expect("an answer")).await, (408, "slow".to_owned()));
    }
    assert_eq!(post(router, Body::from(update)).await.status(), 202);
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}
