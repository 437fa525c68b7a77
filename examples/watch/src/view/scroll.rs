//! The lines that scroll by, no more of them than a person could see.

use std::collections::VecDeque;
use std::time::SystemTime;

use statusbus_tokio::{Category, Losses, Priority};
use unicode_width::UnicodeWidthStr;

use super::figures::{because, count};
use super::paint::{Ink, Row, Style};
use super::plain::WallClock;

/// Bytes of text that a line shows.
const TEXT: usize = 2_000;

/// Most columns that are kept free for a name.
const NAMES: usize = 20;

/// Lines that wait to be drawn, and what is missing of them.
#[derive(Debug, Default)]
pub(super) struct Scroll {
    lines: VecDeque<Line>,
    missing: Missing,
    /// Columns of the names of conversations, so that what they say stands below each other.
    names: usize,
    /// Lines that were never drawn, in all.
    pub(super) skipped: u64,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) at: SystemTime,
    /// Named if there is more than one.
    pub(super) conversation: Option<String>,
    pub(super) category: Category,
    pub(super) priority: Priority,
    pub(super) text: String,
}

/// What a person does not get to see.
#[derive(Debug, Default)]
struct Missing {
    lost: Losses,
    lagged: u64,
    skipped: u64,
}

impl Scroll {
    /// Takes in a line. When there are more than `most`, the oldest goes that is not the end of
    /// something.
    pub(super) fn push(&mut self, line: Line, most: usize) {
        self.lines.push_back(line);
        if self.lines.len() <= most.max(1) {
            return;
        }
        let passing = self.lines.iter().position(|line| line.priority < Priority::Terminal);
        self.lines.remove(passing.unwrap_or(0));
        self.missing.skipped += 1;
        self.skipped += 1;
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
        let mut end = self.text.len().min(TEXT);
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        row.push(Ink::Plain, &self.text[..end]);
        if end < self.text.len() {
            let more = count((self.text.len() - end) as u64);
            row.push(Ink::Faint, &format!("{} {more} bytes more", style.marks.cut));
        }
        row
    }
}

impl Missing {
    fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.lagged == 0 && self.skipped == 0
    }

    fn row(self, style: Style) -> Option<Row> {
        if self.is_empty() {
            return None;
        }
        let reasons: Vec<_> = self.lost.iter().map(|(loss, n)| (loss.as_str(), n)).collect();
        let lost = format!("{} lost{}", count(self.lost.total()), because(&reasons));
        let lagged = format!("{} missed (shown too slowly)", count(self.lagged));
        let skipped = format!("{} went by too fast to be shown", count(self.skipped));
        let parts = [
            (self.skipped > 0).then_some(skipped),
            (self.lagged > 0).then_some(lagged),
            (!self.lost.is_empty()).then_some(lost),
        ];
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

    fn line(text: &str, priority: Priority) -> Line {
        Line {
            at: SystemTime::UNIX_EPOCH,
            conversation: None,
            category: Category::INFO,
            priority,
            text: text.to_owned(),
        }
    }

    fn drawn(scroll: &mut Scroll) -> Vec<String> {
        let style = Style { colour: false, marks: &Marks::ASCII };
        let rows = scroll.rows(&mut WallClock::new(), |_| "info".to_owned(), style);
        rows.iter().filter_map(|row| row.text().get(9..).map(str::to_owned)).collect()
    }

    #[test]
    fn what_goes_by_too_fast_is_counted_and_ends_stay() {
        let mut scroll = Scroll::default();
        scroll.push(line("first", Priority::State), 3);
        scroll.push(line("over", Priority::Terminal), 3);
        for n in 0..1_000 {
            scroll.push(line(&n.to_string(), Priority::State), 3);
        }
        assert_eq!(scroll.skipped, 999);
        assert_eq!(
            drawn(&mut scroll),
            ["999 went by too fast to be shown", "info     over", "info     998", "info     999"]
        );
        assert!(drawn(&mut scroll).is_empty());
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
    fn a_long_text_says_how_much_of_it_is_not_shown() {
        let mut scroll = Scroll::default();
        scroll.push(line(&"x".repeat(TEXT + 1_234), Priority::State), 3);
        let drawn = drawn(&mut scroll);
        assert!(drawn[0].ends_with("xxx... 1,234 bytes more"), "{drawn:?}");
    }
}
