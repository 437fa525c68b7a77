#![doc = include_str!("../README.md")]

mod coverage;
mod failure;
mod operation;
mod oracle;
mod panics;
mod random;
mod scenario;
mod seeds;
mod settings;
mod shrink;
mod world;

pub use failure::Failure;
pub use scenario::Scenario;
pub use seeds::{Report, run};
