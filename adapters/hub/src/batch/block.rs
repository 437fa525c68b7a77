//! The memory of updates: in the queue, and in the window.

use std::sync::Arc;

use statusbus_core::{Arrival, Category, CategorySet, Priority, Terms};

use super::details::Details;
use super::names::{NameTable, ResolveNames};
use super::subject::{Subject, Topic};
use super::text::{SHORT, ShortText, Text};
use super::update::Update;
use crate::sync::OnceLock;

/// Updates stored together. A block is a part of the queue first. Then it is a batch that all readers share.
///
/// What every update has lies in one array. What few have lies apart.
#[derive(Default)]
pub(crate) struct Block {
    /// The cells behind the first `len` are vacant.
    cells: Vec<Cell>,
    len: usize,
    /// Updates that were removed.
    holes: usize,
    /// All updates in front of this index were removed.
    front: usize,
    rare: Vec<Rare>,
    /// The long texts.
    long: String,
    /// When updates arrived in the queue: each time with the index of the first update that it holds for.
    arrivals: Vec<(u32, Arrival)>,
    /// When updates were sent, in microseconds since 1970, in the same form.
    sent_at: Vec<(u32, u64)>,
    /// The priorities of updates that are not in `rare`.
    priorities: Priorities,
    ranks: Ranks,
    /// The categories of a batch.
    categories: CategorySet,
    /// The runs of a batch, if they are few.
    runs: Vec<Run>,
    /// An update was replaced by a newer one.
    is_replaced: bool,
    /// What the updates have allocated.
    allocated: u64,
    /// The position of the first update. Unless `seqs` has them all, the others follow without a hole.
    first_seq: u64,
    seqs: Vec<u64>,
    /// The indices of the updates by category, sorted when the first reader needs them.
    by_category: OnceLock<ByCategory>,
    names: OnceLock<NameTable>,
    resolver: Option<Arc<dyn ResolveNames>>,
}

/// The priorities in a block.
#[derive(Clone, Copy, Default)]
struct Ranks {
    /// A bit for each that an update may have.
    bits: u8,
    /// The categories of the first updates.
    categories: CategorySet,
    /// How many these are.
    seen: usize,
}

/// What every update has.
#[derive(Clone)]
pub(crate) struct Cell {
    pub(crate) subject: Subject,
    /// Its text, unless it is long.
    pub(crate) text: ShortText,
}

/// What most updates do not have.
struct Rare {
    /// The index of the update.
    index: u32,
    text: LongText,
    details: Option<Arc<Details>>,
    terms: RareTerms,
}

/// A text that does not fit a cell.
#[derive(Clone, Default)]
enum LongText {
    /// It is short.
    #[default]
    None,
    /// These bytes of `long`.
    Stored {
        start: u32,
        len: u32,
    },
    Static(&'static str),
    Shared(Arc<str>),
}

/// TTL, priority and time of an update, before and after it is delivered.
#[derive(Clone, Copy)]
enum RareTerms {
    Queued(Terms),
    Delivered(Delivered),
}

/// What readers learn of an update's terms.
#[derive(Clone, Copy)]
pub(crate) struct Delivered {
    /// Microseconds since 1970.
    pub(crate) sent_at: u64,
    /// When it is no longer worth showing, on the bus's clock in microseconds; `u64::MAX`: never.
    pub(crate) expires: u64,
    pub(crate) priority: Priority,
}

/// An update that owns its memory.
#[derive(Clone)]
pub(crate) struct OwnedUpdate {
    pub(crate) topic: Topic,
    pub(crate) text: Text<'static>,
    pub(crate) details: Option<Arc<Details>>,
    pub(crate) seq: u64,
    pub(crate) terms: Delivered,
}

impl OwnedUpdate {
    /// What it has allocated.
    pub(crate) fn allocated(&self) -> u64 {
        let details = self.details.as_ref().map_or(0, |details| details.allocated());
        (self.text.allocated() + details) as u64
    }
}

/// What an update that left a block owned. It is freed by dropping this, without the lock of the queue.
#[derive(Default)]
pub(crate) struct Leftover {
    _text: Option<Arc<str>>,
    _details: Option<Arc<Details>>,
}

/// The priority of each category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Priorities(pub(crate) u64);

impl Priorities {
    #[inline(always)]
    pub(crate) const fn of(self, category: Category) -> Priority {
        match self.0 >> (2 * category.index()) & 3 {
            0 => Priority::Low,
            1 => Priority::Normal,
            _ => Priority::High,
        }
    }
}

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
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Run {
    pub(crate) const fn end(&self) -> usize {
        (self.start + self.len) as usize
    }
}

/// Most bytes of long texts for which an empty block keeps memory.
const LONG_KEPT: usize = 64 << 10;

/// In the queue.
impl Block {
    /// An empty block with room for so many updates.
    pub(crate) fn with_capacity(updates: usize) -> Self {
        let mut block = Self::default();
        block.grow(updates);
        block
    }

