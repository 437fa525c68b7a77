//! The memory of batches.

use std::sync::{Arc, OnceLock};

use statusbus_core::{Category, CategorySet, Priority};

use super::message::{Details, Message, Topic};
use super::text::{ShortText, Text};
use super::update::Update;

/// Updates stored together, which all readers share. What every update has lies in arrays, one element each; what
/// few have lies apart.
#[derive(Default)]
pub(crate) struct Block {
    subjects: Vec<Subject>,
    /// A text that is too long for one of these is in `rare`.
    texts: Vec<ShortText>,
    rare: Vec<Rare>,
    /// The position of the first update. Unless `seqs` has them all, the others follow without a hole.
    first_seq: u64,
    seqs: Vec<u64>,
    /// When updates were sent, in microseconds since 1970: each time with the index of the first update that it
    /// holds for.
    sent_at: Vec<(u32, u64)>,
    /// The priority of updates that are not in `rare`.
    priorities: Priorities,
    categories: CategorySet,
    /// What the updates have allocated.
    allocated: u64,
    /// The indices of the updates by category, sorted when the first reader needs them.
    by_category: OnceLock<ByCategory>,
    names: OnceLock<NameTable>,
    resolver: Option<Arc<dyn ResolveNames>>,
}

/// What an update is about: its conversation and category, and whether and where it has a part in `rare`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject(u64);

const TOPIC: u64 = 0xFF_FFFF_FFFF;
const IS_RARE: u64 = 1 << 40;
const IS_KEYED: u64 = 1 << 41;
const IS_LONG: u64 = 1 << 42;
/// Where its index in `rare` begins.
const RARE_INDEX: u32 = 43;
/// From this index on, a part in `rare` is found by the index of its update.
const RARE_INDEX_MAX: u64 = u64::MAX >> RARE_INDEX;

impl Subject {
    #[inline(always)]
    const fn new(topic: Topic) -> Self {
        Self((topic.category.index() as u64) << 32 | topic.conversation as u64)
    }

    #[inline(always)]
    pub(crate) const fn conversation(self) -> u32 {
        self.0 as u32
    }

    #[inline(always)]
    pub(crate) const fn category(self) -> Category {
        match Category::from_index(self.category_index()) {
            Some(category) => category,
            None => Category::INFO,
        }
    }

    #[inline(always)]
    pub(crate) const fn category_index(self) -> usize {
        (self.0 >> 32 & 0x1F) as usize
    }

    #[inline(always)]
    pub(crate) const fn is_keyed(self) -> bool {
        self.0 & IS_KEYED != 0
    }

    #[inline(always)]
    const fn is_rare(self) -> bool {
        self.0 & IS_RARE != 0
    }

    /// Whether its text is in `rare`.
    #[inline(always)]
    pub(super) const fn is_long(self) -> bool {
        self.0 & IS_LONG != 0
    }

    /// Whether both are of the same topic, and both keyed or not.
    #[inline(always)]
    const fn continues(self, other: Self) -> bool {
        (self.0 ^ other.0) & (TOPIC | IS_KEYED) == 0
    }
}

/// The parts of an update that most do not have.
struct Rare {
    /// The index of the update.
    index: u32,
    /// If it is not short.
    text: Option<Text>,
    details: Option<Arc<Details>>,
    /// When it is no longer worth showing, on the bus's clock in microseconds; `u64::MAX`: never.
    expires: u64,
    priority: Priority,
}

/// An update that owns its memory: on its way into a block, or copied out of one.
#[derive(Clone)]
pub(crate) struct Delivered {
    pub(crate) message: Message,
    pub(crate) seq: u64,
    /// Microseconds since 1970.
    pub(crate) sent_at: u64,
    /// On the bus's clock in microseconds; `u64::MAX`: never.
    pub(crate) expires: u64,
    pub(crate) priority: Priority,
}

/// The priority of each category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Priorities(u64);

impl Priorities {
    #[inline(always)]
    pub(crate) const fn of(self, category: Category) -> Priority {
        match self.0 >> (2 * category.index()) & 3 {
            0 => Priority::Low,
            1 => Priority::Normal,
            _ => Priority::High,
        }
    }

    pub(crate) const fn with(self, category: Category, priority: Priority) -> Self {
        let shift = 2 * category.index();
        Self(self.0 & !(3 << shift) | (priority as u64) << shift)
    }
}

/// Finds the name of a conversation by its number.
pub(crate) trait ResolveNames: Send + Sync {
    /// Replaces the numbers, which are sorted, by the names. `None`: the system.
    fn resolve(&self, numbers: Vec<u32>) -> Vec<(u32, Option<Arc<str>>)>;
}

/// Names of conversations, sorted by number.
type NameTable = Vec<(u32, Option<Arc<str>>)>;

/// Indices of updates, sorted by category.
#[derive(Default)]
struct ByCategory {
    indices: Vec<u32>,
    /// Where each category ends.
    ends: Vec<u32>,
}

/// Updates of a block that follow each other, of the same topic, all keyed or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) subject: Subject,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl Run {
    pub(crate) const fn end(&self) -> usize {
        self.start + self.len
    }
}

