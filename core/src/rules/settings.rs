//! The configuration as the rules use it.

use core::time::Duration;

use super::{ANY, Arrival, Candidate, IS_CLOSED, Rules, Terms};
use crate::loss::Loss;
use crate::outcome::{EXPIRED, SHRUNK, loss};
use crate::time::{Ticks, Ttl, ZEROED, in_micros};
use crate::{Category, CategorySet, Config, Leading, Overflow, Priority, Telemetry};

/// The configuration as the rules use it. On microcontrollers each field is stored as its difference from
/// the default, so that the settings of a new bus are all zeros. The default queue limit is the capacity of the
/// queue, if that is smaller. A bus knows it from its slots, so it is not stored: what depends on it has it as
/// an argument. Other queues use [`ANY`] in its place.
#[repr(C)]
pub(super) struct Settings {
    /// Queue length at and above which a push takes the slow path: the limit, or zero once the bus is
    /// closed.
    room: u16,
    /// Queue length at which a batch is due: the batch size, or the limit if that is smaller.
    full: u16,
    limit: u16,
    batch_size: u16,
    interval: Ticks,
    pub(super) overflow: Overflow,
    pub(super) leading: Leading,
    categories: u8,
}

/// The defaults of a category.
#[derive(Clone, Copy)]
pub(super) struct ByCategory {
    ttl: Ttl,
    priority: u8,
}

impl ByCategory {
    /// Those of each category of a new bus.
    pub(super) const fn defaults<const CATEGORIES: usize>() -> [Self; CATEGORIES] {
        let mut all = [Self { ttl: Ttl::NEVER.inverted(), priority: 0 }; CATEGORIES];
        let mut category = 0;
        while category < CATEGORIES {
            all[category].priority = coded_priority(default_priority(category), category);
            category += 1;
        }
        all
    }
}

/// Encodes a value for storage, and decodes it: the two are the same operation.
#[inline(always)]
const fn coded16(value: u16, default: u16) -> u16 {
    if ZEROED { value ^ default } else { value }
}

#[inline(always)]
const fn coded8(value: u8, default: u8) -> u8 {
    if ZEROED { value ^ default } else { value }
}

const DEFAULT: Config = Config::new();
const DEFAULT_INTERVAL: Ticks = DEFAULT.flush_interval as Ticks;

#[inline(always)]
const fn default_limit(capacity: usize) -> u16 {
    if capacity < DEFAULT.queue_limit as usize { capacity as u16 } else { DEFAULT.queue_limit }
}

#[inline(always)]
const fn default_full(capacity: usize) -> u16 {
    if capacity < DEFAULT.batch_size as usize { capacity as u16 } else { DEFAULT.batch_size }
}

#[inline(always)]
const fn default_categories(most: usize) -> u8 {
    if most < Category::BUILT_IN.len() { most as u8 } else { Category::BUILT_IN.len() as u8 }
}

/// The priority of a category unless it was changed: two bits for each of the first 16.
#[inline(always)]
const fn default_priority(category: usize) -> u8 {
    const NORMAL: u32 = 0x5555_5555;
    const LOW: u32 = 1 << (2 * Category::PROGRESS.index());
    const HIGH: u32 = 3 << (2 * Category::ERROR.index());
    if category < 16 { ((NORMAL ^ LOW ^ HIGH) >> (2 * category)) as u8 & 3 } else { 1 }
}

/// On WebAssembly too: an array of zeros is made by one instruction there.
#[inline(always)]
const fn coded_priority(value: u8, category: usize) -> u8 {
    if ZEROED || cfg!(target_family = "wasm") { value ^ default_priority(category) } else { value }
}

impl Settings {
    /// The defaults.
    pub(super) const fn new(capacity: usize, categories: usize) -> Self {
        let (limit, full) = (default_limit(capacity), default_full(capacity));
        Self {
            room: coded16(limit, limit),
            full: coded16(full, full),
            limit: coded16(limit, limit),
            batch_size: coded16(DEFAULT.batch_size, DEFAULT.batch_size),
            interval: if ZEROED { 0 } else { DEFAULT_INTERVAL },
            overflow: DEFAULT.overflow,
            leading: DEFAULT.leading,
            categories: coded8(default_categories(categories), default_categories(categories)),
        }
    }