    /// Makes room for so many updates in all.
    pub(crate) fn grow(&mut self, updates: usize) {
        self.cells.reserve_exact(updates.saturating_sub(self.cells.len()));
        self.cells.resize(updates.max(self.cells.len()), Cell::VACANT);
    }

    #[inline(always)]
    pub(crate) const fn capacity(&self) -> usize {
        self.cells.len()
    }

    #[inline(always)]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Updates that were not removed.
    pub(crate) const fn live(&self) -> usize {
        self.len - self.holes
    }

    /// Whether updates were removed.
    pub(crate) const fn has_holes(&self) -> bool {
        self.holes > 0
    }

    /// Begins an empty block. The priorities are those of plain updates.
    pub(crate) fn begin(&mut self, priorities: Priorities) {
        debug_assert!(self.len == 0, "it is empty");
        self.priorities = priorities;
    }

    /// From now on updates arrive at this time.
    #[inline]
    pub(crate) fn note_arrival(&mut self, arrival: Arrival) {
        let index = self.len as u32;
        match self.arrivals.last_mut() {
            Some((_, last)) if *last == arrival => {}
            Some((from, last)) if *from == index => *last = arrival,
            _ => self.arrivals.push((index, arrival)),
        }
    }

    /// Whether the last update arrived at this time.
    #[inline]
    pub(crate) fn is_from(&self, arrival: Arrival) -> bool {
        self.len > 0 && self.arrivals.last().is_some_and(|(_, last)| *last == arrival)
    }

    /// Appends an update of which nothing is rare, if it fits. Its text must be short.
    #[inline(always)]
    pub(crate) fn push_plain(&mut self, topic: Topic, text: &str) -> bool {
        let Some(cell) = self.cells.get_mut(self.len) else { return false };
        cell.subject = Subject::new(topic);
        cell.text.clear();
        // A short text fits.
        let _ = cell.text.try_push_str(text);
        self.len += 1;
        true
    }

    /// Appends an update of which only the text is rare, because it is long, if it fits.
    pub(crate) fn push_long(&mut self, topic: Topic, text: &Text<'_>) -> bool {
        let index = self.len;
        let Some(&(_, arrival)) = self.arrivals.last() else { return false };
        if !self.push_plain(topic, "") {
            return false;
        }
        let terms = RareTerms::Queued(Terms::plain(arrival, self.priorities.of(topic.category)));
        let text = self.store(text);
        self.set_rare(index, Rare { index: index as u32, text, details: None, terms });
        true
    }

    /// Appends an update. There must be room.
    pub(crate) fn push(
        &mut self,
        topic: Topic,
        text: &Text<'_>,
        details: Option<Arc<Details>>,
        terms: &Terms,
    ) {
        self.note_arrival(terms.arrival());
        let index = self.len;
        let short = text.as_str();
        let text = if short.len() <= SHORT { LongText::None } else { self.store(text) };
        self.push_plain(topic, if matches!(text, LongText::None) { short } else { "" });
        let is_plain = matches!(text, LongText::None)
            && details.is_none()
            && terms.ttl_left_micros(0) == u64::MAX
            && terms.priority() == self.priorities.of(topic.category);
        if !is_plain {
            self.ranks.bits |= 1 << terms.priority() as u8;
            let terms = RareTerms::Queued(*terms);
            self.set_rare(index, Rare { index: index as u32, text, details, terms });
        }
    }

    /// Stores a long text.
    fn store(&mut self, text: &Text<'_>) -> LongText {
        if let Some(text) = text.as_static() {
            return LongText::Static(text);
        }
        if let Some(text) = text.as_shared() {
            return LongText::Shared(Arc::clone(text));
        }
        let text = text.as_str();
        match (u32::try_from(self.long.len()), u32::try_from(text.len())) {
            (Ok(start), Ok(len)) if u32::MAX - start >= len => {
                self.long.push_str(text);
                LongText::Stored { start, len }
            }
            _ => LongText::Shared(text.into()),
        }
    }

