//! A server that can be killed, and phoenix.js in a process of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use statusbus_axum::{Closing, Routes};
use statusbus_tokio::Status;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::Runtime;

/// A server whose tasks run in a runtime of their own: with it they all end at once, wherever they
/// are, as with their process.
pub(crate) struct Server {
    pub(crate) status: Status,
    pub(crate) closing: Closing,
    pub(crate) address: SocketAddr,
    routes: fn(Routes) -> Routes,
    runtime: Option<Runtime>,
}

impl Server {
    pub(crate) fn start(status: &Status) -> Self {
        Self::start_with(status, |routes| routes)
    }

    pub(crate) fn start_with(status: &Status, routes: fn(Routes) -> Routes) -> Self {
        Self::listen(status, routes, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    fn listen(status: &Status, routes: fn(Routes) -> Routes, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let built = routes(Routes::new(status));
        let closing = built.closing();
        let router = built.router();
        let runtime = Runtime::new().expect("a runtime");
        let until = closing.clone();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            statusbus_axum::Server::new(listener).expect("an address").run(router, until).await;
        });
        Self { status: status.clone(), closing, address, routes, runtime: Some(runtime) }
    }

    /// Ends all of it without a word; the bus lives on.
    pub(crate) async fn kill(mut self) -> Self {
        if let Some(runtime) = self.runtime.take() {
            // In a thread that may wait: afterwards every socket is closed.
            let ended = move || runtime.shutdown_timeout(Duration::from_secs(10));
            tokio::task::spawn_blocking(ended).await.expect("the end");
        }
        self
    }

    /// Serves another bus when it is started again.
    pub(crate) fn on(self, status: &Status) -> Self {
        Self { status: status.clone(), ..self }
    }

    /// Starts again on the same port.
    pub(crate) fn restart(self) -> Self {
        Self::listen(&self.status, self.routes, self.address)
    }

    /// Ends what is still open; the counters have to add up.
    pub(crate) async fn balances(self) {
        let ledger = self.closing.shutdown(Duration::from_secs(5)).await;
        assert!(ledger.is_balanced(), "{ledger:?}");
        self.kill().await;
    }
}

/// phoenix.js, and what has come of it.
pub(crate) struct Client {
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
    /// Ends with this.
    _child: Child,
    /// What came while something else was waited for.
    pub(crate) passed: Vec<Value>,
}

/// The longest that anything may take to come; it is waited for by event, and only a test that
/// fails takes that long.
const LONGEST: Duration = Duration::from_secs(30);

impl Client {
    /// Starts a client and connects it.
    pub(crate) async fn connect(server: &Server, options: Value) -> Self {
        let js = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
        assert!(
            js.join("node_modules/phoenix").exists(),
            "the packages of {} are not installed: run `npm ci` there",
            js.display()
        );
        let node = std::env::var_os("NODE").unwrap_or_else(|| "node".into());
        let mut child = Command::new(node)
            .arg(js.join("phoenix/client.mjs"))
            .arg(format!("ws://{}/socket", server.address))
            .arg(options.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node: install it, or name it in NODE");
        let stdout = child.stdout.take().expect("a pipe");
        let input = child.stdin.take().expect("a pipe");
        let lines = BufReader::new(stdout).lines();
        let mut client = Self { lines, input, _child: child, passed: Vec::new() };
        client.tell(json!({"do": "connect"})).await;
        client.next_on("open").await;
        client
    }

    /// Tells it what to do.
    pub(crate) async fn tell(&mut self, action: Value) {
        let line = format!("{action}\n");
        self.input.write_all(line.as_bytes()).await.expect("a client that runs");
    }

    /// Joins, and answers with the response.
    pub(crate) async fn join(&mut self, name: &str, topic: &str, params: Value) -> Value {
        self.tell(json!({"do": "join", "name": name, "topic": topic, "params": params})).await;
        let joined = self.next("joined", name).await;
        assert_eq!(joined["status"], "ok", "{joined}");
        joined["response"].clone()
    }

    /// Pushes, and answers with the status and the response.
    pub(crate) async fn push(
        &mut self,
        name: &str,
        event: &str,
        payload: Value,
    ) -> (String, Value) {
        self.tell(json!({"do": "push", "name": name, "event": event, "payload": payload})).await;
        let reply = self.next("reply", name).await;
        (reply["status"].as_str().unwrap_or_default().to_owned(), reply["response"].clone())
    }

    /// The next update of a channel.
    pub(crate) async fn next_update(&mut self, name: &str) -> Value {
        self.next("status_update", name).await["payload"].clone()
    }

    /// The next reply to a join, and the updates before it.
    pub(crate) async fn next_joined(&mut self, name: &str, updates: &mut Vec<Value>) -> Value {
        loop {
            let line = self.line().await;
            match line["on"].as_str() {
                Some("status_update") => updates.push(line["payload"].clone()),
                Some("joined") if line["name"] == name => return line,
                _ => self.passed.push(line),
            }
        }
    }

    /// The next event of a channel that is called that.
    pub(crate) async fn next(&mut self, on: &str, name: &str) -> Value {
        loop {
            let line = self.line().await;
            if line["on"] == on && line["name"] == name {
                return line;
            }
            self.passed.push(line);
        }
    }

    /// The next event of the socket that is called that.
    pub(crate) async fn next_on(&mut self, on: &str) -> Value {
        loop {
            let line = self.line().await;
            if line["on"] == on {
                return line;
            }
            self.passed.push(line);
        }
    }

    /// Whether such an event came while another one was waited for.
    pub(crate) fn seen(&self, on: &str, name: &str) -> bool {
        self.passed.iter().any(|line| line["on"] == on && line["name"] == name)
    }

    async fn line(&mut self) -> Value {
        let line = tokio::time::timeout(LONGEST, self.lines.next_line()).await;
        let Ok(Ok(Some(line))) = line else { panic!("{line:?} after {:?}", self.passed) };
        serde_json::from_str(&line).expect("JSON")
    }
}
