//! Batches as readers receive them.

use std::sync::Arc;

use statusbus_core::CategorySet;

use crate::parcel::{All, Parcel};
use crate::update::Update;

/// Updates that were delivered together, in the selection and categories of one reader. A clone is
/// cheap, because all readers share the updates. They are in memory as long as a clone is held.
#[derive(Clone)]
pub struct Batch {
    pub(crate) parcel: Arc<Parcel>,
    /// Only the updates of this group of the parcel.
    pub(crate) group: Option<u32>,
    pub(crate) categories: CategorySet,
    /// Up to this position the reader has them already.
    pub(crate) after: u64,
    pub(crate) last_seq: u64,
}

impl Batch {
    /// The updates, in the order of the bus.
    #[must_use]
    #[inline]
    pub fn iter(&self) -> Updates<'_> {
        let parcel = &*self.parcel;
        let order = match parcel.order_of(self.group) {
            None => parcel.of_kinds(self.categories),
            order => order,
        };
        let all = parcel.categories();
        let wanted = all.intersection(self.categories) == all;
        let news = parcel.first_seq().is_some_and(|seq| seq > self.after);
        let plain = order.is_none() && wanted && news;
        Updates {
            rest: if plain { parcel.iter() } else { All::none(&parcel.groups) },
            next: if plain { usize::MAX } else { 0 },
            order,
            batch: self,
        }
    }

    /// The position to [resume](crate::Subscribe::resume) from after this batch.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.last_seq
    }

    /// Whether both are the same view of the same memory, so that an encoding of one can be reused for
    /// the other. This holds for most batches and retained values that readers of the same selection
    /// receive at the same position. `false` does not mean that the updates differ. O(1).
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        let view = |batch: &Self| (batch.group, batch.categories, batch.after, batch.last_seq);
        Arc::ptr_eq(&self.parcel, &other.parcel) && view(self) == view(other)
    }

    /// The number of updates. O(n) in the number that were delivered together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether an update is in it, if one of its categories is.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        let all = self.parcel.categories();
        let news = self.parcel.first_seq().is_some_and(|seq| seq > self.after);
        (news && all.intersection(self.categories) == all) || !self.is_empty()
    }

    /// Whether it has no update. Only [retained values](crate::Event::Retained) can be empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The updates of a [`Batch`]: from [`Batch::iter`].
#[derive(Clone)]
pub struct Updates<'a> {
    /// What is left if all of the parcel is wanted, as it mostly is.
    rest: All<'a>,
    /// The place of the next one to look at, if not.
    next: usize,
    /// The indices of the updates at those places; none: they are the places.
    order: Option<&'a [u16]>,
    batch: &'a Batch,
}

impl<'a> Iterator for Updates<'a> {
    type Item = Update<'a>;

    #[inline]
    fn next(&mut self) -> Option<Update<'a>> {
        match self.rest.next() {
            Some(update) => Some(update),
            None => self.next_wanted(),
        }
    }

    fn nth(&mut self, n: usize) -> Option<Update<'a>> {
        // Copies, as retained values are, can be skipped without looking at them.
        if let Some(update) = self.rest.nth_copy(n) {
            return Some(update);
        }
        (0..n).try_for_each(|_| self.next().map(drop))?;
        self.next()
    }

    #[inline]
    fn fold<A, F: FnMut(A, Self::Item) -> A>(mut self, first: A, mut each: F) -> A {
        let rest = std::mem::replace(&mut self.rest, All::none(&[]));
        let mut folded = rest.fold(first, &mut each);
        while let Some(update) = self.next_wanted() {
            folded = each(folded, update);
        }
        folded
    }
}

impl<'a> Updates<'a> {
    fn next_wanted(&mut self) -> Option<Update<'a>> {
        let Self { order, batch, .. } = self;
        loop {
            let index = match order {
                Some(order) => usize::from(*order.get(self.next)?),
                None => {
                    self.next = batch.parcel.find(self.next, batch.categories)?;
                    self.next
                }
            };
            let update = batch.parcel.get(index)?;
            self.next += 1;
            if batch.categories.contains(update.category()) && update.seq > batch.after {
                return Some(update);
            }
        }
    }
}

impl std::fmt::Debug for Updates<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = Update<'a>;
    type IntoIter = Updates<'a>;

    fn into_iter(self) -> Updates<'a> {
        self.iter()
    }
}
