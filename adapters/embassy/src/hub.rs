//! Readers in the same program.

use core::cell::RefCell;
use core::future::pending;
use core::task::{Context, Waker};

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{Losses, Place, Priority, Update};

use crate::clock;
use crate::key::{Keying, Ranking};
use crate::message::{Message, Topic};
use crate::outgoing::Outgoing;
use crate::report::Report;
use crate::runner::Runner;
use crate::selector::Selector;
use crate::subscription::{Event, NoSeat, Received, Subscription};

/// Hands what is delivered to readers in the same program: a display, a lamp, a task that reacts. Up
/// to `READERS` of them at a time, each with a position of its own on a ring of the last `RING`
/// updates and gaps. Nobody waits for a reader: one that is too slow is told how many it missed, and
/// goes on.
///
/// It stands in a `static`, all zeros at start, and takes `RING` times 40 to 48 bytes more than a message
/// has.
///
/// ```no_run
/// use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
/// use statusbus_embassy::{Buffer, Event, Hub, Message, Selector, Status};
///
/// static STATUS: Status<CriticalSectionRawMutex, Message<64>, 32> = Status::new();
/// static HUB: Hub<CriticalSectionRawMutex, Message<64>, 16, 2> = Hub::new();
///
/// async fn deliver() {
///     let mut buffer = Buffer::<_, 8>::new();
///     let Ok(runner) = STATUS.runner(&mut buffer) else { return };
///     HUB.run(runner).await
/// }
///
/// async fn show() {
///     let Ok(mut motor) = HUB.subscribe(Selector::about("motor")) else { return };
///     while let Some(event) = motor.next().await {
///         if let Event::Update(received) = event {
///             // received.update.text()
///         }
///     }
/// }
/// ```
pub struct Hub<M, U: Update, const RING: usize, const READERS: usize> {
    shared: Mutex<M, RefCell<Shared<U, RING, READERS>>>,
}

struct Shared<U: Update, const RING: usize, const READERS: usize> {
    ring: [Place<Entry<U>>; RING],
    /// Where the next entry goes.
    next: usize,
    /// Entries there were.
    count: u64,
    closed: bool,
    missed: u64,
    seats: [Seat; READERS],
}

struct Entry<U: Update> {
    seq: u64,
    content: Content<U>,
}

enum Content<U: Update> {
    Update {
        sent_micros: u64,
        priority: Priority,
        update: U,
    },
    /// Of a topic, or of the whole bus.
    Gap(Option<U::Topic>, Losses),
}

struct Seat {
    taken: bool,
    waker: Option<Waker>,
}

/// What is at a position.
pub(crate) enum Look<U: Update> {
    Event(Event<U>),
    /// Something that was not asked for.
    Other,
    /// It is not there any more: so many were missed.
    Gone(u64),
    /// It is not there yet; whoever looks will be woken.
    NotYet,
    /// Nothing more will come.
    End,
}

impl<M, U, const RING: usize, const READERS: usize> Hub<M, U, RING, READERS>
where
    M: RawMutex,
    U: Update,
{
    /// A hub that nothing has come to.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(RING > 0 && READERS > 0, "a ring of one or more, for one reader or more") };
        Self {
            shared: Mutex::new(RefCell::new(Shared {
                ring: [const { Place::VACANT }; RING],
                next: 0,
                count: 0,
                closed: false,
                missed: 0,
                seats: [const { Seat { taken: false, waker: None } }; READERS],
            })),
        }
    }

    fn with<A>(&self, f: impl FnOnce(&mut Shared<U, RING, READERS>) -> A) -> Option<A> {
        self.shared.lock(|shared| shared.try_borrow_mut().ok().map(|mut shared| f(&mut shared)))
    }

    /// What readers missed by being too slow, added up over the readers: updates and gaps, also those
    /// that they would not have read.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.with(|shared| shared.missed).unwrap_or_default()
    }

    fn add(&self, entry: Entry<U>) {
        self.with(|shared| {
            if let Some(place) = shared.ring.get_mut(shared.next) {
                *place = Place::new(entry);
            }
            shared.next += 1;
            if shared.next >= RING {
                shared.next = 0;
            }
            shared.count += 1;
        });
    }

    pub(crate) fn wake(&self) {
        for number in 0..READERS {
            let waker = self.with(|shared| shared.seats.get_mut(number)?.waker.take());
            if let Some(waker) = waker.flatten() {
                waker.wake();
            }
        }
    }

    /// Takes a seat; answers which, and where the end of what has come is.
    pub(crate) fn sit_down(&self) -> Option<(usize, u64)> {
        self.with(|shared| {
            let number = shared.seats.iter().position(|seat| !seat.taken)?;
            shared.seats.get_mut(number)?.taken = true;
            Some((number, shared.count))
        })
        .flatten()
    }

    pub(crate) fn get_up(&self, number: usize) {
        let waker = self.with(|shared| {
            let seat = shared.seats.get_mut(number)?;
            seat.taken = false;
            seat.waker.take()
        });
        drop(waker); // outside of the lock
    }

    /// How many have come since a position.
    pub(crate) fn since(&self, position: u64) -> u64 {
        self.with(|shared| shared.count.saturating_sub(position)).unwrap_or_default()
    }
}

impl<M, U, const RING: usize, const READERS: usize> Default for Hub<M, U, RING, READERS>
where
    M: RawMutex,
    U: Update,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<
    M,
    const TEXT: usize,
    const NAME: usize,
    const META: usize,
    K,
    R,
    const RING: usize,
    const READERS: usize,
