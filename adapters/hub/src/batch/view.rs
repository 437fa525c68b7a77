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
        let next = self.block.index_behind(self.after);
        let (mut cells, mut rest) = ([].iter(), Rest::None);
        if let Some(part) = self.part {
            rest = Rest::From(next.max(part.first as usize));
        } else if self.has_all_categories() {
            cells = self.block.cells().get(next..).unwrap_or_default().iter();
        } else if let Some(indices) = self.block.of_category(self.categories) {
            let read = indices.partition_point(|index| (*index as usize) < next);
            rest = Rest::Listed(indices.get(read..).unwrap_or_default());
        } else {
            rest = Rest::From(next);
        }
        Updates { cells, rest, batch: self }
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

    /// Whether it has an update. Mostly O(1).
    #[inline]
    pub(crate) fn has_updates(&self) -> bool {
        let is_new = self.after < self.block.seq(0);
        (is_new && self.has_all_categories()) || !self.is_empty()
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
    /// What is left, if it is all of the block.
    cells: std::slice::Iter<'a, Cell>,
    /// What is left, if it is not.
    rest: Rest<'a>,
    batch: &'a Batch,
}

/// Which updates of the block are left.
#[derive(Clone)]
enum Rest<'a> {
    /// None.
    None,
    /// Those at these indices.
    Listed(&'a [u32]),
    /// From this index on some, as the batch selects them.
    From(usize),
}

impl<'a> Iterator for Updates<'a> {
    type Item = Update<'a>;

    #[inline]
    fn next(&mut self) -> Option<Update<'a>> {
        match self.cells.next() {
            Some(cell) => Some(Update::new(cell, &self.batch.block)),
            None => self.next_selected(),
        }
    }

    fn nth(&mut self, n: usize) -> Option<Update<'a>> {
        if let Some(cell) = self.cells.nth(n) {
            return Some(Update::new(cell, &self.batch.block));
        }
        if let Rest::Listed(indices) = &mut self.rest {
            *indices = indices.get(n..).unwrap_or_default();
            return self.next_selected();
        }
        (0..n).try_for_each(|_| self.next_selected().map(drop))?;
        self.next_selected()
    }

    #[inline]
    fn fold<A, F: FnMut(A, Self::Item) -> A>(mut self, first: A, mut each: F) -> A {
        let block = &*self.batch.block;
        let cells = std::mem::take(&mut self.cells);
        let mut folded = first;
        if block.has_rare() {
            for cell in cells {
                folded = each(folded, Update::new(cell, block));
            }
        } else {
            // Most batches: the text of each update lies in its cell.
            for cell in cells {
                folded = each(folded, Update { cell, text: &cell.text, block });
            }
        }
        if let Rest::Listed(indices) = self.rest {
            let listed = indices.iter().filter_map(|index| block.get(*index as usize));
            return listed.fold(folded, each);
        }
        while let Some(update) = self.next_selected() {
            folded = each(folded, update);
        }
        folded
    }
}

impl<'a> Updates<'a> {
    #[inline(never)]
    fn next_selected(&mut self) -> Option<Update<'a>> {
        let Batch { block, part, categories, .. } = self.batch;
        let next = match &mut self.rest {
            Rest::None => return None,
            Rest::Listed(indices) => {
                let (index, rest) = indices.split_first()?;
                *indices = rest;
                return block.get(*index as usize);
            }
            Rest::From(next) => next,
        };
        let end = part.map_or(block.len(), |part| part.last as usize + 1);
        let cells = block.cells().get(*next..end)?;
        let found = cells.iter().position(|Cell { subject, .. }| {
            categories.contains(subject.category())
                && part.is_none_or(|part| part.conversation == subject.conversation())
        })?;
        let index = *next + found;
        *next = index + 1;
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
