//! The contents of a frame.

use super::layout::{
    ADDITION_SHIFT, CHECKSUM_LEN, CHECKSUM_START, CONVERSATION_SHIFT, COUNTS, ENDS_RUN, IN_RUN,
    KEY, KIND, LOSS, METADATA, NAME, NUMBER, NUMBER_END, PARENT, PRIORITY_SHIFT, PROMISE,
    REGISTERED, RUN, STATE_SHIFT, SYSTEM, TITLE, TOPIC, TRUNCATED, TTL, UPDATE, checksum,
};
use super::{
    CategoryName, Conversation, Flaw, LossRecord, Record, Refusal, RunRecord, Scope, UpdateRecord,
    VERSION,
};
use crate::{Categories, Category, ConversationName, Dropped, Losses, Priority, RunState};

/// An intact frame.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frame<'a> {
    /// The start of the device: another epoch means that it has restarted, at position 1.
    pub epoch: u64,
    /// The position of the first record in it.
    pub seq: u64,
    records: Records<'a>,
    checksum: u32,
}

impl<'a> Frame<'a> {
    /// The records of the frame, in order.
    #[must_use]
    pub fn records(&self) -> Records<'a> {
        self.records.clone()
    }

    /// The position behind this frame. Linear in the length of the frame.
    ///
    /// The positions of a device have no holes: within an epoch, those between this position and
    /// the next frame's [`seq`](Self::seq) were lost on the line, or were too large for a frame. A
    /// gap may take several frames, which then have the same position.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.records().end().seq
    }

    /// The checksum. A frame with the epoch, the position and the checksum of the frame before it is
    /// a duplicate, or comes from a device that restarted with the epoch that it had before.
    #[must_use]
    pub const fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Checks all that a decoder checks of the bytes of a frame.
    pub(super) fn check(bytes: &'a [u8]) -> Result<(), Unsound> {
        let (content, sum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(Unsound::Torn)?;
        let sum_of_content = content.iter().fold(CHECKSUM_START, |sum, &byte| checksum(sum, byte));
        if sum_of_content != u32::from_le_bytes(*sum) {
            return Err(Unsound::Checksum);
        }
        if content.first() != Some(&VERSION) {
            return Err(Unsound::Version);
        }
        let records = Self::open(bytes).ok_or(Unsound::Malformed)?.records.end();
        let is_sound = records.reader.bytes.is_empty() && records.seq <= NUMBER_END;
        if is_sound { Ok(()) } else { Err(Unsound::Malformed) }
    }

    /// A frame that is sound.
    pub(super) fn open(bytes: &'a [u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<CHECKSUM_LEN>()?;
        let mut reader = Reader { bytes: content.get(1..)? };
        let epoch = reader.number()?;
        let seq = reader.number().filter(|&seq| seq > 0)?;
        let records = Records { seq, in_gap: false, reader };
        Some(Self { epoch, seq, records, checksum: u32::from_le_bytes(*sum) })
    }
}

/// Why a decoder does not take a frame.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unsound {
    Torn,
    Checksum,
    Version,
    Malformed,
}

/// The records of a frame, in order.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Records<'a> {
    /// The position of the next update.
    seq: u64,
    /// Whether the last record with a position was a loss: another one has the same position.
    in_gap: bool,
    reader: Reader<'a>,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    /// The next record. Of a sound frame, `None` means that all of it was read.
    fn next(&mut self) -> Option<Record<'a>> {
        let mut reader = self.reader;
        let head = reader.small()?;
        let record = match head & KIND {
            UPDATE => {
                let update = reader.update(head, self.seq)?;
                (self.seq, self.in_gap) = (self.seq.wrapping_add(1), false);
                let seq = update.seq;
                let refuse = |flaw| Record::Refused(Refusal { seq, flaw });
                check_update(update).map_or_else(refuse, Record::Update)
            }
            LOSS => {
                if !self.in_gap {
                    (self.seq, self.in_gap) = (self.seq.wrapping_add(1), true);
                }
                Record::Loss(reader.loss(head, self.seq.wrapping_sub(1))?)
            }
            RUN => reader.run(head, self.seq)?.map_or(Record::Unknown, Record::Run),
            _ => {
                reader.string()?;
                Record::Unknown
            }
        };
        if head & KIND <= RUN {
            for _ in 0..(head >> ADDITION_SHIFT).count_ones() {
                reader.string()?;
            }
        }
        self.reader = reader;
        Some(record)
    }
}

impl Records<'_> {
    /// Behind all records.
    fn end(mut self) -> Self {
        while self.next().is_some() {}
        self
    }
}

