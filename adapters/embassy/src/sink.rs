//! Where batches go.

use core::future::Future;

use statusbus_core::{Batch, Category, FlushReason, Gap, Handed, Instant, Item, Update};

use crate::clock;

/// Takes batches away: a serial line ([`Frames`](crate::Frames)), a display, a radio.
///
/// A sink that waits for ever costs updates, which are counted as the queue overflows, and nothing
/// else; better it gives up after a while. When the runner is cancelled or the bus is shut down while
/// it waits, its future is dropped: what it has not [accepted](Outgoing::accept) by then is dropped.
pub trait Sink<U: Update, const GAPS: usize = 4> {
    /// Takes a batch: its gap, if there is one, then its updates, in order.
    ///
    /// # Errors
    /// It could not take all of it. What it has [accepted](Outgoing::accept) is delivered all the
    /// same.
    fn take(
        &mut self,
        batch: &mut Outgoing<'_, U, GAPS>,
    ) -> impl Future<Output = Result<(), Refusal>>;
}

/// What a sink could not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The update at this position, by itself, because it is too large say. The sink is given the
    /// others again that it has not accepted yet.
    Update(u64),
    /// All that it has not accepted yet.
    Rest,
}

/// A batch on its way into a sink.
pub struct Outgoing<'b, U: Update, const GAPS: usize = 4> {
    pub(crate) batch: Batch<U, &'b mut [Item<U>], GAPS>,
    pub(crate) first: u64,
    /// Everything up to this position is accepted.
    pub(crate) accepted: u64,
    pub(crate) handed_on: Instant,
    pub(crate) names: Names,
}

impl<'b, U: Update, const GAPS: usize> Outgoing<'b, U, GAPS> {
    pub(crate) fn new(items: &'b mut [Item<U>]) -> Self {
        let batch = Batch::with_items(items);
        Self { batch, first: 0, accepted: 0, handed_on: Instant::ZERO, names: None }
    }

    /// It has been filled.
    pub(crate) fn begin(&mut self, now: Instant, names: Names) {
        self.first = self.batch.iter().next().map_or(0, |handed| handed.seq);
        self.accepted = self.first.saturating_sub(1);
        (self.handed_on, self.names) = (now, names);
    }

    /// How many of its updates, from the first one on, are accepted.
    pub(crate) fn passed(&self) -> usize {
        usize::try_from(self.accepted.saturating_add(1).saturating_sub(self.first))
            .unwrap_or(usize::MAX)
    }

    /// The losses that stand in front of it, until they are [told](Self::gap_told).
    #[must_use]
    pub const fn gap(&self) -> Option<&Gap<U::Topic, GAPS>> {
        self.batch.gap()
    }

    /// The sink has passed on the gap. One that it has not is told with the next batch.
    pub fn gap_told(&mut self) {
        let _ = self.batch.take_gap();
    }

    /// The updates that are not accepted yet, in order.
    pub fn updates(&self) -> impl Iterator<Item = Handed<&U>> {
        self.batch.iter().filter(|handed| handed.seq > self.accepted)
    }

    /// The sink has accepted everything up to this position: whatever becomes of the rest, this is
    /// delivered.
    pub const fn accept(&mut self, seq: u64) {
        if seq > self.accepted {
            self.accepted = seq;
        }
    }

    /// Why it was handed on.
    #[must_use]
    pub const fn reason(&self) -> FlushReason {
        self.batch.reason()
    }

    /// Microseconds since it was handed on: so much more than they [waited](Handed::waited_micros)
    /// its updates are old now.
    #[must_use]
    pub fn age_micros(&self) -> u64 {
        clock::now().as_micros().saturating_sub(self.handed_on.as_micros())
    }

    /// The name of one of the application's own categories; `None` for a built-in one.
    #[must_use]
    pub fn own_category(&self, category: Category) -> Option<&'static str> {
        own_category(category, self.names)
    }
}

/// The names of the application's own categories.
pub(crate) type Names = Option<&'static [&'static str]>;

pub(crate) fn own_category(category: Category, names: Names) -> Option<&'static str> {
    let own = category.index().checked_sub(Category::BUILT_IN.len())?;
    names?.get(own).copied()
}

impl<U: Update, const GAPS: usize> core::fmt::Debug for Outgoing<'_, U, GAPS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Outgoing").field("batch", &self.batch).finish_non_exhaustive()
    }
}
