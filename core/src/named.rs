//! `Display` and `FromStr` of the small enums, by the names that JSON, JavaScript and traces use.

use core::fmt;
use core::str::FromStr;

use crate::{DropReason, FlushReason, Leading, Loss, Overflow, Priority, RefuseReason, RunState};

/// The error of parsing a small enum: the text is not the name of any of its values.
///
/// ```
/// use statusbus_core::Overflow;
///
/// let error = "Evict".parse::<Overflow>().unwrap_err();
/// assert_eq!(error.names(), ["evict", "drop_newest", "drop_oldest", "reject"]);
/// assert_eq!(
///     error.to_string(),
///     "there is no such overflow policy: choose among evict, drop_newest, drop_oldest, reject"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ParseNameError {
    kind: &'static str,
    names: &'static [&'static str],
}

impl ParseNameError {
    /// The names that can be parsed, in the order of the enum.
    #[must_use]
    pub const fn names(&self) -> &'static [&'static str] {
        self.names
    }
}

impl fmt::Display for ParseNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no such {}: choose among ", self.kind)?;
        for (index, name) in self.names.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl core::error::Error for ParseNameError {}

macro_rules! named {
    ($($type:ident, $kind:literal, $all:expr;)*) => {$(
        const _: () = {
            const ALL: &[$type] = &$all;
            const NAMES: &[&str] = &{
                let mut names = [""; ALL.len()];
                let mut index = 0;
                while index < ALL.len() {
                    names[index] = ALL[index].as_str();
                    index += 1;
                }
                names
            };

            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.pad(self.as_str())
                }
            }

            impl FromStr for $type {
                type Err = ParseNameError;

                /// The value of this name, in exactly this spelling.
                fn from_str(name: &str) -> Result<Self, ParseNameError> {
                    let found = ALL.iter().find(|value| value.as_str() == name);
                    found.copied().ok_or(ParseNameError { kind: $kind, names: NAMES })
                }
            }
        };
    )*};
}

named! {
    Priority, "priority", Priority::ALL;
    Overflow, "overflow policy", Overflow::ALL;
    Leading, "leading mode", Leading::ALL;
    DropReason, "drop reason", DropReason::ALL;
    RefuseReason, "refuse reason", RefuseReason::ALL;
    FlushReason, "flush reason", FlushReason::ALL;
    RunState, "run state", RunState::ALL;
    Loss, "loss", {
        let mut losses = [Loss::Expired; DropReason::ALL.len() + 1];
        let mut index = 0;
        while index < DropReason::ALL.len() {
            losses[index] = Loss::Dropped(DropReason::ALL[index]);
            index += 1;
        }
        losses
    };
}
