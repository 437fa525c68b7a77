//! Slow, numerous or hostile clients: the response to them, and that other clients are unaffected.

use std::time::Duration;

use statusbus_axum::Server;
use statusbus_tokio::{Spawn, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Served, serve, serve_with, within};

/// Sends raw bytes, and reads until the server closes.
async fn raw(served: &Served, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(served.address).await.expect("it listens");
    // The server may refuse it before all of it is sent.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = within(stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Checks that other clients are served.
async fn serves_on(served: &Served) {
    let mut source = served.events("/v1/system/events").await;
    source.expect("ready").await;
    source.expect("status").await;
    served.status.system().info("as ever");
    assert_eq!(source.read(1).await, ["as ever"]);
}

#[tokio::test]
async fn invalid_http_is_refused_and_other_clients_are_unaffected() {
    let served = serve(Status::builder().spawn()).await;
    let long = "x".repeat(1_000_000);
    let many: String = (0..200).map(|number| format!("h{number}: x\r\n")).collect();
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".to_owned() + "\r\n\r\n", "400"),
        (format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", &long[..70_000]), "414"),
        (format!("GET /v1/system HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n"), "431"),
        (format!("GET /v1/system HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"), "431"),
        ("GET /v1/system HTTP/1.1\r\nhost: localhost\r\nx\u{0}: y\r\n\r\n".to_owned(), "400"),
        ("GET /v1/status/%ff/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".to_owned(), "400"),
        ("GET /v1/nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".to_owned(), "404"),
        ("PUT /v1/status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".to_owned(), "405"),
        ("POST /v1/status HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\nconnection: close\r\n\r\n".to_owned(), "413"),
        ("POST /v1/status HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n".to_owned(), "400"),
        ("POST /v1/status HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n".to_owned(), "400"),
    ] {
        let answer = raw(&served, request.as_bytes()).await;
        let reported = answer.strip_prefix("HTTP/1.1 ").unwrap_or(&answer);
        assert!(reported.starts_with(status), "{request:.60}: {answer:.300}");
    }
    serves_on(&served).await;
    served.end().await;
}

/// The status and the reason of a raw response.
fn reported(answer: &str) -> (&str, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    (status, problem["reason"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_request_has_one_host_and_its_target_precedes_the_header() {
    let served = serve(Status::builder().spawn()).await;
    for (head, expected) in [
        ("GET /healthz HTTP/1.1\r\n", ("400", "invalid")),
        ("GET /nothing HTTP/1.1\r\n", ("400", "invalid")),
        ("GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n", ("400", "invalid")),
        ("GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n", ("400", "invalid")),
        ("GET http://localhost/healthz HTTP/1.1\r\n", ("400", "invalid")),
        ("GET /healthz HTTP/1.0\r\n", ("200", "")),
        (
            "GET http://evil.example/healthz HTTP/1.1\r\nhost: localhost\r\n",
            ("403", "unauthorized"),
        ),
        (
            "GET http://localhost@evil.example/healthz HTTP/1.1\r\nhost: localhost\r\n",
            ("403", "unauthorized"),
        ),
        ("GET http://localhost/healthz HTTP/1.1\r\nhost: localhost\r\n", ("200", "")),
        ("GET http://127.0.0.1:7077/healthz HTTP/1.1\r\nhost: evil.example\r\n", ("200", "")),
        ("GET /healthz HTTP/1.1\r\nhost: evil.example\r\n", ("403", "unauthorized")),
        (
            "POST http://evil.example/v1/status HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\ncontent-length: 0\r\n",
            ("403", "origin"),
        ),
    ] {
        let answer = raw(&served, format!("{head}connection: close\r\n\r\n").as_bytes()).await;
        let (status, reason) = reported(&answer);
        assert_eq!((status, reason.as_str()), expected, "{head}: {answer}");
    }
    served.end().await;
}

#[tokio::test]
async fn a_head_has_at_most_64_kib() {
    let served = serve(Status::builder().spawn()).await;
    for (bytes, expected) in [(60_000, "200"), (70_000, "431"), (100_000, "431"), (120_000, "431")]
    {
        // One long header, and many short ones.
        for count in [1, 80] {
            let value = "x".repeat(bytes / count - 10);
            let headers: String = (0..count).map(|n| format!("x-{n:03}: {value}\r\n")).collect();
            let head = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
            let answer = raw(&served, format!("{head}{headers}\r\n").as_bytes()).await;
            assert_eq!(reported(&answer).0, expected, "{bytes} in {count}: {answer:.300}");
        }
    }
    served.end().await;
}

#[tokio::test]
async fn an_unknown_path_is_answered_as_other_errors_are() {
    let served = serve(Status::builder().spawn()).await;
    for (request, expected) in [
        ("GET /v1/nothing", ("404", "not_found")),
        ("GET /v1/status/", ("404", "not_found")),
        ("GET //v1/system", ("404", "not_found")),
        ("POST /v1/system/nothing", ("404", "not_found")),
        ("OPTIONS *", ("404", "not_found")),
        ("PUT /v1/status", ("405", "method")),
        ("TRACE /v1/events", ("405", "method")),
        ("BREW /socket/websocket", ("405", "method")),
        ("POST /healthz", ("405", "method")),
        ("DELETE /", ("405", "method")),
    ] {
        let request = format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = raw(&served, request.as_bytes()).await;
        let (status, reason) = reported(&answer);
        assert_eq!((status, reason.as_str()), expected, "{request}: {answer}");
        assert!(answer.contains("content-type: application/json"), "{answer}");
        assert_eq!(answer.contains("\r\nallow: "), status == "405", "{answer}");
    }
    served.end().await;
}

#[tokio::test]
async fn an_endless_body_is_refused_at_the_size_limit() {
    let served = serve(Status::builder().spawn()).await;
    let mut stream = TcpStream::connect(served.address).await.expect("it listens");
    let head = "POST /v1/status HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("room");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut sent = 0;
    while stream.write_all(chunk.as_bytes()).await.is_ok() {
        sent += chunk.len();
        assert!(sent < 64 * 1024 * 1024, "it takes it all");
    }
    serves_on(&served).await;
    served.end().await;
}

#[tokio::test]
async fn an_announced_body_that_is_not_sent_takes_no_memory() {
    let served = serve(Status::builder().spawn()).await;
    let mut announced = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(served.address).await.expect("it listens");
        let head =
            "POST /v1/status HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2000000\r\n\r\n[";
        stream.write_all(head.as_bytes()).await.expect("room");
        announced.push(stream);
    }
    let text = "x".repeat(1_000);
    let update = serde_json::json!({"conversation": "conv-1", "category": "tool", "text": text});
    let answer = served.publish(serde_json::json!(vec![update; 1_000])).await;
    assert_eq!(answer.json()["accepted"], 1_000);
    drop(announced);
    served.end().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_lags_alone() {
    let served = serve(Status::builder().with_window(1_000).spawn()).await;
    let mut stuck = TcpStream::connect(served.address).await.expect("it listens");
    let request = format!("GET /v1/events HTTP/1.1\r\nhost: {}\r\n\r\n", served.address);
    stuck.write_all(request.as_bytes()).await.expect("room");
    let mut good = served.events("/v1/events").await;
    good.begins().await;
    let text = "x".repeat(1_000);
    for number in 0..5_000 {
        served.status.info("conv-1", format!("{number} {text}"));
        if number % 100 == 99 {
            served.status.flush().await;
            assert_eq!(good.read(100).await.len(), 100);
        }
    }
    assert!(served.status.unread() > 1_000, "it has not come to them");
    // When it reads again, it receives the number of missed updates, and continues.
    let mut source = Vec::new();
    let mut piece = vec![0; 1 << 16];
    while !String::from_utf8_lossy(&source).contains("\"scope\":\"reader\"") {
        let read = within(stuck.read(&mut piece)).await.expect("it is still connected");
        assert!(read > 0, "it is still connected");
        source.extend_from_slice(&piece[..read]);
    }
    assert_eq!(good.last_id().rsplit('-').next(), Some("5000"));
    assert!(served.status.missed() > 0);
    drop(stuck);
    served.end().await;
}

/// A sample of `/metrics`.
async fn metric(served: &Served, name: &str) -> usize {
    let all = served.get("/metrics").await.text;
    let line = all.lines().find(|line| line.split_once(' ').is_some_and(|(of, _)| of == name));
    let value = line.and_then(|line| line.rsplit(' ').next()).expect("it is there");
    value.parse().expect("a number")
}

/// Maximum memory for the unread data of one stream, as in the README: hyper's buffer, and a frame,
/// which ends with the update that reaches 64 KiB. The largest update has 16 KiB of text, each byte of
/// which takes six in JSON.
const A_READER: usize = (64 + 64 + 6 * 16 + 1) * 1024;

/// Maximum size of the frame cache.
const KEPT: usize = 4 * 1024 * 1024;

#[tokio::test]
async fn the_memory_for_clients_that_do_not_read_is_bounded() {
    const READERS: usize = 12;
    let status = Status::builder().with_window_bytes(4 << 20).spawn();
    let served =
        serve_with(status, |routes| routes, |server| server.with_send_buffer(4 * 1024)).await;
    let most = "\u{1}".repeat(16 * 1024);
    let mut stuck = Vec::new();
    for number in 0..READERS {
        // A conversation for each, so that no frames are shared.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 * 1024).expect("an option");
        let mut stream = socket.connect(served.address).await.expect("it listens");
        let path = format!("/v1/status/conv-{number}/events");
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", served.address);
        stream.write_all(request.as_bytes()).await.expect("room");
        while served.status.readers() <= number {
            tokio::task::yield_now().await;
        }
        // Encoded 6 MiB together, which exceeds the buffers between server and client.
        for _ in 0..64 {
            served.status.tool(format!("conv-{number}").as_str(), most.as_str());
        }
        served.status.flush().await;
        stuck.push(stream);
    }
    let held = async || metric(&served, "statusbus_http_frame_bytes").await;
    while held().await < READERS * 64 * 1024 {}
    assert!(held().await <= KEPT + READERS * A_READER, "{}", held().await);
    assert!(served.status.unread() > READERS as u64 * 32, "they do not read");
    serves_on(&served).await;
    drop(stuck);
    served.end().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let impatient = |server: Server| server.with_idle_timeout(Duration::from_millis(300));
    let served = serve_with(Status::builder().spawn(), |routes| routes, impatient).await;
    // Sends nothing; sends half of a request; sends a request and nothing after it.
    for request in
        ["", "GET /v1/system HTTP/1.1\r\nho", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"]
    {
        let answer = raw(&served, request.as_bytes()).await;
        assert_eq!(answer.contains("ok"), request.contains("healthz"), "{answer}");
    }
    // Requests a stream and does not read it. Heartbeats are too rare to matter here.
    let mut stuck = TcpStream::connect(served.address).await.expect("it listens");
    stuck.write_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("room");
    while served.status.readers() == 0 {
        tokio::task::yield_now().await;
    }
    while served.status.readers() > 0 {
        served.status.info("conv-1", "x".repeat(16_000));
        served.status.flush().await;
    }
    served.end().await;
}

#[tokio::test]
async fn a_connection_over_the_limit_is_refused() {
    let two = |server: Server| server.with_connections(2);
    let served = serve_with(Status::builder().spawn(), |routes| routes, two).await;
    let mut source = served.events("/v1/events").await;
    source.begins().await;
    let second = served.client().await;
    assert!(second.get("/readyz").await.status.is_success());
    let silent = TcpStream::connect(served.address).await.expect("it listens");
    // The second connection closes after a while; until then a third one is refused.
    loop {
        let answer = raw(&served, b"").await;
        if answer.starts_with("HTTP/1.1 503") {
            assert!(answer.contains("\"reason\":\"crowded\""), "{answer}");
            break;
        }
    }
    served.status.info("conv-1", "x");
    assert_eq!(source.read(1).await, ["x"]);
    drop((silent, source));
    served.end().await;
}
