//! The records that frames consist of.

use core::fmt;
use core::time::Duration;

use crate::{
    Categories, Category, ConversationError, ConversationName, Losses, Priority, RefuseReason,
    RunState,
};

/// A conversation on the wire: its name, or its number on devices that have numbers. The number 42
/// and the name "42" are the same conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Conversation<S> {
    /// By its name. The decoder has checked it, as [`ConversationName::new`] does.
    Name(S),
    /// By its number.
    Number(u32),
}

impl fmt::Display for Conversation<&str> {
    /// The name; that of a number is its digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl<'a> From<ConversationName<'a>> for Conversation<&'a str> {
    fn from(name: ConversationName<'a>) -> Self {
        Self::Name(name.as_str())
    }
}

/// A category on the wire: a built-in one by its index, a registered one by its name, so that
/// neither side needs the other's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CategoryName<S> {
    /// A built-in category. A reader refuses any other index as unknown.
    BuiltIn(Category),
    /// A registered category. A host refuses a name that its bus does not have.
    Registered(S),
}

impl<'a> CategoryName<&'a str> {
    /// A category of a bus. One that the bus does not have becomes [`BuiltIn`](Self::BuiltIn).
    #[must_use]
    pub fn new<N: AsRef<str>, const EXTRA: usize>(
        category: Category,
        categories: &'a Categories<N, EXTRA>,
    ) -> Self {
        match categories.name(category) {
            Some(name) if category.index() >= Category::BUILT_IN.len() => Self::Registered(name),
            _ => Self::BuiltIn(category),
        }
    }

    /// The name; empty for a [`BuiltIn`](Self::BuiltIn) category with an index that no bus has.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        match self {
            Self::BuiltIn(category) => {
                Category::BUILT_IN.get(category.index()).copied().unwrap_or_default()
            }
            Self::Registered(name) => name,
        }
    }

    /// The category among those of a bus.
    #[must_use]
    pub fn category_in<N: AsRef<str>, const EXTRA: usize>(
        self,
        categories: &Categories<N, EXTRA>,
    ) -> Option<Category> {
        categories.find(self.as_str())
    }
}

impl<S> From<Category> for CategoryName<S> {
    /// A built-in category. For a category that may be registered, use
    /// [`CategoryName::new`](CategoryName::<&str>::new).
    fn from(category: Category) -> Self {
        Self::BuiltIn(category)
    }
}

/// An update.
///
/// `S` is the type of its strings. An [`Encoder`](super::Encoder) takes anything that has bytes, so
/// that a device need not check again what it stores as bytes; a [`Decoder`](super::Decoder) gives
/// `&str`. Spans are microseconds as integers: microcontrollers divide in software.
///
/// ```
/// use statusbus_core::Category;
/// use statusbus_core::wire::{Conversation, UpdateRecord};
///
/// let mut update = UpdateRecord::new(7, Category::TOOL, "searching");
/// update.conversation = Some(Conversation::Number(42));
/// update.age_micros = 1_500;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct UpdateRecord<S> {
    /// The position: 1 or more, below 2⁵³.
    pub seq: u64,
    /// Microseconds from publishing to writing. The host subtracts them from its time of receipt.
    /// Limited to 2⁵³ − 1.
    pub age_micros: u64,
    /// The conversation; `None`: system-wide.
    pub conversation: Option<Conversation<S>>,
    /// The category.
    pub category: CategoryName<S>,
    /// The priority; `None`: the default that the host's bus has for the category.
    pub priority: Option<Priority>,
    /// The text.
    pub text: S,
    /// Whether the device cut the text to its capacity.
    pub truncated: bool,
    /// The key.
    pub key: Option<S>,
    /// Metadata as a JSON object. Neither side of the wire checks that.
    pub metadata: Option<S>,
    /// Microseconds for which the update is still worth delivering. Limited to 2⁵³ − 1.
    pub ttl_micros: Option<u64>,
    /// The run that the update belongs to, by its [id](RunRecord::run).
    pub run: Option<u32>,
    /// Whether the update ends that run. Without a run it has no meaning and is not written.
    pub ends_run: bool,
}

impl<S> UpdateRecord<S> {
    /// A system-wide update of age 0 without optional fields.
    #[must_use]
    pub fn new(seq: u64, category: impl Into<CategoryName<S>>, text: S) -> Self {
        Self {
            seq,
            age_micros: 0,
            conversation: None,
            category: category.into(),
            priority: None,
            text,
            truncated: false,
            key: None,
            metadata: None,
            ttl_micros: None,
            run: None,
            ends_run: false,
        }
    }

    /// The [age](Self::age_micros).
    #[must_use]
    pub const fn age(&self) -> Duration {
        Duration::from_micros(self.age_micros)
    }

    /// The [time to live](Self::ttl_micros).
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl_micros.map(Duration::from_micros)
    }
}

/// The readers that a loss concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Scope<S> {
    /// Every reader.
    Bus,
    /// The readers of a topic.
    Topic {
        /// The conversation; `None`: system-wide.
        conversation: Option<Conversation<S>>,
        /// The category.
        category: CategoryName<S>,
    },
}

