//! A reader that takes a part of a batch rewinds behind that part, and gets the rest again.

use statusbus_hub::{Batch, Category, CategorySet, Event, Selector, Status, Subscription};

use crate::support::{Bus, Start, events, everything, names, of, reader, test, texts};

/// Delivers updates of "a" in one batch, with updates of another conversation in between.
fn deliver_together(bus: &Bus, all: impl IntoIterator<Item = String>) {
    for text in all {
        bus.tool("a", text);
        bus.tool("b", "another one");
    }
    bus.deliver();
}

fn next_batch(reader: &mut Subscription) -> Batch {
    match reader.try_next() {
        Some(Event::Batch(batch)) => batch,
        other => panic!("updates were expected: {other:?}"),
    }
}

/// Takes the first `count` updates of the next batch, and rewinds to the rest.
fn part(reader: &mut Subscription, count: usize) -> Vec<String> {
    let batch = next_batch(reader);
    let part: Vec<_> = batch.iter().take(count).collect();
    reader.rewind(&batch, part.last().expect("an update").seq());
    part.iter().map(|update| update.text().to_owned()).collect()
}

#[test]
fn the_rest_of_a_batch_comes_again_and_nothing_twice() {
    let bus = Status::builder().start();
    let mut readers = [
        reader(&bus, "a"),
        bus.subscribe(of("a")).with_categories(CategorySet::NONE.with(Category::TOOL)).open(),
    ];
    deliver_together(&bus, names("a", 0..10));
    for a in &mut readers {
        let mut read = Vec::new();
        for left in [10, 7, 4, 1] {
            assert_eq!(a.unread(), left);
            read.extend(part(a, 3));
        }
        assert_eq!(read, names("a", 0..10));
        assert_eq!((a.unread(), a.try_next().is_none()), (0, true));
    }
    assert_eq!(bus.unread(), 0);
    drop(readers);
    bus.end();
}

#[test]
fn the_rest_counts_as_missed_when_it_has_left_the_window() {
    let bus = Status::builder().with_epoch(1).with_window(30).with_history(3).start();
    let (mut a, mut all) = (reader(&bus, "a"), everything(&bus));
    deliver_together(&bus, names("a", 0..10));
    assert_eq!(part(&mut a, 4), names("a", 0..4));
    assert_eq!(part(&mut all, 4), ["a0", "another one", "a1", "another one"]);
    deliver_together(&bus, names("a", 10..30));
    assert_eq!(events(&mut a), ["lagged 26", "[a29]"]);
    assert_eq!(events(&mut all)[0], "lagged 56");
    assert_eq!((bus.missed(), bus.unread()), (26 + 56, 0));
    drop((a, all));
    bus.end();
}

#[test]
fn a_batch_from_the_history_can_be_taken_in_parts_too() {
    let bus = Status::builder().with_epoch(1).with_window(8).with_history(6).start();
    deliver_together(&bus, names("a", 0..4));
    for _ in 0..20 {
        bus.tool("b", "flood");
    }
    bus.deliver();
    let mut a = bus.subscribe(of("a")).resume(1, 0).open();
    assert!(a.recovered(), "the history has all of it");
    assert_eq!(part(&mut a, 3), names("a", 0..3));
    assert_eq!((a.unread(), part(&mut a, 3)), (1, names("a", 3..4)));
    assert_eq!((a.unread(), a.try_next().is_none()), (0, true));
    drop(a);
    bus.end();
}

#[test]
fn a_rewind_is_limited_to_the_last_batch() {
    let bus = Status::builder().start();
    let mut a = bus.subscribe(Selector::conversation("a").expect("a name")).open();
    deliver_together(&bus, names("a", 0..3));
    let first = next_batch(&mut a);
    a.rewind(&first, u64::MAX);
    assert!(a.try_next().is_none(), "that position is behind the batch");
    deliver_together(&bus, names("a", 3..6));
    let second = next_batch(&mut a);
    a.rewind(&first, 0);
    assert!(a.try_next().is_none(), "it is not the last batch");
    a.rewind(&second, 0);
    assert_eq!(
        texts(&next_batch(&mut a)),
        names("a", 3..6),
        "the whole batch, and nothing before it"
    );
    assert_eq!(a.unread(), 0);
    drop(a);
    bus.end();
}
