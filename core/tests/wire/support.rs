//! The vocabulary of these tests: random updates, frames made by other hands, what came through.

use statusbus_core::wire::{
    Body, CategoryName, Conversation, Decoder, Encoder, Missing, Record, TooLarge, Update,
};
use statusbus_core::{Category, ConversationName, Priority};

pub(crate) const EPOCH: u64 = 0x0123_4567_89AB_CDEF;

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

    pub(crate) fn string(&mut self, longest: usize) -> String {
        const CHARACTERS: [char; 8] = ['a', 'Z', '7', ' ', '\0', 'ü', '✓', '🚌'];
        let mut string = String::new();
        for _ in 0..self.below(longest + 1) {
            string.push(CHARACTERS[self.below(8)]);
        }
        string
    }
}

/// An update that owns its strings.
#[derive(Clone, Default)]
pub(crate) struct Owned {
    pub(crate) seq: u64,
    age_micros: u64,
    name: Option<String>,
    number: Option<u32>,
    category: usize,
    priority: Option<Priority>,
    pub(crate) text: String,
    cut: bool,
    key: Option<String>,
    metadata: Option<String>,
    ttl_micros: Option<u64>,
}

impl Owned {
    pub(crate) fn says(seq: u64, text: &str) -> Self {
        Self { seq, text: text.to_owned(), ..Self::default() }
    }

    pub(crate) fn random(seq: u64, random: &mut Random) -> Self {
        let name = format!("conv-{}", random.number());
        Self {
            seq,
            age_micros: random.number(),
            name: random.one_in(2).then_some(name),
            number: random.one_in(2).then(|| random.next() as u32),
            category: random.below(9),
            priority: Priority::ALL.get(random.below(4)).copied(),
            text: random.string(40),
            cut: random.one_in(4),
            key: random.one_in(3).then(|| random.string(8)),
            metadata: random.one_in(3).then(|| random.string(20)),
            ttl_micros: random.one_in(3).then(|| random.number()),
        }
    }

    pub(crate) fn update(&self) -> Update<'_> {
        let name = self.name.as_deref().map(|name| ConversationName::new(name).unwrap().into());
        let category = match self.category {
            index @ 0..7 => CategoryName::BuiltIn(Category::from_index(index).unwrap()),
            7 => CategoryName::Registered("deploy"),
            _ => CategoryName::Registered("größe"),
        };
        Update {
            age_micros: self.age_micros,
            conversation: name.or(self.number.map(Conversation::Number)),
            priority: self.priority,
            cut: self.cut,
            key: self.key.as_deref(),
            metadata: self.metadata.as_deref(),
            ttl_micros: self.ttl_micros,
            ..Update::new(self.seq, category, &self.text)
        }
    }
}

/// `len` random updates from position `first` on.
pub(crate) fn random_updates(first: u64, len: u64, random: &mut Random) -> Vec<Owned> {
    (first..first + len).map(|seq| Owned::random(seq, random)).collect()
}

/// All frames of some records, through a buffer of `size` bytes, and what was too large.
pub(crate) fn encode<'a, R: Into<Record<'a>>>(
    size: usize,
    records: impl IntoIterator<Item = R>,
) -> (Vec<Vec<u8>>, Vec<TooLarge>) {
    let mut buffer = vec![0xAA; size];
    let mut encoder = Encoder::new(EPOCH, records.into_iter());
    let (mut frames, mut too_large) = (Vec::new(), Vec::new());
    while let Some(frame) = encoder.next_frame(&mut buffer) {
        match frame {
            Ok(frame) => frames.push(frame.to_vec()),
            Err(error) => too_large.push(error),
        }
    }
    (frames, too_large)
}

pub(crate) fn frames(size: usize, updates: &[Owned]) -> Vec<Vec<u8>> {
    let (frames, too_large) = encode(size, updates.iter().map(Owned::update));
    assert_eq!(too_large, []);
    frames
}

/// What a reader would note of an update, a refusal or a loss.
pub(crate) fn note(record: &impl std::fmt::Debug) -> String {
    format!("{record:?}")
}

pub(crate) fn notes(updates: &[Owned]) -> Vec<String> {
    updates.iter().map(|owned| note(&owned.update())).collect()
}

/// What one frame holds.
pub(crate) fn notes_of(frame: &statusbus_core::wire::Frame<'_>) -> Vec<String> {
    assert_eq!(frame.epoch, EPOCH);
    match frame.body.clone() {
        Body::Updates(updates) => updates
            .map(|update| match update {
                Ok(update) => note(&update),
                Err(refusal) => note(&refusal),
            })
            .collect(),
        Body::Gap(gap) => gap.map(|missing: Missing<'_>| note(&missing)).collect(),
        _ => vec!["something new".to_owned()],
    }
}

/// Feeds bytes and notes all that comes through.
pub(crate) fn feed<B: AsRef<[u8]> + AsMut<[u8]>>(
    decoder: &mut Decoder<B>,
    mut bytes: &[u8],
) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(frame) = decoder.feed(&mut bytes) {
        all.extend(notes_of(&frame));
    }
    assert!(bytes.is_empty());
    all
}

/// What comes through of a line, read in one go by a fresh decoder.
pub(crate) fn read(bytes: &[u8]) -> Vec<String> {
    feed(&mut Decoder::new(vec![0; 2_048]), bytes)
}

/// A frame by other hands: those of postcard, cobs and crc.
pub(crate) fn frame_by_others(kind: u8, seq: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, kind];
    bytes.extend(EPOCH.to_le_bytes());
    bytes.extend(number(seq));
    bytes.extend(body);
    stuffed(bytes)
}

/// Checksum, stuffing and 0x00.
pub(crate) fn stuffed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes);
    bytes.extend(crc.to_le_bytes());
    let mut frame = cobs::encode_vec(&bytes);
    frame.push(0);
    frame
}

pub(crate) fn number(number: u64) -> Vec<u8> {
    let mut buffer = [0; 10];
    postcard::to_slice(&number, &mut buffer).unwrap().to_vec()
}

pub(crate) fn string(string: &[u8]) -> Vec<u8> {
    [number(string.len() as u64), string.to_vec()].concat()
}
