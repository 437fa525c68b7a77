//! A script in Node, told what to do by lines and telling what happens by lines.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The longest that anything may take to come; it is waited for by event, and only a test that
/// fails takes that long.
const LONGEST: Duration = Duration::from_secs(30);

pub(crate) struct Program {
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
    /// What came while something else was waited for.
    passed: VecDeque<Value>,
    /// Ends with this.
    _child: Child,
}

impl Program {
    /// Starts a script of `tests/js/formats` that needs a package.
    pub(crate) fn start(script: &str, package: &str, arguments: &[&str]) -> Self {
        let js = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
        let installed = js.join("node_modules").join(package).exists();
        assert!(installed, "run `npm ci` in {}", js.display());
        let node = std::env::var_os("NODE").unwrap_or_else(|| "node".into());
        let mut child = Command::new(node)
            .arg(js.join("formats").join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node: install it, or name it in NODE");
        let stdout = child.stdout.take().expect("a pipe");
        let input = child.stdin.take().expect("a pipe");
        let lines = BufReader::new(stdout).lines();
        Self { lines, input, passed: VecDeque::new(), _child: child }
    }

    /// Tells it what to do.
    pub(crate) async fn tell(&mut self, action: &str) {
        let line = format!("{action}\n");
        self.input.write_all(line.as_bytes()).await.expect("a script that runs");
    }

    /// The next event that is called that.
    pub(crate) async fn next(&mut self, on: &str) -> Value {
        if let Some(found) = self.passed.iter().position(|event| event["on"] == on) {
            return self.passed.remove(found).expect("it is there");
        }
        loop {
            let line = tokio::time::timeout(LONGEST, self.lines.next_line()).await;
            let Ok(Ok(Some(line))) = line else { panic!("{line:?} after {:?}", self.passed) };
            let event: Value = serde_json::from_str(&line).expect("JSON");
            if event["on"] == on {
                return event;
            }
            self.passed.push_back(event);
        }
    }

    /// Does something and answers what it says to it.
    pub(crate) async fn ask(&mut self, action: &str) -> Value {
        self.tell(action).await;
        self.next(action).await
    }

    /// Whether something that is called that came, and was not waited for.
    pub(crate) fn passed(&self, on: &str) -> bool {
        self.passed.iter().any(|event| event["on"] == on)
    }
}
