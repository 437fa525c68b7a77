//! What to read.

use statusbus_core::CategorySet;

use crate::About;

/// What to read: one conversation, the whole system or everything, in some categories or in all.
///
/// ```
/// use statusbus_embassy::{Category, CategorySet, SYSTEM, Selector};
///
/// let errors = CategorySet::NONE.with(Category::ERROR);
/// let errors_of_the_system = Selector::about(SYSTEM).categories(errors);
/// let what_the_motor_does = Selector::about("motor");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Selector<'a> {
    about: Option<About<'a>>,
    categories: CategorySet,
}

impl<'a> Selector<'a> {
    /// Everything, in the one order of the bus.
    pub const EVERYTHING: Self = Self { about: None, categories: CategorySet::ALL };

    /// One conversation, or what is said about the whole system.
    #[must_use]
    pub fn about(about: impl Into<About<'a>>) -> Self {
        Self { about: Some(about.into()), ..Self::EVERYTHING }
    }

    /// Of these categories only.
    #[must_use]
    pub const fn categories(self, categories: CategorySet) -> Self {
        Self { categories, ..self }
    }

    pub(crate) fn selects(&self, about: About<'_>, category: statusbus_core::Category) -> bool {
        self.categories.contains(category) && self.about.is_none_or(|chosen| chosen.is_same(about))
    }
}
