//! What is known of each conversation without its ring.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

use slab::Slab;
use statusbus_core::{Category, CategorySet};

use super::bounds::{Amount, Bounds};
use super::conversation::ConversationState;
use super::retained::Retained;
use super::ring::Ring;
use crate::batch::block::{Block, Cell, OwnedUpdate, Run};
use crate::batch::view::Part;
use crate::sync::CountedArc;

/// For each conversation, by its number, as much as delivery has to know while nobody reads it. Its ring follows the
/// window only while somebody does: then it is built from the window.
pub(crate) struct Index {
    entries: Vec<Entry>,
    states: Vec<Option<CountedArc<ConversationState>>>,
    /// Conversations whose rings follow the window.
    followed: Slab<Followed>,
    /// Of these, the ones that are in the batch at hand.
    in_batch: Vec<u32>,
    /// The runs of the batch at hand.
    runs: Vec<Run>,
    /// Numbers of removed conversations that have left the window: they are free for others.
    freed: Vec<u32>,
    bounds: Bounds,
}

/// Categories that are known apart. Updates of others are copied out of the window like the last one of a category.
const CATEGORIES: usize = 12;

#[derive(Clone, Default)]
struct Entry {
    /// The lower half of the position of the last update of each category, without those with a key.
    last: [u32; CATEGORIES],
    /// Updates in the window.
    in_window: u32,
    /// The key in `followed`, plus one; zero: it is not followed.
    followed: u32,
    /// The position of the last update.
    last_seq: u64,
    /// When it was last delivered, in microseconds on the bus's clock.
    used_at: u64,
    /// Up to this position updates are forgotten. While the ring follows the window, the ring has its own.
    floor: u64,
}

struct Followed {
    /// Its updates in the batch at hand.
    part: Part,
    categories: CategorySet,
    /// The index of the last one of each category, without those with a key.
    last: [u32; Category::MAX],
    is_keyed: bool,
}

