//! Updates and gaps as JSON, in the form that HTTP delivers and `watch --json` writes. Needs the feature
//! `json`, which also makes [`Ledger`](crate::Ledger) serializable:
//!
//! ```
//! use statusbus_tokio::Ledger;
//!
//! let ledger = serde_json::to_value(Ledger::default())?;
//! assert_eq!(ledger["dropped"]["total"], 0);
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::fmt;
use std::num::IntErrorKind;
use std::str::FromStr;
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use statusbus_core::{Categories, Losses};

use crate::{Batch, GapScope, Lagged, Priority};

/// A position in the stream of a bus. Its text is `{epoch}-{seq}`, as in `00f1e2d3c4b5a697-42`; its JSON
/// is that string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The [epoch](crate::Status::epoch) of the bus, written as 16 hexadecimal digits.
    pub epoch: u64,
    /// The position within the epoch.
    pub seq: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", Epoch(self.epoch), self.seq)
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl FromStr for Position {
    type Err = PositionError;

    /// Parses the text that `Display` writes. A `seq` above `u64::MAX` becomes `u64::MAX`.
    ///
    /// # Errors
    /// The text has another form.
    fn from_str(text: &str) -> Result<Self, PositionError> {
        let (epoch, seq) = text.split_once('-').ok_or(PositionError)?;
        let digits = |text: &str, digit: fn(&u8) -> bool| text.bytes().all(|byte| digit(&byte));
        if epoch.len() != 16
            || !digits(epoch, u8::is_ascii_hexdigit)
            || !digits(seq, u8::is_ascii_digit)
        {
            return Err(PositionError);
        }
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| PositionError)?;
        let seq = match seq.parse::<u64>() {
            Ok(seq) => seq,
            // Behind everything that there can be.
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => u64::MAX,
            Err(_) => return Err(PositionError),
        };
        Ok(Self { epoch, seq })
    }
}

/// A text is not a [`Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionError;

impl fmt::Display for PositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a position is 16 hexadecimal digits, '-' and a number, as in \"00f1e2d3c4b5a697-42\"",
        )
    }
}

impl std::error::Error for PositionError {}

/// The [epoch](crate::Status::epoch) of a bus, written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// An update: `{"seq", "conversation", "category", "text", "metadata", "key", "priority", "at"}`. A missing
/// value is null; the conversation is null for a system-wide update. `at` is a [`Time`].
#[derive(Debug, Serialize)]
pub struct Update<'a> {
    seq: u64,
    conversation: Option<&'a str>,
    category: Option<&'a str>,
    text: &'a str,
    #[serde(serialize_with = "raw")]
    metadata: Option<&'a str>,
    key: Option<&'a str>,
    priority: Priority,
    at: Time,
}

impl<'a> Update<'a> {
    /// The JSON form of an update. `categories` are [those of its bus](crate::Status::categories).
    #[must_use]
    pub fn new(update: &crate::Update<'a>, categories: &'a Categories<Box<str>>) -> Self {
        Self {
            seq: update.seq(),
            conversation: update.conversation(),
            category: categories.name(update.category()),
            text: update.text(),
            metadata: update.metadata(),
            key: update.key(),
            priority: update.priority(),
            at: Time(update.at()),
        }
    }
}

/// A time of the wall clock in RFC 3339, in UTC, to the microsecond. Null outside of the years -9999 to
/// 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub SystemTime);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match jiff::Timestamp::try_from(self.0) {
            Ok(at) => to.collect_str(&format_args!("{at:.6}")),
            Err(_) => to.serialize_none(),
        }
    }
}

/// The updates of a batch: an array of [`Update`]s.
#[derive(Clone, Copy, Debug)]
pub struct Updates<'a> {
    batch: &'a Batch,
    categories: &'a Categories<Box<str>>,
}

impl<'a> Updates<'a> {
    /// The JSON form of a batch. `categories` are [those of its bus](crate::Status::categories).
    #[must_use]
    pub const fn new(batch: &'a Batch, categories: &'a Categories<Box<str>>) -> Self {
        Self { batch, categories }
    }
}

