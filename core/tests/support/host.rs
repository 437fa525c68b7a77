//! A host in virtual time. It counts every update that it pushes and every one that leaves by itself, and
//! asserts after each call that the ledger and telemetry equal its counts, that positions follow without a
//! hole, that each gap has all losses so far, and that every update that exists is where it is counted.

use std::time::Duration;

use statusbus_core::{
    Accepted, Batch, Bus, Config, DropReason, FlushMark, FlushReason, Gap, Instant, Item, Leading,
    Ledger, Loss, Outcome, Polled, Receipt, RefuseReason, Slot,
};

use super::ROWS;
use super::note::{Named, Note, alive};
use super::recorder::{Record, Recorder};
use super::tally::{Tally, counts_of};

/// The defaults with another queue limit and batch size.
pub(crate) fn config(queue_limit: usize, batch_size: usize) -> Config {
    let config = Config::new().with_queue_limit(queue_limit).expect("a queue limit in range");
    config.with_batch_size(batch_size).expect("a batch size in range")
}

/// A bus whose first update waits for the interval like every other.
pub(crate) fn delayed(queue_limit: usize, batch_size: usize) -> Host {
    Host::new(config(queue_limit, batch_size).with_leading(Leading::Delayed))
}

/// What became of an update that was pushed, with the name of another that left for it.
#[derive(Debug, PartialEq)]
pub(crate) enum Pushed {
    Queued,
    Merged(String),
    Displaced(String, Loss),
    Expired,
    Dropped(DropReason),
    Refused(RefuseReason),
}

impl Pushed {
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self, Self::Queued | Self::Merged(_) | Self::Displaced(..))
    }
}

type Buffer<U> = Batch<U, Box<[Item<U>]>>;

/// The batch in a buffer as the host knows it.
#[derive(Default)]
struct Flight {
    /// The ids of its updates; `None` where one was settled by itself.
    ids: Vec<Option<u64>>,
    gap_seq: Option<u64>,
    state: State,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Settled,
    Growing,
    Whole,
    /// Its receipt was taken, the updates are still in the buffer.
    Kept,
}

/// A receipt, and how many updates are in flight for it.
pub(crate) struct Ticket {
    receipt: Receipt,
    in_flight: usize,
    gap_seq: Option<u64>,
    is_owed: bool,
}

/// A bus, the buffer of its poller, and a clock that the test sets.
pub(crate) struct Host<U: Named = Note> {
    pub(crate) bus: Bus<U, Box<[Slot<U>]>, Recorder, 8, ROWS>,
    pub(crate) batch: Buffer<U>,
    flight: Flight,
    /// Batches that are in flight elsewhere.
    aside: Vec<(Buffer<U>, Flight)>,
    tally: Tally,
    /// Updates that are still to be pushed.
    unsent: usize,
    now: Instant,
}

impl Ticket {
    /// For tests that count by themselves.
    pub(crate) fn into_receipt(self) -> Receipt {
        self.receipt
    }
}

impl<U: Named> Host<U> {
    /// A bus with as many slots as its queue limit.
    pub(crate) fn new(config: Config) -> Self {
        Self::with_slots(config.queue_limit(), config)
    }

    pub(crate) fn with_slots(slots: usize, config: Config) -> Self {
        let slots = (0..slots).map(|_| Slot::VACANT).collect();
        Self {
            bus: Bus::with_slots(slots, config, Recorder::default()),
            batch: buffer(256),
            flight: Flight::default(),
            aside: Vec::new(),
            tally: Tally::default(),
            unsent: 0,
            now: Instant::ZERO,
        }
    }

    /// A bus in which these updates are queued.
    pub(crate) fn from_updates(config: Config, updates: Vec<U>) -> Self {
        let mut host = Self::new(config);
        host.queue(updates);
        host
    }

    /// From here on the clock reads `ms` milliseconds.
    pub(crate) fn advance_to(&mut self, ms: u64) -> &mut Self {
        self.set_clock(Instant::from_millis(ms))
    }

