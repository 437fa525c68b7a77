//! Readers in the same program.

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Duration;
use statusbus_embassy::{
    Buffer, Category, CategorySet, Event, Frames, Hub, Message, SYSTEM, Selector, Subscription,
    TooManyReaders,
};

use crate::line::{Does, Line};
use crate::support::{Task, Time};
use crate::{Small, balanced, small};

type Ring = Hub<CriticalSectionRawMutex, Message<24>, 8, 2>;

fn hub() -> &'static Ring {
    Box::leak(Box::new(Ring::new()))
}

/// The task that delivers to the hub.
fn delivers(status: &'static Small, hub: &'static Ring) -> Task<'static, ()> {
    Task::new(async move {
        let mut buffer = Buffer::<_, 8>::new();
        hub.run(status.runner(&mut buffer).expect("the only one")).await;
    })
}

fn shown(event: &Event<Message<24>>) -> String {
    match event {
        Event::Update(received) => format!("#{} {}", received.seq, received.update.text()),
        Event::Gap(entry) => {
            let lost: Vec<String> =
                entry.losses().iter().map(|(loss, n)| format!("{}={n}", loss.as_str())).collect();
            let of = entry.topic.map_or("bus".into(), |topic| format!("{:?}", topic.subject()));
            format!("gap #{} of {of} {}", entry.seq, lost.join(" "))
        }
        Event::Lagged(missed) => format!("lagged {missed}"),
        _ => unreachable!("no other events"),
    }
}

/// Every event that is there now.
fn reads(subscription: &mut Subscription<'_, Ring>) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let mut next = Task::new(subscription.next());
        next.rest();
        match next.output() {
            Some(Some(event)) => all.push(shown(event)),
            Some(None) => {
                all.push("end".into());
                return all;
            }
            None => return all,
        }
    }
}

#[test]
fn each_reader_receives_what_it_selected_in_order() {
    let (_time, status, hub) = (Time::begin(), small(), hub());
    let mut runner = delivers(status, hub);
    let errors = CategorySet::NONE.with(Category::ERROR);
    let mut motor = hub.subscribe(Selector::subject("motor")).expect("a reader slot");
    let mut errors = hub.subscribe(Selector::EVERYTHING.with_categories(errors)).expect("another");
    runner.rest();
    status.info("motor", "runs");
    status.error("pump", "is dry");
    status.error("motor", "is hot");
    status.info(SYSTEM, "fine otherwise");
    status.info(7_u8, "by number");
    runner.rest();
    assert_eq!(reads(&mut motor), ["#1 runs", "#3 is hot"]);
    assert_eq!(reads(&mut errors), ["#2 is dry", "#3 is hot"]);
    assert_eq!((motor.unread(), errors.unread(), hub.missed()), (0, 0, 0));
    assert_eq!(balanced(status).delivered, 5);
}

#[test]
fn a_reader_sleeps_until_something_comes() {
    let (time, status, hub) = (Time::begin(), small(), hub());
    let mut runner = delivers(status, hub);
    let mut motor = hub.subscribe(Selector::subject("motor")).expect("a reader slot");
    let mut next = Task::new(motor.next());
    next.rest();
    time.pass(Duration::from_secs(3_600));
    assert_eq!(next.wakes(), 0);
    status.info("motor", "runs");
    runner.rest();
    assert_eq!(next.wakes(), 1);
    next.rest();
    assert_eq!(next.output().and_then(Option::as_ref).map(shown), Some("#1 runs".into()));
    balanced(status);
}

