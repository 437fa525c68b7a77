//! From updates to frames.

use core::fmt;

use super::bytes::Writer;
use super::{CRC_LEN, GAP, Missing, Scope, UPDATES, Update, VERSION, checksum, cobs};

/// Makes frames of updates or of a gap.
///
/// It asks its iterator for one record at a time and fills a buffer of the caller's with as many as
/// fit; what did not fit opens the next frame. So nothing of a batch is lost between two frames, and
/// the batch itself stays whole until the caller settles it.
///
/// ```
/// use statusbus_core::{Category, wire};
///
/// let texts = ["loading", "loaded"];
/// let updates = (1..).zip(texts).map(|(seq, text)| wire::Update::new(seq, Category::ENGINE, text));
///
/// let (mut buffer, mut line) = ([0; 64], Vec::new());
/// let mut encoder = wire::Encoder::new(0x5EED, updates);
/// while let Some(frame) = encoder.next_frame(&mut buffer) {
///     match frame {
///         Ok(frame) => line.extend_from_slice(frame),
///         Err(wire::TooLarge { seq }) => println!("{seq} is left out, the others go on"),
///     }
/// }
/// # assert_eq!(line.len(), 38);
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Encoder<'a, I> {
    epoch: u64,
    records: I,
    /// What did not fit the frame before.
    held: Option<Record<'a>>,
    passed: usize,
    losses: usize,
}

/// What frames are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Record<'a> {
    /// An update.
    Update(Update<'a>),
    /// A loss.
    Missing(Missing<'a>),
}

impl<'a, I: Iterator<Item: Into<Record<'a>>>> Encoder<'a, I> {
    /// Frames with what `records` gives, in its order: updates, and what is missing in gaps. A
    /// frame holds one kind, and each hole in the positions starts another frame. `epoch` names
    /// this run of the device.
    pub const fn new(epoch: u64, records: I) -> Self {
        Self { epoch, records, held: None, passed: 0, losses: 0 }
    }

    /// Writes the next frame into the buffer and answers with its bytes, the 0x00 at its end
    /// included; `None` when all is written. Uses at most 65,535 bytes of the buffer.
    ///
    /// A loss whose topic does not fit is written as one of the whole bus, for which 74 bytes are
    /// always enough.
    ///
    /// # Errors
    /// An update does not fit the buffer, even by itself. It is left out, and the next call goes on
    /// behind it. Tell the bus: [`Bus::failed_at`](crate::Bus::failed_at), as
    /// [here](crate::wire#a-line-that-can-fail-and-texts-of-any-length).
    #[must_use = "what is in the frame does not come again"]
    pub fn next_frame<'b>(&mut self, buffer: &'b mut [u8]) -> Option<Result<&'b [u8], TooLarge>> {
        let Self { epoch, records, held, passed, losses } = self;
        let mut peek = |held: &mut Option<Record<'a>>| {
            if held.is_none() {
                *held = records.next().map(Into::into);
            }
        };
        peek(held);
        let (kind, first) = held.as_ref()?.place();
        let step = u8::from(kind == UPDATES);
        let mut draft = Draft::new(kind, *epoch, first, buffer);
        let mut next = first;
        while let Some(record) = held
            && record.place() == (kind, next)
        {
            if draft.add(record) {
                next = next.wrapping_add(u64::from(step));
            } else if !draft.is_empty {
                break;
            } else if record.shrink() {
                continue;
            }
            *passed += usize::from(step);
            *losses += usize::from(1 - step);
            *held = None;
            if draft.is_empty {
                return Some(Err(TooLarge { seq: first }));
            }
            peek(held);
        }
        Some(Ok(draft.finish()))
    }
}

impl<I> Encoder<'_, I> {
    /// How many updates are in the frames so far, or were too large. Asked before a frame is made
    /// that then cannot be sent, it is what [`Bus::failed`](crate::Bus::failed) wants to know.
    #[must_use]
    pub const fn passed(&self) -> usize {
        self.passed
    }

    /// How many losses are in the frames so far. Asked before a frame is made that then cannot be
    /// sent, it is what [`Batch::confirm_losses`](crate::Batch::confirm_losses) wants to know.
    #[must_use]
    pub const fn losses(&self) -> usize {
        self.losses
    }
}

impl Record<'_> {
    /// The kind of frame it goes into, and its position.
    const fn place(&self) -> (u8, u64) {
        match self {
            Self::Update(update) => (UPDATES, update.seq),
            Self::Missing(missing) => (GAP, missing.seq),
        }
    }

    /// Leaves out what it can do without; `false` if there is no such thing.
    fn shrink(&mut self) -> bool {
        match self {
            Self::Missing(Missing { scope: scope @ Scope::Topic { .. }, .. }) => {
                *scope = Scope::Bus;
                true
            }
            Self::Missing(_) | Self::Update(_) => false,
        }
    }
}

impl<'a> From<Update<'a>> for Record<'a> {
    fn from(update: Update<'a>) -> Self {
        Self::Update(update)
    }
}

impl<'a> From<Missing<'a>> for Record<'a> {
    fn from(missing: Missing<'a>) -> Self {
        Self::Missing(missing)
    }
}

/// A frame in the making.
struct Draft<'b> {
    writer: Writer<'b>,
    headroom: usize,
    is_empty: bool,
}

impl<'b> Draft<'b> {
    fn new(kind: u8, epoch: u64, seq: u64, buffer: &'b mut [u8]) -> Self {
        let len = u16::try_from(buffer.len()).unwrap_or(u16::MAX);
        let headroom = cobs::headroom(len);
        let end = usize::from(len).saturating_sub(CRC_LEN + 1);
        let mut writer = Writer::new(buffer, headroom, end);
        writer.raw(&[VERSION, kind]);
        writer.raw(&epoch.to_le_bytes());
        writer.number(seq);
        if !writer.keep_from(headroom) {
            writer.shut();
        }
        Self { writer, headroom, is_empty: true }
    }

    /// Adds a record, or nothing of it and answers `false`.
    fn add(&mut self, record: &Record<'_>) -> bool {
        let at = self.writer.at();
        match record {
            Record::Update(update) => update.write(&mut self.writer),
            Record::Missing(missing) => missing.write(&mut self.writer),
        }
        let fits = self.writer.keep_from(at);
        self.is_empty &= !fits;
        fits
    }

    fn finish(self) -> &'b [u8] {
        let Self { writer, headroom, .. } = self;
        let (buffer, end) = writer.into_buffer();
        let crc = checksum(buffer.get(headroom..end).unwrap_or_default());
        if let Some(room) = buffer.get_mut(end..).and_then(<[u8]>::first_chunk_mut) {
            *room = crc.to_le_bytes();
        }
        let len = cobs::encode_in_place(buffer, headroom..end + CRC_LEN);
        buffer.get(..len).unwrap_or_default()
    }
}

/// What has this position does not fit a frame of the buffer's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooLarge {
    /// Its position.
    pub seq: u64,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "what is at position {} does not fit a frame: give a larger buffer or shorter texts",
            self.seq
        )
    }
}

impl core::error::Error for TooLarge {}
