//! Every line that a command finishes reaches the terminal, the pipe or the file, in order.
#![cfg(unix)]

mod common;
#[path = "common/terminal.rs"]
mod terminal;

use std::fs::{self, File};
use std::process::Stdio;

use common::{Directory, Ended, Json, Watch, run, script};
use rustix::process::Signal;
use terminal::Terminal;

/// What real programs print, each finished by newlines alone.
const PRINTED: [&str; 7] = [
    "df -h",
    // pytest -v
    "echo 'collected 4 items'
    for n in 1 2 3 4; do echo \"test_a.py::test_$n PASSED                  [ $((n * 25))%]\"; done
    echo '============ 4 passed in 0.01s ============'",
    // ninja and cmake
    "for n in 1 2 3 4 5; do echo \"[$n/5] Building CXX object part_$n.o\"; done
    for n in 20 20 100; do echo \"[ $n%] Built target app\"; done",
    // The same line twice, empty lines, and lines that look like the end of a progress bar.
    "echo 100%; echo 100%; echo; echo copy 5/5; echo; echo copy 5/5; echo '  indented'; printf last",
    "seq 1 100",
    "seq 1 20000",
    // Longer than the terminal is wide.
    "for n in 1 2 3; do printf '%s %0500d 50%%\\n' $n 7; done",
];

/// The finished lines of `printed`, as a view without colours and tabs has them.
fn lines(printed: &str) -> Vec<String> {
    printed.lines().map(|line| line.replace('\t', "    ").trim_end().to_owned()).collect()
}

/// The texts of the command's own lines.
fn own(shown: Vec<(String, String)>) -> Vec<String> {
    let own =
        shown.into_iter().filter(|(category, _)| !matches!(&**category, "workflow" | "engine"));
    own.map(|(_, text)| text).collect()
}

/// Category and text of each line of text.
fn plain(shown: &[String]) -> Vec<(String, String)> {
    let cells = shown.iter().map(|line| {
        let mut cells = line.splitn(4, ' ').skip(2).map(str::to_owned);
        (cells.next().expect("a category"), cells.next().unwrap_or_default())
    });
    cells.collect()
}

/// Category and text of each update.
fn json(shown: &[String]) -> Vec<(String, String)> {
    let json = Json::read(shown);
    assert!(json.gaps.is_empty(), "{:?}", json.gaps);
    assert_eq!(json.count("delivered"), json.count("sent"));
    let text = |value: &serde_json::Value| value.as_str().expect("a text").trim_end().to_owned();
    json.updates.iter().map(|update| (text(&update["category"]), text(&update["text"]))).collect()
}

/// A script whose standard output is also written to the file `copy`.
fn copied(printing: &str) -> String {
    format!("{{ {printing}\n}} | tee \"$COPY\"")
}

#[test]
fn a_terminal_scrolls_every_finished_line() {
    let directory = Directory::new("scrolled");
    let copy = directory.path("copy");
    for printing in PRINTED {
        let mut command = script(&["run"], &copied(printing));
        command.env("COPY", &copy);
        let mut terminal = Terminal::start(command);
        let (rows, code) = terminal.end();
        assert_eq!(code, Some(0), "{printing}: {rows:?}");
        let printed = lines(&fs::read_to_string(&copy).expect("a copy"));
        differ(&own(terminal.scrolled()), &printed, printing);
    }
}

#[test]
fn a_pipe_and_a_file_get_every_finished_line() {
    let directory = Directory::new("written");
    let copy = directory.path("copy");
    for printing in PRINTED {
        for form in ["--plain", "--json"] {
            let mut command = script(&["run", form], &copied(printing));
            command.env("COPY", &copy);
            let ended = run(command);
            let shown = if form == "--json" { json(&ended.lines) } else { plain(&ended.lines) };
            differ(&own(shown), &lines(&fs::read_to_string(&copy).expect("a copy")), printing);
        }
        let file = directory.path("file");
        let mut command = script(&["run"], &copied(printing));
        command.env("COPY", &copy).stdin(Stdio::null()).stderr(Stdio::null());
        let status = command.stdout(File::create(&file).expect("room")).status();
        assert!(status.expect("the program is there").success());
        let shown: Vec<_> =
            fs::read_to_string(&file).expect("UTF-8").lines().map(str::to_owned).collect();
        differ(&own(plain(&shown)), &lines(&fs::read_to_string(&copy).expect("a copy")), printing);
    }
}

/// Fails with the first line that is not the same.
fn differ(shown: &[String], printed: &[String], printing: &str) {
    let other = shown.iter().zip(printed).position(|(shown, printed)| shown != printed);
    let at = other.unwrap_or(shown.len().min(printed.len()));
    assert_eq!((shown.get(at), shown.len()), (printed.get(at), printed.len()), "{printing}: {at}");
}

/// What is printed with lone returns, and what of it is finished.
const REDRAWN: [(&str, &[&str]); 7] = [
    (r"printf '10%%\r50%%\r100%%\n'; echo done", &["100%", "done"]),
    // As tqdm and curl do: the return comes first.
    (r"printf 'load:   0%%\rload:  50%%\rload: 100%%'; printf '\n'", &["load: 100%"]),
    // The return comes last, and the newline behind it.
    (r"printf '10%%\r'; printf '100%%\r'; printf '\n'; echo done", &["100%", "done"]),
    (r"printf 'copy 10%%\r'; printf 'copy 99%%\rcopied\r\nnext\r\n'", &["copied", "next"]),
    // What is erased, or written over with blanks, is an empty line.
    (r"printf '99%%\r    \r\n99%%\r\033[K\nfree\n'", &["", "", "free"]),
    // The end of the output ends a line, too.
    (r"printf '10%%\r100%%\r'", &["100%"]),
    (
        r"for n in $(seq 0 100); do printf '\r%3d 10.0M  %3d  %d' $n $n $n; done; echo; seq 1 100",
        &["100 10.0M  100  100", "1", "2"],
    ),
];

