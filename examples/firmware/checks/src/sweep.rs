//! The handle and the runner, under an interrupt at every instruction.

use core::cell::RefCell;
use core::fmt;
use core::pin::pin;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Duration;
use statusbus_embassy::{Buffer, Key, Ledger, Message, Status, Subject};

use crate::time;

mod action;
pub mod interrupt;
mod work;

pub use action::Action;
pub use work::Work;

const SLOTS: usize = 8;
const BATCH: usize = 4;

/// The senders, as conversations.
const TASK: u32 = 1;
const INTERRUPT: u32 = 2;

type Update = Message<8, 8, 0, Key<4>>;
pub(crate) type Bus = Status<CriticalSectionRawMutex, Update, SLOTS>;

/// What is interrupted, by what.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What is interrupted.
    pub work: Work,
    /// What the interrupt does.
    pub action: Action,
}

/// The result of one run.
pub struct Trial {
    /// The interrupt came during the work.
    pub was_inside: bool,
    /// Whether everything was right.
    pub outcome: Result<(), Wrong>,
}

/// What was wrong.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// The counters do not balance, or do not match what was sent and received.
    Ledger(Ledger),
    /// Updates arrived out of order, or twice.
    Order,
    /// The gaps reported another number than was lost.
    Gap,
    /// The last update is missing.
    Last,
    /// Nothing is queued, and a timer is armed.
    Timer,
}

/// Everything that can be interrupted.
#[must_use]
pub const fn works() -> [Work; 8] {
    Work::ALL
}

/// Everything that an interrupt can do.
#[must_use]
pub const fn actions() -> [Action; 3] {
    Action::ALL
}

impl Case {
    /// Does the work on a new bus, with the interrupt `after` so many instructions, and checks the result.
    #[must_use]
    pub fn run(&self, after: u32) -> Trial {
        let Self { work, action } = *self;
        time::begin_anew();
        let bus = Bus::new();
        let may_step_back = matches!(work, Work::Merge | Work::Raise);
        let received = RefCell::new(Received { may_step_back, ..Received::default() });
        let mut runner = pin!(collect(&bus, &received));
        // asleep, and behind a batch: the first update would be due at once otherwise
        work::poll(runner.as_mut(), 1);
        work.prepare(&bus);
        let was_inside =
            interrupt::during(&bus, action, after, || work.work(&bus, runner.as_mut()));
        for _ in 0..2 * SLOTS {
            time::pass(Duration::from_millis(60));
            work::poll(runner.as_mut(), 3);
        }
        let sent = work.before() + work.sent() + action.sent();
        let outcome = received.borrow().check(&bus.ledger(), sent, *self);
        Trial { was_inside, outcome }
    }
}

/// What the sink received.
#[derive(Default)]
struct Received {
    /// Updates of the task, and the next number that may arrive.
    of_task: u64,
    next: u8,
    of_interrupt: u64,
    lost: u64,
    /// The last position.
    seq: u64,
    out_of_order: bool,
    /// The numbers of the task may step back once.
    may_step_back: bool,
}

/// The runner's task.
async fn collect(bus: &Bus, received: &RefCell<Received>) {
    let mut buffer = Buffer::<_, BATCH>::new();
    let Ok(mut runner) = bus.runner(&mut buffer) else { return };
    while let Some(mut batch) = runner.next().await {
        if let Ok(mut received) = received.try_borrow_mut() {
            while let Some(entry) = batch.gap() {
                received.take_gap(entry.seq, entry.missing());
                batch.confirm_loss();
            }
            for handed in batch.updates() {
                received.take(handed.seq, handed.update);
            }
        }
        batch.delivered();
    }
}

impl Received {
    fn take_gap(&mut self, seq: u64, lost: u64) {
        self.lost += lost;
        // the entries of a gap have one position
        self.out_of_order |= seq < self.seq;
        self.seq = seq;
    }

    fn take(&mut self, seq: u64, update: &Update) {
        self.out_of_order |= seq <= self.seq;
        self.seq = seq;
        match (update.subject(), update.text().as_bytes()) {
            (Subject::Number(TASK), &[number]) => {
                // an update that replaces another one takes its place
                self.out_of_order |= number < self.next && !self.may_step_back;
                self.may_step_back &= number >= self.next;
                self.next = self.next.max(number + 1);
                self.of_task += 1;
            }
            (Subject::Number(INTERRUPT), b"i") => self.of_interrupt += 1,
            _ => self.out_of_order = true,
        }
    }

    #[allow(clippy::result_large_err)] // the ledger shows the reason
    fn check(&self, ledger: &Ledger, sent: u64, case: Case) -> Result<(), Wrong> {
        let Ledger { delivered, coalesced, dropped, refused, queued, in_flight, expired, .. } =
            *ledger;
        let exact = ledger.is_balanced()
            && ledger.sent == sent
            && delivered == self.of_task + self.of_interrupt
            && (queued, in_flight, expired) == (0, 0, 0)
            && refused.total() == u64::from(matches!(case.work, Work::Refuse))
            && coalesced == u64::from(matches!(case.work, Work::Merge | Work::Raise))
            && (dropped.total() == 0) == !matches!(case.work, Work::Evict);
        if !exact {
            return Err(Wrong::Ledger(*ledger));
        }
        // it must have stepped back if it may
        if self.out_of_order || self.may_step_back {
            return Err(Wrong::Order);
        }
        if self.lost != dropped.total() {
            return Err(Wrong::Gap);
        }
        if time::alarm().is_some() {
            return Err(Wrong::Timer);
        }
        // the last update is never the one that is evicted
        let last_task = b'0' + (case.work.before() + case.work.sent() - 1) as u8;
        let sent_by_task = matches!(case.work, Work::Refuse) || self.next == last_task + 1;
        if sent_by_task && self.of_interrupt == 1 { Ok(()) } else { Err(Wrong::Last) }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, an interrupt {}", self.work.name(), self.action.name())
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger(ledger) => write!(f, "{ledger:?}"),
            Self::Order => f.write_str("out of order"),
            Self::Gap => f.write_str("the gap is not what was lost"),
            Self::Last => f.write_str("the last update is missing"),
            Self::Timer => f.write_str("nothing is queued, and a timer is armed"),
        }
    }
}
