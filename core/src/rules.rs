//! The rules of a bus, without the memory of its queue: everything that decides is here, once.
//!
//! [`Bus`](crate::Bus) and other queues store the updates, find the one with the same key or the one that may have to
//! leave, and report what has joined and what has left. On microcontrollers a queue limit depends on the number of
//! slots, which the rules do not store: methods whose name ends in `_within` have the capacity as an argument.

use core::time::Duration;

use crate::gap::Gap;
use crate::ledger::{Ledger, RefuseReason, Refused};
use crate::outcome::{COALESCED, COUNTERS, DELIVERED, EXPIRED, dropped, loss, refusal};
use crate::time::{Clock, Instant, KEPT, Long, Ticks, in_micros, must_move_base};
use crate::{Category, Config, Depth, Telemetry};

mod poll;
mod send;
mod settings;
mod settle;
mod terms;

pub use poll::{Part, Polled};
pub(crate) use send::OnFull;
pub use send::{Candidate, Merge, Overflowed};
pub use settle::{Accepted, FlushMark};
pub use terms::{Arrival, Shift, Terms};

pub(crate) use poll::longest_wait;
pub(crate) use settings::why_shrunk;
use settings::{ByCategory, Settings};

/// The rules of a bus, for hosts that keep the queue in memory of their own. [`Bus`](crate::Bus) is the rules and a
/// ring of slots.
///
/// It has the settings, the clock, the deadlines, the counters, the positions and the gaps. It knows how many updates
/// are queued, but none of them: the queue stores each update with its [`Terms`], and calls
///
/// - for each send [`admit`](Self::admit); with a key [`merge`](Self::merge); if the queue [is
///   full](Self::is_full) [`overflow`](Self::overflow) and [`displace`](Self::displace); then
///   [`joined`](Self::joined) or [`exchanged`](Self::exchanged);
/// - for many [plain](Self::plain_categories) updates [`free`](Self::free) and [`join`](Self::join) instead, which
///   cost nothing for each;
/// - for each poll [`advance`](Self::advance), [`poll`](Self::poll), [`left`](Self::left) and
///   [`expired`](Self::expired) as updates leave the front, and [`finish`](Self::finish);
/// - for each batch [`settle_receipt`](Self::settle_receipt).
///
/// The order of the updates is the queue's: they leave from the front, join the end, and merge in place. The rules
/// take every update as one that can have a priority and a TTL. `Topic`, `T`, `CATEGORIES` and `GAPS` are as in
/// [`Bus`](crate::Bus).
///
/// ```
/// use std::collections::VecDeque;
/// use std::ops::ControlFlow;
/// use statusbus_core::{
///     Accepted, BatchHead, Category, Config, Instant, Outcome, Overflow, Overflowed, Polled,
///     Rules, SendOptions, Terms,
/// };
///
/// /// Updates without keys, each a topic and a text.
/// struct Queue {
///     rules: Rules<u32>,
///     updates: VecDeque<(Terms, u32, &'static str)>,
/// }
///
/// impl Queue {
///     fn advance(&mut self, now: Instant) {
///         if let Some(by) = self.rules.advance(now) {
///             self.updates.iter_mut().for_each(|(terms, ..)| terms.shift(by));
///         }
///     }
///
///     fn push(&mut self, topic: u32, text: &'static str, now: Instant) -> Outcome {
///         let options = SendOptions::new(Category::INFO);
///         let updates = &mut self.updates;
///         let admitted = self.rules.admit(&options, |rules| {
///             if let Some(by) = rules.advance(now) {
///                 updates.iter_mut().for_each(|(terms, ..)| terms.shift(by));
///             }
///         });
///         let terms = match admitted {
///             Ok(terms) => terms,
///             Err(refused) => return refused,
///         };
///         if !self.rules.is_full() {
///             self.updates.push_back((terms, topic, text));
///             self.rules.joined(&terms);
///             return Outcome::Queued;
///         }
///         let candidate = match self.rules.overflow(&terms, &topic) {
///             Overflowed::Out(outcome) => return outcome,
///             Overflowed::For(candidate) => candidate,
///         };
///         // The policy of this queue is to drop the oldest.
///         let oldest = self.updates.front().map(|(terms, topic, _)| (terms, topic));
///         let outcome = self.rules.displace(candidate, (&terms, &topic), oldest);
///         if outcome.is_queued() {
///             self.updates.pop_front();
///             self.updates.push_back((terms, topic, text));
///             self.rules.exchanged(&terms, self.updates.front().map(|(terms, ..)| terms.arrival()));
///         }
///         outcome
///     }
///
///     fn poll(&mut self, head: &mut BatchHead, texts: &mut Vec<&'static str>, now: Instant) -> Polled {
///         self.advance(now);
///         let part = match self.rules.poll(head, 16) {
///             ControlFlow::Continue(part) => part,
///             ControlFlow::Break(polled) => return polled,
///         };
///         while part.room(head) > 0
///             && let Some((terms, topic, text)) = self.updates.pop_front()
///         {
///             let front = self.updates.front().map(|(terms, ..)| terms.arrival());
///             if self.rules.is_expired(&terms) {
///                 self.rules.expired(head, &topic, front);
///             } else {
///                 self.rules.left(head, 1, terms.arrival(), front);
///                 texts.push(text);
///             }
///         }
///         self.rules.finish(head, part)
///     }
/// }
///
/// let config = Config::new().with_overflow(Overflow::DropOldest);
/// let mut queue = Queue { rules: Rules::new(2, config, 7, ()), updates: VecDeque::new() };
/// let now = Instant::from_millis(1_000);
/// for text in ["one", "two", "three"] {
///     queue.push(7, text, now);
/// }
/// let (mut head, mut texts) = (BatchHead::new(), Vec::new());
/// assert_eq!(queue.poll(&mut head, &mut texts, now), Polled::Batch);
/// assert_eq!(texts, ["two", "three"]);
/// let gap = head.gap_seq().and_then(|seq| queue.rules.gap(seq)).expect("one is missing");
/// assert_eq!((gap.seq(), gap.missing(), head.first_seq()), (1, 1, 2));
/// queue.rules.settle_receipt(head.take_receipt(), Accepted::All);
/// assert_eq!((queue.rules.ledger().delivered, queue.rules.poll_at()), (2, None));
/// ```
#[repr(C)]
pub struct Rules<Topic, T = (), const CATEGORIES: usize = 7, const GAPS: usize = 4> {
    // The fields that are used most come first: small cores reach them with short instructions.
    /// The ring of slots of a [`Bus`](crate::Bus), for the same reason: see `slots`. The rules never touch it.
    pub(crate) head: u16,
    pub(crate) free: u16,
    pub(crate) len: u16,
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
    pub(crate) began: Ticks,
    /// Arrival time of the front update, recorded when it reached the front: a merge there leaves it.
    pub(crate) front_since: Ticks,
    /// Updates that have left the front, and the value at which the requested flush is complete. Both wrap.
    pub(crate) passed: u32,
    pub(crate) flush_to: u32,
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
    gaps: [Gap<Topic, GAPS>; 2],
    telemetry: T,
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

/// The capacity with which queues other than that of [`Bus`](crate::Bus) store their settings: see
/// [`Settings`].
const ANY: usize = Config::MOST;

impl<Topic, T, const CATEGORIES: usize, const GAPS: usize> Rules<Topic, T, CATEGORIES, GAPS> {
    /// The rules with the default settings, for a queue of that capacity.
    pub(crate) const fn within(capacity: usize, telemetry: T) -> Self {
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
        }
    }

