#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
// A failure carries the line that differs: there is no heap to put it on.
#![allow(clippy::result_large_err)]

mod compare;
mod core_subject;
mod operation;
mod record;
mod replay;
mod stored;
mod telemetry;
mod trace;
mod traces;
mod words;

pub use compare::{Compare, Difference, Line};
pub use core_subject::CoreSubject;
pub use operation::{CoreOperation, Opening, Operation, Sent, Settings};
pub use record::{Record, Shown};
pub use replay::{
    Failure, Invalid, Problem, Replayed, Subject, Tally, Unsupported, perform, play_all, replay,
    replay_all,
};
pub use statusbus_core::Outcome;
pub use trace::{Expected, Step, Steps, Trace};
pub use traces::TRACES;
pub use words::SyntaxError;
