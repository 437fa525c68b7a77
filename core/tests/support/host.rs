//! A host in virtual time. After every call it checks that the ledger balances and that every
//! update that exists is queued or in a batch: what was handed back has been dropped by then.

use std::time::Duration;

use statusbus_core::{
    Batch, Bus, Config, DropReason, FlushMark, FlushReason, Gap, HandedOn, Instant, Item, Ledger,
    Loss, OverflowEdge, Part, Pushed, RefuseReason, Slot, Telemetry,
};

use super::note::{Note, Told, alive};

/// Topics whose losses the host's bus counts apart.
pub(crate) const TOLD: usize = 2;

/// The defaults with another queue limit and batch size.
pub(crate) fn config(queue_limit: usize, batch_size: usize) -> Config {
    let config = Config::new().queue_limit(queue_limit).expect("a queue limit in range");
    config.batch_size(batch_size).expect("a batch size in range")
}

/// What became of an update that was pushed, by the names of those that had to leave.
#[derive(Debug, PartialEq)]
pub(crate) enum Became {
    Queued,
    Merged(String),
    Displaced(String, Loss),
    Expired,
    Dropped(DropReason),
    Refused(RefuseReason),
}

/// What the bus told its telemetry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Heard {
    HandedOn(HandedOn),
    Settled(Duration),
    Coalesced,
    Expired,
    Dropped(DropReason),
    Refused(RefuseReason),
    Overflow(OverflowEdge),
}

#[derive(Default)]
pub(crate) struct Ears(Vec<Heard>);

impl Telemetry for Ears {
    fn handed_on(&mut self, batch: HandedOn) {
        self.0.push(Heard::HandedOn(batch));
    }
    fn settled(&mut self, latency: Duration) {
        self.0.push(Heard::Settled(latency));
    }
    fn coalesced(&mut self) {
        self.0.push(Heard::Coalesced);
    }
    fn expired(&mut self) {
        self.0.push(Heard::Expired);
    }
    fn dropped(&mut self, reason: DropReason) {
        self.0.push(Heard::Dropped(reason));
    }
    fn refused(&mut self, reason: RefuseReason) {
        self.0.push(Heard::Refused(reason));
    }
    fn overflow(&mut self, edge: OverflowEdge) {
        self.0.push(Heard::Overflow(edge));
    }
}

type Buffer<U> = Batch<U, Box<[Item<U>]>, TOLD>;

/// A bus, the buffer of whoever polls it, and a clock that shows what the test says.
pub(crate) struct Host<U: Told = Note> {
    pub(crate) bus: Bus<U, Box<[Slot<U>]>, Ears, 8, TOLD>,
    pub(crate) batch: Buffer<U>,
    /// Batches that are in flight elsewhere.
    aside: Vec<Buffer<U>>,
    /// Updates that are still to be pushed.
    waiting: usize,
    now: Instant,
}

impl<U: Told> Host<U> {
    /// A bus with as many slots as its queue limit, and a buffer of its batch size.
    pub(crate) fn new(config: Config) -> Self {
        Self::with_slots(config.values().queue_limit, config)
    }

    pub(crate) fn with_slots(slots: usize, config: Config) -> Self {
        Self::of((0..slots).map(|_| Slot::VACANT).collect(), config, 0)
    }

    fn of(slots: Box<[Slot<U>]>, config: Config, waiting: usize) -> Self {
        let bus = Bus::with_slots(slots, config, Ears::default());
        let host = Self { bus, batch: buffer(256), aside: Vec::new(), waiting, now: Instant::ZERO };
        host.check();
        host
    }

    /// A bus in which these updates are queued.
    pub(crate) fn from_updates(config: Config, updates: Vec<U>) -> Self {
        let slots = (0..config.values().queue_limit).map(|_| Slot::VACANT).collect();
        let mut host = Self::of(slots, config, updates.len());
        host.queue(updates);
        host
    }

    /// The clock shows `ms` milliseconds from here on.
    pub(crate) fn at(&mut self, ms: u64) -> &mut Self {
        self.at_instant(Instant::from_millis(ms))
    }

