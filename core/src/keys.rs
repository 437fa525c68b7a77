//! Whether updates have a key, and the part of the key index in each slot.

use crate::link::Link;

/// Whether updates of a type can have a key: [`Keyed`] or [`Unkeyed`].
pub trait KeyMode: sealed::Sealed {
    #[doc(hidden)]
    type Links: Copy;
    #[doc(hidden)]
    const NONE: Self::Links;
    #[doc(hidden)]
    const KEYED: bool;
    #[doc(hidden)]
    fn read(links: &Self::Links) -> KeyLinks;
    #[doc(hidden)]
    fn write(links: &mut Self::Links) -> Option<&mut KeyLinks>;
}

/// Updates may have a key: each slot carries 6 bytes of index.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Keyed {}

/// Updates never have a key: there is no index, in memory or in code.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unkeyed {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Keyed {}
    impl Sealed for super::Unkeyed {}
}

/// A slot's part of the index, which is a hash table with as many chains as slots. The newest update
/// of a chain comes first, so that the first match is the newest update with that key.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct KeyLinks {
    /// The first slot of the chain that begins here: the part of the table.
    pub(crate) first: Link,
    /// The slot in which the chain of this slot's update begins; none if it has no key.
    pub(crate) home: Link,
    /// The next slot of the chain of this slot's update.
    pub(crate) next: Link,
}

impl KeyLinks {
    pub(crate) const NONE: Self = Self { first: Link::NONE, home: Link::NONE, next: Link::NONE };
}

impl KeyMode for Keyed {
    type Links = KeyLinks;
    const NONE: KeyLinks = KeyLinks::NONE;
    const KEYED: bool = true;

    #[inline(always)]
    fn read(links: &KeyLinks) -> KeyLinks {
        *links
    }

    #[inline(always)]
    fn write(links: &mut KeyLinks) -> Option<&mut KeyLinks> {
        Some(links)
    }
}

impl KeyMode for Unkeyed {
    type Links = ();
    const NONE: () = ();
    const KEYED: bool = false;

    #[inline(always)]
    fn read((): &()) -> KeyLinks {
        KeyLinks::NONE
    }

    #[inline(always)]
    fn write((): &mut ()) -> Option<&mut KeyLinks> {
        None
    }
}
