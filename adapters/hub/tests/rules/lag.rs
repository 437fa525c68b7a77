//! A reader that is too slow delays no other. It gets the number of missed updates and the retained values, and goes on.

use std::task::Poll;

use statusbus_hub::{Category, CategorySet, Event, OnLag, Selector, Status, Subscription};

use crate::support::task::Task;
use crate::support::{
    Bus, SECOND, Start, events, everything, names, of, reader, seq_of, summary, test, texts,
    updates,
};

fn small() -> Bus {
    Status::builder().with_epoch(1).with_window(10).with_history(3).start()
}

fn send(bus: &Bus, conversation: &str, texts: Vec<String>) {
    for text in texts {
        bus.tool(conversation, text);
        bus.deliver();
    }
}

#[test]
fn a_slow_reader_gets_the_number_of_missed_updates_and_goes_on() {
    let bus = small();
    let (mut slow, mut fast) = (reader(&bus, "a"), reader(&bus, "a"));
    let mut read = Vec::new();
    for text in names("a", 0..25) {
        send(&bus, "a", vec![text]);
        read.extend(events(&mut fast));
    }
    assert_eq!(read, names("a", 0..25), "the fast reader is not delayed");
    bus.info("a", "info");
    bus.deliver();
    assert_eq!((bus.unread(), bus.missed()), (26 + 1, 0));
    assert_eq!(events(&mut slow), ["lagged 26", "[a24 info]"]);
    assert_eq!((bus.unread(), bus.missed()), (1, 26));
    send(&bus, "a", names("a", 25..28));
    assert_eq!(events(&mut slow), ["a25", "a26", "a27"]);
    drop((slow, fast));
    bus.end();
}

#[test]
fn a_reader_does_not_lag_while_the_window_has_everything() {
    let bus = small();
    let mut slow = reader(&bus, "a");
    send(&bus, "a", names("a", 0..10));
    assert_eq!(events(&mut slow), names("a", 0..10));
    send(&bus, "a", names("a", 10..21));
    assert_eq!(events(&mut slow), ["lagged 11", "[a20]"]);
    drop(slow);
    bus.end();
}

#[test]
fn a_lag_counts_updates_of_all_categories_and_its_values_are_of_the_chosen_ones() {
    let bus = small();
    let infos = CategorySet::NONE.with(Category::INFO);
    let mut slow = bus.subscribe(of("a")).with_categories(infos).open();
    bus.info("a", "info");
    bus.deliver();
    send(&bus, "a", names("a", 0..20));
    assert_eq!(events(&mut slow), ["lagged 21", "[info]"]);
    drop(slow);
    bus.end();
}

#[test]
fn a_fast_reader_never_lags_with_the_smallest_window() {
    let bus = Status::builder().with_window(0).with_history(0).start();
    let (mut a, mut all) = (reader(&bus, "a"), everything(&bus));
    for text in names("a", 0..1_000) {
        bus.tool("a", text);
    }
    let mut read = (Vec::new(), Vec::new());
    while read.1.len() < 1_000 {
        let Some(Event::Batch(batch)) = bus.run(all.next()) else { panic!("no reader lags here") };
        read.1.extend(texts(&batch));
        read.0.extend(updates(&mut a));
    }
    assert_eq!(read.0, names("a", 0..1_000));
    assert_eq!(read.0, read.1);
    assert_eq!(bus.missed(), 0);
    drop((a, all));
    bus.end();
}

#[test]
fn a_lag_counts_the_updates_of_the_conversation() {
    let bus = small();
    let (mut slow, mut all) = (reader(&bus, "a"), everything(&bus));
    for number in 0..20 {
        send(&bus, "a", vec![format!("a{number}")]);
        send(&bus, "b", vec![format!("b{number}")]);
    }
    assert_eq!(events(&mut slow), ["lagged 20", "[a19]"]);
    assert_eq!(events(&mut all), ["lagged 40", "[a19 b19]"]);
    assert_eq!(bus.missed(), 60);
    drop((slow, all));
    bus.end();
}

#[test]
fn after_a_lag_a_reader_of_everything_gets_all_values_and_nothing_twice() {
    let bus = small();
    let mut all = everything(&bus);
    send(&bus, "a", names("a", 0..20));
    let lagged = all.try_next().expect("an event");
    assert_eq!(summary(&lagged), "lagged 20");
    // Updates that come after the lag are part of the stream, not of the values.
    send(&bus, "b", names("b", 0..2));
    assert_eq!(events(&mut all), ["[a19]", "b0", "b1"]);
    drop(all);
    bus.end();
}

