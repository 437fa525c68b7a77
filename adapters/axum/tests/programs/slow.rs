//! A reader that lags.

use serde_json::Value;
use statusbus_tokio::{Category, Spawn, Status};

use super::Script;

/// A bus with a small window for slow readers.
pub(crate) fn forgetful() -> Status {
    Status::builder().with_window_bytes(4 << 20).with_history(4).spawn()
}

/// Publishes more than the buffers and the window hold for a stopped reader, then continues the reader.
pub(crate) async fn make_lag(reader: &Script, status: &Status) {
    let long = "x".repeat(16_000);
    reader.stop().await;
    for number in 0.. {
        status.tool("conv-1", format!("{number} {long}"));
        if number % 16 == 15 {
            status.flush().await;
            if status.unread() > 600 {
                break;
            }
            assert!(number < 20_000, "the reader does not lag");
        }
    }
    status.update("conv-1", Category::PROGRESS, LAST).key("download-3").send();
    status.flush().await;
    reader.go_on().await;
}

/// The text of the last update for a reader that lagged.
pub(crate) const LAST: &str = "99 %";

/// Checks that all updates of a conversation are read or reported as missing.
#[derive(Default)]
pub(crate) struct Seen {
    /// The last position that was read.
    read: u64,
    /// The last position that was read or reported as missing.
    through: u64,
    pub(crate) gaps: u64,
}

impl Seen {
    /// Records an update, an object with its position and its text. Returns whether it is the last one.
    pub(crate) fn update(&mut self, update: &Value) -> bool {
        let seq = update["seq"].as_u64().expect("a position");
        // Retained values are among the missed updates, and arrive once.
        assert!(seq > self.read && seq <= self.through + 1, "{seq} behind {}", self.through);
        self.read = seq;
        self.through = self.through.max(seq);
        update["text"] == LAST
    }

    pub(crate) fn gap(&mut self, gap: &Value) {
        assert_eq!(gap["scope"], "reader", "{gap}");
        assert_eq!(gap["reasons"]["lagged"], gap["count"], "{gap}");
        self.through += gap["count"].as_u64().expect("a count");
        self.gaps += 1;
    }
}
