//! A reader that is outrun.

use serde_json::Value;
use statusbus_tokio::{Category, Status};

use super::Script;

/// A bus that keeps little for who is slow.
pub(crate) fn forgetful() -> Status {
    Status::builder().window_bytes(4 << 20).history(4).spawn()
}

/// Says more than fits on the way to a reader that stands still, and more than is kept for it; then
/// lets it go on.
pub(crate) async fn outrun(reader: &Script, status: &Status) {
    let long = "x".repeat(16_000);
    reader.stop().await;
    for number in 0.. {
        status.tool("conv-1", format!("{number} {long}"));
        if number % 16 == 15 {
            status.flush().await;
            if status.unread() > 600 {
                break;
            }
            assert!(number < 20_000, "it stands still");
        }
    }
    status.update("conv-1", Category::PROGRESS, LAST).key("download-3").send();
    status.flush().await;
    reader.go_on().await;
}

/// What is said last to a reader that was outrun.
pub(crate) const LAST: &str = "99 %";

/// Sees that all that is not read of a conversation is told as missing.
#[derive(Default)]
pub(crate) struct Seen {
    /// The last position that was read.
    read: u64,
    /// The last position that was read or told as missing.
    through: u64,
    pub(crate) gaps: u64,
}

impl Seen {
    /// An update, as an object with its position and its text. Answers whether it is the last one.
    pub(crate) fn update(&mut self, update: &Value) -> bool {
        let seq = update["seq"].as_u64().expect("a position");
        // What stands is among those that it missed, and comes once.
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
