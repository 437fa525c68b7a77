//! A script in Node: commands are lines of text, events are lines of JSON.

use std::collections::VecDeque;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{js, node};

/// Timeout for events. Only a failing test takes that long.
const LONGEST: Duration = Duration::from_secs(30);

pub(crate) struct Script {
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
    /// Events that arrived while another one was awaited.
    passed: VecDeque<Value>,
    /// Killed on drop.
    child: Child,
}

impl Script {
    /// Starts a script of `tests/js`.
    pub(crate) fn start(script: &str, arguments: &[&str]) -> Self {
        Self::start_in(Command::new(node()), script, arguments)
    }

    /// Starts a script with a command: Node itself, or a program that starts Node.
    pub(crate) fn start_in(mut node: Command, script: &str, arguments: &[&str]) -> Self {
        let mut child = node
            .arg(js().join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node: install it, or name it in NODE");
        let stdout = child.stdout.take().expect("a pipe");
        let input = child.stdin.take().expect("a pipe");
        let lines = BufReader::new(stdout).lines();
        Self { lines, input, passed: VecDeque::new(), child }
    }

    /// Sends a command.
    pub(crate) async fn command(&mut self, action: impl ToString) {
        let line = action.to_string() + "\n";
        self.input.write_all(line.as_bytes()).await.expect("a script that runs");
    }

    /// The next line.
    pub(crate) async fn line(&mut self) -> Value {
        if let Some(passed) = self.passed.pop_front() {
            return passed;
        }
        self.read().await
    }

    /// The next line that matches; other lines are kept.
    pub(crate) async fn next_where(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(found) = self.passed.iter().position(&wanted) {
            return self.passed.remove(found).expect("it is there");
        }
        loop {
            let line = self.read().await;
            if wanted(&line) {
                return line;
            }
            self.passed.push_back(line);
        }
    }

    /// The next event with this name.
    pub(crate) async fn next(&mut self, on: &str) -> Value {
        self.next_where(|line| line["on"] == on).await
    }

    /// The next event with one of these names.
    pub(crate) async fn next_of(&mut self, names: &[&str]) -> Value {
        self.next_where(|line| names.iter().any(|name| line["on"] == *name)).await
    }

    /// Sends a command and returns the reply.
    pub(crate) async fn ask(&mut self, action: &str) -> Value {
        self.command(action).await;
        self.next(action).await
    }

    /// Events that arrived and were not awaited.
    pub(crate) const fn passed(&self) -> &VecDeque<Value> {
        &self.passed
    }

    /// Whether an event with this name arrived and was not awaited.
    pub(crate) fn has_passed(&self, on: &str) -> bool {
        self.passed.iter().any(|event| event["on"] == on)
    }

    /// Stops the process: it no longer reads, and its connections stay open.
    pub(crate) async fn stop(&self) {
        self.signal("-STOP").await;
    }

    /// Continues the process.
    pub(crate) async fn go_on(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let reported = Command::new("kill").args([signal, &id]).status().await.expect("kill");
        assert!(reported.success(), "kill {signal} {id}");
    }

    async fn read(&mut self) -> Value {
        let line = tokio::time::timeout(LONGEST, self.lines.next_line()).await;
        let Ok(Ok(Some(line))) = line else { panic!("{line:?} after {:?}", self.passed) };
        serde_json::from_str(&line).expect("JSON")
    }
}
