//! What the terminal shows: lines that scroll by, and below them the panel.
//!
//! Between two frames the cursor stands at the first column of the panel's first row, so that
//! whatever the terminal does when it is resized, clearing from there on clears the panel and
//! nothing else; and nothing has to be asked of the terminal, whose answer would go to the command.

use std::io;
use std::time::Duration;

use crossterm::cursor::{Hide, MoveUp, Show};
use crossterm::queue;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap,
    EndSynchronizedUpdate,
};
use statusbus_tokio::{Categories, Event, Priority};

use super::board::{Board, Seen};
use super::figures::Account;
use super::paint::{Row, Style};
use super::panel;
use super::plain::{self, WallClock};
use super::scroll::{Line, Scroll};
use super::updates;
use crate::meaning;

/// Most rows of the panel; never more than half of the terminal.
const PANEL: usize = 16;

/// What is shown, and how it gets there.
pub(super) struct Screen {
    style: Style,
    /// Whose lines go without a name.
    home: Option<String>,
    categories: Categories<Box<str>>,
    clock: WallClock,
    /// The position of the last update that it has taken in.
    seq: u64,
    board: Board,
    scroll: Scroll,
    /// Columns and rows.
    size: (usize, usize),
    /// The panel as it was last drawn; none if it is not there.
    panel: Option<Vec<Row>>,
}

impl Screen {
    pub(super) fn new(
        style: Style,
        home: Option<String>,
        categories: &Categories<Box<str>>,
    ) -> Self {
        Self {
            style,
            board: Board::new(home.clone()),
            home,
            categories: categories.clone(),
            clock: WallClock::new(),
            seq: 0,
            scroll: Scroll::default(),
            size: (80, 24),
            panel: None,
        }
    }

