//! Broken rules.

use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;

/// A rule that the bus has broken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The name of the rule.
    pub rule: &'static str,
    /// What was observed and what was expected.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.rule, self.detail)
    }
}

/// Whether a rule is not checked: `STATUSBUS_SIM_IGNORE=rule,rule` searches for further faults while a
/// known one is not fixed.
pub(crate) fn is_ignored(rule: &str) -> bool {
    static IGNORED: OnceLock<HashSet<String>> = OnceLock::new();
    let ignored = IGNORED.get_or_init(|| {
        let rules = std::env::var("STATUSBUS_SIM_IGNORE").unwrap_or_default();
        rules.split(',').map(str::to_owned).collect()
    });
    ignored.contains(rule)
}

/// Whether operations and events are printed: `STATUSBUS_SIM_VERBOSE=1`.
pub(crate) fn is_verbose() -> bool {
    static VERBOSE: OnceLock<bool> = OnceLock::new();
    *VERBOSE.get_or_init(|| std::env::var_os("STATUSBUS_SIM_VERBOSE").is_some())
}

/// Fails the scenario unless a condition holds.
macro_rules! ensure {
    ($rule:literal, $holds:expr, $($detail:tt)+) => {
        if !$holds && !$crate::failure::is_ignored($rule) {
            return Err($crate::failure::Failure { rule: $rule, detail: format!($($detail)+) });
        }
    };
}

pub(crate) use ensure;
