//! Delivered updates, as readers share them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use statusbus_core::{Category, CategorySet, Priority};

use crate::Text;
use crate::post::Extra;

/// A batch of updates, written once by the runner and read by everyone who holds it. Updates of one
/// conversation are linked, so that its readers need no copy of their own.
#[derive(Default)]
pub(crate) struct Parcel {
    pub(crate) updates: Vec<Delivered>,
    pub(crate) groups: Vec<Group>,
}

/// The updates of one conversation in a parcel.
pub(crate) struct Group {
    /// The name of the conversation; none if it is the system.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) len: u32,
    pub(crate) categories: CategorySet,
    pub(crate) keyed: bool,
}

#[derive(Clone)]
pub(crate) struct Delivered {
    pub(crate) seq: u64,
    /// Microseconds since 1970.
    pub(crate) at: u64,
    /// When it is no longer worth showing, on the bus's clock in microseconds; `u64::MAX`: never.
    pub(crate) expiry: u64,
    pub(crate) extra: Option<Arc<Extra>>,
    pub(crate) text: Text,
    pub(crate) group: u32,
    /// The next update of the same group; its own index if it is the last one.
    pub(crate) next: u16,
    pub(crate) category: Category,
    pub(crate) priority: Priority,
}

impl Delivered {
    pub(crate) fn key(&self) -> Option<&str> {
        self.extra.as_ref()?.key.as_deref()
    }

    /// The index of the next update, of the same group or of all; past the end after the last one.
    fn next_index(&self, index: usize, linked: bool) -> usize {
        let next = if linked { usize::from(self.next) } else { index + 1 };
        if next == index { usize::MAX } else { next }
    }
}

impl Parcel {
    /// Appends an update to its group.
    #[inline]
    pub(crate) fn push(&mut self, mut delivered: Delivered) {
        let index = self.updates.len() as u16;
        delivered.next = index;
        if let Some(group) = self.groups.get_mut(delivered.group as usize) {
            if group.len == 0 {
                group.first = index;
            } else if let Some(last) = self.updates.get_mut(usize::from(group.last)) {
                last.next = index;
            }
            group.last = index;
            group.len += 1;
            group.categories = group.categories.with(delivered.category);
            group.keyed |= delivered.extra.is_some();
        }
        self.updates.push(delivered);
    }

    /// Appends an update of another parcel, to whichever group has its name.
    pub(crate) fn copy(&mut self, name: Option<&Arc<str>>, delivered: &Delivered) {
        let group = match self.groups.last() {
            Some(group) if group.name.as_ref() == name => self.groups.len() - 1,
            _ => {
                self.groups.push(Group::new(name.cloned()));
                self.groups.len() - 1
            }
        };
        self.push(Delivered { group: group as u32, ..delivered.clone() });
    }

    pub(crate) fn clear(&mut self) {
        self.updates.clear();
        self.groups.clear();
    }

    /// The updates of a group, or all from `first` on.
    pub(crate) fn walk(&self, first: u16, linked: bool) -> impl Iterator<Item = &Delivered> {
        let mut index = usize::from(first);
        std::iter::from_fn(move || {
            let delivered = self.updates.get(index)?;
            index = delivered.next_index(index, linked);
            Some(delivered)
        })
    }
}

impl Group {
    pub(crate) const fn new(name: Option<Arc<str>>) -> Self {
        Self { name, first: 0, last: 0, len: 0, categories: CategorySet::NONE, keyed: false }
    }
}

/// Updates that arrived together, as one reader sees them. Cheap to clone: everyone who reads them
/// shares them.
#[derive(Clone)]
pub struct Batch {
    pub(crate) parcel: Arc<Parcel>,
    pub(crate) first: u16,
    /// Only the updates linked to the first one.
    pub(crate) linked: bool,
    pub(crate) categories: CategorySet,
    /// Up to this position the reader has them already.
    pub(crate) after: u64,
    pub(crate) last_seq: u64,
}

impl Batch {
    /// The updates, in order.
    #[must_use]
    pub fn iter(&self) -> Updates<'_> {
        let parcel = &*self.parcel;
        let first = usize::from(self.first);
        let whole = !self.linked || parcel.groups.len() == 1;
        let wanted = parcel
            .groups
            .iter()
            .all(|group| group.categories.intersection(self.categories) == group.categories);
        let known = parcel.updates.get(first).is_none_or(|update| update.seq <= self.after);
        let plain = whole && wanted && !known;
        Updates {
            parcel,
            rest: parcel.updates.get(first..).filter(|_| plain).unwrap_or_default().iter(),
            index: if plain { usize::MAX } else { first },
            batch: self,
        }
    }

    /// The position up to which a reader is who has read this batch: resume behind it.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.last_seq
    }

    /// Whether no update is in it; only a batch of retained updates can be empty.
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

