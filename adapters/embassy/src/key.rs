//! Whether messages of a type have keys and priorities.

use statusbus_core::{KeyMode, Keyed, Unkeyed};

use crate::bytes::Bytes;

/// Whether messages of a type can have a key: [`NoKey`] or [`Key`]. Sealed.
pub trait Keying: KeyStore {}

impl<K: KeyStore> Keying for K {}

/// How messages of a type store their key.
pub trait KeyStore: Copy + 'static {
    type Mode: KeyMode;
    type Stored: Copy + PartialEq + AsRef<[u8]> + AsMut<[u8]>;
    const EMPTY: Self::Stored;
    const LEN: usize;
}

/// Messages without keys: they take no memory and no code.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NoKey {}

/// Messages with an optional key of at most `LEN` bytes, 1 to 128. Costs `LEN` bytes a message,
/// rounded up to a multiple of 4, and 4 bytes a slot.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Key<const LEN: usize> {}

impl KeyStore for NoKey {
    type Mode = Unkeyed;
    type Stored = Bytes<0>;
    const EMPTY: Bytes<0> = Bytes::EMPTY;
    const LEN: usize = 0;
}

impl<const LEN: usize> KeyStore for Key<LEN> {
    type Mode = Keyed;
    type Stored = Bytes<LEN>;
    const EMPTY: Bytes<LEN> = {
        assert!(LEN > 0 && LEN <= 128, "a key has 1 to 128 bytes");
        Bytes::EMPTY
    };
    const LEN: usize = LEN;
}

/// Whether messages of a type have priorities: [`Ranked`] or [`Unranked`]. Sealed.
pub trait Ranking: Ranks {}

impl<R: Ranks> Ranking for R {}

/// Whether to rank.
pub trait Ranks: Copy + 'static {
    const RANKED: bool;
}

/// Messages with priorities: when the queue is full, the lowest priority is dropped first.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ranked {}

/// Messages without priorities: when the queue is full, the oldest is dropped first. The code that
/// compares priorities is left out.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unranked {}

impl Ranks for Ranked {
    const RANKED: bool = true;
}

impl Ranks for Unranked {
    const RANKED: bool = false;
}
