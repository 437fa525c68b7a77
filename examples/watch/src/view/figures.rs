//! Numbers for people.

use std::time::Duration;

use statusbus_tokio::{DropReason, Ledger, RefuseReason};

/// `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3.2 s`, `42 s`, `3 min 05 s`, `2 h 05 min`.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..10 => format!("{}.{} s", seconds, span.subsec_millis() / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// What became of what was sent, and what a reader did not show of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) ledger: Ledger,
    /// Updates that readers missed by being too slow.
    pub(super) missed: u64,
    /// Nothing more comes.
    pub(super) ended: bool,
}

/// An entry of an account.
pub(super) struct Entry {
    pub(super) text: String,
    /// It counts something that is not to be seen any more.
    pub(super) loss: bool,
}

impl Account {
    /// The entries for a person: what was sent, what of it was delivered, and what else there is.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let Ledger {
            sent, delivered, coalesced, expired, dropped, refused, queued, in_flight, ..
        } = self.ledger;
        let dropped_for = DropReason::ALL.map(|reason| (reason.as_str(), dropped.count(reason)));
        let refused_for = RefuseReason::ALL.map(|reason| (reason.as_str(), refused.count(reason)));
        let entry = |name, number, loss: bool| {
            (!loss || number > 0).then(|| Entry { text: format!("{name} {}", count(number)), loss })
        };
        let with = |entry: Option<Entry>, reasons: &[(&str, u64)]| {
            entry.map(|entry| Entry { text: entry.text + &because(reasons), ..entry })
        };
        [
            entry("sent", sent, false),
            entry("delivered", delivered, false),
            entry("coalesced", coalesced, false),
            with(entry("dropped", dropped.total(), true), &dropped_for),
            entry("expired", expired, true),
            with(entry("refused", refused.total(), true), &refused_for),
            entry("queued", queued + in_flight, self.ended),
            entry("missed", self.missed, true),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// ` (evicted 12, outranked 3)`.
pub(super) fn because<'a>(reasons: impl IntoIterator<Item = &'a (&'a str, u64)>) -> String {
    let mut text = String::new();
    for (reason, number) in reasons.into_iter().filter(|(_, number)| *number > 0) {
        text.push_str(if text.is_empty() { " (" } else { ", " });
        text.push_str(&format!("{} {}", reason.replace('_', " "), count(*number)));
    }
    if !text.is_empty() {
        text.push(')');
    }
    text
}

/// The ledger as a sentence, for the end of a program.
pub(crate) fn closing(ledger: &Ledger, missed: u64) -> String {
    let account = Account { ledger: *ledger, missed, ended: true };
    let texts: Vec<String> = account.entries().into_iter().map(|entry| entry.text).collect();
    format!("watch: {}", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let counts = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in counts {
            assert_eq!(count(number), text);
        }
        let spans = [
            (3_249, "3.2 s"),
            (42_900, "42 s"),
            (185_000, "3 min 05 s"),
            (7_500_000, "2 h 05 min"),
        ];
        for (millis, text) in spans {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn an_account_tells_every_loss_and_why() {
        let mut ledger = Ledger::default();
        (ledger.sent, ledger.delivered) = (1_010, 1_000);
        assert_eq!(closing(&ledger, 0), "watch: sent 1,010, delivered 1,000, coalesced 0");
        ledger.dropped.evicted = 7;
        ledger.dropped.outranked = 1;
        ledger.refused.too_large = 2;
        assert_eq!(
            closing(&ledger, 5),
            "watch: sent 1,010, delivered 1,000, coalesced 0, dropped 8 (evicted 7, outranked 1), \
             refused 2 (too large 2), missed 5"
        );
    }
}
