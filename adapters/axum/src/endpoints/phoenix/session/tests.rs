//! Tests of the session: a client sends messages, and receives frames.

use std::task::Waker;

use serde_json::{Value, json};
use statusbus_tokio::{Category, Spawn, Status};

use super::*;

mod limits;
mod protocol;
mod reading;
mod shared;

/// A client with its own connection.
struct Client {
    status: Status,
    session: Session,
    now: Instant,
    sent: u64,
}

const EPOCH: u64 = 0xab;

impl Client {
    fn of(status: &Status) -> Self {
        let (now, limits) = (Instant::now(), SessionLimits::of(&Limits::new()));
        let session = Session::new(status.clone(), limits, Arc::default(), Arc::default(), now);
        Self { status: status.clone(), session, now, sent: 0 }
    }

    /// Sends a text. Every join is admitted.
    fn send_text(&mut self, text: &str) {
        self.session.record_activity(self.now);
        if let Some(join) = self.session.receive(text, self.now) {
            self.session.admit(join, None);
        }
    }

    /// Sends an event with a new ref: 1, 2, 3 …
    fn send(&mut self, join_ref: &str, topic: &str, event: &str, payload: Value) {
        self.sent += 1;
        let sent = self.sent.to_string();
        self.send_text(&json!([join_ref, sent, topic, event, payload]).to_string());
    }

    /// Joins with the ref of the message as the join ref, as phoenix.js does.
    fn join(&mut self, topic: &str, params: Value) {
        let join_ref = (self.sent + 1).to_string();
        self.send(&join_ref, topic, "phx_join", params);
    }

    /// All frames that are ready.
    fn receive(&mut self) -> Vec<Value> {
        let mut received = Vec::new();
        let mut read = |text: String| received.push(serde_json::from_str(&text).expect("JSON"));
        while let Poll::Ready(part) =
            self.session.poll_output(&mut Context::from_waker(Waker::noop()))
        {
            match part {
                Output::Frame(frame) => read(frame),
                Output::Updates(updates) => updates.frames(&self.status).for_each(&mut read),
                Output::End => {
                    received.push(json!("end"));
                    break;
                }
            }
        }
        received
    }

    /// The reply to the last event, which must be the only frame that is ready.
    fn receive_reply(&mut self) -> (String, Value) {
        let received = self.receive();
        assert_eq!(received.len(), 1, "{received:?}");
        assert_eq!(received[0][1], json!(self.sent.to_string()), "{received:?}");
        reply(&received[0])
    }

    /// The frames that are ready: the texts of updates, and the names of other events.
    fn receive_texts(&mut self) -> Vec<String> {
        let short = |frame: &Value| match frame[3].as_str() {
            Some("status_update") => frame[4]["text"].as_str().map(str::to_owned),
            _ => Some(frame[3].as_str().unwrap_or("end").to_owned()),
        };
        self.receive().iter().filter_map(short).collect()
    }
}

fn reply(frame: &Value) -> (String, Value) {
    assert_eq!(frame[3], "phx_reply", "{frame}");
    (frame[4]["status"].as_str().unwrap_or_default().to_owned(), frame[4]["response"].clone())
}

fn bus() -> Status {
    Status::builder().with_epoch(EPOCH).spawn()
}

async fn publish(status: &Status, conversation: &str, category: Category, texts: &[&'static str]) {
    for text in texts {
        status.update(conversation, category, *text).send();
        status.flush().await;
    }
}

async fn assert_balanced(status: Status) {
    let ledger = status.shutdown(Duration::from_secs(1)).await;
    assert!(ledger.is_balanced(), "{ledger:?}");
}

const ALL: [&str; 7] = Category::BUILT_IN;
