//! What `poll` hands on.

use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::time::Duration;

use crate::gap::Gap;
use crate::slots::{Link, Place, Terms};
use crate::time::{Instant, Stored};
use crate::{FlushReason, Priority, Update};

/// A buffer for one batch, which the caller owns: an array or a boxed slice of [`Item`]s.
///
/// [`Bus::poll`](crate::Bus::poll) moves updates into it; from then on they are in flight, and the
/// bus is free. Read them in order with [`iter`](Self::iter), by topic with
/// [`topics`](Self::topics), or take them out with [`drain`](Self::drain); then settle the batch
/// with [`Bus::delivered`](crate::Bus::delivered) or [`Bus::failed`](crate::Bus::failed). Who gives
/// the updates away for good, with the items in which they lie, [detaches](Self::detach) them.
pub struct Batch<U: Update, B, const GAPS: usize = 4> {
    held: Detached<U, B>,
    /// Items before this one have been taken out.
    taken: usize,
    /// Whether it was handed on and is not settled yet.
    is_unsettled: bool,
    /// Updates of it that are not settled yet.
    in_flight: usize,
    /// Updates in it: those in flight that have not been taken out.
    len: usize,
    reason: FlushReason,
    gap: Option<Gap<U::Topic, GAPS>>,
}

/// The updates of a batch apart from it, in order: see [`Batch::detach`].
pub struct Detached<U, B> {
    items: B,
    len: usize,
    stamp: Stamp,
    updates: PhantomData<U>,
}

/// The duty to settle a batch whose updates were taken away: see [`Batch::detach`].
#[derive(Debug)]
#[must_use = "what is not settled stays in flight"]
pub struct Receipt {
    /// Whether there is such a duty: the batch was handed on and not settled yet.
    pub(crate) is_owed: bool,
    pub(crate) in_flight: usize,
    pub(crate) handed_on: Instant,
}

/// What the updates of a batch have in common.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) first_seq: u64,
    pub(crate) handed_on: Instant,
}

/// Room for one update of a batch.
pub struct Item<U> {
    place: Place<U>,
    arrival: Stored,
    expiry: Stored,
    /// The next update of the same topic.
    same: Link,
    /// For the first update of a topic: the last one.
    last: Link,
    /// For the first update of a topic: the first one of the topic that came up next.
    next: Link,
    /// For the first update of a topic: the first one of another topic whose hash falls together.
    chain: Link,
    /// The first update of the topics whose hash falls on this item's index.
    bucket: Link,
}

impl<U> Item<U> {
    /// The expiry of an update that is settled by itself. None that is in flight has this one: what
    /// expires so early is never handed on.
    const SETTLED: Instant = Instant::ZERO;

    /// Room with nothing in it.
    pub const VACANT: Self = Self {
        place: Place::VACANT,
        arrival: Stored::ZERO,
        expiry: Stored::ZERO,
        same: Link::NONE,
        last: Link::NONE,
        next: Link::NONE,
        chain: Link::NONE,
        bucket: Link::NONE,
    };

    /// Moves an update in.
    #[inline(always)]
    pub(crate) fn put(&mut self, place: &mut Place<U>, terms: &Terms) {
        self.place.fill(place);
        (self.arrival, self.expiry) = (Stored::new(terms.arrival), Stored::new(terms.expiry));
    }

    #[inline(always)]
    const fn terms(&self) -> Terms {
        let (arrival, expiry) = (self.arrival.instant(), self.expiry.instant());
        Terms { arrival, expiry, priority: self.place.priority() }
    }
}

impl<U> core::fmt::Debug for Item<U> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.place.is_vacant() { "Item(vacant)" } else { "Item(occupied)" })
    }
}

impl<U: Update, const SIZE: usize, const GAPS: usize> Batch<U, [Item<U>; SIZE], GAPS> {
    /// An empty buffer for up to `SIZE` updates, in place.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(SIZE > 0 && SIZE <= crate::Config::MOST, "a batch has 1 to 65,534 items") };
        Self::with_items_const([const { Item::VACANT }; SIZE])
    }
}

impl<U: Update, const SIZE: usize, const GAPS: usize> Default for Batch<U, [Item<U>; SIZE], GAPS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<U: Update, B, const GAPS: usize> Batch<U, B, GAPS> {
    const fn with_items_const(items: B) -> Self {
        Self {
            held: Detached::nothing_in(items),
            taken: 0,
            is_unsettled: false,
            in_flight: 0,
            len: 0,
            reason: FlushReason::Full,
            gap: None,
        }
    }

    /// The loss that stands in front of this batch.
    #[must_use]
    pub const fn gap(&self) -> Option<&Gap<U::Topic, GAPS>> {
        self.gap.as_ref()
    }