    /// How many updates are queued.
    #[must_use]
    #[inline(always)]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether no update is queued.
    #[must_use]
    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// See [`Bus::take_wake`](crate::Bus::take_wake).
    #[must_use = "the answer is given once"]
    #[inline(always)]
    pub const fn take_wake(&mut self) -> bool {
        let wake = self.flags & WAKE != 0;
        if wake {
            self.flags &= !WAKE;
        }
        wake
    }

    /// Whether new updates are refused.
    #[must_use]
    #[inline(always)]
    pub const fn is_closed(&self) -> bool {
        self.flags & IS_CLOSED != 0
    }

    /// See [`Bus::is_drained`](crate::Bus::is_drained).
    #[must_use]
    #[inline]
    pub const fn is_drained(&self) -> bool {
        self.flags & (IS_CLOSED | UNREPORTED) == IS_CLOSED && self.len == 0 && self.open == 0
    }

    /// The last position assigned; zero before the first.
    #[must_use]
    #[inline]
    pub const fn seq(&self) -> u64 {
        self.seq.get()
    }

    /// Whether updates are being lost to a full queue: see [`OverflowEvent`](crate::OverflowEvent).
    #[must_use]
    #[inline]
    pub const fn is_overflowing(&self) -> bool {
        self.overflowed > 0 && self.flags & OVERFLOW_OVER == 0
    }

