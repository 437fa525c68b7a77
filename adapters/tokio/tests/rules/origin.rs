//! What the origin did wrong, row by row (DESIGN.md, section 1): none of it may come back.

use std::time::Duration;

use statusbus_tokio::{
    Category, CategorySet, Config, ConfigError, ConversationError, Event, Overflow, Priority,
    RefuseReason, Selector, SendErrorKind, Spawn, Status,
};
use tokio::time::Instant;

use crate::support::log::Log;
use crate::support::polled::Polls;
use crate::support::{
    SECOND, balanced, config, delivered, end, events, everything, heap, names, of, reader, rest,
    updates,
};

/// Its limit stood behind an unbounded mailbox: 200,001 messages took 93 MiB.
#[tokio::test(start_paused = true)]
async fn row_01_the_limit_is_checked_in_the_caller_and_memory_is_bounded() {
    let status = Status::builder().spawn();
    // Nothing here awaits: the runner is starved, as it was by the load test of the origin.
    status.tool("a", "the first one");
    let ((), taken) = heap::peak(|| {
        for number in 0..200_000 {
            status.send("a", Category::from_index(number % 7).expect("a category"), "something");
        }
    });
    assert!(taken < 2 << 20, "{taken} bytes for the 10,000 that are queued");
    let ledger = balanced(&status);
    assert_eq!((ledger.sent, ledger.queued), (200_001, 10_000));
    assert_eq!(ledger.dropped.evicted + ledger.dropped.outranked, 190_001);
    assert_eq!(end(status).await.delivered, 10_000);
}

/// It sent one batch of 100 for each tick of 50 ms: 10,000 messages took 5 seconds.
#[tokio::test(start_paused = true)]
async fn row_02_full_batches_go_at_once_as_many_as_are_due() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    let start = Instant::now();
    for name in names("a", 0..10_000) {
        status.tool("a", name);
    }
    let mut heard = 0;
    while heard < 10_000 {
        match a.next().await {
            Some(Event::Batch(batch)) => heard += batch.iter().count(),
            other => panic!("only updates: {other:?}"),
        }
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(a);
    end(status).await;
}

/// Its batches ran in tasks of their own: their order was lost, and that of the topics in them.
#[tokio::test(start_paused = true)]
async fn row_03_there_is_one_order() {
    let status = Status::builder().with_config(config(10_000, 3)).spawn();
    let (mut all, mut b) = (everything(&status), reader(&status, "b"));
    for number in 0..1_000 {
        let category = Category::from_index(number % 4).expect("a category");
        status.send(["a", "b", "c"][number * 7 % 3], category, format!("{number}"));
    }
    delivered(&status).await;
    assert_eq!(updates(&mut all), names("", 0..1_000));
    let mine = (0..1_000).filter(|number| number * 7 % 3 == 1).map(|number| number.to_string());
    assert_eq!(updates(&mut b), mine.collect::<Vec<_>>());
    drop((all, b));
    end(status).await;
}

/// Its `terminate` was never called: of 500 pending messages none survived a graceful stop.
#[tokio::test(start_paused = true)]
async fn row_04_a_shutdown_delivers_what_is_pending() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    let reading = tokio::spawn(async move { rest(&mut a).await });
    for name in names("a", 0..500) {
        status.tool("a", name);
    }
    let ledger = status.shutdown(SECOND).await;
    assert!(ledger.is_balanced());
    assert_eq!((ledger.sent, ledger.delivered), (500, 500));
    assert_eq!(reading.await.expect("no panic").join(" "), names("a", 0..500).join(" "));
}

