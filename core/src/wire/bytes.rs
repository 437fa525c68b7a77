//! Numbers and strings as bytes, the way postcard writes them.

use postcard::ser_flavors::Flavor;
use postcard::{serialize_with_flavor, take_from_bytes};

/// Numbers on the wire are below this, so that a JavaScript number holds each of them.
pub(super) const NUMBER_END: u64 = 1 << 53;

/// Writes into a part of a buffer, and remembers whether something did not fit.
pub(super) struct Writer<'b> {
    buffer: &'b mut [u8],
    at: usize,
    end: usize,
    full: bool,
}

impl<'b> Writer<'b> {
    /// Writes from `at` up to `end`. If that is no part of the buffer, nothing fits.
    pub(super) const fn new(buffer: &'b mut [u8], at: usize, end: usize) -> Self {
        Self { buffer, at, end, full: false }
    }

    // Everything that is written comes through here: a copy in each place would double the flash.
    #[inline(never)]
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        let rest = self.buffer.get_mut(self.at..self.end);
        match rest.and_then(|rest| rest.get_mut(..bytes.len())) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.at += bytes.len();
            }
            None => self.full = true,
        }
    }

    /// A number; one that is too large is written as the largest.
    #[inline(never)]
    pub(super) fn number(&mut self, number: u64) {
        let _ = serialize_with_flavor(&number.min(NUMBER_END - 1), Sink(self));
    }

    pub(super) fn string(&mut self, string: &str) {
        let _ = serialize_with_flavor(string, Sink(self));
    }

    /// Where the next byte comes.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Keeps what was written from `at` on; takes it back if some of it did not fit.
    pub(super) const fn keep_from(&mut self, at: usize) -> bool {
        if self.full {
            (self.at, self.full) = (at, false);
            return false;
        }
        true
    }

    /// From here on nothing fits.
    pub(super) const fn shut(&mut self) {
        self.end = 0;
    }

    /// The buffer, and where the next byte would have come.
    pub(super) const fn into_buffer(self) -> (&'b mut [u8], usize) {
        (self.buffer, self.at)
    }
}

/// Lets postcard write. It never says no, so that writing cannot fail: the [`Writer`] remembers.
struct Sink<'w, 'b>(&'w mut Writer<'b>);

impl Flavor for Sink<'_, '_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.raw(&[byte]);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.raw(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Reads what may be anything.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes have not been read.
    pub(super) const fn len(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn array<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let (number, rest) = take_from_bytes(self.rest).ok()?;
        self.rest = rest;
        Some(number).filter(|&number| number < NUMBER_END)
    }

    /// A number below 2³².
    pub(super) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// The bytes of a string. Whether they are UTF-8 is another question.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let (bytes, rest) = take_from_bytes(self.rest).ok()?;
        self.rest = rest;
        Some(bytes)
    }
}
