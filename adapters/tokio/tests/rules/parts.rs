//! A reader who takes a batch in parts gives the rest of it back, and gets it again.

use statusbus_tokio::{Batch, Category, CategorySet, Event, Selector, Spawn, Status, Subscription};

use crate::support::{delivered, end, everything, found, names, of, reader, texts};

/// What is said together, and other things in between.
async fn say_together(status: &Status, all: impl IntoIterator<Item = String>) {
    for text in all {
        status.tool("a", text);
        status.tool("b", "another one");
    }
    delivered(status).await;
}

fn next_batch(reader: &mut Subscription) -> Batch {
    match reader.try_next() {
        Some(Event::Batch(batch)) => batch,
        other => panic!("updates were expected: {other:?}"),
    }
}

/// The first so many updates of the next batch; the rest is given back.
fn part(reader: &mut Subscription, count: usize) -> Vec<String> {
    let batch = next_batch(reader);
    let part: Vec<_> = batch.iter().take(count).collect();
    reader.rewind(&batch, part.last().expect("an update").seq());
    part.iter().map(|update| update.text().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_comes_again_and_nothing_twice() {
    let status = Status::builder().spawn();
    let mut readers = [
        reader(&status, "a"),
        status.subscribe(of("a")).with_categories(CategorySet::NONE.with(Category::TOOL)).open(),
    ];
    say_together(&status, names("a", 0..10)).await;
    for a in &mut readers {
        let mut read = Vec::new();
        for left in [10, 7, 4, 1] {
            assert_eq!(a.unread(), left);
            read.extend(part(a, 3));
        }
        assert_eq!(read, names("a", 0..10));
        assert_eq!((a.unread(), a.try_next().is_none()), (0, true));
    }
    assert_eq!(status.unread(), 0);
    drop(readers);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn what_has_left_the_window_before_it_is_read_again_is_told_as_missed() {
    let status = Status::builder().with_epoch(1).with_window(30).with_history(3).spawn();
    let (mut a, mut all) = (reader(&status, "a"), everything(&status));
    say_together(&status, names("a", 0..10)).await;
    assert_eq!(part(&mut a, 4), names("a", 0..4));
    assert_eq!(part(&mut all, 4), ["a0", "another one", "a1", "another one"]);
    say_together(&status, names("a", 10..30)).await;
    assert_eq!(found(&mut a), ["lagged 26", "[a29]"]);
    assert_eq!(found(&mut all)[0], "lagged 56");
    assert_eq!((status.missed(), status.unread()), (26 + 56, 0));
    drop((a, all));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_read_from_the_history_can_be_given_back_too() {
    let status = Status::builder().with_epoch(1).with_window(8).with_history(6).spawn();
    say_together(&status, names("a", 0..4)).await;
    for _ in 0..20 {
        status.tool("b", "leaves no room");
    }
    delivered(&status).await;
    let mut a = status.subscribe(of("a")).resume(1, 0).open();
    assert!(a.recovered(), "its history goes back that far");
    assert_eq!(part(&mut a, 3), names("a", 0..3));
    assert_eq!((a.unread(), part(&mut a, 3)), (1, names("a", 3..4)));
    assert_eq!((a.unread(), a.try_next().is_none()), (0, true));
    drop(a);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn only_what_was_got_last_and_is_behind_it_is_given_back() {
    let status = Status::builder().spawn();
    let mut a = status.subscribe(Selector::conversation("a").expect("a name")).open();
    say_together(&status, names("a", 0..3)).await;
    let first = next_batch(&mut a);
    a.rewind(&first, u64::MAX);
    assert!(a.try_next().is_none(), "nothing is behind that");
    say_together(&status, names("a", 3..6)).await;
    let second = next_batch(&mut a);
    a.rewind(&first, 0);
    assert!(a.try_next().is_none(), "it has gone on since");
    a.rewind(&second, 0);
    assert_eq!(texts(&next_batch(&mut a)), names("a", 3..6), "all of it, and nothing before it");
    assert_eq!(a.unread(), 0);
    drop(a);
    end(status).await;
}
