//! What an update is about.

use statusbus_core::{ConversationName, RefuseReason};

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
    /// A conversation that has a number: the cheapest.
    Number(u32),
    /// A conversation by its name.
    Name(ConversationName<'a>),
    /// A conversation by its name, which is still to be checked.
    Unchecked(&'a str),
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Conversation<const NAME: usize>(Held<NAME>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Held<const NAME: usize> {
    System,
    Number(u32),
    Name(heapless::String<NAME, u8>),
}

impl<const NAME: usize> Conversation<NAME> {
    /// The whole system.
    pub(crate) const SYSTEM: Self = Self(Held::System);

    /// Keeps it, if it can be one and fits.
    pub(crate) fn set(&mut self, about: About<'_>) -> Result<(), RefuseReason> {
        let name = match about {
            About::System => {
                self.0 = Held::System;
                return Ok(());
            }
            About::Number(number) => {
                self.0 = Held::Number(number);
                return Ok(());
            }
            About::Name(name) => name,
            About::Unchecked(name) => {
                ConversationName::new(name).map_err(|_| RefuseReason::Invalid)?
            }
        };
        self.0 = Held::Name(heapless::String::new());
        let Held::Name(held) = &mut self.0 else { return Ok(()) };
        held.push_str(name.as_str()).map_err(|_| RefuseReason::TooLarge)
    }

    /// What it is about.
    #[must_use]
    pub fn about(&self) -> About<'_> {
        match &self.0 {
            Held::System => About::System,
            Held::Number(number) => About::Number(*number),
            Held::Name(name) => About::Unchecked(name),
        }
    }
}
