//! The rules, and a ring of slots.

use crate::ledger::{Ledger, RefuseReason};
use crate::slots::{Ends, Slot};
use crate::time::{Instant, Ticks, must_move_base};
use crate::{Config, Depth, Rules, Telemetry, Update};

mod poll;
mod push;
mod settings;
mod settle;
#[cfg(test)]
mod tests;

/// A status bus: a bounded queue of updates that leave in batches, in order, with every loss counted.
///
/// It has no clock, no thread and no timer. The caller passes the time with each call,
/// [polls](Self::poll) for the next batch, and learns when to [poll again](Self::poll_at). Its memory is
/// fixed at construction: the slots `S` are an array or a boxed slice of [`Slot`]s.
///
/// `T` is the [`Telemetry`] listener, `CATEGORIES` the largest number of categories, and `GAPS` the number
/// of topics whose losses are counted separately. On microcontrollers a new bus is all zeros, so that a bus
/// in a `static` costs no flash.
///
/// ```
/// use statusbus_core::{
///     Accepted, Batch, Bus, Category, Instant, Polled, SendOptions, Slot, Unkeyed, Update,
/// };
///
/// struct Message(&'static str);
///
/// impl Update for Message {
///     type Topic = ();
///     type Keys = Unkeyed;
///     const EMPTY: Self = Message("");
///     fn topic(&self) {}
/// }
///
/// let mut bus: Bus<Message, [Slot<Message>; 32]> = Bus::new();
/// let mut batch: Batch<Message, [_; 16]> = Batch::new();
/// let now = Instant::from_millis(1_000);
///
/// let outcome = bus.push(&mut Message("hello"), SendOptions::new(Category::INFO), || now);
/// assert!(outcome.is_queued());
/// assert_eq!(bus.poll_at(), Some(now)); // the first after idling is due at once
/// assert_eq!(bus.poll(&mut batch, now), Polled::Batch);
/// assert_eq!(batch.iter().map(|one| one.update.0).collect::<Vec<_>>(), ["hello"]);
/// bus.settle(&mut batch, Accepted::All, now);
/// assert_eq!(bus.poll_at(), None); // idle: no timer
/// assert_eq!(bus.ledger().delivered, 1);
/// ```
// The fields that are used most come first: small cores reach them with short instructions.
#[repr(C)]
pub struct Bus<U: Update, S, T = (), const CATEGORIES: usize = 7, const GAPS: usize = 4> {
    rules: Rules<U::Topic, T, CATEGORIES, GAPS>,
    /// The lists of each priority.
    ranks: [Ends; 3],
    slots: S,
}

impl<U: Update, T, const N: usize, const CATEGORIES: usize, const GAPS: usize>
    Bus<U, [Slot<U>; N], T, CATEGORIES, GAPS>
{
    /// A bus with `N` slots, 1 to 65,534, in place, and a telemetry.
    #[must_use]
    pub const fn with_telemetry(telemetry: T) -> Self {
        const { assert!(N > 0 && N <= Config::MOST, "a bus has 1 to 65,534 slots") };
        Self::in_slots([const { Slot::VACANT }; N], N, telemetry)
    }
}

