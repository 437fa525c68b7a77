//! Event streams in other forms, read by the packages of those who made them, as they are published:
//! the AI SDK, in its newest version and in the oldest that has the protocol; AG-UI's client; the
//! SDK of CloudEvents.
//!
//! It needs Node (`NODE` names another one than `node`) and, once, `npm ci` in `tests/js`:
//!
//! ```sh
//! npm --prefix adapters/axum/tests/js ci
//! cargo test -p statusbus-axum --test formats_js -- --ignored
//! ```

#![allow(clippy::panic)] // what helps a test says by a panic what went wrong, as a test does

mod ag_ui;
mod ai_sdk;
mod cloud_events;
#[path = "../programs/mod.rs"]
mod programs;

use statusbus_tokio::{Category, Config, Metadata, Status};

/// What is to be read as it was said, and breaks nothing.
const HOSTILE: &str = "a\r\n\r\ndata: [DONE]\r\n\r\nb\0\u{2028}\u{feff}</script>\u{1f600}";

/// Metadata that reaches for the prototypes of objects in JavaScript.
const PROTOTYPES: &str =
    r#"{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"kept":[{"x":1}]}"#;

/// Says something hostile in every place.
async fn say_hostile_things(status: &Status) {
    let metadata: Metadata = PROTOTYPES.parse().expect("an object");
    let update = status.update("conv-1", Category::TOOL, HOSTILE);
    update.key(format!("{HOSTILE}id: 7\r\n")).metadata(metadata).send();
    status.flush().await;
}

/// Says how far something has come.
async fn progress(status: &Status, text: &str) {
    status.update("conv-1", Category::PROGRESS, text).key("download-3").send();
    status.flush().await;
}

/// A bus that has room for three.
fn small() -> Status {
    let config = Config::new().queue_limit(3).expect("valid").batch_size(3).expect("valid");
    Status::builder().config(config).spawn()
}

/// Says five things in one go: two have no room.
fn say_too_much(status: &Status) {
    for number in 0..5 {
        status.tool("conv-1", number.to_string());
    }
}
