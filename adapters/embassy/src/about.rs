//! What an update is about.

use statusbus_core::{ConversationName, RefuseReason};

use crate::bytes::Bytes;

/// What an update is about: a conversation, by its name or its number, or the whole system.
///
/// A name is a `&str`, which is checked with each update, or a [`ConversationName`], which has been:
///
/// ```
/// use statusbus_embassy::{About, ConversationName};
///
/// const MOTOR: ConversationName<'static> = match ConversationName::new("motor") {
///     Ok(name) => name,
///     Err(_) => panic!("not a name"), // when this is compiled
/// };
/// assert_eq!(About::from(MOTOR), About::Name(MOTOR));
/// assert_eq!(About::from(7_u8), About::Number(7));
/// ```
///
/// The number 42 and the name "42" are the same conversation to who reads them; in a queue and in a
/// gap they stand apart, so keep to one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum About<'a> {
    /// The whole system.
    System,
    /// A conversation that has a number, below 2³² − 1: the cheapest.
    Number(u32),
    /// A conversation by its name.
    Name(ConversationName<'a>),
    /// A conversation by its name, which is still to be checked.
    Unchecked(&'a str),
}

impl About<'_> {
    /// Whether both are about the same, names being what they are, checked or not.
    pub(crate) fn is_same(&self, other: About<'_>) -> bool {
        match (self, other) {
            (Self::System, About::System) => true,
            (Self::Number(number), About::Number(other)) => *number == other,
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
pub const SYSTEM: About<'static> = About::System;

impl<'a> From<&'a str> for About<'a> {
    fn from(name: &'a str) -> Self {
        Self::Unchecked(name)
    }
}

impl<'a> From<ConversationName<'a>> for About<'a> {
    fn from(name: ConversationName<'a>) -> Self {
        Self::Name(name)
    }
}

impl From<u32> for About<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<u16> for About<'_> {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u8> for About<'_> {
    fn from(number: u8) -> Self {
        Self::Number(number.into())
    }
}

/// The same as a message keeps it.
// Plain words: what is copied as an enum is copied by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Conversation<const NAME: usize> {
    /// The number and one more; zero: it has none.
    number: u32,
    /// Empty: it has none. A name holds no zero, so that it ends at the first one.
    name: Bytes<NAME>,
}

impl<const NAME: usize> Conversation<NAME> {
    pub(crate) const SYSTEM: Self = Self { number: 0, name: Bytes::EMPTY };

    /// Keeps it, if it can be one and fits. It was the system before.
    #[inline(always)]
    pub(crate) fn set(&mut self, about: About<'_>) -> Result<(), RefuseReason> {
        let name = match about {
            About::System => return Ok(()),
            About::Number(number) => {
                self.number = number.checked_add(1).ok_or(RefuseReason::Invalid)?;
                return Ok(());
            }
            About::Name(name) => name,
            About::Unchecked(name) => match ConversationName::new(name) {
                Ok(name) => name,
                Err(_) => return Err(RefuseReason::Invalid),
            },
        };
        self.name.set(name.as_str()).ok_or(RefuseReason::TooLarge)
    }

    /// What it is about.
    #[must_use]
    pub fn about(&self) -> About<'_> {
        match self.number.checked_sub(1) {
            Some(number) => About::Number(number),
            None => match self.name.text_to_zero() {
                "" => About::System,
                name => About::Unchecked(name),
            },
        }
    }
}

impl<const NAME: usize> core::fmt::Debug for Conversation<NAME> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.about().fmt(f)
    }
}
