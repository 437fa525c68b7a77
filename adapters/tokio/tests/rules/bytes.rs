//! What is kept is bounded in bytes, too: however long texts and metadata are, memory is not.

use statusbus_tokio::{Category, Event, Spawn, Status, Subscription};

use crate::support::{
    balanced, config, delivered, end, everything, found, heap, names, of, reader, texts,
};

const KIB: usize = 1_024;

/// A text that begins with these words, and takes a KiB.
fn long(words: &str) -> String {
    format!("{words:.<KIB$}")
}

/// The words of a long text.
fn words(text: &str) -> &str {
    text.trim_end_matches('.')
}

async fn say(status: &Status, conversation: &str, text: String) {
    status.tool(conversation, text);
    delivered(status).await;
}

/// The words a reader finds, without those that were lost on the way.
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

/// The words of a conversation's values that stand.
fn standing(status: &Status, conversation: &str) -> Vec<String> {
    let mut late = status.subscribe(of(conversation)).with_retained().open();
    let Some(Event::Retained(batch)) = late.try_next() else { panic!("the values first") };
    texts(&batch).iter().map(|text| words(text).to_owned()).collect()
}

fn resume(status: &Status, conversation: &str, seq: u64) -> Subscription {
    status.subscribe(of(conversation)).resume(1, seq).open()
}

