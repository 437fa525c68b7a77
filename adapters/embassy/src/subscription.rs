//! A reader of a hub.

use core::fmt;
use core::future::{Future, poll_fn};
use core::task::{Context, Poll};

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{Losses, Priority, Update};

use crate::hub::{Hub, Look};
use crate::key::{Keying, Ranking};
use crate::message::Message;
use crate::selector::Selector;

/// Reads what a [`Hub`] hands on, from when it was made. It is never waited for.
pub struct Subscription<'h, 's, M: RawMutex, U: Update, const RING: usize, const READERS: usize> {
    hub: &'h Hub<M, U, RING, READERS>,
    selector: Selector<'s>,
    seat: usize,
    position: u64,
}

/// What a reader is told.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event<U: Update> {
    /// An update.
    Update(Received<U>),
    /// Updates are missing here.
    Gap {
        /// The position of this record. Of one gap each topic comes by itself, with the same position.
        seq: u64,
        /// Whose updates are missing; `None`: some of the whole bus.
        topic: Option<U::Topic>,
        /// How many, and why.
        losses: Losses,
    },
    /// The reader was too slow: so many updates and gaps are gone, whether it would have read them or
    /// not. It goes on with the oldest that is kept.
    Lagged(u64),
}

/// An update as a reader gets it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Received<U> {
    /// Its position.
    pub seq: u64,
    /// Its priority.
    pub priority: Priority,
    /// The update.
    pub update: U,
    pub(crate) sent_micros: u64,
}

/// As many read as the hub has seats for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoSeat;

impl fmt::Display for NoSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the hub has no seat for another reader: give it more, or drop one")
    }
}

impl core::error::Error for NoSeat {}

impl<'h, 's, M, U, const RING: usize, const READERS: usize>
    Subscription<'h, 's, M, U, RING, READERS>
where
    M: RawMutex,
    U: Update,
{
    pub(crate) const fn new(
        hub: &'h Hub<M, U, RING, READERS>,
        selector: Selector<'s>,
        seat: usize,
        position: u64,
    ) -> Self {
        Self { hub, selector, seat, position }
    }

    /// How many updates and gaps have come that it has not read, those among them that it will not.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.hub.since(self.position)
    }
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
> Subscription<'_, '_, M, Message<TEXT, NAME, META, K, R>, RING, READERS>
where
    M: RawMutex,
    K: Keying,
    R: Ranking,
{
    /// Waits for what comes next. `None`: the bus is closed, and everything is read. A future that is
    /// dropped while it waits costs nothing.
    #[allow(clippy::should_implement_trait)] // it is awaited, as that of a stream
    pub fn next(&mut self) -> impl Future<Output = Option<Event<Message<TEXT, NAME, META, K, R>>>> {
        poll_fn(|cx| self.poll_next(cx))
    }

    fn poll_next(
        &mut self,
        cx: &Context<'_>,
    ) -> Poll<Option<Event<Message<TEXT, NAME, META, K, R>>>> {
        loop {
            match self.hub.look(self.position, &self.selector, self.seat, cx) {
                Look::Event(event) => {
                    self.position += 1;
                    return Poll::Ready(Some(event));
                }
                Look::Other => self.position += 1,
                Look::Gone(missed) => {
                    self.position += missed;
                    return Poll::Ready(Some(Event::Lagged(missed)));
                }
                Look::NotYet => return Poll::Pending,
                Look::End => return Poll::Ready(None),
            }
        }
    }
}

impl<M, U, const RING: usize, const READERS: usize> Drop
    for Subscription<'_, '_, M, U, RING, READERS>
where
    M: RawMutex,
    U: Update,
{
    fn drop(&mut self) {
        self.hub.get_up(self.seat);
    }
}

impl<M, U, const RING: usize, const READERS: usize> fmt::Debug
    for Subscription<'_, '_, M, U, RING, READERS>
where
    M: RawMutex,
    U: Update,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("selector", &self.selector).finish_non_exhaustive()
    }
}
