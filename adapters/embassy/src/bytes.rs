//! Text of fixed capacity.

/// Up to `N` bytes of text, whose length is stored elsewhere. Aligned to 4, so that it is copied in words.
// Not a `heapless::String`, which is not `Copy`.
#[derive(Clone, Copy, Eq)]
#[repr(C, align(4))]
pub struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> PartialEq for Bytes<N> {
    /// Word by word.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let (words, rest) = self.0.as_chunks::<4>();
        let (other_words, other_rest) = other.0.as_chunks::<4>();
        let mut words = words.iter().zip(other_words);
        words.all(|(&word, &other)| u32::from_le_bytes(word) == u32::from_le_bytes(other))
            && rest.iter().zip(other_rest).all(|(byte, other)| byte == other)
    }
}

impl<const N: usize> AsRef<[u8]> for Bytes<N> {
    #[inline(always)]
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> AsMut<[u8]> for Bytes<N> {
    #[inline(always)]
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl<const N: usize> Bytes<N> {
    pub(crate) const EMPTY: Self = Self([0; N]);
}

/// Bytes that are UTF-8, as text.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

/// The first `len` bytes.
#[inline]
pub(crate) fn first(bytes: &[u8], len: impl Into<usize>) -> &[u8] {
    bytes.get(..len.into()).unwrap_or_default()
}

/// The bytes before the first zero.
pub(crate) fn to_zero(bytes: &[u8]) -> &[u8] {
    first(bytes, bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()))
}

/// Mixes bytes into a hash, word by word: FNV-1a, which suffices where no attacker chooses keys.
#[inline(always)]
pub(crate) fn mix_all(bytes: &[u8], hash: u32) -> u32 {
    let (words, rest) = bytes.as_chunks();
    let hash = words.iter().fold(hash, |hash, &word| mix(hash, u32::from_le_bytes(word)));
    rest.iter().fold(hash, |hash, &byte| mix(hash, byte.into()))
}

/// Mixes a word into a hash.
#[inline(always)]
pub(crate) const fn mix(hash: u32, word: u32) -> u32 {
    (hash ^ word).wrapping_mul(0x0100_0193).rotate_left(15)
}

/// Copies bytes to the start of `room`; `None`: they do not fit.
///
/// In pieces of two words: updates are short, and a general `memcpy` takes longer to choose a method
/// than this takes to copy.
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
