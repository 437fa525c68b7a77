//! What clients should not do, and what it costs others: nothing.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use statusbus_axum::{Limits, Routes};
use statusbus_tokio::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Server, balances, request, until};

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_closes_with_1009() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    let largest = "x".repeat(64 * 1024);
    client.send(largest).await;
    assert_eq!(client.hear().await[4]["response"]["reason"], "invalid_message");
    let (mut says, mut hears) = client.socket.split();
    // More than fits on the way: it is told while it still sends.
    let too_large = Message::text("x".repeat(1024 * 1024));
    let hears = async {
        match hears.next().await {
            Some(Ok(Message::Close(Some(frame)))) => u16::from(frame.code),
            other => panic!("{other:?}"),
        }
    };
    let (_, code) = tokio::join!(says.send(too_large), hears);
    assert_eq!(code, 1009);
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_websocket_frame_closes_with_why() {
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
        assert_eq!(client.hear_close().await, Some(code));
        // It has time to read that: a reset at once could take the frame from it.
        let told = Instant::now();
        let mut rest = Vec::new();
        client.socket.get_mut().read_to_end(&mut rest).await.expect("the end");
        assert_eq!((rest.len(), told.elapsed().as_secs()), (0, 1));
        balances(server).await;
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_and_nonsense_are_refused_by_themselves() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    client.send(Message::binary(vec![0, 1, 2])).await;
    assert_eq!(client.hear().await[4]["response"]["reason"], "invalid_message");
    client.send("nonsense").await;
    assert_eq!(client.hear().await[4]["response"]["reason"], "invalid_message");
    server.status.tool("a", "still there");
    assert_eq!(client.hear_text().await, "still there");
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_read_at_its_pace_and_each_is_answered() {
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
            let said = Instant::now();
            server.status.tool("a", number.to_string());
            assert_eq!(other.hear_text().await, number.to_string());
            assert!(said.elapsed() <= Duration::from_millis(51), "{:?}", said.elapsed());
        }
    };
    tokio::join!(floods, counts, others);
    // 250 at once, and then 50 a second.
    assert_eq!(begun.elapsed().as_secs(), (flood - 250) / 50);
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_given_up_and_holds_up_nobody() {
    let server = Server::of(&Status::builder().spawn());
    let (mut stuck, mut other) = (server.connect().await, server.connect().await);
    for client in [&mut stuck, &mut other] {
        client.join("status:a", json!({"categories": ["tool"]})).await;
    }
    let (text, begun) = ("x".repeat(1_000), Instant::now());
    for _ in 0..200 {
        let said = Instant::now();
        server.status.tool("a", text.clone());
        assert_eq!(other.hear_text().await, text);
        assert!(said.elapsed() <= Duration::from_millis(51), "{:?}", said.elapsed());
    }
    assert_eq!(server.status.readers(), 2);
    // It was stuck at some time while that was said, 30 s ago.
    let said_for = begun.elapsed();
    until(|| server.status.readers() == 1).await;
    let stuck_at = begun.elapsed().checked_sub(Duration::from_secs(30)).expect("it takes 30 s");
    assert!(stuck_at < said_for, "{stuck_at:?} of {said_for:?}");
    // What it was sent ends somewhere.
    let mut rest = Vec::new();
    stuck.socket.get_mut().read_to_end(&mut rest).await.expect("the end");
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn who_reads_again_in_time_is_told_what_it_missed_and_goes_on() {
    let status = Status::builder().window(64).history(8).spawn();
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
        let heard = client.hear().await;
        match heard[3].as_str() {
            Some("gap") => missed += heard[4]["count"].as_u64().expect("a count"),
            _ if heard[4]["retained"] == true => {}
            _ => read += 1,
        }
        if heard[4]["text"] == "last" {
            break;
        }
    }
    assert!(missed > 800, "{missed}");
    // The last one was missed, and is told as what stands.
    assert_eq!(read + missed, 1_001);
    status.tool("a", "goes on");
    assert_eq!(client.hear_text().await, "goes on");
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn there_are_so_many_sockets_and_no_more() {
    let status = Status::builder().spawn();
    let routes = Routes::new(&status).limits(Limits::new().streams(2).channels(1).changes(1));
    let server = Server::new(&status, routes);
    let (mut first, _second) = (server.connect().await, server.connect().await);
    let (code, problem) = server.open(request("vsn=2.0.0")).await.err().expect("a refusal");
    assert_eq!((code, &problem["reason"]), (503, &json!("crowded")));

    assert_eq!(first.join("status:a", json!({})).await["status"], "ok");
    let reply = first.join("status:b", json!({})).await;
    assert_eq!(reply["response"]["reason"], "too many channels joined");
    for expected in ["ok", "error"] {
        first.say("status:a", "subscribe_categories", json!({"categories": ["tool"]})).await;
        assert_eq!(first.hear().await[4]["status"], expected);
    }

    drop(first);
    until(|| server.status.readers() == 0).await;
    assert!(server.open(request("vsn=2.0.0")).await.is_ok());
    balances(server).await;
}
