//! Updates as they travel.

use core::fmt;
use core::time::Duration;

use super::bytes::{Reader, Writer};
use super::topic::{self, CategoryName, Conversation, RawTopic};
use crate::{ConversationError, Priority, RefuseReason};

/// An update as it travels.
///
/// Spans are microseconds: microcontrollers divide in software, and need not for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Update<'a> {
    /// Its position: 1 or more, below 2⁵³.
    pub seq: u64,
    /// Microseconds since it was pushed: [`Handed::waited_micros`](crate::Handed::waited_micros)
    /// and what has passed since. The host takes them off its time of receipt. From 2⁵³ on they
    /// travel as 2⁵³ − 1.
    pub age_micros: u64,
    /// What it is about; `None`: the whole system.
    pub conversation: Option<Conversation<'a>>,
    /// What kind of thing it says.
    pub category: CategoryName<'a>,
    /// How much it matters; `None`: as the host's bus has it for the category.
    pub priority: Option<Priority>,
    /// What it says.
    pub text: &'a str,
    /// Whether the text was cut to the capacity that the device has for it.
    pub cut: bool,
    /// The thing whose current value this is.
    pub key: Option<&'a str>,
    /// More about it, as JSON. Whether it is JSON is the host's to see.
    pub metadata: Option<&'a str>,
    /// Microseconds for which it is still worth delivering; limited like the age.
    pub ttl_micros: Option<u64>,
}

impl<'a> Update<'a> {
    /// An update that says `text` about the whole system and carries nothing else. Fill in the rest:
    ///
    /// ```
    /// use statusbus_core::{Category, wire};
    ///
    /// let update = wire::Update {
    ///     conversation: Some(wire::Conversation::Number(42)),
    ///     age_micros: 1_500,
    ///     ..wire::Update::new(7, Category::TOOL, "searching")
    /// };
    /// ```
    #[must_use]
    pub fn new(seq: u64, category: impl Into<CategoryName<'a>>, text: &'a str) -> Self {
        Self {
            seq,
            age_micros: 0,
            conversation: None,
            category: category.into(),
            priority: None,
            text,
            cut: false,
            key: None,
            metadata: None,
            ttl_micros: None,
        }
    }

    /// How long before it was written it was pushed.
    #[must_use]
    pub const fn age(&self) -> Duration {
        Duration::from_micros(self.age_micros)
    }

    /// How long it is still worth delivering.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl_micros.map(Duration::from_micros)
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        let priority = self.priority.map_or(PRIORITY, |priority| priority as u32);
        let bit = |is_there: bool, bit: u32| if is_there { bit } else { 0 };
        let flags = priority
            | topic::flags(self.conversation.as_ref(), &self.category)
            | bit(self.cut, CUT)
            | bit(self.key.is_some(), KEY)
            | bit(self.metadata.is_some(), METADATA)
            | bit(self.ttl_micros.is_some(), TTL);
        writer.number(u64::from(flags));
        writer.number(self.age_micros);
        topic::write(self.conversation.as_ref(), &self.category, writer);
        writer.string(self.text);
        for string in [self.key, self.metadata].into_iter().flatten() {
            writer.string(string);
        }
        if let Some(ttl) = self.ttl_micros {
            writer.number(ttl);
        }
    }
}

/// Bits 0 and 1 of the flags: the priority; all ones for none.
const PRIORITY: u32 = 3;
const CUT: u32 = 1 << 4;
const KEY: u32 = 1 << 5;
const METADATA: u32 = 1 << 7;
const TTL: u32 = 1 << 8;
/// What version 1 may add: each bit from this one on stands for a string at the end.
const ADDED: u32 = 9;

/// Skips what a newer writer has added.
pub(super) fn skip_added(flags: u32, reader: &mut Reader<'_>) -> Option<()> {
    for _ in 0..(flags >> ADDED).count_ones() {
        reader.string()?;
    }
    Some(())
}

/// An update whose strings have not been checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawUpdate<'a> {
    flags: u32,
    age_micros: u64,
    topic: RawTopic<'a>,
    text: &'a [u8],
    key: Option<&'a [u8]>,
    metadata: Option<&'a [u8]>,
    ttl_micros: Option<u64>,
}

impl<'a> RawUpdate<'a> {
    /// Reads up to the end of the update; `None` if there is none.
    pub(super) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let flags = reader.small()?;
        let has = |bit| flags & bit != 0;
        let update = Self {
            flags,
            age_micros: reader.number()?,
            topic: RawTopic::read(flags, reader)?,
            text: reader.string()?,
            key: if has(KEY) { Some(reader.string()?) } else { None },
            metadata: if has(METADATA) { Some(reader.string()?) } else { None },
            ttl_micros: if has(TTL) { Some(reader.number()?) } else { None },
        };
        skip_added(flags, reader)?;
        Some(update)
    }

    pub(super) fn check(self, seq: u64) -> Result<Update<'a>, Refusal> {
        self.checked(seq).map_err(|flaw| Refusal { seq, flaw })
    }

    fn checked(self, seq: u64) -> Result<Update<'a>, Flaw> {
        let utf8 = |bytes| core::str::from_utf8(bytes).map_err(|_| Flaw::Utf8);
        let (conversation, category) = self.topic.check()?;
        Ok(Update {
            seq,
            age_micros: self.age_micros,
            conversation,
            category,
            priority: Priority::ALL.get((self.flags & PRIORITY) as usize).copied(),
            text: utf8(self.text)?,
            cut: self.flags & CUT != 0,
            key: self.key.map(utf8).transpose()?,
            metadata: self.metadata.map(utf8).transpose()?,
            ttl_micros: self.ttl_micros,
        })
    }
}

/// An update of a sound frame that cannot be taken: the others of its frame can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refusal {
    /// The position of the update.
    pub seq: u64,
    /// What is wrong with it.
    pub flaw: Flaw,
}

impl Refusal {
    /// The reason to count it under.
    #[must_use]
    pub const fn reason(&self) -> RefuseReason {
        match self.flaw {
            Flaw::Category => RefuseReason::UnknownCategory,
            Flaw::Conversation(_) | Flaw::Utf8 => RefuseReason::Invalid,
        }
    }
}

/// What is wrong with an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Flaw {
    /// A conversation cannot be called that.
    Conversation(ConversationError),
    /// No bus has such a category.
    Category,
    /// A string of it is not UTF-8; one that was cut inside a character, say.
    Utf8,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "update {}: {}", self.seq, self.flaw)
    }
}

impl core::error::Error for Refusal {}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conversation(error) => error.fmt(f),
            Self::Category => f.write_str("no bus has such a category"),
            Self::Utf8 => f.write_str("a string is not UTF-8: cut texts between characters"),
        }
    }
}

impl core::error::Error for Flaw {}