> Hub<M, Message<TEXT, NAME, META, K, R>, RING, READERS>
where
    M: RawMutex,
    K: Keying,
    R: Ranking,
{
    /// Hands on whatever the runner does. It does not end: once the bus is closed and everything is
    /// handed on, readers come to their end, and it waits for ever.
    pub async fn run<L, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>(
        &self,
        mut runner: Runner<'_, '_, L, Message<TEXT, NAME, META, K, R>, SLOTS, T, CATEGORIES, GAPS>,
    ) -> !
    where
        L: RawMutex,
        T: Report,
    {
        loop {
            match runner.next().await {
                Some(batch) => {
                    self.publish(&batch);
                    batch.delivered();
                }
                None => {
                    self.close();
                    pending::<()>().await;
                }
            }
        }
    }

    /// Hands a batch to the readers: for who delivers it elsewhere, too, and says so itself. The lock is
    /// taken once for each update.
    pub fn publish<L, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>(
        &self,
        batch: &Outgoing<
            '_,
            '_,
            '_,
            L,
            Message<TEXT, NAME, META, K, R>,
            SLOTS,
            T,
            CATEGORIES,
            GAPS,
        >,
    ) where
        L: RawMutex,
        T: Report,
    {
        if let Some(gap) = batch.gap() {
            let mut index = gap.confirmed();
            while let Some((topic, losses)) = gap.loss(index) {
                self.add_loss(gap.seq(), topic.copied(), *losses);
                index += 1;
            }
            self.wake();
        }
        self.add_updates(batch);
    }

    /// Adds what is missing, as readers see it. They are not woken yet.
    pub(crate) fn add_loss(&self, seq: u64, topic: Option<Topic<NAME>>, losses: Losses) {
        if !losses.is_empty() {
            self.add(Entry { seq, content: Content::Gap(topic, losses) });
        }
    }

    pub(crate) fn add_updates<
        L,
        const SLOTS: usize,
        T,
        const CATEGORIES: usize,
        const GAPS: usize,
    >(
        &self,
        batch: &Outgoing<
            '_,
            '_,
            '_,
            L,
            Message<TEXT, NAME, META, K, R>,
            SLOTS,
            T,
            CATEGORIES,
            GAPS,
        >,
    ) where
        L: RawMutex,
        T: Report,
    {
        let handed_on = batch.handed_on().as_micros();
        for handed in batch.updates() {
            let content = Content::Update {
                sent_micros: handed_on.saturating_sub(handed.waited_micros()),
                priority: handed.priority,
                update: *handed.update,
            };
            self.add(Entry { seq: handed.seq, content });
        }
        self.wake();
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.with(|shared| shared.closed = true);
        self.wake();
    }

    /// A reader of what comes from now on.
    ///
    /// # Errors
    /// There are `READERS` already.
    pub fn subscribe<'h, 's>(
        &'h self,
        selector: Selector<'s>,
    ) -> Result<Subscription<'h, 's, M, Message<TEXT, NAME, META, K, R>, RING, READERS>, NoSeat>
    {
        let (seat, position) = self.sit_down().ok_or(NoSeat)?;
        Ok(Subscription::new(self, selector, seat, position))
    }

    /// What is at a position, for the reader in a seat.
    pub(crate) fn look(
        &self,
        position: u64,
        selector: &Selector<'_>,
        seat: usize,
        cx: &Context<'_>,
    ) -> Look<Message<TEXT, NAME, META, K, R>> {
        // wakers are cloned and dropped outside of the lock: what they do then is not ours
        let mut waker = Some(cx.waker().clone());
        let look = self.with(|shared| {
            let behind = shared.count.saturating_sub(position);
            if behind == 0 {
                if shared.closed {
                    return Look::End;
                }
                if let Some(seat) = shared.seats.get_mut(seat) {
                    core::mem::swap(&mut seat.waker, &mut waker);
                }
                return Look::NotYet;
            }
            let kept = RING as u64;
            if behind > kept {
                shared.missed += behind - kept;
                return Look::Gone(behind - kept);
            }
            // at most RING behind the place that comes next, around the ring
            let behind = behind as usize;
            let index = if shared.next >= behind {
                shared.next - behind
            } else {
                shared.next + RING - behind
            };
            match shared.ring.get(index).and_then(Place::get) {
                Some(entry) if entry.is_selected(selector) => Look::Event(entry.event()),
                _ => Look::Other,
            }
        });
        look.unwrap_or(Look::NotYet)
    }
}

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking>
    Entry<Message<TEXT, NAME, META, K, R>>
{
    fn is_selected(&self, selector: &Selector<'_>) -> bool {
        match &self.content {
            Content::Update { update, .. } => selector.selects(update.about(), update.category()),
            Content::Gap(Some(topic), _) => selector.selects(topic.about(), topic.category()),
            Content::Gap(None, _) => true,
        }
    }

    fn event(&self) -> Event<Message<TEXT, NAME, META, K, R>> {
        let seq = self.seq;
        match self.content {
            Content::Update { sent_micros, priority, update } => {
                Event::Update(Received { seq, priority, update, sent_micros })
            }
            Content::Gap(topic, losses) => Event::Gap { seq, topic, losses },
        }
    }
}

impl<M, U: Update, const RING: usize, const READERS: usize> core::fmt::Debug
    for Hub<M, U, RING, READERS>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl<U> Received<U> {
    /// Microseconds since it was sent.
    #[must_use]
    pub fn age_micros(&self) -> u64 {
        clock::now().as_micros().saturating_sub(self.sent_micros)
    }
}