#[test]
fn a_slow_reader_learns_how_much_it_missed_and_holds_up_nothing() {
    let (time, status, hub) = (Time::begin(), small(), hub());
    let mut runner = delivers(status, hub);
    let mut slow = hub.subscribe(Selector::EVERYTHING).expect("a reader slot");
    let mut fast = hub.subscribe(Selector::EVERYTHING).expect("another");
    for round in 0..5 {
        for _ in 0..4 {
            status.info("motor", format_args!("round {round}"));
        }
        runner.rest();
        time.pass(Duration::from_millis(50));
        runner.rest();
        assert_eq!(reads(&mut fast).len(), 4);
    }
    assert_eq!(slow.unread(), 20);
    let all = reads(&mut slow);
    assert_eq!(all[0], "lagged 12");
    assert_eq!(all[1], "#13 round 3");
    assert_eq!((all.len(), hub.missed()), (9, 12));
    assert_eq!(balanced(status).delivered, 20);
}

#[test]
fn losses_reach_the_readers_of_their_topic() {
    let (time, status, hub) = (Time::begin(), small(), hub());
    let mut runner = delivers(status, hub);
    let mut motor = hub.subscribe(Selector::subject("motor")).expect("a reader slot");
    let mut pump = hub.subscribe(Selector::subject("pump")).expect("another");
    status.reconfigure(status.config().with_queue_limit(4).expect("in range"));
    for _ in 0..6 {
        status.info("motor", "too much");
    }
    runner.rest();
    time.pass(Duration::from_millis(50));
    runner.rest();
    let all = reads(&mut motor);
    assert_eq!(all[0], "gap #1 of Unchecked(\"motor\") evicted=2");
    assert_eq!(all.len(), 5);
    assert_eq!(reads(&mut pump), Vec::<String>::new());
    balanced(status);
}

#[test]
fn a_hub_has_a_limited_number_of_readers() {
    let hub = hub();
    let one = hub.subscribe(Selector::EVERYTHING);
    let other = hub.subscribe(Selector::EVERYTHING);
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(hub.subscribe(Selector::EVERYTHING).err(), Some(TooManyReaders));
    drop(one);
    assert!(hub.subscribe(Selector::EVERYTHING).is_ok());
}

#[test]
fn readers_reach_the_end_of_a_closed_bus() {
    let (_time, status, hub) = (Time::begin(), small(), hub());
    let mut runner = delivers(status, hub);
    let mut all = hub.subscribe(Selector::EVERYTHING).expect("a reader slot");
    let mut waits = hub.subscribe(Selector::subject("nobody")).expect("another");
    let mut end = Task::new(waits.next());
    end.rest();
    status.info("motor", "last");
    let mut shutdown = Task::new(status.shutdown(Duration::from_secs(1)));
    while shutdown.turn() || runner.turn() {}
    assert_eq!(shutdown.output().map(|ledger| ledger.delivered), Some(1));
    assert_eq!(reads(&mut all), ["#1 last", "end"]);
    end.rest();
    assert!(matches!(end.output(), Some(None)));
    balanced(status);
}

#[test]
fn received_updates_have_an_age() {
    let (time, status, hub) = (Time::begin(), small(), hub());
    let mut runner = delivers(status, hub);
    let mut all = hub.subscribe(Selector::EVERYTHING).expect("a reader slot");
    runner.rest();
    status.info("motor", "first");
    runner.rest();
    status.info("motor", "second");
    time.pass(Duration::from_millis(60));
    runner.rest();
    time.pass(Duration::from_millis(5));
    let ages: Vec<u64> = (0..2)
        .map(|_| {
            let mut next = Task::new(all.next());
            next.rest();
            match next.output() {
                Some(Some(Event::Update(received))) => received.age_micros(),
                other => unreachable!("{other:?}"),
            }
        })
        .collect();
    assert_eq!(ages, [65_000, 65_000]);
    balanced(status);
}

/// The task that writes frames, with the hub beside the line.
fn writes_with_tee(status: &'static Small, hub: &'static Ring, line: &Line) -> Task<'static, ()> {
    let line = line.clone();
    Task::new(async move {
        let mut buffer = Buffer::<_, 8>::new();
        let runner = status.runner(&mut buffer).expect("the only one");
        Frames::new(line, 7).with_tee(hub).run(runner).await;
    })
}

