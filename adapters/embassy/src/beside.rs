//! Who hears what is delivered elsewhere.

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{Dropped, Losses, Update};

use crate::hub::Hub;
use crate::key::{Keying, Ranking};
use crate::message::Message;
use crate::outgoing::Outgoing;
use crate::report::Report;

/// Who hears what [`Frames`](crate::Frames) writes: a [`Hub`], or nobody.
pub trait Beside<U: Update>: sealed::Sealed {
    /// The line took the next loss of this batch's gap.
    #[doc(hidden)]
    fn loss<L, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>(
        &self,
        batch: &Outgoing<'_, '_, '_, L, U, SLOTS, T, CATEGORIES, GAPS>,
    ) where
        L: RawMutex,
        T: Report;

    /// The updates of a batch, once.
    #[doc(hidden)]
    fn updates<L, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>(
        &self,
        batch: &Outgoing<'_, '_, '_, L, U, SLOTS, T, CATEGORIES, GAPS>,
    ) where
        L: RawMutex,
        T: Report;

    /// Nothing more will come.
    #[doc(hidden)]
    fn end(&self);
}

/// Nobody.
impl<U: Update> Beside<U> for () {
    #[inline(always)]
    fn loss<L, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>(
        &self,
        _: &Outgoing<'_, '_, '_, L, U, SLOTS, T, CATEGORIES, GAPS>,
    ) where
        L: RawMutex,
        T: Report,
    {
    }

    #[inline(always)]
    fn updates<L, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>(
        &self,
        _: &Outgoing<'_, '_, '_, L, U, SLOTS, T, CATEGORIES, GAPS>,
    ) where
        L: RawMutex,
        T: Report,
    {
    }

    #[inline(always)]
    fn end(&self) {}
}

impl<
    M,
    const TEXT: usize,
    const NAME: usize,
    const META: usize,
    K,
    R,
    const RING: usize,
    const READERS: usize,
> Beside<Message<TEXT, NAME, META, K, R>>
    for &Hub<M, Message<TEXT, NAME, META, K, R>, RING, READERS>
where
    M: RawMutex,
    K: Keying,
    R: Ranking,
{
    fn loss<L, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>(
        &self,
        batch: &Outgoing<
            '_,
            '_,
            '_,
            L,
            Message<TEXT, NAME, META, K, R>,
            SLOTS,
            T,
            CATEGORIES,
            GAPS,
        >,
    ) where
        L: RawMutex,
        T: Report,
    {
        let Some(gap) = batch.gap() else { return };
        let Some((topic, losses)) = gap.loss(gap.confirmed()) else { return };
        // what the line did not take has come to the readers
        let dropped = Dropped { sink: 0, ..losses.dropped };
        self.add_loss(gap.seq(), topic.copied(), Losses { dropped, ..*losses });
        self.wake();
    }

    fn updates<L, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>(
        &self,
        batch: &Outgoing<
            '_,
            '_,
            '_,
            L,
            Message<TEXT, NAME, META, K, R>,
            SLOTS,
            T,
            CATEGORIES,
            GAPS,
        >,
    ) where
        L: RawMutex,
        T: Report,
    {
        self.add_updates(batch);
    }

    fn end(&self) {
        self.close();
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<M, U: statusbus_core::Update, const RING: usize, const READERS: usize> Sealed
        for &crate::hub::Hub<M, U, RING, READERS>
    {
    }
}
