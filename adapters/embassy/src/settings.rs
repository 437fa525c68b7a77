//! Configuration at run time.

use core::time::Duration;

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{Categories, Category, CategoryError, Config, Priority};

use crate::bus::category_name;
use crate::clock;
use crate::message::AnyMessage;
use crate::report::Report;
use crate::status::Status;

impl<M: RawMutex, U: AnyMessage, const SLOTS: usize, T: Report, const C: usize, const GAPS: usize>
    Status<M, U, SLOTS, T, C, GAPS>
{
    /// Changes the configuration. Updates beyond a smaller queue limit are dropped by the overflow policy;
    /// returns how many. The queue limit is lowered to `SLOTS`, and the batch size to the capacity of the
    /// runner's buffer.
    #[allow(clippy::must_use_candidate)] // the ledger counts them too
    pub fn reconfigure(&self, config: Config) -> usize {
        let now = clock::now();
        let mut left = 0;
        let _ = self.inner.call(|state| {
            let capacity = usize::from(state.batch_capacity);
            let config = if config.batch_size() > capacity {
                config.with_batch_size(capacity).unwrap_or(config)
            } else {
                config
            };
            state.bus.reconfigure(config, |_, _| left += 1, now);
        });
        left
    }

    /// Changes the defaults of a category: the priority, and the TTL, of updates without their own.
    pub fn reconfigure_category(
        &self,
        category: Category,
        priority: Priority,
        ttl: Option<Duration>,
    ) {
        let _ = self.inner.with(|state| state.bus.reconfigure_category(category, priority, ttl));
    }

    /// The current configuration.
    #[must_use]
    pub fn config(&self) -> Config {
        self.inner.with(|state| state.bus.config()).unwrap_or_default()
    }

    /// Registers the application's own categories, in this order, behind the seven built-in ones. Call it
    /// once, before they are used. The bus has room for `CATEGORIES` in all.
    ///
    /// ```
    /// use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
    /// use statusbus_embassy::{Category, Message, SYSTEM, Status};
    ///
    /// static STATUS: Status<CriticalSectionRawMutex, Message<64>, 32, (), 8> = Status::new();
    /// const BREWING: Category = Category::from_index(7).unwrap();
    ///
    /// STATUS.set_categories(&["brewing"])?;
    /// STATUS.send(SYSTEM, BREWING, "grinding");
    /// assert_eq!(STATUS.category("brewing"), Some(BREWING));
    /// # assert_eq!(STATUS.ledger().queued, 1);
    /// # Ok::<(), statusbus_embassy::CategoryError>(())
    /// ```
    ///
    /// # Errors
    /// A name is invalid (it has 1 to 32 bytes without control characters, `:`, `*` and `,`), appears
    /// twice, or there are too many. Nothing is changed then.
    pub fn set_categories(&self, names: &'static [&'static str]) -> Result<(), CategoryError> {
        let mut categories: Categories<&str> = Categories::new();
        for &name in names {
            categories.register(name)?;
        }
        let all = categories.len();
        if all > C {
            return Err(CategoryError::Full);
        }
        let _ = self.inner.with(|state| {
            state.names = Some(names);
            state.bus.set_categories(all);
        });
        Ok(())
    }

    /// The category with this name; `None`: the bus does not have it.
    #[must_use]
    pub fn category(&self, name: &str) -> Option<Category> {
        let own = self.inner.with(|state| state.names).flatten().unwrap_or_default();
        let mut names = Category::BUILT_IN.iter().chain(own);
        names.position(|&known| known == name).and_then(Category::from_index)
    }

    /// The name of a category; `None`: the bus does not have it.
    #[must_use]
    pub fn category_name(&self, category: Category) -> Option<&'static str> {
        category_name(category, self.inner.with(|state| state.names).flatten())
    }
}
