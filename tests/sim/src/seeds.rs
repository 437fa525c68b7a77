//! Many seeds, on all processors.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::marks::{self, Marks};
use crate::scenario::Scenario;
use crate::shrink::shrink;

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// Seeds that were run.
    pub ran: u64,
    /// How long it took.
    pub took: Duration,
    /// The first seed that broke each rule, what it saw, and how many others broke it.
    failures: BTreeMap<&'static str, (u64, Failure, u64)>,
    marks: Marks,
}

/// Rules of which a scenario is shrunk.
const SHRUNK: usize = 3;

/// Runs these seeds.
#[must_use]
pub fn run(seeds: Range<u64>) -> Report {
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, ran) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let (failures, all) = (Mutex::new(BTreeMap::new()), Mutex::new(Marks::new()));
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
                for (situation, count) in marks::take() {
                    *all.entry(situation).or_default() += count;
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    let marks = all.into_inner().unwrap_or_default();
    Report { ran: ran.into_inner(), took: began.elapsed(), failures, marks }
}

impl Report {
    /// Whether no rule was broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }

    /// Situations that no seed has come to: what is found in them, nobody has looked at.
    #[must_use]
    pub fn unreached(&self) -> Vec<&'static str> {
        let unreached = marks::ALL.iter().filter(|situation| !self.marks.contains_key(*situation));
        unreached.copied().collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} seeds in {:.1?}: {:?}", self.ran, self.took, self.marks)?;
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