    /// The telemetry.
    #[inline]
    pub const fn telemetry(&mut self) -> &mut T {
        &mut self.telemetry
    }

    /// The counters.
    #[must_use]
    #[inline]
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

    /// See [`Bus::counters`](crate::Bus::counters).
    #[inline]
    pub fn counters(&self) -> impl ExactSizeIterator<Item = u64> {
        self.counts.iter().map(|count| count.get())
    }

    /// The depth of the queue, and its peak since the last call.
    #[inline]
    pub fn depth(&mut self) -> Depth {
        let oldest = if self.len > 0 { self.clock.now - self.front_since } else { 0 };
        let peak = core::mem::replace(&mut self.peak, self.len).max(self.len);
        Depth {
            queued: self.len.into(),
            peak: peak.into(),
            oldest: Duration::from_micros(in_micros(oldest)),
        }
    }

    #[inline(never)]
    const fn request_wake(&mut self) {
        if self.flags & ASLEEP != 0 {
            self.flags ^= ASLEEP | WAKE;
        }
    }
}

impl<Topic, T, const CATEGORIES: usize, const GAPS: usize> Rules<Topic, T, CATEGORIES, GAPS>
where
    Topic: Clone + PartialEq,
    T: Telemetry,
{
    /// The rules of an empty queue with memory for `capacity` updates, at most 65,534; a larger queue limit becomes
    /// that number. For `categories` see [`set_categories`](Self::set_categories).
    #[must_use]
    pub fn new(capacity: usize, config: Config, categories: usize, telemetry: T) -> Self {
        let mut rules = Self::within(ANY, telemetry);
        rules.apply(config, settings::limit(config, capacity), ANY);
        rules.set_categories(categories);
        rules
    }

    /// Takes a reading of the clock, which the calls that follow go by. [`admit`](Self::admit) asks for it if
    /// necessary; call it by yourself before each [poll](Self::poll), [settling](Self::settle_receipt),
    /// [flush](Self::flush), [closing](Self::close) and [change of the configuration](Self::reconfigure).
    ///
    /// If it returns a [`Shift`], apply that to the terms of every queued update. 64-bit hosts never get one.
    #[must_use = "the queued updates have to be shifted"]
    #[inline]
    pub fn advance(&mut self, now: Instant) -> Option<Shift> {
        let now = self.read(now);
        must_move_base(now).then(|| self.move_base(now))
    }

    /// Takes a reading of the clock; returns the time since the base. The caller moves the base if it
    /// [must](must_move_base).
    #[inline(always)]
    pub(crate) fn read(&mut self, now: Instant) -> u64 {
        self.clock.advance(now)
    }

    /// The last reading of the clock, as time since the base.
    #[inline(always)]
    pub(crate) const fn now(&self) -> Ticks {
        self.clock.now
    }

    /// Moves the base forward to [`KEPT`] before now.
    #[inline(always)]
    pub(crate) fn move_base(&mut self, now: u64) -> Shift {
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
        Shift(base)
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
    pub(crate) fn count_lost(&mut self, topic: Option<&Topic>, index: u8) -> u8 {
        self.count(index, 1);
        self.gap_mut().count(topic, index);
        self.flags |= MISSING | UNREPORTED;
        self.flags &= !TRIED_AGAIN;
        if T::ENABLED {
            self.telemetry.lost(loss(index));
        }
        index
    }

    /// Counts an update that the host refused before it could be admitted.
    pub fn refuse(&mut self, reason: RefuseReason) {
        self.count_refused(reason);
    }
}

impl<Topic, T, const CATEGORIES: usize, const GAPS: usize> core::fmt::Debug
    for Rules<Topic, T, CATEGORIES, GAPS>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Rules")
            .field("closed", &self.is_closed())
            .field("ledger", &self.ledger())
            .finish_non_exhaustive()
    }
}
