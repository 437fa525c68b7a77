//! The handle that the whole program shares.

use core::task::Context;

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{
    Accepted, Category, Depth, Instant, Ledger, Outcome, RefuseReason, SendOptions, Update,
};

use crate::buffer::Buffer;
use crate::builder::UpdateBuilder;
use crate::bus::{Access, Buffered, Polled};
use crate::clock;
use crate::event::{Counts, GapEntry};
use crate::inner::{Inner, Shortened};
use crate::message::AnyMessage;
use crate::report::Report;
use crate::runner::{AlreadyRunning, Runner};
use crate::subject::Subject;
use crate::text::Text;

/// A bus of up to `SLOTS` queued updates, in a `static`.
///
/// Any task can send, and any interrupt that the lock `M` allows
/// ([`CriticalSectionRawMutex`](embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex): all of
/// them). Sending never blocks, awaits or panics; it takes the lock once, for some hundred instructions
/// at most. A [`runner`](Self::runner) delivers what is sent.
///
/// `U` is a [`Message`](crate::Message) of chosen capacities, `T` the telemetry ([`Report`]),
/// `CATEGORIES` the seven built-in categories and the application's own, `GAPS` the number of topics whose
/// losses are counted apart. The static is zero at start: it takes no flash.
///
/// ```
/// use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
/// use statusbus_embassy::{Message, SYSTEM, Status};
///
/// static STATUS: Status<CriticalSectionRawMutex, Message<64>, 32> = Status::new();
///
/// STATUS.engine(SYSTEM, "ready");
/// STATUS.info("motor", format_args!("{} rpm", 1_200));
/// assert_eq!(STATUS.ledger().queued, 2);
/// ```
pub struct Status<
    M,
    U: Update,
    const SLOTS: usize,
    T = (),
    const CATEGORIES: usize = 7,
    const GAPS: usize = 4,
> {
    pub(crate) inner: Inner<M, U, T, SLOTS, CATEGORIES, GAPS>,
}

impl<M: RawMutex, U: AnyMessage, const SLOTS: usize, const C: usize, const GAPS: usize>
    Status<M, U, SLOTS, (), C, GAPS>
{
    /// A bus with the defaults of [`Config`](crate::Config), a queue limit of `SLOTS` and no telemetry.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_telemetry(())
    }
}

impl<M: RawMutex, U: AnyMessage, const SLOTS: usize, T, const C: usize, const GAPS: usize>
    Status<M, U, SLOTS, T, C, GAPS>
{
    /// A bus with telemetry.
    #[must_use]
    pub const fn with_telemetry(telemetry: T) -> Self {
        const { assert!(C >= Category::BUILT_IN.len(), "seven categories are built in") };
        Self { inner: Inner::new(telemetry) }
    }
}

impl<M: RawMutex, U: AnyMessage, const SLOTS: usize, T: Default, const C: usize, const GAPS: usize>
    Default for Status<M, U, SLOTS, T, C, GAPS>
{
    fn default() -> Self {
        Self::with_telemetry(T::default())
    }
}

/// One method per category.
macro_rules! categories {
    ($($(#[$doc:meta])* $name:ident, $category:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// See [`send`](Self::send).
        #[inline]
        pub fn $name<'a>(&'a self, subject: impl Into<Subject<'a>>, text: impl Text) {
            self.send(subject, Category::$category, text);
        }
    )*};
}

impl<M: RawMutex, U: AnyMessage, const SLOTS: usize, T: Report, const C: usize, const GAPS: usize>
    Status<M, U, SLOTS, T, C, GAPS>
{
    categories! {
        /// Sends news of the engine itself: started, calibrated.
        engine, ENGINE;
        /// Sends news of a tool: it starts, it returns.
        tool, TOOL;
        /// Sends a step of a workflow.
        workflow, WORKFLOW;
        /// Sends progress. Low priority by default.
        progress, PROGRESS;
        /// Sends a failure. High priority by default; give one failure among many another
        /// [priority](UpdateBuilder::priority).
        error, ERROR;
        /// Sends any other information.
        info, INFO;
        /// Sends what comes next.
        planning, PLANNING;
    }

    /// Sends an update. An invalid name, and one longer than a message holds, is refused and counted, and
    /// so is an unknown category.
    #[inline]
    pub fn send<'a>(
        &'a self,
        subject: impl Into<Subject<'a>>,
        category: Category,
        text: impl Text,
    ) {
        self.update(subject, category, text).send();
    }

    /// Begins an update with key, priority, TTL or metadata: see [`UpdateBuilder`].
    #[inline]
    pub fn update<'a, X: Text>(
        &'a self,
        subject: impl Into<Subject<'a>>,
        category: Category,
        text: X,
    ) -> UpdateBuilder<'a, Self, X> {
        UpdateBuilder::new(self, subject.into(), category, text)
    }

    /// Counts an update that the application refused before it was sent.
    pub fn refuse(&self, reason: RefuseReason) {
        if self.inner.with(|state| state.bus.refuse(reason)).is_none() {
            self.inner.count_stray();
        }
    }

    /// Makes everything sent so far due now. Does not wait, so interrupts can call it.
    pub fn request_flush(&self) {
        let now = clock::now();
        let _ = self.inner.call(|state| state.bus.flush(now));
    }

    /// Refuses new updates from now on and makes everything queued due; the runner ends behind it.
    pub fn close(&self) {
        let now = clock::now();
        let _ = self.inner.call(|state| state.bus.close(now));
    }

    /// The runner, which delivers what is sent. The batch size of the configuration is lowered to the
    /// capacity of the buffer.
    ///
    /// # Errors
    /// The bus has a runner already.
    pub fn runner<'a, const BATCH: usize>(
        &'a self,
        buffer: &'a mut Buffer<U, BATCH>,
    ) -> Result<Runner<'a, Self>, AlreadyRunning> {
        Runner::new(self, buffer.batch())
    }

    /// The counters.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let strays = u64::from(self.inner.strays());
        let mut ledger = self.inner.with(|state| state.bus.ledger()).unwrap_or_default();
        ledger.sent += strays;
        ledger.refused.unauthorized += strays;
        ledger
    }

    /// The depth of the queue and its peak since the last call, which shows how many slots are needed.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.inner.with(|state| state.bus.depth()).unwrap_or_default()
    }

    /// Counts of texts that were cut and metadata that was left out, which show whether messages need
    /// more capacity.
    #[must_use]
    pub fn shortened(&self) -> Shortened {
        self.inner.with(|state| state.shortened).unwrap_or_default()
    }

    /// The last position that was given.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.inner.with(|state| state.bus.seq()).unwrap_or_default()
    }
}