impl Index {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            entries: Vec::new(),
            states: Vec::new(),
            followed: Slab::new(),
            in_batch: Vec::new(),
            runs: Vec::new(),
            freed: Vec::new(),
            bounds,
        }
    }

    /// Adds a conversation of which everything up to `floor` may be missing.
    pub(crate) fn add(&mut self, state: &CountedArc<ConversationState>, floor: u64, now: u64) {
        let number = state.number as usize;
        if self.entries.len() <= number {
            self.entries.resize(number + 1, Entry::default());
            self.states.resize(number + 1, None);
        }
        if let Some(entry) = self.entries.get_mut(number)
            && let Some(place) = self.states.get_mut(number)
        {
            debug_assert!(entry.in_window == 0 && place.is_none(), "the number is free");
            *entry = Entry { floor, used_at: now, ..Entry::default() };
            *place = Some(CountedArc::clone(state));
        }
    }

    /// Removes a conversation that nobody uses. Returns whether its number is free now; if not, it will be
    /// [freed](Self::freed).
    pub(crate) fn remove(&mut self, number: u32) -> bool {
        self.unfollow(number, true);
        if let Some(place) = self.states.get_mut(number as usize) {
            *place = None;
        }
        self.entry(number).is_none_or(|entry| entry.in_window == 0)
    }

    /// The numbers of removed conversations that have become free.
    pub(crate) const fn freed(&mut self) -> &mut Vec<u32> {
        &mut self.freed
    }

    fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get(number as usize)
    }

    fn state(&self, number: u32) -> Option<&CountedArc<ConversationState>> {
        self.states.get(number as usize)?.as_ref()
    }

    /// When a conversation was last delivered, in microseconds on the bus's clock.
    pub(crate) fn used_at(&self, number: u32) -> u64 {
        self.entry(number).map_or(0, |entry| entry.used_at)
    }

    /// The number of the conversation behind the last one.
    pub(crate) fn end(&self) -> u32 {
        self.states.len() as u32
    }

    /// Whether nothing is kept of a conversation.
    pub(crate) fn is_blank(&self, number: u32) -> bool {
        let in_window = self
            .entry(number)
            .is_some_and(|entry| entry.in_window > 0 && entry.last_seq > entry.floor);
        !in_window && self.state(number).is_none_or(|state| state.is_blank())
    }

    /// The position of the last update or loss of a conversation.
    pub(crate) fn head(&self, number: u32) -> u64 {
        let last_loss = self
            .state(number)
            .map_or(0, |state| state.with_ring(0, |ring| ring.losses().last_seq()));
        self.entry(number).map_or(0, |entry| entry.last_seq.max(entry.floor)).max(last_loss)
    }

    /// Forgets what was delivered of a conversation that nobody reads.
    pub(crate) fn forget(&mut self, number: u32) {
        let head = self.head(number);
        if let Some(state) = self.state(number) {
            state.with_ring((), Ring::forget);
        }
        self.unfollow(number, true);
        if let Some(entry) = self.entries.get_mut(number as usize) {
            entry.last = [0; CATEGORIES];
            entry.floor = entry.floor.max(head);
        }
    }

    /// Makes the ring of a conversation follow the window, which is the ring of everything.
    pub(crate) fn follow(&mut self, state: &CountedArc<ConversationState>, window: &Ring) {
        let Self { entries, states, followed, bounds, .. } = self;
        let number = state.number;
        let known = states.get(number as usize).is_some_and(|known| {
            known.as_ref().is_some_and(|known| CountedArc::ptr_eq(known, state))
        });
        let Some(entry) = entries.get_mut(number as usize) else { return };
        if entry.followed != 0 || !known {
            return;
        }
        let mut ring = state.ring();
        ring.forget_through(entry.floor);
        for (block, part, categories) in parts_of(number, entry, window) {
            retain(&mut ring.retained, &block, part, bounds.retained);
            append(&mut ring, &block, part, categories);
        }
        let part = Part { conversation: number, first: 0, last: 0, len: 0 };
        let (categories, last) = (CategorySet::NONE, [0; Category::MAX]);
        let key = followed.insert(Followed { part, categories, last, is_keyed: false });
        entry.followed = key as u32 + 1;
    }

    /// The last reader of a conversation has gone: gives up what can be built again from the window, unless a
    /// retained value was removed from there. `always`: the conversation is forgotten anyway.
    pub(crate) fn unfollow(&mut self, number: u32, always: bool) {
        let Self { entries, states, followed, .. } = self;
        let Some(entry) = entries.get_mut(number as usize) else { return };
        let Some(key) = entry.followed.checked_sub(1) else { return };
        let Some(Some(state)) = states.get(number as usize) else { return };
        let mut ring = state.ring();
        let is_pinned = entry.in_window > 0 && ring.is_pinned(ring.floor());
        if ring.readers > 0 || is_pinned && !always {
            return;
        }
        ring.leave_window();
        entry.floor = entry.floor.max(ring.floor());
        drop(ring);
        state.drop_blank_ring();
        entry.followed = 0;
        followed.remove(key as usize);
    }

    /// A batch comes into the window, as the newest block: [`follow_up`](Self::follow_up) comes next.
    #[inline(never)]
    pub(crate) fn publish(&mut self, block: &mut Block, now: u64) {
        let Self { entries, followed, in_batch, runs, .. } = self;
        runs.clear();
        let (mut categories, most_runs) = (CategorySet::NONE, block.most_runs());
        let first_seq = block.seq(0);
        block.for_each_run(|run| {
            let (conversation, category) = (run.subject.conversation(), run.subject.category());
            categories = categories.with(category);
            if runs.len() <= most_runs {
                runs.push(run);
            }
            let Some(entry) = entries.get_mut(conversation as usize) else {
                debug_assert!(false, "a queued update has a conversation");
                return;
            };
            let last_seq = first_seq + run.end() as u64 - 1;
            if let Some(last) = entry.last.get_mut(category.index())
                && !run.subject.is_keyed()
            {
                *last = last_seq as u32;
            }
            entry.in_window += run.len;
            entry.last_seq = last_seq;
            entry.used_at = now;
            if entry.followed != 0 {
                note(followed, in_batch, entry.followed - 1, run);
            }
        });
        block.set_runs(runs, categories);
    }

    /// Appends a batch to the rings of the followed conversations that are in it.
    pub(crate) fn follow_up(&mut self, block: &Arc<Block>, wakers: &mut Vec<Waker>) {
        for key in self.in_batch.drain(..) {
            let Some(followed) = self.followed.get_mut(key as usize) else { continue };
            let number = followed.part.conversation as usize;
            let Some(Some(state)) = self.states.get(number) else { continue };
            let mut ring = state.ring();
            if followed.is_keyed {
                retain(&mut ring.retained, block, followed.part, self.bounds.retained);
            } else {
                for category in followed.categories.iter() {
                    let last = followed.last.get(category.index());
                    if let Some(update) = last.and_then(|last| block.get(*last as usize)) {
                        ring.retained.set(update, self.bounds.retained.updates);
                    }
                }
                ring.retained.fit(self.bounds.retained.bytes);
            }
            append(&mut ring, block, followed.part, followed.categories);
            ring.wake(wakers);
            followed.part.len = 0;
            followed.categories = CategorySet::NONE;
            followed.is_keyed = false;
        }
    }

    /// A block leaves the window, and with it everything up to its last position.
    #[inline(never)]
    pub(crate) fn age(&mut self, block: &Arc<Block>) {
        let first_seq = block.seq(0);
        let keep = u32::try_from(self.bounds.history.updates).unwrap_or(u32::MAX);
        let mut unread = Vec::new();
        block.for_each_run(|run| {
            let number = run.subject.conversation();
            let Some(entry) = self.entries.get_mut(number as usize) else { return };
            let last_seq = first_seq + run.end() as u64 - 1;
            entry.in_window -= run.len;
            let last = entry.last.get(run.subject.category_index());
            let is_superseded =
                !run.subject.is_keyed() && last.is_some_and(|last| *last != last_seq as u32);
            if is_superseded
                && entry.in_window >= keep
                && entry.in_window > 0
                && entry.followed == 0
            {
                // The rule: nothing of it is kept, because enough others are left.
                entry.floor = entry.floor.max(last_seq);
            } else {
                self.age_kept(block, run, is_superseded, &mut unread);
            }
        });
        for number in unread {
            self.unfollow(number, false);
        }
    }

    /// Ages a run of which something may have to be kept. `unread` gets conversations that nobody reads, although
    /// they are followed.
    #[inline(never)]
    fn age_kept(
        &mut self,
        block: &Arc<Block>,
        run: Run,
        is_superseded: bool,
        unread: &mut Vec<u32>,
    ) {
        let number = run.subject.conversation();
        let Some(entry) = self.entries.get_mut(number as usize) else { return };
        let Some(Some(state)) = self.states.get(number as usize) else {
            if entry.in_window == 0 {
                self.freed.push(number);
            }
            return;
        };
        if entry.followed != 0 {
            if age_followed(state, block, &self.bounds) {
                unread.push(number);
            }
        } else if block.seq(run.end() - 1) > entry.floor {
            age_unfollowed(entry, state, block, run, is_superseded, &self.bounds);
        }
    }

    /// The retained values of some conversations, by number, at a time of the bus's clock and up to a position.
    /// `window` has the parts of each conversation in the window.
    pub(crate) fn values(
        &self,
        numbers: Range<u32>,
        window: &Parts,
        at: (u64, u64),
        mut value: impl FnMut(&CountedArc<ConversationState>, OwnedUpdate),
    ) {
        for number in numbers {
            let (Some(entry), Some(state)) = (self.entry(number), self.state(number)) else {
                continue;
            };
            if entry.followed != 0 {
                state.ring().values(at.0, at.1).for_each(|one| value(state, one));
                continue;
            }
            let mut retained =
                state.with_ring(Retained::default(), |ring| ring.retained.to_unfollowed());
            for (block, part) in window.of(number) {
                if block.seq(part.last as usize) > entry.floor {
                    retain(&mut retained, block, *part, self.bounds.retained);
                }
            }
            let in_window = |seq| {
                let blocks = window.of(number);
                let place = blocks.partition_point(|(block, _)| block.last_seq() < seq);
                let (block, _) = blocks.get(place)?;
                block.get(block.index_of(seq)?)
            };
            retained.copies(at, in_window).for_each(|one| value(state, one));
        }
    }
}

