//! The text of an update.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The text of an update, cheap to clone: up to 40 bytes are stored inline, a `&'static str` of any
/// length is kept as a reference, and a longer text is allocated once and shared.
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
pub struct Text(Repr);

/// A text that is stored inline.
pub(crate) type ShortText = heapless::String<40, u8>;

#[derive(Clone)]
enum Repr {
    Inline(ShortText),
    Static(&'static str),
    Shared(Arc<str>),
}

impl Text {
    /// A text of the program itself, kept as a reference: neither copied nor allocated.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Repr::Static(text))
    }

    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self(Repr::Inline(ShortText::new()))
    }

    /// The text as a string slice.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        // most texts are short: readers of many should not have to choose between three each time
        if let Repr::Inline(text) = &self.0 { text } else { self.as_long_str() }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.as_str().len()
    }

    #[cold]
    #[inline(never)]
    fn as_long_str(&self) -> &str {
        match &self.0 {
            Repr::Inline(text) => text,
            Repr::Static(text) => text,
            Repr::Shared(text) => text,
        }
    }

    /// The text itself, if it is stored inline.
    #[inline(always)]
    pub(crate) fn into_short(self) -> Result<ShortText, Self> {
        match self.0 {
            Repr::Inline(text) => Ok(text),
            long => Err(Self(long)),
        }
    }

    /// Bytes that it has allocated.
    #[inline]
    pub(crate) fn allocated(&self) -> usize {
        match &self.0 {
            Repr::Shared(text) => text.len(),
            Repr::Inline(_) | Repr::Static(_) => 0,
        }
    }
}

impl From<&str> for Text {
    #[inline]
    fn from(text: &str) -> Self {
        // Written where it stays: moving it costs more than copying the text.
        let mut inline = Self(Repr::Inline(ShortText::new()));
        if let Repr::Inline(room) = &mut inline.0
            && room.push_str(text).is_ok()
        {
            return inline;
        }
        Self(Repr::Shared(text.into()))
    }
}

impl From<ShortText> for Text {
    fn from(text: ShortText) -> Self {
        Self(Repr::Inline(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        Self(Repr::Shared(text))
    }
}

impl From<std::borrow::Cow<'_, str>> for Text {
    fn from(text: std::borrow::Cow<'_, str>) -> Self {
        Self::from(&*text)
    }
}

/// Formats without an allocation if the result has at most 40 bytes.
impl From<fmt::Arguments<'_>> for Text {
    fn from(text: fmt::Arguments<'_>) -> Self {
        if let Some(text) = text.as_str() {
            return Self::from(text);
        }
        let mut inline = ShortText::new();
        match fmt::write(&mut inline, text) {
            Ok(()) => Self(Repr::Inline(inline)),
            Err(fmt::Error) => Self(Repr::Shared(text.to_string().into())),
        }
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// Compares the texts, however they are stored.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

/// Hashes as a `str` does.
impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}
