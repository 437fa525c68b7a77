//! A bus as its runner and its update builders see it.

use core::task::Context;

use statusbus_core::{Batch, Category, Instant, Item, Outcome, RefuseReason, SendOptions, Update};

use crate::event::GapEntry;
use crate::message::AnyMessage;
use crate::report::Report;

/// A bus with its lock: implemented by [`Status`](crate::Status), whatever its capacities. Sealed.
pub trait StatusBus: Access {}

impl<B: Access> StatusBus for B {}

/// The operations, each of which takes the lock once.
pub trait Access: Sized {
    /// What the bus queues.
    type Message: AnyMessage;
    /// Its telemetry.
    type Telemetry: Report;

    /// Moves an update into the queue.
    fn push(&self, update: &mut Self::Message, options: SendOptions) -> Outcome;
    /// Counts a refusal, and returns it.
    fn refuse(&self, reason: RefuseReason) -> Outcome;
    fn count_shortened(&self, texts: u32, fields: u32);

    /// Registers the runner; `false`: the bus has one.
    fn register_runner(&self, batch_capacity: u16) -> bool;
    fn unregister_runner(&self);
    /// Takes the next batch if one is due; else the task is woken when one may be.
    fn poll(
        &self,
        batch: &mut Buffered<Self>,
        reporter: &mut Self::Telemetry,
        cx: &Context<'_>,
        now: Instant,
    ) -> Polled;
    /// Settles a batch, of which the sink accepted so many updates from the start. With zero it accepted the gap
    /// neither.
    fn settle(&self, batch: &mut Buffered<Self>, accepted: usize);
    /// Drops one update of a batch; returns whether the batch had it.
    fn reject(&self, batch: &mut Buffered<Self>, seq: u64) -> bool;
    /// The first entry of the gap that is not confirmed.
    fn gap(&self, batch: &Buffered<Self>) -> Option<GapEntry<<Self::Message as Update>::Topic>>;
    fn confirm_losses(&self, batch: &Buffered<Self>, count: usize);
    /// Whether the deadline of a shutdown has passed; if not, the task is woken when it has.
    fn is_given_up(&self, cx: &Context<'_>) -> bool;
}

/// A batch in the memory of a [`Buffer`](crate::Buffer).
pub(crate) type Buffered<B> = Batch<<B as Access>::Message, [Item<<B as Access>::Message>]>;

/// What a poll of the bus yields.
#[derive(Clone, Copy, Debug)]
pub enum Polled {
    /// A batch, and the names of the application's categories.
    Batch(Names),
    /// A batch behind the deadline of a shutdown, to be dropped.
    GivenUp,
    /// Nothing is due before this time, or until an update is sent.
    Wait(Option<Instant>),
    /// The bus is closed and empty.
    Drained,
}

/// The names of the application's own categories.
pub(crate) type Names = Option<&'static [&'static str]>;

/// The name of a category; `None`: the bus does not have it.
pub(crate) fn category_name(category: Category, names: Names) -> Option<&'static str> {
    let built_in = Category::BUILT_IN.get(category.index()).copied();
    built_in.or_else(|| own_category(category, names))
}

/// The name of a category that the application has registered.
pub(crate) fn own_category(category: Category, names: Names) -> Option<&'static str> {
    let own = category.index().checked_sub(Category::BUILT_IN.len())?;
    names?.get(own).copied()
}
