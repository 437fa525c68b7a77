//! The fuller form of sending.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use statusbus_core::{Category, ConversationError, Facts, Place, Priority, RefuseReason, Sent};

use crate::conversation::ConversationState;
use crate::post::{Extra, Post};
use crate::shared::Shared;
use crate::{Metadata, Text};

/// An update that is being written: say what it has besides conversation, category and text, then
/// [`send`](Self::send) it.
#[must_use = "an update is said with `send`"]
pub struct Draft<'a> {
    shared: &'a Shared,
    about: Result<Arc<ConversationState>, Refused>,
    category: Result<Category, Refused>,
    text: Text,
    key: Option<Box<str>>,
    priority: Option<Priority>,
    ttl: Option<Duration>,
    metadata: Option<Metadata>,
    age: Duration,
}

/// Why an update was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason, as the ledger counts it.
    pub reason: RefuseReason,
    detail: Detail,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Detail {
    None,
    Conversation(ConversationError),
    Key,
    Category(Box<str>),
    TooLarge { part: &'static str, len: usize, most: usize },
}

impl<'a> Draft<'a> {
    pub(crate) fn new(
        shared: &'a Shared,
        about: Result<Arc<ConversationState>, ConversationError>,
        category: Category,
        text: Text,
    ) -> Self {
        Self {
            shared,
            about: about.map_err(Refused::from),
            category: Ok(category),
            text,
            key: None,
            priority: None,
            ttl: None,
            metadata: None,
            age: Duration::ZERO,
        }
    }

    /// With the category of that name instead.
    pub fn category(mut self, name: &str) -> Self {
        self.category = self.shared.categories.find(name).ok_or_else(|| Refused {
            reason: RefuseReason::UnknownCategory,
            detail: Detail::Category(name.into()),
        });
        self
    }

    /// Names the thing whose current value this is ("download-3"): a newer update with the same
    /// conversation, category and key replaces it while it is queued, and it is what late joiners
    /// get. 1 to 128 bytes.
    pub fn key(mut self, key: impl Into<Box<str>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// How much it matters; without, its category decides.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// For how long it is worth showing.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// More that belongs to it.
    pub fn metadata(mut self, metadata: impl Into<Metadata>) -> Self {
        self.metadata = Some(metadata.into());
        self
    }

    /// How long ago it was said where it comes from: so much earlier is the time at which it is
    /// shown as sent.
    pub const fn age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// Sends it and forgets it: whatever becomes of it is in the ledger. Never blocks, awaits or
    /// panics.
    pub fn send(self) {
        let _ = self.try_send();
    }

    /// Sends it and tells what became of it.
    ///
    /// # Errors
    /// It was refused.
    pub fn try_send(self) -> Result<Sent, Refused> {
        let shared = self.shared;
        let (post, conversation) =
            self.check().inspect_err(|refused| shared.refuse(refused.reason))?;
        let facts = Facts::of(&post);
        let outcome = shared.offer_and_let_go(Place::new(post), facts, &conversation);
        outcome.sent().map_err(|reason| Refused { reason, detail: Detail::None })
    }

    fn check(self) -> Result<(Post, Arc<ConversationState>), Refused> {
        let Self { shared, about, category, text, key, priority, ttl, metadata, age } = self;
        let (conversation, category) = (about?, category?);
        let sizes = shared.sizes;
        let metadata_len = metadata.as_ref().map_or(0, |metadata| metadata.as_json().len());
        too_large("text", text.as_str().len(), sizes.text)?;
        too_large("metadata", metadata_len, sizes.metadata)?;
        let mut key_hash = 0;
        if let Some(key) = &key {
            too_large("key", key.len(), sizes.key)?;
            if key.is_empty() {
                return Err(Refused { reason: RefuseReason::Invalid, detail: Detail::Key });
            }
            key_hash = shared.seed.hash_one((conversation.number, category, key)) as u32;
        }
        let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        let plain = key.is_none() && ttl.is_none() && metadata.is_none() && age == 0;
        let extra = (!plain).then(|| Arc::new(Extra { key, key_hash, ttl, metadata, age }));
        let about = conversation.number;
        Ok((Post { text, extra, about, category, priority }, conversation))
    }
}

/// Whether a part is larger than the bus takes.
#[inline]
pub(crate) fn too_large(part: &'static str, len: usize, most: usize) -> Result<(), Refused> {
    match len > most {
        true => Err(Refused {
            reason: RefuseReason::TooLarge,
            detail: Detail::TooLarge { part, len, most },
        }),
        false => Ok(()),
    }
}

impl From<ConversationError> for Refused {
    fn from(error: ConversationError) -> Self {
        Self { reason: RefuseReason::Invalid, detail: Detail::Conversation(error) }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Detail::Conversation(error) => error.fmt(f),
            Detail::Key => f.write_str("the key is empty: give it at least 1 byte, or leave it out"),
            Detail::Category(name) => write!(
                f,
                "the bus has no category {name:?}: use one of the built-in ones or register it when the bus is built"
            ),
            Detail::TooLarge { part, len, most } => {
                write!(f, "the {part} has {len} bytes: at most {most} are taken")
            }
            Detail::None => f.write_str(match self.reason {
                RefuseReason::Full => "the queue is full: send less, or let another update go by choosing another overflow policy",
                RefuseReason::Closed => "the bus is closed",
                RefuseReason::Invalid => "the update is not of the form it must have",
                RefuseReason::UnknownCategory => "the bus has no such category",
                RefuseReason::TooLarge => "a part of the update is larger than the bus takes",
                RefuseReason::Unauthorized => "the sender may not say this",
            }),
        }
    }
}

impl std::error::Error for Refused {}

impl fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("text", &self.text).finish_non_exhaustive()
    }
}
