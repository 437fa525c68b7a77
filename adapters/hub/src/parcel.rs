//! Delivered updates, as readers share them.

use std::sync::Arc;

use statusbus_core::{Batch, BatchIter, BatchUpdate, Category, CategorySet, Item, Priority};

use crate::post::Post;
use crate::update::{Group, Update};

/// A batch as it left the queue, in the buffer that it left into.
pub(crate) type Posts = Batch<Post, Box<[Item<Post>]>>;

/// A batch of updates, which everyone who holds it reads: none of them needs a copy of his own.
#[derive(Default)]
pub(crate) struct Parcel {
    held: Held,
    pub(crate) groups: Vec<Group>,
    /// The indices of the updates, by group. Empty if there is only one.
    order: Vec<u16>,
    /// The categories of the updates: what readers who want only some of them go through.
    kinds: Vec<Category>,
    /// All of these.
    categories: CategorySet,
    /// The indices of the updates, by category: for readers who want only one. Empty if there is
    /// only one.
    by_kind: Vec<u16>,
    /// Where the categories end in these.
    kind_ends: Vec<u16>,
}

enum Held {
    /// As they left the queue; with the bus's clock and the wall clock at that time, in
    /// microseconds.
    Posts { posts: Posts, now: u64, wall: u64 },
    /// Copied out of other parcels.
    Copies(Vec<Delivered>),
}

/// An update that was copied out of its parcel.
#[derive(Clone)]
pub(crate) struct Delivered {
    pub(crate) post: Post,
    pub(crate) seq: u64,
    /// Microseconds since 1970.
    pub(crate) said: u64,
    /// On the bus's clock in microseconds; `u64::MAX`: never.
    pub(crate) expiry: u64,
    pub(crate) priority: Priority,
}

impl Delivered {
    pub(crate) fn of(update: Update<'_>) -> Self {
        Self {
            post: update.post.clone(),
            seq: update.seq,
            said: update.said,
            expiry: update.expiry,
            priority: update.priority,
        }
    }

    pub(crate) const fn update<'a>(&'a self, groups: &'a [Group]) -> Update<'a> {
        Update {
            post: &self.post,
            seq: self.seq,
            said: self.said,
            expiry: self.expiry,
            priority: self.priority,
            groups,
        }
    }
}

impl Default for Held {
    fn default() -> Self {
        Self::Copies(Vec::new())
    }
}

impl Parcel {
    /// Takes a batch in. Its groups are those of this parcel: each update says which is its own.
    pub(crate) fn fill(&mut self, posts: Posts, now: u64, wall: u64) {
        self.categories =
            self.groups.iter().fold(CategorySet::NONE, |all, group| all.union(group.categories));
        self.kinds.extend(posts.iter().map(|one| one.update.category));
        self.sort_kinds();
        if self.groups.len() > 1 {
            let mut start = 0;
            for group in &mut self.groups {
                group.start = start;
                start += group.len;
            }
            self.order.resize(posts.len(), 0);
            for (index, one) in posts.iter().enumerate() {
                if let Some(group) = self.groups.get_mut(one.update.about as usize)
                    && let Some(place) = self.order.get_mut(group.start as usize)
                {
                    *place = index as u16;
                    group.start += 1;
                }
            }
            for group in &mut self.groups {
                group.start -= group.len;
            }
        }
        self.held = Held::Posts { posts, now, wall };
    }

    fn sort_kinds(&mut self) {
        let Self { kinds, categories, by_kind, kind_ends, .. } = self;
        if kinds.first().is_none_or(|first| CategorySet::NONE.with(*first) == *categories) {
            return;
        }
        // first how many there are of each, then where they begin, and at last where they end
        kind_ends.resize(Category::MAX, 0);
        for kind in &*kinds {
            if let Some(count) = kind_ends.get_mut(kind.index()) {
                *count += 1;
            }
        }
        let mut begin = 0;
        for count in &mut *kind_ends {
            begin += std::mem::replace(count, begin);
        }
        by_kind.resize(kinds.len(), 0);
        for (index, kind) in kinds.iter().enumerate() {
            if let Some(end) = kind_ends.get_mut(kind.index())
                && let Some(place) = by_kind.get_mut(usize::from(*end))
            {
                *place = index as u16;
                *end += 1;
            }
        }
    }

    /// The indices of the updates of these categories, in order, if they are to be had at once.
    #[inline]
    pub(crate) fn of_kinds(&self, chosen: CategorySet) -> Option<&[u16]> {
        let kind = self.categories.intersection(chosen).only()?.index();
        let end = usize::from(*self.kind_ends.get(kind)?);
        let begin = match kind.checked_sub(1) {
            Some(before) => usize::from(*self.kind_ends.get(before)?),
            None => 0,
        };
        self.by_kind.get(begin..end)
    }

    /// Appends a copy of another parcel's update, to whichever group has its name.
    pub(crate) fn copy(&mut self, name: Option<&Arc<str>>, mut delivered: Delivered) {
        if self.groups.last().is_none_or(|group| group.name.as_ref() != name) {
            self.groups.push(Group::new(name.cloned(), 0));
        }
        if let Some(group) = self.groups.last_mut() {
            group.count(&delivered.post);
        }
        let category = delivered.post.category;
        self.kinds.push(category);
        self.categories = self.categories.with(category);
        delivered.post.about = self.groups.len() as u32 - 1;
        if let Held::Copies(copies) = &mut self.held {
            copies.push(delivered);
        }
    }

