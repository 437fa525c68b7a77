//! The handle that people hold.

use core::fmt;
use core::time::Duration;

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{Category, Depth, Facts, Ledger, Place, Pushed, RefuseReason, Sent, Update};

use crate::about::About;
use crate::clock;
use crate::draft::{Draft, Refused};
use crate::key::{Keying, Ranking};
use crate::message::Message;
use crate::report::Report;
use crate::shared::{Locked, Shared};
use crate::text::Text;

/// A bus of up to `SLOTS` queued updates, in a `static`: says what a program is doing.
///
/// Sending may be done from any task and any interrupt that the lock `M` allows
/// ([`CriticalSectionRawMutex`](embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex): all of
/// them). It never blocks, awaits or panics, and takes the lock once, for some hundred instructions at
/// most. What is sent is handed on by a
/// [`runner`](Self::runner).
///
/// `U` is what is queued, a [`Message`] mostly; `T` hears what happens ([`Report`]); `CATEGORIES` is
/// the seven built-in ones and as many of the application's own; `GAPS` is for how many topics losses
/// are counted apart. It is all zeros at start: it costs no flash.
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
    pub(crate) shared: Locked<M, U, T, SLOTS, CATEGORIES, GAPS>,
}

/// What was shortened because messages have no room for it: whether they should have more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Shortened {
    /// Texts that were cut.
    pub texts: u32,
    /// Fields of metadata that were left out.
    pub fields: u32,
}

impl<M, U, const SLOTS: usize, const CATEGORIES: usize, const GAPS: usize>
    Status<M, U, SLOTS, (), CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
{
    /// A bus with the defaults of [`Config`](crate::Config) (its queue limit is its slots) whose events nobody
    /// hears.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_telemetry(())
    }
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> Default
    for Status<M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Default,
{
    fn default() -> Self {
        Self::with_telemetry(T::default())
    }
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>
    Status<M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
{
    /// A bus that tells `telemetry` what happens.
    #[must_use]
    pub const fn with_telemetry(telemetry: T) -> Self {
        const { assert!(CATEGORIES >= Category::BUILT_IN.len(), "seven categories are built in") };
        Self { shared: Locked::new(Shared::new(telemetry)) }
    }
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>
    Status<M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    /// Sends an update of a type of your own. What does not stay in the queue is handed back.
    #[allow(clippy::must_use_candidate)] // `Pushed` is
    pub fn push(&self, update: U) -> Pushed<U> {
        let mut offered = Some(update);
        let pushed = self.call(|state| {
            let update = offered.take()?;
            let now = state.bus.last_reading(&update).unwrap_or_else(clock::now);
            Some(state.bus.push(update, now))
        });
        match (pushed.flatten(), offered) {
            (Some(pushed), _) => pushed,
            (None, Some(update)) => {
                self.count_stray();
                Pushed::Refused(update, RefuseReason::Unauthorized)
            }
            (None, None) => Pushed::Queued, // it was either taken or is still there
        }
    }

    pub(crate) fn offer(&self, place: &mut Place<U>, facts: Facts) -> Result<Sent, Refused> {
        match self.call(|state| state.bus.offer(place, facts, clock::now)) {
            Some(outcome) => outcome.sent().map_err(|reason| Refused { reason }),
            None => {
                self.count_stray();
                Err(Refused { reason: RefuseReason::Unauthorized })
            }
        }
    }

    /// Counts an update that was refused before it could be sent.
    pub fn refuse(&self, reason: RefuseReason) {
        if self.with(|state| state.bus.refuse(reason)).is_none() {
            self.count_stray();
        }
    }

    #[cold]
    fn count_stray(&self) {
        self.shared.lock(|shared| shared.strays.set(shared.strays.get().saturating_add(1)));
    }

    /// Has everything sent so far handed on now. Does not wait: from an interrupt, say.
    pub fn request_flush(&self) {
        let now = clock::now();
        let _ = self.call(|state| state.bus.flush(now));
    }

    /// Refuses new updates from now on and has everything queued handed on; the runner ends behind
    /// it.
    pub fn close(&self) {
        let now = clock::now();
        let _ = self.call(|state| state.bus.close(now));
    }

    /// The counters.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let strays = u64::from(self.shared.lock(|shared| shared.strays.get()));
        let mut ledger = self.with(|state| state.bus.ledger()).unwrap_or_default();
        ledger.sent += strays;
        ledger.refused.unauthorized += strays;
        ledger
    }

    /// The depth of the queue, and its peak since the last call: what tells how many slots are
    /// needed.
    #[must_use]
    pub fn depth(&self) -> Depth {
        let nothing = Depth { queued: 0, peak: 0, oldest: Duration::ZERO };
        self.with(|state| state.bus.depth()).unwrap_or(nothing)
    }

    /// What was shortened because messages have no room for it.
    #[must_use]
    pub fn shortened(&self) -> Shortened {
        self.with(|state| state.shortened).unwrap_or_default()
    }

    #[cold]
    pub(crate) fn count_cut(&self) {
        self.with(|state| state.shortened.texts = state.shortened.texts.saturating_add(1));
    }

    #[cold]
    pub(crate) fn count_left_out(&self, fields: u32) {
        self.with(|state| state.shortened.fields = state.shortened.fields.saturating_add(fields));
    }

    /// The position that was given last.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.with(|state| state.bus.seq()).unwrap_or_default()
    }
}

