//! Nothing that a reader, a handler, a metrics recorder or a log does can hurt the bus or another
//! reader.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_core::Stream;
use statusbus_tokio::{
    Category, Deliver, Event, RefuseReason, Selector, SendErrorKind, Spawn, Status,
};

use crate::support::log::Log;
use crate::support::polled::Polls;
use crate::support::{
    SECOND, balanced, delivered, end, events, everything, heap, names, of, reader, rest, updates,
};

#[tokio::test(start_paused = true)]
async fn a_reader_that_never_reads_holds_up_nobody() {
    let status = Status::builder().with_window(100).with_history(10).spawn();
    let never = (reader(&status, "a"), everything(&status));
    let mut quick = reader(&status, "a");
    let (mut heard, mut after_few) = (0, 0);
    for number in 0..2_000 {
        for _ in 0..10 {
            status.tool("a", "something");
        }
        delivered(&status).await;
        heard += updates(&mut quick).len();
        if number == 100 {
            after_few = heap::held();
        }
    }
    assert_eq!((heard, status.unread()), (20_000, 40_000));
    assert!(heap::held() - after_few < 4_096, "it costs no memory either");
    drop((never, quick));
    assert_eq!(end(status).await.delivered, 20_000);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_loses_the_event_it_panicked_on_and_goes_on() {
    let log = Log::gather();
    let status = Status::builder().spawn();
    let heard = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let handling = reader(&status, "a").deliver(move |event| {
        let word = crate::support::summary(&event);
        assert!(word != "at once", "a panic at once");
        let hears = Arc::clone(&hears);
        async move {
            tokio::task::yield_now().await;
            assert!(word != "later", "a panic later");
            hears.lock().push(word);
        }
    });
    let mut other = reader(&status, "a");
    let words = ["one", "at once", "two", "later", "three"];
    for word in words {
        status.tool("a", word);
        delivered(&status).await;
    }
    assert_eq!(updates(&mut other), words);
    drop(other);
    let ledger = status.shutdown(SECOND).await;
    assert!(ledger.is_balanced() && ledger.delivered == 5, "{ledger:?}");
    handling.await.expect("the task itself does not panic");
    assert_eq!(*heard.lock(), ["one", "two", "three"]);
    assert_eq!((status.panics(), log.lines().len()), (2, 2));
    assert!(log.lines().iter().all(|line| line.message.contains("handler panicked")));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_goes_on_also_when_the_log_panics() {
    let log = Log::panic();
    let status = Status::builder().spawn();
    let heard = Arc::new(AtomicU64::new(0));
    let hears = Arc::clone(&heard);
    let handling = reader(&status, "a").deliver(move |_| {
        hears.fetch_add(1, Ordering::Relaxed);
        async { panic!("a handler's panic") }
    });
    for number in 0..3 {
        status.tool("a", format!("{number}"));
        delivered(&status).await;
    }
    let ledger = status.shutdown(SECOND).await;
    assert!(ledger.is_balanced());
    handling.await.expect("the task itself does not panic");
    assert_eq!(heard.load(Ordering::Relaxed), 3);
    assert!(status.panics() >= 3);
    drop(log);
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_send_from_inside() {
    let status = Status::builder().spawn();
    let mut echoes = reader(&status, "echo");
    let inner = status.clone();
    let handling = reader(&status, "a").deliver(move |event| {
        let Event::Batch(batch) = &event else { panic!("only updates") };
        for update in batch.iter() {
            inner.tool("echo", update.text());
        }
        let inner = inner.clone();
        async move { inner.flush().await }
    });
    for name in names("a", 0..300) {
        status.tool("a", name);
    }
    delivered(&status).await;
    let mut heard = Vec::new();
    while heard.len() < 300 {
        match echoes.next().await {
            Some(Event::Batch(batch)) => heard.extend(crate::support::texts(&batch)),
            other => panic!("only updates: {other:?}"),
        }
    }
    assert_eq!(heard, names("a", 0..300));
    handling.abort();
    assert!(handling.await.is_err_and(|error| error.is_cancelled()));
    drop(echoes);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_readers_come_and_go_without_a_trace() {
    let status = Status::builder().spawn();
    status.tool("a", "something");
    delivered(&status).await;
    let mut before = 0;
    for round in 0..4 {
        let mut readers = Vec::new();
        for number in 0..2_500 {
            let selector = match number % 4 {
                0 => Selector::Everything,
                1 => Selector::System,
                _ => of("a"),
            };
            let mut reader = status.subscribe(selector).open();
            if number % 2 == 0 {
                // It waits, and is gone while it does.
                let gone = tokio::time::timeout(Duration::ZERO, reader.next()).await;
                assert!(gone.is_err());
            }
            readers.push(reader);
        }
        assert_eq!(status.readers(), 2_500);
        drop(readers);
        assert_eq!((status.readers(), status.unread()), (0, 0));
        if round == 0 {
            before = heap::held();
        }
    }
    let grown = heap::held() - before;
    assert!(grown <= 1_024, "{grown} bytes");
    let polls = Polls::default();
    let mut alone = reader(&status, "a");
    let reading = tokio::spawn(polls.of(async move { alone.next().await.is_some() }));
    status.tool("a", "something");
    delivered(&status).await;
    assert!(reading.await.expect("no panic"));
    assert!(polls.so_far() <= 2, "nobody else's waker is woken: {}", polls.so_far());
    end(status).await;
}

/// A waker that panics, as no runtime's does.
struct Bad;

impl Wake for Bad {
    fn wake(self: Arc<Self>) {
        panic!("a bad waker");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_whose_waker_panics_hurts_nobody_else() {
    let status = Status::builder().spawn();
    let mut readers: Vec<_> = (0..10).map(|_| reader(&status, "a")).collect();
    let mut bad = readers.remove(0);
    let waker = Arc::new(Bad).into();
    assert!(Pin::new(&mut bad).poll_next(&mut Context::from_waker(&waker)).is_pending());
    let waiting: Vec<_> = readers
        .into_iter()
        .map(|mut reader| tokio::spawn(async move { reader.next().await.is_some() }))
        .collect();
    tokio::task::yield_now().await;
    status.tool("a", "something");
    for waiting in waiting {
        let woken = tokio::time::timeout(SECOND, waiting).await.expect("it is woken");
        assert!(woken.expect("no panic"));
    }
    assert_eq!(updates(&mut bad), ["something"]);
    drop(bad);
    assert_eq!(status.panics(), 1);
    let ledger = end(status).await;
    assert_eq!((ledger.delivered, ledger.dropped.sink), (1, 0), "it was delivered");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_panics_is_contained_and_counted() {
    let log = Log::panic();
    let limits =
        crate::support::config(10, 10).with_overflow(statusbus_tokio::Overflow::DropNewest);
    let (status, runner) = Status::builder().with_config(limits).build();
    let polls = Polls::default();
    let running = tokio::spawn(polls.of(runner.run()));
    let mut a = reader(&status, "a");
    for name in names("a", 0..25) {
        status.tool("a", name); // overflows, which is logged
    }
    delivered(&status).await;
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(
        events(&mut a).concat(),
        format!("-15 newest of tool{}", names("a", 0..10).join(" "))
    );
    assert!(status.panics() >= 1);
    assert!(polls.so_far() < 50, "it does not spin: {}", polls.so_far());
    drop(a);
    let ledger = end(status).await;
    assert_eq!((ledger.delivered, ledger.dropped.newest, ledger.dropped.sink), (10, 15, 0));
    running.await.expect("the runner itself does not panic");
    drop(log);
}

#[test]
fn a_log_that_panics_when_the_runtime_goes_is_contained() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let status = runtime.block_on(async { Status::builder().spawn() });
    status.tool("a", "never delivered");
    let log = Log::panic();
    drop(runtime);
    drop(log);
    let ledger = balanced(&status);
    assert_eq!((ledger.dropped.sink, status.panics()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn when_the_last_handle_is_gone_what_was_sent_is_still_delivered() {
    let status = Status::builder().spawn();
    let mut all = everything(&status);
    let handle = status.conversation("a").expect("a name");
    for name in names("a", 0..250) {
        handle.tool(name);
    }
    drop(status.clone());
    drop(status);
    handle.tool("a250");
    drop(handle);
    let words = rest(&mut all).await;
    assert_eq!(words.join(" "), names("a", 0..251).join(" "));
}

#[test]
fn a_runtime_that_goes_counts_what_is_lost_and_says_so() {
    let log = Log::gather();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let status = runtime.block_on(async { Status::builder().spawn() });
    let mut a = reader(&status, "a");
    for name in names("a", 0..250) {
        status.tool("a", name);
    }
    drop(runtime);
    let ledger = balanced(&status);
    assert_eq!((ledger.sent, ledger.dropped.sink), (250, 250));
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].message.contains("lost") && lines[0].number("lost") == 250, "{lines:?}");

    status.tool("a", "too late");
    let refused = status.update("a", Category::TOOL, "too late").try_send();
    let closed = SendErrorKind::Refused(RefuseReason::Closed);
    assert_eq!(refused.expect_err("it is closed").kind(), closed);
    let ledger = balanced(&status);
    assert_eq!((ledger.sent, ledger.refused.closed), (252, 2));
    assert_eq!(events(&mut a), ["-250 sink of tool"], "readers are told too");
    let end = Pin::new(&mut a).poll_next(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(end, Poll::Ready(None)), "the stream has ended");
}

/// Without timers a deadline would panic again and again.
#[test]
fn a_runtime_without_timers_is_refused_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let spawned = std::panic::catch_unwind(|| {
        runtime.block_on(async { drop(Status::builder().spawn()) });
    });
    assert!(spawned.is_err(), "spawn panics");
    let status = runtime.block_on(async {
        let (status, runner) = Status::builder().build();
        status.tool("a", "something");
        status.tool("a", "something else");
        assert!(tokio::spawn(runner.run()).await.is_err_and(|error| error.is_panic()));
        status
    });
    status.tool("a", "too late");
    let ledger = balanced(&status);
    assert_eq!((ledger.dropped.sink, ledger.refused.closed), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_published_counts_as_delivered_also_if_the_runtime_goes_right_then() {
    let (status, runner) = Status::builder().build();
    let mut a = reader(&status, "a");
    status.tool("a", "published");
    let mut running = Box::pin(runner.run());
    let poll = running.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending());
    status.tool("a", "queued");
    drop(running);
    assert_eq!(rest(&mut a).await, ["published", "-1 sink of tool"]);
    let ledger = end(status).await;
    assert_eq!((ledger.delivered, ledger.dropped.sink), (1, 1));
}
