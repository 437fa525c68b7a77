//! What `metrics` is told is what the ledger says.

use std::time::Duration;

use statusbus_tokio::{Category, DropReason, Ledger, Overflow, RefuseReason, Spawn, Status};

use crate::support::metric::{Failing, Measured, Meters};
use crate::support::polled::Polls;
use crate::support::{SECOND, config, delivered, end, names, reader, updates};

/// Compares every counter with the ledger.
fn expect_counted(measured: &Measured, ledger: &Ledger) {
    let counter = |name: &str| measured.get(name).map_or(0.0, |values| values[0]) as u64;
    let labelled = |name: &str, reason: &str| counter(&format!("{name}{{{reason}}}"));
    assert_eq!(counter("statusbus_sent_total"), ledger.sent);
    assert_eq!(counter("statusbus_delivered_total"), ledger.delivered);
    assert_eq!(counter("statusbus_coalesced_total"), ledger.coalesced);
    assert_eq!(counter("statusbus_expired_total"), ledger.expired);
    for reason in DropReason::ALL {
        let counted = labelled("statusbus_dropped_total", reason.as_str());
        assert_eq!(counted, ledger.dropped.count(reason), "{reason:?}");
    }
    for reason in RefuseReason::ALL {
        let counted = labelled("statusbus_refused_total", reason.as_str());
        assert_eq!(counted, ledger.refused.count(reason), "{reason:?}");
    }
}

/// Sends something that ends in every way there is.
async fn a_bit_of_everything(status: &Status) {
    for overflow in Overflow::ALL {
        status.reconfigure(config(10, 5).with_overflow(overflow));
        for number in 0..30 {
            let draft = status.update("a", Category::TOOL, format!("{number}"));
            match number % 10 {
                0..5 => draft.key(format!("{}", number % 7)).send(),
                5 => draft.ttl(Duration::ZERO).send(),
                6 => draft.key("").send(),
                7 => draft.category("gossip").send(),
                _ => draft.send(),
            }
        }
        for _ in 0..20 {
            status.error("a", "over");
        }
        status.progress("a", "outranked, where that counts");
        status.reconfigure(config(3, 5).with_overflow(overflow));
        delivered(status).await;
    }
    status.refuse(RefuseReason::Unauthorized);
    status.tool("a", "x".repeat(20_000));
}

#[tokio::test(start_paused = true)]
async fn after_a_shutdown_every_counter_equals_the_ledger() {
    let meters = Meters::default();
    let _gathering = meters.gather();
    let status = Status::builder().with_config(config(10, 5)).spawn();
    for _ in 0..20 {
        a_bit_of_everything(&status).await;
        status.tool("a", "what was refused is told with the next batch");
        delivered(&status).await;
        tokio::time::sleep(SECOND).await;
        expect_counted(&meters.measured(), &status.ledger());
    }
    let ledger = end(status).await;
    for reason in [DropReason::Newest, DropReason::Oldest, DropReason::Evicted, DropReason::Shrunk]
    {
        assert!(ledger.dropped.count(reason) > 0, "{reason:?}");
    }
    assert!(ledger.dropped.outranked > 0 && ledger.expired > 0 && ledger.coalesced > 0);
    assert!(ledger.refused.full > 0 && ledger.refused.unauthorized == 20);
    expect_counted(&meters.measured(), &ledger);
}

#[test]
fn what_is_lost_with_the_runtime_is_told_too() {
    let meters = Meters::default();
    let _gathering = meters.gather();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let status = runtime.block_on(async { Status::builder().spawn() });
    for name in names("a", 0..30) {
        status.tool("a", name);
    }
    drop(runtime);
    let ledger = status.ledger();
    assert!(ledger.is_balanced() && ledger.dropped.sink == 30, "{ledger:?}");
    expect_counted(&meters.measured(), &ledger);
}

