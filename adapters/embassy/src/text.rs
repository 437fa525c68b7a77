//! What is said.

use core::fmt::{self, Write};

/// What can be said: a `&str`, `format_args!`, and with [`Shown`] whatever can be displayed.
///
/// What is longer than a message has room for is cut between two characters, and marked as cut.
pub trait Text {
    /// Writes itself.
    fn write_to(self, into: &mut TextWriter<'_>);
}

/// Takes a text into a message.
pub struct TextWriter<'a> {
    into: &'a mut dyn Hold,
    cut: &'a mut bool,
}

/// Room of some capacity.
pub(crate) trait Hold {
    /// Takes in the whole text, or as many whole characters of it as fit; answers whether it did
    /// take the whole.
    fn hold(&mut self, text: &str) -> bool;
}

impl<const N: usize> Hold for heapless::String<N, u16> {
    fn hold(&mut self, text: &str) -> bool {
        if self.push_str(text).is_ok() {
            return true;
        }
        let mut end = N - self.len().min(N);
        while let Some(head) = end.checked_sub(1) {
            if let Some(part) = text.get(..end) {
                let _ = self.push_str(part);
                break;
            }
            end = head;
        }
        false
    }
}

impl<'a> TextWriter<'a> {
    pub(crate) fn new(into: &'a mut dyn Hold, cut: &'a mut bool) -> Self {
        Self { into, cut }
    }

    /// Adds a text, or as much of it as there is room for. After a cut, nothing more is added.
    pub fn push(&mut self, text: &str) {
        if !*self.cut {
            *self.cut = !self.into.hold(text);
        }
    }
}

impl Write for TextWriter<'_> {
    /// Says no once the text is cut, so that nothing more is formatted in vain.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        if *self.cut { Err(fmt::Error) } else { Ok(()) }
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
