//! A script in Node, told what to do by lines and telling what happens by lines of JSON.

use std::collections::VecDeque;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{js, node};

/// The longest that anything may take to come; it is waited for by event, and only a test that
/// fails takes that long.
const LONGEST: Duration = Duration::from_secs(30);

pub(crate) struct Script {
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
    /// What came while something else was waited for.
    passed: VecDeque<Value>,
    /// Ends with this.
    child: Child,
}

impl Script {
    /// Starts a script of `tests/js`.
    pub(crate) fn start(script: &str, arguments: &[&str]) -> Self {
        Self::start_in(Command::new(node()), script, arguments)
    }

    /// Starts one with a command that Node is, or that Node is to be started by.
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

    /// Tells it what to do.
    pub(crate) async fn tell(&mut self, action: impl ToString) {
        let line = action.to_string() + "\n";
        self.input.write_all(line.as_bytes()).await.expect("a script that runs");
    }

    /// The next of its lines.
    pub(crate) async fn line(&mut self) -> Value {
        if let Some(passed) = self.passed.pop_front() {
            return passed;
        }
        self.read().await
    }

    /// The next line that is wanted; the others are kept until they are.
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

    /// The next event that is called that.
    pub(crate) async fn next(&mut self, on: &str) -> Value {
        self.next_where(|line| line["on"] == on).await
    }

    /// The next event that is called one of these.
    pub(crate) async fn next_of(&mut self, names: &[&str]) -> Value {
        self.next_where(|line| names.iter().any(|name| line["on"] == *name)).await
    }

    /// Does something and answers what it says to it.
    pub(crate) async fn ask(&mut self, action: &str) -> Value {
        self.tell(action).await;
        self.next(action).await
    }

    /// What came and was not waited for.
    pub(crate) const fn passed(&self) -> &VecDeque<Value> {
        &self.passed
    }

    /// Whether something that is called that came, and was not waited for.
    pub(crate) fn has_passed(&self, on: &str) -> bool {
        self.passed.iter().any(|event| event["on"] == on)
    }

    /// Has it stand still: it reads nothing any more, and its connections stay.
    pub(crate) async fn stop(&self) {
        self.signal("-STOP").await;
    }

    /// Has it go on.
    pub(crate) async fn go_on(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let told = Command::new("kill").args([signal, &id]).status().await.expect("kill");
        assert!(told.success(), "kill {signal} {id}");
    }

    async fn read(&mut self) -> Value {
        let line = tokio::time::timeout(LONGEST, self.lines.next_line()).await;
        let Ok(Ok(Some(line))) = line else { panic!("{line:?} after {:?}", self.passed) };
        serde_json::from_str(&line).expect("JSON")
    }
}
