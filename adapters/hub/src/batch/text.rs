//! The text of an update.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Bytes of a text that is stored inline.
pub(crate) const SHORT: usize = 44;

/// A text that is stored inline.
pub(crate) type ShortText = arrayvec::ArrayString<SHORT>;

/// The text of an update, on its way into the bus. The bus copies it next to other updates of its batch, without an
/// allocation of its own; a `&'static str` from [`from_static`](Self::from_static) and an `Arc<str>` are kept as
/// references if they have more than 44 bytes.
///
/// Every method that sends takes `impl Into<Text>`: a `&str`, a `String`, an `Arc<str>`, a `Cow<str>`
/// or `format_args!`.
///
/// ```
/// use statusbus_tokio::Text;
///
/// let copied = Text::from("searching");
/// let fixed = Text::from_static("a sentence in the program's own text, however long it may be");
/// assert_eq!(copied.as_str().len(), 9);
/// assert_eq!(fixed, Text::from(fixed.to_string()));
/// ```
#[derive(Clone)]
pub struct Text<'a>(Repr<'a>);

#[derive(Clone)]
enum Repr<'a> {
    Borrowed(&'a str),
    Short(ShortText),
    Owned(String),
    Static(&'static str),
    Shared(Arc<str>),
}

impl<'a> Text<'a> {
    /// A text of the program itself, which is not copied if it is long.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Repr::Static(text))
    }

    pub(crate) const fn short(text: ShortText) -> Self {
        Self(Repr::Short(text))
    }

    /// The text as a string slice.
    #[must_use]
    #[inline(always)]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Borrowed(text) => text,
            Repr::Short(text) => text,
            Repr::Owned(text) => text,
            Repr::Static(text) => text,
            Repr::Shared(text) => text,
        }
    }

    /// The text, if it is borrowed for the time of the call.
    #[inline(always)]
    pub(crate) const fn as_borrowed(&self) -> Option<&'a str> {
        match &self.0 {
            Repr::Borrowed(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) const fn as_static(&self) -> Option<&'static str> {
        match &self.0 {
            Repr::Static(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) const fn as_shared(&self) -> Option<&Arc<str>> {
        match &self.0 {
            Repr::Shared(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn to_shared(&self) -> Arc<str> {
        self.as_shared().map_or_else(|| self.as_str().into(), Arc::clone)
    }

    /// What it has allocated, and keeps in a block.
    pub(crate) fn allocated(&self) -> usize {
        match &self.0 {
            Repr::Static(_) => 0,
            _ if self.as_str().len() <= SHORT => 0,
            _ => self.as_str().len(),
        }
    }

    /// The same text without the borrow. Copies a borrowed one.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        Text(match self.0 {
            Repr::Borrowed(text) => match ShortText::from(text) {
                Ok(short) => Repr::Short(short),
                Err(_) => Repr::Owned(text.to_owned()),
            },
            Repr::Short(text) => Repr::Short(text),
            Repr::Owned(text) => Repr::Owned(text),
            Repr::Static(text) => Repr::Static(text),
            Repr::Shared(text) => Repr::Shared(text),
        })
    }
}

impl<'a> From<&'a str> for Text<'a> {
    #[inline(always)]
    fn from(text: &'a str) -> Self {
        Self(Repr::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Text<'a> {
    #[inline]
    fn from(text: &'a String) -> Self {
        Self(Repr::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    #[inline]
    fn from(text: String) -> Self {
        Self(Repr::Owned(text))
    }
}

impl From<Arc<str>> for Text<'_> {
    fn from(text: Arc<str>) -> Self {
        Self(Repr::Shared(text))
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::from(text),
            Cow::Owned(text) => Self::from(text),
        }
    }
}

/// Formats without an allocation if the result has at most 44 bytes.
impl From<fmt::Arguments<'_>> for Text<'_> {
    fn from(text: fmt::Arguments<'_>) -> Self {
        if let Some(text) = text.as_str() {
            return Self::from_static(text);
        }
        let mut short = ShortText::new();
        match fmt::write(&mut short, text) {
            Ok(()) => Self(Repr::Short(short)),
            Err(fmt::Error) => Self(Repr::Owned(text.to_string())),
        }
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// Compares the texts, however they are stored.
impl PartialEq<Text<'_>> for Text<'_> {
    fn eq(&self, other: &Text<'_>) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text<'_> {}

/// Hashes as a `str` does.
impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}