    /// Empties it, and hands out the buffer that the updates lay in.
    pub(crate) fn clear(&mut self) -> Option<Box<[Item<Post>]>> {
        self.groups.clear();
        self.order.clear();
        self.kinds.clear();
        self.by_kind.clear();
        self.kind_ends.clear();
        self.categories = CategorySet::NONE;
        match std::mem::take(&mut self.held) {
            Held::Posts { posts, .. } => Some(posts.into_items()),
            Held::Copies(_) => None,
        }
    }

    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.kinds.len()
    }

    #[inline]
    pub(crate) const fn categories(&self) -> CategorySet {
        self.categories
    }

    /// The position of the first update; none if there is none.
    #[inline]
    pub(crate) fn first_seq(&self) -> Option<u64> {
        match &self.held {
            Held::Posts { posts, .. } => Some(posts.first_seq()),
            Held::Copies(copies) => Some(copies.first()?.seq),
        }
    }

    /// What the updates of a group, or all of them, have allocated.
    pub(crate) fn allocated(&self, group: Option<u32>) -> u64 {
        match group {
            Some(group) => self.groups.get(group as usize).map_or(0, |group| group.bytes),
            None => self.groups.iter().map(|group| group.bytes).sum(),
        }
    }

    /// Of the updates from `index` on, the first one of these categories.
    #[inline]
    pub(crate) fn find(&self, index: usize, categories: CategorySet) -> Option<usize> {
        let kinds = self.kinds.get(index..)?;
        Some(index + kinds.iter().position(|kind| categories.contains(*kind))?)
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<Update<'_>> {
        match &self.held {
            Held::Posts { posts, now, wall } => {
                Some(shown(posts.get(index)?, *now, *wall, &self.groups))
            }
            Held::Copies(copies) => Some(copies.get(index)?.update(&self.groups)),
        }
    }

    /// The update at a position.
    pub(crate) fn at(&self, seq: u64) -> Option<Update<'_>> {
        let index = match &self.held {
            Held::Posts { posts, .. } => seq.checked_sub(posts.first_seq())? as usize,
            Held::Copies(copies) => copies.iter().position(|copy| copy.seq == seq)?,
        };
        self.get(index)
    }

    /// The updates of a group by their indices, in order; none: they are all of the parcel.
    pub(crate) fn order_of(&self, group: Option<u32>) -> Option<&[u16]> {
        if self.order.is_empty() {
            return None;
        }
        let group = self.groups.get(group? as usize)?;
        self.order.get(group.start as usize..)?.get(..group.len as usize)
    }

    /// The updates of a group, or all of them, with their indices, in order.
    pub(crate) fn walk(&self, group: Option<u32>) -> impl Iterator<Item = (usize, Update<'_>)> {
        let order = self.order_of(group);
        let len = order.map_or(self.len(), <[u16]>::len);
        (0..len).filter_map(move |place| {
            let index = match order {
                Some(order) => usize::from(*order.get(place)?),
                None => place,
            };
            Some((index, self.get(index)?))
        })
    }

    /// All updates.
    pub(crate) fn iter(&self) -> All<'_> {
        match &self.held {
            Held::Posts { posts, now, wall } => All {
                posts: posts.iter(),
                copies: [].iter(),
                now: *now,
                wall: *wall,
                groups: &self.groups,
            },
            Held::Copies(copies) => All { copies: copies.iter(), ..All::none(&self.groups) },
        }
    }
}

/// All updates of a parcel.
#[derive(Clone)]
pub(crate) struct All<'a> {
    posts: BatchIter<'a, Post>,
    copies: std::slice::Iter<'a, Delivered>,
    now: u64,
    wall: u64,
    groups: &'a [Group],
}

impl<'a> All<'a> {
    /// The update behind `n` more, if all that is left are copies and there are as many: O(1). Else
    /// nothing is skipped.
    pub(crate) fn nth_copy(&mut self, n: usize) -> Option<Update<'a>> {
        let is_left = n < self.copies.len() && self.posts.clone().next().is_none();
        let delivered = if is_left { self.copies.nth(n) } else { None };
        Some(delivered?.update(self.groups))
    }

    pub(crate) fn none(groups: &'a [Group]) -> Self {
        Self { posts: BatchIter::default(), copies: [].iter(), now: 0, wall: 0, groups }
    }
}

impl<'a> Iterator for All<'a> {
    type Item = Update<'a>;

    #[inline]
    fn next(&mut self) -> Option<Update<'a>> {
        match self.posts.next() {
            Some(post) => Some(shown(post, self.now, self.wall, self.groups)),
            None => Some(self.copies.next()?.update(self.groups)),
        }
    }

    #[inline]
    fn fold<A, F: FnMut(A, Self::Item) -> A>(self, first: A, mut each: F) -> A {
        let Self { posts, copies, now, wall, groups } = self;
        let folded = posts.fold(first, |folded, post| each(folded, shown(post, now, wall, groups)));
        copies.fold(folded, |folded, delivered| each(folded, delivered.update(groups)))
    }
}

#[inline(always)]
fn shown<'a>(one: BatchUpdate<'a, Post>, now: u64, wall: u64, groups: &'a [Group]) -> Update<'a> {
    Update {
        post: one.update,
        seq: one.seq,
        said: wall.saturating_sub(one.waited_micros()),
        expiry: now.saturating_add(one.ttl_left_micros()),
        priority: one.priority,
        groups,
    }
}
