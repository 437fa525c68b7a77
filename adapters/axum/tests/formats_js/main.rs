//! Event streams in other formats, read by the official packages as published: the AI SDK, in its newest
//! version and in the oldest with the protocol; AG-UI's client; the SDK of CloudEvents.
//!
//! It needs Node (`NODE` selects another program than `node`) and, once, `npm ci` in `tests/js`:
//!
//! ```sh
//! npm --prefix adapters/axum/tests/js ci
//! cargo test -p statusbus-axum --test formats_js -- --ignored
//! ```

#![allow(clippy::panic)] // a panic is a test failure, in helpers, too

mod ag_ui;
mod ai_sdk;
mod cloud_events;
#[path = "../programs/mod.rs"]
mod programs;

use statusbus_tokio::{Category, Config, Metadata, Spawn, Status};

/// Hostile texts, which must arrive unchanged.
const HOSTILE: &str = "a\r\n\r\ndata: [DONE]\r\n\r\nb\0\u{2028}\u{feff}</script>\u{1f600}";

/// Metadata that tries to modify the prototypes of JavaScript objects.
const PROTOTYPES: &str =
    r#"{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"kept":[{"x":1}]}"#;

/// Publishes hostile text in every field.
async fn publish_hostile_texts(status: &Status) {
    let metadata: Metadata = PROTOTYPES.parse().expect("an object");
    let update = status.update("conv-1", Category::TOOL, HOSTILE);
    update.key(format!("{HOSTILE}id: 7\r\n")).metadata(metadata).send();
    status.flush().await;
}

/// Publishes a progress.
async fn progress(status: &Status, text: &str) {
    status.update("conv-1", Category::PROGRESS, text).key("download-3").send();
    status.flush().await;
}

/// A bus with a queue of three.
fn small() -> Status {
    let config =
        Config::new().with_queue_limit(3).expect("valid").with_batch_size(3).expect("valid");
    Status::builder().with_config(config).spawn()
}

/// Publishes five updates without an await in between: two are dropped.
fn overflow_queue(status: &Status) {
    for number in 0..5 {
        status.tool("conv-1", number.to_string());
    }
}