impl Block {
    /// An empty block with room for so many updates.
    pub(crate) fn with_capacity(updates: usize) -> Self {
        let (subjects, texts) = (Vec::with_capacity(updates), Vec::with_capacity(updates));
        Self { subjects, texts, ..Self::default() }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.subjects.capacity()
    }

    /// Begins a block of updates whose positions follow each other.
    pub(crate) fn begin(&mut self, first_seq: u64, priorities: Priorities) {
        debug_assert!(self.subjects.is_empty(), "it was cleared");
        self.first_seq = first_seq;
        self.priorities = priorities;
    }

    /// Names of conversations are looked up there when a reader first asks for one.
    pub(crate) fn resolve_by(&mut self, resolver: &Arc<dyn ResolveNames>) {
        if self.resolver.is_none() {
            self.resolver = Some(Arc::clone(resolver));
        }
    }

    /// Appends an update. Its position is the next one.
    #[inline]
    pub(crate) fn push(&mut self, update: Delivered) {
        let Delivered { message, sent_at, expires, priority, .. } = update;
        let index = self.subjects.len();
        let mut subject =
            Subject::new(Topic { conversation: message.conversation, category: message.category });
        if self.sent_at.last().is_none_or(|(_, last)| *last != sent_at) {
            self.sent_at.push((index as u32, sent_at));
        }
        self.categories = self.categories.with(message.category);
        let is_plain = message.details.is_none()
            && expires == u64::MAX
            && priority == self.priorities.of(message.category);
        let text = match message.text.into_short() {
            Ok(short) if is_plain => {
                self.texts.push(short);
                self.subjects.push(subject);
                return;
            }
            Ok(short) => {
                self.texts.push(short);
                None
            }
            Err(text) => {
                self.texts.push(ShortText::new());
                Some(text)
            }
        };
        let is_keyed = message.details.as_ref().is_some_and(|details| details.key.is_some());
        let rare = Rare { index: index as u32, text, details: message.details, expires, priority };
        self.allocated += rare.allocated();
        let keyed = if is_keyed { IS_KEYED } else { 0 };
        let long = if rare.text.is_some() { IS_LONG } else { 0 };
        let place = (self.rare.len() as u64).min(RARE_INDEX_MAX) << RARE_INDEX;
        subject.0 |= IS_RARE | keyed | long | place;
        self.rare.push(rare);
        self.subjects.push(subject);
    }

    /// Appends a copy of an update, whose position is behind the last one but need not follow it.
    pub(crate) fn push_copy(&mut self, update: Delivered) {
        if self.subjects.is_empty() {
            self.first_seq = update.seq;
        }
        self.seqs.push(update.seq);
        self.push(update);
    }

    /// Gives it the names of its conversations, sorted by number.
    pub(crate) fn set_names(&mut self, names: NameTable) {
        self.names = names.into();
    }

