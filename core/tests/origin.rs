//! What the origin got wrong (DESIGN.md, section 1), row by row, as far as the core can show it.

#[allow(dead_code, unused_imports)] // shared: each test program speaks a part of it
mod support;

use std::time::Duration;

use statusbus_core::{
    Categories, Category, Config, ConfigError, ConversationError, ConversationName, FlushReason,
    OverflowEdge, RefuseReason, TopicName,
};

use crate::support::{Became, Heard, Host, config, note};

#[test]
fn row_01_the_bound_holds_while_nobody_takes_anything_away() {
    let mut host = Host::new(Config::new());
    for n in 0..200_001_u32 {
        host.push(note(n.to_string()));
    }
    assert_eq!(host.bus.depth().peak, 10_000);
    host.expect_ledger([("evicted", 190_001), ("queued", 10_000)]);
    assert_eq!(host.bus.ledger().sent, 200_001);
}

#[test]
fn row_02_full_batches_go_at_once_and_not_one_per_interval() {
    let mut host = Host::new(Config::new());
    for n in 0..10_000_u32 {
        host.push(note(n.to_string()));
    }
    let batches = host.drain();
    assert_eq!(batches, vec![(FlushReason::Full, 100); 100], "all in the same instant");
}

#[test]
fn row_03_order_holds_between_batches_and_between_topics() {
    let mut host = Host::new(config(10_000, 100));
    let conversations = ["a", "b", "c", "d", "e", "f", "g"];
    for n in 0..5_000_usize {
        host.push(note(n.to_string()).about(conversations[n * n % 7]));
    }
    let mut expected = 0..5_000_u64;
    while host.poll().0 {
        for handed in host.batch.iter() {
            assert_eq!(Some(handed.seq - 1), expected.next());
        }
        let sent: Vec<u64> =
            host.names().iter().map(|name| name.parse().expect("a number")).collect();
        assert!(sent.is_sorted(), "in the order of sending");
        for topic in host.batch.topics() {
            assert!(topic.iter().map(|handed| handed.seq).is_sorted(), "in each topic too");
        }
        host.deliver();
    }
    assert_eq!(expected.next(), None);
}

#[test]
fn row_04_a_graceful_stop_delivers_or_counts_every_one() {
    let mut host = Host::new(config(10_000, 1_000));
    host.queue((0..500).map(|n| note(n.to_string())));
    host.close();
    host.push(note("late"));
    host.drain();
    assert!(host.bus.is_drained());
    host.expect_ledger([("delivered", 500), ("closed", 1)]);
}

#[test]
fn row_05_a_flood_of_losses_begins_and_ends_once() {
    let mut host = Host::new(config(100, 100));
    for n in 0..100_100_u32 {
        host.push(note(n.to_string()));
    }
    host.drain();
    let edges = host.heard().into_iter().filter(|heard| matches!(heard, Heard::Overflow(_)));
    let ended = OverflowEdge::Ended { lost: 100_000 };
    let expected = [Heard::Overflow(OverflowEdge::Started), Heard::Overflow(ended)];
    assert_eq!(edges.collect::<Vec<_>>(), expected);
}

#[test]
fn row_06_an_idle_bus_wants_no_timer() {
    let mut host: Host = Host::new(Config::new());
    host.expect_next(None);
    for second in 1..100 {
        host.at(second * 1_000).queue([note("a")]);
        host.drain();
        host.expect_next(None);
    }
}

#[test]
fn row_07_what_is_invalid_is_refused_by_itself() {
    let mut host = Host::new(Config::new());
    let none = Category::from_index(25).expect("below 32");
    for n in 0..100 {
        let update = note(n.to_string());
        if n == 50 {
            let refused = Became::Refused(RefuseReason::UnknownCategory);
            assert_eq!(host.push(update.category(none)), refused);
        } else {
            assert_eq!(host.push(update), Became::Queued);
        }
    }
    host.drain();
    host.expect_ledger([("delivered", 99), ("unknown_category", 1)]);
    assert_eq!(ConversationName::new("a:b"), Err(ConversationError::Character(':')));
}

#[test]
fn row_08_the_final_done_survives_a_flood_of_progress() {
    let mut host = Host::new(config(100, 1_000));
    let progress = |n: u32| note(format!("{n} %")).category(Category::PROGRESS);
    for n in 0..1_000 {
        host.push(progress(n));
    }
    assert!(matches!(host.push(note("done").terminal()), Became::Displaced(..)));
    for n in 0..1_000 {
        host.push(progress(n));
    }
    host.poll();
    assert!(host.names().contains(&"done"));
    host.deliver();
}

#[test]
fn row_08_of_what_has_a_key_the_stale_value_goes() {
    let mut host = Host::new(config(100, 1_000));
    for n in 0..=41 {
        host.push(note(format!("{n} %")).key("download").category(Category::PROGRESS));
    }
    host.push(note("done").key("download").category(Category::PROGRESS).terminal());
    host.expect_batch(["done"]);
    host.expect_ledger([("delivered", 1), ("coalesced", 42)]);
}

#[test]
fn row_09_a_new_configuration_keeps_the_queue_and_reports_what_it_evicts() {
    let mut host = Host::new(config(1_000, 100));
    host.queue((0..500).map(|n| note(n.to_string())));
    let left = host.reconfigure(config(400, 7));
    assert_eq!(left.len(), 100);
    host.drain();
    host.expect_ledger([("delivered", 400), ("shrunk", 100)]);
    host.at(1_000).queue([note("a")]);
    host.expect_batch(["a"]);
}

#[test]
fn row_10_counting_goes_on_under_overflow() {
    let mut host = Host::new(config(10, 10));
    for n in 0..10_000_u64 {
        host.push(note(n.to_string()));
        let heard = host.heard().into_iter().filter(|heard| matches!(heard, Heard::Dropped(_)));
        assert_eq!(heard.count(), usize::from(n >= 10), "at update {n}");
        assert_eq!(host.bus.ledger().dropped.evicted, (n + 1).saturating_sub(10));
    }
}

#[test]
fn row_11_every_delivered_update_has_a_position_and_its_time() {
    let mut host = Host::new(config(10, 10));
    host.queue([note("a")]);
    host.expect_batch(["a"]);
    host.at(10).queue([note("b")]);
    host.at(35).queue([note("c")]);
    host.at(50).poll();
    let seen: Vec<_> = host.batch.iter().map(|it| (it.seq, it.waited())).collect();
    assert_eq!(seen, [(2, Duration::from_millis(40)), (3, Duration::from_millis(15))]);
    host.deliver();
}

#[test]
fn row_12_what_would_stop_the_bus_cannot_be_configured() {
    let config = Config::new();
    assert_eq!(config.batch_size(0), Err(ConfigError::BatchSize(0)));
    assert_eq!(config.queue_limit(0), Err(ConfigError::QueueLimit(0)));
    let zero = Duration::ZERO;
    assert_eq!(config.flush_interval(zero), Err(ConfigError::FlushInterval(zero)));
}

#[test]
fn row_13_system_wide_is_its_own_thing_and_cannot_be_spoofed() {
    let categories: Categories = Categories::new();
    let topic = TopicName::parse("status:system:error", &categories).expect("it is a topic");
    assert_eq!((topic.conversation, topic.category), (None, "error"));
    assert_eq!(ConversationName::new("system"), Err(ConversationError::Reserved));
    let sensor = ConversationName::new("system-1").expect("another name");
    let topic = TopicName { conversation: Some(sensor), category: "error" };
    assert_eq!(topic.to_string(), "status:system-1:error");
}