    #[inline(always)]
    pub(super) const fn interval(&self) -> Ticks {
        if ZEROED { self.interval ^ DEFAULT_INTERVAL } else { self.interval }
    }

    #[inline(always)]
    pub(super) const fn batch_size(&self) -> u16 {
        coded16(self.batch_size, DEFAULT.batch_size)
    }
}

/// Why an update that leaves a smaller queue is lost.
#[inline(always)]
pub(crate) fn why_shrunk(is_expired: bool) -> u8 {
    if is_expired { EXPIRED } else { SHRUNK }
}

/// The queue limit of a configuration, where memory is for so many updates.
#[inline(always)]
pub(super) fn limit(config: Config, capacity: usize) -> u16 {
    config.queue_limit.min(capacity.min(Config::MOST) as u16)
}

impl<Topic, T, const CATEGORIES: usize, const GAPS: usize> Rules<Topic, T, CATEGORIES, GAPS>
where
    Topic: Clone + PartialEq,
    T: Telemetry,
{
    #[inline(always)]
    fn categories(&self) -> usize {
        coded8(self.settings.categories, default_categories(CATEGORIES)).into()
    }

    /// The priority and the TTL of a category that the bus has.
    #[inline(always)]
    pub(crate) fn category(&self, category: Category) -> Option<(u8, Ttl)> {
        let index = category.index();
        if index >= self.categories() {
            return None;
        }
        let stored = self.by_category.get(index)?;
        Some((coded_priority(stored.priority, index), stored.ttl.inverted()))
    }

    /// The categories whose updates have no TTL unless they bring one: those that exist, and none once the queue
    /// is closed. An update of one of these is plain if it has no key, no TTL and does not end a run; many plain
    /// updates can [join](Self::join) at once.
    #[must_use]
    pub fn plain_categories(&self) -> CategorySet {
        if self.is_closed() {
            return CategorySet::NONE;
        }
        let all = CategorySet::ALL.iter();
        all.filter(|&one| self.category(one).is_some_and(|(_, ttl)| ttl == Ttl::NEVER)).collect()
    }

    /// The priority of each category, as two bits for each: those of category 0 are the lowest.
    #[must_use]
    pub fn priorities(&self) -> u64 {
        let all = self.by_category.iter().enumerate();
        all.fold(0, |bits, (index, stored)| {
            bits | u64::from(coded_priority(stored.priority, index)) << (2 * index)
        })
    }

    #[inline(always)]
    pub(crate) fn limit_within(&self, capacity: usize) -> u16 {
        coded16(self.settings.limit, default_limit(capacity))
    }

    #[inline(always)]
    pub(crate) fn room_within(&self, capacity: usize) -> u16 {
        coded16(self.settings.room, default_limit(capacity))
    }

    #[inline(always)]
    pub(super) fn full_within(&self, capacity: usize) -> u16 {
        coded16(self.settings.full, default_full(capacity))
    }

    /// Leaves no room for new updates.
    #[inline(always)]
    pub(super) fn close_room(&mut self, capacity: usize) {
        self.settings.room = coded16(0, default_limit(capacity));
    }

    #[inline(always)]
    pub(super) fn apply(&mut self, config: Config, limit: u16, capacity: usize) {
        let room = if self.flags & IS_CLOSED == 0 { limit } else { 0 };
        let interval = Ticks::try_from(config.flush_interval).unwrap_or(Ticks::MAX);
        let settings = &mut self.settings;
        settings.limit = coded16(limit, default_limit(capacity));
        settings.room = coded16(room, default_limit(capacity));
        settings.full = coded16(config.batch_size.min(limit), default_full(capacity));
        settings.batch_size = coded16(config.batch_size, DEFAULT.batch_size);
        settings.interval = if ZEROED { interval ^ DEFAULT_INTERVAL } else { interval };
        settings.overflow = config.overflow;
        settings.leading = config.leading;
    }

    /// [`new`](Self::new) for a bus: the settings of its rules are stored as they are for its capacity.
    #[inline(always)]
    pub(crate) fn configure(&mut self, config: Config, capacity: usize) {
        self.apply(config, limit(config, capacity), capacity);
    }

    /// The configuration in effect.
    #[must_use]
    pub fn config(&self) -> Config {
        self.config_within(ANY)
    }

    #[inline(always)]
    pub(crate) fn config_within(&self, capacity: usize) -> Config {
        Config {
            queue_limit: self.limit_within(capacity),
            batch_size: self.settings.batch_size(),
            flush_interval: in_micros(self.settings.interval()),
            overflow: self.settings.overflow,
            leading: self.settings.leading,
        }
    }

    /// See [`Bus::limit_batch_size`](crate::Bus::limit_batch_size).
    pub fn limit_batch_size(&mut self, most: u16) {
        self.limit_batch_size_within(most, ANY);
    }

    #[inline(always)]
    pub(crate) fn limit_batch_size_within(&mut self, most: u16, capacity: usize) {
        let most = most.max(1);
        let batch_size = self.settings.batch_size().min(most);
        let full = self.full_within(capacity).min(most);
        self.settings.batch_size = coded16(batch_size, DEFAULT.batch_size);
        self.settings.full = coded16(full, default_full(capacity));
        self.request_wake();
    }

    /// Changes the configuration. `capacity` is again how many updates the queue has memory for. Then as many
    /// updates leave as [`excess`](Self::excess) asks for.
    pub fn reconfigure(&mut self, config: Config, capacity: usize) {
        self.apply(config, limit(config, capacity), ANY);
        self.note_peak();
    }

    /// [`reconfigure`](Self::reconfigure) for a bus.
    #[inline(always)]
    pub(crate) fn reconfigure_within(&mut self, config: Config, capacity: usize) {
        self.configure(config, capacity);
        self.note_peak();
    }

    /// The update that has to leave because more are queued than the new queue limit allows: remove it, and pass it
    /// to [`shrunk`](Self::shrunk). Ask again until the answer is `None`; then nothing that is queued waits longer
    /// than the new flush interval.
    #[must_use = "ask until nothing is left"]
    pub fn excess(&mut self) -> Option<Candidate> {
        self.excess_within(ANY)
    }

    #[inline(always)]
    pub(crate) fn excess_within(&mut self, capacity: usize) -> Option<Candidate> {
        if self.len > self.limit_within(capacity) {
            return Some(match self.settings.overflow {
                Overflow::Evict => Candidate::Evicted,
                Overflow::DropOldest => Candidate::Oldest,
                Overflow::DropNewest | Overflow::Reject => Candidate::Newest,
            });
        }
        let interval = self.settings.interval();
        self.deadline = self.deadline.min(self.front_since.saturating_add(interval));
        self.gap_deadline = self.gap_deadline.min(self.clock.now.saturating_add(interval));
        self.request_wake();
        None
    }

    /// Counts an update that was removed for [`excess`](Self::excess); returns how it was lost. `front`: the arrival
    /// of the update that is at the front now, if the removed one was there.
    pub fn shrunk(&mut self, removed: &Terms, topic: &Topic, front: Option<Arrival>) -> Loss {
        let index = why_shrunk(removed.is_over(self.clock.now));
        self.move_front(front);
        self.len -= 1;
        loss(self.count_lost(Some(topic), index))
    }

    /// Changes the priority and the TTL (`None`: they do not expire) of updates of a category that have none of
    /// their own: see [`Bus::reconfigure_category`](crate::Bus::reconfigure_category).
    pub fn reconfigure_category(
        &mut self,
        category: Category,
        priority: Priority,
        ttl: Option<Duration>,
    ) {
        self.set_category(category, priority, Ttl::new(ttl));
    }

    #[inline(always)]
    pub(crate) fn set_category(&mut self, category: Category, priority: Priority, ttl: Ttl) {
        if let Some(stored) = self.by_category.get_mut(category.index()) {
            stored.priority = coded_priority(priority as u8, category.index());
            stored.ttl = ttl.inverted();
        }
    }

    /// Sets the number of categories, including the seven built-in ones. A smaller number becomes 7, a number above
    /// `CATEGORIES` becomes `CATEGORIES`. An update whose category has this index or a higher one is refused.
    #[inline]
    pub fn set_categories(&mut self, categories: usize) {
        let categories = categories.max(Category::BUILT_IN.len()).min(CATEGORIES) as u8;
        self.settings.categories = coded8(categories, default_categories(CATEGORIES));
    }
}