    fn set_rare(&mut self, index: usize, rare: Rare) {
        self.allocated += rare.allocated();
        if let Some(cell) = self.cells.get_mut(index) {
            let is_keyed = rare.details.as_ref().is_some_and(|details| details.key.is_some());
            let is_long = !matches!(rare.text, LongText::None);
            cell.subject = cell.subject.with_rare(self.rare.len(), is_keyed, is_long);
        }
        self.rare.push(rare);
    }

    /// Replaces the update at an index, which has rare parts, by a newer one of the same topic and key.
    pub(crate) fn replace(
        &mut self,
        index: usize,
        text: &Text<'_>,
        details: Arc<Details>,
        terms: &Terms,
    ) -> Leftover {
        let Some(cell) = self.cells.get_mut(index) else { return Leftover::default() };
        let short = text.as_str();
        let is_long = short.len() > SHORT;
        cell.text.clear();
        let _ = cell.text.try_push_str(if is_long { "" } else { short });
        cell.subject = cell.subject.with_long(is_long);
        let subject = cell.subject;
        self.is_replaced = true;
        self.ranks.bits |= 1 << terms.priority() as u8;
        // Not in `long`: updates may be replaced any number of times before the block is delivered.
        let text = match (text.as_static(), is_long) {
            (_, false) => LongText::None,
            (Some(text), true) => LongText::Static(text),
            (None, true) => LongText::Shared(text.to_shared()),
        };
        let Some(rare) = self.rare_mut(index, subject) else { return Leftover::default() };
        let before = rare.allocated();
        let terms = RareTerms::Queued(*terms);
        let new = Rare { index: index as u32, text, details: Some(details), terms };
        let old = std::mem::replace(rare, new);
        let after = rare.allocated();
        self.allocated = self.allocated - before + after;
        old.into_leftover()
    }

    /// Removes the update at an index, which leaves a hole.
    pub(crate) fn remove(&mut self, index: usize) -> Leftover {
        let Some(cell) = self.cells.get_mut(index) else { return Leftover::default() };
        let subject = std::mem::replace(&mut cell.subject, Subject::HOLE);
        self.holes += 1;
        let is_hole = |cell: &Cell| cell.subject.is_hole();
        while self.front < self.len && self.cells.get(self.front).is_some_and(is_hole) {
            self.front += 1;
        }
        let Some(rare) = self.rare_mut(index, subject) else { return Leftover::default() };
        let freed = rare.allocated();
        let leftover = Leftover {
            _text: match std::mem::take(&mut rare.text) {
                LongText::Shared(text) => Some(text),
                _ => None,
            },
            _details: rare.details.take(),
        };
        self.allocated -= freed;
        leftover
    }

    /// The subject of the update at an index; `None` for a hole, and behind the last update.
    #[inline]
    pub(crate) fn subject(&self, index: usize) -> Option<Subject> {
        let cell = self.cells.get(..self.len)?.get(index)?;
        (!cell.subject.is_hole()).then_some(cell.subject)
    }

    /// The terms of a queued update.
    #[inline]
    pub(crate) fn terms(&self, index: usize, subject: Subject) -> Option<Terms> {
        match self.rare(index, subject).map(|rare| rare.terms) {
            Some(RareTerms::Queued(terms)) => Some(terms),
            _ => Some(Terms::plain(self.arrival(index)?, self.priorities.of(subject.category()))),
        }
    }

    /// When the update at an index came, unless it is rare.
    fn arrival(&self, index: usize) -> Option<Arrival> {
        Some(*in_force(&self.arrivals, index)?)
    }

    pub(crate) const fn priorities(&self) -> Priorities {
        self.priorities
    }

    /// The terms of the queued updates with rare parts. Those of updates that were removed are among them.
    pub(crate) fn rare_terms(&self) -> impl Iterator<Item = &Terms> {
        self.rare.iter().filter_map(|rare| match &rare.terms {
            RareTerms::Queued(terms) => Some(terms),
            RareTerms::Delivered(_) => None,
        })
    }

    /// The earliest arrival of a queued update. None may have been removed.
    pub(crate) fn oldest(&self) -> Option<Arrival> {
        let first = self.arrivals.first().map(|(_, arrival)| *arrival);
        // An update that was replaced is as old as its replacement.
        if self.is_replaced {
            let all =
                (0..self.len).filter_map(|at| Some(self.terms(at, self.subject(at)?)?.arrival()));
            return all.min();
        }
        first
    }

