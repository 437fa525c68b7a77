//! What a device says over a bad line, said again here.

#![cfg(feature = "wire")]
// a test that cannot go on says why
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, SystemTime};

use statusbus_core::wire::{Encoder, Missing, Record, Scope, Update};
use statusbus_core::{Category, ConversationName, Losses, Priority, RefuseReason, wire};
use statusbus_tokio::{DeviceReader, DeviceReport, Event, Selector, Status};

/// The frames of some records, each small enough for a frame of its own.
fn frames<'a>(epoch: u64, records: impl IntoIterator<Item = Record<'a>>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for record in records {
        let mut encoder = Encoder::new(epoch, std::iter::once(record));
        let mut buffer = [0; 256];
        while let Some(frame) = encoder.next_frame(&mut buffer) {
            frames.push(frame.unwrap().to_vec());
        }
    }
    frames
}

fn said(seq: u64, text: &str) -> Record<'_> {
    let conversation = Some(ConversationName::new("pump").unwrap().into());
    Record::Update(Update { conversation, ..Update::new(seq, Category::ENGINE, text) })
}

/// Everything that is said when these bytes come in, as conversation, category and text.
async fn read(bytes: &[u8]) -> (DeviceReport, Vec<(Option<String>, usize, String)>) {
    let status = Status::builder().spawn();
    let mut everything = status.subscribe(Selector::Everything).open();
    let mut device = DeviceReader::new(status.clone());
    device.read(bytes).await.unwrap();
    let mut all = Vec::new();
    let reading = async {
        while let Some(event) = everything.next().await {
            let Event::Batch(batch) = event else { panic!("nothing is lost here: {event:?}") };
            all.extend(batch.iter().map(|update| {
                let conversation = update.conversation().map(str::to_owned);
                (conversation, update.category().index(), update.text().to_owned())
            }));
        }
    };
    let (ledger, ()) = tokio::join!(status.shutdown(Duration::from_secs(1)), reading);
    assert!(ledger.is_balanced());
    assert_eq!(ledger.delivered as usize, all.len());
    (*device.report(), all)
}

fn texts(all: &[(Option<String>, usize, String)]) -> Vec<&str> {
    all.iter().map(|(_, _, text)| text.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_device_says_is_said_here() {
    let line = frames(1, [said(1, "on"), said(2, "primed")]).concat();
    let (report, all) = read(&line).await;
    assert_eq!(texts(&all), ["on", "primed"]);
    assert_eq!(all[0].0.as_deref(), Some("pump"));
    assert_eq!(all[0].1, Category::ENGINE.index());
    assert_eq!((report.updates, report.frames.frames, report.frames.bad()), (2, 2, 0));
    assert_eq!((report.lost, report.restarts), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn garbage_costs_the_frame_it_hits_and_the_loss_is_said() {
    let frames = frames(1, [said(1, "a"), said(2, "b"), said(3, "c")]);
    let mut line = b"boot: noise\0".to_vec();
    line.extend(&frames[0]);
    line.extend(&frames[1][..5]); // the cable was pulled out
    line.push(0);
    line.extend(&frames[2]);
    let (report, all) = read(&line).await;
    let bad = "2 frames could not be read: 1 torn, 1 with a wrong checksum";
    assert_eq!(texts(&all), ["a", "1 update was lost on the line", "c", bad]);
    assert_eq!(all[1].0, None, "nobody knows whose it was");
    assert_eq!((report.lost, report.frames.bad()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_starts_anew_is_noticed() {
    let mut line = frames(1, [said(7, "before")]).concat();
    line.extend(frames(2, [said(1, "after")]).concat());
    let (report, all) = read(&line).await;
    assert_eq!(texts(&all), ["before", "the device has started anew", "after"]);
    assert_eq!((report.restarts, report.lost), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_the_device_lost_is_said_where_it_was_lost() {
    let mut losses = Losses::default();
    losses.dropped.evicted = 3;
    losses.expired = 1;
    let conversation = Some(ConversationName::new("pump").unwrap().into());
    let scope = Scope::Topic { conversation, category: Category::PROGRESS.into() };
    let missing = Record::Missing(Missing { seq: 2, scope, losses, other: 0 });
    let line = frames(1, [said(1, "on"), missing, said(3, "off")]).concat();
    let (report, all) = read(&line).await;
    assert_eq!(
        texts(&all),
        ["on", "4 updates were lost in the device: 3 evicted, 1 expired", "off"]
    );
    assert_eq!(all[1].0.as_deref(), Some("pump"));
    assert_eq!((report.lost_in_device, report.lost), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn key_priority_metadata_and_age_come_along() {
    let status = Status::builder().spawn();
    let mut reader = status.subscribe(Selector::System).open();
    let update = Update {
        key: Some("release"),
        priority: Some(Priority::Terminal),
        metadata: Some(r#"{"rc":0}"#),
        age_micros: 60_000_000,
        ..Update::new(1, Category::WORKFLOW, "done")
    };
    let line = frames(1, [Record::Update(update)]).concat();
    let before = SystemTime::now();
    DeviceReader::new(status.clone()).read(&line[..]).await.unwrap();
    let Some(Event::Batch(batch)) = reader.next().await else { panic!("a batch is due") };
    let update = batch.iter().next().unwrap();
    assert_eq!((update.key(), update.priority()), (Some("release"), Priority::Terminal));
    assert_eq!(update.metadata(), Some(r#"{"rc":0}"#));
    assert!(update.at() <= before - Duration::from_secs(59), "it was said a minute ago");
    drop(reader);
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}

#[tokio::test(start_paused = true)]
async fn what_this_bus_does_not_take_is_refused_by_itself() {
    let unknown = wire::CategoryName::Registered("deploy");
    let unknown = Record::Update(Update::new(2, unknown, "unknown"));
    let broken =
        Update { metadata: Some("[1]"), ..Update::new(3, Category::INFO, "not an object") };
    let records = [said(1, "a"), unknown, Record::Update(broken), said(4, "b")];
    let line = frames(1, records).concat();
    let status = Status::builder().spawn();
    DeviceReader::new(status.clone()).read(&line[..]).await.unwrap();
    let ledger = status.shutdown(Duration::from_secs(1)).await;
    assert!(ledger.is_balanced());
    assert_eq!(ledger.refused.count(RefuseReason::UnknownCategory), 1);
    assert_eq!(ledger.refused.count(RefuseReason::Invalid), 1);
    assert_eq!(ledger.delivered, 2);
}
