//! The state machine.

use core::time::Duration;

use crate::gap::Gap;
use crate::ledger::{Ledger, RefuseReason, Refused};
use crate::outcome::{COALESCED, COUNTERS, DELIVERED, EXPIRED, dropped, loss, refusal};
use crate::slots::{Ends, Slot};
use crate::time::{Clock, Instant, KEPT, Long, Ticks, in_micros, must_move_base};
use crate::{Category, Config, Depth, Telemetry, Update};

mod poll;
mod push;
mod settings;
mod settle;
#[cfg(test)]
mod tests;

pub use poll::Polled;
pub use settle::{Accepted, FlushMark};

use settings::{ByCategory, Settings};

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
    /// The ring: see `slots`.
    head: u16,
    free: u16,
    len: u16,
    flags: u16,
    /// Batches in flight.
    open: u16,
    /// The longest queue since the last [`depth`](Self::depth), sampled before each drain.
    peak: u16,
    settings: Settings,
    clock: Clock,
    /// When the oldest queued update is due, if any is queued.
    deadline: Ticks,
    /// When the gap is due; valid with [`GAP_WAITS`].
    gap_deadline: Ticks,
    /// When the last batch was begun; valid with [`HAS_BEGUN`].
    began: Ticks,
    /// Arrival time of the front update, recorded when it reached the front: a merge there leaves it.
    front_since: Ticks,
    /// The lists of each priority.
    ranks: [Ends; 3],
    /// Updates that have left the front, and the value at which the requested flush is complete. Both wrap.
    passed: u32,
    flush_to: u32,
    in_flight: u32,
    /// Updates lost since overflow began; zero again once its end is reported.
    overflowed: u32,
    /// When overflow was reported last.
    overflow_at: Ticks,
    /// The last position assigned.
    seq: Long,
    counts: [Long; COUNTERS],
    by_category: [ByCategory; CATEGORIES],
    /// The current gap, which counts losses, and the gap in front of a batch in flight; swapped with
    /// [`OTHER_GAP`].
    gaps: [Gap<U::Topic, GAPS>; 2],
    telemetry: T,
    slots: S,
}

// Flags.
const IS_CLOSED: u16 = 1;
/// The last poll returned `Wait`, and no wake-up was requested since.
const ASLEEP: u16 = 1 << 1;
const WAKE: u16 = 1 << 2;
/// The gap has a deadline of its own.
const GAP_WAITS: u16 = 1 << 3;
/// The current gap has losses.
const MISSING: u16 = 1 << 4;
/// The current gap is to be reported: it has new losses, or is the retry of a closed bus.
const UNREPORTED: u16 = 1 << 5;
/// The current gap was retried after the bus was closed: there is one retry.
const TRIED_AGAIN: u16 = 1 << 6;
/// A flush was requested while something was unreported.
const GAP_FLUSH: u16 = 1 << 7;
/// The current gap is the second of the two.
const OTHER_GAP: u16 = 1 << 8;
/// A batch was begun.
const HAS_BEGUN: u16 = 1 << 9;
/// A batch in flight has a gap that is not confirmed.
const GAP_ON_ITS_WAY: u16 = 1 << 10;
/// Overflow has ended, and telemetry has no report of that yet.
const OVERFLOW_OVER: u16 = 1 << 11;

