//! An event has an `id` only where a reader can resume: a reader that is disconnected after any event
//! and resumes from the last id loses no gap and no retained value.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::extract::ConnectInfo;
use futures_util::{FutureExt, StreamExt};
use hyper::Request;
use serde_json::Value;
use statusbus_axum::Routes;
use statusbus_tokio::{Category, Config, Overflow, Spawn, Status};
use tower_service::Service;

use crate::support::Frame;
use crate::support::source::Parser;

const FORMATS: [&str; 4] = ["statusbus", "ai-sdk", "ag-ui", "cloudevents"];

const PATHS: [&str; 2] = ["/v1/status/conv-1/events", "/v1/events"];

/// The content of an event.
#[derive(Clone, Debug, PartialEq)]
enum Learned {
    /// The beginning of a stream, resumed or not.
    Begins(bool),
    Update(Value),
    Gap(Value),
}

/// An event, and the client's last event id after it.
#[derive(Clone, Debug)]
struct Received {
    learned: Vec<Learned>,
    last_id: String,
}

/// A stream without a network.
struct Reader {
    body: BodyDataStream,
    parser: Parser,
}

impl Reader {
    async fn open(router: &Router, path: &str, format: &str, last_id: &str) -> Self {
        let mut request = Request::get(format!("{path}?format={format}"));
        if !last_id.is_empty() {
            request = request.header("last-event-id", last_id);
        }
        let mut request = request.header("host", "localhost").body(Body::empty()).expect("valid");
        let peer = SocketAddr::from(([127, 0, 0, 1], 4_000));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().call(request).await.expect("a router always answers");
        Self { body: answer.into_body().into_data_stream(), parser: Parser::default() }
    }

    /// All frames that are ready.
    fn read(&mut self) -> Vec<Received> {
        let mut all = Vec::new();
        while let Some(Some(piece)) = self.body.next().now_or_never() {
            // Line by line, so that the last id belongs to each event.
            for line in piece.expect("always").split_inclusive(|&byte| byte == b'\n') {
                self.parser.take(line);
                while let Some(frame) = self.parser.next() {
                    if let Frame::Event { name, data, .. } = frame {
                        all.push(self.received(learned(&name, data)));
                    }
                }
            }
            // An id without an event.
            if let Some(last) = all.last_mut()
                && last.last_id != self.parser.last_id
            {
                all.push(self.received(Vec::new()));
            }
        }
        all
    }

    fn received(&self, learned: Vec<Learned>) -> Received {
        Received { learned, last_id: self.parser.last_id.clone() }
    }
}

/// Parses an event of any format.
#[allow(clippy::panic)] // only in tests
fn learned(name: &str, mut data: Value) -> Vec<Learned> {
    let kind = data["type"].as_str().or(data["name"].as_str()).unwrap_or(name).to_owned();
    let custom = data["name"].as_str().unwrap_or_default().to_owned();
    match (kind.as_str(), custom.as_str()) {
        ("ready", _) => vec![Learned::Begins(data["recovered"] == true)],
        ("start", _) => vec![Learned::Begins(data["messageMetadata"]["recovered"] == true)],
        ("CUSTOM", "statusbus.ready") => vec![Learned::Begins(data["value"]["recovered"] == true)],
        ("io.github.statusbus.ready", _) => {
            vec![Learned::Begins(data["data"]["recovered"] == true)]
        }
        ("status", _) => {
            let updates = data.as_array_mut().expect("an array");
            updates.drain(..).map(Learned::Update).collect()
        }
        ("data-status" | "io.github.statusbus.status", _) => {
            vec![Learned::Update(data["data"].take())]
        }
        ("ACTIVITY_SNAPSHOT", _) => vec![Learned::Update(data["content"].take())],
        ("gap", _) => vec![Learned::Gap(data)],
        ("data-gap" | "io.github.statusbus.gap", _) => vec![Learned::Gap(data["data"].take())],
        ("CUSTOM", "statusbus.gap") => vec![Learned::Gap(data["value"].take())],
        ("RUN_STARTED", _) => Vec::new(),
        other => panic!("{other:?}"),
    }
}