#[tokio::test(start_paused = true)]
async fn each_batch_is_measured() {
    let meters = Meters::default();
    let _gathering = meters.gather();
    let status = Status::builder().with_config(config(100, 10)).spawn();
    status.tool("a", "the first goes at once");
    tokio::time::sleep(Duration::from_millis(10)).await;
    for name in names("a", 0..14) {
        status.tool("a", name);
    }
    tokio::time::sleep(SECOND).await;
    let measured = meters.measured();
    assert_eq!(measured["statusbus_batch_size{interval}"], [1.0, 4.0]);
    assert_eq!(measured["statusbus_batch_size{full}"], [10.0]);
    // The last four waited until the interval since the batch before was over.
    let waits = &measured["statusbus_queue_wait_seconds"];
    assert_eq!(waits.len(), 3);
    assert!(waits[2] > 0.0 && waits[2] <= 0.05, "{waits:?}");
    assert_eq!(measured["statusbus_broadcast_seconds"].len(), 3, "of the last batch too");
    assert_eq!(measured["statusbus_queue_depth"], [0.0]);
    status.tool("a", "one");
    status.flush().await;
    status.tool("a", "two");
    end(status).await;
    let measured = meters.measured();
    assert_eq!(measured["statusbus_batch_size{flush}"].len(), 1);
    assert_eq!(measured["statusbus_batch_size{close}"], [1.0]);
}

#[tokio::test(start_paused = true)]
async fn the_last_peak_of_the_queue_is_there_for_whoever_asks() {
    let meters = Meters::default();
    let _gathering = meters.gather();
    let status = Status::builder().with_config(config(100, 100)).spawn();
    for name in names("a", 0..50) {
        status.tool("a", name);
    }
    assert_eq!((status.depth().queued, status.depth().peak), (50, 50));
    delivered(&status).await;
    for name in names("a", 0..70) {
        status.tool("a", name);
    }
    delivered(&status).await;
    assert_eq!(meters.measured()["statusbus_queue_depth_peak"], [70.0]);
    for _ in 0..3 {
        let depth = status.depth();
        assert_eq!((depth.queued, depth.peak), (0, 70), "nobody has taken it away");
    }
    tokio::time::sleep(SECOND).await;
    assert_eq!(status.depth().peak, 70);
    tokio::time::sleep(SECOND).await;
    assert_eq!(status.depth().peak, 0, "it was more than a second ago");
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_recorder_that_panics_costs_no_update() {
    let recorder = Failing::times(u64::MAX);
    let _failing = metrics::set_default_local_recorder(&recorder);
    let (status, runner) = Status::builder().with_config(config(20, 10)).build();
    let polls = Polls::default();
    let running = tokio::spawn(polls.of(runner.run()));
    let mut a = reader(&status, "a");
    for name in names("a", 0..100) {
        status.tool("a", name);
        delivered(&status).await;
    }
    tokio::time::sleep(SECOND).await;
    assert_eq!(updates(&mut a), names("a", 0..100));
    assert!(status.panics() >= 100, "each is counted: {}", status.panics());
    assert!(polls.so_far() < 1_000, "it does not spin: {}", polls.so_far());
    drop(a);
    let ledger = end(status).await;
    assert_eq!((ledger.delivered, ledger.dropped.total()), (100, 0));
    running.await.expect("the runner itself does not panic");
}

/// Row 10 of the origin: its telemetry was detached by the first drop.
#[tokio::test(start_paused = true)]
async fn a_recorder_that_panicked_once_is_told_what_comes_after() {
    let meters = Meters::default();
    let status = Status::builder().with_config(config(20, 10)).spawn();
    {
        let recorder = Failing::times(1);
        let _failing = metrics::set_default_local_recorder(&recorder);
        status.tool("a", "one");
        delivered(&status).await;
        tokio::time::sleep(SECOND).await;
        assert_eq!(status.panics(), 1);
    }
    let _gathering = meters.gather();
    for _ in 0..30 {
        status.tool("a", "more than there is room for");
    }
    delivered(&status).await;
    tokio::time::sleep(SECOND).await;
    let measured = meters.measured();
    assert_eq!(measured["statusbus_sent_total"], [30.0]);
    assert_eq!(measured["statusbus_delivered_total"], [20.0]);
    assert_eq!(measured["statusbus_dropped_total{evicted}"], [10.0]);
    end(status).await;
}
