//! CloudEvents 1.0 in their JSON format: one for each update, in an event stream or as a batch.
//!
//! The id of an event is the position of its update, so that a client can detect duplicates. A
//! browser's `EventSource` returns the last one as `Last-Event-ID` and resumes.

use std::fmt::Display;

use serde::{Serialize, Serializer};
use statusbus_tokio::Update;
use statusbus_tokio::json::{self, Position, Time};

use super::encoder::{BusRef, Cause, Encoder, StreamEnd, StreamInfo};
use super::event_stream::{nonce, write_json, write_message, write_position, write_retry};
use super::native::Ready;
use super::value_id::TopicName;

pub(super) struct CloudEvents;

/// The implemented version of the specification.
const VERSION: &str = "1.0";

/// The source of all events. The epoch in the ids distinguishes buses, and starts of the same bus.
const SOURCE: &str = "/v1/events";

#[derive(Serialize)]
struct Event<'a, D> {
    specversion: &'static str,
    #[serde(serialize_with = "text")]
    id: &'a dyn Display,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<TopicName<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Time>,
    datacontenttype: &'static str,
    data: D,
}

fn text<S: Serializer>(text: &&dyn Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(text)
}

impl<'a, D> Event<'a, D> {
    fn new(kind: &'static str, id: &'a dyn Display, data: D) -> Self {
        Self {
            specversion: VERSION,
            id,
            source: SOURCE,
            kind,
            subject: None,
            time: None,
            datacontenttype: "application/json",
            data,
        }
    }
}

/// An update as an event.
fn with_event<T>(
    update: &Update<'_>,
    bus: BusRef<'_>,
    write: impl FnOnce(Position, &Event<'_, json::Update<'_>>) -> T,
) -> T {
    let id = Position { epoch: bus.epoch, seq: update.seq() };
    let data = json::Update::new(update, bus.categories);
    let event = Event::new("io.github.statusbus.status", &id, data);
    let (subject, time) = (Some(TopicName::of(update, bus)), Some(Time(update.at())));
    write(id, &Event { subject, time, ..event })
}

impl Encoder for CloudEvents {
    fn begin(&self, to: &mut Vec<u8>, stream: &StreamInfo) {
        write_retry(to);
        let id = format!("ready-{:016x}", stream.nonce);
        write_message(to, None, &Event::new("io.github.statusbus.ready", &id, Ready::from(stream)));
    }

    fn updates_begin(&self, _: &mut Vec<u8>) {}

    fn update(&self, to: &mut Vec<u8>, update: &Update<'_>, cause: Cause, bus: BusRef<'_>) {
        with_event(update, bus, |id, event| {
            write_message(to, (cause == Cause::New).then_some(id), event);
        });
    }

    fn updates_end(&self, to: &mut Vec<u8>, id: Position) {
        write_position(to, id);
    }

    fn gap(&self, to: &mut Vec<u8>, id: Option<Position>, gap: &json::Gap) {
        // Several gaps may share a position, so it cannot be the id.
        let own = format!("gap-{:016x}", nonce());
        write_message(to, id, &Event::new("io.github.statusbus.gap", &own, gap));
    }

    fn end(&self, _: &mut Vec<u8>, _: &StreamInfo, _: StreamEnd) {}

    fn is_for_event_sources(&self) -> bool {
        true
    }
}

/// The content type of a batch.
pub(crate) const BATCH: &str = "application/cloudevents-batch+json";

/// Updates as the body of a batch.
pub(crate) fn batch<'a>(updates: impl Iterator<Item = Update<'a>>, bus: BusRef<'_>) -> Vec<u8> {
    let mut body = vec![b'['];
    for update in updates {
        if body.len() > 1 {
            body.push(b',');
        }
        with_event(&update, bus, |_, event| write_json(&mut body, event));
    }
    body.push(b']');
    body
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use statusbus_tokio::{Selector, Spawn, Status};

    use super::super::encoder::{Cause, Recovered, StreamEnd};
    use super::super::tests::{
        EVICTED, LAGGED, begin, conversation, end, gaps, id, parsed, read, stream, update, updates,
    };
    use super::*;

    /// The attributes that all events have.
    fn event(kind: &str, data: Value) -> Value {
        json!({"specversion": "1.0", "source": "/v1/events", "type": kind,
            "datacontenttype": "application/json", "data": data})
    }

    /// Removes the ids, and checks that they are different.
    fn without_ids(frames: Vec<(Option<String>, Value)>) -> Vec<(Option<String>, Value)> {
        let mut ids = std::collections::HashSet::new();
        let frames = frames.into_iter().map(|(resume, mut event)| {
            let fields = event.as_object_mut().expect("an object");
            let id = fields.remove("id").expect("an id");
            assert!(ids.insert(id.as_str().expect("a text").to_owned()), "{id} twice");
            (resume, event)
        });
        frames.collect()
    }

    #[test]
    fn a_stream_begins_with_ready_and_ends_without_an_event() {
        let info = stream(conversation(), Recovered::Yes);
        let ready = json!({"epoch": "00000000000000ab", "recovered": true});
        let ready = event("io.github.statusbus.ready", ready);
        assert_eq!(without_ids(begin(&CloudEvents, &info)), [(None, ready)]);
        assert_eq!(end(&CloudEvents, &info, StreamEnd::Complete), []);
    }

    fn status_event(seq: u64, subject: &str, update: Value) -> Value {
        let mut event = event("io.github.statusbus.status", update);
        event["id"] = id(seq).into();
        event["subject"] = subject.into();
        event
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_is_an_event_with_its_position_as_its_id() {
        for cause in [Cause::New, Cause::Retained] {
            let bytes = updates(&CloudEvents, cause, |status| {
                status.tool("conv-1", "a");
                status.system().info("b");
            });
            let resume = |seq| if cause == Cause::New { id(seq) } else { None };
            let tool = update(1, Some("conv-1"), "tool", "a");
            let info = update(2, None, "info", "b");
            let frames = [
                (resume(1), status_event(1, "status:conv-1:tool", tool)),
                (resume(2), status_event(2, "status:system:info", info)),
                (id(2), json!(null)),
            ];
            assert_eq!(read(&bytes.await), frames, "{cause:?}");
        }
    }

    #[test]
    fn a_gap_is_an_event() {
        let gap = |data| event("io.github.statusbus.gap", parsed(data));
        let gaps = without_ids(gaps(&CloudEvents));
        assert_eq!(gaps, [(id(7), gap(EVICTED)), (None, gap(LAGGED))]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_an_array() {
        let status = Status::builder().with_epoch(0xab).spawn();
        let bus = BusRef { epoch: 0xab, categories: status.categories() };
        assert_eq!(batch(std::iter::empty(), bus), b"[]");
        status.tool("conv-1", "a");
        status.info("conv-1", "b");
        status.flush().await;
        let mut reader = status.subscribe(Selector::Everything).with_retained().open();
        let Some(statusbus_tokio::Event::Retained(values)) = reader.try_next() else {
            panic!("values")
        };
        let events: Vec<Value> =
            serde_json::from_slice(&batch(values.iter(), bus)).expect("an array");
        let ids: Vec<_> = events.iter().map(|event| event["id"].as_str()).collect();
        assert_eq!(ids, [id(1).as_deref(), id(2).as_deref()]);
        drop(reader);
        assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
    }
}
