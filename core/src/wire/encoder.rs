//! From records to frames.

use super::layout::{
    BLOCK, CHECKSUM_LEN, CHECKSUM_START, CONVERSATION_SHIFT, COUNTS, ENDS_RUN, IN_RUN, KEY, LOSS,
    METADATA, NAME, NO_PRIORITY, NUMBER, NUMBER_END, PARENT, PRIORITY_SHIFT, PROMISE, REGISTERED,
    RUN, STATE_SHIFT, SYSTEM, TITLE, TOPIC, TRUNCATED, TTL, UPDATE, checksum,
};
use super::{
    CategoryName, Conversation, DELIMITER, LossRecord, RunRecord, Scope, UpdateRecord, VERSION,
};
use crate::{Dropped, Losses, RunState};

/// Writes records as frames into a buffer of the caller.
///
/// Add records until one does not fit, take the [frame](Self::frame), and add that record again. A
/// record that an empty frame does not hold is too large for the buffer. Each byte is written once and
/// stuffed where it is: 16 updates with texts of 40 bytes cost a Cortex-M3 14,500 instructions.
///
/// ```
/// use statusbus_core::{Category, wire};
///
/// let (mut buffer, mut line) = ([0; 64], Vec::new());
/// let mut encoder = wire::Encoder::new(0x5EED, &mut buffer);
/// for (seq, text) in (1..).zip(["loading", "loaded"]) {
///     let update = wire::UpdateRecord::new(seq, Category::ENGINE, text);
///     while !encoder.update(&update) {
///         match encoder.frame() {
///             Some(frame) => line.extend_from_slice(frame),
///             None => break, // too large: left out
///         }
///     }
/// }
/// line.extend_from_slice(encoder.frame().unwrap_or_default());
/// # assert_eq!(line.len(), 32);
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Encoder<'b> {
    buffer: &'b mut [u8],
    epoch: u64,
    /// The position of the next update; 0: no frame has begun.
    next: u64,
    /// Whether the last record with a position was a loss: the next loss has the same position.
    in_gap: bool,
    /// Where the next byte comes. Bytes that do not fit are counted and left out.
    at: usize,
    /// The end of what is stuffed: the records of the frame.
    done: usize,
    /// Where the code of the current block comes.
    code_at: usize,
    /// The checksum of what is stuffed.
    sum: u32,
}

impl<'b> Encoder<'b> {
    /// An encoder that writes into `buffer`; [`FRAME_MAX`](super::FRAME_MAX) bytes are the most that
    /// every host takes. `epoch` names this start of the device; only its lowest 53 bits count.
    #[must_use]
    pub const fn new(epoch: u64, buffer: &'b mut [u8]) -> Self {
        let epoch = epoch & (NUMBER_END - 1);
        // not all zeros: else the compiler calls its routine for that, 174 bytes of flash
        let (at, done, sum) = (FIRST, FIRST, CHECKSUM_START);
        Self { buffer, epoch, next: 0, in_gap: false, at, done, code_at: 0, sum }
    }

    /// Adds an update. `false`: it does not fit behind what the frame holds, or is not at the next
    /// position.
    #[must_use = "an update that was not added is lost"]
    pub fn update<S: AsRef<[u8]>>(&mut self, update: &UpdateRecord<S>) -> bool {
        if !self.begin(update.seq) {
            return false;
        }
        let priority = update.priority.map_or(NO_PRIORITY, |priority| priority as u32);
        let run = if update.ends_run { IN_RUN | ENDS_RUN } else { IN_RUN };
        let head = UPDATE
            | priority << PRIORITY_SHIFT
            | flag(update.key.is_some(), KEY)
            | flag(update.truncated, TRUNCATED)
            | flag(update.metadata.is_some(), METADATA)
            | flag(update.ttl_micros.is_some(), TTL)
            | flag(update.run.is_some(), run);
        self.head(head, update.conversation.as_ref(), Some(&update.category));
        self.number(update.age_micros);
        for string in [Some(&update.text), update.key.as_ref(), update.metadata.as_ref()] {
            self.optional_string(string);
        }
        self.optional_number(update.ttl_micros);
        self.optional_small(update.run);
        self.keep(update.seq.wrapping_add(1), false)
    }

