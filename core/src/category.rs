//! The closed set of categories.

use core::fmt;
use core::iter::FusedIterator;
use core::ops::{BitOr, BitOrAssign};

/// The kind of an update: an index into the bus's [`Categories`].
///
/// The seven categories that every bus has are constants of this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Category(u8);

impl Category {
    /// The engine itself: a model was loaded, a worker started.
    pub const ENGINE: Self = Self(0);
    /// A tool call: it started, it returned.
    pub const TOOL: Self = Self(1);
    /// A step of a workflow.
    pub const WORKFLOW: Self = Self(2);
    /// How much of the work is done. [`Low`](crate::Priority::Low) by default.
    pub const PROGRESS: Self = Self(3);
    /// A failure. [`High`](crate::Priority::High) by default.
    pub const ERROR: Self = Self(4);
    /// Anything else that is worth an update.
    pub const INFO: Self = Self(5);
    /// What comes next.
    pub const PLANNING: Self = Self(6);

    /// The names of the seven built-in categories, in the order of their indices.
    pub const BUILT_IN: [&'static str; 7] =
        ["engine", "tool", "workflow", "progress", "error", "info", "planning"];

    /// The largest number of categories of a bus, with the built-in ones: a set of them fits 32 bits.
    pub const MAX: usize = 32;

    /// The category with this index; `None` from [`Self::MAX`] on. The bus refuses an update in a
    /// category that it does not have.
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

/// A set of categories, for example those of a subscription.
///
/// ```
/// use statusbus_core::{Category, CategorySet};
///
/// let set = CategorySet::NONE.with(Category::TOOL).with(Category::ERROR);
/// assert!(set.contains(Category::ERROR) && !set.contains(Category::INFO));
/// assert!(set.into_iter().eq([Category::TOOL, Category::ERROR]));
///
/// let more: CategorySet = [Category::INFO, Category::ERROR].into_iter().collect();
/// assert_eq!((set | more).len(), 3);
/// ```
// No `Serialize`: the indices of registered categories differ from bus to bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CategorySet(u32);

impl CategorySet {
    /// No category.
    pub const NONE: Self = Self(0);
    /// Every category, with those that are registered later.
    pub const ALL: Self = Self(u32::MAX);

    /// The set with `category` added.
    #[must_use]
    pub const fn with(self, category: Category) -> Self {
        Self(self.0 | 1 << category.0)
    }

    /// The set without `category`.
    #[must_use]
    pub const fn without(self, category: Category) -> Self {
        Self(self.0 & !(1 << category.0))
    }

    /// Whether `category` is in the set.
    #[must_use]
    pub const fn contains(self, category: Category) -> bool {
        self.0 & 1 << category.0 != 0
    }

    /// The categories in either set, as `|` in a constant.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The categories in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The category in the set, if there is exactly one.
    #[must_use]
    pub const fn only(self) -> Option<Category> {
        if self.0.is_power_of_two() { Some(Category(self.0.trailing_zeros() as u8)) } else { None }
    }

    /// Number of categories in the set: 0 to [`Category::MAX`].
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether no category is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The categories in the set, in the order of their indices. [`Self::ALL`] yields all 32, whether
    /// the bus has them or not.
    pub const fn iter(self) -> CategorySetIter {
        CategorySetIter(self)
    }
}

impl BitOr for CategorySet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl BitOrAssign for CategorySet {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.union(other);
    }
}

impl FromIterator<Category> for CategorySet {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        categories.into_iter().fold(Self::NONE, Self::with)
    }
}

impl IntoIterator for CategorySet {
    type Item = Category;
    type IntoIter = CategorySetIter;

    fn into_iter(self) -> CategorySetIter {
        self.iter()
    }
}

impl IntoIterator for &CategorySet {
    type Item = Category;
    type IntoIter = CategorySetIter;

    fn into_iter(self) -> CategorySetIter {
        self.iter()
    }
}

/// The categories of a [`CategorySet`], in the order of their indices.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "iterators do nothing unless consumed"]
pub struct CategorySetIter(CategorySet);

impl Iterator for CategorySetIter {
    type Item = Category;

    fn next(&mut self) -> Option<Category> {
        let index = self.0.0.trailing_zeros();
        let category = Category::from_index(index as usize)?; // 32 in an empty set
        self.0 = self.0.without(category);
        Some(category)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl ExactSizeIterator for CategorySetIter {}

impl FusedIterator for CategorySetIter {}

/// The categories of a bus by name: the seven built-in ones and up to `EXTRA` of the application.
///
/// `N` is the type of a stored name: `&'static str` on a microcontroller, an owned string on a server.
/// A lookup by name costs one comparison for each category.
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

    /// Adds a category. Its name has 1 to 32 bytes and no control character, `:`, `*` or `,`.
    ///
    /// # Errors
    /// The name is invalid or already registered, or the set is full.
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

    /// Number of categories, with the built-in ones.
    #[must_use]
    pub fn len(&self) -> usize {
        Category::BUILT_IN.len() + self.extra.len()
    }

    /// Always `false`: every bus has the built-in categories.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The category of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Category> {
        self.names().position(|known| known == name).and_then(Category::from_index)
    }

    /// The name of a category; `None` if it is not registered here.
    #[must_use]
    pub fn name(&self, category: Category) -> Option<&str> {
        match Category::BUILT_IN.get(category.index()) {
            Some(name) => Some(name),
            None => self.extra.get(category.index() - Category::BUILT_IN.len()).map(AsRef::as_ref),
        }
    }

    /// All names, in the order of their indices.
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
    /// The name is empty, longer than 32 bytes, or has a forbidden character.
    Name,
    /// A category of this name exists.
    Taken,
    /// The set is full.
    Full,
}

impl fmt::Display for CategoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => {
                "the name of a category has 1 to 32 bytes and no control character, ':', '*' or ','"
            }
            Self::Taken => "a category of this name is registered already: choose another name",
            Self::Full => "no space for another category: at most 32, of which 7 are built in",
        })
    }
}

impl core::error::Error for CategoryError {}
