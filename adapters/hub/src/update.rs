//! A delivered update, and the conversation that it belongs to.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use statusbus_core::{Category, CategorySet, Priority};

use crate::post::Post;

/// The updates of one conversation in a parcel.
pub(crate) struct Group {
    /// The name of the conversation; none if it is the system.
    pub(crate) name: Option<Arc<str>>,
    /// The number of the conversation.
    pub(crate) number: u32,
    /// Its place in the order.
    pub(crate) start: u32,
    pub(crate) len: u32,
    /// What its updates have allocated.
    pub(crate) bytes: u64,
    pub(crate) categories: CategorySet,
    /// Some of its updates may have a key.
    pub(crate) keyed: bool,
}

impl Group {
    pub(crate) const fn new(name: Option<Arc<str>>, number: u32) -> Self {
        Self {
            name,
            number,
            start: 0,
            len: 0,
            bytes: 0,
            categories: CategorySet::NONE,
            keyed: false,
        }
    }

    /// Counts an update in.
    #[inline(always)]
    pub(crate) fn count(&mut self, post: &Post) {
        self.len += 1;
        self.bytes += post.allocated();
        self.categories = self.categories.with(post.category);
        self.keyed |= post.extra.is_some();
    }
}

/// One delivered update.
#[derive(Clone, Copy)]
pub struct Update<'a> {
    pub(crate) post: &'a Post,
    pub(crate) seq: u64,
    /// Microseconds since 1970, if it was not on its way before.
    pub(crate) said: u64,
    /// When it is no longer worth showing, on the bus's clock in microseconds; `u64::MAX`: never.
    pub(crate) expiry: u64,
    pub(crate) priority: Priority,
    pub(crate) groups: &'a [Group],
}

impl<'a> Update<'a> {
    /// Its position: with the [epoch](crate::Status::epoch) of the bus, a unique id of the update.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Its conversation; `None`: a system-wide update.
    #[must_use]
    pub fn conversation(&self) -> Option<&'a str> {
        self.name().map(|name| &**name)
    }

    pub(crate) fn name(&self) -> Option<&'a Arc<str>> {
        self.groups.get(self.post.about as usize)?.name.as_ref()
    }

    /// Its category. [`Status::categories`](crate::Status::categories) has the name.
    #[must_use]
    pub const fn category(&self) -> Category {
        self.post.category
    }

    /// Its text.
    #[must_use]
    #[inline]
    pub fn text(&self) -> &'a str {
        self.post.text.as_str()
    }

    /// Its metadata: a JSON object on one line.
    #[must_use]
    pub fn metadata(&self) -> Option<&'a str> {
        Some(self.post.extra.as_ref()?.metadata.as_ref()?.as_json())
    }

    /// Its key: the name of the value that it sets.
    #[must_use]
    pub fn key(&self) -> Option<&'a str> {
        self.post.key()
    }

    /// Its priority: its own, or else that of its category.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// When it was sent, by the wall clock. Accurate to the flush interval, because senders share one
    /// clock reading while the queue is not empty.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        let age = self.post.extra.as_ref().map_or(0, |extra| extra.age);
        UNIX_EPOCH + Duration::from_micros(self.said.saturating_sub(age))
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
