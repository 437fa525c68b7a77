//! `watch run` on a terminal.
#![cfg(unix)]

mod common;
#[path = "common/terminal.rs"]
mod terminal;

use common::script;
use rustix::process::{Pid, Signal};
use terminal::Terminal;

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
    let copies = ["progress copy 10%", "progress copy 50%", "progress copy 100%"];
    assert_eq!(rows[1..6], [&["info     one"], &copies[..], &["info     two"]].concat());
    start(&rows[6], "error    exited with status 3 after ");
    start(&rows[7], "────────");
    start(&rows[8], "✗ job  exited with status 3 after ");
    start(&rows[9], "  sent 7 · delivered 7 ");
    assert_eq!(rows.len(), 10);
    let screen = terminal.parser.screen();
    assert_eq!((screen.hide_cursor(), screen.cursor_position()), (false, (10, 0)));
    let obeyed = |sequence: &[u8]| terminal.written.windows(sequence.len()).any(|w| w == sequence);
    assert!(!obeyed(b"\x1b[2J") && obeyed(b"\x1b[?25h"), "only ours");
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let deaf = "trap '' TERM; echo 40% there; echo 50% there; while :; do sleep 0.05; done";
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
fn a_flood_scrolls_by_whole_in_few_frames() {
    let began = std::time::Instant::now();
    let mut terminal = Terminal::start(script(&["run"], "yes | head -n 50000; echo over"));
    let (rows, code) = terminal.end();
    let timely = began.elapsed().as_millis() / 50 + 1;
    assert_eq!(code, Some(0));
    let sent = rows.iter().find(|row| row.starts_with("  sent 50,003")).expect("a ledger");
    assert!(sent.contains(" · delivered 50,003 "), "{rows:?}");
    let over = rows.iter().position(|row| row == "info     over").expect("the last line");
    assert!(rows[over + 1].starts_with("workflow exited with 0 after "), "{rows:?}");
    assert!(!rows.concat().contains("missed"), "{rows:?}");
    let count = |text: &[u8]| terminal.written.windows(text.len()).filter(|w| *w == text).count();
    assert_eq!(count(b" y\r\r\n"), 50_000);
    let frames = count(b"\x1b[?2026h");
    assert!(frames as u128 <= timely + 50_000 / 1_000, "{frames} frames");
}
