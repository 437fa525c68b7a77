//! The state machine.

use core::time::Duration;

use crate::books::Books;
use crate::gap::Loss;
use crate::ledger::{DropReason, Ledger, RefuseReason};
use crate::queue::Queue;
use crate::slots::Slot;
use crate::time::Clock;
use crate::{Category, Config, Depth, Telemetry, Update};

mod intake;
mod output;
mod settings;
mod times;

use settings::Settings;
use times::Times;

/// A status bus: a bounded queue of updates that leave in batches, in order, with every loss
/// counted.
///
/// It has no clock, no thread and no timer: it is told the time with each call, hands on what is
/// due when it is [polled](Self::poll), and says [when it next wants to be](Self::poll_at). It
/// stands in memory that is fixed at construction: slots `S` are an array or a boxed slice of
/// [`Slot`]s.
///
/// `T` hears what happens ([`Telemetry`]), `CATEGORIES` is how many categories it can have and
/// `GAPS` for how many topics it counts losses apart. A new bus is all zeros, so that one in a
/// `static` costs no flash, whatever it holds.
///
/// ```
/// use statusbus_core::{Batch, Bus, Category, Config, Instant, Slot, Unkeyed, Update};
///
/// struct Said(&'static str);
///
/// impl Update for Said {
///     type Topic = ();
///     type Keys = Unkeyed;
///     fn topic(&self) {}
///     fn category(&self) -> Category { Category::INFO }
/// }
///
/// let mut bus: Bus<Said, [Slot<Said>; 32]> = Bus::new();
/// let mut batch: Batch<Said, [_; 16]> = Batch::new();
/// let now = Instant::from_millis(1_000);
///
/// let _ = bus.push(Said("hello"), now);
/// assert_eq!(bus.poll_at(), Some(now)); // the first after idling is due at once
/// assert!(bus.poll(&mut batch, now));
/// assert_eq!(batch.iter().map(|handed| handed.update.0).collect::<Vec<_>>(), ["hello"]);
/// bus.delivered(&mut batch, now);
/// assert_eq!(bus.poll_at(), None); // idle: no timer
/// assert_eq!(bus.ledger().delivered, 1);
/// ```
pub struct Bus<U: Update, S, T = (), const CATEGORIES: usize = 7, const GAPS: usize = 4> {
    queue: Queue,
    clock: Clock,
    books: Books<U::Topic, T, GAPS>,
    settings: Settings<CATEGORIES>,
    times: Times,
    /// A flush has asked for the gap.
    gap_flush: bool,
    /// The last position that was given.
    seq: u64,
    /// Places that have left the front of the queue.
    passed: u64,
    /// A flush was asked for up to this place.
    flush_to: u64,
    closed: bool,
    /// Batches that are in flight.
    unsettled: u32,
    /// Whoever polls was told that nothing is due, and is not woken yet.
    asleep: bool,
    wake: bool,
    slots: S,
}

/// What `push` did. Every update that is not queued, or had to leave for the new one, is handed
/// back here.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "it may hand an update back; `let _ =` says that its end does not matter"]
pub enum Pushed<U> {
    /// It waits in the queue.
    Queued,
    /// It waits in the queue and replaced this one, which had the same topic and key.
    Merged(U),
    /// It waits in the queue, and this one had to leave for it.
    Displaced(U, Loss),
    /// It found the queue full, and its time-to-live is over already: it takes nobody's place.
    Expired(U),
    /// It was dropped.
    Dropped(U, DropReason),
    /// It was refused.
    Refused(U, RefuseReason),
}

/// What [`Bus::offer`] did. The update that came back, if one did, lies where the new one was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// It waits in the queue.
    Queued,
    /// It waits in the queue and replaced the one that came back, which had the same topic and key.
    Merged,
    /// It waits in the queue, and the one that came back had to leave for it.
    Displaced(Loss),
    /// It found the queue full, and its time-to-live is over already: it takes nobody's place, and
    /// came back.
    Expired,
    /// It was dropped and came back.
    Dropped(DropReason),
    /// It was refused and came back.
    Refused(RefuseReason),
}

impl Outcome {
    /// What adapters tell those who send.
    ///
    /// # Errors
    /// It was refused, for this reason.
    pub const fn sent(self) -> Result<Sent, RefuseReason> {
        match self {
            Self::Queued => Ok(Sent::Queued),
            Self::Merged => Ok(Sent::Merged),
            Self::Displaced(loss) => Ok(Sent::Displaced(loss)),
            Self::Expired => Ok(Sent::Expired),
            Self::Dropped(reason) => Ok(Sent::Dropped(reason)),
            Self::Refused(reason) => Err(reason),
        }
    }
}

/// What became of an update that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Sent {
    /// It waits in the queue.
    Queued,
    /// It waits in the queue and replaced an older one with the same topic and key.
    Merged,
    /// It waits in the queue, which was full: another one had to leave for it.
    Displaced(Loss),
    /// The queue was full, and its time-to-live was over already: it took nobody's place.
    Expired,
    /// The queue was full, and it was dropped.
    Dropped(DropReason),
}

/// What [`Bus::poll_part`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Part {
    /// Nothing is due.
    Nothing,
    /// There is more to come into this batch: call it again.
    More,
    /// The batch is whole.
    Whole,
}

