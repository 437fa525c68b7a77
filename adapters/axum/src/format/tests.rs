//! Tests of all formats, and the vocabulary for the tests of each.

use std::time::Duration;

use serde_json::{Value, json};
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{
    Batch, Category, Event, Gap, GapScope, Lagged, Losses, Metadata, Selector, Spawn, Status,
};

use super::encoder::{BusRef, Cause, Encoder, Recovered, StreamEnd, StreamInfo};
use super::selection::Format;

/// A frame: its id if it has one, and its data.
pub(super) type Frame = (Option<String>, Value);

/// The frames of an event stream, without the times in them.
pub(super) fn read(bytes: &[u8]) -> Vec<Frame> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with("\n\n"), "whole frames: {text:?}");
    assert!(!text.contains(['\r', '\0']), "{text:?}");
    text.split_terminator("\n\n").map(frame).collect()
}

fn frame(text: &str) -> Frame {
    let (mut id, mut data) = (None, Value::Null);
    for line in text.split('\n') {
        match line.split_once(": ").expect("a field") {
            ("id", value) => id = Some(value.to_owned()),
            ("data", "[DONE]") => data = "[DONE]".into(),
            ("data", value) => data = serde_json::from_str(value).expect("JSON"),
            ("event", _) | ("retry", "1000") => {}
            other => panic!("{other:?}"),
        }
    }
    without_times(&mut data);
    (id, data)
}

/// Removes the times, and checks that they are there.
fn without_times(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(without_times),
        Value::Object(fields) => {
            for name in ["at", "time"] {
                if let Some(time) = fields.remove(name) {
                    assert!(time.as_str().is_some_and(|time| time.ends_with('Z')), "{time}");
                }
            }
            fields.values_mut().for_each(without_times);
        }
        _ => {}
    }
}

pub(super) fn id(seq: u64) -> Option<String> {
    Some(format!("00000000000000ab-{seq}"))
}

pub(super) fn stream(selector: Selector, recovered: Recovered) -> StreamInfo {
    StreamInfo { selector, epoch: 0xab, recovered, nonce: 0xcd, run_input: None }
}

pub(super) fn conversation() -> Selector {
    Selector::conversation("conv-1").expect("a name")
}

/// The encoding of the updates that `send` sends, as new updates or as retained values.
pub(super) async fn updates(
    encoder: &dyn Encoder,
    cause: Cause,
    send: impl FnOnce(&Status),
) -> Vec<u8> {
    let status = Status::builder().with_epoch(0xab).spawn();
    let mut reader = status.subscribe(Selector::Everything).open();
    send(&status);
    status.flush().await;
    let mut bytes = Vec::new();
    let batch = match cause {
        Cause::New => reader.try_next(),
        Cause::Retained => status.subscribe(Selector::Everything).with_retained().open().try_next(),
    };
    let Some(Event::Batch(batch) | Event::Retained(batch)) = batch else { panic!("a batch") };
    write(encoder, &mut bytes, &batch, cause, &status);
    drop(reader);
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
    bytes
}

fn write(encoder: &dyn Encoder, to: &mut Vec<u8>, batch: &Batch, cause: Cause, status: &Status) {
    let bus = BusRef { epoch: status.epoch(), categories: status.categories() };
    let id = Position { epoch: bus.epoch, seq: batch.seq() };
    encoder.updates_begin(to);
    for update in batch {
        encoder.update(to, &update, cause, bus);
    }
    encoder.updates_end(to, id);
}

pub(super) fn gaps(encoder: &dyn Encoder) -> Vec<Frame> {
    let mut losses = Losses::default();
    losses.dropped.evicted = 3;
    let gap = Gap::new(7, losses, GapScope::Topic(Category::TOOL));
    let mut bytes = Vec::new();
    encoder.gap(&mut bytes, Some(Position { epoch: 0xab, seq: 7 }), &json::Gap::from(&gap));
    let lagged = Lagged::new(9, 2);
    encoder.gap(&mut bytes, None, &json::Gap::from(&lagged));
    read(&bytes)
}

pub(super) fn begin(encoder: &dyn Encoder, stream: &StreamInfo) -> Vec<Frame> {
    let mut bytes = Vec::new();
    encoder.begin(&mut bytes, stream);
    assert!(bytes.starts_with(b"retry: 1000\n"));
    read(&bytes)
}

pub(super) fn end(encoder: &dyn Encoder, stream: &StreamInfo, end: StreamEnd) -> Vec<Frame> {
    let mut bytes = Vec::new();
    encoder.end(&mut bytes, stream, end);
    read(&bytes)
}

pub(super) const EVICTED: &str = r#"{"count":3,"reasons":{"evicted":3},"scope":"topic"}"#;
pub(super) const LAGGED: &str = r#"{"count":2,"reasons":{"lagged":2},"scope":"reader"}"#;

pub(super) fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

/// An update with default values except for these.
pub(super) fn update(seq: u64, conversation: Option<&str>, category: &str, text: &str) -> Value {
    json!({"seq": seq, "conversation": conversation, "category": category, "text": text,
        "metadata": null, "key": null, "priority": "normal"})
}

#[tokio::test(start_paused = true)]
async fn hostile_text_stays_within_its_frame_in_every_format() {
    let texts = ["a\r\n\r\ndata: [DONE]\r\n\r\n", "a\rb\nc\0d\u{85}e\u{2028}f\u{feff}", "😀"];
    for format in Format::STREAMS {
        let bytes = updates(format.encoder(), Cause::New, |status| {
            for text in texts {
                let metadata = json!({ "a\r\nid: 7\r\n\r\n": text }).to_string();
                let metadata: Metadata = metadata.parse().expect("an object");
                let update = status.update("conv\u{2028}1", Category::TOOL, text);
                update.key(format!("{text}\r\nid: 7")).metadata(metadata).send();
                status.system().info(text);
            }
        });
        let frames = read(&bytes.await);
        let all = Value::Array(frames.iter().map(|(_, data)| data.clone()).collect());
        for text in texts {
            let found = count(&all, &mut |value| value == text);
            assert!(found >= 2, "{format:?}: {text:?} {found} times");
        }
        let mut ids = frames.iter().filter_map(|(id, _)| id.as_deref());
        assert!(ids.clone().all(|id| id.starts_with("00000000000000ab-")));
        assert_eq!(ids.next_back(), Some("00000000000000ab-6"));
    }
}

#[test]
fn a_gap_has_an_id_only_where_a_reader_can_resume() {
    for format in Format::STREAMS {
        let ids: Vec<_> = gaps(format.encoder()).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, [id(7), None], "{format:?}");
    }
}

fn count(value: &Value, wanted: &mut impl FnMut(&Value) -> bool) -> usize {
    let here = usize::from(wanted(value));
    let inside: usize = match value {
        Value::Array(values) => values.iter().map(|value| count(value, wanted)).sum(),
        Value::Object(fields) => fields.values().map(|value| count(value, wanted)).sum(),
        _ => 0,
    };
    here + inside
}
