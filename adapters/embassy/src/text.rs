//! What is said.

use core::fmt::{self, Write};

use crate::bytes::copy;

/// What can be said: a `&str`, `format_args!`, and with [`Shown`] whatever can be displayed.
///
/// What is longer than a message has room for is cut between two characters, and marked as cut.
pub trait Text {
    /// Writes itself.
    fn write_to(self, into: &mut TextWriter<'_>);
}

/// Takes a text into a message.
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

    /// How many bytes were written, and whether it was cut.
    #[inline(always)]
    pub(crate) const fn end(&self) -> (usize, bool) {
        (self.len, self.cut)
    }

    /// Adds a text, or as much of it as there is room for. After a cut, nothing more is added.
    #[inline]
    pub fn push(&mut self, text: &str) {
        let room = self.room.get_mut(self.len..).unwrap_or_default();
        if self.cut {
            return;
        }
        match copy(room, text.as_bytes()) {
            Some(()) => self.len += text.len(),
            None => self.cut_off(text),
        }
    }

    /// Adds as many whole characters as there is room for.
    #[cold]
    fn cut_off(&mut self, text: &str) {
        let room = self.room.get_mut(self.len..).unwrap_or_default();
        self.cut = true;
        let part = (0..=room.len()).rev().find_map(|end| text.get(..end)).unwrap_or_default();
        if copy(room, part.as_bytes()).is_some() {
            self.len += part.len();
        }
    }
}

impl Write for TextWriter<'_> {
    /// Says no once the text is cut, so that nothing more is formatted in vain.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        if self.cut { Err(fmt::Error) } else { Ok(()) }
    }
}

impl fmt::Debug for TextWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextWriter").field("cut", &self.cut).finish_non_exhaustive()
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
                let _ = into.write_fmt(self); // it fails when it is cut, and that is marked
            }
        }
    }
}

/// Says whatever can be displayed, as it is displayed.
///
/// ```
/// # use statusbus_embassy::{Shown, Text};
/// fn say(_: impl Text) {}
///
/// say(Shown(21));
/// say(Shown('°'));
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Shown<D>(pub D);

impl<D: fmt::Display> Text for Shown<D> {
    fn write_to(self, into: &mut TextWriter<'_>) {
        format_args!("{}", self.0).write_to(into);
    }
}
