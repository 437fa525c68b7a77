//! The rivals. Each file describes what it models. Sizes that they share are here, and statusbus gets
//! the same.

use std::time::Duration;

use crate::cell::Cell;
use crate::peer::Progress;

pub mod async_bcast;
pub mod bcast;
pub mod embassy;
pub mod hand_keyed;
pub mod hand_v1;
pub mod hand_v2;
pub mod mpsc_each;

/// Messages that may wait in a peer's queue.
pub const QUEUE: usize = 10_000;

/// Most messages in a batch.
pub const BATCH: usize = 100;

/// The longest a peer that batches by time keeps a message.
pub const FLUSH_INTERVAL: Duration = Duration::from_millis(50);

/// Batches that may wait for a subscriber of a hand-made bus.
const READER_QUEUE: usize = 128;

/// Room of a broadcast channel that all read (a power of two above window and burst).
const SHARED_ROOM: usize = 1024;

/// Room of the broadcast channel of one topic.
fn room_per_topic(cell: Cell) -> usize {
    match cell.topics {
        1 => SHARED_ROOM,
        2..=100 => 128,
        _ => TOPIC_ROOM,
    }
}

/// Room of one of very many channels: enough for 20 in a row, and little enough to have 10,000.
const TOPIC_ROOM: usize = 32;

/// Waits for room in channels that lose or refuse what does not fit. The window bounds what is
/// unread in all of them together; one reader whose thread was taken off its core can still fall
/// behind by more than its channel holds, so all catch up before any channel could be full.
async fn room_in_channels(progress: &Progress, window: u64) {
    let cell = progress.cell();
    let rounds = room_per_topic(cell) / cell.run;
    let before_full = (rounds * cell.run * cell.topics) as u64;
    let catch_up = cell.topics > 1 && progress.sent().is_multiple_of(before_full);
    progress.at_most_unread(if catch_up { 0 } else { window }).await;
}

/// The message of the peers that hand one allocation to several readers.
#[derive(Clone, Debug)]
struct SharedMessage {
    /// Carried because a subscriber wants to know; the reader here does not look.
    _topic: u32,
    text: std::sync::Arc<str>,
}

impl SharedMessage {
    fn new(topic: usize, text: &str) -> Self {
        Self { _topic: topic as u32, text: text.into() }
    }
}
