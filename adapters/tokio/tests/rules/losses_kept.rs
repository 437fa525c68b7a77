//! The losses that are kept for readers: bounded in number, exact in sum, apart from the window, and
//! every reader gets them, after a lag and after a resume too.

use std::time::Duration;

use statusbus_tokio::{Category, Event, OnLag, Selector, Spawn, Status, Subscription};

use crate::support::{delivered, end, everything, found, names, of, reader, told};

fn lose(status: &Status, category: Category) {
    status.update("a", category, "lost").ttl(Duration::ZERO).send();
}

/// Makes more topics lose an update than the bus counts apart: those of `x16` go to every reader.
fn lose_of_all(status: &Status) {
    for name in names("x", 0..17) {
        status.info(&name, "before");
        status.update(&name, Category::INFO, "lost").ttl(Duration::ZERO).send();
    }
}

/// The sum of all losses that a reader finds without waiting.
fn lost(reader: &mut Subscription) -> u64 {
    std::iter::from_fn(|| reader.try_next()).map(|event| lost_in(&event)).sum()
}

fn lost_in(event: &Event) -> u64 {
    match event {
        Event::Gap(gap) => gap.losses.total(),
        _ => 0,
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_inside_the_window_never_lags_however_many_losses_lie_in_it() {
    for (selector, gap) in
        [(of("a"), "-1 expired of info"), (Selector::Everything, "-1 expired of all")]
    {
        let status = Status::builder().with_epoch(1).spawn();
        let mut a = status.subscribe(selector.clone()).open();
        lose(&status, Category::INFO);
        delivered(&status).await;
        for text in names("", 0..300) {
            status.tool("a", text);
            delivered(&status).await;
        }
        lose(&status, Category::INFO);
        delivered(&status).await;
        let expected = [vec![gap.to_owned()], names("", 0..300), vec![gap.to_owned()]].concat();
        assert_eq!(found(&mut a), expected);
        let mut resumed = status.subscribe(selector).resume(1, 0).open();
        assert!(resumed.recovered());
        assert_eq!(found(&mut resumed), expected);
        drop((a, resumed));
        assert_eq!(end(status).await.expired, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_batch_is_kept_whole_after_any_number_of_batches_without_updates() {
    let config = statusbus_tokio::Config::new().with_batch_size(300).expect("a batch size");
    let status = Status::builder().with_config(config).with_window(200).with_history(0).spawn();
    let mut readers = [everything(&status), reader(&status, "a")];
    for _ in 0..600 {
        lose(&status, Category::INFO);
        delivered(&status).await;
    }
    for reader in &mut readers {
        assert_eq!(lost(reader), 600);
    }
    for round in 0..3 {
        for text in names("", 0..300) {
            status.tool("a", text);
        }
        delivered(&status).await;
        for reader in &mut readers {
            assert_eq!(found(reader), [names("", 0..300).join(" ")], "round {round}");
        }
    }
    drop(readers);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn losses_inside_a_lag_are_reported_with_it() {
    for on_lag in [OnLag::Latest, OnLag::Oldest] {
        let status = Status::builder().with_window(4).with_history(0).spawn();
        let a = status.subscribe(of("a")).with_on_lag(on_lag).open();
        let all = status.subscribe(Selector::Everything).with_on_lag(on_lag).open();
        for _ in 0..60 {
            lose(&status, Category::INFO);
            status.tool("a", "said");
            delivered(&status).await;
        }
        for mut reader in [a, all] {
            let events: Vec<Event> = std::iter::from_fn(|| reader.try_next()).collect();
            let words: Vec<String> = events.iter().map(told).collect();
            assert!(words.iter().any(|word| word.starts_with("lagged")), "{words:?}");
            assert_eq!(events.iter().map(lost_in).sum::<u64>(), 60, "{words:?}");
        }
        assert_eq!(end(status).await.expired, 60);
    }
}

#[tokio::test(start_paused = true)]
async fn losses_are_exact_however_many_there_are_and_in_whatever_a_reader_missed() {
    let status = Status::builder().with_window(16).with_history(4).spawn();
    let readers = [reader(&status, "a"), reader(&status, "quiet"), everything(&status)];
    for round in 0..1_000 {
        lose_of_all(&status);
        lose(&status, Category::TOOL);
        lose(&status, Category::INFO);
        if round % 3 == 0 {
            status.tool("a", "said");
        }
        delivered(&status).await;
    }
    let ledger = status.ledger();
    let [mut a, mut quiet, mut all] = readers;
    let of_bus = lost(&mut quiet);
    assert!(of_bus >= 1_000);
    // "a" comes behind `x0` to `x16`, so that its losses are not counted apart either.
    assert_eq!(lost(&mut a), of_bus);
    assert_eq!(lost(&mut all), ledger.expired);
    drop((a, quiet, all));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_reported_is_not_reported_again_when_the_other_log_has_dropped_it() {
    let status = Status::builder().with_window(4).with_history(0).spawn();
    let readers = [OnLag::Latest, OnLag::Oldest].map(|on_lag| {
        let reader = status.subscribe(of("a")).with_on_lag(on_lag).open();
        (reader, status.subscribe(of("a")).with_on_lag(on_lag).open())
    });
    lose_of_all(&status);
    delivered(&status).await;
    let [(mut early, mut slow), (mut early_oldest, mut slow_oldest)] = readers;
    let first = [&mut early, &mut slow, &mut early_oldest, &mut slow_oldest].map(lost);
    assert_eq!(first, [1; 4]);
    lose(&status, Category::TOOL);
    status.tool("a", "said");
    delivered(&status).await;
    assert_eq!([&mut early, &mut early_oldest].map(lost), [1; 2]);
    for _ in 0..300 {
        lose_of_all(&status);
        delivered(&status).await;
    }
    // One pair gets the losses inside the window, the other with a lag.
    assert_eq!([&mut early, &mut early_oldest].map(lost), [300; 2]);
    for text in names("", 0..20) {
        status.tool("a", text);
    }
    delivered(&status).await;
    assert_eq!([&mut slow, &mut slow_oldest].map(lost), [301; 2]);
    drop((early, slow, early_oldest, slow_oldest));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn the_losses_of_a_lag_are_those_of_the_chosen_categories() {
    let status = Status::builder().with_window(4).with_history(0).spawn();
    let tools = statusbus_tokio::CategorySet::NONE.with(Category::TOOL);
    let mut a = status.subscribe(of("a")).with_categories(tools).open();
    for text in names("", 0..20) {
        lose(&status, Category::INFO);
        lose(&status, Category::TOOL);
        status.tool("a", text);
        delivered(&status).await;
    }
    assert_eq!(found(&mut a), ["lagged 20", "-20 expired of tool", "[19]"]);
    drop(a);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_resumes_behind_any_event_and_misses_and_repeats_nothing() {
    let status = Status::builder().with_epoch(1).spawn();
    let mut first = reader(&status, "a");
    let mut all = everything(&status);
    for text in names("a", 0..4) {
        lose(&status, Category::TOOL);
        lose(&status, Category::INFO);
        lose_of_all(&status);
        lose(&status, Category::ERROR);
        status.tool("a", text);
        delivered(&status).await;
    }
    for (selector, reader) in [(of("a"), &mut first), (Selector::Everything, &mut all)] {
        let events: Vec<Event> = std::iter::from_fn(|| reader.try_next()).collect();
        assert!(events.len() >= 8);
        assert!(events.last().is_some_and(|last| last.resume_point().is_some()));
        let mut since = 0;
        for (index, event) in events.iter().enumerate() {
            let Some(point) = event.resume_point() else { continue };
            since = index + 1;
            let mut resumed = status.subscribe(selector.clone()).resume(1, point).open();
            assert!(resumed.recovered(), "behind {event:?}");
            let rest: Vec<String> = events[since..].iter().map(told).collect();
            assert_eq!(found(&mut resumed), rest, "behind {event:?}");
        }
        assert_eq!(since, events.len());
    }
    drop((first, all));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_resume_from_within_losses_that_were_merged_is_refused_rather_than_reported_twice() {
    let status = Status::builder().with_epoch(1).spawn();
    let mut a = reader(&status, "a");
    let mut points = vec![0];
    for _ in 0..1_000 {
        lose(&status, Category::INFO);
        delivered(&status).await;
        assert_eq!(lost(&mut a), 1);
        points.push(a.resume_point().expect("it began"));
    }
    let mut refused = 0;
    for (reported, &point) in points.iter().enumerate() {
        let mut resumed = status.subscribe(of("a")).resume(1, point).open();
        match resumed.recovered() {
            true => assert_eq!(lost(&mut resumed), 1_000 - reported as u64),
            false => refused += 1,
        }
    }
    // The last ones can be resumed behind one by one, and so can what lies before all of them.
    assert!(refused > 0 && refused <= 1_000 - 256, "{refused} refused");
    drop(a);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn retained_values_are_not_rewound_into() {
    let status = Status::builder().with_epoch(1).spawn();
    for text in names("a", 0..4) {
        status.tool("a", text);
        delivered(&status).await;
    }
    let mut a = status.subscribe(of("a")).with_retained().open();
    let Some(Event::Retained(values)) = a.try_next() else { panic!("retained values come first") };
    a.rewind(&values, 0);
    assert_eq!(a.resume_point(), Some(values.seq()));
    assert_eq!((found(&mut a), a.unread()), (Vec::new(), 0));
    drop(a);
    end(status).await;
}
