//! Updates with key, priority, TTL and metadata.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use statusbus_core::{
    Category, ConversationError, DropReason, Outcome, Priority, RefuseReason, SendOptions,
};

use crate::batch::details::Details;
use crate::batch::metadata::Metadata;
use crate::batch::subject::Topic;
use crate::batch::text::Text;
use crate::bus::shared::Shared;
use crate::sync::CountedArc;
use crate::window::conversation::ConversationState;

/// An update under construction: add key, priority, TTL and metadata, then [`send`](Self::send) it.
///
/// ```
/// # use std::time::Duration;
/// # use statusbus_tokio::{Category, Metadata, Outcome, Spawn, Status};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let status = Status::builder().spawn();
/// let outcome = status
///     .update("conv-42", Category::PROGRESS, "41 %")
///     .key("download-3")
///     .ttl(Duration::from_secs(10))
///     .metadata(r#"{"fraction":0.41}"#.parse::<Metadata>()?)
///     .try_send()?;
/// assert_eq!(outcome, Outcome::Queued);
/// # Ok(())
/// # }
/// ```
#[must_use = "an update is sent by `send` or `try_send`"]
pub struct UpdateBuilder<'a> {
    shared: &'a Shared,
    conversation: Result<Target<'a>, SendError>,
    category: Result<Category, SendError>,
    text: Text<'a>,
    key: Option<Box<str>>,
    priority: Option<Priority>,
    ttl: Option<Duration>,
    metadata: Option<Metadata>,
    age: Duration,
}

/// The conversation of an update under construction.
pub(crate) enum Target<'a> {
    Borrowed(&'a ConversationState),
    Owned(CountedArc<ConversationState>),
}

/// An update was not queued. The ledger counts it. `Display` names the fault and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    kind: SendErrorKind,
    detail: Detail,
}

/// What became of an update that is not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The update was refused.
    Refused(RefuseReason),
    /// The queue was full, and the update was dropped.
    Dropped(DropReason),
    /// The queue was full, and the TTL of the update was over.
    Expired,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Detail {
    None,
    Conversation(ConversationError),
    Key,
    Category(Box<str>),
    TooLarge { part: &'static str, len: usize, max: usize },
}

impl<'a> UpdateBuilder<'a> {
    pub(crate) fn new(
        shared: &'a Shared,
        conversation: Result<Target<'a>, ConversationError>,
        category: Category,
        text: Text<'a>,
    ) -> Self {
        Self {
            shared,
            conversation: conversation.map_err(SendError::from),
            category: Ok(category),
            text,
            key: None,
            priority: None,
            ttl: None,
            metadata: None,
            age: Duration::ZERO,
        }
    }

    /// Replaces the category by the one with this name. If the bus has none, the update is refused with
    /// [`UnknownCategory`](RefuseReason::UnknownCategory).
    pub fn category(mut self, name: &str) -> Self {
        self.category = self.shared.categories.find(name).ok_or_else(|| {
            SendError::refused(RefuseReason::UnknownCategory, Detail::Category(name.into()))
        });
        self
    }

    /// Names the value that this update sets, for example "download-3". While it is queued, a newer
    /// update with the same conversation, category and key replaces it. The last one is retained for late
    /// joiners. 1 to 128 bytes ([`Builder::with_max_key`](crate::Builder::with_max_key)); the update is
    /// refused otherwise.
    pub fn key(mut self, key: impl Into<Box<str>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the priority. Default: that of the category.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Sets how long the update is worth delivering. If it is still queued afterwards, it expires. Default:
    /// the TTL of the category, or none.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Adds a JSON object. At most 4 KiB
    /// ([`Builder::with_max_metadata`](crate::Builder::with_max_metadata)); the update is refused
    /// otherwise.
    pub fn metadata(mut self, metadata: impl Into<Metadata>) -> Self {
        self.metadata = Some(metadata.into());
        self
    }

    /// Sets how long the update had been on its way before it reached this bus, for example from a device.
    /// [`Update::at`](crate::Update::at) is earlier by as much; order and TTL do not change. Default: zero.
    pub const fn age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// Sends it. The ledger counts what becomes of it. Never blocks, awaits or panics.
    pub fn send(self) {
        let _ = self.try_send();
    }

    /// Sends it and returns what became of it. `Ok` means that it is queued; the outcome also shows
    /// whether it replaced or displaced another update. Never blocks, awaits or panics.
    ///
    /// # Errors
    /// It is not queued: it was refused, or the queue was full and it was dropped or had expired.
    pub fn try_send(self) -> Result<Outcome, SendError> {
        let shared = self.shared;
        let Checked { target, category, text, mut details, options } =
            self.check().inspect_err(|error| {
                if let SendErrorKind::Refused(reason) = error.kind {
                    shared.refuse(reason);
                }
            })?;
        let (number, let_go) = match &target {
            Target::Borrowed(state) => (state.number, None),
            Target::Owned(state) => (state.number, Some(&**state)),
        };
        let topic = Topic { conversation: number, category };
        let outcome = shared.send(topic, &text, &mut details, &options, let_go);
        SendErrorKind::of(outcome).map_or(Ok(outcome), |kind| Err(kind.into()))
    }

    fn check(self) -> Result<Checked<'a>, SendError> {
        let Self { shared, conversation, category, text, key, priority, ttl, metadata, age } = self;
        let (target, category) = (conversation?, category?);
        let sizes = shared.sizes;
        let metadata_len = metadata.as_ref().map_or(0, |metadata| metadata.as_json().len());
        too_large("text", text.as_str().len(), sizes.text)?;
        too_large("metadata", metadata_len, sizes.metadata)?;
        let mut options = SendOptions::new(category);
        if let Some(priority) = priority {
            options = options.with_priority(priority);
        }
        if let Some(ttl) = ttl {
            options = options.with_ttl(ttl);
        }
        let mut key_hash = 0;
        if let Some(key) = &key {
            too_large("key", key.len(), sizes.key)?;
            if key.is_empty() {
                return Err(SendError::refused(RefuseReason::Invalid, Detail::Key));
            }
            let number = match &target {
                Target::Borrowed(state) => state.number,
                Target::Owned(state) => state.number,
            };
            key_hash = shared.seed.hash_one((number, category, key)) as u32;
            options = options.with_key_hash(key_hash);
        }
        let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        let plain = key.is_none() && metadata.is_none() && age == 0;
        let details = (!plain).then(|| Arc::new(Details { key, key_hash, metadata, age }));
        Ok(Checked { target, category, text, details, options })
    }
}

/// An update that can be sent.
struct Checked<'a> {
    target: Target<'a>,
    category: Category,
    text: Text<'a>,
    details: Option<Arc<Details>>,
    options: SendOptions,
}

