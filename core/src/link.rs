//! Numbers of slots.

/// A slot's number, counted from one; zero for no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Link(u16);

impl Link {
    pub(crate) const NONE: Self = Self(0);

    /// The slot at an index, which is below [`Config::MOST`](crate::Config::MOST).
    #[inline(always)]
    pub(crate) const fn to(at: u16) -> Self {
        Self(at + 1)
    }

    /// The index of the slot; for [`NONE`](Self::NONE) an index past the end of any slice. So one bounds
    /// check covers both a missing and an invalid link.
    #[inline(always)]
    pub(crate) const fn index(self) -> usize {
        self.at() as usize
    }

    #[inline(always)]
    pub(crate) const fn at(self) -> u16 {
        self.0.wrapping_sub(1)
    }
}
