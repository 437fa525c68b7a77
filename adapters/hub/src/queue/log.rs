//! The memory of the queue: a log of blocks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hashbrown::HashTable;
use statusbus_core::{Arrival, Priority, Terms};

use crate::batch::block::{Block, Leftover, Priorities};
use crate::batch::details::Details;
use crate::batch::subject::{Subject, Topic};
use crate::batch::text::Text;

/// The queued updates in the order in which they came. They are appended to the last block, and leave from the first
/// one, mostly as a whole. Updates that leave from the middle leave holes.
pub(crate) struct Log {
    /// The full blocks, the oldest first.
    sealed: VecDeque<Numbered>,
    pub(crate) tail: Numbered,
    /// Empty blocks.
    spare: Vec<Block>,
    /// Most updates in a block: those of a batch.
    size: usize,
    /// The places of the updates with a key.
    keys: HashTable<Place>,
    /// Where the search for the oldest update of each priority goes on: none is in front.
    oldest: [Place; 3],
    /// The priorities that updates of full blocks may have: a bit for each.
    ranks: u8,
    raised: Raised,
}

/// A block of the log. Numbers grow from block to block.
pub(crate) struct Numbered {
    number: u64,
    pub(crate) block: Block,
}

/// Where an update is in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    block: u64,
    index: usize,
}

impl Place {
    /// A number that grows with the place.
    pub(crate) const fn number(self) -> u64 {
        self.block << 17 | self.index as u64
    }
}

/// Updates whose priority a merge has raised: each is the youngest of its new priority from then on.
#[derive(Default)]
struct Raised {
    /// By priority and time: the end of the log then, and how many there were before.
    by_time: [BTreeMap<(Place, u64), Place>; 3],
    by_place: BTreeMap<Place, (Priority, (Place, u64))>,
    count: u64,
}

/// Empty blocks that are kept.
const SPARE: usize = 16;

/// Cells of the first block.
const FIRST: usize = 16;

impl Log {
    pub(crate) fn new(size: usize, priorities: Priorities) -> Self {
        let mut block = Block::with_capacity(size.min(FIRST));
        block.begin(priorities);
        Self {
            sealed: VecDeque::new(),
            tail: Numbered { number: 0, block },
            spare: Vec::new(),
            size,
            keys: HashTable::new(),
            oldest: [Place::default(); 3],
            ranks: 0,
            raised: Raised::default(),
        }
    }

    /// Changes how many updates a block takes, and the priorities of plain updates.
    pub(crate) fn configure(&mut self, size: usize, priorities: Priorities) {
        self.size = size;
        if self.tail.block.len() == 0 {
            self.tail.block.begin(priorities);
        } else if self.tail.block.len() >= size || self.tail.block.priorities() != priorities {
            self.seal(priorities);
        }
    }

    /// Whether the last block takes no more updates.
    #[inline]
    pub(crate) fn is_tail_full(&self) -> bool {
        self.tail.block.len() >= self.end_of_tail()
    }

    /// So many updates fit into the last block.
    #[inline]
    pub(crate) fn end_of_tail(&self) -> usize {
        self.tail.block.capacity().min(self.size)
    }

    /// Makes room for another update in the last block.
    pub(crate) fn make_room(&mut self) {
        let block = &mut self.tail.block;
        if block.len() >= self.size {
            let priorities = block.priorities();
            self.seal(priorities);
        } else if block.len() >= block.capacity() {
            block.grow((2 * block.len()).max(FIRST).min(self.size));
        }
    }

    /// Begins another block.
    fn seal(&mut self, priorities: Priorities) {
        let mut block = self.spare(self.size);
        block.begin(priorities);
        // Now, so that the first update that meets a full queue does not have to look at all others.
        self.ranks |= self.tail.block.ranks();
        let next = Numbered { number: self.tail.number + 1, block };
        self.sealed.push_back(std::mem::replace(&mut self.tail, next));
        self.merge_sparse();
    }

