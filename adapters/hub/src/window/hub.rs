//! The in-process hub: where batches go, and where readers find them.

use std::sync::Arc;
use std::task::Waker;

use slab::Slab;
use statusbus_core::{Category, Losses};

use super::bounds::Bounds;
use super::conversation::ConversationState;
use super::index::Index;
use super::loss_log::{GapScope, LossLog, MOST_LOSSES};
use super::ring::Ring;
use crate::sync::{
    AtomicBool, AtomicU64, CountedArc, Event, MappedMutexGuard, Mutex, MutexGuard, Ordering,
};

/// What is shared by the runner, who writes, and the readers.
pub(crate) struct Hub {
    /// What is known of each conversation. Lock it before a ring.
    pub(crate) index: Mutex<Index>,
    /// Everything, and with it the blocks that are shared with the conversations' rings: the window.
    pub(crate) everything: Mutex<Ring>,
    /// Losses that no topic accounts for: the readers of every conversation get them.
    bus_losses: Mutex<LossLog>,
    /// The position of the last of these.
    bus_loss_seq: AtomicU64,
    /// Up to this position all losses are in all logs. A reader that looks into two of them looks no
    /// further, so that it gets all losses of one position together.
    losses_published: AtomicU64,
    closed: AtomicBool,
    readers: Mutex<Slab<Reader>>,
    /// Notified when the last reader has come to the end or gone.
    left: Event,
}

/// Whose updates a reader gets.
#[derive(Clone)]
pub(crate) enum Source {
    Everything,
    Conversation(CountedArc<ConversationState>),
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
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            index: Mutex::new(Index::new(bounds)),
            everything: Mutex::new(Ring::of_everything()),
            bus_losses: Mutex::new(LossLog::new(MOST_LOSSES)),
            bus_loss_seq: AtomicU64::new(0),
            losses_published: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            readers: Mutex::new(Slab::new()),
            left: Event::new(),
        }
    }

    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock()
    }

    pub(crate) fn ring<'a>(&'a self, source: &'a Source) -> MappedMutexGuard<'a, Ring> {
        match source {
            Source::Everything => MutexGuard::map(self.everything.lock(), |ring| ring),
            Source::Conversation(conversation) => conversation.ring(),
        }
    }

    pub(crate) fn everything(&self) -> MutexGuard<'_, Ring> {
        self.everything.lock()
    }

    pub(crate) fn enter(&self, source: Source, count: Arc<AtomicU64>) -> usize {
        match &source {
            Source::Everything => self.everything.lock().readers += 1,
            Source::Conversation(conversation) => {
                let mut index = self.index.lock();
                index.follow(conversation, &self.everything.lock());
                conversation.ring().readers += 1;
            }
        }
        let key = self.readers.lock().insert(Reader { source: source.clone(), count });
        // `close` does not see a reader that is not registered yet, so that it finds the hub closed here.
        // Readers that wait are left for `close` to wake.
        if self.closed.load(Ordering::SeqCst) {
            self.ring(&source).mark_closed();
        }
        key
    }

    pub(crate) fn leave(&self, key: usize) {
        let (reader, is_last) = {
            let mut readers = self.readers.lock();
            (readers.try_remove(key), readers.is_empty())
        };
        match reader.map(|reader| reader.source) {
            Some(Source::Conversation(conversation)) => {
                let mut index = self.index.lock();
                conversation.ring().readers -= 1;
                index.unfollow(conversation.number, false);
            }
            Some(Source::Everything) => self.everything.lock().readers -= 1,
            None => {}
        }
        // A shutdown that waits is woken once, not for each of thousands of readers.
        if is_last {
            self.left.notify(usize::MAX);
        }
    }

    /// Forgets a retained value; returns whether there was one.
    pub(crate) fn remove_retained(
        &self,
        conversation: &CountedArc<ConversationState>,
        category: Category,
        key: Option<&str>,
        now: u64,
    ) -> bool {
        let mut index = self.index.lock();
        index.follow(conversation, &self.everything.lock());
        let removed = conversation.ring().remove_retained(category, key, now);
        index.unfollow(conversation.number, false);
        removed
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
            let left = self.left.listen();
            if self.readers() == 0 {
                return;
            }
            left.await;
        }
    }

    /// Appends losses of the whole bus.
    pub(crate) fn append_bus_losses(&self, seq: u64, losses: Losses) {
        self.bus_losses.lock().append(seq, &[(GapScope::Bus, losses)]);
        self.bus_loss_seq.store(seq, Ordering::Release);
    }

    pub(crate) fn bus_losses(&self) -> MutexGuard<'_, LossLog> {
        self.bus_losses.lock()
    }

    /// The position of the last loss of the whole bus.
    #[inline]
    pub(crate) fn bus_loss_seq(&self) -> u64 {
        self.bus_loss_seq.load(Ordering::Acquire)
    }

    /// All losses up to this position are in their logs.
    pub(crate) fn publish_losses(&self, seq: u64) {
        self.losses_published.store(seq, Ordering::Release);
    }

    #[inline]
    pub(crate) fn losses_published(&self) -> u64 {
        self.losses_published.load(Ordering::Acquire)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;
    use crate::window::bounds::Amount;

    #[test]
    fn a_reader_that_comes_while_the_hub_closes_leaves_the_others_to_be_woken() {
        let amount = Amount { updates: 1, bytes: 1 };
        let hub = Hub::new(Bounds { window: amount, history: amount, retained: amount });
        let conversation = ConversationState::new(Some("c".into()), 0, 1);
        let source = Source::Conversation(CountedArc::new(conversation));
        hub.enter(source.clone(), Arc::default());
        hub.ring(&source).wait(None, Waker::noop());
        // The first step of closing.
        hub.closed.store(true, Ordering::SeqCst);
        hub.enter(source, Arc::default());
        let mut wakers = Vec::new();
        hub.close(&mut wakers);
        assert_eq!(wakers.len(), 1);
    }
}
