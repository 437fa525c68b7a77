//! The vocabulary of these tests: random records, frames made by other hands, what a reader gets.

use statusbus_core::wire::{
    CategoryName, Conversation, Decoder, Encoder, LossRecord, Record, RunRecord, Scope,
    UpdateRecord,
};
use statusbus_core::{Category, Priority, RunState};

pub(crate) const EPOCH: u64 = 0x12_3456_789A_BCDE;

/// Random numbers, the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A number with any number of digits.
    pub(crate) fn number(&mut self) -> u64 {
        let bits = self.below(54);
        self.next() & ((1 << bits) - 1)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    fn small(&mut self) -> u32 {
        self.number() as u32
    }

    /// Up to 40 characters, some of several bytes, some zero.
    pub(crate) fn text(&mut self) -> &'static str {
        const CHARACTERS: &str =
            "aü\0Z7 ✓bc🚌\0\0d, e%ßfgh 1/3\n{\"n\":1}ijklmno😀pqrst\0uvwxyzäöABCDEFGHIJK";
        let mut borders = CHARACTERS.char_indices().map(|(at, _)| at).skip(self.below(24));
        let begin = borders.next().unwrap();
        let end = borders.take(self.below(40)).last().unwrap_or(begin);
        &CHARACTERS[begin..end]
    }

    fn conversation(&mut self) -> Option<Conversation<&'static str>> {
        match self.below(3) {
            0 => None,
            1 => Some(Conversation::Number(self.small())),
            _ => Some(Conversation::Name(["conv-1", "Grüße", "x"][self.below(3)])),
        }
    }

    fn category(&mut self) -> CategoryName<&'static str> {
        match self.below(9) {
            7 => CategoryName::Registered("deploy"),
            8 => CategoryName::Registered("größe"),
            index => Category::from_index(index).unwrap().into(),
        }
    }

    pub(crate) fn update(&mut self, seq: u64) -> Record<'static> {
        let mut update = UpdateRecord::new(seq, self.category(), self.text());
        update.age_micros = self.number();
        update.conversation = self.conversation();
        update.priority = Priority::ALL.get(self.below(4)).copied();
        update.truncated = self.one_in(4);
        update.key = self.one_in(3).then(|| self.text());
        update.metadata = self.one_in(3).then(|| self.text());
        update.ttl_micros = self.one_in(3).then(|| self.number());
        update.run = self.one_in(3).then(|| self.small());
        update.ends_run = update.run.is_some() && self.one_in(2);
        Record::Update(update)
    }

    fn loss(&mut self, seq: u64, index: u16) -> Record<'static> {
        let mut loss = LossRecord::new(seq, index);
        if self.one_in(2) {
            let (conversation, category) = (self.conversation(), self.category());
            loss.scope = Scope::Topic { conversation, category };
        }
        (loss.losses.expired, loss.losses.dropped.evicted) = (self.number(), self.number());
        loss.losses.dropped.sink = self.number();
        (loss.other, loss.retold) = (self.number(), self.number());
        Record::Loss(loss)
    }

    fn run(&mut self, seq: u64) -> Record<'static> {
        let mut run = RunRecord::new(seq, self.small(), RunState::ALL[self.below(6)]);
        run.conversation = self.conversation();
        run.parent = self.one_in(3).then(|| self.small());
        run.promise_micros = self.one_in(3).then(|| self.number());
        run.title = self.one_in(3).then(|| self.text());
        Record::Run(run)
    }

    /// Records from position `seq` on, as they come in a stream.
    pub(crate) fn records(&mut self, mut seq: u64, len: usize) -> Vec<Record<'static>> {
        let mut records = Vec::new();
        while records.len() < len {
            match self.below(6) {
                0 => {
                    let losses = 1 + self.below(3) as u16;
                    records.extend((0..losses).map(|index| self.loss(seq, index)));
                    records.push(self.update(seq + 1));
                    seq += 2;
                }
                1 => records.push(self.run(seq)),
                _ => {
                    records.push(self.update(seq));
                    seq += 1;
                }
            }
        }
        records
    }
}