    /// Keeps the memory of an empty block.
    pub(crate) fn recycle(&mut self, block: Block) {
        debug_assert!(block.len() == 0, "it is empty");
        if self.spare.len() >= SPARE {
            // Those that nobody has needed for longest give way.
            self.spare.remove(0);
        }
        self.spare.push(block);
    }

    /// Appends an update. The last block must have room.
    pub(crate) fn push(
        &mut self,
        topic: Topic,
        text: &Text<'_>,
        details: Option<Arc<Details>>,
        terms: &Terms,
    ) {
        let key_hash = details.as_ref().filter(|details| details.key.is_some());
        let key_hash = key_hash.map(|details| details.key_hash);
        let place = self.end();
        self.tail.block.push(topic, text, details, terms);
        if let Some(hash) = key_hash {
            let Self { keys, sealed, tail, .. } = self;
            keys.insert_unique(spread(hash), place, |known| key_hash_at(sealed, tail, *known));
        }
    }

    /// The place of the next update.
    pub(crate) const fn end(&self) -> Place {
        Place { block: self.tail.number, index: self.tail.block.len() }
    }

    fn block(&self, number: u64) -> Option<&Block> {
        block(&self.sealed, &self.tail, number)
    }

    fn block_mut(&mut self, number: u64) -> Option<&mut Block> {
        if number == self.tail.number {
            return Some(&mut self.tail.block);
        }
        let at = sealed_at(&self.sealed, number)?;
        Some(&mut self.sealed.get_mut(at)?.block)
    }

    /// The newest update with that topic and key.
    pub(crate) fn find(&self, topic: Topic, details: &Details) -> Option<Place> {
        let hash = spread(details.key_hash);
        let is_same = |place: &&Place| {
            let Some(block) = self.block(place.block) else { return false };
            let subject = block.subject(place.index);
            subject.is_some_and(|subject| {
                subject.topic() == topic
                    && block.key(place.index, subject) == details.key.as_deref()
            })
        };
        self.keys.iter_hash(hash).filter(is_same).max().copied()
    }

    /// Topic and terms of the update at a place.
    pub(crate) fn get(&self, place: Place) -> Option<(Topic, Terms)> {
        let block = self.block(place.block)?;
        let subject = block.subject(place.index)?;
        Some((subject.topic(), block.terms(place.index, subject)?))
    }

    /// Replaces the update at a place, which has a key, by a newer one with the same topic and key.
    pub(crate) fn replace(
        &mut self,
        place: Place,
        text: &Text<'_>,
        details: Arc<Details>,
        terms: &Terms,
    ) -> Leftover {
        let old = self.get(place).map(|(_, terms)| terms.priority());
        if old != Some(terms.priority()) {
            let end = self.end();
            self.raised.add(place, terms.priority(), end);
        }
        let block = self.block_mut(place.block);
        block.map_or_else(Leftover::default, |block| {
            block.replace(place.index, text, details, terms)
        })
    }

    /// Removes the update at a place.
    pub(crate) fn remove(&mut self, place: Place) -> Leftover {
        self.forget(place);
        let Some(block) = self.block_mut(place.block) else { return Leftover::default() };
        let leftover = block.remove(place.index);
        if block.live() == 0 {
            self.drop_front();
        }
        leftover
    }

    /// Forgets the key and the rank of an update that leaves.
    fn forget(&mut self, place: Place) {
        if self.keys.is_empty() {
            return;
        }
        let Some(block) = self.block(place.block) else { return };
        let Some(subject) = block.subject(place.index).filter(|subject| subject.is_keyed()) else {
            return;
        };
        let hash = block.key_hash(place.index, subject);
        if let Ok(known) = self.keys.find_entry(spread(hash), |known| *known == place) {
            known.remove();
        }
        self.raised.remove(place);
    }