/// How many updates are moved into a batch while the lock is held. With fewer the lock is held for a
/// shorter time, and each batch takes longer.
const PART: usize = 4;

impl<M: RawMutex, U: AnyMessage, const SLOTS: usize, T: Report, const C: usize, const GAPS: usize>
    Access for Status<M, U, SLOTS, T, C, GAPS>
{
    type Message = U;
    type Telemetry = T;

    // Only senders wake the runner: the others are called by its task, which polls next.

    fn push(&self, update: &mut U, options: SendOptions) -> Outcome {
        let outcome = self.inner.call(|state| state.bus.push(update, options, clock::read));
        outcome.unwrap_or_else(|| {
            self.inner.count_stray();
            Outcome::Refused(RefuseReason::Unauthorized)
        })
    }

    #[cold]
    fn refuse(&self, reason: RefuseReason) -> Outcome {
        self.refuse(reason);
        Outcome::Refused(reason)
    }

    #[cold]
    fn count_shortened(&self, texts: u32, fields: u32) {
        self.inner.with(|state| {
            let shortened = &mut state.shortened;
            shortened.texts = shortened.texts.saturating_add(texts);
            shortened.fields = shortened.fields.saturating_add(fields);
        });
    }

    fn register_runner(&self, batch_capacity: u16) -> bool {
        let registered = self.inner.with(|state| {
            let is_free = state.batch_capacity == 0;
            if is_free {
                state.batch_capacity = batch_capacity;
                state.bus.limit_batch_size(batch_capacity);
            }
            is_free
        });
        registered == Some(true)
    }

    fn unregister_runner(&self) {
        self.inner.with(|state| state.batch_capacity = 0);
    }

    fn poll(
        &self,
        batch: &mut Buffered<Self>,
        reporter: &mut T,
        cx: &Context<'_>,
        now: Instant,
    ) -> Polled {
        use statusbus_core::Polled as Part;
        // wakers are cloned and dropped outside of the lock, whatever they do
        let mut waker = Some(cx.waker().clone());
        // in parts, so that interrupts wait for one part only
        let mut delta = T::default();
        let polled = loop {
            let part = self.inner.with(|state| {
                let polled = match state.bus.poll_part(batch, PART, |_| {}, now) {
                    Part::More => return None,
                    Part::Batch if state.is_given_up => Polled::GivenUp,
                    Part::Batch => Polled::Batch(state.names),
                    Part::Wait(at) => {
                        core::mem::swap(&mut state.runner, &mut waker);
                        if state.bus.is_drained() { Polled::Drained } else { Polled::Wait(at) }
                    }
                };
                core::mem::swap(state.bus.telemetry(), &mut delta);
                Some(polled)
            });
            match part {
                Some(None) => {}
                Some(Some(polled)) => break polled,
                None => return Polled::Wait(Some(now)),
            }
        };
        reporter.report(delta);
        polled
    }

    fn settle(&self, batch: &mut Buffered<Self>, accepted: usize) {
        let now = clock::now();
        let waiter = self.inner.with(|state| {
            state.bus.settle(batch, Accepted::First(accepted), now);
            state.settled = Some(state.bus.flushed());
            state.waiter.take()
        });
        if let Some(waker) = waiter.flatten() {
            waker.wake();
        }
    }

    fn reject(&self, batch: &mut Buffered<Self>, seq: u64) -> bool {
        let now = clock::now();
        self.inner.with(|state| state.bus.settle_one(batch, seq, now).is_some()) == Some(true)
    }

    fn gap(&self, batch: &Buffered<Self>) -> Option<GapEntry<U::Topic>> {
        batch.gap_seq()?;
        let entry = self.inner.with(|state| {
            let gap = state.bus.gap(batch)?;
            let index = gap.confirmed();
            let (topic, counts) = gap.entry(index);
            Some(GapEntry {
                seq: gap.seq(),
                index: u16::try_from(index).unwrap_or(u16::MAX),
                retold: if index == 0 { gap.retold() } else { 0 },
                topic: topic.copied(),
                counts: Counts(*counts),
            })
        });
        entry.flatten()
    }

    fn confirm_losses(&self, batch: &Buffered<Self>, count: usize) {
        self.inner.with(|state| state.bus.confirm_losses(batch, count));
    }

    fn is_given_up(&self, cx: &Context<'_>) -> bool {
        let mut waker = Some(cx.waker().clone());
        let is_given_up = self.inner.with(|state| {
            core::mem::swap(&mut state.runner, &mut waker);
            state.is_given_up
        });
        is_given_up == Some(true)
    }
}
