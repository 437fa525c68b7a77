//! From the first message to the last.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use statusbus_tokio::Status;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Server, balances, until};

#[tokio::test(start_paused = true)]
async fn who_joins_hears_what_is_said_from_then_on() {
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
    assert_eq!(client.hear_text().await, "searching");
    assert_eq!(client.hear_text().await, "found");
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_a_message_each_and_is_written_in_one_go() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    // The first one goes out at once; the others are the batch.
    server.status.tool("a", "0");
    assert_eq!(client.hear_text().await, "0");
    let before = server.writes.load(Ordering::Relaxed);
    for number in 1..=60 {
        server.status.tool("a", number.to_string());
    }
    for number in 1..=60 {
        assert_eq!(client.hear_text().await, number.to_string());
    }
    assert_eq!(server.writes.load(Ordering::Relaxed) - before, 1);
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_silent_for_a_minute_is_closed_so_that_it_comes_back() {
    let server = Server::of(&Status::builder().spawn());
    let (mut client, opened) = (server.connect().await, Instant::now());
    tokio::time::sleep(Duration::from_secs(50)).await;
    client.say("phoenix", "heartbeat", json!({})).await;
    client.hear().await;
    // phoenix.js stays away after 1000, and comes back after any other code.
    assert_eq!(client.hear_close().await, Some(1001));
    assert_eq!(opened.elapsed().as_secs(), 110);
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_a_sign_of_life_and_is_answered() {
    let server = Server::of(&Status::builder().spawn());
    let (mut client, opened) = (server.connect().await, Instant::now());
    tokio::time::sleep(Duration::from_secs(50)).await;
    client.send(Message::Ping("there?".into())).await;
    let answer = client.socket.next().await.expect("an answer").expect("an open socket");
    assert_eq!(answer, Message::Pong("there?".into()));
    assert_eq!(client.hear_close().await, Some(1001));
    assert_eq!(opened.elapsed().as_secs(), 110);
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn who_takes_leave_is_let_go() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    assert_eq!(server.status.readers(), 1);
    client.socket.close(None).await.expect("an open socket");
    let answer = client.socket.next().await.expect("an answer").expect("an open socket");
    assert!(answer.is_close(), "{answer:?}");
    assert!(client.socket.next().await.is_none());
    assert_eq!(until(|| server.status.readers() == 0).await, Duration::ZERO);
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn who_vanishes_is_noticed() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    drop(client);
    assert!(until(|| server.status.readers() == 0).await <= Duration::from_millis(1));
    balances(server).await;
}

#[tokio::test(start_paused = true)]
async fn shutting_down_everyone_hears_the_last_word_and_is_told_to_come_back() {
    let server = Server::of(&Status::builder().spawn());
    let (mut reader, mut idle) = (server.connect().await, server.connect().await);
    reader.join("status:a", json!({"categories": ["tool"]})).await;
    for text in ["1", "2", "last"] {
        server.status.tool("a", text);
    }
    let (shutdown, begun) = (server.closing.shutdown(Duration::from_secs(5)), Instant::now());
    let hears = async {
        for text in ["1", "2", "last"] {
            assert_eq!(reader.hear_text().await, text);
        }
        assert_eq!(reader.hear_close().await, Some(1012));
        assert_eq!(idle.hear_close().await, Some(1012));
    };
    let (ledger, ()) = tokio::join!(shutdown, hears);
    assert!(ledger.is_balanced() && ledger.delivered == 3, "{ledger:?}");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(server.status.unread(), 0);
}

#[tokio::test(start_paused = true)]
async fn shutting_down_is_over_when_everyone_was_told() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    let begun = Instant::now();
    server.closing.shutdown(Duration::from_secs(5)).await;
    // The client has not answered, and is waited for no longer than a second.
    assert_eq!(begun.elapsed().as_secs(), 1);
    let told = client.socket.next().now_or_never().flatten();
    assert!(matches!(told, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1012));
}

#[tokio::test(start_paused = true)]
async fn shutting_down_waits_no_longer_than_that_for_who_does_not_read() {
    let server = Server::of(&Status::builder().spawn());
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    let text = "x".repeat(10_000);
    for _ in 0..100 {
        server.status.tool("a", text.clone());
    }
    let begun = Instant::now();
    let ledger = server.closing.shutdown(Duration::from_secs(5)).await;
    assert!(begun.elapsed() <= Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(ledger.is_balanced() && ledger.delivered == 100, "{ledger:?}");
    // The connection is given up, too, and its reader with it.
    assert!(until(|| server.status.readers() == 0).await <= Duration::from_secs(2));
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn ending_only_the_delivery_lets_clients_resume_elsewhere() {
    let status = Status::builder().spawn();
    let server = Server::of(&status);
    let mut client = server.connect().await;
    client.join("status:a", json!({"categories": ["tool"]})).await;
    status.tool("a", "1");
    let last = client.hear().await[4]["id"].clone();
    server.closing.close();
    assert_eq!(client.hear_close().await, Some(1012));
    for text in ["2", "3"] {
        status.tool("a", text);
    }
    let server = Server::of(&status);
    let mut client = server.connect().await;
    let params = json!({"categories": ["tool"], "last_event_id": last});
    assert_eq!(client.join("status:a", params).await["response"]["recovered"], true);
    assert_eq!((client.hear_text().await, client.hear_text().await), ("2".into(), "3".into()));
    assert_eq!(client.socket.next().now_or_never().map(|_| ()), None);
    balances(server).await;
}
