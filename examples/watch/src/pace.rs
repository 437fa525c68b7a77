//! Reading no faster than what is read can be shown.

use std::time::Duration;

use statusbus_tokio::{Builder, Status};

use crate::view::Progress;

/// Lets no more lines onto the bus than its queue has room for and the view has still to read, so
/// that the view shows them all. Their source waits: a command because its pipe is full, a file in
/// any case. At most 16 KiB of text for each update of the window are kept in memory.
pub(crate) struct Pace {
    status: Status,
    view: Progress,
    queue: u64,
    window: u64,
}

/// How long to wait for the view.
const PAUSE: Duration = Duration::from_millis(1);

impl Pace {
    /// The bus that it lets lines onto: its window is bounded by what is counted here, lines, and not
    /// by how long they are.
    pub(crate) fn bus(builder: Builder) -> Builder {
        builder.with_window_bytes(usize::MAX)
    }

    /// `window`: updates that the view may be behind before it misses any.
    pub(crate) fn new(status: &Status, view: &Progress, window: usize) -> Self {
        let queue = status.config().queue_limit() as u64;
        Self { status: status.clone(), view: view.clone(), queue, window: window as u64 }
    }

    /// Has `chunk` heard piece by piece, when there is room for what ends in each: lines, or the
    /// updates of a device, which take no fewer bytes.
    pub(crate) async fn hear(&self, mut chunk: &[u8], mut hear: impl FnMut(&[u8])) {
        while !chunk.is_empty() {
            // However short the lines are: each takes a byte at least.
            let room = usize::try_from(self.room().await).unwrap_or(usize::MAX);
            let (piece, rest) = chunk.split_at(chunk.len().min(room));
            hear(piece);
            chunk = rest;
        }
    }

    /// Waits until there is room, and answers for how many updates: 1 at least.
    pub(crate) async fn room(&self) -> u64 {
        loop {
            match self.queue_room().min(self.window_room()) {
                0 => self.wait().await,
                room => return room,
            }
        }
    }

    async fn wait(&self) {
        // What is queued may be due only much later, and until then the view cannot read it.
        if self.waiting() > 0 {
            self.status.flush().await;
        } else {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Lines that the queue can take: half of what would fit, since others speak, too.
    fn queue_room(&self) -> u64 {
        (self.queue / 2).max(1).saturating_sub(self.waiting())
    }

    /// Lines until a view that reads nothing would miss one; half of them, as above.
    fn window_room(&self) -> u64 {
        let unread = self.status.head().saturating_sub(self.view.seq());
        let behind = unread + self.waiting();
        (self.window / 2).max(1).saturating_sub(behind)
    }

    fn waiting(&self) -> u64 {
        let ledger = self.status.ledger();
        ledger.queued + ledger.in_flight
    }
}
