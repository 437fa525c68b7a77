//! What can be set while it runs.

use core::time::Duration;

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{Categories, Category, CategoryError, Config, Priority, Update};

use crate::clock;
use crate::report::Report;
use crate::status::Status;

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>
    Status<M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    /// Changes the configuration. Updates that a smaller queue limit has no room for leave as the
    /// overflow policy says; the answer is how many. The queue limit is at most the slots, and the
    /// batch size at most what the runner's buffer holds.
    #[allow(clippy::must_use_candidate)] // how many left is in the ledger too
    pub fn reconfigure(&self, config: Config) -> usize {
        let now = clock::now();
        let mut left = 0;
        let _ = self.call(|state| {
            let most = usize::from(state.batch);
            let config = match config.values().batch_size > most {
                true => config.batch_size(most).unwrap_or(config),
                false => config,
            };
            state.bus.reconfigure(config, |_, _| left += 1, now);
        });
        left
    }

    /// Changes the priority and the time-to-live of updates of a category that do not say otherwise.
    pub fn reconfigure_category(
        &self,
        category: Category,
        priority: Priority,
        ttl: Option<Duration>,
    ) {
        let _ = self.with(|state| state.bus.reconfigure_category(category, priority, ttl));
    }

    /// The configuration that holds.
    #[must_use]
    pub fn config(&self) -> Config {
        self.with(|state| state.bus.config()).unwrap_or_default()
    }

    /// Registers the application's own categories, behind the seven built-in ones, in this order:
    /// call it once, before they are used. The bus takes `CATEGORIES` in all.
    ///
    /// ```
    /// use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
    /// use statusbus_embassy::{Category, Message, SYSTEM, Status};
    ///
    /// static STATUS: Status<CriticalSectionRawMutex, Message<64>, 32, (), 8> = Status::new();
    /// const BREWING: Category = Category::from_index(7).unwrap();
    ///
    /// STATUS.set_categories(&["brewing"])?;
    /// STATUS.say(SYSTEM, BREWING, "grinding");
    /// assert_eq!(STATUS.category("brewing"), Some(BREWING));
    /// # assert_eq!(STATUS.ledger().queued, 1);
    /// # Ok::<(), statusbus_embassy::CategoryError>(())
    /// ```
    ///
    /// # Errors
    /// A name is not 1 to 32 bytes without control characters, `:`, `*` and `,`, is there twice, or
    /// there are too many. Nothing has changed then.
    pub fn set_categories(&self, names: &'static [&'static str]) -> Result<(), CategoryError> {
        let mut categories: Categories<&str> = Categories::new();
        for &name in names {
            categories.register(name)?;
        }
        let all = categories.len();
        if all > CATEGORIES {
            return Err(CategoryError::Full);
        }
        let _ = self.with(|state| {
            state.names = Some(names);
            state.bus.set_categories(all);
        });
        Ok(())
    }

    /// The category of that name.
    #[must_use]
    pub fn category(&self, name: &str) -> Option<Category> {
        let own = self.with(|state| state.names).flatten().unwrap_or_default();
        let mut names = Category::BUILT_IN.iter().chain(own);
        names.position(|&known| known == name).and_then(Category::from_index)
    }

    /// The name of a category; `None` if the bus does not have it.
    #[must_use]
    pub fn category_name(&self, category: Category) -> Option<&'static str> {
        let own = self.with(|state| state.names).flatten().unwrap_or_default();
        Category::BUILT_IN.iter().chain(own).nth(category.index()).copied()
    }
}
