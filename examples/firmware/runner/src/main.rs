//! Runs a program in QEMU and ends with its exit status.
//!
//!     runner BOARD [OPTION]... PROGRAM [OPTION]...
//!
//!     --icount SHIFT    an instruction takes 2 to the power of SHIFT nanoseconds, and sleeping takes
//!                       none: the same run each time
//!     --serial WHERE    the first serial line, as QEMU's `-serial` takes it; default `null`
//!     --limit SECONDS   ends it, with status 124; default 60
//!
//! It is the runner of `cargo run` for these targets. The program's output by semihosting goes
//! to the standard output; defmt is decoded.

mod board;
mod output;

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::board::Board;
use crate::output::Output;

/// As `timeout` has it.
const TIMED_OUT: u8 = 124;

struct Wanted {
    board: Board,
    program: String,
    icount: Option<u8>,
    serial: String,
    limit: Duration,
}

fn main() -> ExitCode {
    match wanted(env::args().skip(1)).and_then(|wanted| run(&wanted)) {
        Ok(status) => ExitCode::from(status),
        Err(message) => {
            eprintln!("runner: {message}");
            ExitCode::from(2)
        }
    }
}

fn wanted(mut words: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut names = Vec::new();
    let (mut icount, mut serial, mut limit) = (None, String::from("null"), 60);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number =
            |text: String| text.parse::<u64>().map_err(|_| format!("{word}: not a number: {text}"));
        match word.as_str() {
            "--icount" => icount = Some(value().and_then(number)?.min(10) as u8),
            "--serial" => serial = value()?,
            "--limit" => limit = value().and_then(number)?,
            _ if word.starts_with('-') => return Err(format!("no such option: {word}")),
            _ => names.push(word),
        }
    }
    let Ok([board, program]) = <[String; 2]>::try_from(names) else {
        return Err("usage: runner BOARD [OPTION]... PROGRAM".into());
    };
    let board = Board::named(&board).ok_or(format!("no such board: {board}"))?;
    Ok(Wanted { board, program, icount, serial, limit: Duration::from_secs(limit) })
}

fn run(wanted: &Wanted) -> Result<u8, String> {
    let elf = fs::read(&wanted.program).map_err(|error| format!("{}: {error}", wanted.program))?;
    let mut output = Output::of(&elf)?;
    let mut qemu = start(wanted)?;
    let ended = listen(&mut qemu, &mut output, Instant::now() + wanted.limit);
    if ended.is_none() {
        // it may have ended by itself meanwhile
        let _ = qemu.kill();
    }
    let status = qemu.wait().map_err(|error| error.to_string())?;
    match (ended, status.code()) {
        (Some(()), Some(code)) => Ok(code as u8),
        (Some(()), None) => Err(format!("QEMU was ended: {status}")),
        (None, _) => {
            eprintln!("runner: no end within {} s", wanted.limit.as_secs());
            Ok(TIMED_OUT)
        }
    }
}

fn start(wanted: &Wanted) -> Result<Child, String> {
    let Wanted { board, program, icount, serial, .. } = wanted;
    let mut command = Command::new(board.qemu);
    command
        .args(["-machine", board.machine, "-display", "none", "-monitor", "none"])
        .args(["-serial", serial, "-kernel", program])
        .args(["-chardev", "stdio,id=output", "-semihosting-config"])
        .arg("enable=on,target=native,chardev=output")
        .args(board.more);
    if let Some(shift) = icount {
        command.args(["-icount", &format!("shift={shift},sleep=off")]);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error} (scripts/firmware.sh installs it)", board.qemu))
}

/// Prints its output until it ends; `None` if it does not end in time.
fn listen(qemu: &mut Child, output: &mut Output, limit: Instant) -> Option<()> {
    let mut bytes = qemu.stdout.take()?;
    let (pieces, arriving) = mpsc::channel();
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = bytes.read(&mut piece) {
            if pieces.send(piece[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut shown = io::stdout().lock();
    loop {
        match arriving.recv_timeout(limit.saturating_duration_since(Instant::now())) {
            Ok(piece) => {
                // The reader may have gone; the program runs on to its end.
                let _ = shown.write_all(&output.text(&piece)).and_then(|()| shown.flush());
            }
            Err(RecvTimeoutError::Disconnected) => return Some(()),
            Err(RecvTimeoutError::Timeout) => return None,
        }
    }
}
