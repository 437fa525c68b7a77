//! The UI message stream of Vercel's AI SDK, version 1 of the protocol: what `useChat` reads.
//!
//! A stream is one message whose parts are the retained values. The id of a part is the id of its
//! value, and the client replaces a part by a newer one of the same id. So a message stays as small as
//! what the bus retains, however long it is read.
//!
//! The client sends no `Last-Event-ID`. It reconnects when its application asks for it, and treats
//! what it then receives as a replay: the current retained values.
//!
//! Before version 6 the SDK's parser refuses unknown parts, so this format uses only what all versions
//! from 5 on know.

use axum::http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Selector, Update};

use super::encoder::{BusRef, Cause, Encoder, StreamEnd, StreamInfo};
use super::event_stream::{write_message, write_position, write_retry};
use super::native::Ready;
use super::value_id::ValueId;

pub(super) struct AiSdk;

/// A part of the stream.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum Part<'a, D> {
    Start {
        message_id: &'a str,
        message_metadata: Ready,
    },
    DataStatus {
        id: ValueId<'a>,
        data: D,
    },
    /// A gap is an event and no value: transient, so that `onData` receives it and no message keeps it.
    DataGap {
        data: D,
        transient: bool,
    },
    Finish,
    Abort,
}

/// The parts without data.
type Plain<'a> = Part<'a, ()>;

impl Encoder for AiSdk {
    fn begin(&self, to: &mut Vec<u8>, stream: &StreamInfo) {
        let name = message_id(&stream.selector);
        write_retry(to);
        let start = Plain::Start { message_id: &name, message_metadata: Ready::from(stream) };
        write_message(to, None, &start);
    }

    fn updates_begin(&self, _: &mut Vec<u8>) {}

    fn update(&self, to: &mut Vec<u8>, update: &Update<'_>, cause: Cause, bus: BusRef<'_>) {
        let resume = Position { epoch: bus.epoch, seq: update.seq() };
        let resume = (cause == Cause::New).then_some(resume);
        let id = ValueId::of(update, bus);
        let data = json::Update::new(update, bus.categories);
        if update.metadata().is_some_and(is_suspicious) {
            let data = without_prototypes(&data);
            write_message(to, resume, &Part::DataStatus { id, data });
        } else {
            write_message(to, resume, &Part::DataStatus { id, data });
        }
    }

    fn updates_end(&self, to: &mut Vec<u8>, id: Position) {
        write_position(to, id);
    }

    fn gap(&self, to: &mut Vec<u8>, id: Option<Position>, gap: &json::Gap) {
        write_message(to, id, &Part::DataGap { data: gap, transient: true });
    }

    fn end(&self, to: &mut Vec<u8>, _: &StreamInfo, end: StreamEnd) {
        let last = match end {
            StreamEnd::Complete => Plain::Finish,
            StreamEnd::CutOff => Plain::Abort,
        };
        write_message(to, None, &last);
        to.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        const VERSION: HeaderName = HeaderName::from_static("x-vercel-ai-ui-message-stream");
        Some((VERSION, HeaderValue::from_static("v1")))
    }

    fn is_for_event_sources(&self) -> bool {
        false
    }
}

/// The id of the message: the same for each stream of a selection, so that the message replaces the
/// one from before a reconnect.
fn message_id(selector: &Selector) -> String {
    match selector {
        Selector::Conversation(name) => format!("status:{}", name.as_str()),
        Selector::System => "status:system".to_owned(),
        Selector::Everything => "status".to_owned(),
    }
}

/// Whether metadata may contain a key that the SDK's parser refuses. Such a key may be escaped.
fn is_suspicious(metadata: &str) -> bool {
    ["__proto__", "constructor", "\\u"].iter().any(|sign| metadata.contains(sign))
}

/// An update without the keys that could modify the prototype of a JavaScript object. The SDK's parser
/// refuses them and ends the stream, and one update must not end the streams of all its readers.
fn without_prototypes(update: &json::Update<'_>) -> Value {
    // A type of this workspace: serializing it cannot fail.
    let mut update = serde_json::to_value(update).unwrap_or_default();
    remove_prototypes(&mut update);
    update
}

