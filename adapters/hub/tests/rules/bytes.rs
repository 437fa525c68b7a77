//! Limits in bytes: of the window, of histories and of retained values.

use statusbus_hub::{Category, Event, Status, Subscription};

use crate::support::{Bus, Start, config, events, everything, names, of, reader, test, texts};

const KIB: usize = 1_024;

/// A text of one KiB that begins with these words.
fn long(words: &str) -> String {
    format!("{words:.<KIB$}")
}

/// The words of a long text.
fn words(text: &str) -> &str {
    text.trim_end_matches('.')
}

fn send(bus: &Bus, conversation: &str, text: String) {
    bus.tool(conversation, text);
    bus.deliver();
}

/// The words of all updates that a reader gets without waiting, and its lags.
fn read(reader: &mut Subscription) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(event) = reader.try_next() {
        match event {
            Event::Batch(batch) => {
                all.extend(texts(&batch).iter().map(|text| words(text).to_owned()));
            }
            Event::Lagged(lagged) => all.push(format!("lagged {}", lagged.missed)),
            Event::Retained(_) | Event::Gap(_) => {}
            _ => unreachable!("no other kind exists"),
        }
    }
    all
}

/// The words of the retained values of a conversation.
fn retained(bus: &Bus, conversation: &str) -> Vec<String> {
    let mut late = bus.subscribe(of(conversation)).with_retained().open();
    let Some(Event::Retained(batch)) = late.try_next() else {
        panic!("retained values come first")
    };
    texts(&batch).iter().map(|text| words(text).to_owned()).collect()
}

fn resume(bus: &Bus, conversation: &str, seq: u64) -> Subscription {
    bus.subscribe(of(conversation)).resume(1, seq).open()
}

#[test]
fn a_reader_lags_when_it_is_behind_by_more_bytes_than_the_window_holds() {
    let bus = Status::builder().with_epoch(1).with_window_bytes(10 * KIB).with_history(0).start();
    let mut all = everything(&bus);
    for text in names("a", 0..10) {
        send(&bus, "a", long(&text));
    }
    assert_eq!(read(&mut all), names("a", 0..10), "ten fit into the window");
    for text in names("a", 10..21) {
        send(&bus, "a", long(&text));
    }
    assert_eq!(read(&mut all), ["lagged 11"], "eleven do not fit");
    assert_eq!(bus.missed(), 11);
    drop(all);
    bus.end();
}

#[test]
fn long_texts_keys_and_metadata_count_but_short_and_static_texts_do_not() {
    let bus = Status::builder().with_window_bytes(10 * KIB).with_history(0).start();
    let mut all = everything(&bus);
    for number in 0..1_000 {
        // Up to 44 bytes are stored in the update itself, and static text is not copied.
        send(&bus, "a", "x".repeat(44));
        let fixed = "a static text of more than 44 bytes, which is never copied";
        bus.tool("a", statusbus_hub::Text::from_static(fixed));
        bus.deliver();
        assert_eq!(bus.unread(), 2 * (number + 1));
    }
    assert_eq!(read(&mut all).len(), 2_000);
    let metadata: statusbus_hub::Metadata =
        format!("{{\"a\":\"{}\"}}", "x".repeat(KIB)).parse().expect("an object");
    let key = "k".repeat(128);
    for _ in 0..12 {
        let update = bus.update("a", Category::TOOL, "short").metadata(metadata.clone());
        update.send();
        bus.update("b", Category::TOOL, "short").key(&*key).send();
        bus.deliver();
    }
    assert_eq!(read(&mut all), ["lagged 24"]);
    drop(all);
    bus.end();
}

#[test]
fn the_newest_batch_is_kept_whole_so_that_a_fast_reader_misses_nothing() {
    let bus = Status::builder().with_config(config(100, 20)).with_window_bytes(KIB).start();
    let (mut a, mut all) = (reader(&bus, "a"), everything(&bus));
    let mut received = Vec::new();
    for text in names("a", 0..100) {
        bus.tool("a", long(&text));
    }
    while received.len() < 100 {
        let Some(Event::Batch(batch)) = bus.run(all.next()) else { panic!("no reader lags here") };
        received.extend(texts(&batch).iter().map(|text| words(text).to_owned()));
        assert_eq!(read(&mut a).len(), batch.len());
    }
    assert_eq!(received, names("a", 0..100));
    drop((a, all));
    bus.end();
}

