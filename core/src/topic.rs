//! The names of conversations and topics.

use core::fmt;

use crate::{Categories, Category};

/// The largest length of a conversation's name, in bytes.
pub const CONVERSATION_MAX: usize = 128;

/// The topic of a system-wide update has this in place of a conversation's name.
const SYSTEM: &str = "system";

/// The valid name of a conversation, the subject of updates: a chat, a job, a device.
///
/// A name has 1 to 128 bytes of UTF-8. Forbidden are control characters, bidirectional overrides and
/// isolates (U+202A to U+202E, U+2066 to U+2069), `:` and `*`. At least one character is visible, which
/// means that it has neither of Unicode's properties `White_Space` and `Default_Ignorable_Code_Point`.
/// `system` is reserved: it names the whole system in a topic. `.` and `..` are refused, because URL
/// clients remove them from a path: `/v1/status/../events` is `/v1/events`.
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
    /// Checks a name. The cost is linear in its length, at most 128 bytes; a constant costs nothing:
    ///
    /// ```
    /// use statusbus_core::ConversationName;
    ///
    /// const MOTOR: ConversationName<'static> = match ConversationName::new("motor") {
    ///     Ok(name) => name,
    ///     Err(_) => panic!("invalid name"), // at compile time
    /// };
    /// # assert_eq!(MOTOR.as_str(), "motor");
    /// ```
    ///
    /// # Errors
    /// The name is invalid; the error has the reason.
    pub const fn new(name: &'a str) -> Result<Self, ConversationError> {
        // Byte strings, because a constant cannot compare strings; `system` is [`SYSTEM`].
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
        while let Some((code, behind)) = first_code_point(rest) {
            match Class::of(code) {
                Class::Forbidden => {
                    // a string has no other code points
                    let Some(character) = char::from_u32(code) else { break };
                    return Err(ConversationError::Character(character));
                }
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

/// The class of a character in a conversation's name.
enum Class {
    Forbidden,
    Invisible,
    Visible,
}

impl Class {
    const fn of(code: u32) -> Self {
        let mut rest = SPECIAL.as_slice();
        while let [range, behind @ ..] = rest {
            let first = *range >> 12;
            if code < first {
                break;
            }
            if code - first <= *range & 0x7FF {
                return if *range & FORBIDDEN == 0 { Self::Invisible } else { Self::Forbidden };
            }
            rest = behind;
        }
        Self::Visible
    }
}

/// The forbidden and the invisible characters, in order. A table takes a fifth of the flash of a
/// `match`. A range has 4 bytes: its first character, [`FORBIDDEN`] or not, and in the lowest 11 bits
/// the number of characters behind the first.
const SPECIAL: [u32; 30] = [
    range('\0', '\x1F') | FORBIDDEN,
    range(' ', ' '),
    range('*', '*') | FORBIDDEN,
    range(':', ':') | FORBIDDEN,
    range('\x7F', '\u{9F}') | FORBIDDEN,
    range('\u{A0}', '\u{A0}'),
    range('\u{AD}', '\u{AD}'),
    range('\u{34F}', '\u{34F}'),
    range('\u{61C}', '\u{61C}'),
    range('\u{115F}', '\u{1160}'),
    range('\u{1680}', '\u{1680}'),
    range('\u{17B4}', '\u{17B5}'),
    range('\u{180B}', '\u{180F}'),
    range('\u{2000}', '\u{200F}'),
    range('\u{2028}', '\u{2029}'),
    range('\u{202A}', '\u{202E}') | FORBIDDEN,
    range('\u{202F}', '\u{202F}'),
    range('\u{205F}', '\u{2065}'),
    range('\u{2066}', '\u{2069}') | FORBIDDEN,
    range('\u{206A}', '\u{206F}'),
    range('\u{3000}', '\u{3000}'),
    range('\u{3164}', '\u{3164}'),
    range('\u{FE00}', '\u{FE0F}'),
    range('\u{FEFF}', '\u{FEFF}'),
    range('\u{FFA0}', '\u{FFA0}'),
    range('\u{FFF0}', '\u{FFF8}'),
    range('\u{1BCA0}', '\u{1BCA3}'),
    range('\u{1D173}', '\u{1D17A}'),
    range('\u{E0000}', '\u{E07FF}'),
    range('\u{E0800}', '\u{E0FFF}'),
];

const FORBIDDEN: u32 = 1 << 11;

const fn range(first: char, last: char) -> u32 {
    let more = last as u32 - first as u32;
    assert!(more < FORBIDDEN && last < '\u{100000}', "11 and 20 bits");
    (first as u32) << 12 | more
}

/// The first code point of a text and the bytes behind it; `None` at its end. A constant cannot call
/// `str::chars`.
const fn first_code_point(utf8: &[u8]) -> Option<(u32, &[u8])> {
    let [lead, rest @ ..] = utf8 else { return None };
    let (mut code, mut rest) = (*lead as u32, rest);
    if *lead >= 0xC0 {
        code &= 0x7F >> lead.leading_ones();
    }
    while let [byte @ 0x80..=0xBF, behind @ ..] = rest {
        code = code << 6 | (*byte & 0x3F) as u32;
        rest = behind;
    }
    Some((code, rest))
}

/// Why a text is not the name of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConversationError {
    /// It is empty.
    Empty,
    /// It has this number of bytes, more than 128.
    TooLong(usize),
    /// It has this forbidden character: a control character, a bidirectional override or isolate, `:`
    /// or `*`.
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
/// [`Display`](fmt::Display) writes it and [`Self::parse`] reads it; neither allocates.
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
    /// The conversation; `None` for system-wide updates.
    pub conversation: Option<ConversationName<'a>>,
    /// The name of the category.
    pub category: &'a str,
}

impl<'a> TopicName<'a> {
    /// Parses the name of a topic.
    ///
    /// # Errors
    /// The text does not begin with `status:`, its category is missing or not among `categories`, or
    /// its conversation is invalid.
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

    /// The topic's category among `categories`.
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

/// Why a text is not the name of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TopicError {
    /// It does not have the form `status:{conversation}:{category}`.
    Form,
    /// Its conversation is invalid.
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
