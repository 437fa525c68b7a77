//! What is said and heard over a socket, as the API description has it.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::description::{ASYNCAPI, reference};

/// Which messages there were: every one that is heard has to be one that is described.
#[derive(Default)]
pub(crate) struct Dialogue {
    /// What was said, by its ref: the name of its message, if it is one.
    said: HashMap<String, Option<&'static str>>,
    /// Messages that were heard, by their names in the document, each with the one that it answers.
    pub(crate) heard: BTreeSet<(Option<&'static str>, &'static str)>,
}

/// The names of messages that an operation or a reply lists.
fn listed(messages: &'static Value) -> impl Iterator<Item = &'static str> {
    let all = messages.as_array().into_iter().flatten();
    all.filter_map(|message| reference(message)?.rsplit('/').next())
}

/// Each operation of a client: the name of its message, and those of the replies.
pub(crate) fn asked() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let operations = ASYNCAPI.at("/operations").as_object().expect("operations");
    operations.values().filter(|operation| operation["action"] == "receive").map(|operation| {
        let said = listed(&operation["messages"]).next().expect("a message");
        (said, listed(&operation["reply"]["messages"]).collect())
    })
}

/// What is pushed.
pub(crate) fn pushed() -> impl Iterator<Item = &'static str> {
    listed(&ASYNCAPI.at("/operations/push")["messages"])
}

/// Whether it is this message.
pub(crate) fn is(name: &str, frame: &Value) -> bool {
    ASYNCAPI.faults(&format!("/components/messages/{name}/payload"), frame).is_empty()
}

impl Dialogue {
    pub(crate) fn say(&mut self, text: &str) {
        let Ok(frame) = serde_json::from_str::<Value>(text) else { return };
        let said = asked().map(|(said, _)| said).find(|said| is(said, &frame));
        self.said.insert(frame[1].to_string(), said);
    }

    pub(crate) fn hear(&mut self, frame: &Value) {
        let answers = frame[3] == "phx_reply" && !frame[1].is_null();
        let said = if answers { self.said.get(&frame[1].to_string()) } else { None };
        let heard = match said {
            Some(Some(said)) => {
                let (_, replies) = asked().find(|(name, _)| name == said).expect("an operation");
                replies.into_iter().find(|reply| is(reply, frame))
            }
            // What was said is none of what is described, and is told so.
            Some(None) => Some("refused").filter(|refused| is(refused, frame)),
            None => pushed().find(|name| is(name, frame)),
        };
        let Some(heard) = heard else {
            panic!("{frame} is not described as an answer to {said:?}");
        };
        self.heard.insert((said.copied().flatten(), heard));
    }
}
