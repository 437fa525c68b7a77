//! A batch on its way.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{Category, FlushReason, Gap, Handed, Instant, Update};

use crate::clock;
use crate::report::Report;
use crate::runner::{Extent, Runner};
use crate::shared::{Names, own_category};

/// A batch on its way: its gap, if there is one, then its updates, in order.
///
/// Say what has come of it: [`delivered`](Self::delivered), or, update by update,
/// [`accept`](Self::accept). Whatever it has not been said of when the [next](Runner::next) batch is
/// asked for, or when the runner is dropped, is lost, and told as a gap.
#[must_use = "what is not said to be delivered is lost"]
pub struct Outgoing<
    'r,
    's,
    'b,
    M: RawMutex,
    U: Update,
    const SLOTS: usize,
    T: Report = (),
    const CATEGORIES: usize = 7,
    const GAPS: usize = 4,
> {
    pub(crate) runner: &'r mut Runner<'s, 'b, M, U, SLOTS, T, CATEGORIES, GAPS>,
    pub(crate) names: Names,
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>
    Outgoing<'_, '_, '_, M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    /// The losses that stand in front of it, until they are [told](Self::gap_told).
    #[must_use]
    pub const fn gap(&self) -> Option<&Gap<U::Topic, GAPS>> {
        self.runner.batch.gap()
    }

    /// The gap was passed on. If nothing of a batch is accepted, a gap that was not is told with the
    /// next one.
    pub fn gap_told(&mut self) {
        self.runner.batch.take_gap();
    }

    /// The next loss of the gap was passed on: the first time, the one at index 0 of
    /// [`Gap::loss`](statusbus_core::Gap::loss). Behind the last, the gap is
    /// [told](Self::gap_told). The others are reported with the next batch.
    pub fn loss_told(&mut self) {
        self.runner.batch.confirm_losses(1);
    }

    /// The updates that are not accepted yet, in order.
    pub fn updates(&self) -> impl Iterator<Item = Handed<&U>> {
        let accepted = self.runner.accepted;
        self.runner.batch.iter().filter(move |handed| handed.seq > accepted)
    }

    /// Everything up to this position is accepted: whatever becomes of the rest, this is delivered.
    pub const fn accept(&mut self, seq: u64) {
        if seq > self.runner.accepted {
            self.runner.accepted = seq;
        }
    }

    /// The update at this position cannot be delivered, because it is too large say: it is dropped,
    /// and the others stay. Answers whether it was there.
    #[allow(clippy::must_use_candidate)] // mostly it is known to be there
    pub fn leave_out(&mut self, seq: u64) -> bool {
        let Runner { status, batch, .. } = &mut *self.runner;
        let now = clock::now();
        status.call(|state| state.bus.failed_at(batch, seq, now).is_some()) == Some(true)
    }

    /// All of it is delivered, the gap told.
    pub fn delivered(self) {
        self.runner.settle(Extent::All);
    }

    /// Why it was handed on.
    #[must_use]
    pub const fn reason(&self) -> FlushReason {
        self.runner.batch.reason()
    }

    /// Microseconds since it was handed on: so much longer than they
    /// [waited](Handed::waited_micros) before, its updates have been on their way.
    #[must_use]
    pub fn age_micros(&self) -> u64 {
        clock::now().as_micros().saturating_sub(self.runner.handed_on.as_micros())
    }

    pub(crate) const fn handed_on(&self) -> Instant {
        self.runner.handed_on
    }

    /// The name of a category; empty if the bus does not have it.
    #[must_use]
    pub fn category_name(&self, category: Category) -> &'static str {
        let built_in = Category::BUILT_IN.get(category.index()).copied();
        built_in.or_else(|| own_category(category, self.names)).unwrap_or_default()
    }

    /// Waits for a future, for as long as anybody waits for this batch: `None` when the deadline of
    /// [`shutdown`](crate::Status::shutdown) has passed. For what may take for ever:
    /// `batch.unless_given_up(pin!(radio.send(..))).await`.
    pub fn unless_given_up<F: Future>(
        &self,
        mut future: Pin<&mut F>,
    ) -> impl Future<Output = Option<F::Output>> {
        poll_fn(move |cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.runner.status.is_given_up(cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
    }
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> fmt::Debug
    for Outgoing<'_, '_, '_, M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("batch", &self.runner.batch).finish_non_exhaustive()
    }
}
