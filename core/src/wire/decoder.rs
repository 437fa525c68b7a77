//! From bytes to frames.

use super::frame::{Frame, Unsound};
use super::layout::BLOCK;

/// Takes bytes from a line, in pieces of any size, and returns the frames that arrived intact.
///
/// Garbage costs the frames that it damages, and these are counted. The decoder is synchronized again
/// at the next delimiter. It never panics and never allocates. `B` is the buffer, for example an array
/// or a boxed slice; its size limits the frames that can be taken, see
/// [`FRAME_MAX`](super::FRAME_MAX).
///
/// ```
/// use statusbus_core::wire::{Decoder, FRAME_MAX, Record};
///
/// let mut decoder = Decoder::new([0; FRAME_MAX]);
/// # let chunk = [0x17, 0xFF, 0x00, 0x02];
/// let mut bytes = &chunk[..]; // what a read returned
/// while let Some(frame) = decoder.feed(&mut bytes) {
///     for record in frame.records() {
///         match record {
///             Record::Update(update) => println!("{}: {}", update.seq, update.text),
///             Record::Refused(refusal) => println!("{refusal}"),
///             Record::Loss(loss) => println!("lost: {}", loss.losses.total() + loss.other),
///             Record::Run(run) => println!("run {} is {}", run.run, run.state),
///             _ => {} // of a newer version
///         }
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
    /// Whether the frame is longer than the buffer.
    skipping: bool,
    counters: Counters,
}

/// Frames by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Counters {
    /// Intact frames.
    pub frames: u64,
    /// Frames that ended inside a block, or with fewer bytes than a checksum has: parts of a frame,
    /// or garbage.
    pub torn: u64,
    /// Frames longer than the buffer, or several whose delimiters were lost.
    pub too_long: u64,
    /// Frames with a wrong checksum.
    pub checksum: u64,
    /// Frames of another version.
    pub version: u64,
    /// Frames with a right checksum and contents that docs/wire.md forbids: a fault of the writer.
    pub malformed: u64,
}

impl Counters {
    const ZERO: Self =
        Self { frames: 0, torn: 0, too_long: 0, checksum: 0, version: 0, malformed: 0 };

    /// All frames but the intact ones.
    #[must_use]
    pub const fn bad(&self) -> u64 {
        self.torn + self.too_long + self.checksum + self.version + self.malformed
    }
}

impl<B> Decoder<B> {
    /// A decoder that expects the beginning of a frame.
    #[must_use]
    pub const fn new(buffer: B) -> Self {
        Self { buffer, len: 0, unstuff: Unstuff::START, skipping: false, counters: Counters::ZERO }
    }

    /// What became of the frames so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Forgets a frame that has begun: for a line that is opened again. If the device is writing a frame
    /// at that time, the rest of it counts as one bad frame at most.
    pub const fn reset(&mut self) {
        (self.len, self.unstuff, self.skipping) = (0, Unstuff::START, false);
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Decoder<B> {
    /// Takes bytes off the front of `bytes`, up to the end of the next intact frame; `None` when it
    /// has taken all of them. Linear in the bytes taken.
    #[must_use = "a frame comes once"]
    pub fn feed(&mut self, bytes: &mut &[u8]) -> Option<Frame<'_>> {
        loop {
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            if let Some(len) = self.take(byte) {
                let frame = self.buffer.as_ref().get(..len).unwrap_or_default();
                return Frame::open(frame);
            }
        }
    }

    /// Takes one byte, for example in an interrupt.
    #[must_use = "a frame comes once"]
    pub fn push(&mut self, byte: u8) -> Option<Frame<'_>> {
        self.feed(&mut [byte].as_slice())
    }

    /// Takes one byte; returns the length of the intact frame that it ends.
    fn take(&mut self, byte: u8) -> Option<usize> {
        if byte == 0 {
            let len = self.end();
            self.reset();
            return len;
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

    /// Checks the bytes that a delimiter ended.
    fn end(&mut self) -> Option<usize> {
        if self.len == 0 && self.unstuff.is_at_start() {
            return None;
        }
        let bytes = self.buffer.as_ref().get(..self.len).unwrap_or_default();
        let counters = &mut self.counters;
        let counter = match Frame::check(bytes) {
            _ if self.skipping => &mut counters.too_long,
            _ if !self.unstuff.is_whole() => &mut counters.torn,
            Err(Unsound::Torn) => &mut counters.torn,
            Err(Unsound::Checksum) => &mut counters.checksum,
            Err(Unsound::Version) => &mut counters.version,
            Err(Unsound::Malformed) => &mut counters.malformed,
            Ok(()) => {
                counters.frames += 1;
                return Some(self.len);
            }
        };
        *counter += 1;
        None
    }
}

/// Takes stuffed bytes one by one.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Unstuff {
    /// Bytes of the block that are still to come.
    left: u8,
    /// Whether another block begins with a zero.
    zero: bool,
}

impl Unstuff {
    /// In front of a frame.
    const START: Self = Self { left: 0, zero: false };

    /// Whether no byte of a frame has arrived.
    const fn is_at_start(self) -> bool {
        self.left == 0 && !self.zero
    }

    /// Whether a frame may end here.
    const fn is_whole(self) -> bool {
        self.left == 0
    }

    /// Decodes a byte other than 0; `None` for a code byte without a zero before it.
    const fn push(&mut self, byte: u8) -> Option<u8> {
        if self.left > 0 {
            self.left -= 1;
            return Some(byte);
        }
        let zero = self.zero;
        (self.left, self.zero) = (byte.wrapping_sub(1), byte != BLOCK as u8);
        if zero { Some(0) } else { None }
    }
}