/// The parts of the window by conversation, the oldest first.
#[derive(Default)]
pub(crate) struct Parts(HashMap<u32, Vec<(Arc<Block>, Part)>>);

impl Parts {
    pub(crate) fn add(&mut self, block: &Arc<Block>) {
        block.for_each_run(|run| {
            let conversation = run.subject.conversation();
            let parts = self.0.entry(conversation).or_default();
            let (first, last) = (run.start, run.end() as u32 - 1);
            match parts.last_mut() {
                Some((known, part)) if Arc::ptr_eq(known, block) => {
                    part.last = last;
                    part.len += run.len;
                }
                _ => {
                    let part = Part { conversation, first, last, len: run.len };
                    parts.push((Arc::clone(block), part));
                }
            }
        });
    }

    fn of(&self, conversation: u32) -> &[(Arc<Block>, Part)] {
        self.0.get(&conversation).map_or(&[], Vec::as_slice)
    }
}

/// Notes that a run of the batch at hand belongs to a followed conversation.
#[inline(never)]
fn note(followed: &mut Slab<Followed>, in_batch: &mut Vec<u32>, key: u32, run: Run) {
    let Some(Followed { part, categories, last, is_keyed }) = followed.get_mut(key as usize) else {
        return;
    };
    if part.len == 0 {
        in_batch.push(key);
        part.first = run.start;
    }
    part.len += run.len;
    part.last = run.end() as u32 - 1;
    *categories = categories.with(run.subject.category());
    if run.subject.is_keyed() {
        *is_keyed = true;
    } else if let Some(last) = last.get_mut(run.subject.category_index()) {
        *last = part.last;
    }
}

