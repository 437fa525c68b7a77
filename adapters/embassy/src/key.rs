//! Whether messages have keys and priorities.

use statusbus_core::{KeyMode, Keyed, Unkeyed};

/// Whether messages of a type can have a key: [`NoKey`] or [`Key`].
pub trait Keying: sealed::Sealed {
    #[doc(hidden)]
    type Mode: KeyMode;
    #[doc(hidden)]
    type Held: Clone + Send;
    #[doc(hidden)]
    const NONE: Self::Held;
    #[doc(hidden)]
    const LEN: usize;
    #[doc(hidden)]
    fn as_str(held: &Self::Held) -> Option<&str>;
}

/// Messages never have a key: nothing of it is in memory or in the program.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NoKey {}

/// Messages may have a key of at most `LEN` bytes, 1 to 128: each takes `LEN` + 1 bytes for it, and
/// its slot 8 more.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Key<const LEN: usize> {}

impl Keying for NoKey {
    type Mode = Unkeyed;
    type Held = ();
    const NONE: () = ();
    const LEN: usize = 0;

    #[inline(always)]
    fn as_str((): &()) -> Option<&str> {
        None
    }
}

impl<const LEN: usize> Keying for Key<LEN> {
    type Mode = Keyed;
    type Held = heapless::String<LEN, u8>;
    const NONE: Self::Held = heapless::String::new();
    const LEN: usize = LEN;

    #[inline(always)]
    fn as_str(held: &Self::Held) -> Option<&str> {
        if held.is_empty() { None } else { Some(held) }
    }
}

/// Whether some messages of a type matter more than others: [`Ranked`] or [`Unranked`].
pub trait Ranking: sealed::Sealed {
    #[doc(hidden)]
    const RANKED: bool;
}

/// What matters less goes first when the queue is full.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ranked {}

/// All messages matter the same, and what ranks them is left out of the program: the oldest goes
/// first when the queue is full.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unranked {}

impl Ranking for Ranked {
    const RANKED: bool = true;
}

impl Ranking for Unranked {
    const RANKED: bool = false;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::NoKey {}
    impl<const LEN: usize> Sealed for super::Key<LEN> {}
    impl Sealed for super::Ranked {}
    impl Sealed for super::Unranked {}
}
