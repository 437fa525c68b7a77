//! What handles, delivery and readers have in common.

use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;
use statusbus_core::{
    BatchInfo, Categories, ConversationError, Depth, DropReason, FlushMark, Ledger, Outcome,
    OverflowEvent, Receipt, RefuseReason, SendOptions, Telemetry,
};

use crate::batch::block::Block;
use crate::batch::details::Details;
use crate::batch::subject::Topic;
use crate::batch::text::Text;
use crate::bus::host::Host;
use crate::bus::peak::Peak;
use crate::bus::wakeup::Wakeup;
use crate::queue::Queue;
use crate::registry::names::Names;
use crate::registry::selector::CheckedName;
use crate::sync::{
    AtomicBool, AtomicU64, AtomicUsize, CountedArc, Event, Mutex, OnceLock, Ordering,
};
use crate::window::conversation::ConversationState;
use crate::window::hub::Hub;
use crate::window::snapshot::{Snapshots, Start};

/// What the bus did since the last report.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Activity {
    /// The last batch.
    pub polled: Option<BatchInfo>,
    /// How long the last batch that was settled took.
    pub latency: Option<std::time::Duration>,
    /// The last event of an overflow.
    pub overflow: Option<OverflowEvent>,
}

impl Activity {
    /// Adds what was done afterwards.
    pub(crate) fn add(&mut self, later: Self) {
        self.polled = later.polled.or(self.polled);
        self.latency = later.latency.or(self.latency);
        self.overflow = later.overflow.or(self.overflow);
    }
}

impl Telemetry for Activity {
    fn polled(&mut self, batch: BatchInfo) {
        self.polled = Some(batch);
    }

    fn settled(&mut self, latency: std::time::Duration) {
        self.latency = Some(latency);
    }

    fn overflow(&mut self, event: OverflowEvent) {
        self.overflow = Some(event);
    }
}

/// The largest parts of an update, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) text: usize,
    pub(crate) metadata: usize,
    pub(crate) key: usize,
}

pub(crate) struct Shared {
    pub(crate) queue: Mutex<Queue<Activity>>,
    pub(crate) names: Mutex<Names>,
    pub(crate) hub: Hub,
    pub(crate) system: CountedArc<ConversationState>,
    pub(crate) host: Box<dyn Host>,
    pub(crate) seed: RandomState,
    pub(crate) categories: Categories<Box<str>>,
    pub(crate) sizes: Sizes,
    pub(crate) epoch: u64,
    /// Wakes the runner. At most one wake-up is outstanding.
    pub(crate) wakeup: Wakeup,
    /// Told when a batch is settled and when the runner ends.
    pub(crate) settled: Event,
    /// Who waits for `settled`.
    pub(crate) flushing: AtomicUsize,
    pub(crate) flushed: Mutex<Option<FlushMark>>,
    /// Of the batch that readers have and that is not settled yet. Lock it behind the bus.
    pub(crate) published: Mutex<Option<Receipt>>,
    /// The counters when the queue was given up: set under the lock of the bus.
    pub(crate) abandoned_at: OnceLock<Ledger>,
    /// The runner has ended: nothing will be delivered any more.
    pub(crate) ended: AtomicBool,
    pub(crate) panics: AtomicU64,
    missed: AtomicU64,
    peak: Mutex<Peak>,
    pub(crate) snapshots: Snapshots,
}

impl Shared {
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn new(
        queue: Queue<Activity>,
        hub: Hub,
        names: Names,
        host: Box<dyn Host>,
        categories: Categories<Box<str>>,
        sizes: Sizes,
        epoch: u64,
    ) -> Self {
        let system = CountedArc::clone(&names.system);
        Self {
            queue: Mutex::new(queue),
            names: Mutex::new(names),
            hub,
            system,
            host,
            seed: RandomState::default(),
            categories,
            sizes,
            epoch,
            wakeup: Wakeup::default(),
            settled: Event::new(),
            flushing: AtomicUsize::new(0),
            flushed: Mutex::new(None),
            published: Mutex::new(None),
            abandoned_at: OnceLock::new(),
            ended: AtomicBool::new(false),
            panics: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            peak: Mutex::default(),
            snapshots: Snapshots::default(),
        }
    }

    /// Sends an update that has nothing but a text, for somebody who holds the conversation.
    #[inline(always)]
    pub(crate) fn send_plain(&self, topic: Topic, text: Text<'_>) {
        if let Some(text) = text.as_borrowed() {
            // Apart, so that nothing has to be dropped.
            let is_sent = self.queue.lock().push_plain(topic, text);
            if !is_sent {
                self.send_plain_slowly(topic, text.into(), None);
            }
            return;
        }
        let short = text.as_str();
        let is_sent = self.queue.lock().push_plain(topic, short);
        if !is_sent {
            self.send_plain_slowly(topic, text, None);
        }
    }

    /// The same, by somebody who lets go of the conversation afterwards.
    #[inline]
    pub(crate) fn send_plain_and_let_go(
        &self,
        topic: Topic,
        text: Text<'_>,
        conversation: &ConversationState,
    ) {
        let short = text.as_str();
        let mut queue = self.queue.lock();
        if queue.push_plain(topic, short) {
            conversation.let_go(queue.end());
        } else {
            drop(queue);
            self.send_plain_slowly(topic, text, Some(conversation));
        }
    }

