//! From a batch of the queue to the rings of the hub.

use std::sync::Arc;
use std::task::Waker;

use statusbus_core::{Batch, Category, CategorySet, Gap, Item};

use crate::bounds::{Amount, Bounds};
use crate::buffers::Buffers;
use crate::grouping::Grouping;
use crate::hub::Hub;
use crate::names::Names;
use crate::parcel::{Group, Parcel, Posts};
use crate::post::{Post, Topic};
use crate::ring::{Record, Ring};
use crate::shared::Shared;

/// The runner's batch.
pub(crate) type Handed = Batch<Post, Box<[Item<Post>]>, GAPS>;

/// What was lost in front of a batch.
pub(crate) type Lost = Gap<Topic, GAPS>;

/// For how many topics losses are counted apart.
pub(crate) const GAPS: usize = 16;

/// Writes batches to the rings, and keeps the parcels of the last ones: the window, which is the
/// ring of everything. What leaves the window is given up, or copied out where it is to be kept.
pub(crate) struct Publisher {
    bounds: Bounds,
    /// What the updates in the window have allocated.
    window_bytes: u64,
    /// Parcels in the window.
    parcels: usize,
    pub(crate) buffers: Buffers,
    grouping: Grouping,
    wakers: Vec<Waker>,
}

impl Publisher {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            window_bytes: 0,
            parcels: 0,
            buffers: Buffers::default(),
            grouping: Grouping::default(),
            wakers: Vec::new(),
        }
    }

    /// Publishes a batch. `now` is the bus's clock and `wall` the wall clock, in microseconds.
    pub(crate) fn publish(
        &mut self,
        shared: &Shared,
        lost: Option<&Lost>,
        mut posts: Posts,
        now: u64,
        wall: u64,
    ) {
        let hub = &shared.hub;
        if let Some(lost) = lost {
            self.tell(shared, lost);
        }
        let (first_seq, len) = (posts.first_seq(), posts.len() as u64);
        let last_seq = (first_seq + len).saturating_sub(1);
        let mut shell = self.buffers.parcel();
        // Nobody else holds it; if somebody did, this one would be a new one.
        if Arc::get_mut(&mut shell).is_none() {
            shell = Arc::default();
        }
        if let Some(parcel) = Arc::get_mut(&mut shell) {
            if posts.is_empty() {
                self.buffers.put(posts.into_items());
            } else {
                self.grouping.group(&mut posts, &mut parcel.groups, &shared.names);
                parcel.fill(posts, now, wall);
            }
        }
        let parcel = shell;
        for (index, (group, conversation)) in
            parcel.groups.iter().zip(&self.grouping.conversations).enumerate()
        {
            conversation.touch(now);
            let mut ring = conversation.ring();
            let index = Some(index as u32);
            let last_seq = retain(&mut ring, &parcel, index, group, self.bounds.retained);
            let record = Record::Updates {
                parcel: Arc::clone(&parcel),
                group: index,
                categories: group.categories,
            };
            ring.append(last_seq, u64::from(group.len), record);
            ring.wake(&mut self.wakers);
        }
        self.grouping.clear();
        self.window_bytes += parcel.allocated(None);
        // The conversations' rings come first: who reads everything and begins with the retained
        // values takes its position before it looks at those.
        {
            let mut everything = hub.everything();
            let categories = parcel.categories();
            let record = Record::Updates { parcel, group: None, categories };
            everything.append(last_seq, len, record);
            everything.wake(&mut self.wakers);
        }
        self.parcels += 1;
        self.shrink(shared);
    }

    /// Writes losses to the rings.
    fn tell(&mut self, shared: &Shared, lost: &Lost) {
        let hub = &shared.hub;
        for (topic, losses) in lost.topics() {
            let conversation = Names::when_needed(&shared.names).numbered(topic.conversation);
            let record = Record::Gap(Box::new((Some(topic.category), *losses)));
            let mut ring = conversation.ring();
            ring.append(lost.seq(), 0, record);
            ring.wake(&mut self.wakers);
        }
        if !lost.elsewhere().is_empty() {
            hub.add_bus_gap(lost.seq(), *lost.elsewhere());
        }
        let record = Record::Gap(Box::new((None, lost.total())));
        hub.everything().append(lost.seq(), 0, record);
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
                // Losses without updates between them are bounded too.
                let Amount { updates, bytes } = self.bounds.window;
                let fits = everything.len() <= updates
                    && self.window_bytes <= bytes
                    && everything.records() as u64 <= updates.saturating_mul(2).saturating_add(2);
                if fits || self.parcels <= 1 {
                    return;
                }
                everything.pop_front()
            };
            let Some(oldest) = oldest else { return };
            let Record::Updates { parcel, .. } = oldest.record else { continue };
            self.parcels -= 1;
            self.window_bytes -= parcel.allocated(None);
            let bus_gap = hub.bus_place(oldest.last_seq).seq;
            let names = shared.names.lock();
            for group in &parcel.groups {
                // If it was forgotten, another one may have its number, and is none the worse for it.
                if let Some(conversation) = names.numbered(group.number) {
                    let mut ring = conversation.ring();
                    ring.age(&parcel, oldest.last_seq, self.bounds.history, bus_gap);
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
