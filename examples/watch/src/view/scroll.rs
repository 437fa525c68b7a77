//! The lines that scroll by: all of them, in order.

use std::time::SystemTime;

use statusbus_tokio::{Category, Losses};
use unicode_width::UnicodeWidthStr;

use super::figures::{because, count};
use super::paint::{Ink, Row, Style};
use super::plain::WallClock;

/// Bytes that may wait to be drawn: some thousand lines, or some dozens of the longest.
const FULL: usize = 256 * 1024;

/// What a line takes besides its text, in bytes.
const LINE: usize = 128;

/// Most columns that are kept free for a name.
const NAMES: usize = 20;

/// Lines that wait to be drawn, and what is missing of them.
#[derive(Debug, Default)]
pub(super) struct Scroll {
    lines: Vec<Line>,
    /// What they take, in bytes.
    size: usize,
    missing: Missing,
    /// Columns of the names of conversations, so that what they say stands below each other.
    names: usize,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) at: SystemTime,
    /// Named if there is more than one.
    pub(super) conversation: Option<String>,
    pub(super) category: Category,
    pub(super) text: String,
    /// Bytes of the text that were too much for the bus.
    pub(super) cut: Option<u64>,
}

/// What a person does not get to see.
#[derive(Debug, Default)]
struct Missing {
    lost: Losses,
    lagged: u64,
}

impl Scroll {
    /// Takes in a line.
    pub(super) fn push(&mut self, line: Line) {
        self.size += line.text.len() + LINE;
        self.lines.push(line);
    }

    /// Whether there is so much to draw that it should not become more.
    pub(super) const fn is_full(&self) -> bool {
        self.size >= FULL
    }

    /// Takes in that updates were lost.
    pub(super) fn lost(&mut self, losses: &Losses) {
        self.missing.lost.add(losses);
    }

    /// Takes in that we were too slow for updates.
    pub(super) fn lagged(&mut self, missed: u64) {
        self.missing.lagged += missed;
    }

    /// The rows to draw: first what is missing, then what is not.
    pub(super) fn rows(
        &mut self,
        clock: &mut WallClock,
        name: impl Fn(Category) -> String,
        style: Style,
    ) -> Vec<Row> {
        let mut rows = Vec::with_capacity(self.lines.len() + 1);
        rows.extend(std::mem::take(&mut self.missing).row(style));
        self.size = 0;
        for line in self.lines.drain(..) {
            let columns = line.conversation.as_deref().map_or(0, UnicodeWidthStr::width);
            self.names = self.names.max(columns.min(NAMES));
            rows.push(line.row(clock, &name, self.names.max(columns), style));
        }
        rows
    }
}

impl Line {
    fn row(
        self,
        clock: &mut WallClock,
        name: impl Fn(Category) -> String,
        columns: usize,
        style: Style,
    ) -> Row {
        let mut row = Row::default();
        let mut time = String::new();
        clock.push(&mut time, self.at);
        time.push(' ');
        row.push(Ink::Faint, &time);
        row.push_column(Ink::of(self.category), &name(self.category), 9, style.marks);
        if let Some(conversation) = &self.conversation {
            row.push_column(Ink::Strong, conversation, columns, style.marks);
            row.push(Ink::Plain, "  ");
        }
        row.push(Ink::Plain, &self.text);
        if let Some(cut) = self.cut {
            row.push(Ink::Faint, &format!("{} {} bytes more", style.marks.cut, count(cut)));
        }
        row
    }
}

impl Missing {
    fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.lagged == 0
    }

    fn row(self, style: Style) -> Option<Row> {
        if self.is_empty() {
            return None;
        }
        let reasons: Vec<_> = self.lost.iter().map(|(loss, n)| (loss.as_str(), n)).collect();
        let lost = format!("{} lost{}", count(self.lost.total()), because(&reasons));
        let lagged = format!("{} missed (shown too slowly)", count(self.lagged));
        let parts = [(self.lagged > 0).then_some(lagged), (!self.lost.is_empty()).then_some(lost)];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        let mut row = Row::default();
        row.push(Ink::Yellow, &format!("{:>8} ", style.marks.cut));
        row.push(Ink::Yellow, &parts.join(style.marks.between));
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::super::paint::Marks;
    use super::*;

    fn line(text: &str) -> Line {
        Line {
            at: SystemTime::UNIX_EPOCH,
            conversation: None,
            category: Category::INFO,
            text: text.to_owned(),
            cut: None,
        }
    }

    fn drawn(scroll: &mut Scroll) -> Vec<String> {
        let style = Style { colour: false, marks: &Marks::ASCII };
        let rows = scroll.rows(&mut WallClock::new(), |_| "info".to_owned(), style);
        rows.iter().filter_map(|row| row.text().get(9..).map(str::to_owned)).collect()
    }

    #[test]
    fn every_line_is_drawn_once_and_in_order() {
        let mut scroll = Scroll::default();
        let mut pushed = 0..;
        while !scroll.is_full() {
            scroll.push(line(&pushed.next().expect("a number").to_string()));
        }
        assert!(pushed.start > 1_000, "a burst is one frame");
        let expected: Vec<_> = (0..pushed.start).map(|n| format!("info     {n}")).collect();
        assert_eq!(drawn(&mut scroll), expected);
        assert!(!scroll.is_full() && drawn(&mut scroll).is_empty());
    }

    #[test]
    fn losses_are_shown_with_what_they_are() {
        let mut scroll = Scroll::default();
        let mut losses = Losses::default();
        losses.dropped.evicted = 1_200;
        losses.expired = 3;
        scroll.lost(&losses);
        scroll.lagged(7);
        assert_eq!(
            drawn(&mut scroll),
            ["7 missed (shown too slowly), 1,203 lost (evicted 1,200, expired 3)"]
        );
    }

    #[test]
    fn a_text_that_was_cut_says_how_much_is_missing() {
        let mut scroll = Scroll::default();
        scroll.push(Line { cut: Some(1_234), ..line("xxx") });
        assert_eq!(drawn(&mut scroll), ["info     xxx... 1,234 bytes more"]);
    }
}
