//! What holds in every form, and what the tests of each are told in.

use std::time::Duration;

use serde_json::{Value, json};
use statusbus_tokio::{Batch, Event, Gap, GapScope, Lagged, Metadata, Status};
use statusbus_tokio::{Category, Losses};

use super::*;

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

/// Takes the times out, and sees that they are there.
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

pub(super) fn run(selector: Selector, recovered: Recovered) -> Run {
    Run { selector, epoch: 0xab, recovered, number: 0xcd, asked: None }
}

pub(super) fn conversation() -> Selector {
    Selector::conversation("conv-1").expect("a name")
}

/// What a form makes of the updates that `send` sends, as they come or as they stand.
pub(super) async fn updates(form: &dyn Form, kind: Kind, send: impl FnOnce(&Status)) -> Vec<u8> {
    let status = Status::builder().epoch(0xab).spawn();
    let mut reader = status.subscribe(Selector::Everything).open();
    send(&status);
    status.flush().await;
    let mut bytes = Vec::new();
    let batch = match kind {
        Kind::New => reader.try_next(),
        Kind::Retained => status.subscribe(Selector::Everything).retained().open().try_next(),
    };
    let Some(Event::Batch(batch) | Event::Retained(batch)) = batch else { panic!("a batch") };
    write(form, &mut bytes, &batch, kind, &status);
    drop(reader);
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
    bytes
}

fn write(form: &dyn Form, to: &mut Vec<u8>, batch: &Batch, kind: Kind, status: &Status) {
    let bus = Bus { epoch: status.epoch(), categories: status.categories() };
    let id = Position { epoch: bus.epoch, seq: batch.seq() };
    form.updates_begin(to);
    for update in batch {
        form.update(to, &update, kind, bus);
    }
    form.updates_end(to, id);
}

pub(super) fn gaps(form: &dyn Form) -> Vec<Frame> {
    let mut losses = Losses::default();
    losses.dropped.evicted = 3;
    let gap = Gap { seq: 7, losses, scope: GapScope::Topic(Category::TOOL), resume: Some(7) };
    let mut bytes = Vec::new();
    form.gap(&mut bytes, Some(Position { epoch: 0xab, seq: 7 }), &json::Gap::from(&gap));
    let lagged = Lagged { seq: 9, missed: 2, resume: None };
    form.gap(&mut bytes, None, &json::Gap::from(&lagged));
    read(&bytes)
}

pub(super) fn begin(form: &dyn Form, run: &Run) -> Vec<Frame> {
    let mut bytes = Vec::new();
    form.begin(&mut bytes, run);
    assert!(bytes.starts_with(b"retry: 1000\n"));
    read(&bytes)
}

pub(super) fn end(form: &dyn Form, run: &Run, ending: Ending) -> Vec<Frame> {
    let mut bytes = Vec::new();
    form.end(&mut bytes, run, ending);
    read(&bytes)
}

pub(super) const EVICTED: &str = r#"{"count":3,"reasons":{"evicted":3},"scope":"topic"}"#;
pub(super) const LAGGED: &str = r#"{"count":2,"reasons":{"lagged":2},"scope":"reader"}"#;

pub(super) fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

/// An update with nothing to it but this.
pub(super) fn update(seq: u64, conversation: Option<&str>, category: &str, text: &str) -> Value {
    json!({"seq": seq, "conversation": conversation, "category": category, "text": text,
        "metadata": null, "key": null, "priority": "state"})
}

#[tokio::test(start_paused = true)]
async fn hostile_text_stays_within_its_frame_in_every_form() {
    let texts = ["a\r\n\r\ndata: [DONE]\r\n\r\n", "a\rb\nc\0d\u{85}e\u{2028}f\u{feff}", "😀"];
    for format in Format::ALL {
        let bytes = updates(format.form(), Kind::New, |status| {
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
    for format in Format::ALL {
        let ids: Vec<_> = gaps(format.form()).into_iter().map(|(id, _)| id).collect();
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