    /// Adds a loss. `false`: as for an [update](Self::update). A loss whose topic does not fit an
    /// empty frame is written as one of the whole bus; a buffer of 74 bytes holds that, if its counts
    /// are below 2³².
    #[must_use = "a loss that was not added is not reported"]
    pub fn loss<S: AsRef<[u8]>>(&mut self, loss: &LossRecord<S>) -> bool {
        if self.write_loss(loss, &loss.scope) {
            return true;
        }
        self.is_empty() && self.write_loss::<S>(loss, &Scope::Bus)
    }

    fn write_loss<S: AsRef<[u8]>>(&mut self, loss: &LossRecord<S>, scope: &Scope<S>) -> bool {
        // losses in a row are of one gap, and have its position
        let next = if self.in_gap { loss.seq.wrapping_add(1) } else { loss.seq };
        if !self.begin(next) {
            return false;
        }
        match scope {
            Scope::Bus => self.small(LOSS),
            Scope::Topic { conversation, category } => {
                self.head(LOSS | TOPIC, conversation.as_ref(), Some(category));
            }
        }
        self.small(loss.index.into());
        let Losses { dropped, expired } = &loss.losses;
        let Dropped { newest, oldest, evicted, outranked, shrunk, sink } = dropped;
        // a gap that reports others again is rare
        let len = COUNTS - usize::from(loss.retold == 0);
        self.small(len as u32);
        self.number(loss.other);
        self.number(*expired);
        self.number(*newest);
        self.number(*oldest);
        self.number(*evicted);
        self.number(*outranked);
        self.number(*shrunk);
        self.number(*sink);
        if loss.retold > 0 {
            self.number(loss.retold);
        }
        self.keep(loss.seq.wrapping_add(1), true)
    }

    /// Adds the state of a run. `false`: as for an [update](Self::update).
    #[must_use = "a state that was not added is not announced"]
    pub fn run<S: AsRef<[u8]>>(&mut self, run: &RunRecord<S>) -> bool {
        if !self.begin(run.seq) {
            return false;
        }
        let head = RUN
            | state_number(run.state) << STATE_SHIFT
            | flag(run.parent.is_some(), PARENT)
            | flag(run.promise_micros.is_some(), PROMISE)
            | flag(run.title.is_some(), TITLE);
        self.head(head, run.conversation.as_ref(), None);
        self.small(run.run);
        self.optional_small(run.parent);
        self.optional_number(run.promise_micros);
        self.optional_string(run.title.as_ref());
        self.keep(run.seq, self.in_gap)
    }

    /// Ends the frame and returns its bytes, the delimiter included; `None` if there is no record in
    /// it. The next record begins another frame.
    #[must_use = "the records in it do not come again"]
    pub fn frame(&mut self) -> Option<&[u8]> {
        if self.is_empty() {
            return None;
        }
        for byte in self.sum.to_le_bytes() {
            self.push(byte);
        }
        self.stuff();
        self.end_block(self.at);
        self.small(DELIMITER.into());
        (self.next, self.in_gap, self.done) = (0, false, FIRST);
        self.buffer.get(..self.at)
    }

