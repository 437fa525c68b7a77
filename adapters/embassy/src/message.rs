//! An update as a microcontroller keeps it.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

use statusbus_core::{Category, RefuseReason, Update};

use crate::about::{About, Conversation};
use crate::key::{Key, Keying, NoKey, Ranked, Ranking};
use crate::metadata::{Metadata, Value};
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
pub struct Message<
    const TEXT: usize,
    const NAME: usize = 16,
    const META: usize = 0,
    K: Keying = NoKey,
    R: Ranking = Ranked,
> {
    conversation: Conversation<NAME>,
    text: heapless::String<TEXT, u16>,
    /// The index of the category, below 32, and whether the text was cut.
    kind: u8,
    metadata: Metadata<META>,
    key: K::Held,
    ranking: PhantomData<fn() -> R>,
}

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking>
    Message<TEXT, NAME, META, K, R>
{
    /// One that says nothing, about the whole system.
    #[inline(always)]
    pub(crate) const fn new(category: Category) -> Self {
        const { assert!(TEXT <= 16_384 && META <= 255, "text: 16 KiB at most; metadata: 255 bytes") };
        const { assert!(NAME <= 128, "a conversation's name has at most 128 bytes") };
        Self {
            conversation: Conversation::SYSTEM,
            text: heapless::String::new(),
            kind: category.index() as u8,
            metadata: Metadata::NONE,
            key: K::NONE,
            ranking: PhantomData,
        }
    }

    #[inline(always)]
    pub(crate) fn set_about(&mut self, about: About<'_>) -> Result<(), RefuseReason> {
        self.conversation.set(about)
    }

    #[inline(always)]
    pub(crate) fn say(&mut self, text: impl Text) {
        let mut cut = false;
        text.write_to(&mut TextWriter::new(&mut self.text, &mut cut));
        if cut {
            self.kind |= CUT;
        }
    }

    pub(crate) fn add(&mut self, name: &str, value: Value<'_>) -> bool {
        self.metadata.add(name, value)
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
        &self.text
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
        self.metadata.as_json()
    }
}

impl<const TEXT: usize, const NAME: usize, const META: usize, const LEN: usize, R: Ranking>
    Message<TEXT, NAME, META, Key<LEN>, R>
{
    pub(crate) fn set_key(&mut self, key: &str) -> Result<(), RefuseReason> {
        const { assert!(LEN > 0 && LEN <= 128, "a key has 1 to 128 bytes") };
        if key.is_empty() {
            return Err(RefuseReason::Invalid);
        }
        self.key.clear();
        self.key.push_str(key).map_err(|_| RefuseReason::TooLarge)
    }
}

// Its priority and its time-to-live come with the facts when it is offered, and are kept in its slot.
impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking> Update
    for Message<TEXT, NAME, META, K, R>
{
    type Topic = Topic<NAME>;
    type Keys = K::Mode;
    const RANKED: bool = R::RANKED;

    fn topic(&self) -> Topic<NAME> {
        Topic { conversation: self.conversation.clone(), category: self.category() }
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
