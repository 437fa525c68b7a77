//! What the bus needs to know of an update.

use core::hash::Hash;
use core::time::Duration;

use crate::index::KeyMode;
use crate::{Category, Priority};

/// An update as a host keeps it: a server's with shared strings, a microcontroller's with text of
/// fixed capacity, a browser's 32-bit handle. The bus moves it and asks it these questions.
///
/// What an implementation answers must not change while the update is in the queue.
///
/// ```
/// use statusbus_core::{Category, Unkeyed, Update};
///
/// struct Reading { sensor: u8, text: &'static str }
///
/// impl Update for Reading {
///     type Topic = u8;
///     type Keys = Unkeyed;
///
///     fn topic(&self) -> u8 { self.sensor }
///     fn category(&self) -> Category { Category::INFO }
/// }
/// ```
pub trait Update {
    /// Who reads it: conversation and category, in whatever form is cheap to clone and to compare.
    type Topic: Clone + Eq + Hash;

    /// [`Keyed`](crate::Keyed) if updates of this type can have a key. With
    /// [`Unkeyed`](crate::Unkeyed) the bus carries no index and merges nothing.
    type Keys: KeyMode;

    /// Whether some updates matter more than others. With `false` all are
    /// [`State`](Priority::State), and what ranks them is left out of the program.
    const RANKED: bool = true;

    /// Becomes a copy of `from`, and answers that it has: for what is `Copy`. It is copied from place
    /// to place then, over what was left behind there earlier. By default it is moved, for which Rust
    /// needs room in between: twice the work, and on small cores most of what sending costs.
    ///
    /// Such cores also copy 64 bytes in a few steps and 68 in a loop: copy field by field what is larger.
    ///
    /// ```
    /// # use statusbus_core::{Category, Unkeyed, Update};
    /// #[derive(Clone, Copy)]
    /// struct Message { words: [u32; 16], sensor: u32 }
    ///
    /// impl Update for Message {
    ///     fn assign(&mut self, from: &Self) -> bool {
    ///         self.words = from.words;
    ///         self.sensor = from.sensor;
    ///         true
    ///     }
    ///     // and so on
    /// #   type Topic = u32;
    /// #   type Keys = Unkeyed;
    /// #   fn topic(&self) -> u32 { self.sensor }
    /// #   fn category(&self) -> Category { Category::INFO }
    /// }
    /// ```
    #[inline(always)]
    fn assign(&mut self, from: &Self) -> bool {
        let _ = from;
        false
    }

    /// The topic.
    fn topic(&self) -> Self::Topic;

    /// The category. One that the bus does not have is refused.
    fn category(&self) -> Category;

    /// A hash of topic and key; `None` if it has no key. Where strangers choose keys, hash with a
    /// secret seed.
    fn key_hash(&self) -> Option<u32> {
        None
    }

    /// Whether topic and key are those of `other`. Only asked of updates with a key.
    fn same_key(&self, other: &Self) -> bool {
        let _ = other;
        false
    }

    /// The priority; `None`: as its category says.
    fn priority(&self) -> Option<Priority> {
        None
    }

    /// How long it is worth delivering, from when it was pushed; `None`: as its category says.
    /// Zero: it is out of date at once; all that is left of it is a record that it expired.
    fn ttl(&self) -> Option<Duration> {
        None
    }
}

/// What the bus decides by when an update comes: what [`Update`] answers. Without a key, by default,
/// and with what its category says of priority and time-to-live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Facts {
    /// See [`Update::category`].
    pub category: Category,
    /// See [`Update::priority`].
    pub priority: Option<Priority>,
    /// See [`Update::ttl`].
    pub ttl: Option<Duration>,
    /// See [`Update::key_hash`].
    pub key_hash: Option<u32>,
}

impl Facts {
    /// Those of an update that has nothing but a category.
    #[must_use]
    pub const fn plain(category: Category) -> Self {
        Self { category, priority: None, ttl: None, key_hash: None }
    }

    /// Those of an update.
    #[must_use]
    #[inline]
    pub fn of(update: &impl Update) -> Self {
        Self {
            category: update.category(),
            priority: update.priority(),
            ttl: update.ttl(),
            key_hash: update.key_hash(),
        }
    }
}
