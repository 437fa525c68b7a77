//! What a reader reads.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use statusbus_core::{ConversationError, ConversationName};

/// Selects what a reader reads.
///
/// ```
/// use statusbus_tokio::{ConversationError, Selector};
///
/// let selector = Selector::conversation("conv-42")?;
/// assert!(matches!(&selector, Selector::Conversation(name) if &**name == "conv-42"));
/// assert_eq!(Selector::try_from("conv-42"), Ok(selector));
/// assert_eq!(Selector::conversation("a:b"), Err(ConversationError::Character(':')));
/// # Ok::<(), ConversationError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The updates of one conversation: see [`Selector::conversation`].
    Conversation(CheckedName),
    /// The system-wide updates.
    System,
    /// All updates, in the order of the bus.
    Everything,
}

impl Selector {
    /// Selects one conversation by its name. Copies the name.
    ///
    /// # Errors
    /// The name is invalid; the error names the fault.
    pub fn conversation(name: &str) -> Result<Self, ConversationError> {
        CheckedName::new(name).map(Self::Conversation)
    }
}

/// Selects one conversation, as [`Selector::conversation`] does.
impl TryFrom<&str> for Selector {
    type Error = ConversationError;

    fn try_from(name: &str) -> Result<Self, ConversationError> {
        Self::conversation(name)
    }
}

/// Selects one conversation.
impl From<CheckedName> for Selector {
    fn from(name: CheckedName) -> Self {
        Self::Conversation(name)
    }
}

/// Selects one conversation.
impl From<ConversationName<'_>> for Selector {
    fn from(name: ConversationName<'_>) -> Self {
        Self::Conversation(name.into())
    }
}

/// A valid name of a conversation, owned. A clone shares the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CheckedName(Arc<str>);

impl CheckedName {
    /// Checks a name and copies it.
    ///
    /// # Errors
    /// The name is invalid; the error names the fault.
    pub fn new(name: &str) -> Result<Self, ConversationError> {
        ConversationName::new(name).map(Self::from)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl TryFrom<&str> for CheckedName {
    type Error = ConversationError;

    fn try_from(name: &str) -> Result<Self, ConversationError> {
        Self::new(name)
    }
}

impl FromStr for CheckedName {
    type Err = ConversationError;

    fn from_str(name: &str) -> Result<Self, ConversationError> {
        Self::new(name)
    }
}

impl AsRef<str> for CheckedName {
    fn as_ref(&self) -> &str {
        self
    }
}

impl From<ConversationName<'_>> for CheckedName {
    fn from(name: ConversationName<'_>) -> Self {
        Self(name.as_str().into())
    }
}

impl Deref for CheckedName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CheckedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for CheckedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
