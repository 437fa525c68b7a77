//! Gaps: each reader gets the losses of its topics once, exactly, and at the position of the missing updates.

use std::task::Poll;
use std::time::Duration;

use statusbus_hub::{
    Category, CategorySet, Event, Outcome, Overflow, Selector, SendErrorKind, Status,
};

use crate::support::task::Task;
use crate::support::{
    Bus, Start, config, events, everything, names, of, position, reader, seq_of, summary, test,
};

/// Sends an update that expires before it can be delivered.
fn lose(bus: &Bus, conversation: &str, category: Category) {
    bus.update(conversation, category, "lost").ttl(Duration::ZERO).send();
}

/// Loses an update of more topics than the bus counts one by one: the losses of `x15` and `x16` count for the whole bus.
fn lose_of_all(bus: &Bus) {
    for name in names("x", 0..17) {
        lose(bus, &name, Category::INFO);
    }
    lose(bus, "x15", Category::TOOL);
}

fn start() -> Bus {
    Status::builder().with_epoch(1).start()
}

#[test]
fn a_gap_comes_before_the_batch_during_which_the_updates_were_lost() {
    let limits = config(4, 4).with_overflow(Overflow::DropNewest);
    let bus = Status::builder().with_config(limits).start();
    let mut a = reader(&bus, "a");
    for name in names("a", 0..7) {
        bus.tool("a", name);
    }
    bus.deliver();
    bus.tool("a", "a7");
    bus.deliver();
    assert_eq!(events(&mut a), ["-3 newest of tool", "a0 a1 a2 a3", "a7"]);
    drop(a);
    assert_eq!(bus.end().dropped.newest, 3);
}

#[test]
fn an_expired_update_evicts_no_other_and_is_reported_to_its_sender() {
    let bus = Status::builder().with_config(config(1, 4)).start();
    let mut a = reader(&bus, "a");
    assert_eq!(bus.update("a", Category::TOOL, "stays").try_send(), Ok(Outcome::Queued));
    let over = bus.update("a", Category::ERROR, "over").ttl(Duration::ZERO);
    let error = over.try_send().expect_err("it is not queued");
    assert_eq!((error.kind(), error.reason()), (SendErrorKind::Expired, "expired"));
    assert!(error.to_string().contains("with a longer TTL"), "{error}");
    bus.deliver();
    assert_eq!(events(&mut a), ["-1 expired of error", "stays"]);
    drop(a);
    assert_eq!(bus.end().expired, 1);
}

#[test]
fn a_reader_gets_the_losses_of_its_categories() {
    let bus = start();
    let mut both = reader(&bus, "a");
    let tools = bus.subscribe(of("a"));
    let mut tools = tools.with_categories(CategorySet::NONE.with(Category::TOOL)).open();
    let mut infos =
        bus.subscribe(of("a")).with_categories(CategorySet::NONE.with(Category::INFO)).open();
    let mut other = reader(&bus, "b");
    lose(&bus, "a", Category::TOOL);
    lose(&bus, "a", Category::INFO);
    lose(&bus, "a", Category::TOOL);
    bus.info("a", "after");
    bus.deliver();
    assert_eq!(events(&mut both), ["-2 expired of tool", "-1 expired of info", "after"]);
    assert_eq!(events(&mut tools), ["-2 expired of tool"]);
    assert_eq!(events(&mut infos), ["-1 expired of info", "after"]);
    assert!(events(&mut other).is_empty());
    drop((both, tools, infos, other));
    assert_eq!(bus.end().expired, 3);
}

#[test]
fn a_gap_is_delivered_also_if_no_update_follows() {
    let bus = start();
    let mut a = reader(&bus, "a");
    lose(&bus, "a", Category::ERROR);
    let gap = bus.run(a.next()).expect("a gap");
    assert!(matches!(gap, Event::Gap(gap) if gap.losses.expired == 1), "{gap:?}");
    assert!(bus.elapsed() <= bus.config().flush_interval());
    drop(a);
    assert_eq!(bus.end().expired, 1);
}

#[test]
fn a_reader_of_everything_gets_every_loss() {
    let bus = start();
    let mut all = everything(&bus);
    lose_of_all(&bus);
    bus.info("y", "after");
    bus.deliver();
    assert_eq!(events(&mut all), ["-18 expired of all", "after"]);
    drop(all);
    assert_eq!(bus.end().expired, 18);
}

#[test]
fn losses_of_the_whole_bus_are_reported_to_every_reader() {
    let bus = start();
    let mut quiet = reader(&bus, "quiet");
    let mut lively = reader(&bus, "lively");
    let mut loser = reader(&bus, "x15");
    let mut system = bus.subscribe(Selector::System).open();
    bus.info("lively", "before");
    bus.deliver();
    lose_of_all(&bus);
    bus.info("lively", "after");
    bus.deliver();
    assert_eq!(events(&mut quiet), ["-2 expired of all"]);
    assert_eq!(events(&mut system), ["-2 expired of all"]);
    assert_eq!(events(&mut lively), ["before", "-2 expired of all", "after"]);
    assert_eq!(events(&mut loser), ["-2 expired of all", "-1 expired of info"]);
    bus.deliver();
    assert!(events(&mut quiet).is_empty(), "reported once");
    drop((quiet, lively, loser, system));
    assert_eq!(bus.end().expired, 18);
}

