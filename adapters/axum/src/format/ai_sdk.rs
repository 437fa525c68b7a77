//! The UI message stream of Vercel's AI SDK, version 1 of the protocol: what `useChat` reads.
//!
//! A stream is one message, whose parts are the values that stand: each part has the place of its
//! update for an id, and the client puts a newer one of the same id into its place. So a message
//! stays as small as what the bus retains, however long it is read.
//!
//! The client sends no `Last-Event-ID`. It comes back when its application asks for it, takes what
//! it then gets for a replay, and that is what it is: the values that stand now.
//!
//! Before version 6 of the SDK its parser refuses what it does not know: so there is nothing here
//! but what all versions from 5 on know.

use axum::http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Selector, Update};

use super::native::Ready;
use super::place::Place;
use super::{Bus, Ending, Form, Kind, Run, write_message, write_position, write_retry};

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
        id: Place<'a>,
        data: D,
    },
    /// A gap belongs to the moment and not to what stands: it is told to `onData` and not kept.
    DataGap {
        data: D,
        transient: bool,
    },
    Finish,
    Abort,
}

/// Of the parts without data.
type Plain<'a> = Part<'a, ()>;

impl Form for AiSdk {
    fn begin(&self, to: &mut Vec<u8>, run: &Run) {
        let name = message_id(&run.selector);
        write_retry(to);
        let start = Plain::Start { message_id: &name, message_metadata: Ready::from(run) };
        write_message(to, None, &start);
    }

    fn updates_begin(&self, _: &mut Vec<u8>) {}

    fn update(&self, to: &mut Vec<u8>, update: &Update<'_>, kind: Kind, bus: Bus<'_>) {
        let resume = Position { epoch: bus.epoch, seq: update.seq() };
        let resume = (kind == Kind::New).then_some(resume);
        let id = Place::of(update, bus);
        let data = json::Update::new(update, bus.categories);
        match update.metadata().is_some_and(is_suspicious) {
            false => write_message(to, resume, &Part::DataStatus { id, data }),
            true => {
                let data = without_prototypes(&data);
                write_message(to, resume, &Part::DataStatus { id, data });
            }
        }
    }

    fn updates_end(&self, to: &mut Vec<u8>, id: Position) {
        write_position(to, id);
    }

    fn gap(&self, to: &mut Vec<u8>, id: Option<Position>, gap: &json::Gap) {
        write_message(to, id, &Part::DataGap { data: gap, transient: true });
    }

    fn end(&self, to: &mut Vec<u8>, _: &Run, ending: Ending) {
        let last = match ending {
            Ending::Over => Plain::Finish,
            Ending::CutOff => Plain::Abort,
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

/// The message that a stream is: the same each time it is read, so that it takes the place of what
/// was read before.
fn message_id(selector: &Selector) -> String {
    match selector {
        Selector::Conversation(name) => format!("status:{}", name.as_str()),
        Selector::System => "status:system".to_owned(),
        Selector::Everything => "status".to_owned(),
    }
}

/// Whether metadata may have what the SDK's parser refuses: such a key may be written with escapes.
fn is_suspicious(metadata: &str) -> bool {
    ["__proto__", "constructor", "\\u"].iter().any(|sign| metadata.contains(sign))
}

/// An update without the names that would reach for the prototype of an object in JavaScript. The
/// SDK's parser refuses them, and with them all that is said afterwards: one update must not end
/// the stream of everybody who reads it.
fn without_prototypes(update: &json::Update<'_>) -> Value {
    // Our own type: it cannot fail.
    let mut update = serde_json::to_value(update).unwrap_or_default();
    remove_prototypes(&mut update);
    update
}

/// As deep as metadata is nested, which is bounded.
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

    use super::super::tests::{
        EVICTED, LAGGED, begin, conversation, end, gaps, id, parsed, read, run, update, updates,
    };
    use super::super::{Ending, Kind, Recovered};
    use super::*;

    #[test]
    fn a_stream_is_a_message_that_is_called_the_same_each_time() {
        let run = run(conversation(), Recovered::No);
        let metadata = json!({"epoch": "00000000000000ab", "recovered": false});
        let start =
            json!({"type": "start", "messageId": "status:conv-1", "messageMetadata": metadata});
        assert_eq!(begin(&AiSdk, &run), [(None, start)]);
        for (ending, kind) in [(Ending::Over, "finish"), (Ending::CutOff, "abort")] {
            let last = [(None, json!({"type": kind})), (None, "[DONE]".into())];
            assert_eq!(end(&AiSdk, &run, ending), last);
        }
        for (selector, name) in
            [(Selector::System, "status:system"), (Selector::Everything, "status")]
        {
            assert_eq!(message_id(&selector), name);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_is_a_part_under_the_name_of_its_place() {
        let bytes = updates(&AiSdk, Kind::New, |status| {
            status.tool("conv-1", "a");
            status.system().info("b");
            status.update("conv-1", Category::PROGRESS, "50 %").key("download: 3").send();
        });
        let keyed = json!({"seq": 3, "conversation": "conv-1", "category": "progress",
            "text": "50 %", "metadata": null, "key": "download: 3", "priority": "progress"});
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
    async fn what_stands_says_where_to_resume_only_behind_all_of_it() {
        let bytes = updates(&AiSdk, Kind::Retained, |status| {
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
    fn a_gap_is_told_and_not_kept() {
        let part = |data| json!({"type": "data-gap", "data": parsed(data), "transient": true});
        assert_eq!(gaps(&AiSdk), [(id(7), part(EVICTED)), (None, part(LAGGED))]);
    }

    #[tokio::test(start_paused = true)]
    async fn metadata_has_nothing_that_the_parser_of_the_sdk_refuses() {
        let metadata = [
            (r#"{"__proto__":{"x":1},"a":[{"__proto__":null,"b":1}]}"#, r#"{"a":[{"b":1}]}"#),
            (r#"{"\u005f_proto__":1,"a":"\u0041"}"#, r#"{"a":"A"}"#),
            (r#"{"constructor":{"prototype":1,"a":2}}"#, r#"{"constructor":{"a":2}}"#),
            (r#"{"constructor":"a","prototype":"b"}"#, r#"{"constructor":"a","prototype":"b"}"#),
            (r#"{"text":"\"__proto__\":1"}"#, r#"{"text":"\"__proto__\":1"}"#),
        ];
        let bytes = updates(&AiSdk, Kind::New, |status| {
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
