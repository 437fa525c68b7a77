//! Losses as they travel.

use super::bytes::{Reader, Writer};
use super::topic::{self, CategoryName, Conversation, RawTopic};
use super::update::skip_added;
use crate::{Dropped, Losses};

/// What is missing of one topic, or of the whole bus, and why. A gap is one or more of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Missing<'a> {
    /// The position of the gap; the same for all that belong to it.
    pub seq: u64,
    /// Which loss of its gap it is, from zero: a reader that has it already leaves it out.
    pub index: u16,
    /// Whose updates are missing.
    pub scope: Scope<'a>,
    /// How many, by reason. Each count travels as 2³² − 1 if it is larger.
    pub losses: Losses,
    /// How many for reasons that this version does not know.
    pub other: u64,
    /// Positions of earlier gaps that did not get through and are told here: see
    /// [`Gap::retold`](crate::Gap::retold). They are of the whole gap, and stand with its first loss. Travels
    /// as 2³² − 1 if it is larger.
    pub retold: u64,
}

/// For whom a loss is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Scope<'a> {
    /// For every reader.
    Bus,
    /// For the readers of a topic.
    Topic {
        /// What it is about; `None`: the whole system.
        conversation: Option<Conversation<'a>>,
        /// The category.
        category: CategoryName<'a>,
    },
}

impl<'a> Missing<'a> {
    /// The losses of a batch's gap as they are encoded, from the first one that is not
    /// [confirmed](crate::Batch::confirm_losses); none without a gap. `name` gives the names of a topic.
    pub fn of<T, const GAPS: usize>(
        gap: Option<&'a crate::Gap<T, GAPS>>,
        name: impl Fn(&'a T) -> (Option<Conversation<'a>>, CategoryName<'a>),
    ) -> impl Iterator<Item = Self> {
        let mut next = gap.map_or(0, crate::Gap::confirmed);
        core::iter::from_fn(move || {
            let (gap, index) = (gap?, next);
            let (topic, losses) = gap.loss(index)?;
            next += 1;
            let scope = topic.map_or(Scope::Bus, |topic| {
                let (conversation, category) = name(topic);
                Scope::Topic { conversation, category }
            });
            let retold = if index == 0 { gap.retold() } else { 0 };
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            Some(Self { seq: gap.seq(), index, scope, losses: *losses, other: 0, retold })
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.number(u64::from(self.index));
        match &self.scope {
            Scope::Bus => writer.number(0),
            Scope::Topic { conversation, category } => {
                let flags = TOPIC | topic::flags(conversation.as_ref(), category);
                writer.number(u64::from(flags));
                topic::write(conversation.as_ref(), category, writer);
            }
        }
        let Losses { dropped, expired } = &self.losses;
        let Dropped { newest, oldest, evicted, outranked, shrunk, sink } = dropped;
        let retold = &self.retold;
        let counts =
            [&self.other, expired, newest, oldest, evicted, outranked, shrunk, sink, retold];
        // the last one is seldom any
        let len = COUNTS - usize::from(*retold == 0);
        writer.number(len as u64);
        for &count in counts.into_iter().take(len) {
            writer.number(count.min(u64::from(u32::MAX)));
        }
    }

    /// Reads up to the end of what is missing of one scope; `None` if there is none. A topic that
    /// cannot be one makes it a loss of the whole bus: that it is missing stays true.
    pub(super) fn read(seq: u64, reader: &mut Reader<'a>) -> Option<Self> {
        let index = u16::try_from(reader.small()?).ok()?;
        let flags = reader.small()?;
        let mut scope = Scope::Bus;
        if flags & TOPIC != 0
            && let Ok((conversation, category)) = RawTopic::read(flags, reader)?.check()
        {
            scope = Scope::Topic { conversation, category };
        }
        let mut counts = [0; COUNTS];
        for index in 0..reader.small()? {
            let known = usize::try_from(index).ok().filter(|&index| index < COUNTS);
            if let Some(sum) = counts.get_mut(known.unwrap_or(OTHER)) {
                *sum += u64::from(reader.small()?);
            }
        }
        let [other, expired, newest, oldest, evicted, outranked, shrunk, sink, retold] = counts;
        skip_added(flags, reader)?;
        let dropped = Dropped { newest, oldest, evicted, outranked, shrunk, sink };
        Some(Self { seq, index, scope, losses: Losses { dropped, expired }, other, retold })
    }
}

/// How many counts there are, that of other reasons, the first, among them.
const COUNTS: usize = 9;
const OTHER: usize = 0;

/// Bit 4 of the flags: the losses are those of a topic.
const TOPIC: u32 = 1 << 4;