#[test]
fn what_is_redrawn_is_live_and_what_is_left_of_it_is_a_line() {
    for (printing, finished) in REDRAWN {
        for stream in ["", " >&2"] {
            let printing = format!("{{ {printing}; }}{stream}");
            let mut terminal = Terminal::start(script(&["run"], &printing));
            terminal.end();
            let scrolled = own(terminal.scrolled());
            assert_eq!(scrolled[..finished.len()], *finished, "{printing}");
            let rest = if finished.contains(&"2") { 98 } else { 0 };
            assert_eq!(scrolled.len(), finished.len() + rest, "{printing}: {scrolled:?}");
            let json = Json::read(&run(script(&["run", "--json"], &printing)).lines);
            let lines = json.updates.iter().filter(|update| update["key"].is_null());
            let lines = lines.filter(|update| update["category"] != "workflow");
            let texts: Vec<_> =
                lines.map(|update| update["text"].as_str().expect("a text")).collect();
            assert_eq!(texts[..finished.len()], *finished, "{printing}");
            assert_eq!(texts.len(), finished.len() + rest, "{printing}");
        }
    }
}

#[test]
fn a_line_that_is_redrawn_is_in_the_panel_while_it_is() {
    let directory = Directory::new("redrawn");
    let (finish, end) = (directory.fifo("finish"), directory.fifo("end"));
    let mut command = script(
        &["run"],
        r#"printf '\rcopy  10%%'; printf '\rcopy  50%%'; read line <"$FINISH"
        printf '\rcopy 100%%\n'; read line <"$END""#,
    );
    command.env("FINISH", &finish).env("END", &end);
    let mut terminal = Terminal::start(command);
    terminal.shows("━━━━━━━━━━━━────────────   50%  copy  50%");
    assert_eq!(own(terminal.scrolled()), Vec::<String>::new());
    fs::write(&finish, "\n").expect("it reads");
    terminal.shows("progress copy 100%");
    assert!(!terminal.parser.screen().contents().contains("copy  50%"));
    fs::write(&end, "\n").expect("it reads");
    terminal.end();
    assert_eq!(own(terminal.scrolled()), ["copy 100%"]);
}

#[test]
fn a_reader_that_is_slow_gets_every_line() {
    for form in ["--plain", "--json"] {
        for (limits, most) in [
            (&[][..], 20_000),
            (&["--queue-limit", "64", "--window", "512"], 20_000),
            (&["--queue-limit", "1", "--window", "1"], 1_000),
            // No batch is due before the command has to wait.
            (&["--batch-size", "65534", "--flush-interval", "1h"], 20_000),
        ] {
            let directory = Directory::new("slow");
            let begun = directory.fifo("begun");
            let arguments = [&["run", form], limits].concat();
            // More than all the pipes on the way can hold.
            let printing = "echo >\"$BEGUN\"; seq 1 $MOST; seq 1 $MOST >&2";
            let mut command = script(&arguments, printing);
            command.env("BEGUN", &begun).env("MOST", most.to_string());
            let (watch, begin) = Watch::start_unread(command);
            assert_eq!(fs::read_to_string(&begun).expect("the command writes to it"), "\n");
            begin.send(()).expect("the reader waits");
            let Ended { code, lines, errors } = watch.end();
            assert_eq!(code, Some(0), "{errors}");
            let shown = if form == "--json" { json(&lines) } else { plain(&lines) };
            for category in ["info", "error"] {
                let of_stream = shown.iter().filter(|line| line.0 == category);
                let wrong = of_stream.clone().zip(1..).find(|(line, n)| line.1 != n.to_string());
                assert_eq!((wrong, of_stream.count()), (None, most), "{form} {limits:?}");
            }
        }
    }
}

#[test]
fn a_reader_that_stops_ends_the_command() {
    for form in ["--plain", "--json"] {
        let mut watch = Watch::start(script(&["run", form], "yes 'a line, and another'"));
        watch.line();
        watch.stop_reading();
        let ended = watch.end();
        assert_eq!((ended.code, &*ended.errors), (Some(141), ""), "as with `yes | head`");
    }
}

#[test]
fn an_interrupt_ends_it_also_when_nothing_is_read() {
    let directory = Directory::new("unread");
    let begun = directory.fifo("begun");
    let deaf = "trap '' TERM; echo >\"$BEGUN\"; while :; do seq 1 1000; done";
    let mut command = script(&["run", "--plain", "--grace", "300ms"], deaf);
    command.env("BEGUN", &begun);
    let (mut watch, begin) = Watch::start_unread(command);
    assert_eq!(fs::read_to_string(&begun).expect("the command writes to it"), "\n");
    watch.signal(Signal::TERM);
    let error = watch.error();
    assert!(error.starts_with("watch: the output was too slow: "), "{error}");
    begin.send(()).expect("the reader waits");
    assert_eq!(watch.end().code, Some(143));
}
