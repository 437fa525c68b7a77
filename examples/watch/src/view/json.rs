//! A line of JSON for each batch, each gap, and the ledger at the end.

use std::io::{self, Write};
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use statusbus_tokio::{
    DropReason, Event, GapScope, Ledger, Losses, RefuseReason, Status, Subscription, Update,
};

use super::{pour, updates, write_all};

/// Shows everything that `reader` reads; the last line is the ledger.
pub(super) async fn show(mut reader: Subscription, status: &Status) -> io::Result<()> {
    let out = &mut io::stdout().lock();
    let mut lines = Lines { epoch: format!("{:016x}", status.epoch()) };
    pour(&mut reader, out, |text, event| lines.write(text, event, status)).await?;
    let mut last = Vec::new();
    line(&mut last, &Record::from(&status.ledger()))?;
    write_all(out, &last)?;
    out.flush()
}

struct Lines {
    epoch: String,
}

impl Lines {
    fn write(&mut self, text: &mut Vec<u8>, event: &Event, status: &Status) -> io::Result<()> {
        let Self { epoch } = self;
        let record = match event {
            Event::Batch(_) | Event::Retained(_) => {
                let updates = updates(event).map(|update| Item::new(&update, status)).collect();
                Record::Batch { epoch, updates }
            }
            Event::Gap(gap) => Record::Gap {
                count: gap.losses.total(),
                reasons: Reasons::Lost(&gap.losses),
                scope: match gap.scope {
                    GapScope::Topic(_) => "topic",
                    GapScope::Bus => "bus",
                },
                seq: gap.seq,
            },
            Event::Lagged(lagged) => Record::Gap {
                count: lagged.missed,
                reasons: Reasons::Lagged(lagged.missed),
                scope: "reader",
                seq: lagged.seq,
            },
        };
        line(text, &record)
    }
}

fn line(text: &mut Vec<u8>, record: &Record<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *text, record)?;
    text.push(b'\n');
    Ok(())
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Record<'a> {
    Batch {
        epoch: &'a str,
        updates: Vec<Item<'a>>,
    },
    Gap {
        count: u64,
        reasons: Reasons<'a>,
        scope: &'static str,
        seq: u64,
    },
    Ledger {
        sent: u64,
        delivered: u64,
        coalesced: u64,
        expired: u64,
        dropped: ByReason,
        refused: ByReason,
        queued: u64,
        in_flight: u64,
    },
}

/// An update in the fields of `GET /v1/status`.
#[derive(Serialize)]
struct Item<'a> {
    seq: u64,
    conversation: Option<&'a str>,
    category: Option<&'a str>,
    text: &'a str,
    metadata: Option<&'a RawValue>,
    key: Option<&'a str>,
    priority: &'static str,
    #[serde(serialize_with = "rfc3339")]
    at: SystemTime,
}

impl<'a> Item<'a> {
    fn new(update: &Update<'a>, status: &'a Status) -> Self {
        Self {
            seq: update.seq(),
            conversation: update.conversation(),
            category: status.categories().name(update.category()),
            text: update.text(),
            metadata: update.metadata().and_then(|json| serde_json::from_str(json).ok()),
            key: update.key(),
            priority: update.priority().as_str(),
            at: update.at(),
        }
    }
}

fn rfc3339<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    match jiff::Timestamp::try_from(*at) {
        Ok(at) => to.collect_str(&format_args!("{at:.6}")),
        Err(_) => to.serialize_none(),
    }
}

/// Counts by why.
enum Reasons<'a> {
    Lost(&'a Losses),
    Lagged(u64),
}

impl Serialize for Reasons<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Lost(losses) => {
                to.collect_map(losses.iter().map(|(loss, count)| (loss.as_str(), count)))
            }
            Self::Lagged(missed) => to.collect_map([("lagged", missed)]),
        }
    }
}

/// A total and what it is made of.
struct ByReason(Vec<(&'static str, u64)>);

impl Serialize for ByReason {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let total = self.0.iter().map(|(_, count)| count).sum();
        to.collect_map([("total", total)].into_iter().chain(self.0.iter().copied()))
    }
}

impl From<&Ledger> for Record<'_> {
    fn from(ledger: &Ledger) -> Self {
        let Ledger { sent, delivered, coalesced, expired, dropped, refused, queued, in_flight } =
            *ledger;
        let dropped = DropReason::ALL.map(|why| (why.as_str(), dropped.count(why)));
        let refused = RefuseReason::ALL.map(|why| (why.as_str(), refused.count(why)));
        Self::Ledger {
            sent,
            delivered,
            coalesced,
            expired,
            dropped: ByReason(dropped.to_vec()),
            refused: ByReason(refused.to_vec()),
            queued,
            in_flight,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use statusbus_tokio::{Category, Priority, Selector};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_update_has_the_fields_of_http() {
        let status = Status::builder().epoch(0xab).spawn();
        let mut reader = status.subscribe(Selector::Everything).open();
        let fraction =
            r#"{"fraction":0.5}"#.parse::<statusbus_tokio::Metadata>().expect("an object");
        status
            .update("conv-1", Category::PROGRESS, "half \"way\"\n")
            .key("k")
            .metadata(fraction)
            .priority(Priority::State)
            .send();
        status.system().info("up");
        status.flush().await;
        let mut lines = Lines { epoch: "00000000000000ab".into() };
        let mut text = Vec::new();
        while let Some(event) = reader.try_next() {
            lines.write(&mut text, &event, &status).expect("memory");
        }
        let text = String::from_utf8(text).expect("text");
        let (before, rest) = text.split_once(r#""at":""#).expect("a time");
        assert_eq!(
            before,
            r#"{"type":"batch","epoch":"00000000000000ab","updates":[{"seq":1,"conversation":"conv-1","category":"progress","text":"half \"way\"\n","metadata":{"fraction":0.5},"key":"k","priority":"state","#
        );
        let (at, rest) = rest.split_once('"').expect("a time");
        assert!(at.parse::<jiff::Timestamp>().is_ok() && at.ends_with('Z'), "{at}");
        assert!(rest.contains(r#""conversation":null,"category":"info","text":"up","metadata":null,"key":null,"priority":"state""#), "{rest}");
        drop(reader);
        status.shutdown(Duration::from_secs(1)).await;
    }

    #[test]
    fn gaps_and_the_ledger_say_why() {
        let written = |record: &Record<'_>| {
            let mut text = Vec::new();
            line(&mut text, record).expect("memory");
            String::from_utf8(text).expect("text")
        };
        let reasons = Reasons::Lagged(7);
        assert_eq!(
            written(&Record::Gap { count: 7, reasons, scope: "reader", seq: 9 }),
            "{\"type\":\"gap\",\"count\":7,\"reasons\":{\"lagged\":7},\"scope\":\"reader\",\"seq\":9}\n"
        );
        let mut ledger = Ledger { sent: 3, delivered: 1, ..Ledger::default() };
        ledger.dropped.evicted = 2;
        assert_eq!(
            written(&Record::from(&ledger)),
            "{\"type\":\"ledger\",\"sent\":3,\"delivered\":1,\"coalesced\":0,\"expired\":0,\
             \"dropped\":{\"total\":2,\"newest\":0,\"oldest\":0,\"evicted\":2,\"outranked\":0,\
             \"shrunk\":0,\"sink\":0},\"refused\":{\"total\":0,\"full\":0,\"closed\":0,\"invalid\":0,\
             \"unknown_category\":0,\"too_large\":0,\"unauthorized\":0},\"queued\":0,\"in_flight\":0}\n"
        );
    }
}
