//! What the bus holds in memory: bounded by its limits, and counted on this thread.

use std::time::Duration;

use statusbus_tokio::{Category, Spawn, Status, Subscription};

use crate::support::{balanced, config, delivered, end, events, everything, heap, names, reader};

const KIB: usize = 1_024;

#[tokio::test(start_paused = true)]
async fn a_retained_value_does_not_keep_its_batch_in_memory() {
    let status = Status::builder().with_window(200).with_history(0).spawn();
    let mut after_few = 0;
    for number in 0..200 {
        // Each batch has one value to retain, and 99 updates of another conversation.
        status.tool(&format!("quiet{number}"), "now and then");
        for _ in 0..99 {
            status.tool("flood", "something");
        }
        delivered(&status).await;
        if number == 100 {
            after_few = heap::held();
        }
    }
    let grown = heap::held() - after_few;
    assert!(grown < 100 * 2_000, "{grown} bytes for a hundred values");
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_history_keeps_only_its_own_updates_in_memory() {
    let status = Status::builder().with_epoch(1).with_window(64).with_history(16).spawn();
    let mut after_few = 0;
    for number in 0..3_000 {
        for name in names("quiet", 0..5) {
            status.tool(&name, "now and then");
        }
        for _ in 0..64 {
            status.tool("b", "flood");
        }
        delivered(&status).await;
        if number == 100 {
            after_few = heap::held();
        }
    }
    let grown = heap::held() - after_few;
    assert!(grown < 8_192, "{grown} bytes");
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_million_conversations_take_the_memory_of_a_thousand() {
    const LIMIT: usize = 1_000;
    let builder = Status::builder().with_conversations(LIMIT).with_window(1_000).with_history(4);
    let status = builder.with_config(config(1_000, 100)).spawn();
    let mut after_few = 0;
    for number in 0..1_000_000 {
        status.send(&format!("c{number}"), Category::TOOL, "something");
        if number % 1_000 == 999 {
            delivered(&status).await;
            // Conversations with queued updates cannot be removed.
            assert!(status.conversations() <= LIMIT + 1_000, "{}", status.conversations());
            if number == 9_999 {
                after_few = heap::held();
            }
        }
    }
    let grown = heap::held() - after_few;
    assert!(grown < 200_000, "{grown} bytes, with {after_few} before");
    assert_eq!(end(status).await.delivered, 1_000_000);
}

/// The bytes that a bus holds after `rounds` long updates in each conversation.
async fn held(conversations: usize, rounds: usize) -> isize {
    let builder = Status::builder().with_config(config(1_000, 10)).with_conversations(1_000);
    let builder = builder
        .with_window(500)
        .with_window_bytes(256 * KIB)
        .with_history(64)
        .with_retained_keys(64);
    let before = heap::held();
    let status = builder.with_conversation_bytes(16 * KIB).spawn();
    let stuck = everything(&status);
    for round in 0..rounds {
        for name in names("c", 0..conversations) {
            let draft = status.update(&name, Category::TOOL, "x".repeat(10 * KIB));
            draft.key(format!("key {round}")).send();
            delivered(&status).await;
        }
    }
    let held = heap::held() - before;
    drop(stuck);
    balanced(&status);
    end(status).await;
    held
}

#[tokio::test(start_paused = true)]
async fn memory_has_a_bound_for_long_updates() {
    // Twice 16 KiB per conversation, the window, one batch that is larger than it, and the rest.
    let bound = |conversations: usize| (conversations * 32 + 256 + 10 + 256) * KIB;
    for (conversations, rounds) in [(1, 500), (20, 100)] {
        let held = held(conversations, rounds).await;
        let most = bound(conversations) as isize;
        assert!(held < most, "{held} bytes, {most} expected, {conversations} conversations");
    }
}

/// Sends an update that expires before it can be delivered.
fn lose(status: &Status, conversation: &str, category: Category) {
    status.update(conversation, category, "lost").ttl(Duration::ZERO).send();
}

/// Loses an update of more topics than the bus counts one by one: the losses of `x15` and `x16` count for the whole bus.
fn lose_of_all(status: &Status) {
    for name in names("x", 0..17) {
        lose(status, &name, Category::INFO);
    }
    lose(status, "x15", Category::TOOL);
}

/// The growth in bytes between 1,500 and 5,000 rounds.
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
    assert!(events(&mut stuck[1]).len() < 1_100, "the oldest losses are reported as one sum");
    drop(stuck);
    end(status).await;
    growth
}

#[tokio::test(start_paused = true)]
async fn losses_without_updates_take_bounded_memory() {
    let grown = growth(|status| lose(status, "a", Category::INFO)).await;
    assert!(grown < 4_096, "{grown} bytes");
}

#[tokio::test(start_paused = true)]
async fn losses_of_the_whole_bus_take_bounded_memory() {
    let grown = growth(lose_of_all).await;
    assert!(grown < 4_096, "{grown} bytes");
}

#[tokio::test(start_paused = true)]
async fn losses_between_updates_of_other_conversations_take_bounded_memory() {
    let grown = growth(|status| {
        status.info("b", "something");
        lose(status, "a", Category::INFO);
    });
    let grown = grown.await;
    assert!(grown < 4_096, "{grown} bytes");
}
