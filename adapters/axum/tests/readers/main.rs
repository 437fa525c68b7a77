//! Unmodified third-party clients. Readers: the `EventSource` of Chromium and that of the `eventsource`
//! package from npm, phoenix.js, `curl -N`, and a client in Rust. All receive the same updates in the
//! same order, and each reconnects. Publishers: the HTTP clients of Node and of Python.
//!
//! It needs python3, curl, Chromium (`STATUSBUS_BROWSER` names its program, if it has an unusual name),
//! Node (`NODE` selects another program than `node`) and, once, `npm ci` in `tests/js`:
//!
//! ```sh
//! npm --prefix adapters/axum/tests/js ci
//! cargo test -p statusbus-axum --test readers -- --ignored
//! ```

#![allow(clippy::panic)] // a panic is a test failure, in helpers, too

#[path = "../programs/mod.rs"]
mod programs;
mod readers;
#[path = "../support/mod.rs"]
mod support;

use std::ffi::OsStr;
use std::path::Path;

use programs::slow::{Seen, forgetful, make_lag};
use programs::{Server, node};
use readers::{Curl, EventSource, Phoenix, Reader, Rust, output_in, output_of};
use statusbus_tokio::{Spawn, Status};

/// Publishes updates in two conversations, and waits until they are delivered.
async fn publish(status: &Status, count: usize) {
    for number in 0..count {
        status.tool("conv-1", format!("{number} a\r\nb\u{2028}\0</script>\u{1f600}"));
        status.system().info(number.to_string());
        if number % 50 == 0 {
            status.flush().await;
        }
    }
    status.flush().await;
}

const CONVERSATION: &str = "/v1/status/conv-1/events";

async fn all_read_the_same(path: &str, of_them: usize) {
    const EACH: usize = 250;
    let status = Status::builder().spawn();
    let server = Server::start(&status);
    let url = format!("http://{}{path}", server.address);
    let mut readers: Vec<Box<dyn Reader>> = vec![
        Box::new(EventSource::in_chromium(&url)),
        Box::new(EventSource::in_node(&url)),
        Box::new(Curl::start(&url)),
        Box::new(Rust::start(server.address, path).await),
    ];
    // A channel reads one conversation.
    if path == CONVERSATION {
        readers.push(Box::new(Phoenix::start(server.address, "conv-1").await));
    }
    let mut read = vec![Vec::new(); readers.len()];
    for (reader, read) in readers.iter_mut().zip(&mut read) {
        assert!(!reader.begins(read).await);
    }
    publish(&status, EACH).await;
    for (reader, read) in readers.iter_mut().zip(&mut read) {
        reader.read(read, EACH * of_them).await;
    }
    let server = server.kill().await;
    publish(&status, EACH).await;
    let server = server.restart();
    for (reader, read) in readers.iter_mut().zip(&mut read) {
        reader.comes_back().await;
        assert!(reader.begins(read).await, "it goes on where it was");
    }
    publish(&status, EACH).await;
    for (reader, read) in readers.iter_mut().zip(&mut read) {
        reader.read(read, EACH * of_them * 3).await;
    }
    for other in &read {
        assert!(other.is_sorted_by(|one, next| one < next), "in order, and none twice");
        assert_eq!(other, &read[0]);
    }
    drop(readers);
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs curl, Chromium, and Node and its packages"]
async fn all_readers_of_everything_agree_on_the_order_across_a_restart() {
    all_read_the_same("/v1/events", 2).await;
}

#[tokio::test]
#[ignore = "needs curl, Chromium, and Node and its packages"]
async fn all_readers_of_a_conversation_agree_on_the_order_across_a_restart() {
    all_read_the_same(CONVERSATION, 1).await;
}

#[tokio::test]
#[ignore = "needs Node and its packages"]
async fn a_lagging_reader_receives_the_missed_count_and_the_retained_values() {
    let server = Server::start(&forgetful());
    let mut reader = EventSource::in_node(&format!("http://{}{CONVERSATION}", server.address));
    assert!(!(&mut reader as &mut dyn Reader).begins(&mut Vec::new()).await);
    make_lag(reader.script(), &server.status).await;
    let (mut seen, mut is_last) = (Seen::default(), false);
    while !is_last {
        let (name, data) = reader.next().await.expect("it goes on");
        match name.as_str() {
            "gap" => seen.gap(&data),
            _ => is_last = data.as_array().expect("an array").iter().any(|one| seen.update(one)),
        }
    }
    assert!(seen.gaps > 0);
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs curl, and Node and its packages"]
async fn the_commands_in_the_readme_work_as_pasted() {
    let server = Server::start(&Status::builder().spawn());
    let readme =
        include_str!("../../README.md").replace("localhost:7077", &server.address.to_string());
    let line_with =
        |text: &str| readme.lines().find(|line| line.contains(text)).expect(text).to_owned();
    let mut shell =
        output_of("sh", &["-c", &line_with("curl -N").replace("curl ", "exec curl -s ")]);
    while shell.line().await != "event: ready" {}
    for (line, reported) in [
        (line_with("\"text\":\"searching\""), r#"{"accepted":1,"refused":[]}"#),
        (line_with("\"key\":\"download-3\""), r#"{"accepted":1,"refused":[]}"#),
        (line_with("printf"), r#"{"accepted":2,"refused":[]}"#),
    ] {
        assert_eq!(
            output_of("sh", &["-c", &line.replace("curl ", "curl -s ")]).line().await,
            reported
        );
    }
    server.status.flush().await;
    let retained = line_with("/v1/status/conv-1").replace("curl ", "curl -s ");
    assert!(retained.ends_with("/conv-1"), "{retained}");
    let retained = output_of("sh", &["-c", &retained]).line().await;
    assert!(retained.contains("searching") && retained.contains("41 %"), "{retained}");
    let mut seen = String::new();
    while !["searching", "41 %", "\"up\"", "warm"].iter().all(|text| seen.contains(text)) {
        seen += &shell.line().await;
    }
    // Node needs the package for what a browser has built in.
    let script = format!(
        "import {{ EventSource }} from 'eventsource'; globalThis.EventSource = EventSource; {}",
        line_with("new EventSource")
    );
    let mut browser = output_of("node", &["--input-type=module", "-e", &script]);
    assert_eq!(browser.line().await, "tool searching");
    assert_eq!(browser.line().await, "progress 41 %");
    drop((shell, browser));
    server.assert_balanced().await;
}

/// The output of clients that publish a body over the size limit.
async fn publishes_too_much(program: impl AsRef<OsStr>, script: &str, clients: [&str; 2]) {
    let server = Server::start(&Status::builder().spawn());
    let url = format!("http://{}/v1/status", server.address);
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut output = output_in(tests, program, &[script, &url, "12000000"]);
    for client in clients {
        assert_eq!(output.line().await, format!("{client} 413 too_large"));
    }
    server.assert_balanced().await;
}

#[tokio::test]
#[ignore = "needs Node"]
async fn clients_of_node_get_the_error_for_a_large_body() {
    publishes_too_much(node(), "js/http/post.mjs", ["fetch", "http.request"]).await;
}

#[tokio::test]
#[ignore = "needs python3"]
async fn clients_of_python_get_the_error_for_a_large_body() {
    publishes_too_much("python3", "programs/post.py", ["urllib", "http.client"]).await;
}
