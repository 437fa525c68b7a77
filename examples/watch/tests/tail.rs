//! `watch tail` on real files.
#![cfg(unix)]

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use common::{Directory, Json, Watch, watch};
use rustix::process::Signal;

fn tail(arguments: &[&str], files: &[&Path]) -> Watch {
    let mut command = watch(&["tail", "--json", "--every", "5ms"]);
    command.args(arguments).args(files);
    Watch::start(command)
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("a file");
    file.write_all(text.as_bytes()).expect("room");
}

/// Waits until `text` is shown.
fn shown(watch: &mut Watch, lines: &mut Vec<String>, text: &str) {
    let wanted = format!("\"text\":\"{text}\"");
    while !lines.last().is_some_and(|line| line.contains(&wanted)) {
        lines.push(watch.line());
    }
}

/// Ends it as a service manager does.
fn end(watch: Watch, mut lines: Vec<String>) -> Json {
    watch.signal(Signal::TERM);
    let ended = watch.end();
    assert_eq!(ended.code, Some(143), "{}", ended.errors);
    lines.extend(ended.lines);
    Json::read(&lines)
}

#[test]
fn a_file_is_followed_from_its_end_its_beginning_or_its_last_lines() {
    let directory = Directory::new("start");
    let file = directory.path("app.log");
    for (arguments, before) in [
        (&[][..], &[][..]),
        (&["--from-start"], &["one", "two", "three"]),
        (&["-n", "2"], &["two", "three"]),
    ] {
        fs::write(&file, "one\ntwo\nthree\n").expect("room");
        let (mut watch, mut lines) = (tail(arguments, &[&file]), Vec::new());
        lines.push(watch.line_with("followed from"));
        append(&file, "four\n");
        shown(&mut watch, &mut lines, "four");
        append(&file, "ERROR: five\nsix");
        shown(&mut watch, &mut lines, "ERROR: five");
        let json = end(watch, lines);
        let infos: Vec<_> = before.iter().copied().chain(["four", "six"]).collect();
        assert_eq!(json.texts("info"), infos);
        assert_eq!(json.texts("error"), ["ERROR: five"]);
        assert!(json.updates.iter().all(|update| update["conversation"] == "app.log"));
    }
}

#[test]
fn a_file_that_is_cut_off_is_read_from_its_beginning() {
    let directory = Directory::new("cut");
    let file = directory.path("app.log");
    fs::write(&file, "before, and long\n").expect("room");
    let (mut watch, mut lines) = (tail(&[], &[&file]), Vec::new());
    lines.push(watch.line_with("followed from"));
    append(&file, "one\n");
    shown(&mut watch, &mut lines, "one");
    File::create(&file).expect("a file");
    shown(&mut watch, &mut lines, "cut off: reading it from its beginning");
    append(&file, "two\n");
    shown(&mut watch, &mut lines, "two");
    assert_eq!(end(watch, lines).texts("info"), ["one", "two"]);
}

#[test]
fn a_file_that_takes_the_name_is_followed() {
    let directory = Directory::new("rotated");
    let (file, old) = (directory.path("app.log"), directory.path("app.log.1"));
    fs::write(&file, "").expect("room");
    let (mut watch, mut lines) = (tail(&[], &[&file]), Vec::new());
    lines.push(watch.line_with("followed from"));
    append(&file, "one\n");
    shown(&mut watch, &mut lines, "one");
    fs::rename(&file, &old).expect("a file");
    // Whoever had it open writes on.
    append(&old, "two\n");
    shown(&mut watch, &mut lines, "two");
    append(&old, "three\n");
    append(&file, "four\n");
    shown(&mut watch, &mut lines, "four");
    assert_eq!(end(watch, lines).texts("info"), ["one", "two", "three", "four"]);
}

#[test]
fn a_file_that_is_not_there_is_waited_for() {
    let directory = Directory::new("missing");
    let (file, other) = (directory.path("a/app.log"), directory.path("b/app.log"));
    fs::create_dir_all(directory.path("b")).expect("room");
    fs::write(&other, "").expect("room");
    let (mut watch, mut lines) = (tail(&[], &[&file, &other]), Vec::new());
    lines.push(watch.line_with("there is no such file: waiting for it"));
    fs::create_dir_all(directory.path("a")).expect("room");
    append(&file, "one\n");
    shown(&mut watch, &mut lines, "one");
    append(&other, "two\n");
    shown(&mut watch, &mut lines, "two");
    let json = end(watch, lines);
    let last: Vec<_> = json.updates.iter().rev().take(2).map(|u| &u["conversation"]).collect();
    assert!(last[0].as_str().is_some_and(|name| name.ends_with("b/app.log")), "{last:?}");
    assert!(last[1].as_str().is_some_and(|name| name.ends_with("a/app.log")), "{last:?}");
}

#[test]
fn a_large_file_is_read_no_faster_than_it_is_shown() {
    let directory = Directory::new("large");
    let file = directory.path("app.log");
    let text: String = (1..=50_000).map(|n| format!("{n}\n")).collect();
    fs::write(&file, text).expect("room");
    let (mut watch, mut lines) = (tail(&["--from-start"], &[&file]), Vec::new());
    while !lines.last().is_some_and(|line: &String| line.contains("\"text\":\"50000\"")) {
        lines.push(watch.line());
    }
    let json = end(watch, lines);
    assert_eq!(json.texts("info").len(), 50_000);
    assert!(json.gaps.is_empty());
}

#[test]
fn every_finished_line_of_a_file_is_shown() {
    let directory = Directory::new("finished");
    let file = directory.path("app.log");
    let text = "copy 10%\ncopy 50%\n\n[1/2] a\n[2/2] b\ncopy 50%\ncopy 10%\rcopy 100%\nend\n";
    fs::write(&file, text).expect("room");
    let (mut watch, mut lines) = (tail(&["--from-start"], &[&file]), Vec::new());
    shown(&mut watch, &mut lines, "end");
    let json = end(watch, lines);
    let texts: Vec<_> =
        json.updates.iter().filter(|update| update["category"] != "engine").collect();
    let texts: Vec<_> = texts.iter().map(|update| update["text"].as_str().expect("text")).collect();
    let finished =
        ["copy 10%", "copy 50%", "", "[1/2] a", "[2/2] b", "copy 50%", "copy 100%", "end"];
    assert_eq!(texts, finished);
    assert_eq!(json.count("coalesced"), 0);
}
