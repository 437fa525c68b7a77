//! What happens in a scenario: a list of operations, any part of which is a scenario too.

use std::fmt;
use std::time::Duration;

use statusbus_tokio::{Category, CategorySet, Config, OnLag, Priority, RefuseReason};

use crate::knobs::{Knobs, config};
use crate::oracle::Source;
use crate::random::Random;

/// Numbers of readers, points and the like are taken modulo how many there are.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Send(Draft),
    Burst(Vec<Draft>),
    /// So many times: one update, which is delivered by itself; or one that is lost.
    Trickle { times: u64, lost: bool, conversation: usize, category: Category },
    /// An update that is refused for what it is.
    SendBad(RefuseReason),
    /// Lets the runner go on by so many steps.
    Run(u64),
    /// Lets the runner go on until it waits.
    Quiet,
    /// Time passes, and everything runs when it is due.
    Pass(Duration),
    /// Time passes, and nothing runs.
    Stall(Duration),
    Flush,
    Open(Opening),
    Read { reader: usize, events: u64 },
    ReadAll { reader: usize },
    /// After an event, if it is to be read `first`.
    SetCategories { reader: usize, categories: CategorySet, first: bool },
    /// Into the batch that was read last, or an older one; so many of 8 parts of it are kept. After an
    /// event, if it is to be read `first`.
    Rewind { reader: usize, eighths: u64, first: bool },
    /// A reader breaks off, and comes back: as itself, or as a reader of something else.
    ComeBack { reader: usize, as_other: Option<Opening> },
    Leave { reader: usize },
    RemoveRetained { conversation: usize, category: Category, key: Option<u8> },
    Reconfigure(Config),
    ReconfigureCategory { category: Category, priority: Priority, ttl: Option<u64> },
    /// A handle to a conversation is taken, or given back.
    Hold(usize),
    Release(usize),
    Look,
    End(Ending),
}

/// An update to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Draft {
    /// 0: the system.
    pub(crate) conversation: usize,
    pub(crate) category: Category,
    pub(crate) key: Option<u8>,
    pub(crate) priority: Option<Priority>,
    /// In microseconds.
    pub(crate) ttl: Option<u64>,
    /// The length of its text, at least.
    pub(crate) len: usize,
    /// By a handle, if one is held.
    pub(crate) by_handle: bool,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{} {}", self.conversation, self.category.index())?;
        self.key.map_or(Ok(()), |key| write!(f, " key {key}"))?;
        self.priority.map_or(Ok(()), |priority| write!(f, " {priority:?}"))?;
        self.ttl.map_or(Ok(()), |ttl| write!(f, " ttl {ttl}"))?;
        if self.len > 0 { write!(f, " len {}", self.len) } else { Ok(()) }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) source: Source,
    pub(crate) categories: CategorySet,
    pub(crate) retained: bool,
    pub(crate) resume: Resume,
    pub(crate) on_lag: OnLag,
    /// It calls a handler, which panics now and then if panics are on.
    pub(crate) handler: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Resume {
    Not,
    /// Behind a position that some reader was given.
    Point(usize),
    /// Behind any position, in parts of 1,000 of all.
    Any(u64),
    Future,
    OtherEpoch,
}

/// How a bus ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// It is shut down, and readers come to the end.
    Shutdown,
    /// It is shut down, and there is no time for it.
    ShutdownAtOnce,
    /// Its runner goes with its runtime.
    RunnerGoes,
}

/// Updates that are delivered or lost one by one in a scenario.
const MOST_TRICKLED: u64 = 700;

pub(crate) fn operations(knobs: &Knobs, random: &mut Random) -> Vec<Operation> {
    let total: u64 = knobs.weights.iter().sum();
    let (mut list, mut trickled) = (Vec::new(), 0);
    for _ in 0..random.among(1, 2) {
        list.push(Operation::Open(opening(knobs, random)));
    }
    for _ in 0..knobs.operations {
        let mut rest = random.below(total);
        let kind = knobs.weights.iter().position(|weight| {
            let here = rest < *weight;
            rest = rest.saturating_sub(*weight);
            here
        });
        let next = operation(knobs, random, kind.unwrap_or(0));
        if let (Operation::Open(first), true) = (&next, random.chance(15)) {
            // Readers that come one soon after the other begin with the same values.
            let all = Opening { source: Source::Everything, retained: true, ..*first };
            let all = Operation::Open(Opening { resume: Resume::Not, ..all });
            let between = [Operation::Send(draft(knobs, random)), Operation::Quiet];
            list.extend([Operation::Quiet, all.clone()].into_iter().chain(between));
            list.push(all);
            continue;
        }
        let Operation::Trickle { times, lost, conversation, category } = next else {
            list.push(next);
            continue;
        };
        // Enough for losses by the hundred; more takes long.
        trickled += times;
        if trickled <= MOST_TRICKLED {
            // Often between two of the other kind.
            let other = Operation::Trickle { times: 1, lost: !lost, conversation, category };
            let around = if random.chance(60) { vec![other] } else { Vec::new() };
            list.extend(around.clone());
            list.push(next);
            list.extend(around);
        }
    }
    let ending =
        random.pick(&[Ending::Shutdown, Ending::Shutdown, Ending::ShutdownAtOnce, Ending::RunnerGoes]);
    let end = Operation::End(ending);
    match random.chance(25) {
        true => list.insert(random.below(list.len() as u64) as usize, end),
        false => list.push(end),
    }
    list
}