impl Serialize for Updates<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.batch.iter().map(|update| Update::new(&update, self.categories)))
    }
}

/// Missing updates: `{"count", "reasons", "scope"}`. `reasons` has a count for each reason. `scope` is
/// `topic` for updates of one topic, `bus` for those of any topic, and `reader` for those that this reader
/// missed because it fell behind.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Gap {
    count: u64,
    reasons: Reasons,
    scope: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Reasons {
    Lost(Losses),
    Lagged(u64),
}

impl From<&crate::Gap> for Gap {
    fn from(gap: &crate::Gap) -> Self {
        let scope = match gap.scope {
            GapScope::Topic(_) => "topic",
            GapScope::Bus => "bus",
        };
        Self { count: gap.losses.total(), reasons: Reasons::Lost(gap.losses), scope }
    }
}

impl From<&Lagged> for Gap {
    fn from(lagged: &Lagged) -> Self {
        let Lagged { missed, .. } = *lagged;
        Self { count: missed, reasons: Reasons::Lagged(missed), scope: "reader" }
    }
}

impl Serialize for Reasons {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Lost(losses) => losses.serialize(to),
            Self::Lagged(missed) => to.collect_map([("lagged", missed)]),
        }
    }
}

/// JSON that is written already.
fn raw<S: Serializer>(json: &Option<&str>, to: S) -> Result<S::Ok, S::Error> {
    let written = json.and_then(|json| serde_json::from_str::<&RawValue>(json).ok());
    written.serialize(to)
}

#[cfg(test)]
mod tests {
    use statusbus_core::Category;

    use super::*;
    use crate::test;

    fn written(value: &impl Serialize) -> String {
        serde_json::to_string(value).expect("memory")
    }

    #[test]
    fn gaps_and_the_ledger_say_why() {
        assert_eq!(
            written(&Gap::from(&Lagged { seq: 9, missed: 7, resume: None })),
            r#"{"count":7,"reasons":{"lagged":7},"scope":"reader"}"#
        );
        let mut losses = Losses { expired: 2, ..Losses::default() };
        losses.dropped.evicted = 3;
        for (scope, name) in [(GapScope::Bus, "bus"), (GapScope::Topic(Category::TOOL), "topic")] {
            assert_eq!(
                written(&Gap::from(&crate::Gap { seq: 4, losses, scope, resume: Some(4) })),
                format!(r#"{{"count":5,"reasons":{{"evicted":3,"expired":2}},"scope":"{name}"}}"#)
            );
        }
        let mut ledger = crate::Ledger::default();
        (ledger.sent, ledger.delivered) = (3, 1);
        ledger.dropped.evicted = 2;
        assert_eq!(
            written(&ledger),
            "{\"sent\":3,\"delivered\":1,\"coalesced\":0,\"expired\":0,\
             \"dropped\":{\"total\":2,\"newest\":0,\"oldest\":0,\"evicted\":2,\"outranked\":0,\
             \"shrunk\":0,\"sink\":0},\"refused\":{\"total\":0,\"full\":0,\"closed\":0,\"invalid\":0,\
             \"unknown_category\":0,\"too_large\":0,\"unauthorized\":0},\"queued\":0,\"in_flight\":0}"
        );
    }

    #[test]
    fn a_position_is_read_as_it_is_written_and_nothing_else_is() {
        for position in [
            Position { epoch: 0, seq: 0 },
            Position { epoch: 0xab, seq: 42 },
            Position { epoch: u64::MAX, seq: u64::MAX },
        ] {
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        let beyond = "00000000000000ab-99999999999999999999".parse();
        assert_eq!(beyond, Ok(Position { epoch: 0xab, seq: u64::MAX }));
        for text in
            ["", "-", "ab-1", "00000000000000ab", "00000000000000ab-", "00000000000000ab--1"]
        {
            assert_eq!(text.parse::<Position>(), Err(PositionError), "{text:?}");
        }
        for text in ["+0000000000000ab-1", "00000000000000ab-+1", "00000000000000ab-1 ", "ä-1"] {
            assert_eq!(text.parse::<Position>(), Err(PositionError), "{text:?}");
        }
    }
}
