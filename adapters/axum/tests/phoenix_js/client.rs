//! phoenix.js in a process of its own.

use serde_json::{Value, json};

use crate::programs::{Script, Server};

/// phoenix.js, and its events.
pub(crate) struct Client(Script);

impl Client {
    /// Starts a client and connects it.
    pub(crate) async fn connect(server: &Server, options: Value) -> Self {
        let url = format!("ws://{}/socket", server.address);
        let mut script = Script::start("phoenix/client.mjs", &[&url, &options.to_string()]);
        script.command(json!({"do": "connect"})).await;
        script.next("open").await;
        Self(script)
    }

    /// Sends a command.
    pub(crate) async fn command(&mut self, action: Value) {
        self.0.command(action).await;
    }

    /// Joins, and returns the response.
    pub(crate) async fn join(&mut self, name: &str, topic: &str, params: Value) -> Value {
        self.command(json!({"do": "join", "name": name, "topic": topic, "params": params})).await;
        let joined = self.next("joined", name).await;
        assert_eq!(joined["status"], "ok", "{joined}");
        joined["response"].clone()
    }

    /// Pushes, and returns the status and the response.
    pub(crate) async fn push(
        &mut self,
        name: &str,
        event: &str,
        payload: Value,
    ) -> (String, Value) {
        self.command(json!({"do": "push", "name": name, "event": event, "payload": payload})).await;
        let reply = self.next("reply", name).await;
        (reply["status"].as_str().unwrap_or_default().to_owned(), reply["response"].clone())
    }

    /// The next update of a channel.
    pub(crate) async fn next_update(&mut self, name: &str) -> Value {
        self.next("status_update", name).await["payload"].clone()
    }

    /// The next reply to a join, and the updates before it.
    pub(crate) async fn next_joined(&mut self, name: &str, updates: &mut Vec<Value>) -> Value {
        let about = |line: &Value| {
            line["name"] == name && (line["on"] == "status_update" || line["on"] == "joined")
        };
        loop {
            let mut line = self.0.next_where(about).await;
            if line["on"] == "joined" {
                return line;
            }
            updates.push(line["payload"].take());
        }
    }

    /// The next event of a channel with this name.
    pub(crate) async fn next(&mut self, on: &str, name: &str) -> Value {
        self.0.next_where(|line| line["on"] == on && line["name"] == name).await
    }

    /// The next event of the socket with this name.
    pub(crate) async fn next_on(&mut self, on: &str) -> Value {
        self.0.next(on).await
    }

    /// The next event of any channel with one of these names.
    pub(crate) async fn next_of(&mut self, names: &[&str]) -> Value {
        self.0.next_of(names).await
    }

    /// Whether such an event arrived while another one was awaited.
    pub(crate) fn seen(&self, on: &str, name: &str) -> bool {
        self.0.passed().iter().any(|line| line["on"] == on && line["name"] == name)
    }

    /// Its process.
    pub(crate) const fn script(&self) -> &Script {
        &self.0
    }
}