/// Reads bytes that may be anything; `None`: they are not what is read.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        // eight groups of 7 bits hold any number, and no more than 64 bits
        for shift in (0..8).map(|group| 7 * group) {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number).filter(|&number| number < NUMBER_END);
            }
        }
        None
    }

    /// A number below 2³².
    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// A string that may not be UTF-8.
    fn string(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.small()?).ok()?;
        let (string, rest) = self.bytes.split_at_checked(len)?;
        self.bytes = rest;
        Some(string)
    }

    fn optional<T>(
        &mut self,
        is_there: bool,
        read: fn(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if is_there { read(self).map(Some) } else { Some(None) }
    }

    fn category(&mut self, head: u32) -> Option<CategoryName<&'a [u8]>> {
        if head & REGISTERED != 0 {
            return Some(CategoryName::Registered(self.string()?));
        }
        let index = usize::try_from(self.small()?).ok()?;
        let category = Category::from_index(index).filter(|_| index < Category::BUILT_IN.len());
        // an empty name: no bus has that
        Some(category.map_or(CategoryName::Registered(&[]), CategoryName::BuiltIn))
    }

    fn conversation(&mut self, head: u32) -> Option<Option<Conversation<&'a [u8]>>> {
        Some(match head >> CONVERSATION_SHIFT & 3 {
            SYSTEM => None,
            NUMBER => Some(Conversation::Number(self.small()?)),
            NAME => Some(Conversation::Name(self.string()?)),
            _ => return None,
        })
    }

    /// An update behind its head, without the additions.
    fn update(&mut self, head: u32, seq: u64) -> Option<UpdateRecord<&'a [u8]>> {
        let has = |flag| head & flag != 0;
        let priority = (head >> PRIORITY_SHIFT & 3) as usize;
        let category = self.category(head)?;
        let conversation = self.conversation(head)?;
        let age_micros = self.number()?;
        let text = self.string()?;
        let key = self.optional(has(KEY), Self::string)?;
        let metadata = self.optional(has(METADATA), Self::string)?;
        let ttl_micros = self.optional(has(TTL), Self::number)?;
        let run = self.optional(has(IN_RUN), Self::small)?;
        Some(UpdateRecord {
            seq,
            age_micros,
            conversation,
            category,
            priority: Priority::ALL.get(priority).copied(),
            text,
            truncated: has(TRUNCATED),
            key,
            metadata,
            ttl_micros,
            run,
            ends_run: has(ENDS_RUN) && run.is_some(),
        })
    }

    /// A loss behind its head. A topic with an invalid name makes it one of the whole bus: the
    /// updates are missing all the same.
    fn loss(&mut self, head: u32, seq: u64) -> Option<LossRecord<&'a str>> {
        let mut scope = Scope::Bus;
        if head & TOPIC != 0 {
            let category = check_category(self.category(head)?);
            let conversation = check_conversation(self.conversation(head)?);
            if let (Ok(category), Ok(conversation)) = (category, conversation) {
                scope = Scope::Topic { conversation, category };
            }
        }
        let mut loss = LossRecord::new(seq, u16::try_from(self.small()?).ok()?);
        loss.scope = scope;
        let mut counts = [0_u64; COUNTS];
        for index in 0..self.small()? {
            let count = self.number()?;
            let known = usize::try_from(index).ok().filter(|&index| index < COUNTS);
            if let Some(sum) = counts.get_mut(known.unwrap_or(0)) {
                *sum = sum.saturating_add(count);
            }
        }
        let [other, expired, newest, oldest, evicted, outranked, shrunk, sink, retold] = counts;
        let dropped = Dropped { newest, oldest, evicted, outranked, shrunk, sink };
        (loss.losses, loss.other, loss.retold) = (Losses { dropped, expired }, other, retold);
        Some(loss)
    }

    /// A run behind its head; `Some(None)`: one that this version cannot take.
    fn run(&mut self, head: u32, seq: u64) -> Option<Option<RunRecord<&'a str>>> {
        let has = |flag| head & flag != 0;
        let conversation = self.conversation(head)?;
        let id = self.small()?;
        let parent = self.optional(has(PARENT), Self::small)?;
        let promise_micros = self.optional(has(PROMISE), Self::number)?;
        let title = self.optional(has(TITLE), Self::string)?.map(utf8).transpose();
        let state = RunState::ALL.get((head >> STATE_SHIFT & 7) as usize);
        let (Some(&state), Ok(title), Ok(conversation)) =
            (state, title, check_conversation(conversation))
        else {
            return Some(None);
        };
        Some(Some(RunRecord { seq, run: id, conversation, state, parent, promise_micros, title }))
    }
}

fn check_update(raw: UpdateRecord<&[u8]>) -> Result<UpdateRecord<&str>, Flaw> {
    Ok(UpdateRecord {
        conversation: check_conversation(raw.conversation)?,
        text: utf8(raw.text)?,
        key: raw.key.map(utf8).transpose()?,
        metadata: raw.metadata.map(utf8).transpose()?,
        category: check_category(raw.category)?,
        seq: raw.seq,
        age_micros: raw.age_micros,
        priority: raw.priority,
        truncated: raw.truncated,
        ttl_micros: raw.ttl_micros,
        run: raw.run,
        ends_run: raw.ends_run,
    })
}

fn check_conversation(
    raw: Option<Conversation<&[u8]>>,
) -> Result<Option<Conversation<&str>>, Flaw> {
    Ok(match raw {
        None => None,
        Some(Conversation::Number(number)) => Some(Conversation::Number(number)),
        Some(Conversation::Name(name)) => {
            let name = ConversationName::new(utf8(name)?).map_err(Flaw::Conversation)?;
            Some(name.into())
        }
    })
}

/// A built-in category by its name becomes that category.
fn check_category(raw: CategoryName<&[u8]>) -> Result<CategoryName<&str>, Flaw> {
    let name = match raw {
        CategoryName::BuiltIn(category) => return Ok(CategoryName::BuiltIn(category)),
        CategoryName::Registered(name) => utf8(name).map_err(|_| Flaw::Category)?,
    };
    let mut categories = Categories::<&str, 1>::new();
    match categories.find(name) {
        Some(category) => Ok(CategoryName::BuiltIn(category)),
        None if categories.register(name).is_ok() => Ok(CategoryName::Registered(name)),
        None => Err(Flaw::Category),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Flaw> {
    core::str::from_utf8(bytes).map_err(|_| Flaw::Utf8)
}