impl<U: Update, const N: usize, const CATEGORIES: usize, const GAPS: usize>
    Bus<U, [Slot<U>; N], (), CATEGORIES, GAPS>
{
    /// A bus with `N` slots, 1 to 65,534, in place. It has the default [`Config`]; for another one call
    /// [`reconfigure`](Self::reconfigure).
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
    const fn in_slots(slots: S, capacity: usize, telemetry: T) -> Self {
        Self { rules: Rules::within(capacity, telemetry), ranks: [Ends::NONE; 3], slots }
    }

    /// Whether the poller must be woken: [`poll_at`](Self::poll_at) is earlier than its last poll returned.
    /// Returns `true` once, so that at most one wake-up is outstanding; a poll clears it. Call it after every
    /// call that the poller does not make itself.
    #[must_use = "the answer is given once"]
    #[inline(always)]
    pub const fn take_wake(&mut self) -> bool {
        self.rules.take_wake()
    }

    /// Whether the bus refuses new updates.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.rules.is_closed()
    }

    /// Whether the bus is closed, and everything was polled and settled, gaps included. A sink that
    /// accepts nothing does not prevent it: a gap that was not accepted is reported once more, and then
    /// given up.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.rules.is_drained()
    }

    /// The last position assigned; zero before the first.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.rules.seq()
    }

    /// Whether updates are being lost to a full queue: see [`OverflowEvent`](crate::OverflowEvent).
    #[must_use]
    pub const fn is_overflowing(&self) -> bool {
        self.rules.is_overflowing()
    }

    /// The telemetry.
    pub const fn telemetry(&mut self) -> &mut T {
        self.rules.telemetry()
    }

    /// The counters.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.rules.ledger()
    }

    /// The counters of the ledger in the order of the indexes in [`Outcome::from_code`](crate::Outcome::from_code),
    /// the last one delivered: for hosts that pass them on as numbers.
    pub fn counters(&self) -> impl ExactSizeIterator<Item = u64> {
        self.rules.counters()
    }
}

impl<U, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS>
where
    U: Update,
    S: AsRef<[Slot<U>]> + AsMut<[Slot<U>]>,
    T: Telemetry,
{
    /// A bus in slots that the caller brings, a boxed slice for instance: nothing is built on the stack.
    /// Slots behind the first 65,534 are not used.
    #[must_use]
    pub fn with_slots(slots: S, config: Config, telemetry: T) -> Self {
        let capacity = slots.as_ref().len();
        let mut bus = Self::in_slots(slots, capacity, telemetry);
        bus.rules.configure(config, capacity);
        bus
    }

    /// The largest queue limit of this bus: the number of its slots.
    #[must_use]
    #[inline(always)]
    pub fn capacity(&self) -> usize {
        self.slots.as_ref().len().min(Config::MOST)
    }

    /// The depth of the queue, and its peak since the last call.
    pub fn depth(&mut self) -> Depth {
        self.rules.depth()
    }

    #[inline(always)]
    fn slots(&self) -> &[Slot<U>] {
        let slots = self.slots.as_ref();
        slots.get(..Config::MOST).unwrap_or(slots)
    }

    /// Takes a reading of the clock; returns the time since the base.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn advance(&mut self, reading: Instant) -> Ticks {
        let now = self.rules.read(reading);
        if must_move_base(now) {
            self.move_base(now);
        }
        self.rules.now()
    }

    /// Moves the base forward. Linear in the slots: at most once in 17 minutes on microcontrollers, never
    /// elsewhere.
    #[cold]
    #[inline(never)]
    fn move_base(&mut self, now: u64) {
        let shift = self.rules.move_base(now);
        // The free ones too: their content is never read.
        for slot in slots_mut(&mut self.slots) {
            if U::EXPIRES {
                slot.ttl = slot.ttl.moved(slot.arrival, shift.0);
            }
            slot.arrival = shift.of(slot.arrival);
        }
    }

    /// Counts an update that the host refused before it could be pushed.
    pub fn refuse(&mut self, reason: RefuseReason) {
        self.rules.refuse(reason);
    }
}

#[inline(always)]
fn slots_mut<U: Update, S: AsMut<[Slot<U>]>>(slots: &mut S) -> &mut [Slot<U>] {
    let slots = slots.as_mut();
    let used = slots.len().min(Config::MOST);
    slots.get_mut(..used).unwrap_or_default()
}

impl<U: Update, S, T, const CATEGORIES: usize, const GAPS: usize> core::fmt::Debug
    for Bus<U, S, T, CATEGORIES, GAPS>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Bus")
            .field("closed", &self.is_closed())
            .field("ledger", &self.ledger())
            .finish_non_exhaustive()
    }
}
