//! A terminal of 80 columns and 24 rows with the program on it.

#![allow(dead_code)] // each test file uses a part of it

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::num::NonZeroU16;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::common::PATIENCE;

/// Rows that have scrolled out of sight and are kept.
const SCROLLBACK: usize = 30_000;

/// A terminal with a program on it.
pub(crate) struct Terminal {
    pub(crate) parser: vt100::Parser,
    output: Receiver<Vec<u8>>,
    /// Everything that was written to it.
    pub(crate) written: Vec<u8>,
    pub(crate) child: Child,
}

impl Terminal {
    pub(crate) fn start(mut command: Command) -> Self {
        let (rows, columns) = (24, 80);
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let name = name.into_string().expect("UTF-8");
        let slave = OpenOptions::new().read(true).write(true).open(name).expect("a terminal");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).expect("a terminal has a size");
        command.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
        let child = command.stdin(Stdio::null()).stdout(slave).spawn().expect("it is there");
        // It goes with the slave that it holds.
        drop(command);
        let (send, output) = channel();
        std::thread::spawn(move || {
            let mut master = File::from(master);
            let mut chunk = [0; 4096];
            // When nobody has it open any more, reading fails.
            while let Ok(len @ 1..) = master.read(&mut chunk) {
                if send.send(chunk[..len].to_vec()).is_err() {
                    return;
                }
            }
        });
        let cells = |cells| NonZeroU16::new(cells).expect("not zero");
        let parser = vt100::Parser::new(cells(rows), cells(columns), SCROLLBACK);
        Self { parser, output, written: Vec::new(), child }
    }

    /// Waits until the screen has `text` on it.
    pub(crate) fn shows(&mut self, text: &str) {
        while !self.parser.screen().contents().contains(text) {
            let chunk = self.output.recv_timeout(PATIENCE).expect(text);
            self.parser.process(&chunk);
            self.written.extend(chunk);
        }
    }

    /// Waits for its end. Answers the rows, without the times of day, and the exit status.
    pub(crate) fn end(&mut self) -> (Vec<String>, Option<i32>) {
        for chunk in self.output.iter() {
            self.parser.process(&chunk);
            self.written.extend(chunk);
        }
        let status = self.child.wait().expect("a child");
        (self.screen(), status.code())
    }

    /// The rows on the screen, without the times of day.
    fn screen(&self) -> Vec<String> {
        let contents = self.parser.screen().contents();
        let timeless = |row: &str| match row.as_bytes().get(2) {
            Some(b':') => row[9..].to_owned(),
            _ => row.to_owned(),
        };
        contents.lines().map(timeless).collect()
    }

    /// The texts that have scrolled by and those that are still to be seen, each with its category.
    /// A text that was wrapped is one.
    pub(crate) fn scrolled(&mut self) -> Vec<(String, String)> {
        let screen = self.parser.screen_mut();
        let (height, columns) = screen.size();
        let (height, columns) = (usize::from(height.get()), columns.get());
        let above = screen.scrollback_len();
        let (mut lines, mut wrapped) = (Vec::<String>::new(), false);
        for first in (0..above + height).step_by(height) {
            screen.set_scrollback(above.saturating_sub(first));
            let seen = above.saturating_sub(screen.scrollback());
            let rows: Vec<_> = screen.rows(0, columns).collect();
            for (at, row) in rows.into_iter().enumerate().skip(first - seen) {
                match lines.last_mut() {
                    Some(line) if wrapped => line.push_str(&row),
                    _ => lines.push(row),
                }
                wrapped = screen.row_wrapped(at as u16);
            }
        }
        screen.set_scrollback(0);
        // Those of the panel have no time of day in front.
        let timed = lines.into_iter().filter(|line| line.as_bytes().get(2) == Some(&b':'));
        let cells = |line: String| {
            let (category, text) = (line.get(9..18).unwrap_or(&line[9..]), line.get(18..));
            (category.trim_end().to_owned(), text.unwrap_or_default().trim_end().to_owned())
        };
        timed.map(cells).collect()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that has failed leaves nothing behind that holds its output open.
        let _ = self.child.kill();
    }
}
