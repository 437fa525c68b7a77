//! The closed set of categories.

use core::fmt;

/// What kind of thing an update says: an index into the bus's [`Categories`].
///
/// The seven that every bus has are constants here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Category(u8);

impl Category {
    /// The engine itself: a model is loaded, a worker has started.
    pub const ENGINE: Self = Self(0);
    /// A tool call: it starts, it returns.
    pub const TOOL: Self = Self(1);
    /// A step of a workflow.
    pub const WORKFLOW: Self = Self(2);
    /// How far something has come. [`Progress`](crate::Priority::Progress) by default.
    pub const PROGRESS: Self = Self(3);
    /// Something failed. [`Terminal`](crate::Priority::Terminal) by default.
    pub const ERROR: Self = Self(4);
    /// Anything else worth saying.
    pub const INFO: Self = Self(5);
    /// What will be done next.
    pub const PLANNING: Self = Self(6);

    /// The names of the seven categories that every bus has, in the order of their index.
    pub const BUILT_IN: [&'static str; 7] =
        ["engine", "tool", "workflow", "progress", "error", "info", "planning"];

    /// Most categories that a bus can have, the built-in ones among them: a set of them fits 32 bits.
    pub const MAX: usize = 32;

    /// The category with that index; `None` from [`Self::MAX`] on. Whether the bus has one there
    /// shows when an update is pushed.
    #[must_use]
    pub const fn from_index(index: usize) -> Option<Self> {
        if index < Self::MAX { Some(Self(index as u8)) } else { None }
    }

    /// The index of this category, below [`Self::MAX`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of categories, as a subscription chooses them.
///
/// ```
/// use statusbus_core::{Category, CategorySet};
///
/// let set = CategorySet::NONE.with(Category::TOOL).with(Category::ERROR);
/// assert!(set.contains(Category::ERROR) && !set.contains(Category::INFO));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CategorySet(u32);

impl CategorySet {
    /// No category.
    pub const NONE: Self = Self(0);
    /// Every category, also those that are registered later.
    pub const ALL: Self = Self(u32::MAX);

    /// The set with `category` added.
    #[must_use]
    pub const fn with(self, category: Category) -> Self {
        Self(self.0 | 1 << category.0)
    }

    /// The set with `category` taken out.
    #[must_use]
    pub const fn without(self, category: Category) -> Self {
        Self(self.0 & !(1 << category.0))
    }

    /// Whether `category` is in the set.
    #[must_use]
    pub const fn contains(self, category: Category) -> bool {
        self.0 & 1 << category.0 != 0
    }

    /// What is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The category in the set, if there is exactly one.
    #[must_use]
    pub const fn only(self) -> Option<Category> {
        if self.0.is_power_of_two() { Some(Category(self.0.trailing_zeros() as u8)) } else { None }
    }

    /// Whether no category is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Category> for CategorySet {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        categories.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The categories of a bus by name: the seven built-in ones and up to `EXTRA` of the application's.
///
/// Names are kept as `N`: `&'static str` on a microcontroller, an owned string on a server. Looking
/// a name up costs a comparison for each category.
///
/// ```
/// use statusbus_core::{Categories, Category};
///
/// let mut categories: Categories<&str, 2> = Categories::new();
/// let deploy = categories.register("deploy")?;
/// assert_eq!(categories.find("deploy"), Some(deploy));
/// assert_eq!(categories.find("error"), Some(Category::ERROR));
/// assert_eq!(categories.find("gossip"), None);
/// assert_eq!(categories.name(deploy), Some("deploy"));
/// # Ok::<(), statusbus_core::CategoryError>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Categories<N = &'static str, const EXTRA: usize = 25> {
    extra: heapless::Vec<N, EXTRA>,
}

impl<N: AsRef<str>, const EXTRA: usize> Categories<N, EXTRA> {
    /// The built-in categories.
    #[must_use]
    pub const fn new() -> Self {
        Self { extra: heapless::Vec::new() }
    }

    /// Adds a category. Its name is 1 to 32 bytes without control characters, `:`, `*` or `,`.
    ///
    /// # Errors
    /// The name is not of that form, is taken, or there is no room for another category.
    pub fn register(&mut self, name: N) -> Result<Category, CategoryError> {
        let text = name.as_ref();
        if text.is_empty()
            || text.len() > 32
            || text.contains(|c: char| c.is_control() || matches!(c, ':' | '*' | ','))
        {
            return Err(CategoryError::Name);
        }
        if self.find(text).is_some() {
            return Err(CategoryError::Taken);
        }
        let category = Category::from_index(self.len()).ok_or(CategoryError::Full)?;
        self.extra.push(name).map_err(|_| CategoryError::Full)?;
        Ok(category)
    }

    /// How many categories there are, the built-in ones among them.
    #[must_use]
    pub fn len(&self) -> usize {
        Category::BUILT_IN.len() + self.extra.len()
    }

    /// Never: the built-in categories are always there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The category of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Category> {
        self.names().position(|known| known == name).and_then(Category::from_index)
    }

    /// The name of a category; `None` if it is not of this set.
    #[must_use]
    pub fn name(&self, category: Category) -> Option<&str> {
        match Category::BUILT_IN.get(category.index()) {
            Some(name) => Some(name),
            None => self.extra.get(category.index() - Category::BUILT_IN.len()).map(AsRef::as_ref),
        }
    }

    /// All names, in the order of their index.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        Category::BUILT_IN.into_iter().chain(self.extra.iter().map(AsRef::as_ref))
    }
}

impl<N: AsRef<str>, const EXTRA: usize> Default for Categories<N, EXTRA> {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a category could not be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CategoryError {
    /// The name is empty, too long, or has a character it may not have.
    Name,
    /// There is a category of that name.
    Taken,
    /// There is no room for another one.
    Full,
}

impl fmt::Display for CategoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => {
                "a category's name is 1 to 32 bytes, without control characters, ':', '*' or ','"
            }
            Self::Taken => "a category of that name is registered already",
            Self::Full => {
                "no room for another category: at most 32, the 7 built-in ones among them"
            }
        })
    }
}

impl core::error::Error for CategoryError {}