#[tokio::test(start_paused = true)]
async fn whoever_is_behind_by_more_bytes_than_the_window_has_lags() {
    let status =
        Status::builder().with_epoch(1).with_window_bytes(10 * KIB).with_history(0).spawn();
    let mut all = everything(&status);
    for text in names("a", 0..10) {
        say(&status, "a", long(&text)).await;
    }
    assert_eq!(read(&mut all), names("a", 0..10), "ten fit");
    for text in names("a", 10..21) {
        say(&status, "a", long(&text)).await;
    }
    assert_eq!(read(&mut all), ["lagged 11"], "eleven do not");
    assert_eq!(status.missed(), 11);
    drop(all);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn metadata_and_keys_count_and_what_takes_no_memory_of_its_own_does_not() {
    let status = Status::builder().with_window_bytes(10 * KIB).with_history(0).spawn();
    let mut all = everything(&status);
    for number in 0..1_000 {
        // Up to 47 bytes lie in the update itself, a text of the program in the program.
        say(&status, "a", "x".repeat(47)).await;
        let fixed = "a text of the program itself, which is there anyway and not copied";
        status.tool("a", statusbus_tokio::Text::from_static(fixed));
        delivered(&status).await;
        assert_eq!(status.unread(), 2 * (number + 1));
    }
    assert_eq!(read(&mut all).len(), 2_000);
    let metadata: statusbus_tokio::Metadata =
        format!("{{\"a\":\"{}\"}}", "x".repeat(KIB)).parse().expect("an object");
    let key = "k".repeat(128);
    for _ in 0..12 {
        let draft = status.update("a", Category::TOOL, "short").metadata(metadata.clone());
        draft.send();
        status.update("b", Category::TOOL, "short").key(&*key).send();
        delivered(&status).await;
    }
    assert_eq!(read(&mut all), ["lagged 24"]);
    drop(all);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn the_newest_batch_is_kept_whole_so_that_whoever_is_quick_misses_nothing() {
    let status = Status::builder().with_config(config(100, 20)).with_window_bytes(KIB).spawn();
    let (mut a, mut all) = (reader(&status, "a"), everything(&status));
    let mut heard = Vec::new();
    for text in names("a", 0..100) {
        status.tool("a", long(&text));
    }
    while heard.len() < 100 {
        let Some(Event::Batch(batch)) = all.next().await else { panic!("nobody lags here") };
        heard.extend(texts(&batch).iter().map(|text| words(text).to_owned()));
        assert_eq!(read(&mut a).len(), batch.len());
    }
    assert_eq!(heard, names("a", 0..100));
    drop((a, all));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_conversation_keeps_of_its_last_updates_what_fits() {
    // Out of the window, as "b" fills it.
    let builder = Status::builder()
        .with_epoch(1)
        .with_window(4)
        .with_history(64)
        .with_conversation_bytes(8 * KIB);
    let status = builder.spawn();
    let mut before = 0;
    for text in names("a", 0..20) {
        say(&status, "a", long(&text)).await;
        if text == "a11" {
            let mut last = reader(&status, "a");
            before = last.resume_point().expect("it began");
            assert!(last.try_next().is_none());
        }
    }
    for text in names("b", 0..10) {
        say(&status, "b", text).await;
    }
    assert!(!resume(&status, "a", before - 1).recovered(), "nine do not fit");
    let mut resumed = resume(&status, "a", before);
    assert!(resumed.recovered());
    assert_eq!(read(&mut resumed), names("a", 12..20), "eight do");
    drop(resumed);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_that_is_too_large_the_last_updates_are_kept() {
    let builder = Status::builder()
        .with_epoch(1)
        .with_config(config(100, 50))
        .with_window(4)
        .with_history(64);
    let status = builder.with_conversation_bytes(8 * KIB).spawn();
    for text in names("a", 0..50) {
        status.tool("a", long(&text));
    }
    delivered(&status).await;
    for text in names("b", 0..10) {
        say(&status, "b", text).await;
    }
    assert!(!resume(&status, "a", 41).recovered());
    let mut resumed = resume(&status, "a", 42);
    assert!(resumed.recovered());
    assert_eq!(read(&mut resumed), names("a", 42..50));
    drop(resumed);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_that_does_not_fit_a_history_stands_all_the_same() {
    let builder = Status::builder().with_epoch(1).with_window(1).with_conversation_bytes(KIB);
    let status = builder.spawn();
    say(&status, "a", "short".to_owned()).await;
    say(&status, "a", long("huge").repeat(2)).await;
    say(&status, "b", "b0".to_owned()).await;
    say(&status, "b", "b1".to_owned()).await;
    assert!(!resume(&status, "a", 1).recovered());
    assert!(resume(&status, "a", 2).recovered(), "what comes behind it can be had");
    let mut late = status.subscribe(of("a")).with_retained().open();
    let Some(Event::Retained(batch)) = late.try_next() else { panic!("the values first") };
    assert_eq!(texts(&batch), [long("huge").repeat(2)]);
    say(&status, "a", "after".to_owned()).await;
    assert_eq!(found(&mut late), ["after"]);
    drop(late);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn the_least_recent_values_are_forgotten_when_they_take_too_much() {
    let status = Status::builder().with_conversation_bytes(8 * KIB).spawn();
    status.info("a", long("unkeyed"));
    delivered(&status).await;
    for key in names("k", 0..6) {
        status.update("a", Category::TOOL, long(&key)).key(key).send();
        delivered(&status).await;
    }
    let seven = [vec!["unkeyed".to_owned()], names("k", 0..6)].concat();
    assert_eq!(standing(&status, "a"), seven, "with their keys they fit");
    status.update("a", Category::TOOL, long("k0 again")).key("k0").send();
    delivered(&status).await;
    let again = ["unkeyed", "k1", "k2", "k3", "k4", "k5", "k0 again"];
    assert_eq!(standing(&status, "a"), again, "in the place of the one before");
    status.update("a", Category::TOOL, long("k9").repeat(3)).key("k9").send();
    delivered(&status).await;
    let most_recent = ["k3", "k4", "k5", "k0 again"];
    assert_eq!(standing(&status, "a")[..4], most_recent);
    assert!(status.remove_retained("a", Category::TOOL, Some("k9")));
    for key in names("j", 0..3) {
        status.update("a", Category::TOOL, long(&key)).key(key).send();
        delivered(&status).await;
    }
    let seven = [&most_recent[..], &["j0", "j1", "j2"]].concat();
    assert_eq!(standing(&status, "a"), seven, "what was removed takes nothing any more");
    end(status).await;
}

/// What the bus holds after so many long updates in each of these conversations.
async fn held(conversations: usize, rounds: usize) -> isize {
    let builder = Status::builder().with_config(config(1_000, 10)).with_conversations(1_000);
    let builder = builder
        .with_window(500)
        .with_window_bytes(256 * KIB)
        .with_history(64)
        .with_retained_keys(64);
    let before = heap::held();
    let status = builder.with_conversation_bytes(16 * KIB).spawn();
    let stuck = everything(&status);
    for round in 0..rounds {
        for name in names("c", 0..conversations) {
            let draft = status.update(&name, Category::TOOL, "x".repeat(10 * KIB));
            draft.key(format!("key {round}")).send();
            delivered(&status).await;
        }
    }
    let held = heap::held() - before;
    drop(stuck);
    balanced(&status);
    end(status).await;
    held
}

#[tokio::test(start_paused = true)]
async fn memory_does_not_grow_with_what_is_said_however_long_it_is() {
    // Twice 16 KiB a conversation, the window, the batch that is too large for it, and the rest.
    let bound = |conversations: usize| (conversations * 32 + 256 + 10 + 256) * KIB;
    for (conversations, rounds) in [(1, 500), (20, 100)] {
        let held = held(conversations, rounds).await;
        let most = bound(conversations) as isize;
        assert!(held < most, "{held} bytes, {most} expected, {conversations} conversations");
    }
}