    /// Recycles the blocks at the front of which everything has left.
    fn drop_front(&mut self) {
        while self.sealed.front().is_some_and(|first| first.block.live() == 0)
            && let Some(Numbered { mut block, .. }) = self.sealed.pop_front()
        {
            block.clear();
            self.recycle(block);
        }
        if self.sealed.is_empty() && self.tail.block.live() == 0 && self.tail.block.len() > 0 {
            let priorities = self.tail.block.priorities();
            self.tail.block.clear();
            self.tail.block.begin(priorities);
            self.tail.number += 1;
        }
    }

    /// The place of the first update.
    pub(crate) fn first(&self) -> Option<Place> {
        let first = self.sealed.front().unwrap_or(&self.tail);
        let index = first.block.first_live()?;
        Some(Place { block: first.number, index })
    }

    /// The place of the last update.
    pub(crate) fn last(&self) -> Option<Place> {
        let blocks = [&self.tail].into_iter().chain(self.sealed.iter().rev());
        blocks.into_iter().find_map(|Numbered { number, block }| {
            let index = (0..block.len()).rfind(|index| block.subject(*index).is_some())?;
            Some(Place { block: *number, index })
        })
    }

    /// The first update.
    #[inline]
    pub(crate) fn front(&self) -> Option<(Place, Topic, Terms)> {
        let Numbered { number, block } = self.sealed.front().unwrap_or(&self.tail);
        let index = block.first_live()?;
        let subject = block.subject(index)?;
        let place = Place { block: *number, index };
        Some((place, subject.topic(), block.terms(index, subject)?))
    }

    /// When the first update arrived.
    pub(crate) fn front_arrival(&self) -> Option<Arrival> {
        Some(self.front()?.2.arrival())
    }

    /// Whether all updates have the same priority, and always had.
    pub(crate) fn is_of_one_priority(&mut self) -> bool {
        let ranks = self.ranks | self.tail.block.ranks();
        ranks.is_power_of_two() && self.raised.by_place.is_empty()
    }

    /// The oldest update of a priority. Amortised O(1) where no priority was raised.
    pub(crate) fn oldest(&mut self, priority: Priority) -> Option<Place> {
        let in_order = self.oldest_in_order(priority);
        if self.raised.by_place.is_empty() {
            return in_order;
        }
        let raised = self.raised.oldest(priority);
        match (in_order, raised) {
            // It was there when the other one was raised.
            (Some(in_order), Some((at, _))) if in_order < at => Some(in_order),
            (in_order, raised) => raised.map(|(_, place)| place).or(in_order),
        }
    }

    /// The oldest update of a priority that has had it from the beginning.
    fn oldest_in_order(&mut self, priority: Priority) -> Option<Place> {
        let rank = 1 << priority as u8;
        if (self.ranks | self.tail.block.ranks()) & rank == 0 {
            return None;
        }
        let found = self.search_oldest(priority);
        if found.is_none() {
            self.ranks &= !rank;
        }
        found
    }

    fn search_oldest(&mut self, priority: Priority) -> Option<Place> {
        let Self { sealed, tail, oldest, raised, .. } = self;
        let from = oldest.get_mut(priority as usize)?;
        let at = match sealed.front() {
            Some(first) if from.block > first.number => {
                sealed.partition_point(|sealed| sealed.number < from.block)
            }
            _ => 0,
        };
        let blocks = sealed.range_mut(at..).chain([tail]);
        for Numbered { number, block } in blocks {
            if *number > from.block {
                *from = Place { block: *number, index: block.first_live().unwrap_or(0) };
            }
            if !block.may_have(priority) {
                continue;
            }
            while from.index < block.len() {
                let is_it = |subject: Subject| {
                    !(subject.is_keyed() && raised.has(*from))
                        && block.priority(from.index, subject) == priority
                };
                if block.subject(from.index).is_some_and(is_it) {
                    return Some(*from);
                }
                from.index += 1;
            }
        }
        None
    }

