//! Text of fixed capacity.

/// Up to `N` bytes of text, whose length is kept elsewhere. Aligned to 4, so that it is copied in words.
// Bytes and not a string of heapless, which is not `Copy`: what is moved in safe Rust is moved twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C, align(4))]
pub(crate) struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> Bytes<N> {
    pub(crate) const EMPTY: Self = Self([0; N]);

    /// The first `len` bytes, which are text.
    #[inline]
    pub(crate) fn text(&self, len: usize) -> &str {
        self.0.get(..len).map(core::str::from_utf8).and_then(Result::ok).unwrap_or_default()
    }

    /// The text before the first zero.
    pub(crate) fn text_to_zero(&self) -> &str {
        self.text(self.0.iter().position(|&byte| byte == 0).unwrap_or(N))
    }

    /// Keeps a text from its beginning on, if it fits.
    #[inline(always)]
    pub(crate) fn set(&mut self, text: &str) -> Option<()> {
        copy(&mut self.0, text.as_bytes())
    }

    #[inline(always)]
    pub(crate) const fn room(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// Copies bytes to the beginning of where there is room for them; `None`: there is not.
///
/// In pieces of words: in a bus nothing is long, and a general copy thinks for longer than that takes.
#[inline(always)]
pub(crate) fn copy(room: &mut [u8], bytes: &[u8]) -> Option<()> {
    let (to_pieces, to_rest) = room.get_mut(..bytes.len())?.as_chunks_mut::<8>();
    let (from_pieces, from_rest) = bytes.as_chunks::<8>();
    for (to, from) in to_pieces.iter_mut().zip(from_pieces) {
        *to = *from;
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to = *from;
    }
    Some(())
}