#[test]
fn positions_increase_also_when_losses_and_lags_come_together() {
    let bus = small();
    let mut slow = reader(&bus, "a");
    for number in 0..30 {
        send(&bus, "a", vec![format!("a{number}")]);
        // Losses of more topics than the bus counts one by one: those of the whole bus are for every reader.
        for name in names("x", 0..17) {
            bus.update(&name, Category::INFO, "lost").ttl(std::time::Duration::ZERO).send();
        }
        bus.deliver();
    }
    send(&bus, "a", vec!["a30".to_owned()]);
    let mut last = 0;
    let mut summaries = Vec::new();
    loop {
        while let Some(event) = slow.try_next() {
            assert!(seq_of(&event) >= last, "{} behind {last}: {event:?}", seq_of(&event));
            last = seq_of(&event);
            summaries.push(summary(&event));
        }
        if summaries.last().is_some_and(|last| last == "end") {
            break;
        }
        send(&bus, "a", vec!["end".to_owned()]);
    }
    assert_eq!(summaries, ["lagged 31", "-30 expired of all", "[a30]", "end"]);
    drop(slow);
    bus.end();
}

#[test]
fn a_reader_can_resume_after_a_lag() {
    let bus = small();
    let mut slow = reader(&bus, "a");
    send(&bus, "a", names("a", 0..20));
    let lagged = slow.try_next().expect("an event");
    let Some(Event::Retained(values)) = slow.try_next() else { panic!("values after a lag") };
    assert_eq!((lagged.resume_point(), seq_of(&lagged)), (None, values.seq()));
    send(&bus, "a", names("a", 20..22));
    let resume = bus.subscribe(of("a")).resume(1, values.seq());
    let mut resumed = resume.open();
    assert!(resumed.recovered());
    assert_eq!(events(&mut resumed), ["a20", "a21"]);
    assert_eq!(events(&mut slow), ["a20", "a21"]);
    drop((slow, resumed));
    bus.end();
}

/// A reader that after a lag goes on with the oldest kept update.
fn from_oldest(bus: &Bus, selector: Selector) -> Subscription {
    bus.subscribe(selector).with_on_lag(OnLag::Oldest).open()
}

#[test]
fn with_on_lag_oldest_a_reader_goes_on_with_all_kept_updates_and_gets_no_values() {
    let bus = small();
    let mut all = from_oldest(&bus, Selector::Everything);
    let mut a = from_oldest(&bus, of("a"));
    let mut quiet = from_oldest(&bus, of("quiet"));
    send(&bus, "quiet", names("q", 0..5));
    send(&bus, "a", names("a", 0..20));
    assert_eq!(events(&mut all), [vec!["lagged 15".to_owned()], names("a", 10..20)].concat());
    assert_eq!(events(&mut a), [vec!["lagged 10".to_owned()], names("a", 10..20)].concat());
    assert_eq!(
        events(&mut quiet),
        ["lagged 2", "q2 q3 q4"],
        "the window has dropped them, the history has three"
    );
    assert_eq!((bus.missed(), bus.unread()), (15 + 10 + 2, 0));
    drop((all, a, quiet));
    bus.end();
}

#[test]
fn with_on_lag_oldest_a_reader_gets_the_kept_updates_after_the_end_too() {
    let bus = small();
    let mut all = from_oldest(&bus, Selector::Everything);
    send(&bus, "a", names("a", 0..25));
    let mut shutdown = Task::new(bus.shutdown(SECOND));
    assert!(shutdown.poll().is_pending());
    let summaries = bus.rest(&mut all);
    assert_eq!(summaries, [vec!["lagged 15".to_owned()], names("a", 15..25)].concat());
    let Poll::Ready(ledger) = shutdown.poll() else { panic!("everything is read") };
    assert!(ledger.is_balanced(), "{ledger:?}");
}

#[test]
fn with_on_lag_oldest_losses_after_the_lag_keep_their_positions() {
    let bus = small();
    let mut a = from_oldest(&bus, of("a"));
    for round in 0..20 {
        bus.update("a", Category::INFO, "lost").ttl(std::time::Duration::ZERO).send();
        send(&bus, "a", vec![format!("a{round}")]);
    }
    let kept = names("a", 10..20).into_iter().flat_map(|a| ["-1 expired of info".to_owned(), a]);
    let missed = ["lagged 10".to_owned(), "-10 expired of info".to_owned()];
    assert_eq!(events(&mut a), missed.into_iter().chain(kept).collect::<Vec<_>>());
    drop(a);
    assert_eq!(bus.end().expired, 20);
}