    /// Takes out the loss that stands in front of this batch: the caller tells it.
    pub fn take_gap(&mut self) -> Option<Gap<U::Topic, GAPS>> {
        self.gap.take()
    }

    /// Why the batch was due.
    #[must_use]
    pub const fn reason(&self) -> FlushReason {
        self.reason
    }

    /// Updates in it that have not been taken out, nor [dropped](crate::Bus::failed_at).
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no update is in it; a gap may be.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes its updates away, with the items in which they lie, and has `items` in their place. So
    /// they need not be moved once more where they stay for long. The batch is settled with the
    /// receipt: [`Bus::settle`](crate::Bus::settle). A gap stays: [take](Self::take_gap) it when it
    /// is told; one that is still there at the next poll with this buffer is told again. What was
    /// [drained](Self::drain) before is gone from them.
    pub fn detach(&mut self, items: B) -> (Detached<U, B>, Receipt) {
        let receipt = self.receipt();
        (self.taken, self.len) = (0, 0);
        (core::mem::replace(&mut self.held, Detached::nothing_in(items)), receipt)
    }

    /// Whether it holds something whose end the bus does not know: itself, or a gap that was left
    /// behind when its updates were taken away.
    pub(crate) const fn is_open(&self) -> bool {
        self.is_unsettled || self.gap.is_some()
    }

    /// Takes over the duty to settle it.
    pub(crate) const fn receipt(&mut self) -> Receipt {
        Receipt {
            is_owed: core::mem::replace(&mut self.is_unsettled, false),
            in_flight: core::mem::replace(&mut self.in_flight, 0),
            handed_on: self.held.stamp.handed_on,
        }
    }

    pub(crate) fn put_gap(&mut self, gap: Gap<U::Topic, GAPS>) {
        self.gap = Some(gap);
    }

    /// What is in it is in flight from now on.
    pub(crate) const fn hand_on(&mut self, stamp: Stamp, reason: FlushReason) {
        (self.held.stamp, self.in_flight, self.reason) = (stamp, self.held.len, reason);
        (self.is_unsettled, self.len) = (true, self.held.len);
    }
}

impl<U: Update, B: AsRef<[Item<U>]> + AsMut<[Item<U>]>, const GAPS: usize> Batch<U, B, GAPS> {
    /// An empty buffer in items that the caller brings, a boxed slice say. What is behind the first
    /// 65,534 is not used; with no item at all, `poll` hands on nothing.
    #[must_use]
    pub fn with_items(items: B) -> Self {
        Self::with_items_const(items)
    }