    /// Empties it and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.subjects.clear();
        self.texts.clear();
        self.rare.clear();
        self.seqs.clear();
        self.sent_at.clear();
        self.categories = CategorySet::NONE;
        self.allocated = 0;
        self.by_category.take();
        self.names.take();
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.subjects.len()
    }

    #[inline]
    pub(crate) const fn categories(&self) -> CategorySet {
        self.categories
    }

    /// What its updates have allocated.
    pub(crate) const fn allocated(&self) -> u64 {
        self.allocated
    }

    #[inline]
    pub(crate) fn seq(&self, index: usize) -> u64 {
        match self.seqs.get(index) {
            None => self.first_seq + index as u64,
            Some(seq) => *seq,
        }
    }

    /// The position of the last update; zero without one.
    pub(crate) fn last_seq(&self) -> u64 {
        self.len().checked_sub(1).map_or(0, |last| self.seq(last))
    }

    /// The index of the first update behind a position.
    #[inline]
    pub(crate) fn index_behind(&self, seq: u64) -> usize {
        if seq < self.first_seq {
            0
        } else if self.seqs.is_empty() {
            usize::try_from(seq - self.first_seq + 1)
                .map_or(self.len(), |index| index.min(self.len()))
        } else {
            self.seqs.partition_point(|known| *known <= seq)
        }
    }

    /// The index of the update at a position.
    pub(crate) fn index_of(&self, seq: u64) -> Option<usize> {
        let index = self.index_behind(seq).checked_sub(1)?;
        (self.seq(index) == seq).then_some(index)
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<Update<'_>> {
        let (subject, text) = (*self.subjects.get(index)?, self.texts.get(index)?);
        Some(Update { subject, text, index, block: self })
    }

    /// The updates from `index` on.
    #[inline]
    pub(crate) fn iter_from(&self, index: usize) -> impl Iterator<Item = Update<'_>> {
        let subjects = self.subjects.get(index..).unwrap_or_default();
        let texts = self.texts.get(index..).unwrap_or_default();
        subjects.iter().zip(texts).enumerate().map(move |(place, (&subject, text))| Update {
            subject,
            text,
            index: index + place,
            block: self,
        })
    }

    pub(crate) fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// Calls with each run of updates of the same topic.
    #[inline(always)]
    pub(crate) fn for_each_run(&self, mut call: impl FnMut(Run)) {
        let mut subjects = self.subjects.iter();
        let Some(mut current) = subjects.next().copied() else { return };
        let mut start = 0;
        for (index, &subject) in (1..).zip(subjects) {
            if !current.continues(subject) {
                call(Run { subject: current, start, len: index - start });
                start = index;
                current = subject;
            }
        }
        call(Run { subject: current, start, len: self.len() - start });
    }

    /// The indices of the updates of the only category among these that it has; `None` if it has several of them.
    pub(crate) fn of_category(&self, chosen: CategorySet) -> Option<&[u32]> {
        let category = self.categories.intersection(chosen).only()?.index();
        let by_category = self.by_category.get_or_init(|| self.sort_by_category());
        let end = *by_category.ends.get(category)? as usize;
        let start = match category.checked_sub(1) {
            Some(before) => *by_category.ends.get(before)? as usize,
            None => 0,
        };
        by_category.indices.get(start..end)
    }

    fn sort_by_category(&self) -> ByCategory {
        // First how many there are of each, then where they begin, and at last where they end.
        let mut ends = vec![0; Category::MAX];
        for subject in &self.subjects {
            if let Some(count) = ends.get_mut(subject.category_index()) {
                *count += 1;
            }
        }
        let mut begin = 0;
        for count in &mut ends {
            begin += std::mem::replace(count, begin);
        }
        let mut indices = vec![0; self.len()];
        for (index, subject) in (0..).zip(&self.subjects) {
            if let Some(end) = ends.get_mut(subject.category_index())
                && let Some(place) = indices.get_mut(*end as usize)
            {
                *place = index;
                *end += 1;
            }
        }
        ByCategory { indices, ends }
    }

    /// The rare parts of the update at an index.
    #[inline]
    fn rare(&self, index: usize, subject: Subject) -> Option<&Rare> {
        if !subject.is_rare() {
            return None;
        }
        let place = subject.0 >> RARE_INDEX;
        if place < RARE_INDEX_MAX {
            return self.rare.get(place as usize);
        }
        let place = self.rare.binary_search_by_key(&(index as u32), |rare| rare.index).ok()?;
        self.rare.get(place)
    }

    #[cold]
    pub(super) fn long_text(&self, index: usize, subject: Subject) -> Option<&str> {
        Some(self.rare(index, subject)?.text.as_ref()?.as_str())
    }

    #[inline]
    pub(super) fn details(&self, index: usize, subject: Subject) -> Option<&Arc<Details>> {
        self.rare(index, subject)?.details.as_ref()
    }

    pub(super) fn priority(&self, index: usize, subject: Subject) -> Priority {
        self.rare(index, subject)
            .map_or_else(|| self.priorities.of(subject.category()), |rare| rare.priority)
    }

    pub(super) fn expires(&self, index: usize, subject: Subject) -> u64 {
        self.rare(index, subject).map_or(u64::MAX, |rare| rare.expires)
    }

    /// What an update has allocated.
    pub(super) fn allocated_by(&self, index: usize, subject: Subject) -> u64 {
        self.rare(index, subject).map_or(0, Rare::allocated)
    }

    pub(super) fn sent_at(&self, index: usize) -> u64 {
        let known = self.sent_at.partition_point(|(first, _)| *first as usize <= index);
        known.checked_sub(1).and_then(|last| self.sent_at.get(last)).map_or(0, |(_, at)| *at)
    }

    /// A copy of the update's message.
    pub(super) fn message(&self, index: usize, subject: Subject) -> Message {
        let rare = self.rare(index, subject);
        let text = match rare.and_then(|rare| rare.text.as_ref()) {
            Some(text) => text.clone(),
            None => self.texts.get(index).map_or_else(Text::new, |text| text.clone().into()),
        };
        Message {
            text,
            details: rare.and_then(|rare| rare.details.clone()),
            conversation: subject.conversation(),
            category: subject.category(),
        }
    }

    pub(super) fn name(&self, conversation: u32) -> Option<&Arc<str>> {
        let names = self.names();
        // Blocks of copies number their conversations from zero.
        let known = match names.get(conversation as usize) {
            Some(known) if known.0 == conversation => known,
            _ => names.get(names.binary_search_by_key(&conversation, |known| known.0).ok()?)?,
        };
        known.1.as_ref()
    }

    fn names(&self) -> &NameTable {
        self.names.get_or_init(|| {
            let Some(resolver) = &self.resolver else { return NameTable::new() };
            let mut numbers: Vec<_> =
                self.subjects.iter().map(|subject| subject.conversation()).collect();
            numbers.sort_unstable();
            numbers.dedup();
            resolver.resolve(numbers)
        })
    }

    /// Looks the names up now: later their numbers may belong to others.
    pub(crate) fn keep_names(&self) {
        self.names();
    }
}

impl Rare {
    fn allocated(&self) -> u64 {
        let text = self.text.as_ref().map_or(0, Text::allocated);
        let details = self.details.as_ref().map_or(0, |details| details.allocated());
        (text + details) as u64
    }
}
