//! A delivered update, as readers see it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use statusbus_core::{Category, Priority};

use super::block::{Block, Cell, OwnedUpdate};
use super::details::Details;
use super::subject::Subject;

/// One delivered update.
#[derive(Clone, Copy)]
pub struct Update<'a> {
    pub(super) cell: &'a Cell,
    pub(super) text: &'a str,
    pub(super) block: &'a Block,
}

impl<'a> Update<'a> {
    #[inline(always)]
    pub(super) fn new(cell: &'a Cell, block: &'a Block) -> Self {
        let mut update = Self { cell, text: &cell.text, block };
        if cell.subject.is_long() {
            update.text = block.long_text(update.index(), cell.subject).unwrap_or_default();
        }
        update
    }

    /// Its index in the block.
    #[inline]
    fn index(&self) -> usize {
        let first = self.block.cells().as_ptr();
        (std::ptr::from_ref(self.cell).addr() - first.addr()) / size_of::<Cell>()
    }

    /// Its position: with the [epoch](crate::Status::epoch) of the bus, a unique id of the update.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.block.seq(self.index())
    }

    /// Its conversation; `None`: a system-wide update.
    #[must_use]
    pub fn conversation(&self) -> Option<&'a str> {
        self.block.name(self.cell.subject.conversation()).map(|name| &**name)
    }

    /// Its category. [`Status::categories`](crate::Status::categories) has the name.
    #[must_use]
    pub const fn category(&self) -> Category {
        self.cell.subject.category()
    }

    /// Its text.
    #[must_use]
    #[inline(always)]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// Its metadata: a JSON object on one line.
    #[must_use]
    pub fn metadata(&self) -> Option<&'a str> {
        Some(self.details()?.metadata.as_ref()?.as_json())
    }

    /// Its key: the name of the value that it sets.
    #[must_use]
    pub fn key(&self) -> Option<&'a str> {
        self.details()?.key.as_deref()
    }

    /// Its priority: its own, or else that of its category.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.block.delivered(self.index(), self.cell.subject).priority
    }

    /// When it was sent, by the wall clock. Accurate to the flush interval, because senders share one
    /// clock reading while the queue is not empty.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        let age = self.details().map_or(0, |details| details.age);
        let sent_at = self.block.delivered(self.index(), self.cell.subject).sent_at;
        UNIX_EPOCH + Duration::from_micros(sent_at.saturating_sub(age))
    }

    #[inline]
    pub(crate) fn details(&self) -> Option<&'a Arc<Details>> {
        self.block.details(self.index(), self.cell.subject)
    }

    pub(crate) const fn subject(&self) -> Subject {
        self.cell.subject
    }

    /// When it is no longer worth showing, on the bus's clock in microseconds; `u64::MAX`: never.
    pub(crate) fn expires(&self) -> u64 {
        self.block.delivered(self.index(), self.cell.subject).expires
    }

    /// What it has allocated.
    pub(crate) fn allocated(&self) -> u64 {
        self.block.allocated_by(self.index(), self.cell.subject)
    }

    /// A copy that owns its memory.
    pub(crate) fn to_owned(self) -> OwnedUpdate {
        OwnedUpdate {
            topic: self.cell.subject.topic(),
            text: self.block.owned_text(self.index(), self.cell),
            details: self.details().cloned(),
            seq: self.seq(),
            terms: self.block.delivered(self.index(), self.cell.subject),
        }
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