    /// Most updates that fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.held.items.as_ref().len().min(crate::Config::MOST)
    }

    /// The updates in the order in which they left the queue.
    pub fn iter(&self) -> impl Iterator<Item = Handed<&U>> {
        self.held.iter_from(self.taken)
    }

    /// Takes the updates out, in order. Those that are not taken stay in the batch.
    pub fn drain(&mut self) -> impl Iterator<Item = Handed<U>> {
        let Self { held: Detached { items, len: filled, stamp, .. }, taken, len, .. } = self;
        let items = items.as_mut().get_mut(*taken..*filled).unwrap_or_default();
        items.iter_mut().filter_map(move |item| {
            let index = *taken;
            *taken += 1;
            let (terms, update) = (item.terms(), item.place.take()?);
            *len = len.saturating_sub(1);
            Some(Handed::new(*stamp, index, &terms, update))
        })
    }

    /// The topics of this batch in the order in which they come up, each with its updates in order.
    /// Linear in the batch (expected: topics are hashed).
    pub fn topics(&mut self) -> impl Iterator<Item = Topic<'_, U>> {
        let mut link = self.group();
        let stamp = self.held.stamp;
        let items = self.held.items.as_ref();
        core::iter::from_fn(move || {
            let first = link;
            let item = items.get(first.index())?;
            link = item.next;
            Some(Topic { items, stamp, first, topic: item.topic()? })
        })
    }

    /// Links the updates of each topic, and answers with the first update of the first topic.
    fn group(&mut self) -> Link {
        let (taken, len) = (self.taken, self.held.len);
        let Some(items) = self.held.items.as_mut().get_mut(..len) else { return Link::NONE };
        for item in &mut *items {
            (item.same, item.bucket, item.next) = (Link::NONE, Link::NONE, Link::NONE);
        }
        let (mut head, mut newest) = (Link::NONE, Link::NONE);
        for index in taken..len {
            let link = Link::to(index);
            let Some(topic) = items.get(index).and_then(Item::topic) else { continue };
            let bucket = bucket(&topic, len);
            let mut first = items.get(bucket).map_or(Link::NONE, |item| item.bucket);
            while let Some(item) = items.get(first.index()) {
                if item.topic().is_some_and(|known| known == topic) {
                    break;
                }
                first = item.chain;
            }
            if let Some(item) = items.get_mut(first.index()) {
                let last = core::mem::replace(&mut item.last, link);
                if let Some(item) = items.get_mut(last.index()) {
                    item.same = link;
                }
                continue;
            }
            let chain = match items.get_mut(bucket) {
                Some(item) => core::mem::replace(&mut item.bucket, link),
                None => Link::NONE,
            };
            if let Some(item) = items.get_mut(index) {
                (item.chain, item.last) = (chain, link);
            }
            match items.get_mut(newest.index()) {
                Some(item) => item.next = link,
                None => head = link,
            }
            newest = link;
        }
        head
    }

    /// Empties the buffer.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
        (self.taken, self.len, self.gap) = (0, 0, None);
    }

    /// Moves an update in, if there are fewer than `room`; answers whether it did.
    #[inline(always)]
    pub(crate) fn put(&mut self, place: &mut Place<U>, terms: &Terms, room: usize) -> bool {
        let Detached { items, len, .. } = &mut self.held;
        let Some(item) = items.as_mut().get_mut(*len).filter(|_| *len < room) else { return false };
        item.put(place, terms);
        *len += 1;
        true
    }

    /// How many updates were put in, whatever has become of them.
    pub(crate) const fn filled(&self) -> usize {
        self.held.len
    }

    /// Takes the update at this position out for good, if it is in the batch: it is settled.
    pub(crate) fn leave_out(&mut self, seq: u64) -> Option<U> {
        let index = usize::try_from(seq.checked_sub(self.held.stamp.first_seq)?).ok()?;
        let item = self.held.items.as_mut().get_mut(..self.held.len)?.get_mut(index)?;
        let update = item.place.take()?;
        item.expiry = Stored::new(Item::<U>::SETTLED);
        self.in_flight = self.in_flight.saturating_sub(1);
        self.len = self.len.saturating_sub(1);
        Some(update)
    }

    /// The update at `index` of the batch as it was handed on, if it is in flight; nothing in its
    /// place if it has been taken out.
    pub(crate) fn in_flight_at(&self, index: usize) -> Option<Option<&U>> {
        let item = self.held.items.as_ref().get(..self.held.len)?.get(index)?;
        (item.expiry.instant() != Item::<U>::SETTLED).then(|| item.place.get())
    }
}

impl<U, B> Detached<U, B> {
    const fn nothing_in(items: B) -> Self {
        let stamp = Stamp { first_seq: 0, handed_on: Instant::ZERO };
        Self { items, len: 0, stamp, updates: PhantomData }
    }

    /// How many there are, those among them that were drained or dropped before.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The position of the first one; the others follow without a hole.
    #[must_use]
    #[inline]
    pub const fn first_seq(&self) -> u64 {
        self.stamp.first_seq
    }
}

impl<U, B: AsRef<[Item<U>]> + AsMut<[Item<U>]>> Detached<U, B> {
    /// The update at `index`, from zero.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<Handed<&U>> {
        let item = self.items.as_ref().get(..self.len)?.get(index)?;
        Some(Handed::new(self.stamp, index, &item.terms(), item.place.get()?))
    }

    /// The updates, in order.
    #[inline]
    pub fn iter(&self) -> DetachedIter<'_, U> {
        self.iter_from(0)
    }

    /// The updates themselves, in order, for hosts that use a field of theirs for something else
    /// from here on.
    #[inline]
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut U> {
        let items = self.items.as_mut().get_mut(..self.len).unwrap_or_default();
        items.iter_mut().filter_map(|item| item.place.get_mut())
    }

    /// The items, vacant, to be used again.
    #[must_use]
    pub fn into_items(mut self) -> B {
        self.clear();
        self.items
    }

    #[inline]
    fn iter_from(&self, first: usize) -> DetachedIter<'_, U> {
        let items = self.items.as_ref().get(first..self.len).unwrap_or_default();
        DetachedIter { items: items.iter(), stamp: self.stamp, index: first }
    }

    fn clear(&mut self) {
        for item in self.items.as_mut().get_mut(..self.len).unwrap_or_default() {
            item.place = Place::VACANT;
        }
        self.len = 0;
    }
}

/// The updates of a [`Detached`], in order.
pub struct DetachedIter<'a, U> {
    items: core::slice::Iter<'a, Item<U>>,
    stamp: Stamp,
    /// Of the next item.
    index: usize,
}

impl<U> Clone for DetachedIter<'_, U> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), ..*self }
    }
}

