//! Misbehaving clients, which do not affect others.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use statusbus_axum::{Limits, Routes};
use statusbus_tokio::{Spawn, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Server, assert_balanced, request, until};

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_closes_with_1009() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    let largest = "x".repeat(64 * 1024);
    client.send(largest).await;
    assert_eq!(client.receive().await[4]["response"]["reason"], "invalid_message");
    let (mut says, mut hears) = client.socket.split();
    // Exceeds the buffers: the server closes while the client still sends.
    let too_large = Message::text("x".repeat(1024 * 1024));
    let hears = async {
        match hears.next().await {
            Some(Ok(Message::Close(Some(frame)))) => u16::from(frame.code),
            other => panic!("{other:?}"),
        }
    };
    let (_, code) = tokio::join!(says.send(too_large), hears);
    assert_eq!(code, 1009);
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn an_invalid_frame_closes_with_a_reason() {
    // A masked text frame of the byte 0xff; a frame with reserved bits; one without a mask.
    let frames: [(&[u8], u16); 3] = [
        (&[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007),
        (&[0xf1, 0x80, 0, 0, 0, 0], 1002),
        (&[0x81, 0x01, b'x'], 1002),
    ];
    for (frame, code) in frames {
        let server = Server::of(&Status::builder().spawn());
        let mut client = server.connect().await;
        client.socket.get_mut().write_all(frame).await.expect("an open connection");
        assert_eq!(client.receive_close().await, Some(code));
        // The server waits for the client to read it: an immediate reset could discard the frame.
        let reported = Instant::now();
        let mut rest = Vec::new();
        client.socket.get_mut().read_to_end(&mut rest).await.expect("the end");
        assert_eq!((rest.len(), reported.elapsed().as_secs()), (0, 1));
        assert_balanced(server).await;
    }
}

#[tokio::test(start_paused = true)]
async fn binary_and_invalid_messages_are_refused_alone() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    client.send(Message::binary(vec![0, 1, 2])).await;
    assert_eq!(client.receive().await[4]["response"]["reason"], "invalid_message");
    client.send("nonsense").await;
    assert_eq!(client.receive().await[4]["response"]["reason"], "invalid_message");
    server.status.tool("a", "still there");
    assert_eq!(client.receive_text().await, "still there");
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_read_at_the_limited_rate_and_answered() {
    let server = Server::of(&Status::builder().spawn());
    let (client, mut other) = (server.connect().await, server.connect().await);
    other.join("status:a", json!({"categories": ["tool"]})).await;
    let (mut says, mut hears) = client.socket.split();
    let (begun, flood) = (Instant::now(), 5_000);
    let floods = async {
        for _ in 0..flood {
            says.send(Message::text(r#"[null,"1","phoenix","heartbeat",{}]"#)).await.expect("open");
        }
    };
    let counts = async {
        for _ in 0..flood {
            hears.next().await.expect("an answer").expect("open");
        }
    };
    let others = async {
        for number in 0..100 {
            let sent = Instant::now();
            server.status.tool("a", number.to_string());
            assert_eq!(other.receive_text().await, number.to_string());
            assert!(sent.elapsed() <= Duration::from_millis(51), "{:?}", sent.elapsed());
        }
    };
    tokio::join!(floods, counts, others);
    // A burst of 250, then 50 a second.
    assert_eq!(begun.elapsed().as_secs(), (flood - 250) / 50);
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_aborted_and_delays_no_other() {
    let server = Server::of(&Status::builder().spawn());
    let (mut stuck, mut other) = (server.connect().await, server.connect().await);
    for client in [&mut stuck, &mut other] {
        client.join("status:a", json!({"categories": ["tool"]})).await;
    }
    let (text, begun) = ("x".repeat(1_000), Instant::now());
    for _ in 0..200 {
        let sent = Instant::now();
        server.status.tool("a", text.clone());
        assert_eq!(other.receive_text().await, text);
        assert!(sent.elapsed() <= Duration::from_millis(51), "{:?}", sent.elapsed());
    }
    assert_eq!(server.status.readers(), 2);
    // The client got stuck while these were published, 30 s ago.
    let said_for = begun.elapsed();
    until(|| server.status.readers() == 1).await;
    let stuck_at = begun.elapsed().checked_sub(Duration::from_secs(30)).expect("it takes 30 s");
    assert!(stuck_at < said_for, "{stuck_at:?} of {said_for:?}");
    // The sent data ends within a frame.
    let mut rest = Vec::new();
    stuck.socket.get_mut().read_to_end(&mut rest).await.expect("the end");
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_again_in_time_receives_the_missed_count_and_continues() {
    let status = Status::builder().with_window(64).with_history(8).spawn();
    let server = Server::of(&status);
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    let text = "x".repeat(1_000);
    for number in 0..1_000 {
        status.tool("a", format!("{number} {text}"));
        status.flush().await;
    }
    status.update("a", statusbus_tokio::Category::TOOL, "last").key("other").send();
    status.flush().await;
    let (mut read, mut missed) = (0, 0);
    loop {
        let received = client.receive().await;
        match received[3].as_str() {
            Some("gap") => missed += received[4]["count"].as_u64().expect("a count"),
            _ if received[4]["retained"] == true => {}
            _ => read += 1,
        }
        if received[4]["text"] == "last" {
            break;
        }
    }
    assert!(missed > 800, "{missed}");
    // The last update was missed, and arrives as a retained value.
    assert_eq!(read + missed, 1_001);
    status.tool("a", "goes on");
    assert_eq!(client.receive_text().await, "goes on");
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn the_number_of_sockets_is_limited() {
    let status = Status::builder().spawn();
    let routes = Routes::new(&status)
        .with_limits(Limits::new().with_streams(2).with_channels(1).with_changes(1));
    let server = Server::new(&status, routes);
    let (mut first, _second) = (server.connect().await, server.connect().await);
    let (code, problem) = server.open(request("vsn=2.0.0")).await.err().expect("a refusal");
    assert_eq!((code, &problem["reason"]), (503, &json!("crowded")));

    assert_eq!(first.join("status:a", json!({})).await["status"], "ok");
    let reply = first.join("status:b", json!({})).await;
    assert_eq!(reply["response"]["reason"], "too many channels joined");
    for expected in ["ok", "error"] {
        first.push("status:a", "subscribe_categories", json!({"categories": ["tool"]})).await;
        assert_eq!(first.receive().await[4]["status"], expected);
    }

    drop(first);
    until(|| server.status.readers() == 0).await;
    assert!(server.open(request("vsn=2.0.0")).await.is_ok());
    assert_balanced(server).await;
}
