//! What the bus needs to know of an update.

use core::time::Duration;

use crate::keys::KeyMode;
use crate::time::Ttl;
use crate::{Category, Priority};

/// An update as a host stores it: shared strings on a server, text of fixed capacity on a
/// microcontroller, a 32-bit handle in a browser. The bus moves it from place to place.
///
/// `topic` and `same_key` must return the same for as long as the update is queued or in a batch.
///
/// ```
/// use statusbus_core::{Unkeyed, Update};
///
/// struct Reading { sensor: u8, text: &'static str }
///
/// impl Update for Reading {
///     type Topic = u8;
///     type Keys = Unkeyed;
///     const EMPTY: Self = Reading { sensor: 0, text: "" };
///
///     fn topic(&self) -> u8 { self.sensor }
/// }
/// ```
pub trait Update: Sized {
    /// Conversation and category, in a form that is cheap to clone and to compare: losses are counted
    /// by topic.
    type Topic: Clone + PartialEq;

    /// [`Keyed`](crate::Keyed) if updates of this type can have a key. With
    /// [`Unkeyed`](crate::Unkeyed) the bus carries no index and merges nothing.
    type Keys: KeyMode;

    /// The content of vacant slots and items. It must own nothing. If it is all zero bits, a bus in a
    /// `static` costs no flash.
    const EMPTY: Self;

    /// Whether updates have a priority. With `false` all are [`Normal`](Priority::Normal), and the code
    /// that ranks them is left out of the program.
    const RANKED: bool = true;

    /// Whether updates can have a TTL. With `false` none expires, and the code for it is left out.
    const EXPIRES: bool = true;

    /// The topic.
    fn topic(&self) -> Self::Topic;

    /// Whether topic and key equal those of `other`. Called for a new update with a key, with queued updates
    /// in the same chain of the hash table.
    fn same_key(&self, other: &Self) -> bool {
        let _ = other;
        false
    }

    /// Moves the update to a place whose content is not needed any more.
    ///
    /// By default [`EMPTY`](Self::EMPTY) is left behind. For a `Copy` type override it by `*to = *self`:
    /// half the work, and on small cores most of what sending costs. Such cores copy 64 bytes in a few
    /// steps and 68 in a loop, so copy a larger type field by field.
    #[inline(always)]
    fn move_to(&mut self, to: &mut Self) {
        *to = core::mem::replace(self, Self::EMPTY);
    }

    /// Exchanges two updates. For a large `Copy` type override it, as [`move_to`](Self::move_to). If the host
    /// never reads what [`push`](crate::Bus::push) puts into its variable, it may copy `self` to `with` only.
    #[inline(always)]
    fn swap(&mut self, with: &mut Self) {
        core::mem::swap(self, with);
    }
}

/// How an update is sent: category, priority, TTL and key.
///
/// ```
/// use core::time::Duration;
/// use statusbus_core::{Category, Priority, SendOptions};
///
/// let plain = SendOptions::new(Category::INFO);
/// let alarm = SendOptions::new(Category::ERROR).with_ttl(Duration::from_secs(60));
/// assert_eq!(plain.priority(), None); // as its category says
/// assert_eq!(alarm.with_priority(Priority::Low).priority(), Some(Priority::Low));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendOptions {
    pub(crate) category: Category,
    pub(crate) priority: Option<Priority>,
    pub(crate) ends_run: bool,
    pub(crate) ttl: Ttl,
    pub(crate) key_hash: Option<u32>,
}

impl SendOptions {
    /// An update of this category, without a key, with the priority and the TTL of the category. A
    /// category that the bus does not have is refused when the update is pushed.
    #[must_use]
    #[inline(always)]
    pub const fn new(category: Category) -> Self {
        Self { category, priority: None, ends_run: false, ttl: Ttl::NEVER, key_hash: None }
    }

    /// Sets the priority. Default: that of the category.
    #[must_use]
    #[inline(always)]
    pub const fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Sets how long the update is worth delivering, counted from the push and rounded up to whole
    /// microseconds. With zero the update is never delivered, only counted and reported as expired. Default:
    /// the TTL of the category.
    ///
    /// A TTL that does not fit 64 bits of microseconds counts as no TTL. Microcontrollers store a TTL of 2³¹ µs
    /// (almost 36 minutes) or more in steps of 1.024 ms, up to 25 days.
    #[must_use]
    #[inline]
    pub const fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Ttl::new(Some(ttl));
        self
    }

    /// [`with_ttl`](Self::with_ttl) in microseconds, for hosts whose clocks count them. `u64::MAX`: the TTL of
    /// the category.
    #[must_use]
    #[inline(always)]
    pub const fn with_ttl_micros(mut self, ttl: u64) -> Self {
        self.ttl = Ttl::from_micros_or_never(ttl);
        self
    }

    /// Sets a hash of topic and key: the update has a key. Where strangers choose keys, hash with a
    /// secret seed. Default: no key.
    #[must_use]
    #[inline(always)]
    pub const fn with_key_hash(mut self, hash: u32) -> Self {
        self.key_hash = Some(hash);
        self
    }

    /// The update ends a run: its priority is [`High`](Priority::High), and it joins the end of the queue. A
    /// queued update with the same topic and key is removed and counts as coalesced.
    #[must_use]
    #[inline(always)]
    pub const fn with_run_end(mut self) -> Self {
        self.priority = Some(Priority::High);
        self.ends_run = true;
        self
    }

    /// The TTL of the update, or else that of its category.
    #[inline(always)]
    pub(crate) const fn ttl_or(&self, by_category: Ttl) -> Ttl {
        match self.ttl {
            Ttl::NEVER => by_category,
            ttl => ttl,
        }
    }

    /// The category.
    #[must_use]
    pub const fn category(&self) -> Category {
        self.category
    }

    /// The priority; `None`: that of the category.
    #[must_use]
    pub const fn priority(&self) -> Option<Priority> {
        self.priority
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for SendOptions {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "SendOptions({}, {})", self.category, self.priority);
    }
}
