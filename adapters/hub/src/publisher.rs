//! From a batch of the queue to the rings of the hub.

use std::sync::Arc;
use std::task::Waker;

use statusbus_core::{Category, CategorySet};

use crate::bounds::{Amount, Bounds};
use crate::buffers::Buffers;
use crate::event::GapScope;
use crate::grouping::Grouping;
use crate::hub::Hub;
use crate::names::Names;
use crate::parcel::{Parcel, Posts};
use crate::post::Topic;
use crate::ring::{Entry, Ring};
use crate::shared::{Lost, Shared};
use crate::update::Group;

/// Writes batches to the rings, and keeps the parcels of the last ones: the window, which is the
/// ring of everything. What leaves the window is given up, or copied out where it is to be kept.
pub(crate) struct Publisher {
    bounds: Bounds,
    /// What the updates in the window have allocated.
    window_bytes: u64,
    pub(crate) buffers: Buffers,
    grouping: Grouping,
    wakers: Vec<Waker>,
}

impl Publisher {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            window_bytes: 0,
            buffers: Buffers::default(),
            grouping: Grouping::default(),
            wakers: Vec::new(),
        }
    }

    /// Publishes a batch. `now` is the bus's clock and `wall` the wall clock, in microseconds.
    pub(crate) fn publish(&mut self, shared: &Shared, mut posts: Posts, now: u64, wall: u64) {
        if posts.is_empty() {
            self.buffers.put(posts.into_items());
            return;
        }
        let (first_seq, len) = (posts.first_seq(), posts.len() as u64);
        let last_seq = first_seq + len - 1;
        let mut parcel = self.buffers.parcel();
        // A spare parcel is shared with nobody.
        debug_assert_eq!(Arc::strong_count(&parcel), 1);
        if let Some(parcel) = Arc::get_mut(&mut parcel) {
            self.grouping.group(&mut posts, &mut parcel.groups, &shared.names);
            parcel.fill(posts, now, wall);
        }
        for (index, (group, conversation)) in
            parcel.groups.iter().zip(&self.grouping.conversations).enumerate()
        {
            conversation.touch(now);
            let mut ring = conversation.ring();
            let index = Some(index as u32);
            let last_seq = retain(&mut ring, &parcel, index, group, self.bounds.retained);
            let len = u64::from(group.len);
            ring.append(last_seq, len, Arc::clone(&parcel), index, group.categories);
            ring.wake(&mut self.wakers);
        }
        self.grouping.clear();
        self.window_bytes += parcel.allocated(None);
        // The conversations' rings come first: a reader of everything that begins with the retained
        // values takes its position before it looks at those.
        {
            let mut everything = shared.hub.everything();
            let categories = parcel.categories();
            everything.append(last_seq, len, parcel, None, categories);
            everything.wake(&mut self.wakers);
        }
        self.shrink(shared);
    }

    /// Writes losses to the logs: that of the whole bus first, that of everything last, so that a
    /// reader that begins behind them finds them in all.
    pub(crate) fn report(&mut self, shared: &Shared, lost: &Lost) {
        let (hub, seq) = (&shared.hub, lost.seq());
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
            let conversation = Names::when_needed(&shared.names).numbered(topic.conversation);
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

    /// Wakes the readers for whom something has come. Holds no lock.
    pub(crate) fn wake(&mut self, shared: &Shared) {
        for waker in self.wakers.drain(..) {
            shared.contain(|| waker.wake());
        }
    }

    /// Gives up the oldest parcels of a window that has grown too large; never the newest one, so
    /// that whoever is quick does not lag.
    fn shrink(&mut self, shared: &Shared) {
        let hub = &shared.hub;
        loop {
            let oldest = {
                let mut everything = hub.everything();
                let Amount { updates, bytes } = self.bounds.window;
                let fits = everything.len() <= updates && self.window_bytes <= bytes;
                if fits || everything.batches() <= 1 {
                    return;
                }
                everything.pop_front()
            };
            let Some(Entry { parcel, last_seq, .. }) = oldest else { return };
            self.window_bytes -= parcel.allocated(None);
            let names = shared.names.lock();
            for group in &parcel.groups {
                // If it was forgotten, another one may have its number, and is none the worse for it.
                if let Some(conversation) = names.numbered(group.number) {
                    let mut ring = conversation.ring();
                    ring.age(&parcel, last_seq, self.bounds.history);
                }
            }
            drop(names);
            self.buffers.put_parcel(parcel);
        }
    }

    pub(crate) fn close(&mut self, hub: &Hub) {
        hub.close(&mut self.wakers);
    }
}

/// Notes the last update of each category and key of a group. Answers with the position of the last
/// one of all.
fn retain(
    ring: &mut Ring,
    parcel: &Parcel,
    index: Option<u32>,
    group: &Group,
    most: Amount,
) -> u64 {
    let last = match parcel.order_of(index) {
        Some(order) => order.last().map_or(0, |&last| usize::from(last)),
        None => parcel.len().saturating_sub(1),
    };
    let Some(update) = parcel.get(last) else { return 0 };
    if !group.keyed && group.categories == CategorySet::NONE.with(update.category()) {
        ring.retained.set(update, most.updates);
    } else {
        let mut unkeyed = [None; Category::MAX];
        for (index, update) in parcel.walk(index) {
            match (update.key(), unkeyed.get_mut(update.category().index())) {
                (None, Some(last)) => *last = Some(index),
                _ => ring.retained.set(update, most.updates),
            }
        }
        for update in unkeyed.into_iter().flatten().filter_map(|index| parcel.get(index)) {
            ring.retained.set(update, most.updates);
        }
    }
    ring.retained.fit(most.bytes);
    update.seq
}
