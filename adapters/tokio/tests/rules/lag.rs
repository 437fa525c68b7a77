//! A reader who is too slow holds up nobody: it is told how many it missed, gets the values that
//! stand, and goes on.

use statusbus_tokio::{Category, CategorySet, Event, OnLag, Selector, Spawn, Status, Subscription};

use crate::support::{
    delivered, end, everything, found, names, of, reader, said, seq_of, texts, told,
};

fn small() -> Status {
    Status::builder().with_epoch(1).with_window(10).with_history(3).spawn()
}

async fn say(status: &Status, conversation: &str, texts: Vec<String>) {
    for text in texts {
        status.tool(conversation, text);
        delivered(status).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_told_how_many_it_missed_and_goes_on_from_there() {
    let status = small();
    let (mut slow, mut quick) = (reader(&status, "a"), reader(&status, "a"));
    let mut heard = Vec::new();
    for text in names("a", 0..25) {
        say(&status, "a", vec![text]).await;
        heard.extend(found(&mut quick));
    }
    assert_eq!(heard, names("a", 0..25), "the other one is not held up");
    status.info("a", "info");
    delivered(&status).await;
    assert_eq!((status.unread(), status.missed()), (26 + 1, 0));
    assert_eq!(found(&mut slow), ["lagged 26", "[a24 info]"]);
    assert_eq!((status.unread(), status.missed()), (1, 26));
    say(&status, "a", names("a", 25..28)).await;
    assert_eq!(found(&mut slow), ["a25", "a26", "a27"]);
    drop((slow, quick));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn it_has_not_lagged_as_long_as_everything_is_there() {
    let status = small();
    let mut slow = reader(&status, "a");
    say(&status, "a", names("a", 0..10)).await;
    assert_eq!(found(&mut slow), names("a", 0..10));
    say(&status, "a", names("a", 10..21)).await;
    assert_eq!(found(&mut slow), ["lagged 11", "[a20]"]);
    drop(slow);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_chose_categories_missed_updates_of_all_and_gets_values_of_its_own() {
    let status = small();
    let infos = CategorySet::NONE.with(Category::INFO);
    let mut slow = status.subscribe(of("a")).with_categories(infos).open();
    status.info("a", "info");
    delivered(&status).await;
    say(&status, "a", names("a", 0..20)).await;
    assert_eq!(found(&mut slow), ["lagged 21", "[info]"]);
    drop(slow);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_quick_never_lags_however_small_the_window() {
    let status = Status::builder().with_window(0).with_history(0).spawn();
    let (mut a, mut all) = (reader(&status, "a"), everything(&status));
    for text in names("a", 0..1_000) {
        status.tool("a", text);
    }
    let mut heard = (Vec::new(), Vec::new());
    while heard.1.len() < 1_000 {
        let Some(Event::Batch(batch)) = all.next().await else { panic!("nobody lags here") };
        heard.1.extend(texts(&batch));
        heard.0.extend(said(&mut a));
    }
    assert_eq!(heard.0, names("a", 0..1_000));
    assert_eq!(heard.0, heard.1);
    assert_eq!(status.missed(), 0);
    drop((a, all));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn only_the_updates_of_its_conversation_count() {
    let status = small();
    let (mut slow, mut all) = (reader(&status, "a"), everything(&status));
    for number in 0..20 {
        say(&status, "a", vec![format!("a{number}")]).await;
        say(&status, "b", vec![format!("b{number}")]).await;
    }
    assert_eq!(found(&mut slow), ["lagged 20", "[a19]"]);
    assert_eq!(found(&mut all), ["lagged 40", "[a19 b19]"]);
    assert_eq!(status.missed(), 60);
    drop((slow, all));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_everything_gets_the_values_of_all_and_nothing_twice() {
    let status = small();
    let mut all = everything(&status);
    say(&status, "a", names("a", 0..20)).await;
    let lagged = all.try_next().expect("an event");
    assert_eq!(told(&lagged), "lagged 20");
    // What comes after it has been told belongs to the stream, not to the values.
    say(&status, "b", names("b", 0..2)).await;
    assert_eq!(found(&mut all), ["[a19]", "b0", "b1"]);
    drop(all);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn the_positions_only_grow_also_when_losses_and_lags_meet() {
    let status = small();
    let mut slow = reader(&status, "a");
    for number in 0..30 {
        say(&status, "a", vec![format!("a{number}")]).await;
        // Too many to be counted apart: news for everyone.
        for name in names("x", 0..17) {
            status.update(&name, Category::INFO, "lost").ttl(std::time::Duration::ZERO).send();
        }
        delivered(&status).await;
    }
    say(&status, "a", vec!["a30".to_owned()]).await;
    let mut last = 0;
    let mut words = Vec::new();
    loop {
        while let Some(event) = slow.try_next() {
            assert!(seq_of(&event) >= last, "{} behind {last}: {event:?}", seq_of(&event));
            last = seq_of(&event);
            words.push(told(&event));
        }
        if words.last().is_some_and(|word| word == "end") {
            break;
        }
        say(&status, "a", vec!["end".to_owned()]).await;
    }
    assert_eq!(words, ["lagged 31", "-30 expired of all", "[a30]", "end"]);
    drop(slow);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_resumes_behind_a_lag_gets_what_came_after() {
    let status = small();
    let mut slow = reader(&status, "a");
    say(&status, "a", names("a", 0..20)).await;
    let lagged = slow.try_next().expect("an event");
    let Some(Event::Retained(values)) = slow.try_next() else { panic!("values after a lag") };
    assert_eq!((lagged.resume_point(), seq_of(&lagged)), (None, values.seq()));
    say(&status, "a", names("a", 20..22)).await;
    let resume = status.subscribe(of("a")).resume(1, values.seq());
    let mut resumed = resume.open();
    assert!(resumed.recovered());
    assert_eq!(found(&mut resumed), ["a20", "a21"]);
    assert_eq!(found(&mut slow), ["a20", "a21"]);
    drop((slow, resumed));
    end(status).await;
}

/// A reader of a conversation, or of everything, that goes on with what is still kept.
fn thorough(status: &Status, selector: Selector) -> Subscription {
    status.subscribe(selector).with_on_lag(OnLag::Oldest).open()
}

#[tokio::test(start_paused = true)]
async fn whoever_wants_the_oldest_goes_on_with_all_that_is_kept_and_gets_no_values() {
    let status = small();
    let mut all = thorough(&status, Selector::Everything);
    let mut a = thorough(&status, of("a"));
    let mut quiet = thorough(&status, of("quiet"));
    say(&status, "quiet", names("q", 0..5)).await;
    say(&status, "a", names("a", 0..20)).await;
    assert_eq!(found(&mut all), [vec!["lagged 15".to_owned()], names("a", 10..20)].concat());
    assert_eq!(found(&mut a), [vec!["lagged 10".to_owned()], names("a", 10..20)].concat());
    assert_eq!(found(&mut quiet), ["lagged 2", "q2 q3 q4"], "out of the window, in the history");
    assert_eq!((status.missed(), status.unread()), (15 + 10 + 2, 0));
    drop((all, a, quiet));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_wants_the_oldest_gets_the_last_ones_after_the_end_too() {
    let status = small();
    let mut all = thorough(&status, Selector::Everything);
    say(&status, "a", names("a", 0..25)).await;
    let shutdown = status.clone();
    let shutdown = tokio::spawn(async move { shutdown.shutdown(crate::support::SECOND).await });
    let words = crate::support::rest(&mut all).await;
    assert_eq!(words, [vec!["lagged 15".to_owned()], names("a", 15..25)].concat());
    assert!(shutdown.await.expect("no panic").is_balanced());
}

#[tokio::test(start_paused = true)]
async fn whoever_wants_the_oldest_is_told_the_losses_behind_it_in_their_place() {
    let status = small();
    let mut a = thorough(&status, of("a"));
    for round in 0..20 {
        status.update("a", Category::INFO, "lost").ttl(std::time::Duration::ZERO).send();
        say(&status, "a", vec![format!("a{round}")]).await;
    }
    let kept = names("a", 10..20).into_iter().flat_map(|a| ["-1 expired of info".to_owned(), a]);
    let missed = ["lagged 10".to_owned(), "-10 expired of info".to_owned()];
    assert_eq!(found(&mut a), missed.into_iter().chain(kept).collect::<Vec<_>>());
    drop(a);
    assert_eq!(end(status).await.expired, 20);
}
