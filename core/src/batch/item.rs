//! Where the updates of a batch lie.

use crate::Update;
use crate::slots::{Link, Place, StoredTerms, Terms};
use crate::time::Instant;

/// Room for one update of a batch.
pub struct Item<U> {
    pub(super) place: Place<U>,
    terms: StoredTerms,
    /// The next update of the same topic.
    pub(super) same: Link,
    /// For the first update of a topic: the last one.
    pub(super) last: Link,
    /// For the first update of a topic: the first one of the topic that came up next.
    pub(super) next: Link,
    /// For the first update of a topic: the first one of another topic whose hash falls together.
    pub(super) chain: Link,
    /// The first update of the topics whose hash falls on this item's index.
    pub(super) bucket: Link,
}

impl<U> Item<U> {
    /// Room with nothing in it.
    pub const VACANT: Self = Self {
        place: Place::VACANT,
        terms: StoredTerms::NONE,
        same: Link::NONE,
        last: Link::NONE,
        next: Link::NONE,
        chain: Link::NONE,
        bucket: Link::NONE,
    };

    #[cfg(feature = "defmt")]
    pub(crate) const fn is_vacant(&self) -> bool {
        self.place.is_vacant()
    }

    /// The update that was in it is settled by itself.
    pub(super) const fn settle(&mut self) {
        self.terms = StoredTerms::NONE;
    }

    /// Whether the update that was in it is settled by itself. None that is in flight says so: what
    /// expires so early is never handed on.
    pub(super) fn is_settled(&self) -> bool {
        self.terms.expiry() == Instant::ZERO
    }

    #[inline(always)]
    pub(super) const fn terms(&self) -> Terms {
        self.terms.get()
    }
}

impl<U: Update> Item<U> {
    /// Moves an update in.
    #[inline(always)]
    pub(crate) fn put(&mut self, place: &mut Place<U>, terms: &Terms) {
        self.place.fill(place);
        self.terms = StoredTerms::new(terms);
    }

    pub(super) fn topic(&self) -> Option<U::Topic> {
        Some(self.place.get()?.topic())
    }
}

impl<U> core::fmt::Debug for Item<U> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.place.is_vacant() { "Item(vacant)" } else { "Item(occupied)" })
    }
}