#[test]
fn a_conversation_keeps_as_many_of_its_last_updates_as_fit() {
    let builder = Status::builder()
        .with_epoch(1)
        .with_window(4)
        .with_history(64)
        .with_conversation_bytes(8 * KIB);
    let bus = builder.start();
    let mut before = 0;
    for text in names("a", 0..20) {
        send(&bus, "a", long(&text));
        if text == "a11" {
            let mut last = reader(&bus, "a");
            before = last.resume_point().expect("it has a position");
            assert!(last.try_next().is_none());
        }
    }
    // "a" leaves the window.
    for text in names("b", 0..10) {
        send(&bus, "b", text);
    }
    assert!(!resume(&bus, "a", before - 1).recovered(), "nine do not fit into the history");
    let mut resumed = resume(&bus, "a", before);
    assert!(resumed.recovered());
    assert_eq!(read(&mut resumed), names("a", 12..20), "eight fit");
    drop(resumed);
    bus.end();
}

#[test]
fn the_history_keeps_the_last_updates_of_a_batch_that_is_larger() {
    let builder = Status::builder()
        .with_epoch(1)
        .with_config(config(100, 50))
        .with_window(4)
        .with_history(64);
    let bus = builder.with_conversation_bytes(8 * KIB).start();
    for text in names("a", 0..50) {
        bus.tool("a", long(&text));
    }
    bus.deliver();
    for text in names("b", 0..10) {
        send(&bus, "b", text);
    }
    assert!(!resume(&bus, "a", 41).recovered());
    let mut resumed = resume(&bus, "a", 42);
    assert!(resumed.recovered());
    assert_eq!(read(&mut resumed), names("a", 42..50));
    drop(resumed);
    bus.end();
}

#[test]
fn an_update_that_is_larger_than_the_history_is_still_retained() {
    let builder = Status::builder().with_epoch(1).with_window(1).with_conversation_bytes(KIB);
    let bus = builder.start();
    send(&bus, "a", "short".to_owned());
    send(&bus, "a", long("huge").repeat(2));
    send(&bus, "b", "b0".to_owned());
    send(&bus, "b", "b1".to_owned());
    assert!(!resume(&bus, "a", 1).recovered());
    assert!(resume(&bus, "a", 2).recovered(), "everything after it is kept");
    let mut late = bus.subscribe(of("a")).with_retained().open();
    let Some(Event::Retained(batch)) = late.try_next() else {
        panic!("retained values come first")
    };
    assert_eq!(texts(&batch), [long("huge").repeat(2)]);
    send(&bus, "a", "after".to_owned());
    assert_eq!(events(&mut late), ["after"]);
    drop(late);
    bus.end();
}

#[test]
fn the_oldest_retained_values_are_removed_when_the_limit_in_bytes_is_reached() {
    let bus = Status::builder().with_conversation_bytes(8 * KIB).start();
    bus.info("a", long("unkeyed"));
    bus.deliver();
    for key in names("k", 0..6) {
        bus.update("a", Category::TOOL, long(&key)).key(key).send();
        bus.deliver();
    }
    let seven = [vec!["unkeyed".to_owned()], names("k", 0..6)].concat();
    assert_eq!(retained(&bus, "a"), seven, "they fit, keys included");
    bus.update("a", Category::TOOL, long("k0 again")).key("k0").send();
    bus.deliver();
    let again = ["unkeyed", "k1", "k2", "k3", "k4", "k5", "k0 again"];
    assert_eq!(retained(&bus, "a"), again, "it replaces the value of its key");
    bus.update("a", Category::TOOL, long("k9").repeat(3)).key("k9").send();
    bus.deliver();
    let most_recent = ["k3", "k4", "k5", "k0 again"];
    assert_eq!(retained(&bus, "a")[..4], most_recent);
    assert!(bus.remove_retained("a", Category::TOOL, Some("k9")));
    for key in names("j", 0..3) {
        bus.update("a", Category::TOOL, long(&key)).key(key).send();
        bus.deliver();
    }
    let seven = [&most_recent[..], &["j0", "j1", "j2"]].concat();
    assert_eq!(retained(&bus, "a"), seven, "a removed value frees its bytes");
    bus.end();
}