    /// Whether the frame holds no record.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.done == FIRST
    }

    /// Makes sure that a frame has begun; returns whether that position is its next one.
    fn begin(&mut self, seq: u64) -> bool {
        if self.next == 0 {
            (self.next, self.at, self.done, self.code_at) = (seq, FIRST, FIRST, 0);
            self.sum = CHECKSUM_START;
            self.small(VERSION.into());
            self.number(self.epoch);
            self.number(seq);
        }
        self.next == seq && seq > 0
    }

    /// Keeps the record that was written, if all of it fits.
    fn keep(&mut self, next: u64, in_gap: bool) -> bool {
        let len = self.buffer.len();
        // behind it come the checksum and the delimiter; stuffing takes less than a byte for each 128
        let fits = self.at + CHECKSUM_LEN + 2 + len / 128 <= len;
        if fits {
            self.stuff();
            (self.next, self.in_gap) = (next, in_gap);
        } else {
            self.at = self.done;
            if self.is_empty() {
                self.next = 0;
            }
        }
        fits
    }

    /// Writes the head of a record, and the topic, which it describes.
    #[inline(never)]
    fn head<S: AsRef<[u8]>>(
        &mut self,
        head: u32,
        conversation: Option<&Conversation<S>>,
        category: Option<&CategoryName<S>>,
    ) {
        let form = match conversation {
            None => SYSTEM,
            Some(Conversation::Number(_)) => NUMBER,
            Some(Conversation::Name(_)) => NAME,
        };
        let is_registered = matches!(category, Some(CategoryName::Registered(_)));
        self.small(head | form << CONVERSATION_SHIFT | flag(is_registered, REGISTERED));
        match category {
            None => {}
            Some(CategoryName::BuiltIn(category)) => self.small(category.index() as u32),
            Some(CategoryName::Registered(name)) => self.string(name.as_ref()),
        }
        match conversation {
            None => {}
            Some(Conversation::Number(number)) => self.small(*number),
            Some(Conversation::Name(name)) => self.string(name.as_ref()),
        }
    }

    fn optional_string<S: AsRef<[u8]>>(&mut self, string: Option<&S>) {
        if let Some(string) = string {
            self.string(string.as_ref());
        }
    }

    fn optional_small(&mut self, number: Option<u32>) {
        if let Some(number) = number {
            self.small(number);
        }
    }

    fn optional_number(&mut self, number: Option<u64>) {
        if let Some(number) = number {
            self.number(number);
        }
    }

    #[inline(never)]
    fn string(&mut self, string: &[u8]) {
        self.small(string.len() as u32);
        let end = self.at.saturating_add(string.len());
        if let Some(room) = self.buffer.get_mut(self.at..end) {
            let (to_words, to_rest) = room.as_chunks_mut::<4>();
            let (words, rest) = string.as_chunks::<4>();
            copy(to_words, words);
            copy(to_rest, rest);
        }
        self.at = end;
    }

    #[inline(never)]
    fn number(&mut self, number: u64) {
        let mut rest = number.min(NUMBER_END - 1);
        while rest >> 32 != 0 {
            self.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.small(rest as u32);
    }

    #[inline(never)]
    fn small(&mut self, number: u32) {
        let mut rest = number;
        while rest >= 0x80 {
            self.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.push(rest as u8);
    }

    #[inline(always)]
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.buffer.get_mut(self.at) {
            *place = byte;
        }
        self.at += 1;
    }

    /// Stuffs what was written since the last time, where it is: the code of a block comes in place
    /// of the zero in front of it. Only a block of 254 bytes is not followed by a zero.
    #[inline(never)]
    fn stuff(&mut self) {
        while self.done < self.at {
            let end = self.at.min(self.code_at + BLOCK);
            let rest = self.buffer.get(self.done..end).unwrap_or_default();
            let mut sum = self.sum;
            let zero = rest.iter().position(|&byte| {
                sum = checksum(sum, byte);
                byte == 0
            });
            self.sum = sum;
            self.done += zero.unwrap_or(rest.len());
            if self.done == self.at {
                return;
            }
            if zero.is_none() {
                self.insert();
            }
            self.end_block(self.done);
            self.done += 1;
        }
    }

    /// Ends a block; the code of the next one comes there.
    fn end_block(&mut self, at: usize) {
        if let Some(code) = self.buffer.get_mut(self.code_at) {
            *code = (at - self.code_at) as u8;
        }
        self.code_at = at;
    }

    /// Makes room for a code in front of what is not stuffed.
    fn insert(&mut self) {
        let mut before = 0;
        for place in self.buffer.get_mut(self.done..=self.at).unwrap_or_default() {
            before = core::mem::replace(place, before);
        }
        self.at += 1;
    }
}

/// The first byte behind the code of the first block.
const FIRST: usize = 1;

/// Copies items. The exit inside the loop keeps the compiler from calling its general copy: 750 bytes
/// of flash where nothing else needs it.
#[inline(always)]
fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    let mut to = to.iter_mut();
    for &item in from {
        let Some(place) = to.next() else { return };
        *place = item;
    }
}

const fn flag(is_set: bool, flag: u32) -> u32 {
    if is_set { flag } else { 0 }
}

const fn state_number(state: RunState) -> u32 {
    match state {
        RunState::Running => 0,
        RunState::Waiting => 1,
        RunState::Stalled => 2,
        RunState::Succeeded => 3,
        RunState::Failed => 4,
        RunState::Cancelled => 5,
    }
}
