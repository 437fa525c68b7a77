//! From a batch of the queue to the rings of the hub.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::Waker;

use statusbus_core::{Batch, CategorySet, Item};

use crate::conversation::ConversationState;
use crate::hub::Hub;
use crate::parcel::{Delivered, Group, Parcel};
use crate::post::Post;
use crate::ring::{Record, Ring};
use crate::shared::Shared;

/// The runner's batch.
pub(crate) type Handed = Batch<Post, Box<[Item<Post>]>, GAPS>;

/// For how many topics losses are counted apart.
pub(crate) const GAPS: usize = 16;

/// Writes batches to the rings, and keeps the parcels of the last ones: the window, which is the
/// ring of everything. What leaves the window is given up, or copied out where it is to be kept.
pub(crate) struct Publisher {
    /// Most updates in the window.
    window: u64,
    /// Updates that a conversation keeps at least, also when the window has moved on.
    history: u64,
    most_keys: usize,
    /// Who is in each parcel of the window, oldest first.
    members: std::collections::VecDeque<Vec<Weak<ConversationState>>>,
    /// Parcels and lists to be used again.
    spare: Vec<Arc<Parcel>>,
    spare_members: Vec<Vec<Weak<ConversationState>>>,
    /// The conversations of the current batch, in the order of its groups.
    current: Vec<Arc<ConversationState>>,
    wakers: Vec<Waker>,
}

/// Parcels that are kept to be used again.
const SPARE: usize = 8;

impl Publisher {
    pub(crate) fn new(window: u64, history: u64, most_keys: usize) -> Self {
        Self {
            window,
            history,
            most_keys,
            members: Default::default(),
            spare: Vec::new(),
            spare_members: Vec::new(),
            current: Vec::new(),
            wakers: Vec::new(),
        }
    }

    /// Publishes a batch. `now` is the bus's clock and `wall` the wall clock, in microseconds.
    pub(crate) fn publish(&mut self, hub: &Hub, batch: &mut Handed, now: u64, wall: u64) {
        let mut members = self.spare_members.pop().unwrap_or_default();
        let mut gap_seq = None;
        if let Some(gap) = batch.gap() {
            gap_seq = Some(gap.seq());
            for (topic, losses) in gap.topics() {
                let record = Record::Gap { category: Some(topic.category), losses: *losses };
                let mut ring = topic.conversation.ring();
                ring.append(gap.seq(), 0, record);
                ring.wake(&mut self.wakers);
                members.push(Arc::downgrade(&topic.conversation));
            }
            if !gap.elsewhere().is_empty() {
                hub.add_bus_gap(gap.seq(), *gap.elsewhere());
            }
            let record = Record::Gap { category: None, losses: gap.total() };
            hub.everything().append(gap.seq(), 0, record);
        }
        let parcel = self.fill(batch, now, wall);
        for (group, conversation) in parcel.groups.iter().zip(&self.current) {
            conversation.touch(now);
            let mut ring = conversation.ring();
            retain(&mut ring, &parcel, group, self.most_keys);
            let last_seq = parcel.updates.get(usize::from(group.last)).map_or(0, |last| last.seq);
            let record = Record::Updates {
                parcel: Arc::clone(&parcel),
                first: group.first,
                linked: true,
                categories: group.categories,
            };
            ring.append(last_seq, u64::from(group.len), record);
            ring.wake(&mut self.wakers);
            members.push(Arc::downgrade(conversation));
        }
        self.current.clear();
        // The conversations' rings come first: who reads everything and begins with the retained
        // values takes its position before it looks at those.
        let last_seq = parcel.updates.last().map(|last| last.seq).or(gap_seq).unwrap_or(0);
        let len = parcel.updates.len() as u64;
        let categories =
            parcel.groups.iter().fold(CategorySet::NONE, |all, group| all.union(group.categories));
        {
            let mut everything = hub.everything();
            let record = Record::Updates { parcel, first: 0, linked: false, categories };
            everything.append(last_seq, len, record);
            everything.wake(&mut self.wakers);
        }
        self.members.push_back(members);
        self.shrink(hub);
    }

