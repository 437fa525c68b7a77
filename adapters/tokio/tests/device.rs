//! What a device says over a bad line, said again here.

#![cfg(feature = "wire")]
// a test that cannot go on says why
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, SystemTime};

use statusbus_core::wire::{
    Conversation, Encoder, LossRecord, Record, RunRecord, Scope, UpdateRecord,
};
use statusbus_core::{Category, Priority, RefuseReason, RunState, wire};
use statusbus_tokio::{DeviceReader, DeviceReport, Event, Selector, Spawn, Status, Subscription};
use tokio::io::{AsyncWriteExt, duplex};

/// The frames of some records, each small enough for a frame of its own.
fn frames<'a>(epoch: u64, records: impl IntoIterator<Item = Record<'a>>) -> Vec<Vec<u8>> {
    let mut buffer = [0; 256];
    let mut encoder = Encoder::new(epoch, &mut buffer);
    let mut frames = Vec::new();
    for record in records {
        let fits = match record {
            Record::Update(update) => encoder.update(&update),
            Record::Loss(loss) => encoder.loss(&loss),
            Record::Run(run) => encoder.run(&run),
            other => unreachable!("no device writes {other:?}"),
        };
        assert!(fits);
        frames.push(encoder.frame().unwrap().to_vec());
    }
    frames
}

const PUMP: Option<Conversation<&str>> = Some(Conversation::Name("pump"));

fn said(seq: u64, text: &str) -> Record<'_> {
    let mut update = UpdateRecord::new(seq, Category::ENGINE, text);
    update.conversation = PUMP;
    Record::Update(update)
}

/// A loss of the whole bus: so many that the device could not send, and so many that it evicted.
fn lost(seq: u64, sink: u64, evicted: u64) -> LossRecord<&'static str> {
    let mut loss = LossRecord::new(seq, 0);
    (loss.losses.dropped.sink, loss.losses.dropped.evicted) = (sink, evicted);
    loss
}

/// A conversation, a category and a text.
type Said = (Option<String>, usize, String);

/// Ends the bus, and answers everything that was said on it.
async fn end(status: Status, mut everything: Subscription) -> Vec<Said> {
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
    all
}

/// Everything that is said when these lines come in, one after the other.
async fn read_lines(lines: &[&[u8]]) -> (DeviceReport, Vec<Said>) {
    let status = Status::builder().spawn();
    let everything = status.subscribe(Selector::Everything).open();
    let mut device = DeviceReader::new(status.clone());
    for line in lines {
        device.read(*line).await.unwrap();
        status.flush().await;
    }
    (*device.report(), end(status, everything).await)
}

async fn read(line: &[u8]) -> (DeviceReport, Vec<Said>) {
    read_lines(&[line]).await
}

