//! The logs of losses: bounded in number, exact in sum, and separate from the window. Every reader gets its losses, also
//! after a lag and after a resume.

use std::time::Duration;

use statusbus_hub::{Category, Event, OnLag, Selector, Status, Subscription};

use crate::support::{Bus, Start, events, everything, names, of, reader, summary, test};

fn lose(bus: &Bus, category: Category) {
    bus.update("a", category, "lost").ttl(Duration::ZERO).send();
}

/// Loses an update of more topics than the bus counts one by one: the loss of `x16` counts for the whole bus.
fn lose_of_all(bus: &Bus) {
    for name in names("x", 0..17) {
        bus.info(&name, "before");
        bus.update(&name, Category::INFO, "lost").ttl(Duration::ZERO).send();
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

#[test]
fn losses_inside_the_window_never_make_a_reader_lag() {
    for (selector, gap) in
        [(of("a"), "-1 expired of info"), (Selector::Everything, "-1 expired of all")]
    {
        let bus = Status::builder().with_epoch(1).start();
        let mut a = bus.subscribe(selector.clone()).open();
        lose(&bus, Category::INFO);
        bus.deliver();
        for text in names("", 0..300) {
            bus.tool("a", text);
            bus.deliver();
        }
        lose(&bus, Category::INFO);
        bus.deliver();
        let expected = [vec![gap.to_owned()], names("", 0..300), vec![gap.to_owned()]].concat();
        assert_eq!(events(&mut a), expected);
        let mut resumed = bus.subscribe(selector).resume(1, 0).open();
        assert!(resumed.recovered());
        assert_eq!(events(&mut resumed), expected);
        drop((a, resumed));
        assert_eq!(bus.end().expired, 2);
    }
}

#[test]
fn the_newest_batch_is_kept_whole_after_any_number_of_batches_without_updates() {
    let config = statusbus_hub::Config::new().with_batch_size(300).expect("a batch size");
    let bus = Status::builder().with_config(config).with_window(200).with_history(0).start();
    let mut readers = [everything(&bus), reader(&bus, "a")];
    for _ in 0..600 {
        lose(&bus, Category::INFO);
        bus.deliver();
    }
    for reader in &mut readers {
        assert_eq!(lost(reader), 600);
    }
    for round in 0..3 {
        for text in names("", 0..300) {
            bus.tool("a", text);
        }
        bus.deliver();
        for reader in &mut readers {
            assert_eq!(events(reader), [names("", 0..300).join(" ")], "round {round}");
        }
    }
    drop(readers);
    bus.end();
}

#[test]
fn losses_inside_a_lag_are_reported_with_it() {
    for on_lag in [OnLag::Latest, OnLag::Oldest] {
        let bus = Status::builder().with_window(4).with_history(0).start();
        let a = bus.subscribe(of("a")).with_on_lag(on_lag).open();
        let all = bus.subscribe(Selector::Everything).with_on_lag(on_lag).open();
        for _ in 0..60 {
            lose(&bus, Category::INFO);
            bus.tool("a", "update");
            bus.deliver();
        }
        for mut reader in [a, all] {
            let events: Vec<Event> = std::iter::from_fn(|| reader.try_next()).collect();
            let summaries: Vec<String> = events.iter().map(summary).collect();
            assert!(summaries.iter().any(|one| one.starts_with("lagged")), "{summaries:?}");
            assert_eq!(events.iter().map(lost_in).sum::<u64>(), 60, "{summaries:?}");
        }
        assert_eq!(bus.end().expired, 60);
    }
}

#[test]
fn losses_are_exact_in_any_number_and_across_lags() {
    let bus = Status::builder().with_window(16).with_history(4).start();
    let readers = [reader(&bus, "a"), reader(&bus, "quiet"), everything(&bus)];
    for round in 0..1_000 {
        lose_of_all(&bus);
        lose(&bus, Category::TOOL);
        lose(&bus, Category::INFO);
        if round % 3 == 0 {
            bus.tool("a", "update");
        }
        bus.deliver();
    }
    let ledger = bus.ledger();
    let [mut a, mut quiet, mut all] = readers;
    let of_bus = lost(&mut quiet);
    assert!(of_bus >= 1_000);
    // "a" loses its updates after `x0` to `x16`: they count for the whole bus.
    assert_eq!(lost(&mut a), of_bus);
    assert_eq!(lost(&mut all), ledger.expired);
    drop((a, quiet, all));
    bus.end();
}

#[test]
fn a_reported_loss_is_not_reported_again_after_the_log_has_merged_it() {
    let bus = Status::builder().with_window(4).with_history(0).start();
    let readers = [OnLag::Latest, OnLag::Oldest].map(|on_lag| {
        let reader = bus.subscribe(of("a")).with_on_lag(on_lag).open();
        (reader, bus.subscribe(of("a")).with_on_lag(on_lag).open())
    });
    lose_of_all(&bus);
    bus.deliver();
    let [(mut early, mut slow), (mut early_oldest, mut slow_oldest)] = readers;
    let first = [&mut early, &mut slow, &mut early_oldest, &mut slow_oldest].map(lost);
    assert_eq!(first, [1; 4]);
    lose(&bus, Category::TOOL);
    bus.tool("a", "update");
    bus.deliver();
    assert_eq!([&mut early, &mut early_oldest].map(lost), [1; 2]);
    for _ in 0..300 {
        lose_of_all(&bus);
        bus.deliver();
    }
    // One pair gets the losses inside the window, the other with a lag.
    assert_eq!([&mut early, &mut early_oldest].map(lost), [300; 2]);
    for text in names("", 0..20) {
        bus.tool("a", text);
    }
    bus.deliver();
    assert_eq!([&mut slow, &mut slow_oldest].map(lost), [301; 2]);
    drop((early, slow, early_oldest, slow_oldest));
    bus.end();
}

#[test]
fn the_losses_of_a_lag_are_those_of_the_chosen_categories() {
    let bus = Status::builder().with_window(4).with_history(0).start();
    let tools = statusbus_hub::CategorySet::NONE.with(Category::TOOL);
    let mut a = bus.subscribe(of("a")).with_categories(tools).open();
    for text in names("", 0..20) {
        lose(&bus, Category::INFO);
        lose(&bus, Category::TOOL);
        bus.tool("a", text);
        bus.deliver();
    }
    assert_eq!(events(&mut a), ["lagged 20", "-20 expired of tool", "[19]"]);
    drop(a);
    bus.end();
}

#[test]
fn a_reader_can_resume_after_any_event_and_misses_and_repeats_nothing() {
    let bus = Status::builder().with_epoch(1).start();
    let mut first = reader(&bus, "a");
    let mut all = everything(&bus);
    for text in names("a", 0..4) {
        lose(&bus, Category::TOOL);
        lose(&bus, Category::INFO);
        lose_of_all(&bus);
        lose(&bus, Category::ERROR);
        bus.tool("a", text);
        bus.deliver();
    }
    for (selector, reader) in [(of("a"), &mut first), (Selector::Everything, &mut all)] {
        let all: Vec<Event> = std::iter::from_fn(|| reader.try_next()).collect();
        assert!(all.len() >= 8);
        assert!(all.last().is_some_and(|last| last.resume_point().is_some()));
        let mut since = 0;
        for (index, event) in all.iter().enumerate() {
            let Some(point) = event.resume_point() else { continue };
            since = index + 1;
            let mut resumed = bus.subscribe(selector.clone()).resume(1, point).open();
            assert!(resumed.recovered(), "behind {event:?}");
            let rest: Vec<String> = all[since..].iter().map(summary).collect();
            assert_eq!(events(&mut resumed), rest, "behind {event:?}");
        }
        assert_eq!(since, all.len());
    }
    drop((first, all));
    bus.end();
}

#[test]
fn a_position_between_merged_losses_is_not_recovered() {
    let bus = Status::builder().with_epoch(1).start();
    let mut a = reader(&bus, "a");
    let mut points = vec![0];
    for _ in 0..1_000 {
        lose(&bus, Category::INFO);
        bus.deliver();
        assert_eq!(lost(&mut a), 1);
        points.push(a.resume_point().expect("it has a position"));
    }
    let mut refused = 0;
    for (reported, &point) in points.iter().enumerate() {
        let mut resumed = bus.subscribe(of("a")).resume(1, point).open();
        if resumed.recovered() {
            assert_eq!(lost(&mut resumed), 1_000 - reported as u64);
        } else {
            refused += 1;
        }
    }
    // A reader can resume after each of the last losses, and before all of them.
    assert!(refused > 0 && refused <= 1_000 - 256, "{refused} refused");
    drop(a);
    bus.end();
}

#[test]
fn retained_values_are_not_rewound() {
    let bus = Status::builder().with_epoch(1).start();
    for text in names("a", 0..4) {
        bus.tool("a", text);
        bus.deliver();
    }
    let mut a = bus.subscribe(of("a")).with_retained().open();
    let Some(Event::Retained(values)) = a.try_next() else { panic!("retained values come first") };
    a.rewind(&values, 0);
    assert_eq!(a.resume_point(), Some(values.seq()));
    assert_eq!((events(&mut a), a.unread()), (Vec::new(), 0));
    drop(a);
    bus.end();
}
