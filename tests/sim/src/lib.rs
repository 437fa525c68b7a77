//! See the README.

mod failure;
mod knobs;
mod marks;
mod operation;
mod oracle;
mod panics;
mod random;
mod scenario;
mod seeds;
mod shrink;
mod world;

pub use failure::Failure;
pub use scenario::Scenario;
pub use seeds::{Report, run};
