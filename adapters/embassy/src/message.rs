//! An update as a microcontroller keeps it.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

use statusbus_core::{Category, RefuseReason, Update};

use crate::about::{About, Conversation};
use crate::bytes::Bytes;
use crate::key::{Held, Key, Keying, NoKey, Ranked, Ranking};
use crate::metadata::{Value, add};
use crate::text::{Text, TextWriter};

/// An update of fixed size: up to `TEXT` bytes of text, up to `NAME` bytes of a conversation's name,
/// up to `META` bytes of metadata (with its braces, quotes and commas), perhaps a [`Key`], and
/// perhaps [no ranks](crate::Unranked).
///
/// A text that is longer is cut between two characters and marked; names and keys that are longer are
/// refused; what does not fit of metadata is left out, field by field. With a `NAME` of 0, conversations
/// have numbers only.
///
/// It takes `TEXT` + `NAME` + `META` + 11 bytes at most, and its key, aligned to 4; its slot 28 more.
#[repr(C)] // in words
pub struct Message<
    const TEXT: usize,
    const NAME: usize = 16,
    const META: usize = 0,
    K: Keying = NoKey,
    R: Ranking = Ranked,
> {
    conversation: Conversation<NAME>,
    text: Bytes<TEXT>,
    text_len: u16,
    /// The index of the category, below 32, and whether the text was cut.
    kind: u8,
    metadata_len: u8,
    metadata: Bytes<META>,
    key: K::Held,
    ranking: PhantomData<fn() -> R>,
}

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking>
    Message<TEXT, NAME, META, K, R>
{
    /// One that says nothing, about the whole system. What it is to say is written into it where it
    /// lies: a text that is made apart is copied once more.
    #[inline(always)]
    pub(crate) const fn blank(category: Category) -> Self {
        const { assert!(TEXT <= 16_384 && META <= 255, "text: 16 KiB at most; metadata: 255 bytes") };
        const { assert!(NAME <= 128, "a conversation's name has at most 128 bytes") };
        Self {
            conversation: Conversation::SYSTEM,
            text: Bytes::EMPTY,
            text_len: 0,
            kind: category.index() as u8,
            metadata_len: 0,
            metadata: Bytes::EMPTY,
            key: K::NONE,
            ranking: PhantomData,
        }
    }

    /// Says it, in one that is blank. Answers whether the text was cut.
    #[inline(always)]
    pub(crate) fn say(&mut self, about: About<'_>, text: impl Text) -> Result<bool, RefuseReason> {
        self.conversation.set(about)?;
        let mut writer = TextWriter::new(self.text.room());
        text.write_to(&mut writer);
        let (len, cut) = writer.end();
        self.text_len = len as u16;
        if cut {
            self.kind |= CUT;
        }
        Ok(cut)
    }

    pub(crate) fn add(&mut self, name: &str, value: Value<'_>) -> bool {
        add(self.metadata.room(), &mut self.metadata_len, name, value)
    }

    /// What it is about.
    #[must_use]
    pub fn about(&self) -> About<'_> {
        self.conversation.about()
    }

    /// What kind of thing it says.
    #[must_use]
    #[inline(always)]
    pub fn category(&self) -> Category {
        Category::from_index(usize::from(self.kind & !CUT)).unwrap_or(Category::INFO)
    }

    /// What it says.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.text(usize::from(self.text_len))
    }

    /// Whether the text was cut.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.kind & CUT != 0
    }

    /// The thing whose current value this is.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        K::as_str(&self.key)
    }

    /// What else it says, as a JSON object.
    #[must_use]
    pub fn metadata(&self) -> Option<&str> {
        let json = self.metadata.text(usize::from(self.metadata_len));
        Some(json).filter(|json| !json.is_empty())
    }
}

impl<const TEXT: usize, const NAME: usize, const META: usize, const LEN: usize, R: Ranking>
    Message<TEXT, NAME, META, Key<LEN>, R>
{
    pub(crate) fn set_key(&mut self, key: &str) -> Result<(), RefuseReason> {
        self.key = Held::of(key)?;
        Ok(())
    }
}

// Its priority and its time-to-live come with the facts when it is offered, and are kept in its slot.
impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking> Update
    for Message<TEXT, NAME, META, K, R>
{
    type Topic = Topic<NAME>;
    type Keys = K::Mode;
    const RANKED: bool = R::RANKED;

    #[inline(always)]
    fn assign(&mut self, from: &Self) -> bool {
        // field by field: see there
        self.conversation = from.conversation;
        self.text = from.text;
        self.text_len = from.text_len;
        self.kind = from.kind;
        self.metadata_len = from.metadata_len;
        self.metadata = from.metadata;
        self.key = from.key;
        true
    }

    fn topic(&self) -> Topic<NAME> {
        Topic { conversation: self.conversation, category: self.category() }
    }

    #[inline(always)]
    fn category(&self) -> Category {
        self.category()
    }

    fn key_hash(&self) -> Option<u32> {
        let mut fnv = Fnv(0x811C_9DC5);
        self.key()?.hash(&mut fnv);
        self.conversation.hash(&mut fnv);
        self.category().hash(&mut fnv);
        Some(fnv.0)
    }

    fn same_key(&self, other: &Self) -> bool {
        self.key() == other.key()
            && self.category() == other.category()
            && self.conversation == other.conversation
    }
}

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking> Copy
    for Message<TEXT, NAME, META, K, R>
{
}

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking> Clone
    for Message<TEXT, NAME, META, K, R>
{
    fn clone(&self) -> Self {
        *self
    }
}

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking> fmt::Debug
    for Message<TEXT, NAME, META, K, R>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("about", &self.about())
            .field("category", &self.category())
            .field("text", &self.text())
            .finish_non_exhaustive()
    }
}

/// Bit of `kind`: the text was cut.
const CUT: u8 = 1 << 7;

/// Who reads a message: conversation and category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Topic<const NAME: usize> {
    conversation: Conversation<NAME>,
    category: Category,
}

impl<const NAME: usize> Topic<NAME> {
    /// What it is about.
    #[must_use]
    pub fn about(&self) -> About<'_> {
        self.conversation.about()
    }

    /// The category.
    #[must_use]
    pub const fn category(&self) -> Category {
        self.category
    }
}

/// FNV-1a: good enough where nobody chooses keys to make them collide.
struct Fnv(u32);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }

    fn finish(&self) -> u64 {
        self.0.into()
    }
}
