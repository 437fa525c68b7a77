//! What updates and losses are about.

use core::fmt;

use super::bytes::{Reader, Writer};
use super::update::Flaw;
use crate::{Categories, Category, ConversationName};

/// What an update is about: a name, or a number on devices that have numbers. The number 42 and
/// the name "42" are the same conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Conversation<'a> {
    /// By its name.
    Name(ConversationName<'a>),
    /// By its number, which travels as such.
    Number(u32),
}

impl fmt::Display for Conversation<'_> {
    /// The name: that of a number is its digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name.as_str()),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl<'a> From<ConversationName<'a>> for Conversation<'a> {
    fn from(name: ConversationName<'a>) -> Self {
        Self::Name(name)
    }
}

/// A category that device and host both know: a built-in one by its index, one that the application
/// has registered by its name, so that neither has to learn the other's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CategoryName<'a> {
    /// One that every bus has. Any other index the host refuses as unknown.
    BuiltIn(Category),
    /// A registered one. A name that the host's bus does not have is refused there as unknown.
    Registered(&'a str),
}

impl<'a> CategoryName<'a> {
    /// A category of a bus as it travels.
    #[must_use]
    pub fn new<N: AsRef<str>, const EXTRA: usize>(
        category: Category,
        categories: &'a Categories<N, EXTRA>,
    ) -> Self {
        match categories.name(category) {
            Some(name) if category.index() >= Category::BUILT_IN.len() => Self::Registered(name),
            _ => Self::BuiltIn(category),
        }
    }

    /// The name; empty for a [`BuiltIn`](Self::BuiltIn) that is none.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        match self {
            Self::BuiltIn(category) => {
                Category::BUILT_IN.get(category.index()).copied().unwrap_or_default()
            }
            Self::Registered(name) => name,
        }
    }

    /// The category among those of a bus.
    #[must_use]
    pub fn category_in<N: AsRef<str>, const EXTRA: usize>(
        self,
        categories: &Categories<N, EXTRA>,
    ) -> Option<Category> {
        categories.find(self.as_str())
    }

    /// The category of that name, if it can be one.
    fn from_name(name: &'a str) -> Option<Self> {
        let index = Category::BUILT_IN.iter().position(|&built_in| built_in == name);
        if let Some(category) = index.and_then(Category::from_index) {
            return Some(Self::BuiltIn(category));
        }
        // The core knows what a category may be called.
        Categories::<&str, 1>::new().register(name).ok().map(|_| Self::Registered(name))
    }
}

impl From<Category> for CategoryName<'_> {
    /// A built-in category as it travels. Where it may be another, [`CategoryName::new`] is for it.
    fn from(category: Category) -> Self {
        Self::BuiltIn(category)
    }
}

/// Bits 2 and 3 of the flags: what stands for the conversation.
const CONVERSATION_SHIFT: u32 = 2;
const SYSTEM: u32 = 0;
const NUMBER: u32 = 1;
const NAME: u32 = 2;
/// Bit 6: the category is a name.
const REGISTERED: u32 = 1 << 6;

/// The bits of the flags that say how a topic is written.
pub(super) const fn flags(
    conversation: Option<&Conversation<'_>>,
    category: &CategoryName<'_>,
) -> u32 {
    let conversation = match conversation {
        None => SYSTEM,
        Some(Conversation::Number(_)) => NUMBER,
        Some(Conversation::Name(_)) => NAME,
    };
    let category = match category {
        CategoryName::BuiltIn(_) => 0,
        CategoryName::Registered(_) => REGISTERED,
    };
    conversation << CONVERSATION_SHIFT | category
}

pub(super) fn write(
    conversation: Option<&Conversation<'_>>,
    category: &CategoryName<'_>,
    writer: &mut Writer<'_>,
) {
    match category {
        CategoryName::BuiltIn(category) => writer.number(category.index() as u64),
        CategoryName::Registered(name) => writer.string(name),
    }
    match conversation {
        None => {}
        Some(Conversation::Number(number)) => writer.number(u64::from(*number)),
        Some(Conversation::Name(name)) => writer.string(name.as_str()),
    }
}

/// A topic whose names have not been checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawTopic<'a> {
    category: RawCategory<'a>,
    conversation: RawConversation<'a>,
}

#[derive(Clone, Copy, Debug)]
enum RawCategory<'a> {
    Index(u32),
    Name(&'a [u8]),
}

#[derive(Clone, Copy, Debug)]
enum RawConversation<'a> {
    System,
    Number(u32),
    Name(&'a [u8]),
}

impl<'a> RawTopic<'a> {
    pub(super) fn read(flags: u32, reader: &mut Reader<'a>) -> Option<Self> {
        let category = if flags & REGISTERED == 0 {
            RawCategory::Index(reader.small()?)
        } else {
            RawCategory::Name(reader.string()?)
        };
        let conversation = match flags >> CONVERSATION_SHIFT & 3 {
            SYSTEM => RawConversation::System,
            NUMBER => RawConversation::Number(reader.small()?),
            NAME => RawConversation::Name(reader.string()?),
            _ => return None,
        };
        Some(Self { category, conversation })
    }

    pub(super) fn check(self) -> Result<(Option<Conversation<'a>>, CategoryName<'a>), Flaw> {
        let category = match self.category {
            RawCategory::Index(index) => usize::try_from(index)
                .ok()
                .filter(|&index| index < Category::BUILT_IN.len())
                .and_then(Category::from_index)
                .map(CategoryName::BuiltIn),
            RawCategory::Name(name) => {
                core::str::from_utf8(name).ok().and_then(CategoryName::from_name)
            }
        };
        let conversation = match self.conversation {
            RawConversation::System => None,
            RawConversation::Number(number) => Some(Conversation::Number(number)),
            RawConversation::Name(name) => {
                let name = core::str::from_utf8(name).map_err(|_| Flaw::Utf8)?;
                let name = ConversationName::new(name).map_err(Flaw::Conversation)?;
                Some(Conversation::Name(name))
            }
        };
        Ok((conversation, category.ok_or(Flaw::Category)?))
    }
}
