//! The handle and the runner, under an interrupt at every instruction.

use core::cell::RefCell;
use core::fmt;
use core::pin::pin;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Duration;
use statusbus_embassy::{About, Buffer, Key, Ledger, Message, Status};

use crate::time;

pub mod interrupt;
mod say;
mod work;

pub use say::Say;
pub use work::Work;

const SLOTS: usize = 8;
const BATCH: usize = 4;

/// Who sends: conversations.
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
    pub say: Say,
}

/// What came of it once.
pub struct Trial {
    /// The interrupt came while the work was at it.
    pub came_inside: bool,
    /// Whether everything was as it should be.
    pub outcome: Result<(), Wrong>,
}

/// What was not as it should be.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// The counters do not add up, or not to what was sent and has come.
    Ledger(Ledger),
    /// It has come out of order, or twice.
    Order,
    /// Another number was told as lost than was lost.
    Gap,
    /// The last word is not there.
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
pub const fn says() -> [Say; 3] {
    Say::ALL
}

impl Case {
    /// Does the work on a new bus, with the interrupt `after` so many instructions, and looks at what
    /// came of it.
    #[must_use]
    pub fn run(&self, after: u32) -> Trial {
        let Self { work, say } = *self;
        time::begin_anew();
        let bus = Bus::new();
        let may_step_back = matches!(work, Work::Merge);
        let come = RefCell::new(Come { may_step_back, ..Come::default() });
        let mut runner = pin!(collect(&bus, &come));
        // it sleeps; the first update would go out at once otherwise
        work::poll(runner.as_mut(), 1);
        work.prepare(&bus);
        let came_inside = interrupt::during(&bus, say, after, || work.work(&bus, runner.as_mut()));
        for _ in 0..2 * SLOTS {
            time::pass(Duration::from_millis(60));
            work::poll(runner.as_mut(), 3);
        }
        let sent = work.before() + work.sent() + say.sent();
        let outcome = come.borrow().judge(&bus.ledger(), sent, *self);
        Trial { came_inside, outcome }
    }
}

/// What has come to the sink.
#[derive(Default)]
struct Come {
    /// The updates of the task, and the next that may come.
    of_task: u64,
    next: u8,
    of_interrupt: u64,
    lost: u64,
    /// The position of the last.
    seq: u64,
    out_of_order: bool,
    /// The task's updates may step back once.
    may_step_back: bool,
}

/// The runner's task.
async fn collect(bus: &Bus, come: &RefCell<Come>) {
    let mut buffer = Buffer::<_, BATCH>::new();
    let Ok(mut runner) = bus.runner(&mut buffer) else { return };
    while let Some(batch) = runner.next().await {
        if let Ok(mut come) = come.try_borrow_mut() {
            if let Some(gap) = batch.gap() {
                come.take_gap(gap.seq(), gap.total().total());
            }
            for handed in batch.updates() {
                come.take(handed.seq, handed.update);
            }
        }
        batch.delivered();
    }
}

impl Come {
    fn take_gap(&mut self, seq: u64, lost: u64) {
        self.lost += lost;
        self.out_of_order |= seq <= self.seq;
        self.seq = seq;
    }

    fn take(&mut self, seq: u64, update: &Update) {
        self.out_of_order |= seq <= self.seq;
        self.seq = seq;
        match (update.about(), update.text().as_bytes()) {
            (About::Number(TASK), &[number]) => {
                // what replaces another one comes in its place
                self.out_of_order |= number < self.next && !self.may_step_back;
                self.may_step_back &= number >= self.next;
                self.next = self.next.max(number + 1);
                self.of_task += 1;
            }
            (About::Number(INTERRUPT), b"i") => self.of_interrupt += 1,
            _ => self.out_of_order = true,
        }
    }

    #[allow(clippy::result_large_err)] // the whole ledger is what tells why
    fn judge(&self, ledger: &Ledger, sent: u64, case: Case) -> Result<(), Wrong> {
        let Ledger { delivered, coalesced, dropped, refused, queued, in_flight, expired, .. } =
            *ledger;
        let exact = ledger.is_balanced()
            && ledger.sent == sent
            && delivered == self.of_task + self.of_interrupt
            && (queued, in_flight, expired) == (0, 0, 0)
            && refused.total() == u64::from(matches!(case.work, Work::Refuse))
            && coalesced == u64::from(matches!(case.work, Work::Merge | Work::End))
            && (dropped.total() == 0) == !matches!(case.work, Work::Evict);
        if !exact {
            return Err(Wrong::Ledger(*ledger));
        }
        // it has stepped back where it had to
        if self.out_of_order || self.may_step_back {
            return Err(Wrong::Order);
        }
        if self.lost != dropped.total() {
            return Err(Wrong::Gap);
        }
        if time::alarm().is_some() {
            return Err(Wrong::Timer);
        }
        // whoever sends last is not the one who goes, and what ends something never
        let last_task = b'0' + (case.work.before() + case.work.sent() - 1) as u8;
        let said_by_task = matches!(case.work, Work::Refuse) || self.next == last_task + 1;
        if said_by_task && self.of_interrupt == 1 { Ok(()) } else { Err(Wrong::Last) }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, an interrupt {}", self.work.name(), self.say.name())
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger(ledger) => write!(f, "{ledger:?}"),
            Self::Order => f.write_str("out of order"),
            Self::Gap => f.write_str("the gap is not what was lost"),
            Self::Last => f.write_str("what was said last is missing"),
            Self::Timer => f.write_str("nothing is queued, and a timer is armed"),
        }
    }
}
