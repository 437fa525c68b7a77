//! What the bus keeps of conversations, and when it removes them.

use std::time::Duration;

use statusbus_hub::{Category, Event, Status, Subscription};

use crate::support::{Bus, Start, events, everything, names, of, reader, test, texts, updates};

const IDLE: Duration = Duration::from_secs(60);

fn resume(bus: &Bus, name: &str, seq: u64) -> Subscription {
    let resume = bus.subscribe(of(name)).resume(1, seq);
    resume.open()
}

/// Makes all other conversations idle. The bus checks for idle ones with each batch.
fn idle(bus: &Bus) {
    bus.advance(IDLE);
    bus.tool("other", "something");
    bus.deliver();
}

#[test]
fn an_idle_conversation_is_removed_after_the_timeout() {
    let bus = Status::builder().with_idle_timeout(IDLE).start();
    bus.tool("a", "one");
    bus.tool("b", "two");
    bus.deliver();
    bus.advance(IDLE - Duration::from_millis(2));
    bus.tool("b", "three");
    bus.deliver();
    assert_eq!(bus.conversations(), 2, "not yet");
    bus.advance(Duration::from_millis(2));
    assert_eq!(bus.conversations(), 2, "it is removed with the next batch: no timer runs");
    bus.tool("b", "four");
    bus.deliver();
    assert_eq!(bus.conversations(), 1);
    assert_eq!(events(&mut bus.subscribe(of("a")).with_retained().open()), ["[]"]);
    bus.end();
}

#[test]
fn a_conversation_with_a_reader_is_not_removed() {
    let bus = Status::builder().with_idle_timeout(IDLE).with_epoch(1).with_conversations(1).start();
    let mut a = reader(&bus, "a");
    bus.tool("a", "one");
    bus.deliver();
    idle(&bus);
    idle(&bus);
    assert_eq!(updates(&mut a), ["one"]);
    assert!(resume(&bus, "a", 0).recovered());
    assert_eq!(events(&mut bus.subscribe(of("a")).with_retained().open()), ["[one]"]);
    drop(a);
    idle(&bus);
    assert!(!resume(&bus, "a", 0).recovered(), "it has no reader any more");
    bus.end();
}

#[test]
fn conversations_beyond_the_limit_are_removed() {
    let bus = Status::builder().with_conversations(10).start();
    for name in names("c", 0..10) {
        bus.tool(&name, "something");
        bus.deliver();
    }
    assert_eq!(bus.conversations(), 10, "the limit");
    for name in names("d", 0..1_000) {
        bus.tool(&name, "something");
        bus.deliver();
        assert!(bus.conversations() <= 10);
    }
    assert_eq!(bus.end().delivered, 1_010);
}

#[test]
fn conversations_with_a_handle_count_but_are_not_removed() {
    let bus = Status::builder().with_epoch(1).with_conversations(10).start();
    let held: Vec<_> =
        names("h", 0..20).iter().map(|name| bus.conversation(name).expect("a name")).collect();
    for handle in &held {
        handle.tool("one");
    }
    bus.deliver();
    for name in names("c", 0..100) {
        bus.tool(&name, "something");
        bus.deliver();
    }
    assert_eq!(bus.conversations(), 21, "those with a handle, and the last of the others");
    for (handle, name) in held.iter().zip(names("h", 0..20)) {
        let mut reading = reader(&bus, &name);
        handle.tool("two");
        bus.deliver();
        assert_eq!(updates(&mut reading), ["two"], "handle and name mean the same conversation");
        assert!(resume(&bus, &name, 0).recovered());
    }
    drop(held);
    for name in names("d", 0..100) {
        bus.tool(&name, "something");
        bus.deliver();
    }
    assert!(bus.conversations() <= 10);
    bus.end();
}

#[test]
fn a_conversation_with_a_queued_update_is_not_removed() {
    let bus = Status::builder().with_conversations(1).start();
    bus.tool("a", "queued");
    for name in names("c", 0..50) {
        let _ = bus.conversation(&name).expect("a name");
    }
    let mut a = reader(&bus, "a");
    bus.deliver();
    assert_eq!(updates(&mut a), ["queued"]);
    drop(a);
    bus.end();
}

#[test]
fn the_history_of_a_quiet_conversation_outlives_the_window() {
    let bus = Status::builder().with_epoch(1).with_window(100).with_history(8).start();
    for name in names("a", 0..20) {
        bus.tool("a", name);
        bus.deliver();
    }
    for number in 0..10 {
        for _ in 0..100 {
            bus.tool("b", "flood");
        }
        bus.deliver();
        let resumed = events(&mut resume(&bus, "a", 12));
        assert_eq!(resumed.join(" "), names("a", 12..20).join(" "), "round {number}");
    }
    assert!(!resume(&bus, "a", 11).recovered());
    assert_eq!(bus.missed(), 0);
    bus.end();
}