/// Least time between two overflow reports: a second.
const OVERFLOW_EVERY: Ticks = 1_000_000;

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
        const { assert!(CATEGORIES > 0 && CATEGORIES <= Category::MAX, "1 to 32 categories") };
        Self {
            head: 0,
            free: 0,
            len: 0,
            flags: 0,
            open: 0,
            peak: 0,
            settings: Settings::new(capacity, CATEGORIES),
            clock: Clock::START,
            deadline: 0,
            gap_deadline: 0,
            began: 0,
            front_since: 0,
            ranks: [Ends::NONE; 3],
            passed: 0,
            flush_to: 0,
            in_flight: 0,
            overflowed: 0,
            overflow_at: 0,
            seq: Long::ZERO,
            counts: [Long::ZERO; COUNTERS],
            by_category: const { ByCategory::defaults() },
            gaps: [Gap::EMPTY, Gap::EMPTY],
            telemetry,
            slots,
        }
    }

    /// Whether the poller must be woken: [`poll_at`](Self::poll_at) is earlier than its last poll returned.
    /// Returns `true` once, so that at most one wake-up is outstanding; a poll clears it. Call it after every
    /// call that the poller does not make itself.
    #[must_use = "the answer is given once"]
    #[inline(always)]
    pub const fn take_wake(&mut self) -> bool {
        let wake = self.flags & WAKE != 0;
        if wake {
            self.flags &= !WAKE;
        }
        wake
    }

    /// Whether the bus refuses new updates.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.flags & IS_CLOSED != 0
    }

    /// Whether the bus is closed, and everything was polled and settled, gaps included. A sink that
    /// accepts nothing does not prevent it: a gap that was not accepted is reported once more, and then
    /// given up.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.flags & (IS_CLOSED | UNREPORTED) == IS_CLOSED && self.len == 0 && self.open == 0
    }

    /// The last position assigned; zero before the first.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq.get()
    }

    /// Whether updates are being lost to a full queue: see [`OverflowEvent`](crate::OverflowEvent).
    #[must_use]
    pub const fn is_overflowing(&self) -> bool {
        self.overflowed > 0 && self.flags & OVERFLOW_OVER == 0
    }

    /// The telemetry.
    pub const fn telemetry(&mut self) -> &mut T {
        &mut self.telemetry
    }

    /// The counters.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let count = |index: u8| self.counts.get(usize::from(index)).map_or(0, |count| count.get());
        let refused = |reason| count(refusal(reason));
        let (queued, in_flight) = (u64::from(self.len), u64::from(self.in_flight));
        // Counting an attempt apart would cost every send an addition of 64 bits. What became of the
        // attempts is counted, each in one place.
        let settled: u64 = self.counts.iter().map(|count| count.get()).sum();
        Ledger {
            sent: settled + queued + in_flight,
            delivered: count(DELIVERED),
            coalesced: count(COALESCED),
            expired: count(EXPIRED),
            dropped: dropped(count),
            refused: Refused {
                full: refused(RefuseReason::Full),
                closed: refused(RefuseReason::Closed),
                invalid: refused(RefuseReason::Invalid),
                unknown_category: refused(RefuseReason::UnknownCategory),
                too_large: refused(RefuseReason::TooLarge),
                unauthorized: refused(RefuseReason::Unauthorized),
            },
            queued,
            in_flight,
        }
    }

    /// The counters of the ledger in the order of the indexes in [`Outcome::from_code`](crate::Outcome::from_code),
    /// the last one delivered: for hosts that pass them on as numbers.
    pub fn counters(&self) -> impl ExactSizeIterator<Item = u64> {
        self.counts.iter().map(|count| count.get())
    }

    #[inline(never)]
    const fn request_wake(&mut self) {
        if self.flags & ASLEEP != 0 {
            self.flags ^= ASLEEP | WAKE;
        }
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
        bus.apply(config);
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
        let oldest = if self.len > 0 { self.clock.now - self.front_since } else { 0 };
        let peak = core::mem::replace(&mut self.peak, self.len).max(self.len);
        Depth {
            queued: self.len.into(),
            peak: peak.into(),
            oldest: Duration::from_micros(in_micros(oldest)),
        }
    }

    #[inline(always)]
    fn slots(&self) -> &[Slot<U>] {
        let slots = self.slots.as_ref();
        slots.get(..Config::MOST).unwrap_or(slots)
    }

    /// Takes a reading of the clock; returns the time since the base.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn advance(&mut self, reading: Instant) -> Ticks {
        let now = self.clock.advance(reading);
        if must_move_base(now) {
            self.move_base(now);
        }
        self.clock.now
    }

    /// Moves the base forward to [`KEPT`] before now. Linear in the slots: at most once in 17 minutes on
    /// microcontrollers, never elsewhere.
    #[cold]
    #[inline(never)]
    fn move_base(&mut self, now: u64) {
        self.clock.now = KEPT;
        let base = now - in_micros(KEPT);
        let all = Ticks::try_from(base).unwrap_or(Ticks::MAX);
        self.deadline = self.deadline.saturating_sub(all);
        self.gap_deadline = self.gap_deadline.saturating_sub(all);
        if self.began <= all {
            // Longer ago than any flush interval: the bus counts as idle.
            self.flags &= !HAS_BEGUN;
        }
        self.began = self.began.saturating_sub(all);
        self.front_since = self.front_since.saturating_sub(all);
        if T::ENABLED {
            self.overflow_at = self.overflow_at.saturating_sub(all);
        }
        // The free ones too: their content is never read.
        for slot in slots_mut(&mut self.slots) {
            if U::EXPIRES {
                slot.ttl = slot.ttl.moved(slot.arrival, base);
            }
            slot.arrival = slot.arrival.saturating_sub(all);
        }
    }

    // Every outcome is counted by one of the following, and in no other place.

    #[inline(always)]
    fn count(&mut self, index: u8, updates: u32) {
        if let Some(count) = self.counts.get_mut(usize::from(index)) {
            count.add(updates);
        }
    }

    /// A queued update was replaced by a newer one.
    #[inline(always)]
    fn count_coalesced(&mut self) {
        self.count(COALESCED, 1);
        self.telemetry.coalesced();
    }

    /// An update is not taken in.
    #[inline(always)]
    fn count_refused(&mut self, reason: RefuseReason) -> u8 {
        let index = refusal(reason);
        self.count(index, 1);
        self.telemetry.refused(reason);
        index
    }

    /// An update is dropped or has expired. Its topic is not known if the caller has taken it.
    #[inline(never)]
    fn count_lost(&mut self, topic: Option<&U::Topic>, index: u8) -> u8 {
        self.count(index, 1);
        self.gap_mut().count(topic, index);
        self.flags |= MISSING | UNREPORTED;
        self.flags &= !TRIED_AGAIN;
        if T::ENABLED {
            self.telemetry.lost(loss(index));
        }
        index
    }

    /// Counts an update that the host refused before it could be pushed.
    pub fn refuse(&mut self, reason: RefuseReason) {
        self.count_refused(reason);
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