    /// Takes up to `most` updates, at least one, from the front, without those behind one that `is_expired`: in the
    /// block that they were written into, if that leaves as a whole and is not mostly vacant. With the earliest
    /// arrival among them. `None`: the first one has expired, or nothing is queued.
    pub(crate) fn take(
        &mut self,
        most: usize,
        is_expired: impl Fn(&Terms) -> bool,
    ) -> Option<(Block, Arrival)> {
        let Numbered { number, block: first } = self.sealed.front().unwrap_or(&self.tail);
        let is_whole = !first.has_holes()
            && first.len() <= most
            && 2 * first.len() > first.capacity()
            && (first.len() == most || self.sealed.is_empty())
            && !first.rare_terms().any(&is_expired);
        if !is_whole {
            return self.copy(most, is_expired);
        }
        let (number, oldest) = (*number, first.oldest()?);
        let block = match self.sealed.pop_front() {
            Some(first) => first.block,
            None => self.take_tail(),
        };
        self.forget_block(number, &block);
        // All may have left from the next one.
        self.drop_front();
        Some((block, oldest))
    }

    fn take_tail(&mut self) -> Block {
        let (capacity, priorities) = (self.tail.block.capacity(), self.tail.block.priorities());
        let mut block = self.spare(capacity);
        block.begin(priorities);
        self.tail.number += 1;
        std::mem::replace(&mut self.tail.block, block)
    }

    /// An empty block with room for so many updates, and at most twice as many.
    fn spare(&mut self, capacity: usize) -> Block {
        let fits = |block: &Block| (capacity..=2 * capacity).contains(&block.capacity());
        match self.spare.iter().rposition(fits) {
            Some(place) => self.spare.swap_remove(place),
            None => Block::with_capacity(capacity),
        }
    }

    /// Forgets the keys and ranks of a block that leaves as a whole.
    fn forget_block(&mut self, number: u64, block: &Block) {
        if self.keys.is_empty() {
            return;
        }
        for (index, hash) in block.keyed() {
            let place = Place { block: number, index };
            if let Ok(known) = self.keys.find_entry(spread(hash), |known| *known == place) {
                known.remove();
            }
            self.raised.remove(place);
        }
    }

    fn copy(
        &mut self,
        most: usize,
        is_expired: impl Fn(&Terms) -> bool,
    ) -> Option<(Block, Arrival)> {
        let live: usize = self.sealed.iter().take(2).map(|sealed| sealed.block.live()).sum();
        let expected = (live + self.tail.block.live()).min(most).next_power_of_two().max(4);
        let mut to = self.spare(expected.min(most.max(4)));
        to.begin(self.sealed.front().unwrap_or(&self.tail).block.priorities());
        let mut oldest = None::<Arrival>;
        while to.len() < most
            && let Some(place) = self.first()
            && let Some((_, terms)) = self.get(place)
            && !is_expired(&terms)
        {
            oldest = Some(oldest.map_or(terms.arrival(), |oldest| oldest.min(terms.arrival())));
            if to.len() == to.capacity() {
                to.grow(2 * to.len());
            }
            self.forget(place);
            if let Some(block) = self.block_mut(place.block) {
                block.move_to(place.index, &mut to);
            }
            self.drop_front();
        }
        match oldest {
            Some(oldest) => Some((to, oldest)),
            None => {
                self.recycle(to);
                None
            }
        }
    }

    /// Moves the updates of a block to the end of another one.
    pub(crate) fn append_block(&mut self, to: &mut Block, mut from: Block) {
        to.grow(to.len() + from.len());
        for index in 0..from.len() {
            from.move_to(index, to);
        }
        from.clear();
        self.recycle(from);
    }

