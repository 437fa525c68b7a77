//! The subject of an update.

#[cfg(feature = "wire")]
use statusbus_core::wire::Conversation;
use statusbus_core::{ConversationName, RefuseReason};

use crate::bytes::{Bytes, copy, mix, mix_all, text, to_zero};

/// The subject of an update: a conversation, by its name or its number, or the whole system.
///
/// A name is a `&str`, which is checked with each update, or a [`ConversationName`], which is checked
/// once:
///
/// ```
/// use statusbus_embassy::{Subject, ConversationName};
///
/// const MOTOR: ConversationName<'static> = match ConversationName::new("motor") {
///     Ok(name) => name,
///     Err(_) => panic!("not a name"), // at compile time
/// };
/// assert_eq!(Subject::from(MOTOR), Subject::Name(MOTOR));
/// assert_eq!(Subject::from(7_u8), Subject::Number(7));
/// ```
///
/// For readers the number 42 and the name "42" are the same conversation. The queue and the gaps treat
/// them as two: use one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Subject<'a> {
    /// The whole system.
    System,
    /// A conversation with a number below 2³² − 1: the cheapest.
    Number(u32),
    /// A conversation by its name.
    Name(ConversationName<'a>),
    /// A conversation by a name that is not checked yet.
    Unchecked(&'a str),
}

impl Subject<'_> {
    /// Whether both are the same subject. Names are compared by their text, checked or not.
    pub(crate) fn is_same(&self, other: Subject<'_>) -> bool {
        match (self, other) {
            (Self::System, Subject::System) => true,
            (Self::Number(number), Subject::Number(other)) => *number == other,
            _ => self.name().is_some_and(|name| other.name() == Some(name)),
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::System | Self::Number(_) => None,
            Self::Name(name) => Some(name.as_str()),
            Self::Unchecked(name) => Some(name),
        }
    }
}

/// The whole system, in place of a conversation.
pub const SYSTEM: Subject<'static> = Subject::System;

impl<'a> From<&'a str> for Subject<'a> {
    fn from(name: &'a str) -> Self {
        Self::Unchecked(name)
    }
}

impl<'a> From<ConversationName<'a>> for Subject<'a> {
    fn from(name: ConversationName<'a>) -> Self {
        Self::Name(name)
    }
}

impl From<u32> for Subject<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<u16> for Subject<'_> {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u8> for Subject<'_> {
    fn from(number: u8) -> Self {
        Self::Number(number.into())
    }
}

/// A subject as a message stores it.
// Plain words: an enum would be copied byte by byte.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct StoredSubject<const NAME: usize> {
    /// The number plus one; zero: no number.
    number: u32,
    /// Padded with zeros; empty: no name. No name contains a zero.
    name: Bytes<NAME>,
}

impl<const NAME: usize> StoredSubject<NAME> {
    pub(crate) const SYSTEM: Self = Self { number: 0, name: Bytes::EMPTY };

    /// Stores a subject over [`SYSTEM`](Self::SYSTEM).
    #[inline(always)]
    pub(crate) fn set(&mut self, subject: Subject<'_>) -> Result<(), RefuseReason> {
        let name = match subject {
            Subject::System => return Ok(()),
            Subject::Number(number) => {
                self.number = number.checked_add(1).ok_or(RefuseReason::Invalid)?;
                return Ok(());
            }
            Subject::Name(name) => name,
            Subject::Unchecked(name) => match ConversationName::new(name) {
                Ok(name) => name,
                Err(_) => return Err(RefuseReason::Invalid),
            },
        };
        copy(self.name.as_mut(), name.as_str().as_bytes()).ok_or(RefuseReason::TooLarge)
    }

    /// Mixes it into a hash.
    #[inline(always)]
    pub(crate) fn mix(&self, hash: u32) -> u32 {
        let hash = mix(hash, self.number);
        if self.number > 0 { hash } else { mix_all(self.name.as_ref(), hash) }
    }

    /// The conversation as a frame has it, without checking its name again.
    #[cfg(feature = "wire")]
    #[inline(never)]
    pub(crate) fn conversation(&self) -> Option<Conversation<&[u8]>> {
        match self.number.checked_sub(1) {
            Some(number) => Some(Conversation::Number(number)),
            None => match to_zero(self.name.as_ref()) {
                [] => None,
                name => Some(Conversation::Name(name)),
            },
        }
    }

    pub(crate) fn get(&self) -> Subject<'_> {
        match self.number.checked_sub(1) {
            Some(number) => Subject::Number(number),
            None => match to_zero(self.name.as_ref()) {
                [] => Subject::System,
                name => Subject::Unchecked(text(name)),
            },
        }
    }
}
