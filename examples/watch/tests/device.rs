//! `watch device` on real lines.
#![cfg(target_os = "linux")]

mod common;
#[path = "common/device.rs"]
mod device;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use common::{Directory, Json, Watch, run, watch};
use device::Run;
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A program that is being watched, and everything that it has shown.
struct Shown {
    watch: Watch,
    lines: Vec<String>,
}

impl Shown {
    fn start(arguments: &[&str]) -> Self {
        let mut command = watch(&["device", "--json"]);
        command.args(arguments);
        Self { watch: Watch::start(command), lines: Vec::new() }
    }

    /// Waits until a text that begins like this is shown; answers the rest of it.
    fn until(&mut self, begin: &str) -> String {
        let wanted = format!("\"text\":\"{begin}");
        loop {
            let line = self.watch.line();
            self.lines.push(line.clone());
            if let Some(at) = line.find(&wanted) {
                let rest = &line[at + wanted.len()..];
                return rest[..rest.find('"').expect("its end")].to_owned();
            }
        }
    }

    /// Ends it as a service manager does.
    fn end(mut self) -> Json {
        self.watch.signal(Signal::TERM);
        let ended = self.watch.end();
        assert_eq!(ended.code, Some(143), "{}", ended.errors);
        self.lines.extend(ended.lines);
        Json::read(&self.lines)
    }
}

/// Conversation and text of everything, but of what is told only when there is time for it.
fn said(json: &Json) -> Vec<(&str, &str)> {
    let said = json.updates.iter().map(|update| {
        (update["conversation"].as_str().unwrap_or("-"), update["text"].as_str().expect("a text"))
    });
    said.collect()
}

#[test]
fn a_connection_that_is_cut_is_made_again_and_what_was_lost_is_counted_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens").to_string();
    let name = address.replace(':', "-");
    let mut shown = Shown::start(&[&format!("tcp:{address}")]);
    let mut board = Run::new(1);

    let (mut line, _) = listener.accept().expect("it connects");
    shown.until("connected");
    line.write_all(b"boot: ok\r\n\0").expect("it is open");
    line.write_all(&board.says("pump", "on")).expect("it is open");
    shown.until("on");
    let half = board.says("pump", "never seen");
    line.write_all(&half[..half.len() / 2]).expect("it is open");
    drop(line);
    shown.until("disconnected: the line has ended; waiting for it");
    board.says("pump", "said to nobody");

    let (mut line, _) = listener.accept().expect("it connects again");
    line.write_all(&half[half.len() / 2..]).expect("it is open");
    line.write_all(&board.says("pump", "primed")).expect("it is open");
    line.write_all(&board.lost("valve", 3)).expect("it is open");
    line.write_all(&board.says("", "hot")).expect("it is open");
    shown.until("hot");
    let mut board = Run::new(2);
    line.write_all(&board.says("pump", "on again")).expect("it is open");
    shown.until("on again");

    let json = shown.end();
    let mut said = said(&json);
    // When those are told depends on how the bytes come.
    said.retain(|(_, text)| !text.contains("could not be read"));
    let about = name.as_str();
    assert_eq!(
        said,
        [
            (about, "connected"),
            ("pump", "on"),
            (about, "disconnected: the line has ended; waiting for it"),
            (about, "connected, time 2"),
            (about, "2 updates were lost on the line"),
            ("pump", "primed"),
            ("valve", "3 updates were lost in the device: 3 evicted"),
            (about, "hot"),
            (about, "the device has restarted"),
            ("pump", "on again"),
            (about, "closed: 4 updates, 2 lost on the line and 3 in the device, 3 bad frames"),
        ]
    );
    let last = json.updates.last().expect("the end");
    assert_eq!(last["priority"], "high");
    assert_eq!(last["metadata"]["connections"], 2);
    assert_eq!(last["metadata"]["restarts"], 1);
}

/// A new pseudo-terminal: the device's end, and the name of ours.
fn pty() -> (File, String) {
    // A program that is started while this is open must not keep the line from ending.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).expect("a terminal");
    grantpt(&master).expect("it is ours");
    unlockpt(&master).expect("it is ours");
    let name = ptsname(&master, Vec::new()).expect("it has a name");
    (master.into(), name.into_string().expect("UTF-8"))
}

#[test]
fn a_cable_that_is_pulled_out_and_put_back() {
    let directory = Directory::new("cable");
    let port = directory.path("ttyACM0");
    let (mut device, path) = pty();
    symlink(path, &port).expect("room");
    let mut shown = Shown::start(&[port.to_str().expect("UTF-8"), "--baud", "57600"]);
    shown.until("connected");
    let mut board = Run::new(7);
    // Bytes that a terminal in its usual mode would keep for itself, or change.
    device.write_all(&board.says("pump", "a\rb\nc\u{3}d\u{4}e\u{11}f\u{13}g\u{7f}")).expect("room");
    shown.until("a\\rb\\nc\\u0003d\\u0004e\\u0011f\\u0013g\u{7f}");

    fs::remove_file(&port).expect("it is there");
    drop(device);
    shown.until("disconnected: ");
    shown.until("there is no such path: waiting for it");
    board.says("pump", "lost");
    let (mut device, path) = pty();
    symlink(path, &port).expect("room");
    shown.until("connected, time 2");
    device.write_all(&board.says("pump", "back")).expect("room");
    shown.until("back");
    let json = shown.end();
    let lost = said(&json).into_iter().find(|(_, text)| text.contains("lost")).expect("a loss");
    assert_eq!(lost, ("ttyACM0", "1 update was lost on the line"));
}

