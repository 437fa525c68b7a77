//! The configuration as the bus uses it.

use core::time::Duration;

use super::Bus;
use crate::books::loss_of;
use crate::gap::Loss;
use crate::ledger::DropReason;
use crate::slots::{Place, Slot};
use crate::time::{Instant, micros};
use crate::{Category, Config, Leading, Overflow, Priority, Telemetry, Update};

/// The configuration as the bus uses it. All zeros means: not prepared yet, and the defaults hold.
pub(super) struct Settings<const CATEGORIES: usize> {
    /// Zero until the first call that needs the settings, and without slots.
    pub(super) limit: u16,
    /// The length of the queue from which on an update cannot simply join: the limit, or zero once
    /// the bus is closed.
    pub(super) room: u16,
    /// Zero until the first call that needs the settings.
    pub(super) batch_size: u16,
    /// The length of the queue at which a batch is due.
    pub(super) full: u16,
    pub(super) flush_interval: u64,
    pub(super) overflow: Overflow,
    pub(super) leading: Leading,
    pub(super) by_category: [ByCategory; CATEGORIES],
}

impl<const CATEGORIES: usize> Settings<CATEGORIES> {
    /// All zeros.
    pub(super) const UNPREPARED: Self = Self {
        limit: 0,
        room: 0,
        batch_size: 0,
        full: 0,
        flush_interval: 0,
        overflow: Overflow::Evict,
        leading: Leading::Immediate,
        by_category: [ByCategory { known: false, priority: Priority::Progress, ttl: 0 };
            CATEGORIES],
    };
}

#[derive(Clone, Copy)]
pub(super) struct ByCategory {
    /// Whether the bus has it; none does until the first call that needs the settings.
    pub(super) known: bool,
    pub(super) priority: Priority,
    /// Microseconds and one more; zero is none.
    pub(super) ttl: u64,
}

impl<U, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS>
where
    U: Update,
    S: AsRef<[Slot<U>]> + AsMut<[Slot<U>]>,
    T: Telemetry,
{
    /// Changes the configuration. A queue limit above the number of slots becomes that number. If
    /// more is queued than the new limit allows, updates leave as the new overflow policy says
    /// (`DropNewest` and `Reject`: the newest first) and are handed to `left`. Linear in those. From
    /// then on nothing that is queued waits longer than the new flush interval.
    pub fn reconfigure(&mut self, config: Config, mut left: impl FnMut(U, Loss), now: Instant) {
        self.prepare();
        let now = self.clock.advance(now);
        self.apply(config);
        while self.queue.len() > usize::from(self.settings.limit) {
            let slots = self.slots.as_mut();
            let link = match self.settings.overflow {
                Overflow::Evict => self.queue.least(slots, now),
                Overflow::DropOldest => self.queue.first(),
                Overflow::DropNewest | Overflow::Reject => self.queue.last(),
            };
            let mut place = Place::VACANT;
            let Some(terms) = self.queue.remove(slots, link, &mut place) else { break };
            let loss = loss_of(&terms, DropReason::Shrunk, now);
            self.books.lose(&place, loss);
            if let Some(update) = place.take() {
                left(update, loss);
            }
        }
        let interval = self.settings.flush_interval;
        if let Some(since) = self.queue.since() {
            self.times.hurry(since.plus(interval));
        }
        self.times.hurry_gap(now.plus(interval));
        self.rouse();
    }

    /// Changes what holds for updates of a category that do not say otherwise: their priority, and
    /// their time-to-live (whole microseconds, `None`: they do not expire). Updates that are queued
    /// already stay as they are. A category that the bus does not have is ignored.
    pub fn reconfigure_category(
        &mut self,
        category: Category,
        priority: Priority,
        ttl: Option<Duration>,
    ) {
        self.prepare();
        if let Some(by_category) = self.settings.by_category.get_mut(category.index()) {
            let ttl = ttl.map_or(0, |ttl| micros(ttl).saturating_add(1));
            (by_category.priority, by_category.ttl) = (priority, ttl);
        }
    }

    /// How many categories there are, the built-in ones among them: at least those, at most
    /// `CATEGORIES`. Updates of a category behind them are refused.
    pub fn set_categories(&mut self, categories: usize) {
        self.prepare();
        let categories = categories.max(Category::BUILT_IN.len());
        for (index, by_category) in self.settings.by_category.iter_mut().enumerate() {
            by_category.known = index < categories;
        }
    }

    /// The configuration that holds.
    #[must_use]
    pub fn config(&self) -> Config {
        let settings = &self.settings;
        if settings.batch_size == 0 {
            let config = Config::new();
            return Config { queue_limit: config.queue_limit.min(self.most()), ..config };
        }
        Config {
            queue_limit: settings.limit,
            batch_size: settings.batch_size,
            overflow: settings.overflow,
            leading: settings.leading,
            flush_interval: settings.flush_interval,
        }
    }

    /// Sets up a new bus with the defaults. Done on first
    /// use, so that a bus in a `static` is all zeros.
    pub(super) fn prepare(&mut self) {
        if self.settings.batch_size > 0 {
            return;
        }
        for (index, defaults) in self.settings.by_category.iter_mut().enumerate() {
            defaults.known = index < Category::BUILT_IN.len();
            defaults.priority = match Category::from_index(index) {
                Some(Category::PROGRESS) => Priority::Progress,
                Some(Category::ERROR) => Priority::Terminal,
                _ => Priority::State,
            };
        }
        self.apply(Config::new());
    }

    /// The [capacity](Self::capacity), which 16 bits hold.
    fn most(&self) -> u16 {
        u16::try_from(self.capacity()).unwrap_or(u16::MAX)
    }

    pub(super) fn apply(&mut self, config: Config) {
        let limit = config.queue_limit.min(self.most());
        let settings = &mut self.settings;
        settings.limit = limit;
        settings.room = if self.closed { 0 } else { limit };
        settings.batch_size = config.batch_size;
        settings.full = config.batch_size.min(limit);
        settings.flush_interval = config.flush_interval;
        settings.overflow = config.overflow;
        settings.leading = config.leading;
    }
}