/// Recursion is as deep as metadata is nested, which the bus bounds.
fn remove_prototypes(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(remove_prototypes),
        Value::Object(fields) => {
            fields.remove("__proto__");
            if let Some(Value::Object(constructor)) = fields.get_mut("constructor") {
                constructor.remove("prototype");
            }
            fields.values_mut().for_each(remove_prototypes);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use statusbus_tokio::Category;
    use statusbus_tokio::Metadata;

    use super::super::encoder::{Cause, Recovered, StreamEnd};
    use super::super::tests::{
        EVICTED, LAGGED, begin, conversation, end, gaps, id, parsed, read, stream, update, updates,
    };
    use super::*;

    #[test]
    fn a_stream_is_a_message_with_a_stable_id() {
        let info = stream(conversation(), Recovered::No);
        let metadata = json!({"epoch": "00000000000000ab", "recovered": false});
        let start =
            json!({"type": "start", "messageId": "status:conv-1", "messageMetadata": metadata});
        assert_eq!(begin(&AiSdk, &info), [(None, start)]);
        for (ending, kind) in [(StreamEnd::Complete, "finish"), (StreamEnd::CutOff, "abort")] {
            let last = [(None, json!({"type": kind})), (None, "[DONE]".into())];
            assert_eq!(end(&AiSdk, &info, ending), last);
        }
        for (selector, name) in
            [(Selector::System, "status:system"), (Selector::Everything, "status")]
        {
            assert_eq!(message_id(&selector), name);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_is_a_part_with_its_value_id() {
        let bytes = updates(&AiSdk, Cause::New, |status| {
            status.tool("conv-1", "a");
            status.system().info("b");
            status.update("conv-1", Category::PROGRESS, "50 %").key("download: 3").send();
        });
        let keyed = json!({"seq": 3, "conversation": "conv-1", "category": "progress",
            "text": "50 %", "metadata": null, "key": "download: 3", "priority": "low"});
        let part = |id, data| json!({"type": "data-status", "id": id, "data": data});
        let frames = [
            (id(1), part("status:conv-1:tool", update(1, Some("conv-1"), "tool", "a"))),
            (id(2), part("status:system:info", update(2, None, "info", "b"))),
            (id(3), part("status:conv-1:progress:download: 3", keyed)),
            (id(3), json!(null)),
        ];
        assert_eq!(read(&bytes.await), frames);
    }

    #[tokio::test(start_paused = true)]
    async fn retained_values_have_a_resume_position_only_at_their_end() {
        let bytes = updates(&AiSdk, Cause::Retained, |status| {
            status.tool("conv-1", "replaced");
            status.tool("conv-1", "a");
            status.info("conv-1", "b");
        });
        let part = |id, data| json!({"type": "data-status", "id": id, "data": data});
        let frames = [
            (None, part("status:conv-1:tool", update(2, Some("conv-1"), "tool", "a"))),
            (None, part("status:conv-1:info", update(3, Some("conv-1"), "info", "b"))),
            (id(3), json!(null)),
        ];
        assert_eq!(read(&bytes.await), frames);
    }

    #[test]
    fn a_gap_is_transient() {
        let part = |data| json!({"type": "data-gap", "data": parsed(data), "transient": true});
        assert_eq!(gaps(&AiSdk), [(id(7), part(EVICTED)), (None, part(LAGGED))]);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_that_the_parser_of_the_sdk_refuses_are_removed() {
        let metadata = [
            (r#"{"__proto__":{"x":1},"a":[{"__proto__":null,"b":1}]}"#, r#"{"a":[{"b":1}]}"#),
            (r#"{"\u005f_proto__":1,"a":"\u0041"}"#, r#"{"a":"A"}"#),
            (r#"{"constructor":{"prototype":1,"a":2}}"#, r#"{"constructor":{"a":2}}"#),
            (r#"{"constructor":"a","prototype":"b"}"#, r#"{"constructor":"a","prototype":"b"}"#),
            (r#"{"text":"\"__proto__\":1"}"#, r#"{"text":"\"__proto__\":1"}"#),
        ];
        let bytes = updates(&AiSdk, Cause::New, |status| {
            for (metadata, _) in metadata {
                let metadata: Metadata = metadata.parse().expect("an object");
                status.update("conv-1", Category::TOOL, "__proto__").metadata(metadata).send();
            }
        });
        let frames = read(&bytes.await);
        for ((_, frame), (_, left)) in frames.iter().zip(metadata) {
            assert_eq!(frame["data"]["metadata"], parsed(left));
            assert_eq!(frame["data"]["text"], "__proto__");
        }
        assert_eq!(frames.len(), metadata.len() + 1);
    }
}
