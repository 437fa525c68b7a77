//! The configuration as the bus uses it.

use core::time::Duration;

use super::{Bus, IS_CLOSED, slots_mut};
use crate::loss::Loss;
use crate::outcome::{EXPIRED, SHRUNK, loss};
use crate::slots::{self, Slot};
use crate::time::{Instant, Ticks, Ttl, ZEROED, in_micros};
use crate::{Category, Config, Leading, Overflow, Priority, Telemetry, Update};

/// The configuration as the bus uses it. On microcontrollers each field is stored as its difference from
/// the default, so that the settings of a new bus are all zeros.
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

impl<U, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS>
where
    U: Update,
    S: AsRef<[Slot<U>]> + AsMut<[Slot<U>]>,
    T: Telemetry,
{
    #[inline(always)]
    pub(super) fn categories(&self) -> u8 {
        coded8(self.settings.categories, default_categories(CATEGORIES))
    }

    /// The priority and the TTL of a category.
    #[inline(always)]
    pub(super) fn category(&self, category: usize) -> Option<(u8, Ttl)> {
        let stored = self.by_category.get(category)?;
        Some((coded_priority(stored.priority, category), stored.ttl.inverted()))
    }

    #[inline(always)]
    pub(super) fn limit(&self) -> u16 {
        coded16(self.settings.limit, default_limit(self.capacity()))
    }

    #[inline(always)]
    pub(super) fn room(&self) -> u16 {
        coded16(self.settings.room, default_limit(self.capacity()))
    }

    #[inline(always)]
    pub(super) fn full(&self) -> u16 {
        coded16(self.settings.full, default_full(self.capacity()))
    }

    /// Leaves no room for new updates.
    pub(super) fn close_room(&mut self) {
        self.settings.room = coded16(0, default_limit(self.capacity()));
    }

    pub(super) fn apply(&mut self, config: Config) {
        let capacity = self.capacity();
        let limit = config.queue_limit.min(capacity as u16);
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

    /// The configuration in effect.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            queue_limit: self.limit(),
            batch_size: self.settings.batch_size(),
            flush_interval: in_micros(self.settings.interval()),
            overflow: self.settings.overflow,
            leading: self.settings.leading,
        }
    }

    /// Lowers the batch size to `most` (at least 1) if it is larger, for a buffer that holds no more. Links less
    /// code than [`reconfigure`](Self::reconfigure).
    pub fn limit_batch_size(&mut self, most: u16) {
        let most = most.max(1);
        let batch_size = self.settings.batch_size().min(most);
        let full = self.full().min(most);
        self.settings.batch_size = coded16(batch_size, DEFAULT.batch_size);
        self.settings.full = coded16(full, default_full(self.capacity()));
        self.request_wake();
    }

    /// Changes the configuration. A queue limit above the number of slots becomes that number. If more is
    /// queued than the new limit allows, updates leave as the new overflow policy decides (`DropNewest` and
    /// `Reject`: the newest first); each is shown to `left`, which may take it. Linear in those. From then on
    /// nothing that is queued waits longer than the new flush interval.
    pub fn reconfigure(
        &mut self,
        config: Config,
        mut left: impl FnMut(&mut U, Loss),
        now: Instant,
    ) {
        let now = self.advance(now);
        self.apply(config);
        self.peak = self.peak.max(self.len);
        while self.len > self.limit() {
            let at = match self.settings.overflow {
                Overflow::Evict => self.eviction_candidate(now).at(),
                Overflow::DropOldest => self.head,
                Overflow::DropNewest | Overflow::Reject => slots::previous(self.slots(), self.free),
            };
            let Some(slot) = slots_mut(&mut self.slots).get_mut(usize::from(at)) else { break };
            let index = if slot.is_expired(now) { EXPIRED } else { SHRUNK };
            let topic = slot.update.topic();
            left(&mut slot.update, loss(index));
            if core::mem::needs_drop::<U>() {
                slot.update = U::EMPTY;
            }
            if Self::LEAVES_FROM_THE_MIDDLE || at == self.head {
                self.leave(at, now);
            } else {
                self.free = at;
            }
            self.len -= 1;
            self.count_lost(Some(&topic), index);
        }
        let interval = self.settings.interval();
        self.deadline = self.deadline.min(self.front_since.saturating_add(interval));
        self.gap_deadline = self.gap_deadline.min(now.saturating_add(interval));
        self.request_wake();
    }

    /// Changes the priority and the TTL (whole microseconds, `None`: they do not expire) of updates of a
    /// category that have none of their own. Updates that are queued already stay as they are. A category
    /// that the bus does not have is ignored.
    pub fn reconfigure_category(
        &mut self,
        category: Category,
        priority: Priority,
        ttl: Option<Duration>,
    ) {
        self.set_category(category, priority, Ttl::new(ttl));
    }

    /// [`reconfigure_category`](Self::reconfigure_category) with the TTL in microseconds, for hosts whose clocks
    /// count them. `u64::MAX`: they do not expire.
    pub fn reconfigure_category_micros(
        &mut self,
        category: Category,
        priority: Priority,
        ttl: u64,
    ) {
        self.set_category(category, priority, Ttl::from_micros_or_never(ttl));
    }

    #[inline(always)]
    fn set_category(&mut self, category: Category, priority: Priority, ttl: Ttl) {
        if let Some(stored) = self.by_category.get_mut(category.index()) {
            stored.priority = coded_priority(priority as u8, category.index());
            stored.ttl = ttl.inverted();
        }
    }

    /// Sets the number of categories, including the seven built-in ones. Default: 7. A smaller number becomes 7, a
    /// number above `CATEGORIES` becomes `CATEGORIES`. An update whose category has this index or a higher one is
    /// refused.
    pub fn set_categories(&mut self, categories: usize) {
        let categories = categories.max(Category::BUILT_IN.len()).min(CATEGORIES) as u8;
        self.settings.categories = coded8(categories, default_categories(CATEGORIES));
    }
}
