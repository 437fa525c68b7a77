//! Readers in the same program.

use core::cell::RefCell;
use core::future::pending;
use core::task::Context;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::RawMutex;

use crate::bus::StatusBus;
use crate::event::{Event, GapEntry, Received};
use crate::message::AnyMessage;
use crate::ring::{Ring, Slot};
use crate::runner::{Outgoing, Runner};
use crate::selector::Selector;
use crate::subscription::{ReadHub, Subscription, TooManyReaders};

/// Delivers to readers in the same program: a display, a lamp, a task that reacts.
///
/// Up to `READERS` readers at a time, each with a position of its own on a ring of the last `RING`
/// updates and gap entries. Nothing waits for a reader: one that falls behind learns how many it missed
/// and continues.
///
/// Keep it in a `static`. It is zero at start, and takes `RING` times the size of a message and 32 bytes, or of a
/// name and 80 bytes if that is more.
///
/// ```no_run
/// use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
/// use statusbus_embassy::{Buffer, Event, Hub, Message, Selector, Status};
///
/// static STATUS: Status<CriticalSectionRawMutex, Message<64>, 32> = Status::new();
/// static HUB: Hub<CriticalSectionRawMutex, Message<64>, 16, 2> = Hub::new();
///
/// async fn deliver() {
///     let mut buffer = Buffer::<_, 8>::new();
///     let Ok(runner) = STATUS.runner(&mut buffer) else { return };
///     HUB.run(runner).await
/// }
///
/// async fn show() {
///     let Ok(mut motor) = HUB.subscribe(Selector::subject("motor")) else { return };
///     while let Some(event) = motor.next().await {
///         if let Event::Update(received) = event {
///             // received.update.text()
///         }
///     }
/// }
/// ```
pub struct Hub<M, U: AnyMessage, const RING: usize, const READERS: usize> {
    lock: Mutex<M, RefCell<Ring<U, RING, READERS>>>,
}

impl<M: RawMutex, U: AnyMessage, const RING: usize, const READERS: usize> Hub<M, U, RING, READERS> {
    /// An empty hub.
    #[must_use]
    pub const fn new() -> Self {
        Self { lock: Mutex::new(RefCell::new(Ring::new())) }
    }

    /// A reader of everything selected that comes from now on.
    ///
    /// # Errors
    /// The hub has `READERS` readers already.
    pub fn subscribe<'a>(
        &'a self,
        selector: Selector<'a>,
    ) -> Result<Subscription<'a, Self>, TooManyReaders> {
        Subscription::new(self, selector)
    }

    /// How many updates and gap entries readers missed because they fell behind, selected or not; the
    /// sum over all readers.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.with(|ring| ring.missed).unwrap_or_default()
    }

    /// Delivers whatever the runner takes from the bus. It does not end: when the bus is closed and
    /// everything is delivered, readers reach their end, and this waits forever.
    pub async fn run<B: StatusBus<Message = U>>(&self, mut runner: Runner<'_, B>) -> ! {
        loop {
            match runner.next().await {
                Some(mut batch) => {
                    self.publish(&mut batch);
                    batch.delivered();
                }
                None => {
                    self.close();
                    pending::<()>().await;
                }
            }
        }
    }

    /// Delivers a batch to the readers and confirms its gap, for sinks that deliver it elsewhere too and
    /// settle it. Takes the lock once for each update.
    pub fn publish<B: StatusBus<Message = U>>(&self, batch: &mut Outgoing<'_, '_, B>) {
        while let Some(entry) = batch.gap() {
            self.publish_gap(entry);
            batch.confirm_loss();
        }
        self.publish_updates(batch);
    }

    pub(crate) fn publish_gap(&self, entry: GapEntry<U::Topic>) {
        self.with(|ring| ring.push(Event::Gap(entry)));
        self.wake();
    }

    pub(crate) fn publish_updates<B: StatusBus<Message = U>>(&self, batch: &Outgoing<'_, '_, B>) {
        let polled_at = batch.polled_at().as_micros();
        for handed in batch.updates() {
            let event = Event::Update(Received {
                seq: handed.seq,
                priority: handed.priority,
                update: *handed.update,
                sent_at_micros: polled_at.saturating_sub(handed.waited_micros()),
            });
            self.with(|ring| ring.push(event));
        }
        self.wake();
    }

    pub(crate) fn close(&self) {
        self.with(|ring| ring.is_closed = true);
        self.wake();
    }

    fn wake(&self) {
        while let Some(waker) = self.with(Ring::take_waker).flatten() {
            waker.wake();
        }
    }

    /// Runs `f` under the lock. `None`: the caller is under the lock already.
    fn with<A>(&self, f: impl FnOnce(&mut Ring<U, RING, READERS>) -> A) -> Option<A> {
        self.lock.lock(|ring| ring.try_borrow_mut().ok().map(|mut ring| f(&mut ring)))
    }
}

impl<M: RawMutex, U: AnyMessage, const RING: usize, const READERS: usize> ReadHub
    for Hub<M, U, RING, READERS>
{
    type Message = U;

    fn register(&self) -> Option<(usize, u64)> {
        self.with(Ring::register).flatten()
    }

    fn unregister(&self, number: usize) {
        let waker = self.with(|ring| ring.unregister(number));
        drop(waker); // outside of the lock
    }

    fn count_from(&self, position: u64) -> u64 {
        self.with(|ring| ring.count.saturating_sub(position)).unwrap_or_default()
    }

    fn get(
        &self,
        position: u64,
        selector: &Selector<'_>,
        number: usize,
        cx: &Context<'_>,
    ) -> Slot<U> {
        // wakers are cloned and dropped outside of the lock, whatever they do
        let mut waker = Some(cx.waker().clone());
        let slot = self.with(|ring| ring.get(position, selector, number, &mut waker));
        slot.unwrap_or(Slot::Pending)
    }
}

impl<M: RawMutex, U: AnyMessage, const RING: usize, const READERS: usize> Default
    for Hub<M, U, RING, READERS>
{
    fn default() -> Self {
        Self::new()
    }
}