#[test]
fn the_history_is_kept_of_a_batch_of_any_size() {
    for size in 1..=100 {
        let bus = Status::builder().with_epoch(1).with_window(100).with_history(8).start();
        bus.tool("b", "the first update is a batch of its own");
        bus.deliver();
        // One batch, which leaves the window as a whole.
        for name in names("a", 0..size) {
            bus.tool("a", name);
        }
        bus.deliver();
        for _ in 0..3 {
            for _ in 0..100 {
                bus.tool("b", "flood");
            }
            bus.deliver();
        }
        let from = size.saturating_sub(8);
        let mut resumed = resume(&bus, "a", 1 + from as u64);
        assert!(resumed.recovered(), "{size}");
        assert_eq!(bus.unread(), (size - from) as u64);
        assert_eq!(updates(&mut resumed), names("a", from..size));
        if from > 0 {
            assert!(!resume(&bus, "a", from as u64).recovered(), "{size}");
        }
        drop(resumed);
        bus.end();
    }
}

#[test]
fn a_batch_does_not_change_while_its_updates_move_into_the_history() {
    let bus = Status::builder().with_epoch(1).with_window(4).with_history(16).start();
    let mut a = reader(&bus, "a");
    let mut held = Vec::new();
    for number in 0..40 {
        bus.tool("a", format!("{number}"));
        bus.deliver();
        for _ in 0..4 {
            bus.tool("b", "flood");
        }
        bus.deliver();
        // A batch that a reader holds does not change when the window moves on.
        let mut resumed = resume(&bus, "a", a.resume_point().expect("it has a position"));
        held.extend(std::iter::from_fn(|| resumed.try_next()));
        held.extend(std::iter::from_fn(|| a.try_next()));
    }
    let received = held.iter().map(|event| match event {
        Event::Batch(batch) => texts(batch).concat(),
        other => panic!("only updates: {other:?}"),
    });
    let twice = (0..40).flat_map(|number| [number.to_string(), number.to_string()]);
    assert_eq!(received.collect::<Vec<_>>(), twice.collect::<Vec<_>>());
    drop((a, held));
    bus.end();
}

#[test]
fn updates_and_values_keep_their_conversation_while_others_are_removed() {
    let bus = Status::builder().with_conversations(16).with_retained_keys(2).start();
    let mut all = everything(&bus);
    for number in 0..2_000_usize {
        let name = format!("c{}", number * 7919 % 97);
        bus.update(&name, Category::TOOL, name.as_str()).key(format!("{number}")).send();
        if number % 13 == 0 {
            bus.deliver();
        }
    }
    bus.deliver();
    let mut updates = 0;
    while let Some(Event::Batch(batch)) = all.try_next() {
        for update in batch.iter() {
            assert_eq!(update.conversation(), Some(update.text()));
            updates += 1;
        }
    }
    assert_eq!(updates, 2_000);
    for name in names("c", 0..97) {
        let mut late = bus.subscribe(of(&name)).with_retained().open();
        let Some(Event::Retained(batch)) = late.try_next() else {
            panic!("retained values first");
        };
        assert!(texts(&batch).iter().all(|text| *text == name));
    }
    drop(all);
    bus.end();
}

#[test]
fn a_reader_that_closes_takes_nothing_from_the_queue() {
    let bus = Status::builder().start();
    let mut everything = everything(&bus);
    for round in 0..3 {
        bus.tool("a", "by name");
        drop(reader(&bus, "a"));
        let handle = bus.conversation("b").expect("a name");
        handle.tool("by handle");
        drop(reader(&bus, "b"));
        drop(handle);
        drop(reader(&bus, "b"));
        let mut late = reader(&bus, "a");
        bus.deliver();
        assert_eq!(events(&mut late), ["by name"], "round {round}");
        let Some(Event::Batch(batch)) = everything.try_next() else { panic!("a batch") };
        let about: Vec<_> = batch.iter().map(|update| update.conversation()).collect();
        assert_eq!(about, [Some("a"), Some("b")], "round {round}");
    }
    drop(everything);
    bus.end();
}

#[test]
fn conversations_that_only_readers_name_are_removed_with_the_reader() {
    let bus = Status::builder().with_epoch(1).with_conversations(10).start();
    for name in 0..9 {
        bus.tool(&name.to_string(), "value");
    }
    bus.deliver();
    assert!(bus.is_known("8") && !bus.is_known("unknown"));
    for name in 0..1_000 {
        let mut unknown = reader(&bus, &format!("unknown-{name}"));
        assert!(updates(&mut unknown).is_empty());
        assert_eq!(bus.conversations(), 10, "while it has a reader");
    }
    assert_eq!(bus.conversations(), 9);
    for name in 0..9 {
        let mut late = bus.subscribe(of(&name.to_string())).with_retained().open();
        assert_eq!(events(&mut late), ["[value]"]);
    }
    assert!(resume(&bus, "unknown-1", 9).recovered(), "it never had an update");
    bus.end();
}
