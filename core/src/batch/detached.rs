//! Updates that were taken away from their batch.

use core::marker::PhantomData;

use super::handed::{Handed, Stamp};
use super::item::Item;
use crate::time::Instant;

/// The updates of a batch apart from it, in order: see [`Batch::detach`](crate::Batch::detach).
pub struct Detached<U, B> {
    pub(super) items: B,
    pub(super) len: usize,
    pub(super) stamp: Stamp,
    updates: PhantomData<U>,
}

impl<U, B> Detached<U, B> {
    pub(super) const fn nothing_in(items: B) -> Self {
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
    pub(super) fn iter_from(&self, first: usize) -> DetachedIter<'_, U> {
        let items = self.items.as_ref().get(first..self.len).unwrap_or_default();
        DetachedIter { items: items.iter(), stamp: self.stamp, index: first }
    }

    pub(super) fn clear(&mut self) {
        for item in self.items.as_mut().get_mut(..self.len).unwrap_or_default() {
            item.place.vacate();
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

impl<U, B> core::fmt::Debug for Detached<U, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Detached").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<U> core::fmt::Debug for DetachedIter<'_, U> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DetachedIter").field("left", &self.items.len()).finish_non_exhaustive()
    }
}
