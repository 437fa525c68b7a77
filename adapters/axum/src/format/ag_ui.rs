//! Events of the Agent User Interaction Protocol (AG-UI), version 1.0.
//!
//! To read a stream is a run: it begins with `RUN_STARTED` and ends with `RUN_FINISHED`. In between
//! each update is an `ACTIVITY_SNAPSHOT` that replaces the activity of its place, and what the
//! protocol has no event for is `CUSTOM`. There are no steps and no deltas: a snapshot is right
//! whatever its reader missed.
//!
//! The protocol has no resumption, and its clients send no `Last-Event-ID`: a new run begins with
//! the values that stand, under the same ids. They ask with `POST`, and say what they call the run.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Selector, Update};

use super::native::Ready;
use super::place::Place;
use super::{Bus, Ending, Form, Kind, Run, write_message, write_position, write_retry};
use crate::problem::Problem;
use crate::shape::{self, Field};

pub(super) struct AgUi;

/// The version of the protocol that this is.
const VERSION: &str = "1.0";

/// The type of all activities.
const ACTIVITY: &str = "status";

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
enum Event<'a, D> {
    RunStarted {
        thread_id: &'a str,
        run_id: &'a str,
        protocol_version: &'static str,
    },
    ActivitySnapshot {
        message_id: Place<'a>,
        activity_type: &'static str,
        content: D,
        replace: bool,
    },
    Custom {
        name: &'static str,
        value: D,
    },
    RunFinished {
        thread_id: &'a str,
        run_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome>,
    },
}

/// Of the events without content.
type Plain<'a> = Event<'a, ()>;

/// How a run ended that did not come to its end.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outcome {
    /// It was stopped, and nothing failed.
    Cancelled,
}

/// What a client calls the run that it asks for. What else it says is for an agent, and there is
/// none here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    thread_id: String,
    run_id: String,
}

impl Asked {
    /// The longest name that is taken, in bytes.
    const LONGEST: usize = 1_024;

    /// Reads the input of a run.
    ///
    /// # Errors
    /// It is none, or its names are too long.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Problem> {
        const FIELDS: [Field; 2] = [Field::string("threadId"), Field::string("runId")];
        let invalid = |fault: &str| {
            let detail = format!("the body is not the input of an AG-UI run: {fault}");
            Problem::bad_request("invalid", detail)
        };
        let body = std::str::from_utf8(body).map_err(|_| invalid("it is not UTF-8"))?;
        let asked: Self =
            shape::read_object(body, "it", &FIELDS).map_err(|fault| invalid(&fault))?;
        let longest = asked.thread_id.len().max(asked.run_id.len());
        if longest > Self::LONGEST {
            let most = Self::LONGEST;
            let detail = format!("threadId and runId may have {most} bytes, and not {longest}");
            return Err(Problem::bad_request("too_large", detail));
        }
        Ok(asked)
    }
}

impl Form for AgUi {
    fn begin(&self, to: &mut Vec<u8>, run: &Run) {
        write_retry(to);
        let started = Plain::RunStarted {
            thread_id: thread(run),
            run_id: &run_id(run),
            protocol_version: VERSION,
        };
        write_message(to, None, &started);
        let ready = Event::Custom { name: "statusbus.ready", value: Ready::from(run) };
        write_message(to, None, &ready);
    }

    fn updates_begin(&self, _: &mut Vec<u8>) {}

    fn update(&self, to: &mut Vec<u8>, update: &Update<'_>, kind: Kind, bus: Bus<'_>) {
        let resume = Position { epoch: bus.epoch, seq: update.seq() };
        let snapshot = Event::ActivitySnapshot {
            message_id: Place::of(update, bus),
            activity_type: ACTIVITY,
            content: json::Update::new(update, bus.categories),
            replace: true,
        };
        write_message(to, (kind == Kind::New).then_some(resume), &snapshot);
    }

    fn updates_end(&self, to: &mut Vec<u8>, id: Position) {
        write_position(to, id);
    }

    fn gap(&self, to: &mut Vec<u8>, id: Option<Position>, gap: &json::Gap) {
        write_message(to, id, &Event::Custom { name: "statusbus.gap", value: gap });
    }

    fn end(&self, to: &mut Vec<u8>, run: &Run, ending: Ending) {
        let finished = Plain::RunFinished {
            thread_id: thread(run),
            run_id: &run_id(run),
            // The protocol forbids to pass off a run that was stopped as one that is complete.
            outcome: match ending {
                Ending::Over => None,
                Ending::CutOff => Some(Outcome::Cancelled),
            },
        };
        write_message(to, None, &finished);
    }

    fn is_for_event_sources(&self) -> bool {
        false
    }
}

