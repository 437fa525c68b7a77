//! Losses are told where the missing updates would have been: to whom they concern, once, and with
//! the right numbers.

use std::time::Duration;

use statusbus_tokio::{
    Category, CategorySet, Event, Outcome, Overflow, Selector, SendErrorKind, Spawn, Status,
    Subscription,
};

use crate::support::{
    config, delivered, end, everything, found, heap, names, of, position, reader, rest, seq_of,
};

/// Sends an update that expires before it can be delivered.
fn lose(status: &Status, conversation: &str, category: Category) {
    status.update(conversation, category, "lost").ttl(Duration::ZERO).send();
}

/// Makes as many conversations lose an update as the bus cannot count apart: the losses of `x15` and
/// `x16` are news for everybody.
fn lose_of_all(status: &Status) {
    for name in names("x", 0..17) {
        lose(status, &name, Category::INFO);
    }
    lose(status, "x15", Category::TOOL);
}

fn spawn() -> Status {
    Status::builder().with_epoch(1).spawn()
}

#[tokio::test(start_paused = true)]
async fn a_loss_stands_where_the_missing_updates_would_have_been() {
    let limits = config(4, 4).with_overflow(Overflow::DropNewest);
    let status = Status::builder().with_config(limits).spawn();
    let mut a = reader(&status, "a");
    for name in names("a", 0..7) {
        status.tool("a", name);
    }
    delivered(&status).await;
    status.tool("a", "a7");
    delivered(&status).await;
    // The record comes with the batch in whose time the updates were lost, and stands before it.
    assert_eq!(found(&mut a), ["-3 newest of tool", "a0 a1 a2 a3", "a7"]);
    drop(a);
    assert_eq!(end(status).await.dropped.newest, 3);
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_time_is_over_takes_nobodys_place_and_its_sender_is_told() {
    let status = Status::builder().with_config(config(1, 4)).spawn();
    let mut a = reader(&status, "a");
    assert_eq!(status.update("a", Category::TOOL, "stays").try_send(), Ok(Outcome::Queued));
    let over = status.update("a", Category::ERROR, "over").ttl(Duration::ZERO);
    let error = over.try_send().expect_err("it is not queued");
    assert_eq!((error.kind(), error.reason()), (SendErrorKind::Expired, "expired"));
    assert!(error.to_string().contains("with a longer TTL"), "{error}");
    delivered(&status).await;
    assert_eq!(found(&mut a), ["-1 expired of error", "stays"]);
    drop(a);
    assert_eq!(end(status).await.expired, 1);
}

#[tokio::test(start_paused = true)]
async fn each_category_is_told_its_own_losses() {
    let status = spawn();
    let mut both = reader(&status, "a");
    let tools = status.subscribe(of("a"));
    let mut tools = tools.with_categories(CategorySet::NONE.with(Category::TOOL)).open();
    let mut infos =
        status.subscribe(of("a")).with_categories(CategorySet::NONE.with(Category::INFO)).open();
    let mut other = reader(&status, "b");
    lose(&status, "a", Category::TOOL);
    lose(&status, "a", Category::INFO);
    lose(&status, "a", Category::TOOL);
    status.info("a", "after");
    delivered(&status).await;
    assert_eq!(found(&mut both), ["-2 expired of tool", "-1 expired of info", "after"]);
    assert_eq!(found(&mut tools), ["-2 expired of tool"]);
    assert_eq!(found(&mut infos), ["-1 expired of info", "after"]);
    assert!(found(&mut other).is_empty());
    drop((both, tools, infos, other));
    assert_eq!(end(status).await.expired, 3);
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_nothing_follows_comes_by_itself() {
    let status = spawn();
    let mut a = reader(&status, "a");
    lose(&status, "a", Category::ERROR);
    let start = tokio::time::Instant::now();
    let gap = a.next().await.expect("a gap");
    assert!(matches!(gap, Event::Gap(gap) if gap.losses.expired == 1), "{gap:?}");
    assert!(start.elapsed() <= status.config().flush_interval());
    drop(a);
    assert_eq!(end(status).await.expired, 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_everything_is_told_every_loss() {
    let status = spawn();
    let mut all = everything(&status);
    lose_of_all(&status);
    status.info("y", "after");
    delivered(&status).await;
    assert_eq!(found(&mut all), ["-18 expired of all", "after"]);
    drop(all);
    assert_eq!(end(status).await.expired, 18);
}

#[tokio::test(start_paused = true)]
async fn losses_that_cannot_be_told_apart_are_news_for_everyone() {
    let status = spawn();
    let mut quiet = reader(&status, "quiet");
    let mut lively = reader(&status, "lively");
    let mut loser = reader(&status, "x15");
    let mut system = status.subscribe(Selector::System).open();
    status.info("lively", "before");
    delivered(&status).await;
    lose_of_all(&status);
    status.info("lively", "after");
    delivered(&status).await;
    assert_eq!(found(&mut quiet), ["-2 expired of all"]);
    assert_eq!(found(&mut system), ["-2 expired of all"]);
    assert_eq!(found(&mut lively), ["before", "-2 expired of all", "after"]);
    assert_eq!(found(&mut loser), ["-2 expired of all", "-1 expired of info"]);
    delivered(&status).await;
    assert!(found(&mut quiet).is_empty(), "told once");
    drop((quiet, lively, loser, system));
    assert_eq!(end(status).await.expired, 18);
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_waits_is_woken_by_a_loss_of_the_whole_bus() {
    let status = spawn();
    let mut quiet = reader(&status, "quiet");
    let waiting = tokio::spawn(async move { quiet.next().await });
    tokio::task::yield_now().await;
    lose_of_all(&status);
    let event = waiting.await.expect("no panic").expect("an event");
    assert!(matches!(event, Event::Gap(gap) if gap.losses.expired == 2), "{event:?}");
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_loss_is_not_told_again_to_whoever_resumes_behind_it() {
    let status = spawn();
    let mut a = reader(&status, "a");
    let mut quiet = reader(&status, "quiet");
    status.info("a", "one");
    delivered(&status).await;
    let before = position(&mut a);
    lose(&status, "a", Category::INFO);
    lose(&status, "a", Category::TOOL);
    lose_of_all(&status);
    status.info("a", "two");
    delivered(&status).await;
    let gaps = ["-4 expired of all", "-1 expired of info", "-1 expired of tool"];
    let mut behind = 0;
    for gap in gaps {
        let event = a.try_next().expect("a gap");
        assert_eq!(crate::support::told(&event), gap);
        behind = seq_of(&event);
    }
    let resume = |name: &str, seq| {
        let resumed = status.subscribe(of(name)).resume(1, seq);
        let resumed = resumed.open();
        assert!(resumed.recovered());
        resumed
    };
    assert_eq!(found(&mut resume("a", behind)), ["two"]);
    assert_eq!(found(&mut resume("a", before)), [gaps.as_slice(), &["two"]].concat());
    let behind = position(&mut quiet);
    assert!(found(&mut resume("quiet", behind)).is_empty());
    assert_eq!(found(&mut resume("quiet", before)), ["-4 expired of all"]);
    drop((a, quiet));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_loss_of_the_whole_bus_just_before_the_end_is_told() {
    let status = spawn();
    let mut quiet = reader(&status, "quiet");
    lose_of_all(&status);
    let shared = status.clone();
    let shutdown = tokio::spawn(async move { shared.shutdown(Duration::from_secs(9)).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    // By now the runner has delivered, told the end, and gone.
    assert_eq!(rest(&mut quiet).await, ["-2 expired of all"]);
    let ledger = shutdown.await.expect("no panic");
    assert!(ledger.is_balanced() && ledger.expired == 18, "{ledger:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_told_every_loss_however_many_there_were() {
    let status = spawn();
    let mut quiet = reader(&status, "quiet");
    lose_of_all(&status);
    delivered(&status).await;
    assert_eq!(found(&mut quiet), ["-2 expired of all"]);
    for _ in 0..1_000 {
        lose_of_all(&status);
        delivered(&status).await;
    }
    assert_eq!(found(&mut quiet), ["-2000 expired of all"]);
    drop(quiet);
    assert_eq!(end(status).await.expired, 1_001 * 18);
}

#[tokio::test(start_paused = true)]
async fn losses_that_are_not_kept_one_by_one_are_reported_in_one_sum() {
    let status = spawn();
    status.info("a", "one");
    delivered(&status).await;
    for _ in 0..2_000 {
        lose_of_all(&status);
        delivered(&status).await;
    }
    let mut a = status.subscribe(of("a")).resume(1, 1).open();
    assert!(a.recovered());
    assert_eq!(found(&mut a), ["-4000 expired of all"]);
    let mut all = status.subscribe(Selector::Everything).resume(1, 1).open();
    assert!(all.recovered());
    let mut each = found(&mut all);
    assert_eq!(each.remove(0), format!("-{} expired of all", 18 * (2_000 - 1_023)));
    assert_eq!(each, vec!["-18 expired of all"; 1_023]);
    // A position between losses that are not kept one by one: what came before it is not known.
    for selector in [of("a"), Selector::Everything] {
        let mut between = status.subscribe(selector).resume(1, 3).open();
        assert!(!between.recovered());
        assert_eq!(found(&mut between), ["[one]"]);
    }
    drop((a, all));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_loss_of_the_whole_bus_stands_in_its_place_in_a_kept_history_too() {
    // "a" is quiet, its updates leave the window one by one and are copied together.
    let status = Status::builder().with_epoch(1).with_window(4).with_history(8).spawn();
    let mut a = reader(&status, "a");
    for round in names("a", 0..3) {
        status.info("a", round);
        delivered(&status).await;
        lose_of_all(&status);
        delivered(&status).await;
    }
    for number in 0..20 {
        status.info("b", format!("{number}"));
        delivered(&status).await;
    }
    let mut events = Vec::<Event>::new();
    while let Some(event) = a.try_next() {
        assert!(
            events.last().is_none_or(|last| seq_of(last) < seq_of(&event)),
            "{events:?} {event:?}"
        );
        events.push(event);
    }
    let words: Vec<String> = events.iter().map(crate::support::told).collect();
    let gap = "-2 expired of all";
    assert_eq!(words, ["a0", gap, "a1", gap, "a2", gap]);
    drop(a);
    end(status).await;
}

/// Bytes that the bus takes more after many rounds than after a few.
async fn growth(round: impl Fn(&Status)) -> isize {
    let status = Status::builder().with_window(16).with_history(4).spawn();
    let mut stuck: Vec<Subscription> = vec![reader(&status, "a"), everything(&status)];
    let mut after_few = 0;
    for number in 0..5_000 {
        round(&status);
        delivered(&status).await;
        if number == 1_500 {
            after_few = heap::held();
        }
    }
    let growth = heap::held() - after_few;
    assert!(found(&mut stuck[1]).len() < 1_100, "everything: the oldest are reported in one sum");
    drop(stuck);
    end(status).await;
    growth
}

#[tokio::test(start_paused = true)]
async fn losses_without_updates_do_not_pile_up() {
    let grown = growth(|status| lose(status, "a", Category::INFO)).await;
    assert!(grown < 4_096, "{grown} bytes");
}

#[tokio::test(start_paused = true)]
async fn losses_of_the_whole_bus_do_not_pile_up() {
    let grown = growth(lose_of_all).await;
    assert!(grown < 4_096, "{grown} bytes");
}

#[tokio::test(start_paused = true)]
async fn losses_of_a_conversation_between_the_updates_of_others_do_not_pile_up() {
    let grown = growth(|status| {
        status.info("b", "something");
        lose(status, "a", Category::INFO);
    });
    let grown = grown.await;
    assert!(grown < 4_096, "{grown} bytes");
}
