//! The operations of a scenario. Any subset of a list is a valid scenario, so that it can be shrunk.

use std::fmt;
use std::time::Duration;

use statusbus_tokio::{Category, CategorySet, Config, OnLag, Priority, RefuseReason};

use crate::oracle::Source;
use crate::random::Random;
use crate::settings::{Settings, config};

/// Indices (of readers, resume points, handles) are taken modulo the count at run time.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Send(NewUpdate),
    Burst(Vec<NewUpdate>),
    /// Updates that are delivered, or lost, one by one.
    Trickle {
        times: u64,
        lost: bool,
        conversation: usize,
        category: Category,
    },
    /// An update that is refused for this reason.
    SendBad(RefuseReason),
    /// Polls the runner so many times.
    Run(u64),
    /// Polls the runner until it waits.
    Quiet,
    /// Time passes; the runner is polled at every deadline.
    Pass(Duration),
    /// Time passes; the runner is not polled.
    Stall(Duration),
    Flush,
    Open(Opening),
    Read {
        reader: usize,
        events: u64,
    },
    ReadAll {
        reader: usize,
    },
    /// Reads an event before, if `first`.
    SetCategories {
        reader: usize,
        categories: CategorySet,
        first: bool,
    },
    /// Into the last batch or, if the last event was another one, an older batch, keeping so many
    /// eighths of it. Reads an event before, if `first`.
    Rewind {
        reader: usize,
        eighths: u64,
        first: bool,
    },
    /// Drops a reader and resumes at its resume point, with the same terms or others.
    ComeBack {
        reader: usize,
        as_other: Option<Opening>,
    },
    Leave {
        reader: usize,
    },
    RemoveRetained {
        conversation: usize,
        category: Category,
        key: Option<u8>,
    },
    Reconfigure(Config),
    ReconfigureCategory {
        category: Category,
        priority: Priority,
        ttl: Option<u64>,
    },
    /// Takes a handle to a conversation.
    Hold(usize),
    Release(usize),
    Look,
    End(Ending),
}

/// An update to be sent.
#[derive(Clone, Copy)]
pub(crate) struct NewUpdate {
    /// 0: the system.
    pub(crate) conversation: usize,
    pub(crate) category: Category,
    pub(crate) key: Option<u8>,
    pub(crate) priority: Option<Priority>,
    /// In microseconds.
    pub(crate) ttl: Option<u64>,
    /// Least length of its text, in bytes.
    pub(crate) len: usize,
    /// Through a conversation handle, if one is held.
    pub(crate) by_handle: bool,
}

impl fmt::Debug for NewUpdate {
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
    /// Its events go to a handler on a task.
    pub(crate) handler: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Resume {
    Not,
    /// At a resume point of any reader.
    Point(usize),
    /// At any position, in thousandths of the head.
    Any(u64),
    Future,
    OtherEpoch,
}

/// How a bus ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// Shutdown with enough time for all readers.
    Shutdown,
    /// Shutdown with a deadline of zero.
    ShutdownAtOnce,
    /// The runner is dropped, as by a runtime that ends.
    RunnerGoes,
}

/// Most updates of a scenario that are delivered or lost one by one.
const MOST_TRICKLED: u64 = 700;

pub(crate) fn operations(settings: &Settings, random: &mut Random) -> Vec<Operation> {
    let total: u64 = settings.weights.iter().sum();
    let (mut list, mut trickled) = (Vec::new(), 0);
    for _ in 0..random.among(1, 2) {
        list.push(Operation::Open(opening(settings, random)));
    }
    for _ in 0..settings.operations {
        let mut rest = random.below(total);
        let kind = settings.weights.iter().position(|weight| {
            let here = rest < *weight;
            rest = rest.saturating_sub(*weight);
            here
        });
        let next = operation(settings, random, kind.unwrap_or(0));
        if let (Operation::Open(first), true) = (&next, random.chance(15)) {
            // Readers of everything that open in short succession share a snapshot.
            let all = Opening { source: Source::Everything, retained: true, ..*first };
            let all = Operation::Open(Opening { resume: Resume::Not, ..all });
            let pause = Operation::Pass(span(random));
            let between = [Operation::Send(new(settings, random)), Operation::Quiet, pause];
            list.extend([Operation::Quiet, all.clone()].into_iter().chain(between));
            list.extend(random.chance(40).then(|| remove_retained(settings, random)));
            list.push(all);
            continue;
        }
        let Operation::Trickle { times, lost, conversation, category } = next else {
            list.push(next);
            continue;
        };
        // Enough for hundreds of losses; more takes long.
        trickled += times;
        if trickled <= MOST_TRICKLED {
            // Often between two single ones of the other kind.
            let other = Operation::Trickle { times: 1, lost: !lost, conversation, category };
            let around = if random.chance(60) { vec![other] } else { Vec::new() };
            list.extend(around.clone());
            list.push(next);
            list.extend(around);
            if lost && times > 100 {
                let resume = Resume::Any(random.below(300));
                list.push(Operation::Open(Opening { resume, ..opening(settings, random) }));
            }
        }
    }
    let ending = random.pick(&[
        Ending::Shutdown,
        Ending::Shutdown,
        Ending::ShutdownAtOnce,
        Ending::RunnerGoes,
    ]);
    let end = Operation::End(ending);
    match random.chance(25) {
        true => list.insert(random.below(list.len() as u64) as usize, end),
        false => list.push(end),
    }
    list
}

