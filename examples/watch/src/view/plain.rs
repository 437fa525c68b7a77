//! A line of text for each update: `HH:MM:SS conversation category text`.

use std::io::{self, Write};
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use statusbus_tokio::{Event, Gap, Status, Subscription, Update};

use super::figures::{because, closing, count};
use super::{Progress, pour, safe, updates};

/// Shows everything that `reader` reads, and the ledger on standard error.
pub(super) async fn show(
    mut reader: Subscription,
    status: &Status,
    progress: &Progress,
) -> io::Result<()> {
    let out = &mut io::stdout().lock();
    let mut lines = Lines { clock: WallClock::new(), line: String::new() };
    pour(&mut reader, out, progress, |text, event| {
        lines.write(text, event, status);
        Ok(())
    })
    .await?;
    out.flush()?;
    // Whoever has closed it does not want to know.
    let _ = writeln!(io::stderr(), "{}", closing(&status.ledger(), status.missed()));
    Ok(())
}

struct Lines {
    clock: WallClock,
    line: String,
}

impl Lines {
    fn write(&mut self, text: &mut Vec<u8>, event: &Event, status: &Status) {
        let missing = match event {
            Event::Gap(gap) => Some(lost(gap)),
            Event::Lagged(lagged) => Some(missed(lagged.missed)),
            _ => None,
        };
        if let Some(missing) = missing {
            self.clock.push(&mut self.line, SystemTime::now());
            self.line.push_str(" - gap ");
            self.line.push_str(&missing);
            self.end(text);
        }
        for update in updates(event) {
            self.clock.push(&mut self.line, update.at());
            self.line.push(' ');
            safe::push(&mut self.line, about(&update));
            self.line.push(' ');
            self.line.push_str(category(&update, status));
            self.line.push(' ');
            safe::push(&mut self.line, update.text());
            if let Some(cut) = cut(&update) {
                self.line.push_str(&format!("... {} bytes more", count(cut)));
            }
            self.end(text);
        }
    }

    fn end(&mut self, text: &mut Vec<u8>) {
        text.extend_from_slice(self.line.as_bytes());
        text.push(b'\n');
        self.line.clear();
    }
}

/// Who an update is about. No conversation can be called `system`.
pub(super) fn about<'a>(update: &Update<'a>) -> &'a str {
    update.conversation().unwrap_or("system")
}

/// The name of an update's category.
pub(super) fn category<'a>(update: &Update<'_>, status: &'a Status) -> &'a str {
    status.categories().name(update.category()).unwrap_or("?")
}

/// Bytes of a line that did not fit an update. `None`: the line is whole.
pub(super) fn cut(update: &Update<'_>) -> Option<u64> {
    let number = update.metadata()?.strip_prefix("{\"cut\":")?;
    number.strip_suffix('}')?.parse().ok()
}

/// What a gap says.
fn lost(gap: &Gap) -> String {
    let losses: Vec<_> = gap.losses.iter().map(|(loss, count)| (loss.as_str(), count)).collect();
    format!("{} updates are lost here{}", count(gap.losses.total()), because(&losses))
}

fn missed(number: u64) -> String {
    format!("{} updates are missing here: the output was too slow", count(number))
}

/// The local time of day, to the second. A second is only written once.
pub(super) struct WallClock {
    zone: TimeZone,
    second: i64,
    text: String,
}

impl WallClock {
    pub(super) fn new() -> Self {
        Self::of(TimeZone::system())
    }

    fn of(zone: TimeZone) -> Self {
        Self { zone, second: i64::MIN, text: String::new() }
    }

    /// Appends `HH:MM:SS`.
    pub(super) fn push(&mut self, line: &mut String, at: SystemTime) {
        let at = Timestamp::try_from(at).unwrap_or_default();
        if self.second != at.as_second() || self.text.is_empty() {
            self.second = at.as_second();
            let local = self.zone.to_datetime(at);
            self.text = format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second());
        }
        line.push_str(&self.text);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use statusbus_tokio::Selector;

    use statusbus_tokio::Spawn;

    use super::*;

    #[test]
    fn the_time_of_day_is_local() {
        let mut clock = WallClock::of(TimeZone::fixed(jiff::tz::offset(2)));
        let mut text = String::new();
        for second in [0, 0, 1, 86_399] {
            clock.push(&mut text, UNIX_EPOCH + Duration::from_secs(second));
            text.push(' ');
        }
        assert_eq!(text, "02:00:00 02:00:00 02:00:01 01:59:59 ");
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_is_a_line_whatever_is_in_it() {
        let status = Status::builder().spawn();
        let mut reader = status.subscribe(Selector::Everything).open();
        status.tool("conv-1", "one\ntwo\x1b[2J");
        status.system().info("up");
        status.flush().await;
        let clock = WallClock::of(TimeZone::UTC);
        let mut lines = Lines { clock, line: String::new() };
        let mut text = Vec::new();
        while let Some(event) = reader.try_next() {
            lines.write(&mut text, &event, &status);
        }
        let text = String::from_utf8(text).expect("text");
        let without_time: Vec<_> = text.lines().filter_map(|line| line.get(9..)).collect();
        assert_eq!(without_time, ["conv-1 tool one␊two␛[2J", "system info up"]);
    }
}