impl<
    M,
    const TEXT: usize,
    const NAME: usize,
    const META: usize,
    K,
    R,
    const SLOTS: usize,
    T,
    const CATEGORIES: usize,
    const GAPS: usize,
> Status<M, Message<TEXT, NAME, META, K, R>, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    K: Keying,
    R: Ranking,
    T: Report,
{
    /// Says something in a category. What no conversation can be called, and a name that is longer
    /// than a message has room for, is refused, and counted.
    pub fn say<'a>(&self, about: impl Into<About<'a>>, category: Category, text: impl Text) {
        let mut place = Place::new(Message::blank(category));
        let said = place.get_mut().map_or(Ok(false), |message| message.say(about.into(), text));
        match said {
            Ok(false) => {}
            Ok(true) => self.count_cut(),
            Err(reason) => return self.refuse(reason),
        }
        let _ = self.offer(&mut place, Facts::plain(category));
    }

    /// Says something with more than a text: see [`Draft`].
    pub fn update<'a>(
        &self,
        about: impl Into<About<'a>>,
        category: Category,
        text: impl Text,
    ) -> Draft<'_, M, Message<TEXT, NAME, META, K, R>, SLOTS, T, CATEGORIES, GAPS> {
        Draft::new(self, about.into(), category, text)
    }
}

/// The methods that say something in one category.
macro_rules! categories {
    ($($(#[$doc:meta])* $name:ident, $category:ident;)*) => {
        impl<
            M,
            const TEXT: usize,
            const NAME: usize,
            const META: usize,
            K,
            R,
            const SLOTS: usize,
            T,
            const CATEGORIES: usize,
            const GAPS: usize,
        > Status<M, Message<TEXT, NAME, META, K, R>, SLOTS, T, CATEGORIES, GAPS>
        where
            M: RawMutex,
            K: Keying,
            R: Ranking,
            T: Report,
        {
            $($(#[$doc])*
            ///
            /// What no conversation can be called is refused, and counted.
            #[inline]
            pub fn $name<'a>(&self, about: impl Into<About<'a>>, text: impl Text) {
                self.say(about, Category::$category, text);
            })*
        }
    };
}

categories! {
    /// The engine itself: it has started, it is calibrated.
    engine, ENGINE;
    /// A tool: it starts, it returns.
    tool, TOOL;
    /// A step of a workflow.
    workflow, WORKFLOW;
    /// How far something has come.
    progress, PROGRESS;
    /// Something failed, and that is the end of it. For one failure among many give it another
    /// [priority](Draft::priority).
    error, ERROR;
    /// Anything else worth saying.
    info, INFO;
    /// What will be done next.
    planning, PLANNING;
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> fmt::Debug
    for Status<M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status").field("ledger", &self.ledger()).finish_non_exhaustive()
    }
}