/// It logged every dropped message.
#[tokio::test(start_paused = true)]
async fn row_05_overflow_is_logged_once_a_second_and_its_end_always() {
    let log = Log::gather();
    let limits = config(1_000, 10).with_overflow(Overflow::DropNewest);
    let status = Status::builder().with_config(limits).spawn();
    // For some five seconds there is always more than there is room for.
    for _ in 0..500 {
        for _ in 0..2_000 {
            status.tool("a", "too much");
        }
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    let during = log.lines();
    assert!((5..=6).contains(&during.len()), "{during:?}");
    assert!(during[0].message.contains("overflows: updates are lost"), "{during:?}");
    assert!(during[1..].iter().all(|line| line.message.contains("still overflows")), "{during:?}");
    tokio::time::sleep(10 * SECOND).await;
    let lines = log.lines();
    assert_eq!(lines.len(), during.len() + 1, "{lines:?}");
    let last = lines.last().expect("a line");
    assert!(last.message.contains("recovered"), "{last:?}");
    // The bus reports once a second, and the runner logs it with its next turn, here 10 ms later.
    let apart = SECOND - Duration::from_millis(10);
    assert!(lines.windows(2).all(|pair| pair[1].at - pair[0].at >= apart), "{lines:?}");
    assert!(lines.windows(2).all(|pair| pair[1].number("lost") >= pair[0].number("lost")));
    let ledger = end(status).await;
    assert!(ledger.dropped.newest > 400_000);
    assert_eq!(last.number("lost"), ledger.dropped.newest, "the last line says it all");
    assert_eq!(log.lines().len(), lines.len());
}

/// The same where overflows come and go many times a second, and where the bus ends in one.
#[tokio::test(start_paused = true)]
async fn row_05_short_overflows_are_few_lines_a_second_too() {
    let log = Log::gather();
    let status =
        Status::builder().with_config(config(10, 10).with_overflow(Overflow::DropNewest)).spawn();
    for _ in 0..90 {
        for _ in 0..15 {
            status.tool("a", "too much");
        }
        tokio::time::sleep(SECOND / 20).await;
    }
    // Four and a half seconds: the end is logged once a second, and with the next loss a beginning.
    let before = log.lines();
    assert!((5..=9).contains(&before.len()), "{before:?}");
    let ledger = status.shutdown(SECOND).await;
    assert!(ledger.is_balanced());
    // The last line need not wait: nothing comes after it.
    let lines = log.lines();
    assert_eq!(lines.len(), before.len() + 1, "{lines:?}");
    let ends = lines.iter().filter(|line| line.message.contains("recovered"));
    let lost: u64 = ends.map(|line| line.number("lost")).sum();
    assert_eq!((lost, ledger.dropped.newest), (450, 450), "every loss is in one of the ends");
}

/// Its timer fired twenty times a second, whatever was to be done.
#[tokio::test(start_paused = true)]
async fn row_06_an_idle_bus_neither_wakes_nor_has_a_timer() {
    let (status, runner) = Status::builder().build();
    let polls = Polls::default();
    let running = tokio::spawn(polls.of(runner.run()));
    let _reading = (reader(&status, "a"), everything(&status));
    tokio::task::yield_now().await;
    assert_eq!(polls.so_far(), 1, "it has looked once");
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(polls.so_far(), 1);
    status.tool("a", "something");
    status.tool("a", "that waits for the interval");
    tokio::time::sleep(SECOND).await;
    let after = polls.so_far();
    assert!(after <= 5, "{after}");
    assert_eq!(balanced(&status).delivered, 2);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(polls.so_far(), after);
    drop(_reading);
    end(status).await;
    running.await.expect("no panic");
}

/// One bad conversation id lost the rest of its batch.
#[tokio::test(start_paused = true)]
async fn row_07_what_is_invalid_is_refused_by_itself() {
    let status = Status::builder().spawn();
    let mut all = everything(&status);
    for number in 0..100 {
        status.tool("good", format!("{number}"));
        status.tool("bad:id", "bad");
        let bad = status.update("*", Category::TOOL, "bad").try_send().expect_err("it is refused");
        assert_eq!(bad.kind(), SendErrorKind::Refused(RefuseReason::Invalid));
        assert!(bad.to_string().contains("leave out control characters, ':' and '*'"), "{bad}");
    }
    delivered(&status).await;
    assert_eq!(updates(&mut all), names("", 0..100));
    drop(all);
    let ledger = end(status).await;
    assert_eq!((ledger.delivered, ledger.refused.invalid), (100, 200));
}

/// A keyed `High` update that repeats keeps its place, so that it comes out from under a backlog. (When
/// each one joined the end, none of 10,000 was delivered while the backlog lasted.)
#[tokio::test(start_paused = true)]
async fn an_error_that_repeats_under_a_backlog_of_ninety_batches_comes_out() {
    let status = Status::builder().with_config(config(1_000, 10)).spawn();
    let mut a =
        status.subscribe(of("a")).with_categories(CategorySet::NONE.with(Category::ERROR)).open();
    let fill = |updates: usize| {
        for _ in 0..updates {
            status.tool("busy", "a step");
        }
    };
    fill(900);
    let mut seen = 0_u64;
    // The error repeats whenever batches have left, and as many updates follow as have left.
    for number in 0..1_000 {
        status.update("a", Category::ERROR, format!("{number}")).key("disk").send();
        let before = status.ledger().delivered;
        while status.ledger().delivered == before {
            tokio::task::yield_now().await;
        }
        fill((status.ledger().delivered - before) as usize);
        seen += updates(&mut a).len() as u64;
    }
    assert!((70..=150).contains(&seen), "one in seven to fourteen came out meanwhile: {seen}");
    let ledger = delivered(&status).await;
    seen += updates(&mut a).len() as u64;
    assert_eq!(ledger.coalesced + seen, 1_000, "{ledger:?}");
    drop(a);
    end(status).await;
}

/// It dropped the newest: the final "done" was lost and the stale "41 %" was kept.
#[tokio::test(start_paused = true)]
async fn row_08_overload_removes_what_matters_least_and_never_the_end() {
    let status = Status::builder().with_config(config(10, 10)).spawn();
    let mut a = reader(&status, "a");
    status.update("a", Category::INFO, "expired").ttl(Duration::ZERO).send();
    for percent in 0..200 {
        status.progress("a", format!("{percent} %"));
        if percent % 50 == 41 {
            status.tool("a", format!("step {percent}"));
        }
    }
    let done = status.update("a", Category::INFO, "done").priority(Priority::High);
    done.send();
    for percent in 200..300 {
        status.progress("a", format!("{percent} %"));
    }
    delivered(&status).await;
    let words = events(&mut a).join(" | ");
    for kept in ["step 41", "step 91", "step 141", "step 191", "done", "299 %"] {
        assert!(words.contains(kept), "{kept} is kept: {words}");
    }
    assert!(!words.contains("| 41 %"), "{words}");
    let shown = "-1 expired of info | ";
    assert!(words.contains("evicted of progress") && words.contains(shown), "{words}");
    // What has a key is replaced before anything has to leave.
    for percent in 0..100 {
        status.update("a", Category::PROGRESS, format!("{percent} %")).key("download").send();
    }
    delivered(&status).await;
    assert_eq!(events(&mut a), ["99 %"]);
    drop(a);
    let ledger = end(status).await;
    assert_eq!((ledger.expired, ledger.coalesced), (1, 99));
}

/// Dynamic configuration crashed it and lost the queue.
#[tokio::test(start_paused = true)]
async fn row_09_configuration_changes_between_batches_and_reports_what_it_evicted() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    for name in names("a", 0..50) {
        status.tool("a", name);
    }
    let interval = Duration::from_millis(5);
    let smaller = config(20, 7).with_flush_interval(interval).expect("an interval");
    assert_eq!(status.reconfigure(smaller.with_overflow(Overflow::DropNewest)), 30);
    assert_eq!(status.config(), smaller.with_overflow(Overflow::DropNewest));
    let start = Instant::now();
    delivered(&status).await;
    let words = events(&mut a);
    assert_eq!(words[0], "-30 shrunk of tool");
    assert_eq!(words[1], names("a", 0..7).join(" "), "in batches of seven");
    assert_eq!(words[1..].join(" "), names("a", 0..20).join(" "));
    status.reconfigure(config(10_000, 100));
    for name in names("b", 0..50) {
        status.tool("a", name);
    }
    status.reconfigure_category(Category::TOOL, Priority::Low, Some(Duration::ZERO));
    status.tool("a", "expires from now on");
    delivered(&status).await;
    assert_eq!(events(&mut a), ["-1 expired of tool".to_owned(), names("b", 0..50).join(" ")]);
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(a);
    let ledger = end(status).await;
    assert_eq!((ledger.dropped.shrunk, ledger.delivered, ledger.expired), (30, 70, 1));
}

