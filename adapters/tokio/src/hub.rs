//! The in-process hub: where batches go, and where readers find them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::{Mutex, MutexGuard};
use slab::Slab;
use statusbus_core::Losses;
use tokio::sync::Notify;

use crate::conversation::ConversationState;
use crate::ring::Ring;

/// What is shared by the runner, who writes, and the readers.
pub(crate) struct Hub {
    /// Everything, and with it the parcels that are shared with the conversations' rings.
    everything: Mutex<Ring>,
    /// Losses that are news for the readers of every conversation, by position.
    bus_gaps: Mutex<BusGaps>,
    /// The position of the last of these.
    bus_gap_seq: AtomicU64,
    readers: Mutex<Slab<Reader>>,
    /// Told when a reader has come to the end or gone.
    left: Notify,
}

#[derive(Default)]
struct BusGaps {
    gaps: VecDeque<(u64, Losses)>,
    /// Up to this position gaps have been forgotten.
    floor: u64,
}

/// Most gaps of the whole bus that are remembered for readers who have not seen them.
const BUS_GAPS: usize = 256;

/// Whose updates a reader gets.
#[derive(Clone)]
pub(crate) enum Source {
    Everything,
    Conversation(Arc<ConversationState>),
}

struct Reader {
    source: Source,
    /// How many updates of the ring it has read.
    count: Arc<AtomicU64>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            everything: Mutex::new(Ring::new(0)),
            bus_gaps: Mutex::new(BusGaps::default()),
            bus_gap_seq: AtomicU64::new(0),
            readers: Mutex::new(Slab::new()),
            left: Notify::new(),
        }
    }

    pub(crate) fn ring<'a>(&'a self, source: &'a Source) -> MutexGuard<'a, Ring> {
        match source {
            Source::Everything => self.everything.lock(),
            Source::Conversation(conversation) => conversation.ring(),
        }
    }

    pub(crate) fn everything(&self) -> MutexGuard<'_, Ring> {
        self.everything.lock()
    }

    pub(crate) fn enter(&self, source: Source, count: Arc<AtomicU64>) -> usize {
        self.ring(&source).readers += 1;
        self.readers.lock().insert(Reader { source, count })
    }

    pub(crate) fn leave(&self, key: usize) {
        let reader = self.readers.lock().try_remove(key);
        if let Some(reader) = reader {
            self.ring(&reader.source).readers -= 1;
            self.left.notify_waiters();
        }
    }

    pub(crate) fn readers(&self) -> usize {
        self.readers.lock().len()
    }

    /// Updates that readers have not come to yet, added up.
    pub(crate) fn unread(&self) -> u64 {
        let readers = self.readers.lock();
        let unread = readers.iter().map(|(_, reader)| {
            let read = reader.count.load(Ordering::Relaxed);
            self.ring(&reader.source).appended().saturating_sub(read)
        });
        unread.sum()
    }

    /// Waits until no reader is left.
    pub(crate) async fn all_left(&self) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.readers() == 0 {
                return;
            }
            left.await;
        }
    }

    /// Remembers a loss that is news for everyone. The everything ring has it in place.
    pub(crate) fn add_bus_gap(&self, seq: u64, losses: Losses) {
        let mut bus = self.bus_gaps.lock();
        if bus.gaps.len() >= BUS_GAPS
            && let Some((seq, _)) = bus.gaps.pop_front()
        {
            bus.floor = seq;
        }
        bus.gaps.push_back((seq, losses));
        self.bus_gap_seq.store(seq, Ordering::Release);
    }

    pub(crate) fn bus_gap_seq(&self) -> u64 {
        self.bus_gap_seq.load(Ordering::Acquire)
    }

    /// The losses behind position `after` and up to `through`, and the position of the last one.
    pub(crate) fn bus_gaps(&self, after: u64, through: u64) -> Option<(u64, Losses)> {
        let bus = self.bus_gaps.lock();
        let mut found = None;
        for &(seq, losses) in &bus.gaps {
            if seq > after && seq <= through {
                let (last, sum) = found.get_or_insert((seq, Losses::default()));
                *last = seq;
                sum.add(&losses);
            }
        }
        found
    }

    /// Whether all losses of the whole bus behind this position are still known.
    pub(crate) fn knows_bus_gaps_behind(&self, seq: u64) -> bool {
        self.bus_gaps.lock().floor <= seq
    }

    /// Wakes every reader who waits for a conversation.
    pub(crate) fn wake_everyone(&self, wakers: &mut Vec<Waker>) {
        for (_, reader) in &*self.readers.lock() {
            self.ring(&reader.source).wake(wakers);
        }
    }

    /// There will be nothing any more: lets readers come to the end.
    pub(crate) fn close(&self, wakers: &mut Vec<Waker>) {
        self.everything.lock().close(wakers);
        for (_, reader) in &*self.readers.lock() {
            self.ring(&reader.source).close(wakers);
        }
    }
}