/// The contents of events, in order.
fn all(events: &[Received]) -> Vec<Learned> {
    events.iter().flat_map(|event| event.learned.clone()).collect()
}

/// The last value of each topic and key.
fn values(learned: &[Learned]) -> BTreeMap<String, u64> {
    let updates = learned.iter().filter_map(|one| match one {
        Learned::Update(update) => Some(update),
        _ => None,
    });
    updates
        .map(|update| {
            let place =
                format!("{} {} {}", update["conversation"], update["category"], update["key"]);
            (place, update["seq"].as_u64().expect("a position"))
        })
        .collect()
}

async fn assert_balanced(status: Status) {
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}

#[tokio::test(start_paused = true)]
async fn resuming_after_any_of_several_gaps_at_one_position_loses_none() {
    for (path, format) in PATHS.iter().flat_map(|path| FORMATS.map(|format| (path, format))) {
        let config =
            Config::new().with_queue_limit(2).expect("valid").with_overflow(Overflow::DropNewest);
        let status = Status::builder().with_epoch(7).with_config(config).spawn();
        let router = Routes::new(&status).router();
        let mut reader = Reader::open(&router, path, format, "").await;
        let mut full = reader.read();
        for _ in 0..3 {
            // Without an await in between: the runner delivers two batches.
            for category in
                [Category::TOOL, Category::INFO, Category::TOOL, Category::INFO, Category::ERROR]
            {
                status.update("conv-1", category, "x").send();
            }
            status.flush().await;
            status.tool("conv-1", "alone");
            status.flush().await;
        }
        full.extend(reader.read());
        let gaps = all(&full).iter().filter(|one| matches!(one, Learned::Gap(_))).count();
        // A reader of everything receives the gaps of one position as one.
        assert_eq!(gaps, if path.contains("conv-1") { 9 } else { 3 }, "{path} {format}");
        for (cut, event) in full.iter().enumerate().filter(|(_, event)| !event.last_id.is_empty()) {
            let has_id = full.iter().position(|one| one.last_id == event.last_id);
            let expected = all(&full[has_id.expect("it is one of them") + 1..]);
            let resumed = all(&Reader::open(&router, path, format, &event.last_id).await.read());
            assert_eq!(resumed[0], Learned::Begins(true), "{path} {format} cut behind {cut}");
            assert_eq!(resumed[1..], expected, "{path} {format} cut behind {cut}: {event:?}");
        }
        drop(reader);
        assert_balanced(status).await;
    }
}

#[tokio::test(start_paused = true)]
async fn resuming_after_any_event_of_a_lag_gets_all_values() {
    for (path, format) in PATHS.iter().flat_map(|path| FORMATS.map(|format| (path, format))) {
        let status = Status::builder()
            .with_epoch(7)
            .with_window(16)
            .with_history(4)
            .with_conversation_bytes(1 << 20)
            .spawn();
        let router = Routes::new(&status).router();
        let mut reader = Reader::open(&router, path, format, "").await;
        let mut full = reader.read();
        // More than two parts of a snapshot.
        for number in 0..10 {
            let text = number.to_string().repeat(16 * 1024);
            status.update("conv-1", Category::PROGRESS, text).key(format!("{number}")).send();
        }
        for _ in 0..200 {
            status.tool("conv-1", "too much");
            status.flush().await;
        }
        full.extend(reader.read());
        status.info("conv-1", "goes on");
        status.flush().await;
        full.extend(reader.read());
        let now = values(&all(&Reader::open(&router, path, format, "").await.read()));
        assert_eq!((now.len(), values(&all(&full))), (12, now.clone()), "{path} {format}");
        let lagged = |event: &Received| matches!(event.learned[..], [Learned::Gap(_)]);
        assert_eq!(full.iter().filter(|event| lagged(event)).count(), 1, "{path} {format}");
        for (cut, event) in full.iter().enumerate() {
            let mut seen = all(&full[..=cut]);
            seen.extend(all(&Reader::open(&router, path, format, &event.last_id).await.read()));
            assert_eq!(values(&seen), now, "{path} {format} cut behind {cut}");
        }
        drop(reader);
        assert_balanced(status).await;
    }
}