/// No updates.
impl<U> Default for DetachedIter<'_, U> {
    fn default() -> Self {
        let stamp = Stamp { first_seq: 0, handed_on: Instant::ZERO };
        Self { items: [].iter(), stamp, index: 0 }
    }
}

impl<'a, U> Iterator for DetachedIter<'a, U> {
    type Item = Handed<&'a U>;

    #[inline]
    fn next(&mut self) -> Option<Handed<&'a U>> {
        loop {
            let item = self.items.next()?;
            let index = self.index;
            self.index += 1;
            if let Some(update) = item.place.get() {
                return Some(Handed::new(self.stamp, index, &item.terms(), update));
            }
        }
    }

    #[inline]
    fn fold<A, F: FnMut(A, Self::Item) -> A>(self, first: A, mut each: F) -> A {
        let Self { items, stamp, mut index } = self;
        items.fold(first, |folded, item| {
            index += 1;
            match item.place.get() {
                Some(update) => each(folded, Handed::new(stamp, index - 1, &item.terms(), update)),
                None => folded,
            }
        })
    }
}

impl<U: Update> Item<U> {
    fn topic(&self) -> Option<U::Topic> {
        Some(self.place.get()?.topic())
    }
}

impl<U: Update, B, const GAPS: usize> core::fmt::Debug for Batch<U, B, GAPS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Batch").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// An update as it left the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handed<U> {
    /// Its position: 1, 2, 3 … in the order of leaving. Gaps have positions too.
    pub seq: u64,
    /// Its priority: its own, or its category's.
    pub priority: Priority,
    /// The update.
    pub update: U,
    waited: u64,
    left: u64,
}

impl<U> Handed<U> {
    #[inline(always)]
    fn new(stamp: Stamp, index: usize, terms: &Terms, update: U) -> Self {
        Self {
            seq: stamp.first_seq + index as u64,
            priority: terms.priority,
            update,
            waited: stamp.handed_on.micros_since(terms.arrival),
            left: match terms.expiry {
                Instant::NEVER => u64::MAX,
                expiry => expiry.micros_since(stamp.handed_on),
            },
        }
    }

    /// How long it was queued: from when it was pushed until the batch was handed on.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        Duration::from_micros(self.waited)
    }

    /// The same in microseconds.
    #[must_use]
    pub const fn waited_micros(&self) -> u64 {
        self.waited
    }

    /// What was left of its time-to-live when the batch was handed on, in microseconds; `u64::MAX`
    /// if it has none.
    #[must_use]
    pub const fn ttl_left_micros(&self) -> u64 {
        self.left
    }

    /// What was left of its time-to-live when the batch was handed on; `None` if it has none.
    #[must_use]
    pub const fn ttl_left(&self) -> Option<Duration> {
        match self.left {
            u64::MAX => None,
            left => Some(Duration::from_micros(left)),
        }
    }
}

/// The updates of one topic in a batch.
#[derive(Debug)]
pub struct Topic<'a, U: Update> {
    items: &'a [Item<U>],
    stamp: Stamp,
    first: Link,
    topic: U::Topic,
}

impl<U: Update> Topic<'_, U> {
    /// The topic.
    #[must_use]
    pub const fn topic(&self) -> &U::Topic {
        &self.topic
    }

    /// Its updates, in order.
    pub fn iter(&self) -> impl Iterator<Item = Handed<&U>> {
        let mut link = self.first;
        core::iter::from_fn(move || {
            let index = link.index();
            let item = self.items.get(index)?;
            link = item.same;
            Some(Handed::new(self.stamp, index, &item.terms(), item.place.get()?))
        })
    }
}

impl core::fmt::Debug for Stamp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "from {}", self.first_seq)
    }
}

impl<U> core::fmt::Debug for DetachedIter<'_, U> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DetachedIter").field("left", &self.items.len()).finish_non_exhaustive()
    }
}

impl<U, B> core::fmt::Debug for Detached<U, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Detached").field("len", &self.len).finish_non_exhaustive()
    }
}

fn bucket(topic: &impl Hash, len: usize) -> usize {
    let mut hasher = Mix(0);
    topic.hash(&mut hasher);
    let mixed = hasher.0.wrapping_mul(0x9E37_79B9) >> 16;
    ((mixed * len as u32) >> 16) as usize
}

/// A small hash for small topics. A batch is short: who makes topics collide makes a batch slow to
/// group, by its length.
struct Mix(u32);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u32(u32::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u32(u32::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x0100_0193);
    }

    fn write_u64(&mut self, value: u64) {
        self.write_u32(value as u32);
        self.write_u32((value >> 32) as u32);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        u64::from(self.0)
    }
}
