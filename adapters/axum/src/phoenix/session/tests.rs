//! A client says something, and is told something.

use std::task::Waker;

use serde_json::{Value, json};
use statusbus_tokio::{Category, Status};

use super::*;

mod limits;
mod protocol;
mod reading;
mod shared;

/// A client on a connection of its own.
struct Client {
    status: Status,
    session: Session,
    now: Instant,
    said: u64,
}

const EPOCH: u64 = 0xab;

impl Client {
    fn of(status: &Status) -> Self {
        let (now, limits) = (Instant::now(), SessionLimits::of(&Limits::new()));
        let session = Session::new(status.clone(), limits, Arc::default(), now);
        Self { status: status.clone(), session, now, said: 0 }
    }

    /// Says a message as it stands; whoever wants to join may.
    fn say_text(&mut self, text: &str) {
        self.session.hear(self.now);
        if let Some(join) = self.session.receive(text, self.now) {
            self.session.admit(join, None);
        }
    }

    /// Says something under a ref of its own: 1, 2, 3 …
    fn say(&mut self, join_ref: &str, topic: &str, event: &str, payload: Value) {
        self.said += 1;
        let said = self.said.to_string();
        self.say_text(&json!([join_ref, said, topic, event, payload]).to_string());
    }

    /// Joins, with the ref of the message as the ref of the join, as phoenix.js does.
    fn join(&mut self, topic: &str, params: Value) {
        let join_ref = (self.said + 1).to_string();
        self.say(&join_ref, topic, "phx_join", params);
    }

    /// Everything that it is told now.
    fn hears(&mut self) -> Vec<Value> {
        let mut heard = Vec::new();
        let mut read = |text: String| heard.push(serde_json::from_str(&text).expect("JSON"));
        while let Poll::Ready(told) =
            self.session.poll_told(&mut Context::from_waker(Waker::noop()))
        {
            match told {
                Told::Frame(frame) => read(frame),
                Told::Updates(updates) => updates.frames(&self.status).for_each(&mut read),
                Told::End => {
                    heard.push(json!("end"));
                    break;
                }
            }
        }
        heard
    }

    /// The response to the last thing it said, which is all that it is told.
    fn hears_reply(&mut self) -> (String, Value) {
        let heard = self.hears();
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!(heard[0][1], json!(self.said.to_string()), "{heard:?}");
        reply(&heard[0])
    }

    /// What it is told, shortened to texts of updates and names of other events.
    fn hears_texts(&mut self) -> Vec<String> {
        let short = |frame: &Value| match frame[3].as_str() {
            Some("status_update") => frame[4]["text"].as_str().map(str::to_owned),
            _ => Some(frame[3].as_str().unwrap_or("end").to_owned()),
        };
        self.hears().iter().filter_map(short).collect()
    }
}

fn reply(frame: &Value) -> (String, Value) {
    assert_eq!(frame[3], "phx_reply", "{frame}");
    (frame[4]["status"].as_str().unwrap_or_default().to_owned(), frame[4]["response"].clone())
}

fn bus() -> Status {
    Status::builder().epoch(EPOCH).spawn()
}

async fn say(status: &Status, conversation: &str, category: Category, texts: &[&'static str]) {
    for text in texts {
        status.update(conversation, category, *text).send();
        status.flush().await;
    }
}

async fn balances(status: Status) {
    let ledger = status.shutdown(Duration::from_secs(1)).await;
    assert!(ledger.is_balanced(), "{ledger:?}");
}

const ALL: [&str; 7] = Category::BUILT_IN;
