//! Running the program, and reading what it shows as it comes.

#![allow(dead_code)] // each test file uses a part of it

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde_json::Value;

/// How long a test waits for something that is to happen before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program, running.
pub(crate) struct Watch {
    pid: Pid,
    pub(crate) stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// When it goes, standard output is not read any more.
    reading: Option<Sender<()>>,
    errors: Receiver<String>,
    exit: Receiver<ExitStatus>,
}

/// What a run has left.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// The lines on standard output that were not read before.
    pub(crate) lines: Vec<String>,
    pub(crate) errors: String,
}

/// `watch` with these arguments, not served unless they say so.
pub(crate) fn watch(arguments: &[&str]) -> Command {
    let (action, rest) = arguments.split_first().expect("an action");
    let mut command = served(&[action, "--listen", "off"]);
    command.args(rest);
    command
}

/// `watch` with these arguments.
pub(crate) fn served(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watch"));
    command.args(arguments).env("TZ", "UTC").env_remove("RUST_BACKTRACE").env_remove("WATCH_TOKEN");
    command
}

/// `watch`, these arguments, and a script for the shell.
pub(crate) fn script(arguments: &[&str], script: &str) -> Command {
    let mut command = watch(arguments);
    command.args(["--", "sh", "-c", script]);
    command
}

impl Watch {
    /// Starts it, and reads what it shows.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = spawn(&mut command);
        let stdout = child.stdout.take().expect("piped");
        let (send, lines) = channel();
        let (reading, stop) = channel::<()>();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line.expect("UTF-8");
                let gone = stop.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected);
                if gone || send.send(line).is_err() {
                    return;
                }
            }
        });
        Self::of(child, lines, Some(reading))
    }

    /// Starts it, and reads nothing of what it shows until the sender sends.
    pub(crate) fn start_unread(mut command: Command) -> (Self, Sender<()>) {
        let mut child = spawn(&mut command);
        let stdout = child.stdout.take().expect("piped");
        let (send, lines) = channel();
        let (begin, begun) = channel();
        thread::spawn(move || {
            begun.recv().expect("the test says when");
            for line in BufReader::new(stdout).lines() {
                if send.send(line.expect("UTF-8")).is_err() {
                    return;
                }
            }
        });
        (Self::of(child, lines, None), begin)
    }

    fn of(mut child: Child, lines: Receiver<String>, reading: Option<Sender<()>>) -> Self {
        let (send, errors) = channel();
        let stderr = child.stderr.take().expect("piped");
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let _ = send.send(line.expect("UTF-8") + "\n");
            }
        });
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
        let stdin = child.stdin.take();
        let (send, exit) = channel();
        thread::spawn(move || send.send(child.wait().expect("a child")));
        Self { pid, stdin, lines, reading, errors, exit }
    }

    /// The next line.
    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("another line")
    }

    /// The next line on standard error.
    pub(crate) fn error(&mut self) -> String {
        self.errors.recv_timeout(PATIENCE).expect("another line")
    }

    /// Where it says that it serves.
    pub(crate) fn address(&mut self) -> String {
        let line = self.error();
        let (_, address) = line.trim_end().split_once("serving at http://").expect("an address");
        address.to_owned()
    }

    /// Reads until a line has `text` in it, and answers that line.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        loop {
            let line = self.line();
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid, signal).expect("it runs");
    }

    /// Closes the other end of its standard output after the next line.
    pub(crate) fn stop_reading(&mut self) {
        self.reading = None;
    }

    /// The most memory that it had so far, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid.as_raw_nonzero());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
        kilobytes * 1024
    }

    /// Waits until it has ended.
    pub(crate) fn end(self) -> Ended {
        drop(self.stdin);
        let status = self.exit.recv_timeout(PATIENCE).expect("it ends");
        let lines = self.lines.iter().collect();
        let errors = self.errors.iter().collect();
        Ended { code: status.code(), lines, errors }
    }
}

fn spawn(command: &mut Command) -> Child {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.spawn().expect("the program is there")
}

/// Runs it to its end.
pub(crate) fn run(command: Command) -> Ended {
    Watch::start(command).end()
}

/// The lines that `--json` shows.
#[derive(Debug, Default)]
pub(crate) struct Json {
    pub(crate) updates: Vec<Value>,
    pub(crate) gaps: Vec<Value>,
    pub(crate) ledger: Value,
}

impl Json {
    /// Reads the lines and checks what holds for any: positions grow, the epoch is one, the last
    /// line is the ledger, and it is balanced.
    pub(crate) fn read(lines: &[String]) -> Self {
        let mut json = Self::default();
        let mut seq = 0;
        let mut epoch = None;
        for (index, line) in lines.iter().enumerate() {
            let record: Value = serde_json::from_str(line).expect("JSON");
            match record["type"].as_str().expect("a type") {
                "batch" => {
                    let name = record["epoch"].as_str().expect("an epoch").to_owned();
                    assert!(name.len() == 16 && u64::from_str_radix(&name, 16).is_ok(), "{name}");
                    assert_eq!(*epoch.get_or_insert_with(|| name.clone()), name);
                    for update in record["updates"].as_array().expect("updates") {
                        let next = update["seq"].as_u64().expect("a position");
                        assert!(next > seq, "{next} comes after {seq}");
                        seq = next;
                        json.updates.push(update.clone());
                    }
                }
                "gap" => json.gaps.push(record),
                other => {
                    assert_eq!((other, index), ("ledger", lines.len() - 1), "the last line");
                    json.ledger = record;
                }
            }
        }
        let outcomes = ["delivered", "coalesced", "expired", "queued", "in_flight"];
        let sum: u64 = outcomes.iter().map(|name| json.count(name)).sum();
        assert_eq!(sum + json.count("dropped") + json.count("refused"), json.count("sent"));
        json
    }

    /// A counter of the ledger, or its total.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let counter = &self.ledger[name];
        counter.as_u64().or_else(|| counter["total"].as_u64()).expect("a counter")
    }

    /// Updates that the reader missed.
    pub(crate) fn missed(&self) -> u64 {
        let missed = self.gaps.iter().filter(|gap| gap["scope"] == "reader");
        missed.map(|gap| gap["count"].as_u64().expect("a count")).sum()
    }

    /// The texts of a category.
    pub(crate) fn texts(&self, category: &str) -> Vec<&str> {
        let of_category = self.updates.iter().filter(|update| update["category"] == category);
        of_category.map(|update| update["text"].as_str().expect("a text")).collect()
    }
}

/// A directory of a test's own, that goes with it.
pub(crate) struct Directory(std::path::PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = path.join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a place for temporary files");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }

    /// A pipe with a name: opening it waits for the other end.
    pub(crate) fn fifo(&self, name: &str) -> std::path::PathBuf {
        let path = self.path(name);
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