    pub(crate) fn at_instant(&mut self, now: Instant) -> &mut Self {
        self.now = now;
        self
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn push(&mut self, update: U) -> Became {
        let name = update.name().to_owned();
        let became = match self.bus.push(update, self.now) {
            Pushed::Queued => Became::Queued,
            Pushed::Merged(old) => Became::Merged(old.name().to_owned()),
            Pushed::Displaced(old, loss) => Became::Displaced(old.name().to_owned(), loss),
            Pushed::Expired(newcomer) => {
                assert_eq!(newcomer.name(), name, "the newcomer is handed back");
                Became::Expired
            }
            Pushed::Dropped(newcomer, reason) => {
                assert_eq!(newcomer.name(), name, "the newcomer is handed back");
                Became::Dropped(reason)
            }
            Pushed::Refused(newcomer, reason) => {
                assert_eq!(newcomer.name(), name, "the newcomer is handed back");
                Became::Refused(reason)
            }
        };
        self.check();
        became
    }

    /// Pushes updates that are all queued.
    pub(crate) fn queue(&mut self, updates: impl IntoIterator<Item = U>) {
        let updates: Vec<U> = updates.into_iter().collect();
        self.waiting = updates.len();
        for update in updates {
            self.waiting -= 1;
            let name = update.name().to_owned();
            assert_eq!(self.push(update), Became::Queued, "{name}");
        }
    }

    /// Polls, and leaves the batch in flight. Answers with the names of what had expired.
    pub(crate) fn poll(&mut self) -> (bool, Vec<String>) {
        let mut expired = Vec::new();
        let hear = |update: U| expired.push(update.name().to_owned());
        let due = self.bus.poll_with(&mut self.batch, hear, self.now);
        self.check();
        (due, expired)
    }

    /// Polls a part of a batch. Answers with the names of what had expired.
    pub(crate) fn poll_part(&mut self, most: usize) -> (Part, Vec<String>) {
        let mut expired = Vec::new();
        let hear = |update: U| expired.push(update.name().to_owned());
        let part = self.bus.poll_part(&mut self.batch, most, hear, self.now);
        self.check();
        (part, expired)
    }

    /// There is a part of a batch, in which nothing has expired; the batch has these updates now.
    #[track_caller]
    pub(crate) fn expect_part<const N: usize>(
        &mut self,
        most: usize,
        part: Part,
        names: [&str; N],
    ) {
        assert_eq!(self.poll_part(most), (part, Vec::new()));
        assert_eq!(self.names(), names);
    }

    /// A batch is due: it has these updates and no gap, and the sink accepts it.
    #[track_caller]
    pub(crate) fn expect_batch<const N: usize>(&mut self, names: [&str; N]) {
        self.expect_gap([], names);
    }

    /// A batch is due: these losses stand in front of these updates. The sink accepts it.
    #[track_caller]
    pub(crate) fn expect_gap<const G: usize, const N: usize>(
        &mut self,
        losses: [(&str, u64); G],
        names: [&str; N],
    ) {
        self.expect_in_flight(losses, names);
        self.deliver();
    }

    /// A batch is due: these losses stand in front of these updates. It stays in flight.
    #[track_caller]
    pub(crate) fn expect_in_flight<const G: usize, const N: usize>(
        &mut self,
        losses: [(&str, u64); G],
        names: [&str; N],
    ) {
        assert!(self.poll().0, "a batch is due");
        assert_eq!(self.names(), names);
        assert_eq!(self.losses(), losses);
    }

    /// The losses that stand in front of the updates in the buffer.
    pub(crate) fn losses(&self) -> Vec<(&'static str, u64)> {
        self.batch.gap().map(losses_of).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        assert!(!self.poll().0, "nothing is due, but out came {:?}", self.names());
    }

    /// When the bus next wants to be polled, in milliseconds.
    #[track_caller]
    pub(crate) fn expect_next(&self, ms: impl Into<Option<u64>>) {
        assert_eq!(self.bus.poll_at(), ms.into().map(Instant::from_millis));
    }

    /// The counters that are not zero, by their names in JSON; `sent` follows from the others.
    #[track_caller]
    pub(crate) fn expect_ledger<const N: usize>(&self, counts: [(&str, u64); N]) {
        assert_eq!(counts_of(&self.bus.ledger()), counts);
    }

    /// The names of the updates in the buffer.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.batch.iter().map(|handed| handed.update.name()).collect()
    }

