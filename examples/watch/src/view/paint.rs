//! Rows of coloured text, and the marks that go with them.

use std::io::{self, Write};

use crossterm::queue;
use crossterm::style::{Attribute, Color, SetAttribute, SetForegroundColor};
use statusbus_tokio::Category;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::safe;

/// What a piece of text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Faint,
    Strong,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
}

impl Ink {
    /// That of a category.
    pub(super) fn of(category: Category) -> Self {
        match category {
            Category::ENGINE => Self::Blue,
            Category::TOOL => Self::Cyan,
            Category::WORKFLOW => Self::Magenta,
            Category::PROGRESS => Self::Green,
            Category::ERROR => Self::Red,
            Category::PLANNING => Self::Yellow,
            _ => Self::Faint,
        }
    }

    /// What is said without a colour of its own is not faint where it is all there is.
    pub(super) fn or_plain(self) -> Self {
        if self == Self::Faint { Self::Plain } else { self }
    }

    fn begin(self, out: &mut Vec<u8>, style: Style) -> io::Result<()> {
        let colour = match self {
            Self::Plain => return Ok(()),
            Self::Faint => return queue!(out, SetAttribute(Attribute::Dim)),
            Self::Strong => return queue!(out, SetAttribute(Attribute::Bold)),
            Self::Red => Color::DarkRed,
            Self::Green => Color::DarkGreen,
            Self::Yellow => Color::DarkYellow,
            Self::Blue => Color::DarkBlue,
            Self::Magenta => Color::DarkMagenta,
            Self::Cyan => Color::DarkCyan,
        };
        if style.colour { queue!(out, SetForegroundColor(colour)) } else { Ok(()) }
    }
}

/// How the terminal is written to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) colour: bool,
    pub(super) marks: &'static Marks,
}

impl Style {
    /// As the environment has it: `NO_COLOR`, and the locale's encoding.
    pub(super) fn of_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let unicode = locale.map_or(cfg!(windows), |locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let marks = if unicode { &Marks::UNICODE } else { &Marks::ASCII };
        Self { colour: set("NO_COLOR").is_none(), marks }
    }
}

/// Signs that stand for something.
#[derive(Debug)]
pub(super) struct Marks {
    pub(super) active: [&'static str; 8],
    pub(super) idle: &'static str,
    pub(super) done: &'static str,
    pub(super) failed: &'static str,
    /// Of a bar: what is done, where it stands, and what is left.
    pub(super) bar: [&'static str; 3],
    pub(super) between: &'static str,
    pub(super) cut: &'static str,
    pub(super) rule: &'static str,
}

impl Marks {
    const UNICODE: Self = Self {
        active: ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇", "⠏", "⠛"],
        idle: "·",
        done: "✓",
        failed: "✗",
        bar: ["━", "╸", "─"],
        between: " · ",
        cut: "…",
        rule: "─",
    };

    pub(super) const ASCII: Self = Self {
        active: ["|", "/", "-", "\\", "|", "/", "-", "\\"],
        idle: ".",
        done: "+",
        failed: "x",
        bar: ["=", ">", "-"],
        between: ", ",
        cut: "...",
        rule: "-",
    };
}

/// A row of the terminal: pieces of text in an ink. Nothing comes in that a terminal would obey.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    spans: Vec<(Ink, String)>,
}

impl Row {
    /// Appends text, from whomever.
    pub(super) fn push(&mut self, ink: Ink, text: &str) {
        if let Some((last, span)) = self.spans.last_mut()
            && *last == ink
        {
            safe::push(span, text);
            return;
        }
        let mut span = String::new();
        safe::push(&mut span, text);
        self.spans.push((ink, span));
    }

    /// Appends `text` up to a width of `columns`, and spaces to fill them.
    pub(super) fn push_column(&mut self, ink: Ink, text: &str, columns: usize, marks: &Marks) {
        let end = self.width() + columns;
        let mut cell = Self::default();
        cell.push(ink, text);
        cell.cut(columns, marks);
        self.spans.append(&mut cell.spans);
        let missing = end.saturating_sub(self.width());
        self.push(Ink::Plain, &" ".repeat(missing));
    }

    /// Appends another row.
    pub(super) fn append(&mut self, mut other: Self) {
        self.spans.append(&mut other.spans);
    }

    /// Columns that it takes.
    pub(super) fn width(&self) -> usize {
        self.spans.iter().map(|(_, text)| text.width()).sum()
    }

    /// Cuts it to a width of `columns`; it then ends in a mark.
    pub(super) fn cut(&mut self, columns: usize, marks: &Marks) {
        if self.width() <= columns {
            return;
        }
        let mut room = columns.saturating_sub(marks.cut.width());
        let mut spans = std::mem::take(&mut self.spans).into_iter();
        for (ink, mut text) in spans.by_ref() {
            let end = fitting(&text, &mut room);
            let whole = end == text.len();
            text.truncate(end);
            self.spans.push((ink, text));
            if !whole {
                break;
            }
        }
        if columns >= marks.cut.width() {
            self.push(Ink::Faint, marks.cut);
        }
    }

    /// Writes it, without an end of line.
    pub(super) fn write(&self, out: &mut Vec<u8>, style: Style) -> io::Result<()> {
        for (ink, text) in &self.spans {
            let before = out.len();
            ink.begin(out, style)?;
            let inked = out.len() > before;
            out.write_all(text.as_bytes())?;
            if inked {
                queue!(out, SetAttribute(Attribute::Reset))?;
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> String {
        self.spans.iter().map(|(_, text)| text.as_str()).collect()
    }
}

/// How many bytes of `text` fit `room` columns, which are taken.
fn fitting(text: &str, room: &mut usize) -> usize {
    for (at, c) in text.char_indices() {
        let width = c.width().unwrap_or(0);
        if width > *room {
            return at;
        }
        *room -= width;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: false, marks: &Marks::UNICODE };

    fn row(text: &str) -> Row {
        let mut row = Row::default();
        row.push(Ink::Red, text);
        row
    }

    #[test]
    fn a_row_is_cut_at_a_column() {
        let cut = |text: &str, columns| {
            let mut row = row(text);
            row.push(Ink::Plain, "|end");
            row.cut(columns, &Marks::UNICODE);
            assert!(row.width() <= columns, "{row:?}");
            row.text()
        };
        assert_eq!(cut("abc", 7), "abc|end");
        assert_eq!(cut("abc", 6), "abc|e…");
        assert_eq!(cut("abc", 3), "ab…");
        assert_eq!(cut("日本語", 6), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn a_column_is_filled() {
        let mut cells = Row::default();
        cells.push_column(Ink::Plain, "ab", 4, &Marks::UNICODE);
        cells.push_column(Ink::Red, "日本語", 4, &Marks::UNICODE);
        cells.push(Ink::Plain, "|");
        assert_eq!(cells.text(), "ab  日… |");
    }

    #[test]
    fn colour_is_an_offer() {
        let mut out = Vec::new();
        row("\x1b[2Jtext").write(&mut out, PLAIN).expect("memory");
        assert_eq!(out, "␛[2Jtext".as_bytes());
        out.clear();
        row("text").write(&mut out, Style { colour: true, ..PLAIN }).expect("memory");
        assert!(out.starts_with(b"\x1b[") && out.ends_with(b"text\x1b[0m"), "{out:?}");
    }
}
