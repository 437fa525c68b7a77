//! An update of fixed size.

use core::fmt;
use core::hint::black_box;
use core::marker::PhantomData;

#[cfg(feature = "wire")]
use statusbus_core::wire::{Scope, UpdateRecord};
use statusbus_core::{Category, RefuseReason, Update};

use crate::bytes::{Bytes, copy, first, mix, mix_all, text, to_zero};
use crate::key::{Keying, NoKey, Ranked, Ranking};
use crate::metadata::{self, Value};
use crate::subject::{StoredSubject, Subject};
use crate::text::{Text, TextWriter};

/// An update of fixed size: up to `TEXT` bytes of text, up to `NAME` bytes of a conversation's name,
/// up to `META` bytes of metadata as JSON, a [`Key`](crate::Key) or none, and priorities or
/// [none](crate::Unranked).
///
/// A longer text is cut between two characters and marked. Longer names and keys are refused. A field of
/// metadata that does not fit is left out. With a `NAME` of 0, conversations have numbers only.
///
/// Takes `TEXT` + `NAME` + `META` + 8 bytes, and its key, each rounded up to a multiple of 4; its slot 20
/// bytes more.
#[derive(Clone, Copy)]
#[repr(C)] // in words
pub struct Message<
    const TEXT: usize,
    const NAME: usize = 16,
    const META: usize = 0,
    K: Keying = NoKey,
    R: Ranking = Ranked,
> {
    subject: StoredSubject<NAME>,
    text: Bytes<TEXT>,
    text_len: u16,
    /// The index of the category, below 32, and [`CUT`].
    kind: u8,
    /// Zero: no key.
    key_len: u8,
    /// Padded with zeros; JSON contains none.
    metadata: Bytes<META>,
    /// Padded with zeros.
    key: K::Stored,
    ranking: PhantomData<fn() -> R>,
}

/// Bit of `kind`: the text was cut.
const CUT: u8 = 1 << 7;

/// Any [`Message`], whatever its capacities: what a bus can queue. Sealed.
pub trait AnyMessage: Stored {}

impl<U: Stored> AnyMessage for U {}

