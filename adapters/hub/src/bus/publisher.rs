//! From batches to the rings.

use std::sync::Arc;
use std::task::Waker;

use crate::batch::block::Block;
use crate::batch::names::ResolveNames;
use crate::batch::subject::Topic;
use crate::queue::Lost;
use crate::registry::names::Names;
use crate::sync::Mutex;
use crate::window::bounds::{Amount, Bounds};
use crate::window::hub::Hub;
use crate::window::loss_log::GapScope;
use crate::window::ring::Entry;

/// Writes batches to the window, which is the ring of everything, and to the rings that follow it.
pub(crate) struct Publisher {
    bounds: Bounds,
    /// What the updates in the window have allocated.
    window_bytes: u64,
    /// What was published since readers had a chance to run.
    since_pause: Amount,
    /// Empty blocks.
    recycled: Vec<Block>,
    /// What was around them.
    shells: Vec<Arc<Block>>,
    names: Arc<dyn ResolveNames>,
    wakers: Vec<Waker>,
}

/// How many empty blocks are kept.
const SPARE: usize = 4;

impl Publisher {
    pub(crate) fn new(bounds: Bounds, names: Arc<dyn ResolveNames>) -> Self {
        Self {
            bounds,
            window_bytes: 0,
            since_pause: Amount { updates: 0, bytes: 0 },
            recycled: Vec::new(),
            shells: Vec::new(),
            names,
            wakers: Vec::new(),
        }
    }

    /// An empty block that has left the window, for updates to come.
    pub(crate) fn recycled(&mut self) -> Option<Block> {
        self.recycled.pop()
    }

    /// Publishes a batch: at least one update. `now` is the bus's clock in microseconds.
    pub(crate) fn publish(&mut self, hub: &Hub, mut block: Block, now: u64) {
        debug_assert!(block.len() > 0, "a batch without updates is not published");
        block.resolve_by(&self.names);
        self.window_bytes += block.allocated();
        self.since_pause.updates += block.len() as u64;
        self.since_pause.bytes += block.allocated();
        // What is in the window and what is not changes under the lock of the index.
        let mut index = hub.index();
        index.publish(&mut block, now);
        let mut shared = self.shells.pop().unwrap_or_default();
        if let Some(shell) = Arc::get_mut(&mut shared) {
            *shell = block;
        }
        let block = shared;
        index.follow_up(&block, &mut self.wakers);
        {
            // The conversations' rings come first: a reader of everything that begins with the retained
            // values takes its position before it looks at those.
            let mut everything = hub.everything();
            let (last_seq, categories) = (block.last_seq(), block.categories());
            everything.append(last_seq, block, None, categories);
            everything.wake(&mut self.wakers);
        }
        drop(index);
        self.shrink(hub);
    }

    /// Writes losses to the logs: that of the whole bus first, that of everything last, so that a
    /// reader that begins behind them finds them in all.
    pub(crate) fn report(&mut self, hub: &Hub, lost: &Lost, names: &Mutex<Names>) {
        let seq = lost.seq();
        if !lost.elsewhere().is_empty() {
            hub.append_bus_losses(seq, lost.elsewhere());
        }
        let mut conversations = Vec::new();
        for (index, (topic, _)) in lost.topics().enumerate() {
            let is_theirs = |(other, _): &(&Topic, _)| other.conversation == topic.conversation;
            if lost.topics().take(index).any(|other| is_theirs(&other)) {
                continue;
            }
            let theirs = lost.topics().skip(index).filter(is_theirs);
            let theirs: Vec<_> =
                theirs.map(|(topic, losses)| (GapScope::Topic(topic.category), losses)).collect();
            let conversation = names.lock().numbered_or_system(topic.conversation);
            conversation.ring().append_losses(seq, &theirs);
            conversations.push(conversation);
        }
        hub.everything().append_losses(seq, &[(GapScope::Bus, lost.total())]);
        hub.publish_losses(seq);
        hub.everything().wake(&mut self.wakers);
        for conversation in conversations {
            conversation.ring().wake(&mut self.wakers);
        }
    }

    /// Whether another batch may follow at once: no more than a quarter of the window comes until readers have a
    /// chance to run.
    pub(crate) const fn may_continue(&self) -> bool {
        let Amount { updates, bytes } = self.bounds.window;
        self.since_pause.updates < updates / 4 && self.since_pause.bytes < bytes / 4
    }

    pub(crate) const fn pause(&mut self) {
        self.since_pause = Amount { updates: 0, bytes: 0 };
    }

    /// The readers for whom something has come; to be woken without a lock.
    pub(crate) fn woken(&mut self) -> impl Iterator<Item = Waker> {
        self.wakers.drain(..)
    }

    /// Gives up the oldest blocks of a window that has grown too large; never the newest one, so
    /// that whoever is quick does not lag.
    fn shrink(&mut self, hub: &Hub) {
        loop {
            // What is in the window and what is not changes under the lock of the index.
            let mut index = hub.index();
            let oldest = {
                let mut everything = hub.everything();
                let Amount { updates, bytes } = self.bounds.window;
                let fits = everything.len() <= updates && self.window_bytes <= bytes;
                if fits || everything.entries().len() <= 1 {
                    return;
                }
                everything.pop_front()
            };
            let Some(Entry { mut block, .. }) = oldest else { return };
            self.window_bytes -= block.allocated();
            index.age(&block);
            match Arc::get_mut(&mut block) {
                Some(unread) if self.recycled.len() < SPARE => {
                    unread.clear();
                    self.recycled.push(std::mem::take(unread));
                    self.shells.push(block);
                }
                Some(_) => {}
                // As long as the index is locked, the numbers are those of its conversations.
                None => block.keep_names(),
            }
        }
    }

    pub(crate) fn close(&mut self, hub: &Hub) {
        hub.close(&mut self.wakers);
    }
}
