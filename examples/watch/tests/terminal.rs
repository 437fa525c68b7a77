//! `watch run` on a terminal.
#![cfg(unix)]

mod common;

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::num::NonZeroU16;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::script;
use rustix::process::{Pid, Signal};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with a program on it.
struct Terminal {
    parser: vt100::Parser,
    output: Receiver<Vec<u8>>,
    /// Everything that was written to it.
    written: Vec<u8>,
    child: Child,
}

impl Terminal {
    fn start(mut command: Command) -> Self {
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
        let parser = vt100::Parser::new(cells(rows), cells(columns), 0);
        Self { parser, output, written: Vec::new(), child }
    }

    /// Waits until the screen has `text` on it.
    fn shows(&mut self, text: &str) {
        while !self.parser.screen().contents().contains(text) {
            let chunk = self.output.recv_timeout(PATIENCE).expect(text);
            self.parser.process(&chunk);
            self.written.extend(chunk);
        }
    }

    /// Waits for its end. Answers the rows, without the times of day, and the exit status.
    fn end(&mut self) -> (Vec<String>, Option<i32>) {
        for chunk in self.output.iter() {
            self.parser.process(&chunk);
            self.written.extend(chunk);
        }
        let status = self.child.wait().expect("a child");
        let contents = self.parser.screen().contents();
        let timeless = |row: &str| match row.as_bytes().get(2) {
            Some(b':') => row[9..].to_owned(),
            _ => row.to_owned(),
        };
        (contents.lines().map(timeless).collect(), status.code())
    }
}

#[test]
fn lines_stay_and_the_panel_ends_with_the_ledger() {
    let mut terminal = Terminal::start(script(
        &["run", "--name", "job"],
        r"printf '\033[2J\033[Hone\n'; for n in 10 50 100; do echo copy $n%; done; echo two; exit 3",
    ));
    let (rows, code) = terminal.end();
    assert_eq!(code, Some(3));
    let start = |row: &str, text: &str| assert!(row.starts_with(text), "{row}: {rows:?}");
    start(&rows[0], "workflow started as process ");
    assert_eq!(rows[1..4], ["info     one", "progress copy 100%", "info     two"]);
    start(&rows[4], "error    exited with status 3 after ");
    start(&rows[5], "────────");
    start(&rows[6], "✗ job  exited with status 3 after ");
    start(&rows[7], "  sent 7 · delivered ");
    assert_eq!(rows.len(), 8);
    let screen = terminal.parser.screen();
    assert_eq!((screen.hide_cursor(), screen.cursor_position()), (false, (8, 0)));
    let obeyed = |sequence: &[u8]| terminal.written.windows(sequence.len()).any(|w| w == sequence);
    assert!(!obeyed(b"\x1b[2J") && obeyed(b"\x1b[?25h"), "only ours");
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let deaf = "trap '' TERM; echo 50% there; while :; do sleep 0.05; done";
    let mut terminal = Terminal::start(script(&["run", "--grace", "1ms"], deaf));
    terminal.shows("━━━━━━━━━━━━────────────   50%  50% there");
    assert!(terminal.parser.screen().hide_cursor(), "it would dance");
    let pid = Pid::from_raw(i32::try_from(terminal.child.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, Signal::TERM).expect("it runs");
    let (rows, code) = terminal.end();
    assert_eq!(code, Some(143));
    assert!(!terminal.parser.screen().hide_cursor());
    assert!(rows.iter().any(|row| row.starts_with("error    killed by signal 9 after ")));
    assert!(rows.last().is_some_and(|row| row.starts_with("  sent ")), "{rows:?}");
}

#[test]
fn a_flood_is_thinned_out_and_ends_as_it_ends() {
    let began = std::time::Instant::now();
    let mut terminal = Terminal::start(script(&["run"], "yes | head -n 200000; echo over"));
    let (rows, code) = terminal.end();
    let most = began.elapsed().as_millis() / 50 + 1;
    assert_eq!(code, Some(0));
    let sent = rows.iter().find(|row| row.starts_with("  sent 200,003")).expect("a ledger");
    assert!(sent.contains(" · delivered "), "{rows:?}");
    let over = rows.iter().position(|row| row == "info     over").expect("the last line");
    assert!(rows[over + 1].starts_with("workflow exited with 0 after "), "{rows:?}");
    assert!(rows.concat().contains("not shown"), "{rows:?}");
    let begun = b"\x1b[?2026h";
    let frames = terminal.written.windows(begun.len()).filter(|window| window == begun).count();
    assert!(frames as u128 <= most, "{frames} frames, where a person sees {most}");
    assert!(terminal.written.len() < (frames + 1) * 24 * 200, "each a screen at most");
}
