//! From `tracing` events to updates.

#![cfg(feature = "layer")]
// a test that cannot go on says why
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use statusbus_tokio::{Category, Event, Priority, Selector, Spawn, Status, StatusLayer};
use tracing_subscriber::layer::SubscriberExt;

type Said = (Option<String>, Category, String, Option<String>, Priority, Option<String>);

/// What the bus delivers of the events that `log` makes.
async fn said(log: impl FnOnce()) -> Vec<Said> {
    let status = Status::builder().with_category("deploy").unwrap().spawn();
    let mut everything = status.subscribe(Selector::Everything).open();
    let layer = StatusLayer::new(&status);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
    let mut all = Vec::new();
    let reading = async {
        while let Some(event) = everything.next().await {
            let Event::Batch(batch) = event else { panic!("nothing is lost here: {event:?}") };
            all.extend(batch.iter().map(|update| {
                let owned = |text: Option<&str>| text.map(str::to_owned);
                (
                    owned(update.conversation()),
                    update.category(),
                    update.text().to_owned(),
                    owned(update.key()),
                    update.priority(),
                    owned(update.metadata()),
                )
            }));
        }
    };
    let (ledger, ()) = tokio::join!(status.shutdown(Duration::from_secs(1)), reading);
    assert!(ledger.is_balanced());
    all
}

#[tokio::test(start_paused = true)]
async fn an_event_with_a_conversation_is_an_update_and_others_pass_by() {
    let all = said(|| {
        tracing::info!("of no conversation");
        tracing::info!(conversation = "conv-1", "searching {}", "far");
    })
    .await;
    let expected = (
        Some("conv-1".to_owned()),
        Category::INFO,
        "searching far".to_owned(),
        None,
        Priority::Normal,
        None,
    );
    assert_eq!(all, [expected]);
}

#[tokio::test(start_paused = true)]
async fn the_fields_say_what_they_are_called() {
    let all = said(|| {
        tracing::debug!(
            conversation = 42,
            category = "deploy",
            key = "pod-3",
            priority = "high",
            ttl_ms = 60_000,
            hits = 3,
            ok = true,
            place = ?Some("here"),
            "done"
        );
    })
    .await;
    let [(conversation, category, text, key, priority, metadata)] = &all[..] else {
        panic!("one update: {all:?}")
    };
    assert_eq!(conversation.as_deref(), Some("42"));
    assert_eq!(category.index(), Category::BUILT_IN.len());
    assert_eq!((text.as_str(), key.as_deref()), ("done", Some("pod-3")));
    assert_eq!(*priority, Priority::High);
    let metadata: serde_json::Value = serde_json::from_str(metadata.as_deref().unwrap()).unwrap();
    let expected = serde_json::json!({ "hits": 3, "ok": true, "place": "Some(\"here\")" });
    assert_eq!(metadata, expected);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_an_error() {
    let all = said(|| tracing::error!(conversation = "conv-1", "it broke")).await;
    assert_eq!((all[0].1, all[0].4), (Category::ERROR, Priority::High));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_an_update_is_refused_and_counted() {
    let status = Status::builder().spawn();
    let layer = StatusLayer::new(&status);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info!(conversation = "system", "spoofed");
        tracing::info!(conversation = "conv-1", category = "gossip", "unknown");
    });
    let ledger = status.shutdown(Duration::from_secs(1)).await;
    assert!(ledger.is_balanced());
    assert_eq!((ledger.refused.invalid, ledger.refused.unknown_category), (1, 1));
    assert_eq!(ledger.delivered, 0);
}

#[tokio::test(start_paused = true)]
async fn the_layer_does_not_keep_the_bus_open() {
    let status = Status::builder().spawn();
    let mut reader = status.subscribe(Selector::Everything).open();
    let layer = StatusLayer::new(&status);
    drop(status);
    assert!(reader.next().await.is_none(), "the last handle is gone");
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info!(conversation = "conv-1", "to nobody");
    });
}
