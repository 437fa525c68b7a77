//! Consistent overhead byte stuffing: bytes without 0x00 in them, so that 0x00 can end a frame.
//!
//! A block is a code byte and code − 1 bytes that are not zero. After each block but the last, and
//! but those with code 0xFF, there was a zero.

/// The code of a block of the longest kind, which no zero follows.
const LONGEST: u8 = 0xFF;

/// How far behind the start of a buffer of `len` bytes the data must lie so that encoding in place
/// overwrites nothing that has not been read: a byte for the first code and one for each 254 bytes.
pub(super) const fn headroom(len: u16) -> usize {
    1 + (len / 254) as usize
}

/// Encodes the bytes in `data` of the buffer into its beginning and ends them with 0x00. Answers
/// with how many bytes that are. `data` begins at [`headroom`] or behind, and ends one byte before
/// the end of the buffer or sooner.
pub(super) fn encode_in_place(buffer: &mut [u8], data: core::ops::Range<usize>) -> usize {
    let mut set = |at: usize, byte| {
        if let Some(place) = buffer.get_mut(at) { core::mem::replace(place, byte) } else { 0 }
    };
    let (mut code_at, mut code, mut end) = (0, 1, 1);
    for at in data {
        let byte = set(at, 0);
        if code == LONGEST {
            set(code_at, code);
            (code_at, code, end) = (end, 1, end + 1);
        }
        if byte == 0 {
            set(code_at, code);
            (code_at, code, end) = (end, 1, end + 1);
        } else {
            set(end, byte);
            (code, end) = (code + 1, end + 1);
        }
    }
    set(code_at, code);
    set(end, 0);
    end + 1
}

/// Takes encoded bytes one by one.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Unstuff {
    /// Bytes that are still to come of the block.
    left: u8,
    /// Whether another block means a zero before it.
    zero: bool,
}

impl Unstuff {
    /// In front of a frame.
    pub(super) const START: Self = Self { left: 0, zero: false };

    /// Whether nothing has come, provided that it stood for no data.
    pub(super) const fn is_at_start(self) -> bool {
        self.left == 0 && !self.zero
    }

    /// Whether a frame may end here.
    pub(super) const fn is_whole(self) -> bool {
        self.left == 0
    }

    /// What a byte that is not 0x00 stands for: a byte of data, or none.
    pub(super) const fn push(&mut self, byte: u8) -> Option<u8> {
        if self.left > 0 {
            self.left -= 1;
            return Some(byte);
        }
        let zero = self.zero;
        (self.left, self.zero) = (byte.wrapping_sub(1), byte != LONGEST);
        if zero { Some(0) } else { None }
    }
}