#[test]
fn a_device_that_calls_anew_takes_the_line() {
    let mut shown = Shown::start(&["board=tcp-listen::0"]);
    let address = shown.until("listening at ");
    let mut board = Run::new(1);
    let mut first = TcpStream::connect(&address).expect("it listens");
    first.write_all(&board.says("pump", "on")).expect("room");
    shown.until("on");
    // It was switched off, and did not hang up.
    let mut second = TcpStream::connect(&address).expect("it listens");
    shown.until("connected, time 2: the device has called anew");
    second.write_all(&board.says("pump", "off")).expect("room");
    shown.until("off");
    let json = shown.end();
    assert!(said(&json).contains(&("board/pump", "off")), "a name keeps it apart");
    drop(first);
}

#[test]
fn several_devices_stay_apart() {
    let directory = Directory::new("several");
    let (fifo, file, socket) =
        (directory.path("fifo"), directory.path("capture.bin"), directory.path("socket"));
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).expect("room");
    let listener = UnixListener::bind(&socket).expect("room");
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let named = format!("door={}", path(&socket));
    let mut shown = Shown::start(&[&path(&fifo), &path(&file), &named]);
    shown.until("there is no such path: waiting for it");
    fs::write(&file, Run::new(2).says("pump", "from a file")).expect("room");
    shown.until("from a file");
    for (epoch, text) in [(3, "from a FIFO"), (4, "from the FIFO's next writer")] {
        let mut writer = OpenOptions::new().write(true).open(&fifo).expect("it reads");
        writer.write_all(&Run::new(epoch).says("pump", text)).expect("room");
        shown.until(text);
    }
    let (mut line, _) = listener.accept().expect("it connects");
    line.write_all(&Run::new(5).says("", "open")).expect("room");
    shown.until("open");
    let json = shown.end();
    let said = said(&json);
    for update in [
        ("capture.bin/pump", "from a file"),
        ("fifo/pump", "from a FIFO"),
        ("fifo/pump", "from the FIFO's next writer"),
        ("door", "open"),
    ] {
        assert!(said.contains(&update), "{update:?}: {said:?}");
    }
    assert_eq!(json.texts("engine").iter().filter(|text| text.starts_with("closed: ")).count(), 3);
}

#[test]
fn a_file_is_read_to_its_end_and_nothing_of_it_is_lost() {
    let directory = Directory::new("capture");
    let file = directory.path("capture.bin");
    let mut board = Run::new(1);
    let bytes: Vec<u8> = (1..=30_000).flat_map(|n| board.says("pump", &n.to_string())).collect();
    // The last frame lacks only what would end it.
    fs::write(&file, &bytes[..bytes.len() - 1]).expect("room");
    let mut command = watch(&["device", "--json", "--once"]);
    command.arg(&file);
    let ended = run(command);
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    let json = Json::read(&ended.lines);
    assert_eq!(json.texts("tool").len(), 30_000);
    assert!(json.gaps.is_empty());
}

#[test]
fn a_file_that_is_written_anew_is_read_from_its_beginning() {
    let directory = Directory::new("anew");
    let file = directory.path("capture.bin");
    let mut board = Run::new(1);
    let twice = [board.says("pump", "one"), board.says("pump", "two")].concat();
    fs::write(&file, twice).expect("room");
    let mut shown = Shown::start(&[file.to_str().expect("UTF-8")]);
    shown.until("two");
    fs::write(&file, Run::new(2).says("pump", "three")).expect("room");
    shown.until("three");
    let json = shown.end();
    assert!(json.texts("info").contains(&"the device has restarted"));
}

#[test]
fn what_is_no_line_of_a_device_is_told() {
    let (mut device, path) = pty();
    let mut shown = Shown::start(&[&path]);
    shown.until("connected");
    let text = "[    0.000000] this is the console of something else\r\n".repeat(100);
    device.write_all(text.as_bytes()).expect("room");
    shown.until("no frame in the last ");
    assert_eq!(shown.end().gaps.len(), 0);
}

#[test]
fn what_cannot_be_read_is_told_and_what_cannot_be_meant_is_refused() {
    let directory = Directory::new("errors");
    let missing = directory.path("missing");
    let missing = missing.to_str().expect("UTF-8");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = format!("tcp-listen:{}", taken.local_addr().expect("it listens"));
    let _listener = TcpListener::bind(&taken["tcp-listen:".len()..]);
    let rules: [(&[&str], i32, &str); 5] = [
        (&["--once", missing], 1, "missing: No such file or directory"),
        (&["--once", "/dev/null"], 1, "/dev/null: it is no serial port"),
        (&["tcp:nowhere"], 2, "\"nowhere\" is no address: give a host and a port"),
        (&["/dev/a/tty", "/dev/b/tty"], 1, "two devices are called tty: name them, as in"),
        (&[&taken], 1, "cannot listen on 127.0.0.1:"),
    ];
    for (arguments, code, told) in rules {
        let mut command = watch(&["device", "--plain"]);
        command.args(arguments);
        let ended = run(command);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.errors);
        assert!(ended.errors.contains(told), "{arguments:?}: {}", ended.errors);
    }
    let mut shown = Shown::start(&["/tmp"]);
    shown.until("cannot be opened, waiting for it: it is no serial port, FIFO, socket or file");
    shown.end();
}