    /// From here on the clock has this reading, which may be an earlier one.
    pub(crate) fn set_clock(&mut self, now: Instant) -> &mut Self {
        self.now = now;
        self
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn push(&mut self, update: U) -> Pushed {
        let now = self.now;
        self.push_with(update, || now)
    }

    pub(crate) fn push_with(&mut self, mut update: U, clock: impl FnOnce() -> Instant) -> Pushed {
        let pushed = update.id();
        let options = update.options();
        let outcome = self.bus.push(&mut update, options, clock);
        self.tally.send();
        let back = update.id();
        let name = update.name().to_owned();
        match outcome {
            Outcome::Queued => assert_eq!(back, 0, "nothing comes back"),
            Outcome::Merged | Outcome::Displaced(_) => assert_ne!(back, pushed, "another leaves"),
            _ => assert_eq!(back, pushed, "the update itself comes back"),
        }
        drop(update);
        let answer = match outcome {
            Outcome::Queued => Pushed::Queued,
            Outcome::Merged => {
                self.tally.coalesce(back);
                Pushed::Merged(name)
            }
            Outcome::Displaced(loss) => {
                self.tally.dequeue(back);
                self.tally.lose(loss);
                Pushed::Displaced(name, loss)
            }
            Outcome::Expired => {
                self.tally.lose(Loss::Expired);
                Pushed::Expired
            }
            Outcome::Dropped(reason) => {
                self.tally.lose(Loss::Dropped(reason));
                Pushed::Dropped(reason)
            }
            Outcome::Refused(reason) => {
                self.tally.refuse(reason);
                Pushed::Refused(reason)
            }
            outcome => unreachable!("{outcome:?} is new"),
        };
        if outcome.is_queued() {
            self.tally.enqueue(pushed);
        }
        self.check();
        answer
    }

    /// Pushes updates that are all queued.
    pub(crate) fn queue(&mut self, updates: impl IntoIterator<Item = U>) {
        let updates: Vec<U> = updates.into_iter().collect();
        self.unsent = updates.len();
        for update in updates {
            self.unsent -= 1;
            let name = update.name().to_owned();
            assert_eq!(self.push(update), Pushed::Queued, "{name}");
        }
    }

    pub(crate) fn refuse(&mut self, reason: RefuseReason) {
        self.bus.refuse(reason);
        self.tally.send();
        self.tally.refuse(reason);
        self.check();
    }

    /// Whether a batch was due. It stays in flight.
    pub(crate) fn poll(&mut self) -> bool {
        let polled = self.poll_part(usize::MAX).0;
        assert_ne!(polled, Polled::More, "a poll takes all that fits");
        polled == Polled::Batch
    }

    /// Polls a part of a batch. Answers also with the names of updates that had expired.
    pub(crate) fn poll_part(&mut self, most: usize) -> (Polled, Vec<String>) {
        let mut expired = Vec::new();
        let mut ids = Vec::new();
        let record = |update: &mut U| {
            ids.push(update.id());
            expired.push(update.name().to_owned());
        };
        let polled = self.bus.poll_part(&mut self.batch, most, record, self.now);
        for id in ids {
            self.tally.dequeue(id);
            self.tally.lose(Loss::Expired);
        }
        match polled {
            Polled::Wait(at) => {
                if self.batch.capacity() > 0 {
                    assert_eq!(at, self.bus.poll_at(), "both are the next deadline");
                    assert!(at.is_none_or(|at| at > self.now), "a batch is due");
                }
                self.flight = Flight::default();
            }
            Polled::Batch if self.flight.state == State::Whole => {
                assert!(expired.is_empty(), "it is the answer again, as it was");
            }
            _ if self.flight.state != State::Growing => {
                let gap = self.bus.gap(&self.batch).map(|gap| (gap.seq(), gap.total()));
                self.tally.begin(gap);
                let (ids, gap_seq) = (Vec::new(), self.batch.gap_seq());
                self.flight = Flight { ids, gap_seq, state: State::Growing };
                assert_eq!(self.batch.first_seq(), self.tally.seq + 1, "positions have no hole");
            }
            _ => {}
        }
        for update in self.batch.iter().skip(self.flight.ids.iter().flatten().count()) {
            self.flight.ids.push(Some(update.update.id()));
            self.tally.poll(update.update.id());
            assert_eq!(update.seq, self.tally.seq, "positions have no hole");
        }
        if polled == Polled::Batch {
            self.flight.state = State::Whole;
        }
        self.check();
        (polled, expired)
    }

    /// A part of a batch is polled, in which nothing has expired; the batch now has these updates.
    #[track_caller]
    pub(crate) fn expect_part<const N: usize>(
        &mut self,
        most: usize,
        polled: Polled,
        names: [&str; N],
    ) {
        assert_eq!(self.poll_part(most), (polled, Vec::new()));
        assert_eq!(self.names(), names);
    }

    /// A batch is due: it has these updates and no gap, and the sink accepts it.
    #[track_caller]
    pub(crate) fn expect_batch<const N: usize>(&mut self, names: [&str; N]) {
        self.expect_gap([], names);
    }

    /// A batch is due: a gap with these losses, and these updates. The sink accepts it.
    #[track_caller]
    pub(crate) fn expect_gap<const G: usize, const N: usize>(
        &mut self,
        losses: [(&str, u64); G],
        names: [&str; N],
    ) {
        self.expect_in_flight(losses, names);
        self.deliver();
    }

    /// A batch is due: a gap with these losses, and these updates. It stays in flight.
    #[track_caller]
    pub(crate) fn expect_in_flight<const G: usize, const N: usize>(
        &mut self,
        losses: [(&str, u64); G],
        names: [&str; N],
    ) {
        assert!(self.poll(), "a batch is due");
        assert_eq!(self.names(), names);
        assert_eq!(self.losses(), losses);
    }

    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        assert!(!self.poll(), "nothing is due, but out came {:?}", self.names());
    }