fn texts(all: &[Said]) -> Vec<&str> {
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
    assert_eq!(texts(&all), ["before", "the device has restarted", "after"]);
    assert_eq!((report.restarts, report.lost), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_the_device_lost_is_said_where_it_was_lost() {
    let mut loss = lost(2, 0, 3);
    loss.losses.expired = 1;
    loss.scope = Scope::Topic { conversation: PUMP, category: Category::PROGRESS.into() };
    let missing = Record::Loss(loss);
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
    let mut update = UpdateRecord::new(1, Category::WORKFLOW, "done");
    (update.key, update.metadata) = (Some("release"), Some(r#"{"rc":0}"#));
    update.priority = Some(Priority::High);
    update.age_micros = 60_000_000;
    let line = frames(1, [Record::Update(update)]).concat();
    let before = SystemTime::now();
    DeviceReader::new(status.clone()).read(&line[..]).await.unwrap();
    let Some(Event::Batch(batch)) = reader.next().await else { panic!("a batch is due") };
    let update = batch.iter().next().unwrap();
    assert_eq!((update.key(), update.priority()), (Some("release"), Priority::High));
    assert_eq!(update.metadata(), Some(r#"{"rc":0}"#));
    assert!(update.at() <= before - Duration::from_secs(59), "it was said a minute ago");
    drop(reader);
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}

#[tokio::test(start_paused = true)]
async fn what_this_bus_does_not_take_is_refused_by_itself() {
    let unknown = wire::CategoryName::Registered("deploy");
    let unknown = Record::Update(UpdateRecord::new(2, unknown, "unknown"));
    let mut broken = UpdateRecord::new(3, Category::INFO, "not an object");
    broken.metadata = Some("[1]");
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

#[tokio::test(start_paused = true)]
async fn what_is_lost_between_two_lines_is_counted_once_wherever_they_are_cut() {
    let frames = frames(9, [said(1, "a"), said(2, "b"), said(3, "c"), said(4, "d")]);
    let delimiter = frames[1].len() - 1;
    for cut in 0..=frames[1].len() {
        let (begin, rest) = frames[1].split_at(cut);
        let first = [&frames[0], begin].concat();
        // "c" is said to nobody.
        let second = [rest, &frames[3]].concat();
        let (report, all) = read_lines(&[&first, &second]).await;
        // Both pieces are bad, unless one of them is the whole, or all but what ends it.
        let is_whole = cut == 0 || cut >= delimiter;
        let (lost, bad) = if is_whole { (1, 0) } else { (2, 2) };
        assert_eq!((report.updates, report.lost), (4 - lost, lost), "cut at {cut}");
        assert_eq!(report.frames.bad(), bad, "cut at {cut}");
        assert_eq!((report.restarts, report.lost_in_device), (0, 0));
        let texts = texts(&all);
        let told: Vec<_> = texts.iter().filter(|text| text.contains("lost on")).collect();
        assert_eq!(told.len(), 1, "cut at {cut}: {told:?}");
        assert!(told[0].starts_with(&lost.to_string()), "cut at {cut}: {told:?}");
        let at = |text: &str| texts.iter().position(|other| *other == text);
        assert!(at(told[0]) < at("d"), "in front of what came after it");
    }
}

#[tokio::test(start_paused = true)]
async fn losses_are_told_with_all_there_were_so_that_merging_forgets_none() {
    let frames = frames(1, [said(1, "a"), said(3, "b"), said(7, "c")]);
    let status = Status::builder().spawn();
    let everything = status.subscribe(Selector::Everything).open();
    let mut device = DeviceReader::new(status.clone());
    device.feed(&frames[0]);
    status.flush().await;
    device.feed(&frames[1..].concat());
    let merged = status.ledger().coalesced;
    let all = end(status, everything).await;
    assert_eq!(texts(&all), ["a", "3 updates were lost on the line (4 in all)", "b", "c"]);
    assert_eq!(merged, 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_device_could_not_send_is_told_once() {
    // 3 to 8 are missing; five of them it could not send, and says so.
    let records = [said(1, "a"), said(2, "b"), Record::Loss(lost(9, 5, 2)), said(10, "c")];
    let (report, all) = read(&frames(1, records).concat()).await;
    assert_eq!((report.lost, report.lost_in_device), (1, 7));
    assert_eq!(
        texts(&all),
        [
            "a",
            "b",
            "7 updates were lost in the device: 2 evicted, 5 sink",
            "1 update was lost on the line",
            "c"
        ]
    );
    // Nor is a gap that it could not send, and tells again: 3 was the gap, 4 what came with it.
    let mut again = lost(5, 1, 2);
    again.retold = 1;
    let records = [said(1, "a"), said(2, "b"), Record::Loss(again), said(6, "c")];
    let (report, all) = read(&frames(1, records).concat()).await;
    assert_eq!((report.lost, report.lost_in_device), (0, 3));
    assert_eq!(
        texts(&all),
        ["a", "b", "3 updates were lost in the device: 2 evicted, 1 sink", "c"]
    );
}

#[tokio::test(start_paused = true)]
async fn positions_that_go_back_are_a_device_that_starts_anew() {
    let line = frames(0, [said(1, "a"), said(5, "b"), said(2, "c"), said(3, "d")]).concat();
    let (report, all) = read(&line).await;
    assert_eq!((report.restarts, report.lost, report.updates), (1, 4, 4));
    // Told before "b", and once more before "c".
    assert_eq!(texts(&all)[1], "1 update was lost on the line (4 in all)", "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn d1_a_frame_that_comes_twice_is_read_once() {
    let mut second = lost(4, 0, 3);
    second.index = 1;
    let losses = [Record::Loss(lost(4, 0, 3)), Record::Loss(second)];
    let records = [said(1, "a"), said(3, "b"), losses[0], losses[1], said(5, "c")];
    let frames = frames(1, records);
    let (once, expected) = read(&frames.concat()).await;
    assert_eq!((once.lost, once.lost_in_device, once.duplicates), (1, 6, 0));
    for twice in 0..frames.len() {
        let mut line = frames.clone();
        line.insert(twice, frames[twice].clone());
        let (report, all) = read(&line.concat()).await;
        assert_eq!(all, expected, "frame {twice}");
        assert_eq!(report.duplicates, 1, "frame {twice}");
        let counts = |report: &DeviceReport| {
            (report.updates, report.lost, report.lost_in_device, report.restarts)
        };
        assert_eq!(counts(&report), counts(&once), "frame {twice}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_that_comes_again_with_something_else_is_a_device_that_starts_anew() {
    // A device without an epoch of its own for each run.
    let line = frames(1, [said(1, "boot"), said(1, "boot again")]).concat();
    let (report, all) = read(&line).await;
    assert_eq!((report.restarts, report.duplicates), (1, 0));
    assert_eq!(texts(&all), ["boot", "the device has restarted", "boot again"]);
    // What cannot be told from a frame that comes twice.
    let line = frames(1, [said(1, "boot"), said(1, "boot")]).concat();
    let (report, all) = read(&line).await;
    assert_eq!((report.restarts, report.duplicates), (0, 1));
    assert_eq!(texts(&all), ["boot"]);
    // Another epoch tells them apart.
    let line = [frames(1, [said(1, "boot")]), frames(2, [said(1, "boot")])].concat().concat();
    let (report, _) = read(&line).await;
    assert_eq!((report.restarts, report.duplicates), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_device_with_a_name_is_a_conversation_and_its_conversations_stand_behind_its_name() {
    let line = [
        frames(1, [said(1, "on"), Record::Update(UpdateRecord::new(2, Category::INFO, "hot"))])
            .concat(),
        frames(1, [said(4, "off")]).concat(),
    ]
    .concat();
    for (prefixed, pump) in [(false, "pump"), (true, "board/pump")] {
        let status = Status::builder().spawn();
        let everything = status.subscribe(Selector::Everything).open();
        let device = DeviceReader::new(status.clone());
        let named = if prefixed { device.with_prefix("board") } else { device.with_name("board") };
        named.unwrap().read(&line[..]).await.unwrap();
        let all = end(status, everything).await;
        let conversations: Vec<_> = all.iter().map(|said| said.0.as_deref()).collect();
        assert_eq!(conversations, [Some(pump), Some("board"), Some("board"), Some(pump)]);
    }
    let status = Status::builder().spawn();
    assert!(DeviceReader::new(status.clone()).with_prefix("a:b").is_err());
    assert!(status.shutdown(Duration::ZERO).await.is_balanced());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_too_long_behind_that_of_the_device_is_refused() {
    let name = "x".repeat(125);
    let mut update = UpdateRecord::new(1, Category::INFO, "on");
    update.conversation = Some(Conversation::Name(&name[..]));
    let status = Status::builder().spawn();
    let mut device = DeviceReader::new(status.clone()).with_prefix("board").unwrap();
    device.read(&frames(1, [Record::Update(update), said(2, "off")]).concat()[..]).await.unwrap();
    let ledger = status.shutdown(Duration::from_secs(1)).await;
    assert!(ledger.is_balanced());
    assert_eq!((ledger.refused.count(RefuseReason::Invalid), ledger.delivered), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_text_that_was_cut_shows_it() {
    let mut update = UpdateRecord::new(1, Category::INFO, "a long sto");
    update.truncated = true;
    let (_, all) = read(&frames(1, [Record::Update(update)]).concat()).await;
    assert_eq!(texts(&all), ["a long sto…"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_told_once_a_second_and_at_the_end() {
    let status = Status::builder().spawn();
    let everything = status.subscribe(Selector::Everything).open();
    let (mut cable, line) = duplex(64);
    let mut device = DeviceReader::new(status.clone());
    let sending = async move {
        for _ in 0..22 {
            cable.write_all(b"noise, and more noise\0").await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        cable.write_all(b"no end").await.unwrap();
    };
    let (read, ()) = tokio::join!(device.read(line), sending);
    read.unwrap();
    let report = *device.report();
    let all = end(status, everything).await;
    let told = [
        "1 frame could not be read: 1 torn",
        "11 frames could not be read: 11 torn",
        "21 frames could not be read: 21 torn",
        "23 frames could not be read: 23 torn",
    ];
    assert_eq!(texts(&all), told);
    assert_eq!((report.frames.bad(), report.bytes), (23, 22 * 22 + 6));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_line_of_a_device_is_said_to_be_none() {
    let console = b"[    0.000000] the console of something else\r\n".repeat(200);
    let (report, all) = read(&console).await;
    let told = "no frame in the last 9200 bytes: is it the line of a device, and its speed right?";
    assert_eq!(texts(&all), [told], "the latest");
    assert_eq!((report.frames.frames, report.frames.too_long), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_loses_no_more_than_the_frame_it_was_in() {
    let frames = frames(1, [said(1, "a"), said(2, "b"), said(3, "c")]);
    let status = Status::builder().spawn();
    let everything = status.subscribe(Selector::Everything).open();
    let mut device = DeviceReader::new(status.clone());
    let (mut cable, line) = duplex(256);
    cable.write_all(&[&frames[0][..], &frames[1][..7]].concat()).await.unwrap();
    let patience = Duration::from_secs(1);
    assert!(tokio::time::timeout(patience, device.read(line)).await.is_err());
    let (mut cable, line) = duplex(256);
    cable.write_all(&frames[2]).await.unwrap();
    drop(cable);
    device.read(line).await.unwrap();
    assert_eq!((device.report().lost, device.report().frames.bad()), (1, 1));
    let all = end(status, everything).await;
    assert!(texts(&all).contains(&"1 update was lost on the line"), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn records_of_all_kinds_share_a_frame() {
    let mut buffer = [0; 256];
    let mut encoder = Encoder::new(1, &mut buffer);
    let run = RunRecord::<&str>::new(2, 1, RunState::Running);
    let Record::Update(first) = said(1, "a") else { panic!("an update") };
    assert!(encoder.update(&first) && encoder.run(&run) && encoder.loss(&lost(2, 0, 1)));
    let Record::Update(last) = said(3, "b") else { panic!("an update") };
    assert!(encoder.run(&RunRecord::<&str>::new(3, 1, RunState::Succeeded)));
    assert!(encoder.update(&last));
    let (report, all) = read(encoder.frame().unwrap()).await;
    assert_eq!(texts(&all), ["a", "1 update was lost in the device: 1 evicted", "b"]);
    assert_eq!((report.frames.frames, report.lost, report.lost_in_device), (1, 0, 1));
}