/// Its telemetry was detached by the first drop: it was blind exactly under overload. (What
/// `metrics` is told is compared in `metrics.rs`.)
#[tokio::test(start_paused = true)]
async fn row_10_every_drop_is_counted() {
    let status =
        Status::builder().with_config(config(10, 10).with_overflow(Overflow::DropOldest)).spawn();
    for round in 1..=100 {
        for _ in 0..25 {
            status.tool("a", "something");
        }
        assert_eq!(balanced(&status).dropped.oldest, round * 15);
        assert_eq!(delivered(&status).await.delivered, round * 10);
    }
    end(status).await;
}

/// It threw the time away; there was no id and no resume, and late joiners saw nothing.
#[tokio::test(start_paused = true)]
async fn row_11_updates_have_a_position_and_a_time_are_retained_and_can_be_resumed() {
    let status = Status::builder().with_epoch(11).spawn();
    let before = std::time::SystemTime::now() - Duration::from_millis(1);
    let mut first = reader(&status, "a");
    status.tool("a", "one");
    status.info("a", "two");
    delivered(&status).await;
    let Some(Event::Batch(batch)) = first.try_next() else { panic!("a batch") };
    let positions: Vec<u64> = batch.iter().map(|update| update.seq()).collect();
    assert_eq!(positions, [1, 2]);
    assert!(batch.iter().all(|update| before <= update.at() && update.at() <= before + SECOND));
    drop(first);
    status.tool("a", "three");
    delivered(&status).await;
    let mut resumed = status.subscribe(of("a")).resume(11, 2).open();
    assert!(resumed.recovered());
    assert_eq!(updates(&mut resumed), ["three"]);
    let mut late = status.subscribe(of("a")).with_retained().open();
    assert_eq!(events(&mut late), ["[two three]"]);
    drop((resumed, late));
    let _ = status.shutdown(Duration::ZERO).await;
    assert_eq!(balanced(&status).delivered, 3);
}