    /// The positions of the updates in the buffer.
    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.batch.iter().map(|handed| handed.seq).collect()
    }

    /// Takes the next few updates out of the buffer, as the caller's own.
    pub(crate) fn take_out(&mut self, count: usize) -> Vec<(u64, String)> {
        let out = self.batch.drain().take(count);
        let out = out.map(|handed| (handed.seq, handed.update.name().to_owned())).collect();
        self.check();
        out
    }

    pub(crate) fn deliver(&mut self) {
        self.bus.delivered(&mut self.batch, self.now);
        self.check();
    }

    pub(crate) fn fail(&mut self, accepted: usize) {
        self.bus.failed(&mut self.batch, accepted, self.now);
        self.check();
    }

    /// The sink cannot take the update at this position. Answers with its name if it is handed back.
    pub(crate) fn fail_at(&mut self, seq: u64) -> Option<String> {
        let back = self.bus.failed_at(&mut self.batch, seq, self.now);
        let name = back.map(|update| update.name().to_owned());
        self.check();
        name
    }

    /// Leaves the batch in flight and goes on with another buffer.
    pub(crate) fn lay_aside(&mut self) {
        self.aside.push(std::mem::replace(&mut self.batch, buffer(256)));
    }

    /// Goes back to the buffer that was laid aside first.
    pub(crate) fn take_up(&mut self) {
        assert!(self.batch.is_empty(), "the buffer is settled");
        self.batch = self.aside.remove(0);
    }

    pub(crate) fn use_buffer(&mut self, capacity: usize) {
        assert!(self.batch.is_empty(), "the buffer is settled");
        self.batch = buffer(capacity);
    }

    pub(crate) fn flush(&mut self) -> FlushMark {
        let mark = self.bus.flush(self.now);
        self.check();
        mark
    }

    pub(crate) fn close(&mut self) {
        self.bus.close(self.now);
        self.check();
    }

    /// Answers with what had to leave, and why.
    pub(crate) fn reconfigure(&mut self, config: Config) -> Vec<(String, Loss)> {
        let mut left = Vec::new();
        let hear = |update: U, loss| left.push((update.name().to_owned(), loss));
        self.bus.reconfigure(config, hear, self.now);
        self.check();
        left
    }

    /// What telemetry heard since it was last asked.
    pub(crate) fn heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.bus.telemetry().0)
    }

    /// The longest waits of the batches that telemetry heard of since it was last asked, in
    /// milliseconds.
    pub(crate) fn longest_waits(&mut self) -> Vec<u128> {
        let heard = self.heard().into_iter().filter_map(|heard| match heard {
            Heard::HandedOn(batch) => Some(batch.longest_wait.as_millis()),
            _ => None,
        });
        heard.collect()
    }

    /// Polls until nothing is due, and counts what the sink accepted, by the reason of its batch.
    pub(crate) fn drain(&mut self) -> Vec<(FlushReason, usize)> {
        let mut batches = Vec::new();
        while self.poll().0 {
            batches.push((self.batch.reason(), self.batch.len()));
            self.deliver();
        }
        batches
    }

    #[track_caller]
    fn check(&self) {
        let ledger = self.bus.ledger();
        assert!(ledger.is_balanced(), "{ledger:?}");
        let aside: usize = self.aside.iter().map(Batch::len).sum();
        let held = self.waiting + ledger.queued as usize + self.batch.len() + aside;
        assert_eq!(alive(), held, "an update leaked, or exists twice: {ledger:?}");
    }
}

fn buffer<U: Told>(capacity: usize) -> Buffer<U> {
    Batch::with_items((0..capacity).map(|_| Item::VACANT).collect())
}

/// A gap's losses that are not zero, by their names in JSON.
fn losses_of<T>(gap: &Gap<T, TOLD>) -> Vec<(&'static str, u64)> {
    gap.total().iter().map(|(loss, count)| (loss.as_str(), count)).collect()
}

fn counts_of(ledger: &Ledger) -> Vec<(&'static str, u64)> {
    let dropped = DropReason::ALL.map(|why| (why.as_str(), ledger.dropped.count(why)));
    let refused = RefuseReason::ALL.map(|why| (why.as_str(), ledger.refused.count(why)));
    let mut counts = vec![
        ("delivered", ledger.delivered),
        ("coalesced", ledger.coalesced),
        ("expired", ledger.expired),
    ];
    counts.extend(dropped.into_iter().chain(refused));
    counts.extend([("queued", ledger.queued), ("in_flight", ledger.in_flight)]);
    counts.retain(|&(_, count)| count > 0);
    counts
}