    /// When the bus next wants to be polled, in milliseconds.
    #[track_caller]
    pub(crate) fn expect_next(&self, ms: impl Into<Option<u64>>) {
        assert_eq!(self.bus.poll_at(), ms.into().map(Instant::from_millis));
    }

    /// The counters that are not zero, by their names in JSON; `sent` follows from the others.
    #[track_caller]
    pub(crate) fn expect_ledger<const N: usize>(&self, counts: [(&str, u64); N]) {
        assert_eq!(counters(&self.bus.ledger()), counts);
    }

    /// The names of the updates in the buffer.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.batch.iter().map(|one| one.update.name()).collect()
    }

    /// The positions of the updates in the buffer.
    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.batch.iter().map(|one| one.seq).collect()
    }

    /// How long the updates in the buffer were queued, in milliseconds.
    pub(crate) fn waits(&self) -> Vec<u128> {
        self.batch.iter().map(|one| one.waited().as_millis()).collect()
    }

    /// The gap in front of the batch in the buffer.
    #[track_caller]
    pub(crate) fn gap(&self) -> &Gap<U::Topic, ROWS> {
        self.bus.gap(&self.batch).expect("something is missing")
    }

    /// The losses of the gap in front of the batch in the buffer.
    pub(crate) fn losses(&self) -> Vec<(&'static str, u64)> {
        let gap = self.bus.gap(&self.batch);
        gap.map(|gap| losses_of(&gap.total())).unwrap_or_default()
    }

    /// The sink accepts the batch in the buffer.
    pub(crate) fn deliver(&mut self) {
        self.settle(Accepted::All);
    }

    /// The sink accepts the first few updates of the batch in the buffer.
    pub(crate) fn fail(&mut self, accepted: usize) {
        self.settle(Accepted::First(accepted));
    }

    pub(crate) fn settle(&mut self, accepted: Accepted) {
        self.bus.settle(&mut self.batch, accepted, self.now);
        self.count_settled(accepted);
        self.check();
    }

    fn count_settled(&mut self, accepted: Accepted) {
        let flight = std::mem::take(&mut self.flight);
        if !matches!(flight.state, State::Growing | State::Whole) {
            return;
        }
        let first = match accepted {
            Accepted::All => usize::MAX,
            Accepted::First(first) => first,
        };
        for (index, id) in flight.ids.into_iter().enumerate() {
            match id {
                Some(_) if index < first => self.tally.deliver(),
                Some(_) => self.tally.fail(),
                None => {}
            }
        }
        self.tally.close(flight.gap_seq, first > 0);
    }

    /// The sink cannot take the update at this position. Answers with its name if it comes back.
    pub(crate) fn settle_one(&mut self, seq: u64) -> Option<String> {
        let index = seq.checked_sub(self.batch.first_seq());
        let back = self.bus.settle_one(&mut self.batch, seq, self.now);
        let back = back.map(|update| std::mem::replace(update, U::EMPTY));
        let name = back.map(|update| {
            let index = index.expect("a position of the batch") as usize;
            assert_eq!(self.flight.ids[index].take(), Some(update.id()));
            self.tally.fail();
            update.name().to_owned()
        });
        self.check();
        name
    }

    /// The next `count` losses of the gap in front of the batch were passed on.
    pub(crate) fn confirm_losses(&mut self, count: usize) {
        if let Some(gap) = self.bus.gap(&self.batch) {
            let confirmed = gap.confirmed();
            let losses: Vec<_> = (confirmed..).map_while(|index| gap.loss(index)).collect();
            for (_, losses) in losses.iter().take(count) {
                self.tally.confirm(losses, false);
            }
            if losses.len() <= count {
                self.tally.confirm(&statusbus_core::Losses::default(), true);
            }
        }
        self.bus.confirm_losses(&self.batch, count);
        self.check();
    }

    /// Takes the duty to settle the batch in the buffer, whose updates stay there.
    pub(crate) fn take_receipt(&mut self) -> Ticket {
        let is_owed = matches!(self.flight.state, State::Growing | State::Whole);
        self.flight.state = State::Kept;
        let ticket = Ticket {
            receipt: self.batch.take_receipt(),
            in_flight: self.flight.ids.iter().flatten().count(),
            gap_seq: self.flight.gap_seq,
            is_owed,
        };
        self.check();
        ticket
    }

    pub(crate) fn settle_receipt(&mut self, ticket: Ticket, accepted: Accepted) {
        self.bus.settle_receipt(ticket.receipt, accepted, self.now);
        if ticket.is_owed {
            let first = match accepted {
                Accepted::All => ticket.in_flight,
                Accepted::First(first) => first.min(ticket.in_flight),
            };
            (0..first).for_each(|_| self.tally.deliver());
            (first..ticket.in_flight).for_each(|_| self.tally.fail());
            self.tally.close(ticket.gap_seq, accepted != Accepted::First(0));
        }
        self.check();
    }

    /// Empties the buffer of a batch whose receipt was taken.
    pub(crate) fn clear(&mut self) {
        assert!(self.flight.state == State::Kept, "a batch is settled first");
        self.batch.clear();
        self.flight = Flight::default();
        self.check();
    }

    /// Leaves the batch in flight and goes on with another buffer.
    pub(crate) fn lay_aside(&mut self) {
        let batch = std::mem::replace(&mut self.batch, buffer(256));
        self.aside.push((batch, std::mem::take(&mut self.flight)));
    }

    /// Goes back to the buffer that was laid aside first.
    pub(crate) fn take_up(&mut self) {
        assert!(self.flight.state == State::Settled, "the buffer is settled");
        (self.batch, self.flight) = self.aside.remove(0);
    }

    pub(crate) fn use_buffer(&mut self, capacity: usize) {
        assert!(self.flight.state == State::Settled, "the buffer is settled");
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
        let mut ids = Vec::new();
        let record = |update: &mut U, loss| {
            ids.push((update.id(), loss));
            left.push((update.name().to_owned(), loss));
        };
        self.bus.reconfigure(config, record, self.now);
        for (id, loss) in ids {
            self.tally.dequeue(id);
            self.tally.lose(loss);
        }
        self.check();
        left
    }

    /// What telemetry has recorded since it was last asked.
    pub(crate) fn records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.bus.telemetry().records)
    }

    /// The longest waits of the batches that telemetry has recorded since it was last asked, in
    /// milliseconds.
    pub(crate) fn longest_waits(&mut self) -> Vec<u128> {
        let waits = self.records().into_iter().filter_map(|record| match record {
            Record::Polled(batch) => Some(batch.longest_wait.as_millis()),
            _ => None,
        });
        waits.collect()
    }

    /// Polls until nothing is due, and counts what the sink accepted, by the reason of its batch.
    pub(crate) fn drain(&mut self) -> Vec<(FlushReason, usize)> {
        let mut batches = Vec::new();
        while self.poll() {
            batches.push((self.batch.reason(), self.batch.len()));
            self.deliver();
        }
        batches
    }

    #[track_caller]
    pub(crate) fn check(&mut self) {
        let (ledger, counted) = (self.bus.ledger(), self.tally.ledger());
        assert_eq!(ledger, counted, "the ledger, and what the host has counted");
        assert!(counted.is_balanced(), "{counted:?}");
        assert_eq!(self.bus.seq(), self.tally.seq);
        let in_flight = self.bus.gap(&self.batch).map(|gap| {
            let mut losses = counts_of(&gap.total());
            for (_, confirmed) in (0..gap.confirmed()).filter_map(|index| gap.loss(index)) {
                for (loss, count) in confirmed.iter() {
                    *losses.get_mut(loss.as_str()).expect("it is in the total") -= count;
                }
            }
            losses.retain(|_, count| *count > 0);
            losses
        });
        assert_eq!(in_flight.as_ref(), self.tally.on_its_way(self.batch.gap_seq()));
        let telemetry = self.bus.telemetry();
        let settled = telemetry.settled;
        let mut recorded = counted;
        (recorded.sent, recorded.delivered) = (0, 0); // telemetry does not count these
        (recorded.queued, recorded.in_flight) = (0, 0);
        assert_eq!(telemetry.counted, recorded, "telemetry, and what the host has counted");
        assert_eq!(settled, self.tally.settled, "batches that were settled");
        let aside = self.aside.iter().map(|(_, flight)| flight);
        let held: usize = aside.chain([&self.flight]).map(Flight::held).sum();
        let counted = self.unsent + self.tally.queued() + held;
        assert_eq!(alive(), counted, "an update leaked, or exists twice: {ledger:?}");
    }
}

impl Flight {
    /// Updates in the buffer.
    fn held(&self) -> usize {
        self.ids.iter().flatten().count()
    }
}

fn buffer<U: Named>(capacity: usize) -> Buffer<U> {
    Batch::with_items((0..capacity).map(|_| Item::VACANT).collect())
}

/// Losses that are not zero, by their names in JSON.
pub(crate) fn losses_of(losses: &statusbus_core::Losses) -> Vec<(&'static str, u64)> {
    losses.iter().map(|(loss, count)| (loss.as_str(), count)).collect()
}

fn counters(ledger: &Ledger) -> Vec<(&'static str, u64)> {
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

/// A span in milliseconds.
pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
