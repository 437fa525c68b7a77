//! From bytes to frames.

use super::cobs::Unstuff;
use super::frame::{Frame, Seen, Unseen};
use super::{CRC_LEN, checksum};

/// Takes bytes as they come from a line, in any chunks, and gives the frames that came through.
///
/// Garbage costs the frames it hits, which are counted, and nothing else: behind the next 0x00 all
/// is well again. Nothing panics and nothing is allocated, whatever comes in. `B` is a buffer that
/// the caller brings, an array or a boxed slice say; it bounds the frames that can be taken (see
/// [`FRAME_MAX`](super::FRAME_MAX)).
///
/// ```
/// use statusbus_core::wire::{Body, Decoder, FRAME_MAX};
///
/// let mut decoder = Decoder::new([0; FRAME_MAX]);
/// # let chunk = [0x17, 0xFF, 0x00, 0x02];
/// let mut bytes = &chunk[..]; // what a read gave
/// while let Some(frame) = decoder.feed(&mut bytes) {
///     match frame.body {
///         Body::Updates(updates) => {
///             for update in updates {
///                 match update {
///                     Ok(update) => println!("{}: {}", update.seq, update.text),
///                     Err(refusal) => println!("{refusal}"),
///                 }
///             }
///         }
///         Body::Gap(missing) => {
///             for missing in missing {
///                 println!("missing: {}", missing.losses.total() + missing.other);
///             }
///         }
///         _ => {} // what later versions of this crate may know
///     }
/// }
/// assert_eq!(decoder.counters().bad(), 1);
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Decoder<B> {
    buffer: B,
    len: usize,
    unstuff: Unstuff,
    /// Whether the rest of this frame is of no use.
    skipping: bool,
    counters: Counters,
}

/// What became of the frames that came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counters {
    /// Frames that came through.
    pub frames: u64,
    /// Ended where none can end, or after fewer bytes than one has: a part of one, or garbage.
    pub torn: u64,
    /// Longer than the decoder's buffer; also several whose 0x00 was lost.
    pub too_long: u64,
    /// Hit by something: the checksum is wrong.
    pub checksum: u64,
    /// Of a version that this decoder does not know.
    pub version: u64,
    /// Of a kind that this decoder does not know: the writer is newer.
    pub kind: u64,
    /// With the right checksum and the wrong contents: the writer is at fault.
    pub malformed: u64,
}

impl Counters {
    const ZERO: Self =
        Self { frames: 0, torn: 0, too_long: 0, checksum: 0, version: 0, kind: 0, malformed: 0 };

    /// All that did not come through.
    #[must_use]
    pub const fn bad(&self) -> u64 {
        self.torn + self.too_long + self.checksum + self.version + self.kind + self.malformed
    }
}

impl<B> Decoder<B> {
    /// A decoder in front of a frame.
    #[must_use]
    pub const fn new(buffer: B) -> Self {
        Self { buffer, len: 0, unstuff: Unstuff::START, skipping: false, counters: Counters::ZERO }
    }

    /// What became of the frames so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Forgets the frame that has begun: the line was opened anew. What the device is in the middle
    /// of is then counted as one bad frame at most.
    pub const fn reset(&mut self) {
        (self.len, self.unstuff, self.skipping) = (0, Unstuff::START, false);
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Decoder<B> {
    /// Takes bytes up to the end of the next sound frame and cuts them off the front of `bytes`;
    /// `None` when it has taken them all. Linear in the bytes taken.
    #[must_use = "a frame comes once"]
    pub fn feed(&mut self, bytes: &mut &[u8]) -> Option<Frame<'_>> {
        let seen = loop {
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            if let Some(seen) = self.take(byte) {
                break seen;
            }
        };
        Some(seen.frame(self.buffer.as_ref()))
    }

    /// Takes one byte, from an interrupt say.
    #[must_use = "a frame comes once"]
    pub fn push(&mut self, byte: u8) -> Option<Frame<'_>> {
        self.feed(&mut [byte].as_slice())
    }

    /// Takes one byte, and says which frame it ends.
    fn take(&mut self, byte: u8) -> Option<Seen> {
        if byte == 0 {
            let seen = self.end();
            self.reset();
            return seen;
        }
        if !self.skipping
            && let Some(byte) = self.unstuff.push(byte)
        {
            match self.buffer.as_mut().get_mut(self.len) {
                Some(place) => {
                    *place = byte;
                    self.len += 1;
                }
                None => self.skipping = true,
            }
        }
        None
    }

    /// Looks at what a 0x00 has ended.
    fn end(&mut self) -> Option<Seen> {
        if self.len == 0 && self.unstuff.is_at_start() {
            return None;
        }
        let bad = &mut self.counters;
        if self.skipping {
            bad.too_long += 1;
            return None;
        }
        let frame = self.buffer.as_ref().get(..self.len).unwrap_or_default();
        let Some((frame, crc)) = frame.split_last_chunk::<CRC_LEN>() else {
            bad.torn += 1;
            return None;
        };
        if !self.unstuff.is_whole() {
            bad.torn += 1;
            return None;
        }
        let crc = u32::from_le_bytes(*crc);
        if checksum(frame) != crc {
            bad.checksum += 1;
            return None;
        }
        match Seen::look(frame, crc) {
            Ok(seen) => {
                self.counters.frames += 1;
                return Some(seen);
            }
            Err(Unseen::Version) => bad.version += 1,
            Err(Unseen::Kind) => bad.kind += 1,
            Err(Unseen::Malformed) => bad.malformed += 1,
        }
        None
    }
}