/// What a stream is about, if its client has no other name for it. No conversation is called
/// `system` or `*`.
fn thread(run: &Run) -> &str {
    match (&run.asked, &run.selector) {
        (Some(asked), _) => &asked.thread_id,
        (None, Selector::Conversation(name)) => name.as_str(),
        (None, Selector::System) => "system",
        (None, Selector::Everything) => "*",
    }
}

fn run_id(run: &Run) -> Cow<'_, str> {
    match &run.asked {
        Some(asked) => asked.run_id.as_str().into(),
        None => format!("{:016x}", run.number).into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use statusbus_tokio::Category;

    use super::super::tests::{
        EVICTED, LAGGED, begin, conversation, end, gaps, id, parsed, read, run, update, updates,
    };
    use super::super::{Ending, Kind, Recovered};
    use super::*;

    #[test]
    fn a_stream_is_a_run() {
        let run = run(conversation(), Recovered::Yes);
        let names = json!({"threadId": "conv-1", "runId": "00000000000000cd"});
        let with = |mut event: serde_json::Value| {
            let fields = event.as_object_mut().expect("an object");
            fields.extend(names.as_object().expect("an object").clone());
            event
        };
        let ready = json!({"epoch": "00000000000000ab", "recovered": true});
        let begins = [
            (None, with(json!({"type": "RUN_STARTED", "protocolVersion": "1.0"}))),
            (None, json!({"type": "CUSTOM", "name": "statusbus.ready", "value": ready})),
        ];
        assert_eq!(begin(&AgUi, &run), begins);
        let over = (None, with(json!({"type": "RUN_FINISHED"})));
        assert_eq!(end(&AgUi, &run, Ending::Over), [over]);
        let cancelled = json!({"type": "RUN_FINISHED", "outcome": {"type": "cancelled"}});
        assert_eq!(end(&AgUi, &run, Ending::CutOff), [(None, with(cancelled))]);
        for (selector, name) in [(Selector::System, "system"), (Selector::Everything, "*")] {
            assert_eq!(thread(&super::super::tests::run(selector, Recovered::No)), name);
        }
    }

    #[test]
    fn a_run_is_called_what_its_client_calls_it() {
        let input = json!({"threadId": "t", "runId": "r", "messages": [], "tools": []});
        let asked = Asked::read(input.to_string().as_bytes()).expect("an input");
        let run = Run { asked: Some(asked), ..run(conversation(), Recovered::No) };
        for (_, event) in [&begin(&AgUi, &run)[0], &end(&AgUi, &run, Ending::Over)[0]] {
            assert_eq!((&event["threadId"], &event["runId"]), (&json!("t"), &json!("r")));
        }
        let long = json!({"threadId": "t", "runId": "r".repeat(1_025)}).to_string();
        for (input, reason) in [
            ("", "invalid"),
            ("[]", "invalid"),
            (r#"["t","r"]"#, "invalid"),
            (r#"{"threadId":7,"runId":"r"}"#, "invalid"),
            (r#"{"threadId":"t"}"#, "invalid"),
            (&long, "too_large"),
        ] {
            let refused = Asked::read(input.as_bytes()).expect_err("no input");
            assert_eq!(refused.reason(), reason, "{input:.20}");
            let detail = refused.detail();
            assert!(!detail.contains("struct") && !detail.contains("integer"), "{detail}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_replaces_the_activity_of_its_place() {
        for kind in [Kind::New, Kind::Retained] {
            let bytes = updates(&AgUi, kind, |status| {
                status.tool("conv-1", "a");
                status.update("conv-1", Category::TOOL, "b").key("k").send();
            });
            let mut keyed = update(2, Some("conv-1"), "tool", "b");
            keyed["key"] = "k".into();
            let activity = |id, content| {
                json!({"type": "ACTIVITY_SNAPSHOT", "messageId": id, "activityType": "status",
                    "content": content, "replace": true})
            };
            let resume = |seq| if kind == Kind::New { id(seq) } else { None };
            let frames = [
                (resume(1), activity("status:conv-1:tool", update(1, Some("conv-1"), "tool", "a"))),
                (resume(2), activity("status:conv-1:tool:k", keyed)),
                (id(2), json!(null)),
            ];
            assert_eq!(read(&bytes.await), frames, "{kind:?}");
        }
    }

    #[test]
    fn a_gap_is_an_event_of_ours() {
        let gap = |data| json!({"type": "CUSTOM", "name": "statusbus.gap", "value": parsed(data)});
        assert_eq!(gaps(&AgUi), [(id(7), gap(EVICTED)), (None, gap(LAGGED))]);
    }
}
