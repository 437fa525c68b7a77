//! What a reader reads.

use statusbus_core::{Category, CategorySet};

use crate::subject::Subject;

/// Selects what a reader reads: one conversation, the system-wide updates or everything, in some
/// categories or in all.
///
/// ```
/// use statusbus_embassy::{Category, CategorySet, SYSTEM, Selector};
///
/// let errors = CategorySet::NONE.with(Category::ERROR);
/// let system_errors = Selector::subject(SYSTEM).with_categories(errors);
/// let motor = Selector::subject("motor");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Selector<'a> {
    subject: Option<Subject<'a>>,
    categories: CategorySet,
}

impl<'a> Selector<'a> {
    /// Everything, in the order of the bus.
    pub const EVERYTHING: Self = Self { subject: None, categories: CategorySet::ALL };

    /// One conversation, or the system-wide updates; all categories.
    #[must_use]
    pub fn subject(subject: impl Into<Subject<'a>>) -> Self {
        Self { subject: Some(subject.into()), ..Self::EVERYTHING }
    }

    /// Only these categories.
    #[must_use]
    pub const fn with_categories(self, categories: CategorySet) -> Self {
        Self { categories, ..self }
    }

    pub(crate) fn selects(&self, subject: Subject<'_>, category: Category) -> bool {
        self.categories.contains(category)
            && self.subject.is_none_or(|chosen| chosen.is_same(subject))
    }
}