fn operation(settings: &Settings, random: &mut Random, kind: usize) -> Operation {
    let reader = random.below(8) as usize;
    match kind {
        0 => match random.below(8) {
            0..4 => Operation::Burst(
                (0..random.among(1, settings.burst)).map(|_| new(settings, random)).collect(),
            ),
            _ => Operation::Send(new(settings, random)),
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
        3 => Operation::Open(opening(settings, random)),
        4 => Operation::ComeBack {
            reader,
            as_other: random.chance(30).then(|| opening(settings, random)),
        },
        5 => Operation::Rewind { reader, eighths: random.below(9), first: random.chance(80) },
        6 if settings.filters => {
            let (categories, first) = (settings.chosen(random), random.chance(70));
            Operation::SetCategories { reader, categories, first }
        }
        6 | 7 => Operation::Leave { reader },
        8 => remove_retained(settings, random),
        9 if settings.reconfigures => match random.chance(70) {
            true => {
                let (limit, batch) = (random.pick(&[1, 5, 50, 400]), random.pick(&[1, 8, 100]));
                Operation::Reconfigure(config(random, limit, batch))
            }
            false => Operation::ReconfigureCategory {
                category: random.pick(&settings.categories),
                priority: priority(random),
                ttl: random.chance(30).then(|| random.pick(&settings.ttls)),
            },
        },
        10 if settings.trickles > 0 => Operation::Trickle {
            times: random.among(1, settings.trickles),
            lost: random.chance(50),
            conversation: random.below(settings.conversations as u64 + 1) as usize,
            category: random.pick(&settings.categories),
        },
        11 => match random.below(4) {
            0 => Operation::Hold(random.below(settings.conversations as u64 + 1) as usize),
            1 => Operation::Release(reader),
            2 => Operation::SendBad(random.pick(&[
                RefuseReason::Invalid,
                RefuseReason::UnknownCategory,
                RefuseReason::TooLarge,
                RefuseReason::Unauthorized,
            ])),
            _ => Operation::Look,
        },
        _ => Operation::Send(new(settings, random)),
    }
}

fn remove_retained(settings: &Settings, random: &mut Random) -> Operation {
    Operation::RemoveRetained {
        conversation: random.among(1, settings.conversations as u64) as usize,
        category: random.pick(&settings.categories),
        key: random.chance(settings.keyed).then(|| random.below(settings.keys) as u8),
    }
}

fn span(random: &mut Random) -> Duration {
    Duration::from_micros(random.pick(&[1, 700, 1_000, 5_000, 30_000, 60_000, 900_000, 5_000_000]))
}

fn priority(random: &mut Random) -> Priority {
    random.pick(&[Priority::Low, Priority::Normal, Priority::High])
}

fn new(settings: &Settings, random: &mut Random) -> NewUpdate {
    NewUpdate {
        conversation: random.below(settings.conversations as u64 + 1) as usize,
        category: random.pick(&settings.categories),
        key: random.chance(settings.keyed).then(|| random.below(settings.keys) as u8),
        priority: random.chance(settings.ranked).then(|| priority(random)),
        ttl: random.chance(settings.expiring).then(|| random.pick(&settings.ttls)),
        len: if settings.bytes.is_some() { random.below(200) as usize } else { 0 },
        by_handle: random.chance(30),
    }
}

fn opening(settings: &Settings, random: &mut Random) -> Opening {
    let source = match random.below(5) {
        0 | 1 => Source::Everything,
        2 => Source::Conversation(0),
        _ => Source::Conversation(random.among(1, settings.conversations as u64) as usize),
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
        categories: settings.chosen(random),
        retained: random.chance(40),
        resume,
        on_lag: random.pick(&[OnLag::Latest, OnLag::Oldest]),
        handler: settings.handlers && random.chance(40),
    }
}
