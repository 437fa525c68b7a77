//! What a frame holds, once its checksum is right.

use super::bytes::{NUMBER_END, Reader};
use super::update::RawUpdate;
use super::{GAP, Missing, Refusal, UPDATES, Update, VERSION};

/// A frame that came through whole.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frame<'a> {
    /// The run of the device: another one means that it has started anew, from position 1.
    pub epoch: u64,
    /// The position of the first update in it, or of the gap.
    pub seq: u64,
    /// What is in it.
    pub body: Body<'a>,
    pub(super) next_seq: u64,
    pub(super) checksum: u32,
}

/// What a frame holds. Newer writers may send what is not here; it is counted and left out.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Body<'a> {
    /// Updates, in order.
    Updates(Updates<'a>),
    /// What is missing in front of the update that comes next.
    Gap(Gap<'a>),
}

impl Frame<'_> {
    /// The position behind this frame.
    ///
    /// A device's stream has no holes: within an epoch, what lies between this and the next frame's
    /// [`seq`](Self::seq) was lost on the line, or too large for a frame. (A gap may take several
    /// frames, which then have the same position.)
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Its checksum. Two frames with the same epoch, position and checksum are the same frame: the
    /// second is a duplicate, or comes from a device that started anew with the epoch it had before.
    #[must_use]
    pub const fn checksum(&self) -> u32 {
        self.checksum
    }
}

/// The updates of a frame, in order; those that cannot be taken as [`Refusal`]s.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Updates<'a> {
    seq: u64,
    reader: Reader<'a>,
}

impl<'a> Iterator for Updates<'a> {
    type Item = Result<Update<'a>, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let update = RawUpdate::read(&mut self.reader)?.check(self.seq);
        self.seq += 1;
        Some(update)
    }
}

/// What is missing in a gap.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Gap<'a> {
    seq: u64,
    reader: Reader<'a>,
}

impl<'a> Iterator for Gap<'a> {
    type Item = Missing<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        Missing::read(self.seq, &mut self.reader)
    }
}

/// A frame that has been looked through, and where its body stands in the decoder's buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    kind: Kind,
    epoch: u64,
    seq: u64,
    next_seq: u64,
    body_at: usize,
    end: usize,
    checksum: u32,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Updates,
    Gap,
}

/// Why a frame with the right checksum cannot be taken.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unseen {
    Version,
    Kind,
    Malformed,
}

impl Seen {
    /// Looks through a frame without its checksum. When this has answered `Ok`, the iterators over
    /// the body do not stop before its end.
    pub(super) fn look(frame: &[u8], checksum: u32) -> Result<Self, Unseen> {
        let mut reader = Reader::new(frame);
        if reader.array() != Some([VERSION]) {
            return Err(Unseen::Version);
        }
        let kind = match reader.array() {
            Some([UPDATES]) => Kind::Updates,
            Some([GAP]) => Kind::Gap,
            Some(_) => return Err(Unseen::Kind),
            None => return Err(Unseen::Malformed),
        };
        Self::look_at(kind, frame.len(), reader, checksum).ok_or(Unseen::Malformed)
    }

    fn look_at(kind: Kind, end: usize, mut reader: Reader<'_>, checksum: u32) -> Option<Self> {
        let epoch = u64::from_le_bytes(reader.array()?);
        let seq = reader.number().filter(|&seq| seq > 0)?;
        let body_at = end - reader.len();
        let mut next_seq = seq;
        while reader.len() > 0 {
            next_seq = match kind {
                Kind::Updates => RawUpdate::read(&mut reader).map(|_| next_seq + 1)?,
                Kind::Gap => Missing::read(seq, &mut reader).map(|_| seq + 1)?,
            };
        }
        let seen = Self { kind, epoch, seq, next_seq, body_at, end, checksum };
        Some(seen).filter(|seen| seen.next_seq <= NUMBER_END)
    }

    /// The frame, from the buffer that was looked through.
    pub(super) fn frame(self, buffer: &[u8]) -> Frame<'_> {
        let Self { kind, epoch, seq, next_seq, body_at, end, checksum } = self;
        let reader = Reader::new(buffer.get(body_at..end).unwrap_or_default());
        let body = match kind {
            Kind::Updates => Body::Updates(Updates { seq, reader }),
            Kind::Gap => Body::Gap(Gap { seq, reader }),
        };
        Frame { epoch, seq, body, next_seq, checksum }
    }
}
