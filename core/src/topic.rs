//! Who an update is about, and the names of topics.

use core::fmt;

use crate::{Categories, Category};

/// The longest name of a conversation, in bytes.
pub const CONVERSATION_MAX: usize = 128;

/// What a system-wide update has in place of a conversation's name in its topic.
const SYSTEM: &str = "system";

/// What an update is about: a chat, a job, a device. A name that has been checked.
///
/// 1 to 128 bytes of UTF-8, without control characters, bidirectional overrides and isolates (U+202A
/// to U+202E, U+2066 to U+2069), `:` and `*`, and with at least one visible character: neither white
/// space nor ignorable, which are Unicode's properties `White_Space` and
/// `Default_Ignorable_Code_Point`. Not `system`, which names the whole system in a topic, and neither
/// `.` nor `..`, which URL clients remove from a path: `/v1/status/../events` is `/v1/events`.
///
/// ```
/// use statusbus_core::{ConversationError, ConversationName};
///
/// assert_eq!(ConversationName::new("conv-42")?.as_str(), "conv-42");
/// assert_eq!(ConversationName::new("a:b"), Err(ConversationError::Character(':')));
/// assert_eq!(ConversationName::new("system"), Err(ConversationError::Reserved));
/// assert_eq!(ConversationName::new(".."), Err(ConversationError::DotSegment));
/// assert_eq!(ConversationName::new(" "), Err(ConversationError::Invisible));
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
        // Byte strings, since strings cannot be compared in a constant; `system` is [`SYSTEM`].
        match name.as_bytes() {
            b"" => return Err(ConversationError::Empty),
            b"system" => return Err(ConversationError::Reserved),
            b"." | b".." => return Err(ConversationError::DotSegment),
            bytes if bytes.len() > CONVERSATION_MAX => {
                return Err(ConversationError::TooLong(bytes.len()));
            }
            _ => {}
        }
        let (mut rest, mut is_visible) = (name.as_bytes(), false);
        while let Some((character, behind)) = first_character(rest) {
            match Class::of(character) {
                Class::Forbidden => return Err(ConversationError::Character(character)),
                Class::Visible => is_visible = true,
                Class::Invisible => {}
            }
            rest = behind;
        }
        if !is_visible {
            return Err(ConversationError::Invisible);
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// What a character is in a conversation's name.
enum Class {
    Forbidden,
    Invisible,
    Visible,
}

impl Class {
    const fn of(character: char) -> Self {
        match character {
            // Most names are of these alone.
            '!'..=')' | '+'..='9' | ';'..='~' => Self::Visible,
            '\0'..='\x1F' | '\x7F'..='\u{9F}' | ':' | '*' => Self::Forbidden,
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => Self::Forbidden,
            ' '
            | '\u{A0}'
            | '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{1680}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{2000}'..='\u{200F}'
            | '\u{2028}'..='\u{202F}'
            | '\u{205F}'..='\u{206F}'
            | '\u{3000}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}' => Self::Invisible,
            _ => Self::Visible,
        }
    }
}

/// The first character of a text and the bytes behind it; `None` at its end. `str::chars` is not for
/// constants.
const fn first_character(utf8: &[u8]) -> Option<(char, &[u8])> {
    const fn low(byte: u8) -> u32 {
        (byte & 0x3F) as u32
    }
    let (code, behind) = match utf8 {
        [a @ ..0x80, behind @ ..] => (*a as u32, behind),
        [a @ ..0xE0, b, behind @ ..] => (((*a & 0x1F) as u32) << 6 | low(*b), behind),
        [a @ ..0xF0, b, c, behind @ ..] => {
            (((*a & 0xF) as u32) << 12 | low(*b) << 6 | low(*c), behind)
        }
        [a, b, c, d, behind @ ..] => {
            (((*a & 7) as u32) << 18 | low(*b) << 12 | low(*c) << 6 | low(*d), behind)
        }
        _ => return None,
    };
    match char::from_u32(code) {
        Some(character) => Some((character, behind)),
        None => None,
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
    /// It has this character: a control character, a bidirectional override or isolate, `:` or `*`.
    Character(char),
    /// It is `system`.
    Reserved,
    /// It is `.` or `..`.
    DotSegment,
    /// It has no visible character.
    Invisible,
}

impl fmt::Display for ConversationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a conversation's name is empty: give it 1 to 128 bytes"),
            Self::TooLong(len) => {
                write!(f, "a conversation's name has {len} bytes: give it 1 to 128")
            }
            Self::Character(c) => {
                let kind = match c {
                    '\u{202A}'.. => "bidirectional overrides and isolates",
                    _ => "control characters, ':' and '*'",
                };
                let c = c.escape_default();
                write!(f, "a conversation's name has '{c}': leave out {kind}")
            }
            Self::Reserved => f.write_str(
                "a conversation may not be called 'system': for a system-wide update leave the conversation out",
            ),
            Self::DotSegment => f.write_str(
                "a conversation may not be called '.' or '..', which URL clients remove from a path: give it another name",
            ),
            Self::Invisible => f.write_str(
                "a conversation's name has only white space and invisible characters: give it a visible one",
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
