//! Running many seeds on all processors.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::coverage::{self, Coverage};
use crate::failure::Failure;
use crate::scenario::Scenario;
use crate::shrink::shrink;

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    /// Seeds that were run.
    pub ran: u64,
    /// Wall-clock time.
    pub took: Duration,
    /// By broken rule: the first seed, its failure, and the number of seeds.
    failures: BTreeMap<&'static str, (u64, Failure, u64)>,
    coverage: Coverage,
}

/// Most scenarios that are shrunk for a report.
const SHRUNK: usize = 3;

/// Runs these seeds.
#[must_use]
pub fn run(seeds: Range<u64>) -> Report {
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, ran) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let (failures, all) = (Mutex::new(BTreeMap::new()), Mutex::new(Coverage::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    ran.fetch_add(1, Ordering::Relaxed);
                    let Err(failure) = Scenario::new(seed).run() else { continue };
                    let Ok(mut failures) = failures.lock() else { break };
                    let known = failures.entry(failure.rule);
                    let (first, _, count) = known.or_insert((seed, failure.clone(), 0));
                    *count += 1;
                    if seed < *first {
                        let count = *count;
                        failures.insert(failure.rule, (seed, failure, count));
                    }
                }
                let Ok(mut all) = all.lock() else { return };
                for (situation, count) in coverage::take() {
                    *all.entry(situation).or_default() += count;
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    let coverage = all.into_inner().unwrap_or_default();
    Report { ran: ran.into_inner(), took: began.elapsed(), failures, coverage }
}

impl Report {
    /// Whether no rule was broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }

    /// Situations that no seed has reached.
    #[must_use]
    pub fn unreached(&self) -> Vec<&'static str> {
        let unreached =
            coverage::ALL.iter().filter(|situation| !self.coverage.contains_key(*situation));
        unreached.copied().collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} seeds in {:.1?}: {:?}", self.ran, self.took, self.coverage)?;
        for (index, (seed, failure, count)) in self.failures.values().enumerate() {
            writeln!(f, "\nseed {seed}, the first of {count}: {failure}")?;
            writeln!(f, "  STATUSBUS_SIM_SEED={seed} cargo test -p statusbus-sim")?;
            if index < SHRUNK {
                let small = shrink(&Scenario::new(*seed), failure.rule);
                if let Err(failure) = small.run() {
                    writeln!(f, "  shrunk: {failure}\n{small}")?;
                }
            }
        }
        Ok(())
    }
}
