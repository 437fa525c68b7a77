//! A reader of a hub.

use core::fmt;
use core::future::{Future, poll_fn};
use core::task::{Context, Poll};

use crate::event::Event;
use crate::message::AnyMessage;
use crate::ring::Slot;
use crate::selector::Selector;

/// Reads what a [`Hub`](crate::Hub) delivers from the subscription on. Nothing waits for it.
pub struct Subscription<'a, H: AnyHub> {
    hub: &'a H,
    selector: Selector<'a>,
    /// Its number among the readers.
    number: usize,
    position: u64,
}

/// Any [`Hub`](crate::Hub), whatever its capacities. Sealed.
pub trait AnyHub: ReadHub {}

impl<H: ReadHub> AnyHub for H {}

/// A hub as a reader sees it. Each call takes the lock once.
pub trait ReadHub {
    type Message: AnyMessage;

    /// Registers a reader at the end: its number, and its position. `None`: there are too many.
    fn register(&self) -> Option<(usize, u64)>;
    fn unregister(&self, number: usize);
    /// How many events came from this position on.
    fn count_from(&self, position: u64) -> u64;
    /// What is at a position; the task is woken when something comes there.
    fn get(
        &self,
        position: u64,
        selector: &Selector<'_>,
        number: usize,
        cx: &Context<'_>,
    ) -> Slot<Self::Message>;
}

/// The hub has no reader slot free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooManyReaders;

impl fmt::Display for TooManyReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the hub has no reader slot free: raise READERS, or drop a subscription")
    }
}

impl core::error::Error for TooManyReaders {}

impl<'a, H: AnyHub> Subscription<'a, H> {
    pub(crate) fn new(hub: &'a H, selector: Selector<'a>) -> Result<Self, TooManyReaders> {
        let (number, position) = hub.register().ok_or(TooManyReaders)?;
        Ok(Self { hub, selector, number, position })
    }

    /// How many updates and gap entries the reader has not reached, selected or not.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.hub.count_from(self.position)
    }

    /// Waits for the next event. `None`: the bus is closed, and everything is read. A future that is
    /// dropped while it waits loses nothing.
    #[allow(clippy::should_implement_trait)] // it is awaited, like that of a stream
    pub fn next(&mut self) -> impl Future<Output = Option<Event<H::Message>>> {
        poll_fn(|cx| self.poll_next(cx))
    }

    fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Event<H::Message>>> {
        loop {
            match self.hub.get(self.position, &self.selector, self.number, cx) {
                Slot::Event(event) => {
                    self.position += 1;
                    return Poll::Ready(Some(event));
                }
                Slot::NotSelected => self.position += 1,
                Slot::Overwritten(missed) => {
                    self.position += missed;
                    return Poll::Ready(Some(Event::Lagged(missed)));
                }
                Slot::Pending => return Poll::Pending,
                Slot::End => return Poll::Ready(None),
            }
        }
    }
}

impl<H: AnyHub> Drop for Subscription<'_, H> {
    fn drop(&mut self) {
        self.hub.unregister(self.number);
    }
}
