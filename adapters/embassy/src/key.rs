//! Whether messages have keys and priorities.

use statusbus_core::{KeyMode, Keyed, RefuseReason, Unkeyed};

use crate::bytes::Bytes;

/// Whether messages of a type can have a key: [`NoKey`] or [`Key`].
pub trait Keying: sealed::Sealed {
    #[doc(hidden)]
    type Mode: KeyMode;
    #[doc(hidden)]
    type Held: Copy + PartialEq + Send;
    #[doc(hidden)]
    const NONE: Self::Held;
    #[doc(hidden)]
    const LEN: usize;
    #[doc(hidden)]
    fn as_str(held: &Self::Held) -> Option<&str>;
    /// The hash of a key; `None`: there is none.
    #[doc(hidden)]
    fn hash(held: &Self::Held) -> Option<u32>;
}

/// Messages never have a key: nothing of it is in memory or in the program.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NoKey {}

/// Messages may have a key of at most `LEN` bytes, 1 to 128: each takes `LEN` + 4 bytes for it, and
/// its slot 12 more.
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

    #[inline(always)]
    fn hash((): &()) -> Option<u32> {
        None
    }
}

impl<const LEN: usize> Keying for Key<LEN> {
    type Mode = Keyed;
    type Held = Held<LEN>;
    const NONE: Self::Held = Held { len: 0, bytes: Bytes::EMPTY };
    const LEN: usize = LEN;

    #[inline(always)]
    fn as_str(held: &Self::Held) -> Option<&str> {
        if held.len == 0 { None } else { Some(held.bytes.text(usize::from(held.len))) }
    }

    #[inline(always)]
    fn hash(held: &Self::Held) -> Option<u32> {
        if held.len == 0 { None } else { Some(held.bytes.mix(held.len.into())) }
    }
}

/// A key; of no length: none. What is behind its end is zero.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq)]
pub struct Held<const LEN: usize> {
    len: u8,
    bytes: Bytes<LEN>,
}

impl<const LEN: usize> Held<LEN> {
    /// Keeps a key where it lies.
    pub(crate) fn set(&mut self, key: &str) -> Result<(), RefuseReason> {
        const { assert!(LEN > 0 && LEN <= 128, "a key has 1 to 128 bytes") };
        if key.is_empty() {
            return Err(RefuseReason::Invalid);
        }
        if self.len > 0 {
            *self = Key::NONE;
        }
        self.bytes.set(key).ok_or(RefuseReason::TooLarge)?;
        self.len = key.len() as u8;
        Ok(())
    }
}

impl<const LEN: usize> core::fmt::Debug for Held<LEN> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        Key::as_str(self).fmt(f)
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