    /// The index of the first update that was not removed.
    pub(crate) fn first_live(&self) -> Option<usize> {
        (self.front < self.len).then_some(self.front)
    }

    /// The indices and key hashes of the updates with a key.
    pub(crate) fn keyed(&self) -> impl Iterator<Item = (usize, u32)> {
        let keyed = |rare: &Rare| {
            let details = rare.details.as_ref().filter(|details| details.key.is_some())?;
            Some((rare.index as usize, details.key_hash))
        };
        self.rare.iter().filter_map(keyed)
    }

    pub(crate) fn key(&self, index: usize, subject: Subject) -> Option<&str> {
        self.details(index, subject)?.key.as_deref()
    }

    pub(crate) fn key_hash(&self, index: usize, subject: Subject) -> u32 {
        self.details(index, subject).map_or(0, |details| details.key_hash)
    }

    #[inline]
    pub(crate) fn priority(&self, index: usize, subject: Subject) -> Priority {
        match self.rare(index, subject).map(|rare| &rare.terms) {
            Some(RareTerms::Queued(terms)) => terms.priority(),
            Some(RareTerms::Delivered(terms)) => terms.priority,
            None => self.priorities.of(subject.category()),
        }
    }

    /// Whether an update of this priority is, or was, in the queue here.
    pub(crate) fn may_have(&mut self, priority: Priority) -> bool {
        self.ranks() & 1 << priority as u8 != 0
    }

    /// The priorities that updates in the queue here may have: a bit for each. O(1) amortised.
    #[inline]
    pub(crate) fn ranks(&mut self) -> u8 {
        let Ranks { mut categories, seen, .. } = self.ranks;
        for cell in self.cells().get(seen..).unwrap_or_default() {
            categories = categories.with(cell.subject.category());
        }
        if categories != self.ranks.categories {
            self.ranks.categories = categories;
            let ranks = categories.iter().map(|category| 1 << self.priorities.of(category) as u8);
            self.ranks.bits = ranks.fold(self.ranks.bits, |bits, bit: u8| bits | bit);
        }
        self.ranks.seen = self.len;
        self.ranks.bits
    }

    /// Moves the update at an index to the end of another block, where there must be room.
    pub(crate) fn move_to(&mut self, index: usize, to: &mut Self) {
        let Some(subject) = self.subject(index) else { return };
        let Some(terms) = self.terms(index, subject) else { return };
        let text = match self.rare(index, subject).map(|rare| &rare.text) {
            None | Some(LongText::None) => {
                Text::from(self.cells.get(index).map_or("", |cell| cell.text.as_str()))
            }
            Some(LongText::Stored { start, len }) => Text::from(self.stored(*start, *len)),
            Some(LongText::Static(text)) => Text::from_static(text),
            Some(LongText::Shared(text)) => Text::from(Arc::clone(text)),
        };
        let details = self.rare(index, subject).and_then(|rare| rare.details.clone());
        to.push(subject.topic(), &text, details, &terms);
        to.is_replaced |= self.is_replaced;
        drop(text);
        self.remove(index);
    }
}

/// Of a delivered batch.
impl Block {
    /// The queued updates, without a hole, become a batch. `began` is when it was begun, in the queue's time; `now`
    /// the same on the bus's clock, and `wall` on the wall clock, in microseconds.
    pub(crate) fn deliver(&mut self, first_seq: u64, began: Arrival, now: u64, wall: u64) {
        self.first_seq = first_seq;
        let sent_at = |arrival: Arrival| wall.saturating_sub(arrival.micros_until(began));
        self.sent_at.extend(self.arrivals.drain(..).map(|(from, at)| (from, sent_at(at))));
        for rare in &mut self.rare {
            if let RareTerms::Queued(terms) = rare.terms {
                let waited = terms.arrival().micros_until(began);
                rare.terms = RareTerms::Delivered(Delivered {
                    sent_at: sent_at(terms.arrival()),
                    expires: now.saturating_add(terms.ttl_left_micros(waited)),
                    priority: terms.priority(),
                });
            }
        }
    }

