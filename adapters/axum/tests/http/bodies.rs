//! Request bodies over real connections: authorization before reading, and fairness between peers.

use serde_json::json;
use statusbus_axum::{Access, Bearer, Caller, Denied, Grant};
use statusbus_tokio::{Spawn, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Answer, Served, serve_with, within};
use statusbus_axum::Limits;

/// The announced length of bodies whose last byte is not sent.
const ANNOUNCED: usize = 2_000_000;
const SENT: usize = 1_990_000;

async fn connect(served: &Served, path: &str, token: Option<&str>) -> TcpStream {
    let mut stream = within(TcpStream::connect(served.address)).await.expect("it listens");
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {ANNOUNCED}\r\n{}\r\n",
        served.address,
        authorization.unwrap_or_default()
    );
    stream.write_all(head.as_bytes()).await.expect("room");
    stream
}

/// The first line of the response.
async fn status_line(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.contains(&b'\r') {
        let mut piece = [0; 1_024];
        let read = within(stream.read(&mut piece)).await.expect("an answer");
        assert!(read > 0, "closed without an answer");
        answer.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

/// A sample of `/metrics`.
async fn metric(served: &Served, name: &str) -> usize {
    let client = served.client().await;
    let request = client.request("GET", "/metrics").header("authorization", "Bearer good");
    let all = client.answer(request, "").await.text;
    let line = all.lines().find(|line| line.split_once(' ').is_some_and(|(of, _)| of == name));
    let value = line.and_then(|line| line.rsplit(' ').next()).expect("it is there");
    value.parse().expect("a number")
}

async fn publish(served: &Served, token: &str, text: usize) -> Answer {
    let update = json!({"conversation": "conv-1", "category": "tool", "text": "x".repeat(10_000)});
    let client = served.client().await;
    let authorization = format!("Bearer {token}");
    let request = client.request("POST", "/v1/status").header("authorization", authorization);
    client.answer(request, json!(vec![update; text / 10_000]).to_string()).await
}

#[tokio::test]
async fn no_byte_of_a_body_is_read_without_a_token() {
    let bearer = Bearer::new("good").expect("sendable").with_reader("wall").expect("sendable");
    let served =
        serve_with(Status::builder().spawn(), |routes| routes.authorize(bearer), |server| server)
            .await;
    let mut stalled = Vec::new();
    for (token, status) in
        [(None, "401"), (Some("wrong"), "401"), (Some("wall"), "403"), (Some("good"), "")]
    {
        for path in ["/v1/status", "/v1/events?format=ag-ui"] {
            // A stream that is requested with POST needs the permission to read.
            if status == "403" && path != "/v1/status" {
                continue;
            }
            for _ in 0..20 {
                let mut stream = connect(&served, path, token).await;
                stream.write_all(b"[").await.expect("room");
                if status.is_empty() {
                    stalled.push(stream);
                    continue;
                }
                let line = status_line(&mut stream).await;
                assert!(line.contains(status), "{token:?} {path}: {line}");
            }
        }
    }
    // Only the bodies with a token are read: one byte each.
    while metric(&served, "statusbus_http_body_bytes").await < stalled.len() {}
    assert_eq!(metric(&served, "statusbus_http_body_bytes").await, stalled.len());
    assert_eq!(publish(&served, "good", 10_000).await.json()["accepted"], 1);
    drop(stalled);
    assert_eq!(served.end().await.refused.unauthorized, 0, "what was not read is not counted");
}

#[tokio::test]
async fn one_peer_cannot_keep_others_from_publishing() {
    const CONNECTIONS: usize = 40;
    let known = |caller: &Caller, _: Access<'_>| match caller.token().as_deref() {
        Some("good" | "greedy") => Ok(Grant::unlimited()),
        _ => Err(Denied::unauthenticated("there is no such token")),
    };
    let served =
        serve_with(Status::builder().spawn(), |routes| routes.authorize(known), |server| server)
            .await;
    let mut stalled = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = connect(&served, "/v1/status", Some("greedy")).await;
        stalled.push(tokio::spawn(async move {
            // The server may refuse it before all of it is sent.
            let _ = stream.write_all(&vec![b' '; SENT]).await;
            stream
        }));
    }
    // Until each body is refused, or read as far as it was sent.
    loop {
        let refused = metric(&served, "statusbus_http_answers_total{status=\"503\"}").await;
        let read = metric(&served, "statusbus_http_body_bytes").await;
        if refused > 0 && read == (CONNECTIONS - refused) * SENT {
            break;
        }
    }
    let good = publish(&served, "good", 1_800_000).await;
    assert_eq!(good.status, 202, "{}", good.text);
    assert_eq!(good.json()["accepted"], 180);
    let read = metric(&served, "statusbus_http_body_bytes").await;
    assert!(read <= 32 * 1024 * 1024, "as much is left to others: {read}");
    drop(stalled);
    served.end().await;
}