/// Whether a part is larger than the bus takes.
#[inline]
pub(crate) fn too_large(part: &'static str, len: usize, max: usize) -> Result<(), SendError> {
    if len > max {
        let detail = Detail::TooLarge { part, len, max };
        return Err(SendError::refused(RefuseReason::TooLarge, detail));
    }
    Ok(())
}

impl SendError {
    const fn refused(reason: RefuseReason, detail: Detail) -> Self {
        Self { kind: SendErrorKind::Refused(reason), detail }
    }

    /// What became of the update.
    #[must_use]
    pub const fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// The name of the reason in JSON, JavaScript and traces: see [`SendErrorKind::as_str`].
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.kind.as_str()
    }
}

impl SendErrorKind {
    /// The name of the reason in JSON, JavaScript and traces: that of the [`RefuseReason`] or the
    /// [`DropReason`], or `expired`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused(reason) => reason.as_str(),
            Self::Dropped(reason) => reason.as_str(),
            Self::Expired => "expired",
        }
    }

    /// `None`: the update is queued.
    fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Refused(reason) => Some(Self::Refused(reason)),
            Outcome::Dropped(reason) => Some(Self::Dropped(reason)),
            Outcome::Expired => Some(Self::Expired),
            queued => {
                debug_assert!(queued.is_queued());
                None
            }
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Refused(RefuseReason::Full) => {
                "the queue is full: send less, raise the queue limit, or choose another overflow policy"
            }
            Self::Refused(RefuseReason::Closed) => "the bus is closed: send before it is shut down",
            Self::Refused(RefuseReason::Invalid) => {
                "the update has an invalid part: check conversation and key"
            }
            Self::Refused(RefuseReason::UnknownCategory) => {
                "the bus has no such category: use one of the built-in ones or register it when the bus is built"
            }
            Self::Refused(RefuseReason::TooLarge) => {
                "a part of the update is too large: shorten it, or raise the limit when the bus is built"
            }
            Self::Refused(RefuseReason::Unauthorized) => {
                "the sender is not authorized: use credentials that allow it"
            }
            Self::Refused(_) => "the bus refused the update: look up the reason",
            Self::Dropped(DropReason::Outranked) => {
                "the queue is full of updates that rank higher: send less, or raise the priority"
            }
            Self::Dropped(_) => {
                "the queue is full and the overflow policy dropped the update: send less, or choose another policy"
            }
            Self::Expired => {
                "the queue is full and the TTL of the update is over: send it earlier, or with a longer TTL"
            }
        }
    }
}

/// Formats the name of the reason.
impl fmt::Display for SendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<SendErrorKind> for SendError {
    fn from(kind: SendErrorKind) -> Self {
        Self { kind, detail: Detail::None }
    }
}

impl From<SendErrorKind> for Outcome {
    fn from(kind: SendErrorKind) -> Self {
        match kind {
            SendErrorKind::Refused(reason) => Self::Refused(reason),
            SendErrorKind::Dropped(reason) => Self::Dropped(reason),
            SendErrorKind::Expired => Self::Expired,
        }
    }
}

impl From<ConversationError> for SendError {
    fn from(error: ConversationError) -> Self {
        Self::refused(RefuseReason::Invalid, Detail::Conversation(error))
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Detail::Conversation(error) => error.fmt(f),
            Detail::Key => {
                f.write_str("the key is empty: give it at least 1 byte, or leave it out")
            }
            Detail::Category(name) => write!(
                f,
                "the bus has no category {name:?}: use one of the built-in ones or register it when the bus is built"
            ),
            Detail::TooLarge { part, len, max } => {
                write!(
                    f,
                    "the {part} has {len} bytes: shorten it to {max}, or raise the limit when the bus is built"
                )
            }
            Detail::None => f.write_str(self.kind.advice()),
        }
    }
}

impl std::error::Error for SendError {}

impl fmt::Debug for UpdateBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateBuilder").field("text", &self.text).finish_non_exhaustive()
    }
}
