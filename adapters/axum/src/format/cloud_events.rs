//! CloudEvents 1.0 in their JSON format: one for each update, in an event stream or as a batch.
//!
//! An event has the position of its update for an id: who gets it twice can tell. A browser's
//! `EventSource` sends the last one back as `Last-Event-ID`, and resumes.

use std::fmt::Display;

use serde::{Serialize, Serializer};
use statusbus_tokio::Update;
use statusbus_tokio::json::{self, Position, Time};

use super::native::Ready;
use super::place::Topic;
use super::{Bus, Ending, Form, Kind, Run, random, write_message, write_position, write_retry};

pub(super) struct CloudEvents;

/// The version of the specification that this is.
const VERSION: &str = "1.0";

/// Where all events are from. What tells one bus from another, and one run of a bus from the next,
/// is the epoch in their ids.
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
    subject: Option<Topic<'a>>,
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
    bus: Bus<'_>,
    write: impl FnOnce(Position, &Event<'_, json::Update<'_>>) -> T,
) -> T {
    let id = Position { epoch: bus.epoch, seq: update.seq() };
    let data = json::Update::new(update, bus.categories);
    let event = Event::new("io.github.statusbus.status", &id, data);
    let (subject, time) = (Some(Topic::of(update, bus)), Some(Time(update.at())));
    write(id, &Event { subject, time, ..event })
}

impl Form for CloudEvents {
    fn begin(&self, to: &mut Vec<u8>, run: &Run) {
        write_retry(to);
        let id = format!("ready-{:016x}", run.number);
        write_message(to, None, &Event::new("io.github.statusbus.ready", &id, Ready::from(run)));
    }

    fn updates_begin(&self, _: &mut Vec<u8>) {}

    fn update(&self, to: &mut Vec<u8>, update: &Update<'_>, kind: Kind, bus: Bus<'_>) {
        with_event(update, bus, |id, event| {
            write_message(to, (kind == Kind::New).then_some(id), event);
        });
    }

    fn updates_end(&self, to: &mut Vec<u8>, id: Position) {
        write_position(to, id);
    }

    fn gap(&self, to: &mut Vec<u8>, id: Option<Position>, gap: &json::Gap) {
        // Several gaps may lead up to one position.
        let own = format!("gap-{:016x}", random());
        write_message(to, id, &Event::new("io.github.statusbus.gap", &own, gap));
    }

    fn end(&self, _: &mut Vec<u8>, _: &Run, _: Ending) {}

    fn is_for_event_sources(&self) -> bool {
        true
    }
}

/// The content type of a batch.
pub(crate) const BATCH: &str = "application/cloudevents-batch+json";

/// Updates as the body of a batch.
pub(crate) fn batch<'a>(updates: impl Iterator<Item = Update<'a>>, bus: Bus<'_>) -> Vec<u8> {
    let mut body = vec![b'['];
    for update in updates {
        if body.len() > 1 {
            body.push(b',');
        }
        with_event(&update, bus, |_, event| super::write_json(&mut body, event));
    }
    body.push(b']');
    body
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use statusbus_tokio::{Selector, Status};

    use super::super::tests::{
        EVICTED, LAGGED, begin, conversation, end, gaps, id, parsed, read, run, update, updates,
    };
    use super::super::{Ending, Kind, Recovered};
    use super::*;

    /// The attributes that all events have.
    fn event(kind: &str, data: Value) -> Value {
        json!({"specversion": "1.0", "source": "/v1/events", "type": kind,
            "datacontenttype": "application/json", "data": data})
    }

    /// Takes the ids out, which have to be different.
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
    fn a_stream_says_whether_it_goes_on_and_ends_without_a_word() {
        let run = run(conversation(), Recovered::Yes);
        let ready = json!({"epoch": "00000000000000ab", "recovered": true});
        let ready = event("io.github.statusbus.ready", ready);
        assert_eq!(without_ids(begin(&CloudEvents, &run)), [(None, ready)]);
        assert_eq!(end(&CloudEvents, &run, Ending::Over), []);
    }

    fn status_event(seq: u64, subject: &str, update: Value) -> Value {
        let mut event = event("io.github.statusbus.status", update);
        event["id"] = id(seq).into();
        event["subject"] = subject.into();
        event
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_is_an_event_with_its_position_for_an_id() {
        for kind in [Kind::New, Kind::Retained] {
            let bytes = updates(&CloudEvents, kind, |status| {
                status.tool("conv-1", "a");
                status.system().info("b");
            });
            let resume = |seq| if kind == Kind::New { id(seq) } else { None };
            let tool = update(1, Some("conv-1"), "tool", "a");
            let info = update(2, None, "info", "b");
            let frames = [
                (resume(1), status_event(1, "status:conv-1:tool", tool)),
                (resume(2), status_event(2, "status:system:info", info)),
                (id(2), json!(null)),
            ];
            assert_eq!(read(&bytes.await), frames, "{kind:?}");
        }
    }

    #[test]
    fn a_gap_is_an_event_of_its_own() {
        let gap = |data| event("io.github.statusbus.gap", parsed(data));
        let gaps = without_ids(gaps(&CloudEvents));
        assert_eq!(gaps, [(id(7), gap(EVICTED)), (None, gap(LAGGED))]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_an_array() {
        let status = Status::builder().epoch(0xab).spawn();
        let bus = Bus { epoch: 0xab, categories: status.categories() };
        assert_eq!(batch(std::iter::empty(), bus), b"[]");
        status.tool("conv-1", "a");
        status.info("conv-1", "b");
        status.flush().await;
        let mut reader = status.subscribe(Selector::Everything).retained().open();
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