    /// Wakes the readers for whom something has come. Holds no lock.
    pub(crate) fn wake(&mut self, shared: &Shared) {
        for waker in self.wakers.drain(..) {
            shared.contain(|| waker.wake());
        }
    }

    /// Moves the updates of a batch into a parcel, grouped by conversation.
    fn fill(&mut self, batch: &mut Handed, now: u64, wall: u64) -> Arc<Parcel> {
        let mut shared = self.spare.pop().unwrap_or_default();
        if Arc::get_mut(&mut shared).is_none() {
            shared = Arc::default();
        }
        let Some(parcel) = Arc::get_mut(&mut shared) else { return shared };
        parcel.updates.reserve(batch.len());
        for handed in batch.drain() {
            let (waited, ttl_left) = (handed.waited_micros(), handed.ttl_left());
            let post = handed.update;
            let hint = post.conversation.group.load(Ordering::Relaxed);
            let group = match self.current.get(hint as usize) {
                Some(known) if Arc::ptr_eq(known, &post.conversation) => hint,
                _ => {
                    let group = self.current.len();
                    post.conversation.group.store(group as u32, Ordering::Relaxed);
                    parcel.groups.push(Group::new(post.conversation.name().cloned()));
                    self.current.push(Arc::clone(&post.conversation));
                    group as u32
                }
            };
            let age = post.extra.as_ref().map_or(0, |extra| extra.age);
            parcel.push(Delivered {
                seq: handed.seq,
                at: wall.saturating_sub(waited).saturating_sub(age),
                expiry: ttl_left
                    .map_or(u64::MAX, |left| now.saturating_add(left.as_micros() as u64)),
                extra: post.extra,
                text: post.text,
                group,
                next: 0,
                category: post.category,
                priority: handed.priority,
            });
        }
        shared
    }

    /// Gives up the oldest parcels of a window that has grown too large; never the newest one, so
    /// that whoever is quick does not lag.
    fn shrink(&mut self, hub: &Hub) {
        loop {
            let oldest = {
                let mut everything = hub.everything();
                // Losses without updates between them are bounded too.
                let most = self.window.saturating_mul(2).saturating_add(2);
                let fits = everything.len() <= self.window && everything.records() as u64 <= most;
                if fits || self.members.len() <= 1 {
                    return;
                }
                everything.pop_front()
            };
            let Some(oldest) = oldest else { return };
            let Record::Updates { mut parcel, .. } = oldest.record else { continue };
            let Some(mut members) = self.members.pop_front() else { return };
            let bus_gap = hub.bus_place(oldest.last_seq).seq;
            for member in members.drain(..) {
                if let Some(conversation) = member.upgrade() {
                    conversation.ring().age(&parcel, oldest.last_seq, self.history, bus_gap);
                }
            }
            if self.spare.len() < SPARE {
                if let Some(unread) = Arc::get_mut(&mut parcel) {
                    unread.clear();
                    self.spare.push(parcel);
                }
                self.spare_members.push(members);
            }
        }
    }

    pub(crate) fn close(&mut self, hub: &Hub) {
        hub.close(&mut self.wakers);
    }
}

/// Notes the last update of each category and key of a group.
fn retain(ring: &mut Ring, parcel: &Arc<Parcel>, group: &Group, most_keys: usize) {
    if !group.keyed && group.categories == CategorySet::NONE.with(category_of(parcel, group.last)) {
        ring.retained.set(parcel, group.last, most_keys);
        return;
    }
    let mut last = [None; statusbus_core::Category::MAX];
    let mut index = group.first;
    for delivered in parcel.walk(group.first, true) {
        match (delivered.key(), last.get_mut(delivered.category.index())) {
            (None, Some(last)) => *last = Some(index),
            _ => ring.retained.set(parcel, index, most_keys),
        }
        index = delivered.next;
    }
    for index in last.into_iter().flatten() {
        ring.retained.set(parcel, index, most_keys);
    }
}

fn category_of(parcel: &Parcel, index: u16) -> statusbus_core::Category {
    parcel
        .updates
        .get(usize::from(index))
        .map_or(statusbus_core::Category::INFO, |delivered| delivered.category)
}
