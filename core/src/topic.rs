//! Who an update is about, and the names of topics.

use core::fmt;

use crate::{Categories, Category};

/// The longest name of a conversation, in bytes.
pub const CONVERSATION_MAX: usize = 128;

/// What a system-wide update has in place of a conversation's name in its topic.
const SYSTEM: &str = "system";

/// What an update is about: a chat, a job, a device. A name that has been checked.
///
/// 1 to 128 bytes of UTF-8 without control characters, `:` and `*`, and not `system`, which stands
/// for the whole system in a topic: nobody can speak for the system by choosing that name.
///
/// ```
/// use statusbus_core::{ConversationError, ConversationName};
///
/// assert_eq!(ConversationName::new("conv-42")?.as_str(), "conv-42");
/// assert_eq!(ConversationName::new("a:b"), Err(ConversationError::Character(':')));
/// assert_eq!(ConversationName::new("system"), Err(ConversationError::Reserved));
/// # Ok::<(), ConversationError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConversationName<'a>(&'a str);

impl<'a> ConversationName<'a> {
    /// Checks a name. Linear in its length, at most 128 bytes; nothing at all in a constant:
    ///
    /// ```
    /// use statusbus_core::ConversationName;
    ///
    /// const MOTOR: ConversationName<'static> = match ConversationName::new("motor") {
    ///     Ok(name) => name,
    ///     Err(_) => panic!("not a name"), // when this is compiled
    /// };
    /// # assert_eq!(MOTOR.as_str(), "motor");
    /// ```
    ///
    /// # Errors
    /// What is wrong with the name.
    pub const fn new(name: &'a str) -> Result<Self, ConversationError> {
        if name.is_empty() {
            return Err(ConversationError::Empty);
        }
        if name.len() > CONVERSATION_MAX {
            return Err(ConversationError::TooLong(name.len()));
        }
        // the word of [`SYSTEM`]: strings cannot be compared in a constant
        if let b"system" = name.as_bytes() {
            return Err(ConversationError::Reserved);
        }
        // Bytes are enough to look at: of the control characters, those beyond ASCII are U+0080 to
        // U+009F.
        let (mut rest, mut before) = (name.as_bytes(), 0);
        while let [byte, behind @ ..] = rest {
            let c1 = before == 0xC2 && *byte < 0xA0;
            if *byte < b' ' || *byte == b':' || *byte == b'*' || *byte == 0x7F || c1 {
                return Err(ConversationError::Character(*byte as char));
            }
            (rest, before) = (behind, *byte);
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// Why something cannot be the name of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConversationError {
    /// It has no characters.
    Empty,
    /// It has this many bytes, more than 128.
    TooLong(usize),
    /// It has this character: a control character, `:` or `*`.
    Character(char),
    /// It is `system`.
    Reserved,
}

impl fmt::Display for ConversationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a conversation's name is empty: give it 1 to 128 bytes"),
            Self::TooLong(len) => {
                write!(f, "a conversation's name has {len} bytes: give it 1 to 128")
            }
            Self::Character(c) => write!(
                f,
                "a conversation's name has '{}': leave out control characters, ':' and '*'",
                c.escape_default()
            ),
            Self::Reserved => f.write_str(
                "a conversation may not be called 'system': for a system-wide update leave the conversation out",
            ),
        }
    }
}

impl core::error::Error for ConversationError {}

/// A topic by its names: `status:{conversation}:{category}`, or `status:system:{category}`.
///
/// It is written with [`Display`](fmt::Display) and read with [`Self::parse`]; neither allocates.
///
/// ```
/// use statusbus_core::{Categories, Category, ConversationName, TopicName};
///
/// let categories: Categories = Categories::new();
/// let topic = TopicName::parse("status:conv-42:tool", &categories).unwrap();
/// assert_eq!(topic.conversation.map(|name| name.as_str()), Some("conv-42"));
/// assert_eq!(topic.category, "tool");
/// assert_eq!(topic.to_string(), "status:conv-42:tool");
///
/// let system = TopicName::parse("status:system:error", &categories).unwrap();
/// assert_eq!(system.conversation, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TopicName<'a> {
    /// What the updates are about; `None`: the whole system.
    pub conversation: Option<ConversationName<'a>>,
    /// The name of the category.
    pub category: &'a str,
}

impl<'a> TopicName<'a> {
    /// Reads a topic's name.
    ///
    /// # Errors
    /// It does not begin with `status:`, has no category or one that is not among `categories`, or
    /// its conversation is none.
    pub fn parse<N: AsRef<str>, const EXTRA: usize>(
        topic: &'a str,
        categories: &Categories<N, EXTRA>,
    ) -> Result<Self, TopicError> {
        let (conversation, category) = topic
            .strip_prefix("status:")
            .and_then(|rest| rest.split_once(':'))
            .ok_or(TopicError::Form)?;
        if categories.find(category).is_none() {
            return Err(TopicError::UnknownCategory);
        }
        let conversation = match conversation {
            SYSTEM => None,
            name => Some(ConversationName::new(name).map_err(TopicError::Conversation)?),
        };
        Ok(Self { conversation, category })
    }

    /// The topic's category among those of a bus.
    #[must_use]
    pub fn category_in<N: AsRef<str>, const EXTRA: usize>(
        &self,
        categories: &Categories<N, EXTRA>,
    ) -> Option<Category> {
        categories.find(self.category)
    }
}

impl fmt::Display for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conversation = self.conversation.map_or(SYSTEM, ConversationName::as_str);
        write!(f, "status:{conversation}:{}", self.category)
    }
}

/// Why something is not the name of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TopicError {
    /// It is not of the form `status:{conversation}:{category}`.
    Form,
    /// Its conversation cannot be one.
    Conversation(ConversationError),
    /// The bus has no such category.
    UnknownCategory,
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("a topic is status:{conversation}:{category}"),
            Self::Conversation(error) => error.fmt(f),
            Self::UnknownCategory => {
                f.write_str("the bus has no such category: register it when the bus is built")
            }
        }
    }
}

impl core::error::Error for TopicError {}
