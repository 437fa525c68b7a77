//! The rules of this adapter, in virtual time.

#![cfg(feature = "wire")]
#![allow(clippy::expect_used)] // tests report what went wrong

#[path = "../support/line.rs"]
mod line;
#[path = "../support/mod.rs"]
mod support;

mod cancel;
mod frames;
mod hub;
mod interrupts;
mod metadata;
mod send;
mod settings;
mod shutdown;
mod tasks;
mod telemetry;
mod text;
mod wake;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use statusbus_embassy::{Frames, Ledger, Message, Report, Status};

use crate::line::Line;
use crate::support::Task;

/// A bus of 8, whose texts have 24 bytes.
pub(crate) type Small = Status<CriticalSectionRawMutex, Message<24>, 8>;

/// A new one, which lives as long as the test program.
pub(crate) fn small() -> &'static Small {
    Box::leak(Box::new(Small::new()))
}

/// A task that writes frames to a line, batches of at most `BATCH`.
pub(crate) fn writes<const BATCH: usize, const TEXT: usize, const META: usize, T: Report>(
    status: &'static Status<CriticalSectionRawMutex, Message<TEXT, 16, META>, 8, T>,
    line: &Line,
) -> Task<'static, ()> {
    let line = line.clone();
    Task::new(async move {
        let mut buffer = statusbus_embassy::Buffer::<_, BATCH>::new();
        let runner = status.runner(&mut buffer).expect("the only one");
        Frames::new(line, 7).run(runner).await;
    })
}

/// The ledger, which balances.
pub(crate) fn balanced<M, U, const SLOTS: usize, T, const C: usize, const G: usize>(
    status: &Status<M, U, SLOTS, T, C, G>,
) -> Ledger
where
    M: embassy_sync::blocking_mutex::raw::RawMutex,
    U: statusbus_embassy::AnyMessage,
    T: Report,
{
    let ledger = status.ledger();
    assert!(ledger.is_balanced(), "{ledger:?}");
    ledger
}
