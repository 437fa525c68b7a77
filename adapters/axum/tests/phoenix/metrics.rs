//! Metrics of sockets and channels.

use std::collections::HashMap;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::json;
use statusbus_tokio::{Spawn, Status};
use tokio::io::AsyncWriteExt;

use crate::support::{Server, assert_balanced};

/// The samples of `/metrics` with a prefix.
async fn metrics(server: &Server, begin: &str) -> HashMap<String, u64> {
    let (mut send, connection) = handshake(TokioIo::new(server.pipe())).await.expect("HTTP");
    tokio::spawn(connection);
    let request = Request::get("/metrics").header("host", "localhost");
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let body = send.send_request(request).await.expect("an answer").into_body();
    let text = String::from_utf8(body.collect().await.expect("a body").to_bytes().into());
    let text = text.expect("text");
    let samples = text.lines().filter_map(|line| line.strip_prefix(begin)?.split_once(' '));
    samples.map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).collect()
}

#[tokio::test(start_paused = true)]
async fn sockets_are_counted_by_the_reason_of_their_end() {
    let server = Server::of(&Status::builder().spawn());
    let (mut left, gone, mut large) =
        (server.connect().await, server.connect().await, server.connect().await);
    let (mut invalid, mut slow) = (server.connect().await, server.connect().await);
    // Idle for a minute.
    let mut silent = server.connect().await;
    slow.join("status:a", json!({"categories": ["tool"]})).await;
    left.join("status:a:b", json!({})).await;
    let before = metrics(&server, "statusbus_phoenix_").await;
    for (sample, value) in [
        ("sockets", 6),
        ("sockets_opened_total", 6),
        ("channels", 1),
        ("joins_total", 1),
        ("joins_refused_total", 1),
    ] {
        assert_eq!(before[sample], value, "{sample}");
    }
    left.socket.close(None).await.expect("an open socket");
    drop(gone);
    // The head of a frame of 16 MiB; a frame with an unknown opcode.
    let announced = [0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    large.socket.get_mut().write_all(&announced).await.expect("room");
    assert_eq!(large.receive_close().await, Some(1009));
    invalid.socket.get_mut().write_all(&[0x83, 0x80, 0, 0, 0, 0]).await.expect("room");
    assert_eq!(invalid.receive_close().await, Some(1002));
    let text = "x".repeat(1_000);
    for _ in 0..200 {
        server.status.tool("a", text.as_str());
        server.status.flush().await;
    }
    tokio::time::sleep(Duration::from_secs(31)).await;
    let reason = "statusbus_phoenix_sockets_ended_total{reason=";
    let ended = async || metrics(&server, reason).await;
    for (why, count) in [("left", 1), ("gone", 1), ("slow", 1), ("too_large", 1), ("invalid", 1)] {
        assert_eq!(ended().await[&format!("\"{why}\"}}")], count, "{why}");
    }
    assert_eq!(silent.receive_close().await, Some(1001));
    let _other = server.connect().await;
    server.shutdown.close();
    tokio::time::sleep(Duration::from_secs(2)).await;
    for (why, count) in [("silent", 1), ("closing", 1)] {
        assert_eq!(ended().await[&format!("\"{why}\"}}")], count, "{why}");
    }
    let after = metrics(&server, "statusbus_phoenix_").await;
    assert_eq!((after["sockets"], after["channels"]), (0, 0));
    assert_balanced(server).await;
}