/// How far a flush reaches; see [`Bus::flush`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FlushMark(u64);

impl<U: Update, T, const N: usize, const CATEGORIES: usize, const GAPS: usize>
    Bus<U, [Slot<U>; N], T, CATEGORIES, GAPS>
{
    /// A bus with `N` slots, 1 to 65,534, in place, that tells `telemetry` what happens.
    #[must_use]
    pub const fn with_telemetry(telemetry: T) -> Self {
        const { assert!(N > 0 && N <= Config::MOST, "a bus has 1 to 65,534 slots") };
        Self::in_slots([const { Slot::VACANT }; N], telemetry)
    }
}

impl<U: Update, const N: usize, const CATEGORIES: usize, const GAPS: usize>
    Bus<U, [Slot<U>; N], (), CATEGORIES, GAPS>
{
    /// A bus with `N` slots, 1 to 65,534, in place and all zeros. It has the default
    /// [`Config`]; for another one call [`reconfigure`](Self::reconfigure).
    #[must_use]
    pub const fn new() -> Self {
        Self::with_telemetry(())
    }
}

impl<U: Update, const N: usize, const CATEGORIES: usize, const GAPS: usize> Default
    for Bus<U, [Slot<U>; N], (), CATEGORIES, GAPS>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<U: Update, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS> {
    const fn in_slots(slots: S, telemetry: T) -> Self {
        const { assert!(CATEGORIES > 0 && CATEGORIES <= Category::MAX, "1 to 32 categories") };
        Self {
            queue: Queue::new(),
            clock: Clock::new(),
            books: Books::new(telemetry),
            settings: Settings::UNPREPARED,
            times: Times::NONE,
            gap_flush: false,
            seq: 0,
            passed: 0,
            flush_to: 0,
            closed: false,
            unsettled: 0,
            asleep: false,
            wake: false,
            slots,
        }
    }

    /// Whether whoever polls has to be woken: [`poll_at`](Self::poll_at) has moved forward since
    /// it was told that nothing is due. True once: at most one wake-up is outstanding; and not any
    /// more once it has polled.
    ///
    /// Ask after every call that is not made by the one who polls.
    #[must_use = "the answer is given once"]
    pub fn take_wake(&mut self) -> bool {
        core::mem::take(&mut self.wake)
    }

    /// Whether the bus refuses new updates.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the bus is closed, and everything is handed on and settled, gaps included. With a
    /// sink that accepts nothing it comes to that too: a gap that was not accepted is told once more,
    /// and then given up.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.closed && self.queue.len() == 0 && self.unsettled == 0 && !self.books.has_untold()
    }

    /// The position that was given last; zero before the first.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The counters.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.books.ledger(self.queue.len())
    }

    /// Whether updates are being lost to a full queue: see [`OverflowEdge`](crate::OverflowEdge).
    #[must_use]
    pub const fn is_overflowing(&self) -> bool {
        self.books.is_overflowing()
    }

    /// Who hears what happens.
    pub const fn telemetry(&mut self) -> &mut T {
        &mut self.books.telemetry
    }

    #[cold]
    fn rouse(&mut self) {
        if self.asleep {
            (self.asleep, self.wake) = (false, true);
        }
    }
}

impl<U, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS>
where
    U: Update,
    S: AsRef<[Slot<U>]> + AsMut<[Slot<U>]>,
    T: Telemetry,
{
    /// A bus in slots that the caller brings, a boxed slice say: nothing is built on the stack.
    /// What is behind the first 65,534 slots is not used.
    #[must_use]
    pub fn with_slots(slots: S, config: Config, telemetry: T) -> Self {
        let mut bus = Self::in_slots(slots, telemetry);
        bus.prepare();
        bus.apply(config);
        bus
    }

    /// Most updates that this bus could ever queue: its slots.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.as_ref().len().min(Config::MOST)
    }

    /// The depth of the queue, and its peak since the last call.
    pub fn depth(&mut self) -> Depth {
        let now = self.clock.elapsed();
        let oldest = self.queue.since().map_or(0, |since| now.micros_since(since));
        Depth {
            queued: self.queue.len(),
            peak: self.queue.take_peak(),
            oldest: Duration::from_micros(oldest),
        }
    }
}

impl<U: Update, S, T, const CATEGORIES: usize, const GAPS: usize> core::fmt::Debug
    for Bus<U, S, T, CATEGORIES, GAPS>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let ledger = self.ledger();
        f.debug_struct("Bus")
            .field("closed", &self.closed)
            .field("ledger", &ledger)
            .finish_non_exhaustive()
    }
}

// What a bus may cost besides its slots, on targets of 32 bits: 160 bytes, and the ledger, the gap and
// what is set for each category.
#[cfg(target_pointer_width = "32")]
const _: () = {
    struct Text;

    impl Update for Text {
        type Topic = u32;
        type Keys = crate::Unkeyed;
        fn topic(&self) -> u32 {
            0
        }
        fn category(&self) -> Category {
            Category::INFO
        }
    }

    const APART: usize = size_of::<Ledger>()
        + size_of::<crate::Gap<u32, 4>>()
        + size_of::<[settings::ByCategory; 7]>();
    assert!(size_of::<Bus<Text, [Slot<Text>; 0]>>() <= APART + 160);
};
