//! Readers beside a line.

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{DropReason, Losses, Update};

use crate::bus::StatusBus;
use crate::event::GapEntry;
use crate::hub::Hub;
use crate::message::AnyMessage;
use crate::runner::Outgoing;

/// Receives what [`Frames`](crate::Frames) writes: a [`Hub`], or nothing. Sealed.
pub trait Tee<U: AnyMessage>: Receive<U> {}

impl<U: AnyMessage, R: Receive<U>> Tee<U> for R {}

/// What [`Tee`] receives.
pub trait Receive<U: AnyMessage> {
    /// The line accepted this entry of a gap.
    fn gap(&self, entry: GapEntry<U::Topic>);

    /// The updates of a batch, once.
    fn updates<B: StatusBus<Message = U>>(&self, batch: &Outgoing<'_, '_, B>);

    /// The bus is closed and empty.
    fn end(&self);
}

impl<U: AnyMessage> Receive<U> for () {
    #[inline(always)]
    fn gap(&self, _: GapEntry<U::Topic>) {}

    #[inline(always)]
    fn updates<B: StatusBus<Message = U>>(&self, _: &Outgoing<'_, '_, B>) {}

    #[inline(always)]
    fn end(&self) {}
}

impl<M, U, const RING: usize, const READERS: usize> Receive<U> for &Hub<M, U, RING, READERS>
where
    M: RawMutex,
    U: AnyMessage,
{
    fn gap(&self, entry: GapEntry<<U as Update>::Topic>) {
        // what the line did not take has reached the readers
        let dropped = entry.losses.dropped.with_count(DropReason::Sink, 0);
        let losses = Losses { dropped, ..entry.losses };
        if !losses.is_empty() {
            self.publish_gap(GapEntry { losses, ..entry });
        }
    }

    fn updates<B: StatusBus<Message = U>>(&self, batch: &Outgoing<'_, '_, B>) {
        self.publish_updates(batch);
    }

    fn end(&self) {
        self.close();
    }
}
