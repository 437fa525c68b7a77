//! An update as a microcontroller keeps it.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::time::Duration;

use statusbus_core::{Category, Priority, RefuseReason, Update};

use crate::about::{About, Conversation};
use crate::key::{Key, Keying, NoKey, Ranked, Ranking};
use crate::text::{Text, TextWriter};

/// An update of fixed size: up to `TEXT` bytes of text, up to `NAME` bytes of a conversation's name,
/// up to `META` bytes of metadata (with its braces, quotes and commas), perhaps a [`Key`], and
/// perhaps [no ranks](crate::Unranked).
///
/// A text that is longer is cut between two characters and marked; names and keys that are longer are
/// refused. With a `NAME` of 0, conversations have numbers only. Each takes `TEXT` + `NAME` + `META` +
/// 16 bytes at most, its key apart, aligned to 4.
pub struct Message<
    const TEXT: usize,
    const NAME: usize = 16,
    const META: usize = 0,
    K: Keying = NoKey,
    R: Ranking = Ranked,
> {
    conversation: Conversation<NAME>,
    category: Category,
    priority: Option<Priority>,
    cut: bool,
    text: heapless::String<TEXT, u16>,
    key: K::Held,
    ttl: Ttl,
    ranking: PhantomData<fn() -> R>,
}

/// Microseconds and one more; zero is none. In two halves, so that nothing is aligned to 8.
type Ttl = [u32; 2];

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking>
    Message<TEXT, NAME, META, K, R>
{
    /// One that says nothing, about the whole system.
    #[inline(always)]
    pub(crate) const fn new(category: Category) -> Self {
        const { assert!(TEXT <= 16_384 && META <= 4_096, "text: 16 KiB at most, metadata: 4 KiB") };
        const { assert!(NAME <= 128, "a conversation's name has at most 128 bytes") };
        Self {
            conversation: Conversation::SYSTEM,
            category,
            priority: None,
            cut: false,
            text: heapless::String::new(),
            key: K::NONE,
            ttl: [0; 2],
            ranking: PhantomData,
        }
    }

    #[inline(always)]
    pub(crate) fn set_about(&mut self, about: About<'_>) -> Result<(), RefuseReason> {
        self.conversation.set(about)
    }

    #[inline(always)]
    pub(crate) fn say(&mut self, text: impl Text) {
        text.write_to(&mut TextWriter::new(&mut self.text, &mut self.cut));
    }

    pub(crate) const fn set_priority(&mut self, priority: Priority) {
        self.priority = Some(priority);
    }

    pub(crate) fn set_ttl(&mut self, ttl: Duration) {
        let micros = ttl.as_secs().saturating_mul(1_000_000);
        let stored =
            micros.saturating_add(ttl.subsec_nanos().div_ceil(1_000).into()).saturating_add(1);
        self.ttl = [stored as u32, (stored >> 32) as u32];
    }

    /// What it is about.
    #[must_use]
    pub fn about(&self) -> About<'_> {
        self.conversation.about()
    }

    /// What it says.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text was cut.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.cut
    }

    /// The thing whose current value this is.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        K::as_str(&self.key)
    }

    /// What else it says, as a JSON object.
    #[must_use]
    pub const fn metadata(&self) -> Option<&str> {
        None
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

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking> Update
    for Message<TEXT, NAME, META, K, R>
{
    type Topic = Topic<NAME>;
    type Keys = K::Mode;
    const RANKED: bool = R::RANKED;

    fn topic(&self) -> Topic<NAME> {
        Topic { conversation: self.conversation.clone(), category: self.category }
    }

    #[inline(always)]
    fn category(&self) -> Category {
        self.category
    }

    fn key_hash(&self) -> Option<u32> {
        let mut fnv = Fnv(0x811C_9DC5);
        self.key()?.hash(&mut fnv);
        self.conversation.hash(&mut fnv);
        self.category.hash(&mut fnv);
        Some(fnv.0)
    }

    fn same_key(&self, other: &Self) -> bool {
        self.key() == other.key()
            && self.category == other.category
            && self.conversation == other.conversation
    }

    #[inline(always)]
    fn priority(&self) -> Option<Priority> {
        self.priority
    }

    fn ttl(&self) -> Option<Duration> {
        let [low, high] = self.ttl;
        let stored = u64::from(high) << 32 | u64::from(low);
        stored.checked_sub(1).map(Duration::from_micros)
    }
}

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking> fmt::Debug
    for Message<TEXT, NAME, META, K, R>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("about", &self.about())
            .field("category", &self.category)
            .field("text", &self.text())
            .finish_non_exhaustive()
    }
}

/// Who reads a message: conversation and category.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
