//! Batches as readers receive them.

use std::sync::Arc;

use statusbus_core::CategorySet;

use super::block::{Block, Cell};
use super::update::Update;

/// Updates that were delivered together, in the selection and categories of one reader. A clone is
/// cheap, because all readers share the updates. They are in memory as long as a clone is held.
#[derive(Clone)]
pub struct Batch {
    pub(crate) block: Arc<Block>,
    /// Only these updates of the block.
    pub(crate) part: Option<Part>,
    pub(crate) categories: CategorySet,
    /// Up to this position the reader has them already.
    pub(crate) after: u64,
    pub(crate) last_seq: u64,
}

/// The updates of one conversation in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) conversation: u32,
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) len: u32,
}

impl Batch {
    /// The updates, in the order of the bus.
    #[must_use]
    #[inline]
    pub fn iter(&self) -> Updates<'_> {
        let next = match self.block.index_behind(self.after) {
            next if self.part.is_none() => next,
            next => next.max(self.part.map_or(0, |part| part.first as usize)),
        };
        let rest = if self.part.is_some() {
            Rest::Some
        } else if self.has_all_categories() {
            Rest::All
        } else if let Some(indices) = self.block.of_category(self.categories) {
            let read = indices.partition_point(|index| (*index as usize) < next);
            Rest::Listed(indices.get(read..).unwrap_or_default())
        } else {
            Rest::Some
        };
        Updates { rest, next, batch: self }
    }

    fn has_all_categories(&self) -> bool {
        let all = self.block.categories();
        all.intersection(self.categories) == all
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
        let view = |batch: &Self| (batch.part, batch.categories, batch.after, batch.last_seq);
        Arc::ptr_eq(&self.block, &other.block) && view(self) == view(other)
    }

    /// The number of updates. O(n) in the number that were delivered together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether it has no update. Only [retained values](crate::Event::Retained) can be empty.
    #[must_use]
    #[inline]
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
    rest: Rest<'a>,
    /// The index of the next update to look at, unless they are listed.
    next: usize,
    batch: &'a Batch,
}

/// Which updates of the block are left.
#[derive(Clone)]
enum Rest<'a> {
    /// All of them.
    All,
    /// Those at these indices.
    Listed(&'a [u32]),
    /// Some, as the batch selects them.
    Some,
}

impl<'a> Iterator for Updates<'a> {
    type Item = Update<'a>;

    #[inline]
    fn next(&mut self) -> Option<Update<'a>> {
        match &mut self.rest {
            Rest::All => {
                let index = self.next;
                self.next += 1;
                self.batch.block.get(index)
            }
            Rest::Listed(indices) => {
                let (index, rest) = indices.split_first()?;
                *indices = rest;
                self.batch.block.get(*index as usize)
            }
            Rest::Some => self.next_selected(),
        }
    }

    fn nth(&mut self, n: usize) -> Option<Update<'a>> {
        match &mut self.rest {
            Rest::All => self.next = self.next.saturating_add(n),
            Rest::Listed(indices) => *indices = indices.get(n..).unwrap_or_default(),
            Rest::Some => (0..n).try_for_each(|_| self.next_selected().map(drop))?,
        }
        self.next()
    }

    #[inline]
    fn fold<A, F: FnMut(A, Self::Item) -> A>(mut self, first: A, mut each: F) -> A {
        let block = &*self.batch.block;
        match self.rest {
            Rest::All => block.iter_from(self.next).fold(first, each),
            Rest::Listed(indices) => {
                indices.iter().filter_map(|index| block.get(*index as usize)).fold(first, each)
            }
            Rest::Some => {
                let mut folded = first;
                while let Some(update) = self.next_selected() {
                    folded = each(folded, update);
                }
                folded
            }
        }
    }
}

impl<'a> Updates<'a> {
    fn next_selected(&mut self) -> Option<Update<'a>> {
        let Batch { block, part, categories, .. } = self.batch;
        let end = part.map_or(block.len(), |part| part.last as usize + 1);
        let cells = block.cells().get(self.next..end)?;
        let found = cells.iter().position(|Cell { subject, .. }| {
            categories.contains(subject.category())
                && part.is_none_or(|part| part.conversation == subject.conversation())
        })?;
        let index = self.next + found;
        self.next = index + 1;
        block.get(index)
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