/// The losses of one topic, or of the whole bus, by reason. A gap consists of one or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct LossRecord<S> {
    /// The position of the gap; the same for all its losses.
    pub seq: u64,
    /// The number of the loss in its gap, from 0. A reader that has it already leaves it out.
    pub index: u16,
    /// Where the updates are missing.
    pub scope: Scope<S>,
    /// Lost updates by reason. Each count is limited to 2⁵³ − 1.
    pub losses: Losses,
    /// Updates lost for reasons that this version does not know. Limited to 2⁵³ − 1.
    pub other: u64,
    /// Positions of earlier gaps that did not arrive and are reported in this gap, counted with its
    /// first loss: see [`Gap::retold`](crate::Gap::retold). Limited to 2⁵³ − 1.
    pub retold: u64,
}

impl<S> LossRecord<S> {
    /// A loss of the whole bus with all counts 0.
    #[must_use]
    pub fn new(seq: u64, index: u16) -> Self {
        Self { seq, index, scope: Scope::Bus, losses: Losses::default(), other: 0, retold: 0 }
    }

    /// The loss at `index` of a batch's gap, 0 being the first; `None` behind the last. `name`
    /// gives the names of a topic. Losses from [`Gap::confirmed`](crate::Gap::confirmed) on have
    /// not been passed on.
    pub fn of<'a, T, const GAPS: usize>(
        gap: &'a crate::Gap<T, GAPS>,
        index: usize,
        name: impl FnOnce(&'a T) -> (Option<Conversation<S>>, CategoryName<S>),
    ) -> Option<Self> {
        let (topic, losses) = gap.loss(index)?;
        let scope = topic.map_or(Scope::Bus, |topic| {
            let (conversation, category) = name(topic);
            Scope::Topic { conversation, category }
        });
        let retold = if index == 0 { gap.retold() } else { 0 };
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        Some(Self { seq: gap.seq(), index, scope, losses, other: 0, retold })
    }
}

/// The state of a run.
///
/// A state is a level: the last record of a run holds, and a record may be repeated. A device
/// repeats those of its open runs after a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct RunRecord<S> {
    /// The position of the next update: the run is in this state from there on. The record itself
    /// has no position.
    pub seq: u64,
    /// The id of the run, unique within the epoch of the device.
    pub run: u32,
    /// The conversation of the run; `None`: it belongs to the device.
    pub conversation: Option<Conversation<S>>,
    /// The state.
    pub state: RunState,
    /// The id of the run that this one is a part of.
    pub parent: Option<u32>,
    /// The silence promise in microseconds: the longest time between two signs of life. `None`: no
    /// promise. Limited to 2⁵³ − 1.
    pub promise_micros: Option<u64>,
    /// The title.
    pub title: Option<S>,
}

impl<S> RunRecord<S> {
    /// The state of a run without a conversation, a parent, a promise and a title.
    #[must_use]
    pub const fn new(seq: u64, run: u32, state: RunState) -> Self {
        Self {
            seq,
            run,
            conversation: None,
            state,
            parent: None,
            promise_micros: None,
            title: None,
        }
    }

    /// The [silence promise](Self::promise_micros).
    #[must_use]
    pub fn promise(&self) -> Option<Duration> {
        self.promise_micros.map(Duration::from_micros)
    }
}

/// A record of a sound frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Record<'a> {
    /// An update.
    Update(UpdateRecord<&'a str>),
    /// An update that cannot be taken.
    Refused(Refusal),
    /// A loss.
    Loss(LossRecord<&'a str>),
    /// The state of a run.
    Run(RunRecord<&'a str>),
    /// A record without a position that this version cannot read: of a newer kind, or the state of
    /// a run that is unknown or has an invalid string.
    Unknown,
}

/// An update of a sound frame that cannot be taken. The other records of its frame are not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Refusal {
    /// The position of the update.
    pub seq: u64,
    /// The reason.
    pub flaw: Flaw,
}

impl Refusal {
    /// The reason as the ledger counts it.
    #[must_use]
    pub const fn reason(&self) -> RefuseReason {
        match self.flaw {
            Flaw::Category => RefuseReason::UnknownCategory,
            Flaw::Conversation(_) | Flaw::Utf8 => RefuseReason::Invalid,
        }
    }
}

/// The reason for refusing an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Flaw {
    /// The name of the conversation is invalid.
    Conversation(ConversationError),
    /// The category is neither built in nor a valid name.
    Category,
    /// A string is not UTF-8, for example one that was cut inside a character.
    Utf8,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "update {}: {}", self.seq, self.flaw)
    }
}

impl core::error::Error for Refusal {}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conversation(error) => error.fmt(f),
            Self::Category => f.write_str("unknown category"),
            Self::Utf8 => f.write_str("a string is not UTF-8: cut texts between characters"),
        }
    }
}

impl core::error::Error for Flaw {}