/// It took `batch_size: 0`, and stopped.
#[tokio::test(start_paused = true)]
async fn row_12_configuration_is_validated_when_it_is_built() {
    assert_eq!(Config::new().with_batch_size(0), Err(ConfigError::BatchSize(0)));
    assert_eq!(Config::new().with_queue_limit(0), Err(ConfigError::QueueLimit(0)));
    let none = Duration::ZERO;
    assert_eq!(Config::new().with_flush_interval(none), Err(ConfigError::FlushInterval(none)));
    // What no setter of its own checks has no value that stops anything.
    let nothing =
        Status::builder().with_capacity(0).with_window(0).with_history(0).with_retained_keys(0);
    let status =
        nothing.with_conversations(0).with_idle_timeout(none).with_config(config(1, 1)).spawn();
    let mut a = reader(&status, "a");
    for number in 0..10 {
        status.tool("a", format!("{number}"));
        delivered(&status).await;
    }
    assert!(a.try_next().is_some());
    drop(a);
    assert_eq!(end(status).await.delivered, 10);
}

/// Its system-wide messages could not be received, and collided with a conversation named "system".
#[tokio::test(start_paused = true)]
async fn row_13_system_wide_can_be_received_and_not_be_spoofed() {
    let status = Status::builder().spawn();
    let mut system = status.subscribe(Selector::System).open();
    let mut all = everything(&status);
    let reserved = ConversationError::Reserved;
    assert_eq!(status.conversation("system").expect_err("reserved"), reserved);
    assert_eq!(Selector::conversation("system"), Err(reserved));
    status.tool("system", "spoofed");
    status.update("system", Category::TOOL, "spoofed").send();
    for name in ["System", "system ", "status:system", "status:system:tool", "*", ""] {
        status.tool(name, "spoofed");
    }
    status.system().tool("true");
    status.system_update(Category::INFO, "as well").send();
    status.tool("a", "of a conversation");
    delivered(&status).await;
    assert_eq!(updates(&mut system), ["true", "as well"]);
    let mut whose = Vec::new();
    while let Some(Event::Batch(batch)) = all.try_next() {
        whose.extend(batch.iter().map(|update| update.conversation().map(str::to_owned)));
    }
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(whose, [name("System"), name("system "), None, None, name("a")]);
    drop((system, all));
    assert_eq!(end(status).await.refused.invalid, 6);
}