#[test]
fn readers_beside_a_line_receive_what_the_line_takes() {
    let (time, status, hub, line) = (Time::begin(), small(), hub(), Line::new());
    let mut runner = writes_with_tee(status, hub, &line);
    let mut all = hub.subscribe(Selector::EVERYTHING).expect("a reader slot");
    status.reconfigure(status.config().with_queue_limit(4).expect("in range"));
    for number in 0..6 {
        status.info("motor", format_args!("{number}"));
    }
    runner.rest();
    assert_eq!(
        reads(&mut all),
        ["gap #1 of Unchecked(\"motor\") evicted=2", "#2 2", "#3 3", "#4 4", "#5 5"]
    );
    assert_eq!(line.lines().len(), 5);
    time.pass(Duration::from_millis(50));
    runner.rest();
    assert_eq!(reads(&mut all), Vec::<String>::new());
    assert_eq!(balanced(status).delivered, 4);
}

#[test]
fn readers_beside_a_line_that_breaks_in_a_gap_receive_each_loss_once() {
    for bytes in 0..120 {
        let (time, status, hub, line) = (Time::begin(), small(), hub(), Line::new());
        let mut runner = writes_with_tee(status, hub, &line);
        let mut all = hub.subscribe(Selector::EVERYTHING).expect("a reader slot");
        status.info("motor", "one");
        runner.rest();
        status.reconfigure(status.config().with_queue_limit(1).expect("in range"));
        line.set(Does::FailsAfter(bytes));
        for name in ["motor", "pump", "valve"] {
            status.info(name, "two");
        }
        time.pass(Duration::from_millis(50));
        runner.rest();
        line.set(Does::Takes(usize::MAX));
        time.pass(Duration::from_millis(50));
        runner.rest();
        assert_eq!((balanced(status).dropped.evicted, balanced(status).queued), (2, 0));
        let mut gaps = reads(&mut all);
        gaps.retain(|read| read.starts_with("gap"));
        assert_eq!(gaps.len(), 2, "{bytes} bytes: {gaps:?}");
        assert!(gaps[0].ends_with("\"motor\") evicted=1"), "{bytes} bytes: {gaps:?}");
        assert!(gaps[1].ends_with("\"pump\") evicted=1"), "{bytes} bytes: {gaps:?}");
    }
}

#[test]
fn readers_beside_a_line_that_stalls_receive_everything_and_no_loss_of_the_line() {
    let (time, status, hub, line) = (Time::begin(), small(), hub(), Line::new());
    let mut runner = writes_with_tee(status, hub, &line);
    let mut all = hub.subscribe(Selector::EVERYTHING).expect("a reader slot");
    line.set(Does::StallsAfter(5));
    status.info("motor", "one");
    runner.rest();
    // whether the line takes it or not
    assert_eq!(reads(&mut all), ["#1 one"]);
    status.reconfigure(status.config().with_queue_limit(1).expect("in range"));
    status.info("motor", "two");
    status.info("motor", "three");
    time.pass(Duration::from_secs(1)); // the line is given up
    runner.rest();
    // the line has not taken the gap yet, and it is reported once only: readers wait for the line
    assert_eq!(reads(&mut all), Vec::<String>::new());
    line.set(Does::Takes(usize::MAX));
    time.pass(Duration::from_secs(1));
    runner.rest();
    assert_eq!(reads(&mut all), ["#3 three"]);
    status.info("motor", "four");
    time.pass(Duration::from_millis(50));
    runner.rest();
    let ledger = balanced(status);
    assert_eq!((ledger.delivered, ledger.dropped.sink, ledger.dropped.evicted), (1, 2, 1));
    assert_eq!(reads(&mut all), ["gap #4 of Unchecked(\"motor\") evicted=1", "#5 four"]);
    let lines = line.read().0;
    assert_eq!(lines, ["gap #4 motor/info evicted=1 sink=2", "#5 motor/info four"]);
}
