//! The text of an update.

use core::fmt::{self, Write};

use crate::bytes::copy;

/// A text to send: a `&str`, or `format_args!`.
///
/// A text longer than the capacity of the message is cut between two characters and marked as cut.
pub trait Text {
    /// Writes the text.
    fn write_to(self, into: &mut TextWriter<'_>);
}

/// Writes a text into a message.
pub struct TextWriter<'a> {
    room: &'a mut [u8],
    len: usize,
    cut: bool,
}

impl<'a> TextWriter<'a> {
    #[inline(always)]
    pub(crate) const fn new(room: &'a mut [u8]) -> Self {
        Self { room, len: 0, cut: false }
    }

    /// The number of bytes written, and whether the text was cut.
    #[inline(always)]
    pub(crate) const fn end(&self) -> (usize, bool) {
        (self.len, self.cut)
    }

    /// Appends a text, or the characters of it that fit. After a cut nothing more is appended.
    #[inline]
    pub fn push(&mut self, text: &str) {
        let room = self.room.get_mut(self.len..).unwrap_or_default();
        if self.cut {
            return;
        }
        let mut text = text;
        if text.len() > room.len() {
            self.cut = true;
            text = first_characters(text, room.len());
        }
        if copy(room, text.as_bytes()).is_some() {
            self.len += text.len();
        }
    }
}

/// The whole characters in the first `most` bytes of a text.
#[cold]
fn first_characters(text: &str, most: usize) -> &str {
    let mut end = most;
    while end > 0 && !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

impl Write for TextWriter<'_> {
    /// Fails once the text is cut, so that the rest is not formatted in vain.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        if self.cut { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Text for &str {
    #[inline]
    fn write_to(self, into: &mut TextWriter<'_>) {
        into.push(self);
    }
}

impl Text for fmt::Arguments<'_> {
    #[inline]
    fn write_to(self, into: &mut TextWriter<'_>) {
        match self.as_str() {
            Some(text) => into.push(text),
            None => {
                let _ = into.write_fmt(self); // it fails if the text is cut, which is marked
            }
        }
    }
}
