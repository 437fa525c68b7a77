//! What to read.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use statusbus_core::{ConversationError, ConversationName};

/// What to read.
///
/// ```
/// use statusbus_tokio::{ConversationError, Selector};
///
/// let selector = Selector::conversation("conv-42")?;
/// assert!(matches!(&selector, Selector::Conversation(name) if &**name == "conv-42"));
/// assert_eq!(Selector::conversation("a:b"), Err(ConversationError::Character(':')));
/// # Ok::<(), ConversationError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// One conversation; see [`Selector::conversation`].
    Conversation(CheckedName),
    /// What is said system-wide.
    System,
    /// Everything, in the one order of the bus.
    Everything,
}

impl Selector {
    /// One conversation.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn conversation(name: &str) -> Result<Self, ConversationError> {
        CheckedName::new(name).map(Self::Conversation)
    }
}

/// One conversation, by a name that was checked before.
impl From<ConversationName<'_>> for Selector {
    fn from(name: ConversationName<'_>) -> Self {
        Self::Conversation(name.into())
    }
}

/// The name of a conversation that has been checked, to be kept: cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CheckedName(Arc<str>);

impl CheckedName {
    /// Checks a name, and copies it.
    ///
    /// # Errors
    /// What is wrong with the name.
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
