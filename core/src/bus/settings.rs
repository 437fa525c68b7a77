//! The settings of a bus.

use core::time::Duration;

use super::{Bus, slots_mut};
use crate::loss::Loss;
use crate::outcome::loss;
use crate::rules::{Candidate, why_shrunk};
use crate::slots::{self, Slot};
use crate::time::{Instant, Ttl};
use crate::{Category, Config, Priority, Telemetry, Update};

impl<U, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS>
where
    U: Update,
    S: AsRef<[Slot<U>]> + AsMut<[Slot<U>]>,
    T: Telemetry,
{
    /// The configuration in effect.
    #[must_use]
    pub fn config(&self) -> Config {
        self.rules.config_within(self.capacity())
    }

    /// Lowers the batch size to `most` (at least 1) if it is larger, for a buffer that holds no more. Links less
    /// code than [`reconfigure`](Self::reconfigure).
    pub fn limit_batch_size(&mut self, most: u16) {
        self.rules.limit_batch_size_within(most, self.capacity());
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
        let capacity = self.capacity();
        self.rules.reconfigure_within(config, capacity);
        while let Some(candidate) = self.rules.excess_within(capacity) {
            let at = match candidate {
                Candidate::Evicted => self.eviction_candidate(now).at(),
                Candidate::Oldest => self.rules.head,
                Candidate::Newest => slots::previous(self.slots(), self.rules.free),
            };
            let Some(slot) = slots_mut(&mut self.slots).get_mut(usize::from(at)) else { break };
            let index = why_shrunk(slot.is_expired(now));
            let topic = slot.update.topic();
            left(&mut slot.update, loss(index));
            if core::mem::needs_drop::<U>() {
                slot.update = U::EMPTY;
            }
            if Self::LEAVES_FROM_THE_MIDDLE || at == self.rules.head {
                self.leave(at, now);
            } else {
                self.rules.free = at;
            }
            self.rules.len -= 1;
            self.rules.count_lost(Some(&topic), index);
        }
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
        self.rules.set_category(category, priority, Ttl::new(ttl));
    }

    /// [`reconfigure_category`](Self::reconfigure_category) with the TTL in microseconds, for hosts whose clocks
    /// count them. `u64::MAX`: they do not expire.
    pub fn reconfigure_category_micros(
        &mut self,
        category: Category,
        priority: Priority,
        ttl: u64,
    ) {
        self.rules.set_category(category, priority, Ttl::from_micros_or_never(ttl));
    }

    /// Sets the number of categories, including the seven built-in ones. Default: 7. A smaller number becomes 7, a
    /// number above `CATEGORIES` becomes `CATEGORIES`. An update whose category has this index or a higher one is
    /// refused.
    pub fn set_categories(&mut self, categories: usize) {
        self.rules.set_categories(categories);
    }
}