    #[inline(never)]
    fn send_plain_slowly(&self, topic: Topic, text: Text<'_>, let_go: Option<&ConversationState>) {
        if text.as_str().len() > self.sizes.text {
            return self.refuse(RefuseReason::TooLarge);
        }
        let mut queue = self.queue.lock();
        if queue.push_long(topic, &text) {
            if let Some(conversation) = let_go {
                conversation.let_go(queue.end());
            }
            return;
        }
        drop(queue);
        self.send(topic, &text, &mut None, &SendOptions::new(topic.category), let_go);
    }

    /// Sends an update. `details` are taken if it is queued. The caller lets go of `let_go` afterwards.
    pub(crate) fn send(
        &self,
        topic: Topic,
        text: &Text<'_>,
        details: &mut Option<Arc<Details>>,
        options: &SendOptions,
        let_go: Option<&ConversationState>,
    ) -> Outcome {
        let mut queue = self.queue.lock();
        let (outcome, leftover) = queue.push(topic, text, details, options, || self.host.now());
        if let Some(conversation) = let_go {
            conversation.let_go(queue.end());
        }
        let wake = queue.take_wake();
        drop(queue);
        if wake {
            self.wakeup.wake();
        }
        // Freed without the lock.
        drop(leftover);
        outcome
    }

    pub(crate) fn refuse(&self, reason: RefuseReason) {
        self.queue.lock().refuse(reason);
    }

    /// Does something with the queue that the runner may have to be woken for.
    pub(crate) fn with_queue<R>(
        &self,
        act: impl FnOnce(&mut Queue<Activity>, statusbus_core::Instant) -> R,
    ) -> R {
        let (answer, wake) = {
            let mut queue = self.queue.lock();
            let now = self.host.now();
            let answer = act(&mut queue, now);
            (answer, queue.take_wake())
        };
        if wake {
            self.wakeup.wake();
        }
        answer
    }

    /// The conversation of that name, if there is one.
    pub(crate) fn known(&self, name: &str) -> Option<CountedArc<ConversationState>> {
        let hash = crate::registry::names::hash(&self.seed, name);
        self.names.lock().find(hash, name).cloned()
    }

    /// The conversation of that name; a new one if there is none.
    pub(crate) fn conversation(
        &self,
        name: &str,
    ) -> Result<CountedArc<ConversationState>, ConversationError> {
        let hash = crate::registry::names::hash(&self.seed, name);
        let mut names = self.names.lock();
        if let Some(known) = names.find(hash, name) {
            return Ok(CountedArc::clone(known));
        }
        let name = CheckedName::new(name)?;
        let now = self.host.now().as_micros();
        Ok(names.get(hash, &name, now, &self.hub.index))
    }

    /// The conversation of a name that has been checked.
    pub(crate) fn conversation_of(&self, name: &CheckedName) -> CountedArc<ConversationState> {
        let hash = crate::registry::names::hash(&self.seed, name);
        let now = self.host.now().as_micros();
        self.names.lock().get(hash, name, now, &self.hub.index)
    }

    /// Calls what is somebody else's: a log, a metrics recorder, a waker. A panic in it is counted
    /// and goes no further.
    pub(crate) fn contain(&self, call: impl FnOnce()) {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err() {
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The depth of the queue now, and its peak in the last moments. The runner asks with each batch,
    /// so that no peak is forgotten or found too late.
    pub(crate) fn depth(&self) -> Depth {
        let mut depth = self.queue.lock().depth();
        if self.is_abandoned() {
            (depth.queued, depth.oldest) = (0, std::time::Duration::ZERO);
        }
        depth.peak = self.peak.lock().note(depth.peak, self.host.now());
        depth
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let mut queue = self.queue.lock();
        let ledger = queue.ledger();
        self.seen(ledger)
    }

    /// The counters, in which what is abandoned is dropped already, although the runner has yet to
    /// take it out of the queue. Call it under the lock of the bus: what is abandoned afterwards has other counters.
    pub(crate) fn seen(&self, mut ledger: Ledger) -> Ledger {
        if let Some(before) = self.abandoned_at.get() {
            // However they left since then, those that were queued had been abandoned before.
            let left = ledger.dropped.total() - before.dropped.total();
            let expired = ledger.expired - before.expired;
            let sink = before.dropped.sink + left + expired + ledger.queued;
            ledger.dropped = before.dropped.with_count(DropReason::Sink, sink);
            (ledger.queued, ledger.expired) = (0, before.expired);
        }
        ledger
    }

    /// Whether what is queued has been given up: it is not delivered any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned_at.get().is_some()
    }

    /// The retained values of all conversations, and where a reader goes on that begins with them.
    pub(crate) fn snapshot_of_everything(&self) -> (Arc<Block>, Start) {
        let Hub { everything, index, .. } = &self.hub;
        self.snapshots.of_everything(everything, index, self.host.now().as_micros())
    }

    pub(crate) fn count_missed(&self, missed: u64) {
        self.missed.fetch_add(missed, Ordering::Relaxed);
    }

    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("ledger", &self.ledger()).finish_non_exhaustive()
    }
}
