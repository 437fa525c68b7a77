//! Readers beside a line.

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::DropReason;

use crate::bus::StatusBus;
use crate::hub::Hub;
use crate::message::AnyMessage;
use crate::runner::Outgoing;

/// Receives what [`Frames`](crate::Frames) writes: a [`Hub`], or nothing. Sealed.
pub trait Tee<U: AnyMessage>: Receive<U> {}

impl<U: AnyMessage, R: Receive<U>> Tee<U> for R {}

/// What [`Tee`] receives.
pub trait Receive<U: AnyMessage> {
    /// The line accepted the next entry of a gap.
    fn gap<B: StatusBus<Message = U>>(&self, batch: &Outgoing<'_, '_, B>);

    /// The updates of a batch, once.
    fn updates<B: StatusBus<Message = U>>(&self, batch: &Outgoing<'_, '_, B>);

    /// The bus is closed and empty.
    fn end(&self);
}

impl<U: AnyMessage> Receive<U> for () {
    #[inline(always)]
    fn gap<B: StatusBus<Message = U>>(&self, _: &Outgoing<'_, '_, B>) {}

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
    fn gap<B: StatusBus<Message = U>>(&self, batch: &Outgoing<'_, '_, B>) {
        let Some(mut entry) = batch.gap() else { return };
        // what the line did not take has reached the readers
        entry.counts.clear(DropReason::Sink);
        if entry.missing() > 0 {
            self.publish_gap(entry);
        }
    }

    fn updates<B: StatusBus<Message = U>>(&self, batch: &Outgoing<'_, '_, B>) {
        self.publish_updates(batch);
    }

    fn end(&self) {
        self.close();
    }
}
