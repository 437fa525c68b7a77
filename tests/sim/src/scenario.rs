//! A scenario: settings and operations, generated from a seed.

use std::fmt;

use tokio::runtime::Builder;

use crate::failure::Failure;
use crate::operation::{Operation, operations};
use crate::panics::{Panics, caught};
use crate::random::Random;
use crate::settings::Settings;
use crate::world::World;

/// The settings of a bus and the operations on it.
#[derive(Clone)]
pub struct Scenario {
    seed: u64,
    settings: Settings,
    pub(crate) operations: Vec<Operation>,
}

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let settings = Settings::new(&mut random);
        let operations = operations(&settings, &mut random);
        Self { seed, settings, operations }
    }

    /// Runs it; deterministic.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn run(&self) -> Result<(), Failure> {
        let panics = Panics::new(self.settings.panics, self.seed);
        let recorder = panics.clone();
        let run = || metrics::with_local_recorder(&recorder, || self.run_with(panics));
        caught(run).unwrap_or_else(|panic| Err(Failure { rule: "panic", detail: panic }))
    }

    fn run_with(&self, panics: Panics) -> Result<(), Failure> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime =
            runtime.map_err(|error| Failure { rule: "runtime", detail: error.to_string() })?;
        let _entered = runtime.enter();
        World::new(&self.settings, panics, &runtime).run(&self.operations)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:?}", self.settings)?;
        self.operations.iter().try_for_each(|operation| writeln!(f, "  {operation:?}"))
    }
}