fn operation(knobs: &Knobs, random: &mut Random, kind: usize) -> Operation {
    let reader = random.below(8) as usize;
    match kind {
        0 => match random.below(8) {
            0..4 => Operation::Burst((0..random.among(1, knobs.burst)).map(|_| draft(knobs, random)).collect()),
            _ => Operation::Send(draft(knobs, random)),
        },
        1 => match random.below(6) {
            0 => Operation::Stall(span(random)),
            1 | 2 => Operation::Pass(span(random)),
            3 => Operation::Run(random.among(1, 3)),
            4 => Operation::Flush,
            _ => Operation::Quiet,
        },
        2 => match random.below(3) {
            0 => Operation::ReadAll { reader },
            _ => Operation::Read { reader, events: random.among(1, 4) },
        },
        3 => Operation::Open(opening(knobs, random)),
        4 => Operation::ComeBack {
            reader,
            as_other: random.chance(30).then(|| opening(knobs, random)),
        },
        5 => Operation::Rewind { reader, eighths: random.below(9), first: random.chance(80) },
        6 if knobs.filters => {
            let (categories, first) = (knobs.chosen(random), random.chance(70));
            Operation::SetCategories { reader, categories, first }
        }
        6 | 7 => Operation::Leave { reader },
        8 => Operation::RemoveRetained {
            conversation: random.among(1, knobs.conversations as u64) as usize,
            category: random.pick(&knobs.categories),
            key: random.chance(70).then(|| random.below(knobs.keys) as u8),
        },
        9 if knobs.reconfigures => match random.chance(70) {
            true => {
                let (limit, batch) = (random.pick(&[1, 5, 50, 400]), random.pick(&[1, 8, 100]));
                Operation::Reconfigure(config(random, limit, batch))
            }
            false => Operation::ReconfigureCategory {
                category: random.pick(&knobs.categories),
                priority: priority(random),
                ttl: random.chance(30).then(|| random.pick(&knobs.ttls)),
            },
        },
        10 if knobs.trickles > 0 => Operation::Trickle {
            times: random.among(1, knobs.trickles),
            lost: random.chance(50),
            conversation: random.below(knobs.conversations as u64 + 1) as usize,
            category: random.pick(&knobs.categories),
        },
        11 => match random.below(4) {
            0 => Operation::Hold(random.below(knobs.conversations as u64 + 1) as usize),
            1 => Operation::Release(reader),
            2 => Operation::SendBad(random.pick(&[
                RefuseReason::Invalid,
                RefuseReason::UnknownCategory,
                RefuseReason::TooLarge,
                RefuseReason::Unauthorized,
            ])),
            _ => Operation::Look,
        },
        _ => Operation::Send(draft(knobs, random)),
    }
}

fn span(random: &mut Random) -> Duration {
    Duration::from_micros(random.pick(&[1, 700, 1_000, 5_000, 30_000, 60_000, 900_000, 5_000_000]))
}

fn priority(random: &mut Random) -> Priority {
    random.pick(&[Priority::Progress, Priority::State, Priority::Terminal])
}

fn draft(knobs: &Knobs, random: &mut Random) -> Draft {
    Draft {
        conversation: random.below(knobs.conversations as u64 + 1) as usize,
        category: random.pick(&knobs.categories),
        key: random.chance(knobs.keyed).then(|| random.below(knobs.keys) as u8),
        priority: random.chance(knobs.ranked).then(|| priority(random)),
        ttl: random.chance(knobs.expiring).then(|| random.pick(&knobs.ttls)),
        len: if knobs.bytes.is_some() { random.below(200) as usize } else { 0 },
        by_handle: random.chance(30),
    }
}

fn opening(knobs: &Knobs, random: &mut Random) -> Opening {
    let source = match random.below(5) {
        0 | 1 => Source::Everything,
        2 => Source::Conversation(0),
        _ => Source::Conversation(random.among(1, knobs.conversations as u64) as usize),
    };
    let resume = match random.below(12) {
        0..5 => Resume::Not,
        5..9 => Resume::Point(random.below(1_000) as usize),
        9 => Resume::Any(random.below(1_001)),
        10 => Resume::Future,
        _ => Resume::OtherEpoch,
    };
    Opening {
        source,
        categories: knobs.chosen(random),
        retained: random.chance(40),
        resume,
        on_lag: random.pick(&[OnLag::Latest, OnLag::Oldest]),
        handler: knobs.handlers && random.chance(40),
    }
}
