//! What is shown is served over HTTP.
#![cfg(unix)]

mod common;
#[path = "common/device.rs"]
mod device;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use common::{Json, Watch, run, served};
use device::Run;
use rustix::process::Signal;

/// Sends a request, with more headers if need be, and reads on from there.
fn ask(address: &str, line: &str, headers: &str, body: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("room");
    BufReader::new(stream)
}

/// The whole answer.
fn answer(address: &str, line: &str, headers: &str, body: &str) -> String {
    let mut text = String::new();
    ask(address, line, headers, body).read_to_string(&mut text).expect("UTF-8");
    text
}

/// Reads up to a line with this text in it.
fn read_to(stream: &mut impl BufRead, text: &str) {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(stream.read_line(&mut line).expect("UTF-8") > 0, "{text:?} comes");
    }
}

#[test]
fn what_others_publish_is_shown_and_served_until_the_end() {
    let mut watch = Watch::start(served(&["serve", "--json", "--listen", "127.0.0.1:0"]));
    let address = watch.address();
    let mut events = ask(&address, "GET /v1/status/conv-1/events", "", "");
    read_to(&mut events, "event: ready");
    let update = r#"{"conversation":"conv-1","category":"tool","text":"searching"}"#;
    let told = answer(&address, "POST /v1/status", "", update);
    assert!(told.starts_with("HTTP/1.1 202") && told.contains("\"accepted\":1"), "{told}");
    read_to(&mut events, "searching");
    let shown = watch.line_with("searching");
    watch.signal(Signal::TERM);
    read_to(&mut events, "retry: ");
    let mut rest = String::new();
    events.read_to_string(&mut rest).expect("it ends as it should");
    let ended = watch.end();
    assert_eq!(ended.code, Some(143), "{}", ended.errors);
    let lines: Vec<_> = [shown].into_iter().chain(ended.lines).collect();
    assert_eq!(Json::read(&lines).count("delivered"), 1);
}

#[test]
fn a_command_is_served_to_its_end() {
    let arguments = ["run", "--plain", "--listen", "127.0.0.1:0", "--", "sh", "-c"];
    let mut command = served(&arguments);
    command.arg("read line; for n in 1 2 3; do echo step $n/3; done");
    let mut watch = Watch::start(command);
    let address = watch.address();
    let mut events = ask(&address, "GET /v1/events", "", "");
    read_to(&mut events, "event: ready");
    writeln!(watch.stdin.take().expect("piped"), "go").expect("it reads");
    for text in ["step 3/3", "exited with 0", "retry: "] {
        read_to(&mut events, text);
    }
    assert_eq!(watch.end().code, Some(0));
}

#[test]
fn a_device_is_served_with_the_state_of_its_line() {
    let device = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let place = format!("board={}", device.local_addr().expect("it listens"));
    let mut watch = Watch::start(served(&["device", "--json", "--listen", "127.0.0.1:0", &place]));
    let address = watch.address();
    let (mut line, _) = device.accept().expect("it connects");
    let mut shown = vec![watch.line_with("\"text\":\"connected\"")];
    let mut events = ask(&address, "GET /v1/events", "", "");
    read_to(&mut events, "event: ready");
    line.write_all(&Run::new(1).says("pump", "on")).expect("room");
    read_to(&mut events, "\"conversation\":\"board/pump\"");
    shown.push(watch.line_with("\"text\":\"on\""));
    drop((line, device));
    read_to(&mut events, "disconnected: the line has ended; waiting for it");
    shown.push(watch.line_with("disconnected"));
    // It cannot be reached any more, and that is what stands.
    read_to(&mut events, "cannot be opened, waiting for it");
    let stands = answer(&address, "GET /v1/status/board", "", "");
    assert!(stands.contains("cannot be opened, waiting for it"), "{stands}");
    watch.signal(Signal::INT);
    let ended = watch.end();
    assert_eq!(ended.code, Some(130), "{}", ended.errors);
    let json = Json::read(&shown.into_iter().chain(ended.lines).collect::<Vec<_>>());
    assert_eq!(json.texts("tool"), ["on"]);
}

#[test]
fn one_that_reads_nothing_keeps_nobody_from_the_end() {
    let arguments = ["run", "--plain", "--listen", "127.0.0.1:0", "--", "sh", "-c"];
    let mut command = served(&arguments);
    // More than fits on the way to it.
    command
        .arg("read line; yes 'a line that says very little, but says it often' | head -n 100000");
    let mut watch = Watch::start(command);
    let address = watch.address();
    let mut stuck = ask(&address, "GET /v1/events", "", "");
    read_to(&mut stuck, "event: ready");
    writeln!(watch.stdin.take().expect("piped"), "go").expect("it reads");
    let ended = watch.end();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    let lines = ended.lines.iter().filter(|line| line.contains("says very little")).count();
    assert_eq!(lines, 100_000, "everything is shown");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it listens").to_string();
    for action in [&["serve", "--plain"][..], &["run", "--plain"]] {
        let mut arguments = action.to_vec();
        arguments.extend(["--listen", &address]);
        if action.contains(&"run") {
            arguments.push("true");
        }
        let ended = run(served(&arguments));
        assert_eq!(ended.code, Some(1));
        let told = format!("watch: cannot listen on {address}: the port is in use: choose another");
        assert!(ended.errors.contains(&told), "{}", ended.errors);
    }
}

#[test]
fn others_than_this_machine_need_a_token() {
    let everywhere = ["serve", "--plain", "--listen", "0.0.0.0:0"];
    let ended = run(served(&everywhere));
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("give a token with --token or WATCH_TOKEN"), "{}", ended.errors);
    let mut command = served(&everywhere);
    command.env("WATCH_TOKEN", "secret");
    let mut watch = Watch::start(command);
    let address = watch.address().replace("0.0.0.0", "127.0.0.1");
    let without = answer(&address, "GET /v1/system", "", "");
    assert!(without.starts_with("HTTP/1.1 401"), "{without}");
    let with = answer(&address, "GET /v1/system", "authorization: Bearer secret\r\n", "");
    assert!(with.starts_with("HTTP/1.1 200"), "{with}");
    watch.signal(Signal::TERM);
    assert_eq!(watch.end().code, Some(143));
}