    /// Takes in what was read, `now` after the view began.
    pub(super) fn take(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Gap(gap) => self.scroll.lost(&gap.losses),
            Event::Lagged(lagged) => self.scroll.lagged(lagged.missed),
            _ => {}
        }
        // After a lag the values that stand come again, some of them known.
        let before = self.seq;
        for update in updates(event).filter(|update| update.seq() > before) {
            self.seq = update.seq();
            let ends = self.board.take(Seen::from(&update), now);
            // A value that will be replaced is in the panel. Its end is worth a line, but for that of a
            // line that is being redrawn, which becomes one when it is finished.
            if let Some(key) = update.key()
                && update.priority() == Priority::Low
                && (!ends || meaning::is_live(key))
            {
                continue;
            }
            let line = Line {
                at: update.at(),
                conversation: match update.conversation() {
                    Some(name) if self.home.as_deref() == Some(name) => None,
                    Some(name) => Some(name.to_owned()),
                    None => Some("system".to_owned()),
                },
                category: update.category(),
                text: update.text().to_owned(),
                cut: plain::cut(&update),
            };
            self.scroll.push(line);
        }
    }

    /// Whether there is so much to draw that it should not become more.
    pub(super) const fn is_full(&self) -> bool {
        self.scroll.is_full()
    }

    /// The panel has been cleared by someone else.
    pub(super) fn forget_panel(&mut self) {
        self.panel = None;
    }

    /// Writes a frame to `out`: nothing if it would look like the one before.
    pub(super) fn draw(
        &mut self,
        out: &mut Vec<u8>,
        size: (usize, usize),
        account: &Account,
        now: Duration,
    ) -> io::Result<()> {
        let resized = std::mem::replace(&mut self.size, size) != size;
        self.board.settle(now);
        let lines = self.lines();
        let panel = self.rows(account, now);
        if lines.is_empty() && !resized && self.panel.as_ref() == Some(&panel) {
            return Ok(());
        }
        queue!(out, BeginSynchronizedUpdate)?;
        if self.panel.is_none() {
            queue!(out, Hide)?;
        }
        self.write(out, &lines, &panel, resized)?;
        let above = panel.len().saturating_sub(1);
        if above > 0 {
            queue!(out, MoveUp(above as u16))?;
        }
        out.push(b'\r');
        self.panel = Some(panel);
        queue!(out, EndSynchronizedUpdate)
    }

    /// Writes the last frame, and leaves the cursor below it.
    pub(super) fn end(
        &mut self,
        out: &mut Vec<u8>,
        size: (usize, usize),
        account: &Account,
        now: Duration,
    ) -> io::Result<()> {
        self.size = size;
        self.board.ended = true;
        let lines = self.lines();
        let panel = self.rows(&Account { ended: true, ..*account }, now);
        self.write(out, &lines, &panel, true)?;
        out.extend_from_slice(b"\r\n");
        queue!(out, Show)
    }

    fn lines(&mut self) -> Vec<Row> {
        let categories = &self.categories;
        let name = |category| categories.name(category).unwrap_or("?").to_owned();
        self.scroll.rows(&mut self.clock, name, self.style)
    }

    fn rows(&self, account: &Account, now: Duration) -> Vec<Row> {
        let (columns, rows) = self.size;
        // A row that fills its last column leaves terminals of two minds where the cursor is.
        let size = (columns.saturating_sub(1), PANEL.min(rows / 2).max(1));
        panel::rows(&self.board, account, size, now, self.style.marks)
    }

    /// Writes lines, and the panel below them; the cursor is then at the end of the panel.
    fn write(
        &self,
        out: &mut Vec<u8>,
        lines: &[Row],
        panel: &[Row],
        clear: bool,
    ) -> io::Result<()> {
        // Keys that were pressed are there, too.
        out.push(b'\r');
        if clear || !lines.is_empty() {
            queue!(out, Clear(ClearType::FromCursorDown))?;
        }
        for line in lines {
            line.write(out, self.style)?;
            out.extend_from_slice(b"\r\n");
        }
        queue!(out, DisableLineWrap)?;
        for (index, row) in panel.iter().enumerate() {
            if index > 0 {
                queue!(out, Clear(ClearType::UntilNewLine))?;
                out.extend_from_slice(b"\r\n");
            }
            row.write(out, self.style)?;
        }
        queue!(out, Clear(ClearType::FromCursorDown), EnableLineWrap)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use statusbus_tokio::{Category, Ledger, Selector, Spawn, Status, Subscription};

    use super::super::paint::Marks;
    use super::*;

    /// A terminal, and a screen on it.
    struct Drawn {
        terminal: vt100::Parser,
        screen: Screen,
        status: Status,
        reader: Subscription,
        now: Duration,
    }

    const STYLE: Style = Style { colour: true, marks: &Marks::ASCII };

    fn cells(cells: u16) -> NonZeroU16 {
        NonZeroU16::new(cells).expect("not zero")
    }

    impl Drawn {
        fn new(columns: u16, rows: u16) -> Self {
            Self::of(Status::builder().spawn(), columns, rows)
        }

        fn of(status: Status, columns: u16, rows: u16) -> Self {
            let reader = status.subscribe(Selector::Everything).open();
            let screen = Screen::new(STYLE, Some("make".to_owned()), status.categories());
            let mut terminal = vt100::Parser::new(cells(rows), cells(columns), 1_000);
            terminal.process(b"$ watch run -- make\r\n");
            Self { terminal, screen, status, reader, now: Duration::ZERO }
        }

        /// Delivers what was said, and draws a frame.
        async fn frame(&mut self) -> usize {
            self.status.flush().await;
            self.now += Duration::from_millis(100);
            while let Some(event) = self.reader.try_next() {
                self.screen.take(&event, self.now);
            }
            let (rows, columns) = self.terminal.screen().size();
            let size = (usize::from(columns.get()), usize::from(rows.get()));
            let mut frame = Vec::new();
            let account = Account { ledger: Ledger::default(), ..Account::default() };
            self.screen.draw(&mut frame, size, &account, self.now).expect("memory");
            self.terminal.process(&frame);
            frame.len()
        }

        /// The rows, without the times of day.
        fn rows(&self) -> Vec<String> {
            let contents = self.terminal.screen().contents();
            let time = |row: &str| row.as_bytes().get(2) == Some(&b':');
            let row = |row: &str| if time(row) { row[9..].to_owned() } else { row.to_owned() };
            contents.lines().map(row).collect()
        }

        fn rules(&self) -> usize {
            self.rows().iter().filter(|row| row.starts_with("----")).count()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn lines_scroll_above_the_panel() {
        let mut drawn = Drawn::new(50, 8);
        drawn.status.tool("make", "cc one.c");
        drawn.frame().await;
        let (row, column) = drawn.terminal.screen().cursor_position();
        assert_eq!((row, column, drawn.terminal.screen().hide_cursor()), (2, 0, true));
        for n in 0..9 {
            drawn.status.info("make", format!("line {n}"));
            drawn.status.info("other", "\x1b[2J\x1b[H");
            drawn.frame().await;
        }
        assert_eq!(
            drawn.rows(),
            [
                "info     line 7",
                "info     other  ␛[2J␛[H",
                "info     line 8",
                "info     other  ␛[2J␛[H",
                "-------------------------------------------------",
                "| make  line 8                        11/s, 0.9 s",
                "| other  ␛[2J␛[H                      11/s, 0.8 s",
                "  sent 0, delivered 0, coalesced 0, queued 0",
            ]
        );
        let mut frame = Vec::new();
        let account = Account::default();
        drawn.screen.end(&mut frame, (50, 8), &account, drawn.now).expect("memory");
        drawn.terminal.process(&frame);
        assert_eq!(
            drawn.rows().last().map(|row| row.trim()),
            Some("sent 0, delivered 0, coalesced 0")
        );
        assert!(!drawn.terminal.screen().hide_cursor());
        assert_eq!(drawn.rules(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn values_stay_in_the_panel_until_they_end() {
        let mut drawn = Drawn::new(60, 12);
        for percent in [10, 50, 100] {
            let text = format!("copy {percent}%");
            drawn.status.update("make", Category::PROGRESS, text).key("copy").send();
            drawn.frame().await;
        }
        let copies: Vec<_> = drawn.rows().into_iter().filter(|row| row.contains("copy")).collect();
        assert_eq!(copies, ["progress copy 100%", "  ===================  100%  copy 100%"]);
        drawn.now += Duration::from_secs(2);
        drawn.frame().await;
        assert_eq!(drawn.rows().iter().filter(|row| row.contains("copy")).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_lag_the_values_that_stand_are_shown_and_known_ones_not_again() {
        let mut drawn = Drawn::of(Status::builder().with_window(10).spawn(), 60, 16);
        drawn.status.tool("make", "cc one.c");
        drawn.frame().await;
        drawn.status.update("make", Category::PROGRESS, "copy 50%").key("copy").send();
        for n in 0..20 {
            drawn.status.info("make", format!("line {n}"));
            drawn.status.flush().await;
        }
        drawn.frame().await;
        let rows = drawn.rows();
        let count = |text: &str| rows.iter().filter(|row| row.contains(text)).count();
        assert_eq!(count("21 missed"), 1, "{rows:?}");
        assert_eq!(count("info     line 19"), 1, "{rows:?}");
        assert_eq!(count("50%  copy 50%"), 1, "in the panel: {rows:?}");
        assert_eq!(count("tool     cc one.c"), 1, "{rows:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_changes_nothing_writes_nothing() {
        let mut drawn = Drawn::new(60, 12);
        drawn.status.info("make", "done");
        assert!(drawn.frame().await > 0);
        drawn.now = Duration::from_secs(7_200);
        assert!(drawn.frame().await > 0);
        assert_eq!(drawn.frame().await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn resizing_leaves_nothing_behind() {
        let mut drawn = Drawn::new(60, 12);
        for (n, size) in [(60, 12), (30, 12), (90, 20), (20, 6), (60, 3), (60, 1), (70, 12)]
            .into_iter()
            .enumerate()
        {
            drawn.terminal.screen_mut().set_size(cells(size.1), cells(size.0));
            drawn.status.info("make", format!("line {n}"));
            drawn.frame().await;
            assert!(drawn.rules() <= 1, "{size:?}: {:?}", drawn.rows());
            let accounts = drawn.rows().iter().filter(|row| row.contains("  sent")).count();
            assert_eq!(accounts, 1, "{size:?}: {:?}", drawn.rows());
        }
    }
}