#[test]
fn a_waiting_reader_is_woken_by_a_loss_of_the_whole_bus() {
    let bus = start();
    let mut quiet = reader(&bus, "quiet");
    let mut waiting = Task::new(async move { quiet.next().await });
    assert!(waiting.poll().is_pending());
    lose_of_all(&bus);
    bus.deliver();
    let Poll::Ready(Some(event)) = waiting.poll() else { panic!("a gap was expected") };
    assert!(matches!(event, Event::Gap(gap) if gap.losses.expired == 2), "{event:?}");
    drop(waiting);
    bus.end();
}

#[test]
fn a_reader_that_resumes_after_a_gap_does_not_get_it_again() {
    let bus = start();
    let mut a = reader(&bus, "a");
    let mut quiet = reader(&bus, "quiet");
    bus.info("a", "one");
    bus.deliver();
    let before = position(&mut a);
    lose(&bus, "a", Category::INFO);
    lose(&bus, "a", Category::TOOL);
    lose_of_all(&bus);
    bus.info("a", "two");
    bus.deliver();
    let gaps = ["-4 expired of all", "-1 expired of info", "-1 expired of tool"];
    let mut behind = 0;
    for gap in gaps {
        let event = a.try_next().expect("a gap");
        assert_eq!(summary(&event), gap);
        behind = seq_of(&event);
    }
    let resume = |name: &str, seq| {
        let resumed = bus.subscribe(of(name)).resume(1, seq);
        let resumed = resumed.open();
        assert!(resumed.recovered());
        resumed
    };
    assert_eq!(events(&mut resume("a", behind)), ["two"]);
    assert_eq!(events(&mut resume("a", before)), [gaps.as_slice(), &["two"]].concat());
    let behind = position(&mut quiet);
    assert!(events(&mut resume("quiet", behind)).is_empty());
    assert_eq!(events(&mut resume("quiet", before)), ["-4 expired of all"]);
    drop((a, quiet));
    bus.end();
}

#[test]
fn a_loss_of_the_whole_bus_just_before_the_end_is_reported() {
    let bus = start();
    let mut quiet = reader(&bus, "quiet");
    lose_of_all(&bus);
    let mut shutdown = Task::new(bus.shutdown(Duration::from_secs(9)));
    assert!(shutdown.poll().is_pending());
    bus.advance(Duration::from_secs(1));
    assert!(bus.is_ended());
    assert_eq!(bus.rest(&mut quiet), ["-2 expired of all"]);
    let Poll::Ready(ledger) = shutdown.poll() else { panic!("everything is read") };
    assert!(ledger.is_balanced() && ledger.expired == 18, "{ledger:?}");
}

#[test]
fn a_slow_reader_gets_the_sum_of_any_number_of_losses() {
    let bus = start();
    let mut quiet = reader(&bus, "quiet");
    lose_of_all(&bus);
    bus.deliver();
    assert_eq!(events(&mut quiet), ["-2 expired of all"]);
    for _ in 0..1_000 {
        lose_of_all(&bus);
        bus.deliver();
    }
    assert_eq!(events(&mut quiet), ["-2000 expired of all"]);
    drop(quiet);
    assert_eq!(bus.end().expired, 1_001 * 18);
}

#[test]
fn losses_that_are_not_kept_one_by_one_are_reported_as_one_sum() {
    let bus = start();
    bus.info("a", "one");
    bus.deliver();
    for _ in 0..2_000 {
        lose_of_all(&bus);
        bus.deliver();
    }
    let mut a = bus.subscribe(of("a")).resume(1, 1).open();
    assert!(a.recovered());
    assert_eq!(events(&mut a), ["-4000 expired of all"]);
    let mut all = bus.subscribe(Selector::Everything).resume(1, 1).open();
    assert!(all.recovered());
    let mut each = events(&mut all);
    assert_eq!(each.remove(0), format!("-{} expired of all", 18 * (2_000 - 1_023)));
    assert_eq!(each, vec!["-18 expired of all"; 1_023]);
    // For a position between losses that were summed up, the bus does not know which the reader has.
    for selector in [of("a"), Selector::Everything] {
        let mut between = bus.subscribe(selector).resume(1, 3).open();
        assert!(!between.recovered());
        assert_eq!(events(&mut between), ["[one]"]);
    }
    drop((a, all));
    bus.end();
}

#[test]
fn losses_of_the_whole_bus_keep_their_positions_in_a_history() {
    // The updates of "a" leave the window one by one, and the history collects them.
    let bus = Status::builder().with_epoch(1).with_window(4).with_history(8).start();
    let mut a = reader(&bus, "a");
    for round in names("a", 0..3) {
        bus.info("a", round);
        bus.deliver();
        lose_of_all(&bus);
        bus.deliver();
    }
    for number in 0..20 {
        bus.info("b", format!("{number}"));
        bus.deliver();
    }
    let mut events = Vec::<Event>::new();
    while let Some(event) = a.try_next() {
        assert!(
            events.last().is_none_or(|last| seq_of(last) < seq_of(&event)),
            "{events:?} {event:?}"
        );
        events.push(event);
    }
    let words: Vec<String> = events.iter().map(summary).collect();
    let gap = "-2 expired of all";
    assert_eq!(words, ["a0", gap, "a1", gap, "a2", gap]);
    drop(a);
    bus.end();
}