/// What the adapter does with a message.
pub trait Stored: Update<Topic: Copy + fmt::Debug> + Copy + fmt::Debug + 'static {
    /// Bytes that text, name, metadata and key take at most.
    const MAX_LEN: usize;
    const HAS_KEY: bool;
    const HAS_METADATA: bool;
    /// Metadata under construction.
    type Metadata;
    const NO_METADATA: Self::Metadata;

    /// An empty message on the stack.
    fn empty() -> Self;
    /// Stores subject, category and text in an empty message; returns whether the text was cut.
    // In place: a text that is built elsewhere would be copied once more.
    fn write(
        &mut self,
        subject: Subject<'_>,
        category: Category,
        text: impl Text,
    ) -> Result<bool, RefuseReason>;
    /// Stores a key in a message that was written; returns the hash of topic and key.
    fn set_key(&mut self, key: &str) -> Result<u32, RefuseReason>;
    /// Appends a field; returns whether it fitted.
    fn add_metadata(metadata: &mut Self::Metadata, name: &str, value: Value<'_>) -> bool;
    fn set_metadata(&mut self, metadata: &Self::Metadata);
    fn topic_parts(topic: &Self::Topic) -> (Subject<'_>, Category);
    /// The message as a frame has it, with the category by its number.
    #[cfg(feature = "wire")]
    fn record(&self, seq: u64) -> UpdateRecord<&[u8]>;
    #[cfg(feature = "wire")]
    fn scope(topic: &Self::Topic) -> Scope<&[u8]>;
}

/// Metadata under construction.
pub struct Metadata<const META: usize> {
    json: Bytes<META>,
    len: u8,
}

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking>
    Message<TEXT, NAME, META, K, R>
{
    /// The conversation, or the whole system.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        self.subject.get()
    }

    /// The category.
    #[must_use]
    #[inline(always)]
    pub fn category(&self) -> Category {
        Category::from_index(usize::from(self.kind & !CUT)).unwrap_or(Category::INFO)
    }

    /// The text. It is validated as UTF-8 once more, which links 680 bytes of flash: sinks that write bytes
    /// use [`text_bytes`](Self::text_bytes).
    #[must_use]
    pub fn text(&self) -> &str {
        text(self.text_bytes())
    }

    /// The text, as the bytes of its UTF-8 form.
    #[must_use]
    pub fn text_bytes(&self) -> &[u8] {
        first(self.text.as_ref(), self.text_len)
    }

    /// Whether the text was cut to `TEXT` bytes.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.kind & CUT != 0
    }

    /// The key: the name of the value that this update sets.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        Some(text(self.key_bytes())).filter(|key| !key.is_empty())
    }

    /// The metadata, as a JSON object.
    #[must_use]
    pub fn metadata(&self) -> Option<&str> {
        Some(text(self.metadata_bytes())).filter(|json| !json.is_empty())
    }

    fn key_bytes(&self) -> &[u8] {
        first(self.key.as_ref(), self.key_len)
    }

    fn metadata_bytes(&self) -> &[u8] {
        to_zero(self.metadata.as_ref())
    }
}

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking> Stored
    for Message<TEXT, NAME, META, K, R>
{
    const MAX_LEN: usize = TEXT + NAME + META + K::LEN;
    const HAS_KEY: bool = K::LEN > 0;
    const HAS_METADATA: bool = META > 0;
    type Metadata = Metadata<META>;
    const NO_METADATA: Metadata<META> = Metadata { json: Bytes::EMPTY, len: 0 };

    #[inline(always)]
    fn empty() -> Self {
        // Copied from flash: to clear it, the compiler calls a function that takes three times the instructions.
        let (subject, text) = black_box(const { &(StoredSubject::SYSTEM, Bytes::EMPTY) });
        Self { subject: *subject, text: *text, ..Self::EMPTY }
    }

    #[inline(always)]
    fn write(
        &mut self,
        subject: Subject<'_>,
        category: Category,
        content: impl Text,
    ) -> Result<bool, RefuseReason> {
        self.subject.set(subject)?;
        let mut writer = TextWriter::new(self.text.as_mut());
        content.write_to(&mut writer);
        let (len, is_cut) = writer.end();
        self.text_len = len as u16;
        self.kind = category.index() as u8 | if is_cut { CUT } else { 0 };
        Ok(is_cut)
    }

    #[inline(always)]
    fn set_key(&mut self, key: &str) -> Result<u32, RefuseReason> {
        if key.is_empty() {
            return Err(RefuseReason::Invalid);
        }
        copy(self.key.as_mut(), key.as_bytes()).ok_or(RefuseReason::TooLarge)?;
        self.key_len = key.len() as u8;
        let hash = mix_all(self.key.as_ref(), self.key_len.into());
        Ok(mix(self.subject.mix(hash), self.category().index() as u32))
    }

    fn add_metadata(metadata: &mut Self::Metadata, name: &str, value: Value<'_>) -> bool {
        metadata::add(metadata.json.as_mut(), &mut metadata.len, name, value)
    }

    #[inline(always)]
    fn set_metadata(&mut self, metadata: &Self::Metadata) {
        self.metadata = metadata.json;
    }

    #[cfg(feature = "wire")]
    #[inline(always)]
    fn record(&self, seq: u64) -> UpdateRecord<&[u8]> {
        let mut record = UpdateRecord::new(seq, self.category(), self.text_bytes());
        record.conversation = self.subject.conversation();
        record.truncated = self.is_cut();
        record.key = Some(self.key_bytes()).filter(|key| !key.is_empty());
        record.metadata = Some(self.metadata_bytes()).filter(|json| !json.is_empty());
        record
    }

    #[cfg(feature = "wire")]
    fn scope(topic: &Topic<NAME>) -> Scope<&[u8]> {
        let conversation = topic.subject.conversation();
        Scope::Topic { conversation, category: topic.category.into() }
    }

    fn topic_parts(topic: &Topic<NAME>) -> (Subject<'_>, Category) {
        (topic.subject(), topic.category())
    }
}

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking> Update
    for Message<TEXT, NAME, META, K, R>
{
    type Topic = Topic<NAME>;
    type Keys = K::Mode;
    const RANKED: bool = R::RANKED;
    const EMPTY: Self = {
        assert!(TEXT <= 16_384 && META <= 255, "text: 16 KiB at most; metadata: 255 bytes");
        assert!(NAME <= 128, "a conversation's name has at most 128 bytes");
        Self {
            subject: StoredSubject::SYSTEM,
            text: Bytes::EMPTY,
            text_len: 0,
            kind: 0,
            key_len: 0,
            metadata: Bytes::EMPTY,
            key: K::EMPTY,
            ranking: PhantomData,
        }
    };

    // Out of line: where it is inlined, its copies become calls of `memmove`.
    #[inline(never)]
    fn topic(&self) -> Topic<NAME> {
        Topic { subject: self.subject, category: self.category() }
    }

    #[inline(never)]
    fn same_key(&self, other: &Self) -> bool {
        self.key == other.key
            && self.key_len == other.key_len
            && self.category() == other.category()
            && self.subject == other.subject
    }

    // Field by field: a field of at most 64 bytes is copied in a few steps, more in a loop.
    #[inline(never)]
    fn move_to(&mut self, to: &mut Self) {
        to.subject = self.subject;
        to.text = self.text;
        to.text_len = self.text_len;
        to.kind = self.kind;
        to.key_len = self.key_len;
        to.metadata = self.metadata;
        to.key = self.key;
    }

    // What a new update replaces is not read any more.
    #[inline(never)]
    fn swap(&mut self, with: &mut Self) {
        self.move_to(with);
    }
}

/// The topic of a message: subject and category.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Topic<const NAME: usize> {
    subject: StoredSubject<NAME>,
    category: Category,
}

impl<const NAME: usize> Topic<NAME> {
    /// The conversation, or the whole system.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        self.subject.get()
    }

    /// The category.
    #[must_use]
    pub const fn category(&self) -> Category {
        self.category
    }
}