    /// Appends a copy of a delivered update, whose position is behind the last one but need not follow it.
    pub(crate) fn push_copy(&mut self, update: OwnedUpdate) {
        let OwnedUpdate { topic, text, details, seq, terms } = update;
        if self.len == self.cells.len() {
            self.grow((2 * self.len).max(4));
        }
        let index = self.len;
        if index == 0 {
            self.first_seq = seq;
        }
        self.seqs.push(seq);
        let short = text.as_str();
        let text = if short.len() <= SHORT { LongText::None } else { self.store(&text) };
        self.push_plain(topic, if matches!(text, LongText::None) { short } else { "" });
        self.categories = self.categories.with(topic.category);
        if self.sent_at.last().is_none_or(|(_, last)| *last != terms.sent_at) {
            self.sent_at.push((index as u32, terms.sent_at));
        }
        let is_plain = matches!(text, LongText::None)
            && details.is_none()
            && terms.expires == u64::MAX
            && terms.priority == self.priorities.of(topic.category);
        if !is_plain {
            let terms = RareTerms::Delivered(terms);
            self.set_rare(index, Rare { index: index as u32, text, details, terms });
        }
    }

    /// Names of conversations are looked up there when a reader first asks for one.
    pub(crate) fn resolve_by(&mut self, resolver: &Arc<dyn ResolveNames>) {
        if self.resolver.is_none() {
            self.resolver = Some(Arc::clone(resolver));
        }
    }

    /// Gives it the names of its conversations, sorted by number.
    pub(crate) fn set_names(&mut self, names: NameTable) {
        self.names = names.into();
    }

    /// Looks the names up now: later their numbers may belong to others.
    pub(crate) fn keep_names(&self) {
        self.names();
    }

    /// Empties it and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.holes = 0;
        self.front = 0;
        self.rare.clear();
        self.long.clear();
        if self.long.capacity() > LONG_KEPT {
            self.long = String::new();
        }
        self.arrivals.clear();
        self.sent_at.clear();
        self.ranks = Ranks::default();
        self.categories = CategorySet::NONE;
        self.runs.clear();
        self.is_replaced = false;
        self.allocated = 0;
        self.seqs.clear();
        self.by_category.take();
        self.names.take();
    }

    /// Whether a text may not lie in its cell.
    #[inline]
    pub(super) const fn has_rare(&self) -> bool {
        !self.rare.is_empty()
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
        self.len.checked_sub(1).map_or(0, |last| self.seq(last))
    }

    /// The index of the first update behind a position.
    #[inline]
    pub(crate) fn index_behind(&self, seq: u64) -> usize {
        if seq < self.first_seq {
            0
        } else if self.seqs.is_empty() {
            usize::try_from(seq - self.first_seq + 1).map_or(self.len, |index| index.min(self.len))
        } else {
            self.seqs.partition_point(|known| *known <= seq)
        }
    }

    /// The index of the update at a position.
    pub(crate) fn index_of(&self, seq: u64) -> Option<usize> {
        let index = self.index_behind(seq).checked_sub(1)?;
        (self.seq(index) == seq).then_some(index)
    }

    #[inline(always)]
    pub(crate) fn cells(&self) -> &[Cell] {
        self.cells.get(..self.len).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<Update<'_>> {
        Some(Update::new(self.cells().get(index)?, self))
    }