/// Ages the ring of a followed conversation, once for all that the block has of it. Returns whether nobody reads it
/// and it can be given up.
fn age_followed(state: &ConversationState, block: &Block, bounds: &Bounds) -> bool {
    let through = block.last_seq();
    let mut ring = state.ring();
    ring.age(block, through, bounds.history);
    ring.readers == 0 && !ring.is_pinned(through)
}

/// Keeps what is to be kept of a run that leaves the window, of a conversation that nobody reads.
#[inline(never)]
fn age_unfollowed(
    entry: &mut Entry,
    state: &ConversationState,
    block: &Arc<Block>,
    run: Run,
    is_superseded: bool,
    bounds: &Bounds,
) {
    let mut ring = state.ring();
    let in_window = u64::from(entry.in_window);
    let most = Amount {
        updates: bounds.history.updates.saturating_sub(in_window),
        bytes: bounds.history.bytes,
    };
    let kept = most.updates.min(run.len.into()) as usize;
    let kept = run.end() - kept..run.end();
    if let Some(last_forgotten) =
        kept.start.checked_sub(1).filter(|last| *last >= run.start as usize)
    {
        entry.floor = entry.floor.max(block.seq(last_forgotten));
    }
    ring.forget_through(entry.floor);
    if run.subject.is_keyed() {
        for update in block.iter_from(run.start as usize).take(run.len as usize) {
            ring.retain_own(update, bounds.retained);
        }
    } else if !is_superseded && let Some(update) = block.get(run.end() - 1) {
        ring.retain_own(update, bounds.retained);
    }
    ring.remember(block, kept, most);
    entry.floor = entry.floor.max(ring.floor());
}

/// The parts of the window that belong to a conversation, the oldest first.
fn parts_of(number: u32, entry: &Entry, window: &Ring) -> Vec<(Arc<Block>, Part, CategorySet)> {
    let mut left = entry.in_window;
    let mut parts = Vec::new();
    for one in window.entries().iter().rev() {
        if left == 0 {
            break;
        }
        if let Some((part, categories)) = part_of(number, &one.block) {
            left -= part.len.min(left);
            if one.block.seq(part.last as usize) <= entry.floor {
                break;
            }
            parts.push((Arc::clone(&one.block), part, categories));
        }
    }
    parts.reverse();
    parts
}

/// The part of a block that belongs to a conversation, and its categories.
fn part_of(number: u32, block: &Block) -> Option<(Part, CategorySet)> {
    let mut part = Part { conversation: number, first: 0, last: 0, len: 0 };
    let mut categories = CategorySet::NONE;
    for (index, Cell { subject, .. }) in (0..).zip(block.cells()) {
        if subject.conversation() == number {
            if part.len == 0 {
                part.first = index;
            }
            part.last = index;
            part.len += 1;
            categories = categories.with(subject.category());
        }
    }
    (part.len > 0).then_some((part, categories))
}

/// Appends a part of a block to the ring of its conversation.
fn append(ring: &mut Ring, block: &Arc<Block>, part: Part, categories: CategorySet) {
    let last_seq = block.seq(part.last as usize);
    let part = ((part.len as usize) < block.len()).then_some(part);
    ring.append(last_seq, Arc::clone(block), part, categories);
}

/// Adds the last update of each category and key of a part to the retained values, in the order of the bus.
fn retain(retained: &mut Retained, block: &Block, part: Part, most: Amount) {
    let updates = || {
        let rest = block.iter_from(part.first as usize);
        rest.take((part.last - part.first) as usize + 1)
            .filter(|update| update.subject().conversation() == part.conversation)
    };
    let mut unkeyed = [None; Category::MAX];
    for update in updates() {
        match unkeyed.get_mut(update.subject().category_index()) {
            Some(last) if !update.subject().is_keyed() => *last = Some(update),
            _ => retained.set(update, most.updates),
        }
    }
    for update in unkeyed.into_iter().flatten() {
        retained.set(update, most.updates);
    }
    retained.fit(most.bytes);
}
