//! A line of JSON for each batch, each gap, and the ledger at the end.

use std::io::{self, Write};

use serde::Serialize;
use statusbus_tokio::json::{self, Epoch};
use statusbus_tokio::{Event, Ledger, Status, Subscription};

use super::{Progress, pour, updates, write_all};

/// Shows everything that `reader` reads; the last line is the ledger.
pub(super) async fn show(
    mut reader: Subscription,
    status: &Status,
    progress: &Progress,
) -> io::Result<()> {
    let out = &mut io::stdout().lock();
    let mut lines = Lines { epoch: Epoch(status.epoch()) };
    pour(&mut reader, out, progress, |text, event| lines.write(text, event, status)).await?;
    let mut last = Vec::new();
    line(&mut last, &Record::Ledger(status.ledger()))?;
    write_all(out, &last)?;
    out.flush()
}

struct Lines {
    epoch: Epoch,
}

impl Lines {
    fn write(&mut self, text: &mut Vec<u8>, event: &Event, status: &Status) -> io::Result<()> {
        let categories = status.categories();
        let record = match event {
            Event::Batch(_) | Event::Retained(_) => Record::Batch {
                epoch: self.epoch,
                updates: updates(event)
                    .map(|update| json::Update::new(&update, categories))
                    .collect(),
            },
            Event::Gap(gap) => Record::Gap { gap: json::Gap::from(gap), seq: gap.seq },
            Event::Lagged(lagged) => Record::Gap { gap: json::Gap::from(lagged), seq: lagged.seq },
            _ => return Ok(()),
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
        epoch: Epoch,
        updates: Vec<json::Update<'a>>,
    },
    Gap {
        #[serde(flatten)]
        gap: json::Gap,
        seq: u64,
    },
    Ledger(Ledger),
}

#[cfg(test)]
mod tests {
    use statusbus_tokio::{Category, Lagged, Selector, Spawn};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_line_says_what_it_is() {
        let status = Status::builder().with_epoch(0xab).spawn();
        let mut reader = status.subscribe(Selector::Everything).open();
        status.update("conv-1", Category::PROGRESS, "half \"way\"\n").send();
        status.flush().await;
        let mut lines = Lines { epoch: Epoch(status.epoch()) };
        let mut text = Vec::new();
        while let Some(event) = reader.try_next() {
            lines.write(&mut text, &event, &status).expect("memory");
        }
        let lagged = Event::Lagged(Lagged::new(9, 7));
        lines.write(&mut text, &lagged, &status).expect("memory");
        line(&mut text, &Record::Ledger(status.ledger())).expect("memory");
        let text = String::from_utf8(text).expect("text");
        let [batch, gap, ledger] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        let update = r#"{"type":"batch","epoch":"00000000000000ab","updates":[{"seq":1,"conversation":"conv-1","category":"progress","text":"half \"way\"\n","#;
        assert!(batch.starts_with(update), "{batch}");
        assert_eq!(
            gap,
            r#"{"type":"gap","count":7,"reasons":{"lagged":7},"scope":"reader","seq":9}"#
        );
        assert!(ledger.starts_with(r#"{"type":"ledger","sent":1,"delivered":1,"#), "{ledger}");
    }
}