pub(crate) fn update(seq: u64, text: &str) -> Record<'_> {
    Record::Update(UpdateRecord::new(seq, Category::INFO, text))
}

/// Adds a record of any kind.
pub(crate) fn add(encoder: &mut Encoder<'_>, record: &Record<'_>) -> bool {
    match record {
        Record::Update(update) => encoder.update(update),
        Record::Loss(loss) => encoder.loss(loss),
        Record::Run(run) => encoder.run(run),
        other => unreachable!("no encoder writes {other:?}"),
    }
}

/// The frames of some records in a buffer of `size` bytes, and the records that were too large.
pub(crate) fn encode<'a>(size: usize, records: &[Record<'a>]) -> (Vec<Vec<u8>>, Vec<Record<'a>>) {
    let mut buffer = vec![0xAA; size];
    let mut encoder = Encoder::new(EPOCH, &mut buffer);
    let (mut frames, mut too_large) = (Vec::new(), Vec::new());
    for record in records {
        while !add(&mut encoder, record) {
            match encoder.frame() {
                Some(frame) => frames.push(frame.to_vec()),
                None => {
                    too_large.push(*record);
                    break;
                }
            }
        }
    }
    frames.extend(encoder.frame().map(<[u8]>::to_vec));
    assert!(encoder.is_empty() && encoder.frame().is_none());
    (frames, too_large)
}

pub(crate) fn frames(size: usize, records: &[Record<'_>]) -> Vec<Vec<u8>> {
    let (frames, too_large) = encode(size, records);
    assert_eq!(too_large, []);
    frames
}

/// What a reader writes down of a record.
pub(crate) fn note(record: &Record<'_>) -> String {
    format!("{record:?}")
}

pub(crate) fn notes(records: &[Record<'_>]) -> Vec<String> {
    records.iter().map(note).collect()
}

/// Feeds bytes and notes all records that arrive.
pub(crate) fn feed<B: AsRef<[u8]> + AsMut<[u8]>>(
    decoder: &mut Decoder<B>,
    mut bytes: &[u8],
) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(frame) = decoder.feed(&mut bytes) {
        assert_eq!(frame.epoch, EPOCH);
        all.extend(frame.records().map(|record| note(&record)));
    }
    assert!(bytes.is_empty());
    all
}

/// The records that a fresh decoder reads in a line.
pub(crate) fn read(bytes: &[u8]) -> Vec<String> {
    feed(&mut Decoder::new(vec![0; 2_048]), bytes)
}

/// A frame by other hands than those of the encoder.
pub(crate) fn frame_by_others(seq: u64, records: &[u8]) -> Vec<u8> {
    stuffed([vec![1], number(EPOCH), number(seq), records.to_vec()].concat())
}

/// The content of a frame, unstuffed by other hands.
pub(crate) fn content(frame: &[u8]) -> Vec<u8> {
    let (end, stuffed) = frame.split_last().unwrap();
    assert_eq!(*end, 0);
    let mut content = cobs::decode_vec(stuffed).unwrap();
    content.truncate(content.len() - 4);
    content
}

/// Checksum, stuffing and delimiter.
pub(crate) fn stuffed(mut content: Vec<u8>) -> Vec<u8> {
    content.extend(checksum(&content).to_le_bytes());
    let mut frame = cobs::encode_vec(&content);
    frame.push(0);
    frame
}

pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    let step = |sum: u64, &byte: &u8| {
        let rotated = sum / 256 + sum % 256 * (1 << 24);
        (rotated ^ u64::from(byte)) * 2_654_435_761 % (1 << 32)
    };
    bytes.iter().fold(1, step) as u32
}

pub(crate) fn number(number: u64) -> Vec<u8> {
    let groups = (64 - (number | 1).leading_zeros()).div_ceil(7);
    let byte = |group| (number >> (7 * group)) as u8 & 0x7F | 0x80;
    let mut bytes: Vec<u8> = (0..groups).map(byte).collect();
    *bytes.last_mut().unwrap() &= 0x7F;
    bytes
}

pub(crate) fn string(string: &[u8]) -> Vec<u8> {
    [number(string.len() as u64), string.to_vec()].concat()
}
