//! A scenario: what a seed makes of knobs and operations, or what is left of those.

use std::fmt;

use tokio::runtime::Builder;

use crate::failure::Failure;
use crate::knobs::Knobs;
use crate::operation::{Operation, operations};
use crate::panics::{Panics, caught};
use crate::random::Random;
use crate::world::World;

/// A bus, and what is done to it.
#[derive(Clone)]
pub struct Scenario {
    seed: u64,
    knobs: Knobs,
    pub(crate) operations: Vec<Operation>,
}

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let knobs = Knobs::new(&mut random);
        let operations = operations(&knobs, &mut random);
        Self { seed, knobs, operations }
    }

    /// Runs it: the same each time.
    ///
    /// # Errors
    /// The rule that was broken first, if one was.
    pub fn run(&self) -> Result<(), Failure> {
        let panics = Panics::new(self.knobs.panics, self.seed);
        let recorder = panics.clone();
        let run = || metrics::with_local_recorder(&recorder, || self.run_with(panics));
        caught(run).unwrap_or_else(|panic| Err(Failure { rule: "panic", detail: panic }))
    }

    fn run_with(&self, panics: Panics) -> Result<(), Failure> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime =
            runtime.map_err(|error| Failure { rule: "runtime", detail: error.to_string() })?;
        let _entered = runtime.enter();
        World::new(&self.knobs, panics, &runtime).run(&self.operations)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:?}", self.knobs)?;
        self.operations.iter().try_for_each(|operation| writeln!(f, "  {operation:?}"))
    }
}
