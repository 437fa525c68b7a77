//! The silence monitor: which runs have been silent for longer than they promised.

use core::time::Duration;
use core::{fmt, mem};

use heapless::Vec;

use crate::Instant;

/// Watches the silence promises of at most `N` runs. A silence promise is the longest time between two
/// signs of life of a run.
///
/// A run with a promise becomes stalled, once, when its span has passed without a sign of life; the
/// next sign of life makes it running again. A run that waits for input never stalls. The monitor
/// has the contract of the [`Bus`](crate::Bus): the caller passes the time, [`poll`](Self::poll)
/// yields what is due, [`poll_at`](Self::poll_at) is the next deadline. Time is the sum of the
/// clock's forward steps: a clock that goes back or stops breaks no promise, and a jump forward
/// counts as silence.
///
/// The monitor knows no tree of runs. A sign of life in a descendant counts for its ancestors too:
/// the caller, which knows the parents, calls [`heard`](Self::heard) for each of them.
///
/// `Id` names a run: an index or a number. Memory is fixed: `N` entries, of 32 bytes each if `Id`
/// is a `u32`. [`heard`](Self::heard), [`wait`](Self::wait) and [`resume`](Self::resume) take O(log
/// n) for n promises; all other calls are a scan in O(n). `heard` is the frequent call, and a heap
/// by deadline would have to be reordered by each one; the scan runs once per wake-up of the
/// caller.
///
/// ```
/// use core::time::Duration;
/// use statusbus_core::{Instant, SilenceMonitor};
///
/// let second = |count: u64| Instant::from_millis(count * 1_000);
/// let mut monitor: SilenceMonitor<u32, 8> = SilenceMonitor::new();
/// monitor.promise(7, Duration::from_secs(30), second(0))?;
/// monitor.heard(7, second(10));
/// assert_eq!(monitor.poll_at(), Some(second(40)));
/// assert_eq!(monitor.poll(second(40)), Some(7)); // stalled
/// assert_eq!(monitor.poll(second(90)), None); // only once
/// assert!(monitor.heard(7, second(95))); // running again
/// # Ok::<(), statusbus_core::TooManyPromises>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SilenceMonitor<Id, const N: usize> {
    /// Sorted by id.
    promises: Vec<Promise<Id>, N>,
    clock: ForwardClock,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Promise<Id> {
    run: Id,
    /// Microseconds, at least one.
    every: u64,
    watch: Watch,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Watch {
    /// Running; stalled once this much forward time has elapsed.
    Until(u64),
    /// Waiting for input.
    Waiting,
    /// Stalled, and yielded by `poll`.
    Stalled,
}

impl<Id: Copy + Ord, const N: usize> SilenceMonitor<Id, N> {
    /// A monitor without promises.
    #[must_use]
    pub const fn new() -> Self {
        Self { promises: Vec::new(), clock: ForwardClock { elapsed: 0, reading: 0 } }
    }

    /// Records that `run` promises a sign of life at least every `every`, counted from `now`.
    ///
    /// A second promise of the same run replaces the first one. A run that is stalled or waiting
    /// stays so until [`heard`](Self::heard) or [`resume`](Self::resume). `every` is rounded up to
    /// a whole microsecond, at least one.
    ///
    /// # Errors
    /// `N` other runs have promises. The monitor is unchanged.
    pub fn promise(
        &mut self,
        run: Id,
        every: Duration,
        now: Instant,
    ) -> Result<(), TooManyPromises> {
        let elapsed = self.clock.advance(now);
        let every = (Instant::ZERO + every).as_micros().max(1);
        let watch = Watch::Until(elapsed.saturating_add(every));
        if let Some(promise) = self.find(run) {
            promise.every = every;
            if let Watch::Until(_) = promise.watch {
                promise.watch = watch;
            }
            return Ok(());
        }
        self.insert(Promise { run, every, watch })
    }

    /// Records a sign of life of `run`; returns whether it was stalled and is running again.
    ///
    /// Call it also for each ancestor of the run. A run that is waiting goes on waiting. If the
    /// span has passed but `poll` has not yielded the run yet, then the run never became stalled. A
    /// run without a promise is ignored.
    pub fn heard(&mut self, run: Id, now: Instant) -> bool {
        let elapsed = self.clock.advance(now);
        let Some(promise) = self.find(run) else { return false };
        let stalled = matches!(promise.watch, Watch::Stalled);
        if !matches!(promise.watch, Watch::Waiting) {
            promise.restart(elapsed);
        }
        stalled
    }

    /// Suspends the promise of `run`, which waits for input; a stalled run is no longer stalled.
    ///
    /// A run without a promise is ignored.
    pub fn wait(&mut self, run: Id) {
        if let Some(promise) = self.find(run) {
            promise.watch = Watch::Waiting;
        }
    }

    /// Resumes the promise of `run`, counted from `now`: the run is running, whether it was
    /// waiting, stalled or neither.
    ///
    /// A run without a promise is ignored.
    pub fn resume(&mut self, run: Id, now: Instant) {
        let elapsed = self.clock.advance(now);
        if let Some(promise) = self.find(run) {
            promise.restart(elapsed);
        }
    }

    /// Removes the promise of `run`: it has ended, or withdraws the promise. A run without a
    /// promise is ignored.
    pub fn forget(&mut self, run: Id) {
        self.promises.retain(|promise| promise.run != run);
    }

    /// The next run that has become stalled, the longest overdue first; call again until `None`.
    pub fn poll(&mut self, now: Instant) -> Option<Id> {
        let elapsed = self.clock.advance(now);
        let (index, deadline) = self.earliest()?;
        if elapsed < deadline {
            return None;
        }
        let promise = self.promises.get_mut(index)?;
        promise.watch = Watch::Stalled;
        Some(promise.run)
    }

    /// When a run becomes stalled unless it is heard before: the reading at which to call
    /// [`poll`](Self::poll) next.
    ///
    /// `None` if no run can become stalled. Counted from the last reading that any call was given;
    /// in the past if a deadline has passed.
    #[must_use]
    pub fn poll_at(&self) -> Option<Instant> {
        let (_, deadline) = self.earliest()?;
        Some(self.clock.reading_at(deadline))
    }

    /// The index of the promise with the earliest deadline, and the deadline; of equals the first.
    fn earliest(&self) -> Option<(usize, u64)> {
        let deadlines = self.promises.iter().map(Promise::deadline).enumerate();
        let running = deadlines.filter_map(|(index, deadline)| Some((index, deadline?)));
        running.min_by_key(|&(_, deadline)| deadline)
    }

    fn find(&mut self, run: Id) -> Option<&mut Promise<Id>> {
        let index = self.position(run).ok()?;
        self.promises.get_mut(index)
    }

    /// The index of a run's promise, or else where to insert one.
    fn position(&self, run: Id) -> Result<usize, usize> {
        self.promises.binary_search_by_key(&run, |promise| promise.run)
    }

    /// Inserts a promise of a run that has none, and keeps the order.
    fn insert(&mut self, mut promise: Promise<Id>) -> Result<(), TooManyPromises> {
        if self.promises.is_full() {
            return Err(TooManyPromises);
        }
        let (Ok(before) | Err(before)) = self.position(promise.run);
        for other in self.promises.iter_mut().skip(before) {
            mem::swap(other, &mut promise);
        }
        self.promises.push(promise).map_err(|_| TooManyPromises)
    }
}

impl<Id: Copy + Ord, const N: usize> Default for SilenceMonitor<Id, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Id> Promise<Id> {
    fn restart(&mut self, elapsed: u64) {
        self.watch = Watch::Until(elapsed.saturating_add(self.every));
    }

    fn deadline(&self) -> Option<u64> {
        match self.watch {
            Watch::Until(deadline) => Some(deadline),
            Watch::Waiting | Watch::Stalled => None,
        }
    }
}

/// The sum of the forward steps of the caller's clock, in microseconds.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct ForwardClock {
    elapsed: u64,
    reading: u64,
}

impl ForwardClock {
    // 64-bit steps: where registers have 32, a call is smaller than four copies.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn advance(&mut self, now: Instant) -> u64 {
        let reading = now.as_micros();
        self.elapsed = self.elapsed.saturating_add(reading.saturating_sub(self.reading));
        self.reading = reading;
        self.elapsed
    }

    /// The reading at which so much time will have elapsed.
    fn reading_at(&self, elapsed: u64) -> Instant {
        let reading = if elapsed < self.elapsed {
            self.reading.saturating_sub(self.elapsed - elapsed)
        } else {
            self.reading.saturating_add(elapsed - self.elapsed)
        };
        Instant::from_micros(reading)
    }
}

/// As many runs as the [`SilenceMonitor`] has room for have promises already.
///
/// Give the monitor room for as many runs as may be open at once, or begin the run without a
/// promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooManyPromises;

impl fmt::Display for TooManyPromises {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the silence monitor is full: end a run or withdraw a promise before the next one",
        )
    }
}

impl core::error::Error for TooManyPromises {}