    /// Joins two neighbours with few updates, if there are many blocks: where updates of low priority have left,
    /// a few others must not hold the memory of many. O(updates in a block).
    fn merge_sparse(&mut self) {
        let live: usize = self.sealed.iter().map(|sealed| sealed.block.live()).sum();
        if self.sealed.len() <= 2 * live.div_ceil(self.size.max(1)) + 4 {
            return;
        }
        let sizes = self.sealed.iter().map(|sealed| sealed.block.live());
        let next = self.sealed.iter().skip(1).map(|sealed| sealed.block.live());
        let Some(at) = sizes.zip(next).position(|(one, other)| one + other <= self.size) else {
            return;
        };
        let Some(Numbered { number: other_number, block: mut other }) = self.sealed.remove(at + 1)
        else {
            return;
        };
        let mut joint = self.spare(self.size);
        let Some(Numbered { number, block: one }) = self.sealed.get_mut(at) else { return };
        let number = *number;
        joint.begin(one.priorities());
        let mut moves = Vec::new();
        for (number, block) in [(number, &mut *one), (other_number, &mut other)] {
            for index in 0..block.len() {
                moves.push((Place { block: number, index }, joint.len()));
                block.move_to(index, &mut joint);
            }
            moves.push((Place { block: number, index: block.len() }, joint.len()));
        }
        std::mem::swap(one, &mut joint);
        let moved = |place: Place| match moves.binary_search_by_key(&place, |known| known.0) {
            Ok(known) => Place { block: number, index: moves.get(known).map_or(0, |to| to.1) },
            Err(_) => place,
        };
        self.keys.iter_mut().for_each(|place| *place = moved(*place));
        for oldest in &mut self.oldest {
            *oldest = moved(*oldest);
        }
        self.raised.move_all(moved);
        for mut block in [joint, other] {
            block.clear();
            self.recycle(block);
        }
    }
}

impl Raised {
    fn has(&self, place: Place) -> bool {
        !self.by_place.is_empty() && self.by_place.contains_key(&place)
    }

    fn add(&mut self, place: Place, priority: Priority, end: Place) {
        self.remove(place);
        self.count += 1;
        let time = (end, self.count);
        if let Some(by_time) = self.by_time.get_mut(priority as usize) {
            by_time.insert(time, place);
        }
        self.by_place.insert(place, (priority, time));
    }

    fn remove(&mut self, place: Place) {
        if let Some((priority, time)) = self.by_place.remove(&place)
            && let Some(by_time) = self.by_time.get_mut(priority as usize)
        {
            by_time.remove(&time);
        }
    }

    /// The one that was raised first to a priority, with the end of the log then.
    fn oldest(&self, priority: Priority) -> Option<(Place, Place)> {
        let (&(end, _), &place) = self.by_time.get(priority as usize)?.first_key_value()?;
        Some((end, place))
    }

    fn move_all(&mut self, moved: impl Fn(Place) -> Place) {
        if self.by_place.is_empty() {
            return;
        }
        let old = std::mem::take(self);
        self.count = old.count;
        for (place, (priority, (end, count))) in old.by_place {
            let time = (moved(end), count);
            if let Some(by_time) = self.by_time.get_mut(priority as usize) {
                by_time.insert(time, moved(place));
            }
            self.by_place.insert(moved(place), (priority, time));
        }
    }
}

fn block<'a>(sealed: &'a VecDeque<Numbered>, tail: &'a Numbered, number: u64) -> Option<&'a Block> {
    if number == tail.number {
        return Some(&tail.block);
    }
    Some(&sealed.get(sealed_at(sealed, number)?)?.block)
}

/// The index of the block of that number.
#[inline]
fn sealed_at(sealed: &VecDeque<Numbered>, number: u64) -> Option<usize> {
    // Most often no number is missing.
    let at = number.checked_sub(sealed.front()?.number)? as usize;
    if sealed.get(at).is_some_and(|sealed| sealed.number == number) {
        return Some(at);
    }
    sealed.binary_search_by_key(&number, |sealed| sealed.number).ok()
}

fn key_hash_at(sealed: &VecDeque<Numbered>, tail: &Numbered, place: Place) -> u64 {
    let hash = block(sealed, tail, place.block)
        .and_then(|block| Some(block.key_hash(place.index, block.subject(place.index)?)));
    spread(hash.unwrap_or_default())
}

/// A hash table uses the highest and the lowest bits.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
