//! The in-process hub: where batches go, and where readers find them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::{Mutex, MutexGuard};
use slab::Slab;
use statusbus_core::{Dropped, Losses};
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
    closed: AtomicBool,
    readers: Mutex<Slab<Reader>>,
    /// Told when a reader has come to the end or gone.
    left: Notify,
}

#[derive(Default)]
struct BusGaps {
    places: VecDeque<BusPlace>,
    /// The last place that was forgotten.
    floor: BusPlace,
}

/// A place among the losses of the whole bus: a position, and all of them up to there. So whoever
/// comes to a later one knows what was lost in between, also when that was forgotten.
#[derive(Clone, Copy, Default)]
pub(crate) struct BusPlace {
    pub(crate) seq: u64,
    total: Losses,
}

impl BusPlace {
    /// What was lost behind an earlier place.
    pub(crate) fn losses_behind(&self, earlier: &Self) -> Losses {
        let (now, then) = (&self.total.dropped, &earlier.total.dropped);
        let dropped = Dropped {
            newest: now.newest - then.newest,
            oldest: now.oldest - then.oldest,
            evicted: now.evicted - then.evicted,
            outranked: now.outranked - then.outranked,
            shrunk: now.shrunk - then.shrunk,
            sink: now.sink - then.sink,
        };
        Losses { dropped, expired: self.total.expired - earlier.total.expired }
    }
}

/// Most gaps of the whole bus that are remembered for readers who have not seen them.
const BUS_GAPS: usize = 256;

/// Whose updates a reader gets.
#[derive(Clone)]
pub(crate) enum Source {
    Everything,
    Conversation(Arc<ConversationState>),
}

impl Source {
    /// The conversation, if it is one.
    pub(crate) fn conversation(&self) -> Option<&ConversationState> {
        match self {
            Self::Everything => None,
            Self::Conversation(conversation) => Some(conversation),
        }
    }

    /// The name of the conversation.
    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        self.conversation()?.name()
    }
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
            closed: AtomicBool::new(false),
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
        let key = self.readers.lock().insert(Reader { source: source.clone(), count });
        // Who is not among the readers yet when the hub is closed finds it closed here.
        if self.closed.load(Ordering::SeqCst) {
            self.ring(&source).close(&mut Vec::new());
        }
        key
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
        if bus.places.len() >= BUS_GAPS
            && let Some(place) = bus.places.pop_front()
        {
            bus.floor = place;
        }
        let mut total = bus.places.back().unwrap_or(&bus.floor).total;
        total.add(&losses);
        bus.places.push_back(BusPlace { seq, total });
        self.bus_gap_seq.store(seq, Ordering::Release);
    }

    pub(crate) fn bus_gap_seq(&self) -> u64 {
        self.bus_gap_seq.load(Ordering::Acquire)
    }

    /// The last place up to position `through`; the last one forgotten if none is known there.
    pub(crate) fn bus_place(&self, through: u64) -> BusPlace {
        let bus = self.bus_gaps.lock();
        let known = bus.places.partition_point(|place| place.seq <= through);
        let last = known.checked_sub(1).and_then(|last| bus.places.get(last));
        *last.unwrap_or(&bus.floor)
    }

    /// Whether all losses of the whole bus behind this position are still known.
    pub(crate) fn knows_bus_gaps_behind(&self, seq: u64) -> bool {
        self.bus_gaps.lock().floor.seq <= seq
    }

    /// Hands out every reader who waits for a conversation. O(readers). Whoever reads everything is
    /// woken by its ring, in which the losses of the whole bus are.
    pub(crate) fn wake_everyone(&self, wakers: &mut Vec<Waker>) {
        for (_, reader) in &*self.readers.lock() {
            if let Source::Conversation(conversation) = &reader.source {
                conversation.ring().wake(wakers);
            }
        }
    }

    /// There will be nothing any more: lets readers come to the end.
    pub(crate) fn close(&self, wakers: &mut Vec<Waker>) {
        self.closed.store(true, Ordering::SeqCst);
        self.everything.lock().close(wakers);
        for (_, reader) in &*self.readers.lock() {
            self.ring(&reader.source).close(wakers);
        }
    }
}
