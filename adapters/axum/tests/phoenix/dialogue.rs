//! Validation of the messages on a socket against the API description.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::description::{ASYNCAPI, reference};

/// The messages on a socket. Every received message must be described.
#[derive(Default)]
pub(crate) struct Dialogue {
    /// Sent events by ref: the name of the described message, `None` without one.
    sent: HashMap<String, Option<&'static str>>,
    /// The described names of received messages, each with the message that it answers.
    pub(crate) received: BTreeSet<(Option<&'static str>, &'static str)>,
}

/// The names of the messages in an operation or a reply.
fn listed(messages: &'static Value) -> impl Iterator<Item = &'static str> {
    let all = messages.as_array().into_iter().flatten();
    all.filter_map(|message| reference(message)?.rsplit('/').next())
}

/// The operations of a client: the name of the message, and those of the replies.
pub(crate) fn asked() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let operations = ASYNCAPI.at("/operations").as_object().expect("operations");
    operations.values().filter(|operation| operation["action"] == "receive").map(|operation| {
        let sent = listed(&operation["messages"]).next().expect("a message");
        (sent, listed(&operation["reply"]["messages"]).collect())
    })
}

/// The pushed messages.
pub(crate) fn pushed() -> impl Iterator<Item = &'static str> {
    listed(&ASYNCAPI.at("/operations/push")["messages"])
}

/// Whether a frame matches a message.
pub(crate) fn is(name: &str, frame: &Value) -> bool {
    ASYNCAPI.faults(&format!("/components/messages/{name}/payload"), frame).is_empty()
}

impl Dialogue {
    pub(crate) fn push(&mut self, text: &str) {
        let Ok(frame) = serde_json::from_str::<Value>(text) else { return };
        let sent = asked().map(|(sent, _)| sent).find(|sent| is(sent, &frame));
        self.sent.insert(frame[1].to_string(), sent);
    }

    pub(crate) fn receive(&mut self, frame: &Value) {
        let answers = frame[3] == "phx_reply" && !frame[1].is_null();
        let sent = if answers { self.sent.get(&frame[1].to_string()) } else { None };
        let received = match sent {
            Some(Some(sent)) => {
                let (_, replies) = asked().find(|(name, _)| name == sent).expect("an operation");
                replies.into_iter().find(|reply| is(reply, frame))
            }
            // The sent message is not described, so the reply must be an error.
            Some(None) => Some("refused").filter(|refused| is(refused, frame)),
            None => pushed().find(|name| is(name, frame)),
        };
        let Some(received) = received else {
            panic!("{frame} is not described as an answer to {sent:?}");
        };
        self.received.insert((sent.copied().flatten(), received));
    }
}