/// Sends the whole request before reading, as many clients do, then reads until the server closes.
async fn send_and_then_read(served: &Served, head: &str, body: &[u8]) -> String {
    let socket = TcpSocket::new_v4().expect("a socket");
    // Unread bytes exceed the buffers between client and server.
    socket.set_send_buffer_size(16 * 1024).expect("an option");
    let mut stream = within(socket.connect(served.address)).await.expect("it listens");
    let head = format!("{head}\r\nhost: localhost\r\n\r\n");
    let sent = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await
    };
    let sent = within(sent).await;
    assert!(sent.is_ok(), "all of it is taken: {head:.80}: {sent:?}");
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.expect("it is closed and not reset");
    answer
}

#[tokio::test]
async fn a_client_that_sends_all_before_reading_gets_the_response() {
    let bearer = Bearer::new("good").expect("sendable");
    let served = serve_with(
        Status::builder().spawn(),
        |routes| routes.authorize(bearer).with_limits(Limits::new().with_body(100_000)),
        |server| server,
    )
    .await;
    const MUCH: usize = 3_000_000;
    let body = vec![b' '; MUCH];
    let chunked = [format!("{MUCH:x}\r\n").into_bytes(), body.clone(), b"\r\n0\r\n\r\n".to_vec()];
    let (length, chunked) = (format!("content-length: {MUCH}"), chunked.concat());
    let good = "authorization: Bearer good";
    let head = format!("GET /healthz HTTP/1.1\r\nx: {}", "x".repeat(MUCH));
    for (head, body, expected) in [
        (format!("POST /v1/status HTTP/1.1\r\n{good}\r\n{length}"), &body, "413 "),
        (
            format!("POST /v1/status HTTP/1.1\r\n{good}\r\ntransfer-encoding: chunked"),
            &chunked,
            "413 ",
        ),
        (format!("POST /v1/events?format=ag-ui HTTP/1.1\r\n{good}\r\n{length}"), &body, "413 "),
        (
            format!("POST /v1/status HTTP/1.1\r\n{good}\r\n{length}\r\ncontent-encoding: gzip"),
            &body,
            "415 ",
        ),
        (format!("POST /v1/status HTTP/1.1\r\n{length}"), &body, "401 "),
        (format!("POST /v1/events HTTP/1.1\r\n{good}\r\n{length}"), &body, "405 "),
        (format!("POST /v1/nothing HTTP/1.1\r\n{length}"), &body, "404 "),
        (head, &Vec::new(), "431 "),
    ] {
        let answer = send_and_then_read(&served, &head, body).await;
        let status = answer.strip_prefix("HTTP/1.1 ").unwrap_or(&answer);
        assert!(status.starts_with(expected), "{head:.80}: {answer}");
        assert!(answer.contains("connection: close"), "{head:.80}: {answer}");
    }
    served.end().await;
}

#[tokio::test]
async fn a_body_that_is_read_leaves_its_connection_open() {
    let served = serve_with(Status::builder().spawn(), |routes| routes, |server| server).await;
    let update = r#"{"category":"tool","text":"x"}"#;
    let length = format!("content-length: {}\r\n\r\n{update}", update.len());
    let chunked =
        format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{update}\r\n0\r\n\r\n", update.len());
    let mut stream = within(TcpStream::connect(served.address)).await.expect("it listens");
    for body in [&length, &chunked, &length] {
        let request = format!("POST /v1/status HTTP/1.1\r\nhost: localhost\r\n{body}");
        stream.write_all(request.as_bytes()).await.expect("room");
        let line = status_line(&mut stream).await;
        assert!(line.contains("202"), "{line}");
    }
    drop(stream);
    assert_eq!(served.end().await.delivered, 3);
}