    /// The updates from `index` on.
    #[inline]
    pub(crate) fn iter_from(&self, index: usize) -> impl Iterator<Item = Update<'_>> {
        let cells = self.cells().get(index..).unwrap_or_default();
        cells.iter().map(move |cell| Update::new(cell, self))
    }

    /// Notes what is known of a batch from its runs. Only few are kept: many take more memory than they save work.
    pub(crate) fn set_runs(&mut self, runs: &[Run], categories: CategorySet) {
        self.categories = categories;
        if runs.len() <= self.most_runs() {
            self.runs.extend_from_slice(runs);
        }
    }

    /// More runs are not kept.
    pub(crate) const fn most_runs(&self) -> usize {
        self.len / 4
    }

    /// Calls with each run of updates of the same topic.
    #[inline(always)]
    pub(crate) fn for_each_run(&self, mut call: impl FnMut(Run)) {
        if !self.runs.is_empty() {
            return self.runs.iter().for_each(|run| call(*run));
        }
        let mut cells = self.cells().iter();
        let Some(first) = cells.next() else { return };
        let (mut subject, mut start) = (first.subject, 0);
        for (index, cell) in (1..).zip(cells) {
            if !subject.continues(cell.subject) {
                call(Run { subject, start, len: index - start });
                start = index;
                subject = cell.subject;
            }
        }
        call(Run { subject, start, len: self.len as u32 - start });
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
        for cell in self.cells() {
            if let Some(count) = ends.get_mut(cell.subject.category_index()) {
                *count += 1;
            }
        }
        let mut begin = 0;
        for count in &mut ends {
            begin += std::mem::replace(count, begin);
        }
        let mut indices = vec![0; self.len];
        for (index, cell) in (0..).zip(self.cells()) {
            if let Some(end) = ends.get_mut(cell.subject.category_index())
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
        self.rare.get(self.rare_place(index, subject)?)
    }

    fn rare_mut(&mut self, index: usize, subject: Subject) -> Option<&mut Rare> {
        let place = self.rare_place(index, subject)?;
        self.rare.get_mut(place)
    }

    #[inline]
    fn rare_place(&self, index: usize, subject: Subject) -> Option<usize> {
        if !subject.is_rare() {
            return None;
        }
        subject
            .rare_place()
            .or_else(|| self.rare.binary_search_by_key(&(index as u32), |rare| rare.index).ok())
    }

    fn stored(&self, start: u32, len: u32) -> &str {
        self.long.get(start as usize..(start + len) as usize).unwrap_or_default()
    }

    #[inline(never)]
    pub(super) fn long_text(&self, index: usize, subject: Subject) -> Option<&str> {
        match &self.rare(index, subject)?.text {
            LongText::None => None,
            LongText::Stored { start, len } => Some(self.stored(*start, *len)),
            LongText::Static(text) => Some(text),
            LongText::Shared(text) => Some(text),
        }
    }

    #[inline]
    pub(super) fn details(&self, index: usize, subject: Subject) -> Option<&Arc<Details>> {
        self.rare(index, subject)?.details.as_ref()
    }

    /// The terms of a delivered update.
    pub(super) fn delivered(&self, index: usize, subject: Subject) -> Delivered {
        if let Some(rare) = self.rare(index, subject)
            && let RareTerms::Delivered(terms) = rare.terms
        {
            return terms;
        }
        Delivered {
            sent_at: in_force(&self.sent_at, index).copied().unwrap_or_default(),
            expires: u64::MAX,
            priority: self.priorities.of(subject.category()),
        }
    }

    /// What an update has allocated.
    pub(super) fn allocated_by(&self, index: usize, subject: Subject) -> u64 {
        self.rare(index, subject).map_or(0, Rare::allocated)
    }

    /// The text of an update, in memory of its own.
    pub(super) fn owned_text(&self, index: usize, cell: &Cell) -> Text<'static> {
        match self.rare(index, cell.subject).map(|rare| &rare.text) {
            None | Some(LongText::None) => Text::short(cell.text),
            Some(LongText::Stored { start, len }) => {
                Text::from(Arc::from(self.stored(*start, *len)))
            }
            Some(LongText::Static(text)) => Text::from_static(text),
            Some(LongText::Shared(text)) => Text::from(Arc::clone(text)),
        }
    }

    pub(super) fn name(&self, conversation: u32) -> Option<&Arc<str>> {
        self.names().find(conversation)
    }

    fn names(&self) -> &NameTable {
        self.names.get_or_init(|| {
            let Some(resolver) = &self.resolver else { return NameTable::default() };
            let numbers = self.cells().iter().map(|cell| cell.subject.conversation());
            let mut numbers: Vec<_> = numbers.collect();
            numbers.sort_unstable();
            numbers.dedup();
            resolver.resolve(numbers)
        })
    }
}

/// The value that holds for an index: the last one that begins there or before.
#[inline]
fn in_force<T>(values: &[(u32, T)], index: usize) -> Option<&T> {
    // Each update may have its own, or all the same.
    if let Some((first, value)) = values.get(index)
        && *first as usize == index
    {
        return Some(value);
    }
    if let [(_, value)] = values {
        return Some(value);
    }
    let known = values.partition_point(|(first, _)| *first as usize <= index);
    Some(&values.get(known.checked_sub(1)?)?.1)
}

impl Cell {
    const VACANT: Self = Self { subject: Subject::HOLE, text: ShortText::new_const() };
}

impl Rare {
    fn allocated(&self) -> u64 {
        let text = match &self.text {
            LongText::None | LongText::Static(_) => 0,
            LongText::Stored { len, .. } => *len as usize,
            LongText::Shared(text) => text.len(),
        };
        let details = self.details.as_ref().map_or(0, |details| details.allocated());
        (text + details) as u64
    }

    fn into_leftover(self) -> Leftover {
        let text = match self.text {
            LongText::Shared(text) => Some(text),
            _ => None,
        };
        Leftover { _text: text, _details: self.details }
    }
}
