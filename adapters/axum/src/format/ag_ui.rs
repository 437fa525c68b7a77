//! Events of the Agent User Interaction Protocol (AG-UI), version 1.0.
//!
//! A stream is one AG-UI run: it begins with `RUN_STARTED` and ends with `RUN_FINISHED`. In between
//! each update is an `ACTIVITY_SNAPSHOT` that replaces the activity with the same value id; gaps and
//! the start of the stream are `CUSTOM` events. There are no steps and no deltas, because a snapshot is
//! correct whatever its reader missed.
//!
//! The protocol cannot resume, and its clients send no `Last-Event-ID`: a new run begins with the
//! retained values, under the same ids. Clients request a run with `POST` and give it ids.

use std::borrow::Cow;

use serde::Serialize;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Selector, Update};

use super::encoder::{BusRef, Cause, Encoder, StreamEnd, StreamInfo};
use super::event_stream::{write_message, write_position, write_retry};
use super::native::Ready;
use super::value_id::ValueId;

pub(super) struct AgUi;

/// The supported version of the protocol.
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
        message_id: ValueId<'a>,
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

/// The events without content.
type Plain<'a> = Event<'a, ()>;

/// The outcome of a run that is not complete.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outcome {
    /// Stopped without a failure.
    Cancelled,
}

impl Encoder for AgUi {
    fn begin(&self, to: &mut Vec<u8>, stream: &StreamInfo) {
        write_retry(to);
        let started = Plain::RunStarted {
            thread_id: thread_id(stream),
            run_id: &run_id(stream),
            protocol_version: VERSION,
        };
        write_message(to, None, &started);
        let ready = Event::Custom { name: "statusbus.ready", value: Ready::from(stream) };
        write_message(to, None, &ready);
    }

    fn updates_begin(&self, _: &mut Vec<u8>) {}

    fn update(&self, to: &mut Vec<u8>, update: &Update<'_>, cause: Cause, bus: BusRef<'_>) {
        let resume = Position { epoch: bus.epoch, seq: update.seq() };
        let snapshot = Event::ActivitySnapshot {
            message_id: ValueId::of(update, bus),
            activity_type: ACTIVITY,
            content: json::Update::new(update, bus.categories),
            replace: true,
        };
        write_message(to, (cause == Cause::New).then_some(resume), &snapshot);
    }

    fn updates_end(&self, to: &mut Vec<u8>, id: Position) {
        write_position(to, id);
    }

    fn gap(&self, to: &mut Vec<u8>, id: Option<Position>, gap: &json::Gap) {
        write_message(to, id, &Event::Custom { name: "statusbus.gap", value: gap });
    }

    fn end(&self, to: &mut Vec<u8>, stream: &StreamInfo, end: StreamEnd) {
        let finished = Plain::RunFinished {
            thread_id: thread_id(stream),
            run_id: &run_id(stream),
            // The protocol forbids reporting a stopped run as a complete one.
            outcome: match end {
                StreamEnd::Complete => None,
                StreamEnd::CutOff => Some(Outcome::Cancelled),
            },
        };
        write_message(to, None, &finished);
    }

    fn is_for_event_sources(&self) -> bool {
        false
    }
}

/// The client's id, or else the selection. `system` and `*` are invalid as names of conversations.
fn thread_id(stream: &StreamInfo) -> &str {
    match (&stream.run_input, &stream.selector) {
        (Some(input), _) => &input.thread_id,
        (None, Selector::Conversation(name)) => name.as_str(),
        (None, Selector::System) => "system",
        (None, Selector::Everything) => "*",
    }
}

fn run_id(stream: &StreamInfo) -> Cow<'_, str> {
    match &stream.run_input {
        Some(input) => input.run_id.as_str().into(),
        None => format!("{:016x}", stream.nonce).into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use statusbus_tokio::Category;

    use super::super::encoder::{Cause, Recovered, StreamEnd};
    use super::super::run_input::RunInput;
    use super::super::tests::{
        EVICTED, LAGGED, begin, conversation, end, gaps, id, parsed, read, stream, update, updates,
    };
    use super::*;

    #[test]
    fn a_stream_is_a_run() {
        let info = stream(conversation(), Recovered::Yes);
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
        assert_eq!(begin(&AgUi, &info), begins);
        let over = (None, with(json!({"type": "RUN_FINISHED"})));
        assert_eq!(end(&AgUi, &info, StreamEnd::Complete), [over]);
        let cancelled = json!({"type": "RUN_FINISHED", "outcome": {"type": "cancelled"}});
        assert_eq!(end(&AgUi, &info, StreamEnd::CutOff), [(None, with(cancelled))]);
        for (selector, name) in [(Selector::System, "system"), (Selector::Everything, "*")] {
            assert_eq!(thread_id(&stream(selector, Recovered::No)), name);
        }
    }

    #[test]
    fn a_run_has_the_ids_that_its_client_gives() {
        let input = json!({"threadId": "t", "runId": "r", "messages": [], "tools": []});
        let run_input = RunInput::read(input.to_string().as_bytes()).expect("an input");
        let info =
            StreamInfo { run_input: Some(run_input), ..stream(conversation(), Recovered::No) };
        for (_, event) in [&begin(&AgUi, &info)[0], &end(&AgUi, &info, StreamEnd::Complete)[0]] {
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
            let refused = RunInput::read(input.as_bytes()).expect_err("invalid");
            assert_eq!(refused.reason(), reason, "{input:.20}");
            let detail = refused.detail();
            assert!(!detail.contains("struct") && !detail.contains("integer"), "{detail}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_replaces_the_activity_of_its_value() {
        for cause in [Cause::New, Cause::Retained] {
            let bytes = updates(&AgUi, cause, |status| {
                status.tool("conv-1", "a");
                status.update("conv-1", Category::TOOL, "b").key("k").send();
            });
            let mut keyed = update(2, Some("conv-1"), "tool", "b");
            keyed["key"] = "k".into();
            let activity = |id, content| {
                json!({"type": "ACTIVITY_SNAPSHOT", "messageId": id, "activityType": "status",
                    "content": content, "replace": true})
            };
            let resume = |seq| if cause == Cause::New { id(seq) } else { None };
            let frames = [
                (resume(1), activity("status:conv-1:tool", update(1, Some("conv-1"), "tool", "a"))),
                (resume(2), activity("status:conv-1:tool:k", keyed)),
                (id(2), json!(null)),
            ];
            assert_eq!(read(&bytes.await), frames, "{cause:?}");
        }
    }

    #[test]
    fn a_gap_is_a_custom_event() {
        let gap = |data| json!({"type": "CUSTOM", "name": "statusbus.gap", "value": parsed(data)});
        assert_eq!(gaps(&AgUi), [(id(7), gap(EVICTED)), (None, gap(LAGGED))]);
    }
}