/// The updates of a [`Batch`].
#[derive(Clone)]
pub struct Updates<'a> {
    parcel: &'a Parcel,
    /// What is left if all of the parcel is wanted, as it mostly is.
    rest: std::slice::Iter<'a, Delivered>,
    /// The next one to look at, if not.
    index: usize,
    batch: &'a Batch,
}

impl<'a> Iterator for Updates<'a> {
    type Item = Update<'a>;

    #[inline]
    fn next(&mut self) -> Option<Update<'a>> {
        match self.rest.next() {
            Some(delivered) => Some(Update { delivered, groups: &self.parcel.groups }),
            None => self.next_wanted(),
        }
    }
}

impl<'a> Updates<'a> {
    fn next_wanted(&mut self) -> Option<Update<'a>> {
        loop {
            let delivered = self.parcel.updates.get(self.index)?;
            self.index = delivered.next_index(self.index, self.batch.linked);
            if self.batch.categories.contains(delivered.category)
                && delivered.seq > self.batch.after
            {
                return Some(Update { delivered, groups: &self.parcel.groups });
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

/// One delivered update.
#[derive(Clone, Copy)]
pub struct Update<'a> {
    delivered: &'a Delivered,
    groups: &'a [Group],
}

impl<'a> Update<'a> {
    /// Its position on the bus; together with the bus's epoch it is never given twice.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.delivered.seq
    }

    /// What it is about; `None`: the whole system.
    #[must_use]
    pub fn conversation(&self) -> Option<&'a str> {
        self.groups.get(self.delivered.group as usize)?.name.as_deref()
    }

    /// Its category.
    #[must_use]
    pub const fn category(&self) -> Category {
        self.delivered.category
    }

    /// Its text.
    #[must_use]
    #[inline]
    pub fn text(&self) -> &'a str {
        self.delivered.text.as_str()
    }

    /// Its metadata, a JSON object in its written form.
    #[must_use]
    pub fn metadata(&self) -> Option<&'a str> {
        Some(self.delivered.extra.as_ref()?.metadata.as_ref()?.as_json())
    }

    /// The thing whose current value it is.
    #[must_use]
    pub fn key(&self) -> Option<&'a str> {
        self.delivered.key()
    }

    /// Its priority: its own, or its category's.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.delivered.priority
    }

    /// When it was sent, by the wall clock. While the queue is not empty, senders share one reading
    /// of the clock: it is exact to the flush interval.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.delivered.at)
    }
}

impl std::fmt::Debug for Update<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Update")
            .field("seq", &self.seq())
            .field("conversation", &self.conversation())
            .field("category", &self.category())
            .field("text", &self.text())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(seq: u64) -> Delivered {
        Delivered {
            seq,
            at: 0,
            expiry: u64::MAX,
            extra: None,
            text: Text::from_static("text"),
            group: 0,
            next: 0,
            category: Category::TOOL,
            priority: Priority::State,
        }
    }

    /// What [`Builder::window`](crate::Builder::window) promises.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_delivered_update_takes_88_bytes() {
        assert_eq!(size_of::<Delivered>(), 88);
    }

    /// Retained values of a whole bus are not bounded by the size of a batch.
    #[test]
    fn a_parcel_takes_more_than_fit_16_bits() {
        let names: Vec<Arc<str>> = vec!["a".into(), "b".into(), "c".into()];
        for conversations in [1, 3] {
            let whose = |seq: u64| names.get(seq as usize % conversations);
            let mut parcel = Parcel::default();
            for seq in 1..=70_000 {
                parcel.copy(whose(seq), &delivered(seq));
            }
            let categories = CategorySet::ALL.without(Category::INFO);
            let parcel = Arc::new(parcel);
            for after in [0, 65_536] {
                let parcel = Arc::clone(&parcel);
                let batch =
                    Batch { parcel, first: 0, linked: false, categories, after, last_seq: 70_000 };
                let read = batch.iter().map(|update| (update.seq(), update.conversation()));
                let expected =
                    (after + 1..=70_000).map(|seq| (seq, whose(seq).map(|name| &**name)));
                assert!(read.eq(expected), "{conversations} conversations, behind {after}");
            }
        }
    }
}
