//! The life of a socket, from the first message to the last.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use statusbus_tokio::{Spawn, Status};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Server, assert_balanced, until};

#[tokio::test(start_paused = true)]
async fn a_joined_client_receives_new_updates() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    let reply = client.join("status:conv-1", json!({"categories": ["tool"]})).await;
    assert_eq!(
        (&reply["status"], &reply["response"]["conversation_id"]),
        (&json!("ok"), &json!("conv-1"))
    );
    server.status.tool("conv-1", "searching");
    server.status.info("conv-1", "not chosen");
    server.status.tool("conv-1", "found");
    assert_eq!(client.receive_text().await, "searching");
    assert_eq!(client.receive_text().await, "found");
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_one_message_per_update_and_one_write() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    // The first update is due immediately; the others form the batch.
    server.status.tool("a", "0");
    assert_eq!(client.receive_text().await, "0");
    let before = server.writes.load(Ordering::Relaxed);
    for number in 1..=60 {
        server.status.tool("a", number.to_string());
    }
    for number in 1..=60 {
        assert_eq!(client.receive_text().await, number.to_string());
    }
    assert_eq!(server.writes.load(Ordering::Relaxed) - before, 1);
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_is_closed_with_a_code_after_which_it_reconnects() {
    let server = Server::of(&Status::builder().spawn());
    let (mut client, opened) = (server.connect().await, Instant::now());
    tokio::time::sleep(Duration::from_secs(50)).await;
    client.push("phoenix", "heartbeat", json!({})).await;
    client.receive().await;
    // phoenix.js does not reconnect after 1000, and does after any other code.
    assert_eq!(client.receive_close().await, Some(1001));
    assert_eq!(opened.elapsed().as_secs(), 110);
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_ping_restarts_the_idle_timeout_and_is_answered() {
    let server = Server::of(&Status::builder().spawn());
    let (mut client, opened) = (server.connect().await, Instant::now());
    tokio::time::sleep(Duration::from_secs(50)).await;
    client.send(Message::Ping("there?".into())).await;
    let answer = client.socket.next().await.expect("an answer").expect("an open socket");
    assert_eq!(answer, Message::Pong("there?".into()));
    assert_eq!(client.receive_close().await, Some(1001));
    assert_eq!(opened.elapsed().as_secs(), 110);
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_is_answered() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    assert_eq!(server.status.readers(), 1);
    client.socket.close(None).await.expect("an open socket");
    let answer = client.socket.next().await.expect("an answer").expect("an open socket");
    assert!(answer.is_close(), "{answer:?}");
    assert!(client.socket.next().await.is_none());
    assert_eq!(until(|| server.status.readers() == 0).await, Duration::ZERO);
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_noticed() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    drop(client);
    assert!(until(|| server.status.readers() == 0).await <= Duration::from_millis(1));
    assert_balanced(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_delivers_the_last_update_and_asks_clients_to_reconnect() {
    let server = Server::of(&Status::builder().spawn());
    let (mut reader, mut idle) = (server.connect().await, server.connect().await);
    reader.join("status:a", json!({"categories": ["tool"]})).await;
    for text in ["1", "2", "last"] {
        server.status.tool("a", text);
    }
    let (shutdown, begun) = (server.shutdown.shutdown(Duration::from_secs(5)), Instant::now());
    let hears = async {
        for text in ["1", "2", "last"] {
            assert_eq!(reader.receive_text().await, text);
        }
        assert_eq!(reader.receive_close().await, Some(1012));
        assert_eq!(idle.receive_close().await, Some(1012));
    };
    let (ledger, ()) = tokio::join!(shutdown, hears);
    assert!(ledger.is_balanced() && ledger.delivered == 3, "{ledger:?}");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(server.status.unread(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_a_second_for_the_closing_handshake() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    let begun = Instant::now();
    server.shutdown.shutdown(Duration::from_secs(5)).await;
    // The client does not answer, and the server waits for one second at most.
    assert_eq!(begun.elapsed().as_secs(), 1);
    let reported = client.socket.next().now_or_never().flatten();
    assert!(
        matches!(reported, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1012)
    );
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_client_that_does_not_read() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    let text = "x".repeat(10_000);
    for _ in 0..100 {
        server.status.tool("a", text.clone());
    }
    let begun = Instant::now();
    let ledger = server.shutdown.shutdown(Duration::from_secs(5)).await;
    assert!(begun.elapsed() <= Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(ledger.is_balanced() && ledger.delivered == 100, "{ledger:?}");
    // The connection is aborted, and its subscription ends.
    assert!(until(|| server.status.readers() == 0).await <= Duration::from_secs(2));
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn clients_resume_elsewhere_after_the_end_of_the_delivery() {
    let status = Status::builder().spawn();
    let server = Server::of(&status);
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    status.tool("a", "1");
    let last = client.receive().await[4]["id"].clone();
    server.shutdown.close();
    assert_eq!(client.receive_close().await, Some(1012));
    for text in ["2", "3"] {
        status.tool("a", text);
    }
    let server = Server::of(&status);
    let mut client = server.connect().await;
    let params = json!({"categories": ["tool"], "last_event_id": last});
    assert_eq!(client.join("status:a", params).await["response"]["recovered"], true);
    assert_eq!(
        (client.receive_text().await, client.receive_text().await),
        ("2".into(), "3".into())
    );
    assert_eq!(client.socket.next().now_or_never().map(|_| ()), None);
    assert_balanced(server).await;
}
