//! `watch run` on real commands.
#![cfg(unix)]

mod common;

use common::{Directory, Json, Watch, run, script, watch};
use rustix::process::Signal;

#[test]
fn the_exit_status_is_that_of_the_command() {
    let commands = [
        ("exit 0", 0, "exited with 0 after "),
        ("exit 3", 3, "exited with status 3 after "),
        ("kill -KILL $$", 137, "killed by signal 9 after "),
    ];
    for (command, code, told) in commands {
        let ended = run(script(&["run", "--json"], command));
        assert_eq!(ended.code, Some(code), "{command}: {}", ended.errors);
        let json = Json::read(&ended.lines);
        let last = json.updates.last().expect("its end is told");
        assert!(last["text"].as_str().is_some_and(|text| text.starts_with(told)), "{last}");
        assert_eq!(last["category"], if code == 0 { "workflow" } else { "error" });
        assert_eq!((&last["priority"], &last["conversation"]), (&"high".into(), &"sh".into()));
    }
}

#[test]
fn what_cannot_be_run_is_told_as_a_shell_does() {
    let ended = run(watch(&["run", "no-such-command"]));
    assert_eq!((ended.code, ended.lines.len()), (Some(127), 0));
    assert!(
        ended.errors.starts_with("watch: cannot run \"no-such-command\": "),
        "{}",
        ended.errors
    );
    assert_eq!(run(watch(&["run", "/"])).code, Some(126));
    let ended = run(script(&["run", "--queue-limit", "0"], "true"));
    assert_eq!(ended.code, Some(2));
    assert!(ended.errors.contains("a queue limit of 0: give it 1 to 65534"), "{}", ended.errors);
}

#[test]
fn each_stream_has_its_category_and_its_order() {
    let ended = run(script(
        &["run", "--json", "--name", "my:job"],
        "for n in 1 2 3; do echo out $n; echo err $n >&2; done; echo 'warning: odd' >&2; printf end",
    ));
    let json = Json::read(&ended.lines);
    let out: Vec<_> =
        json.texts("info").into_iter().filter(|text| *text != "warning: odd").collect();
    assert_eq!(out, ["out 1", "out 2", "out 3", "end"]);
    assert_eq!(json.texts("error"), ["err 1", "err 2", "err 3"]);
    assert!(json.updates.iter().all(|update| update["conversation"] == "my-job"));
}

#[test]
fn structured_lines_say_themselves_what_they_are() {
    let ended = run(script(
        &["run", "--json"],
        r#"echo '{"conversation":"conv-1","category":"tool","text":"half","key":"k","metadata":{"fraction":0.5}}'
        echo '{"conversation":null,"category":"engine","text":"up","priority":"high"}'
        echo '{"category":"gossip","text":"a"}'
        echo '41% of it'"#,
    ));
    let json = Json::read(&ended.lines);
    let [_, tool, engine, gossip, progress, _] = &json.updates[..] else {
        panic!("{:?}", json.updates)
    };
    assert_eq!((&tool["conversation"], &tool["text"]), (&"conv-1".into(), &"half".into()));
    assert_eq!((&tool["key"], &tool["metadata"]["fraction"]), (&"k".into(), &0.5.into()));
    assert!(engine["conversation"].is_null() && engine["key"].is_null());
    assert_eq!(engine["priority"], "high");
    assert_eq!(gossip["text"], r#"{"category":"gossip","text":"a"}"#);
    assert_eq!(gossip["metadata"]["refused"], "unknown_category");
    assert_eq!(json.ledger["refused"]["unknown_category"], 1);
    assert_eq!(
        (&progress["category"], &progress["priority"]),
        (&"progress".into(), &"normal".into())
    );
    assert!(progress["key"].is_null(), "nothing replaces a finished line");
    assert_eq!(progress["metadata"]["fraction"], 0.41);
}

#[test]
fn a_flood_takes_no_more_memory_than_a_trickle() {
    let mut watch =
        Watch::start(script(&["run", "--json"], "yes | head -n 200000; echo over; read line"));
    watch.line_with(r#""text":"over""#);
    #[cfg(target_os = "linux")]
    assert!(watch.peak_memory() < 64 << 20, "{} bytes", watch.peak_memory());
    let ended = watch.end();
    assert_eq!(ended.code, Some(1), "`read` found the end of its input");
    let last: serde_json::Value =
        serde_json::from_str(ended.lines.last().expect("a ledger")).expect("JSON");
    assert_eq!(last["sent"], 200_003);
}

#[test]
fn a_flood_is_shown_whole() {
    let ended = run(script(&["run", "--json"], "yes | head -n 200000; echo over"));
    let json = Json::read(&ended.lines);
    assert!(json.gaps.is_empty(), "{:?}", json.gaps);
    assert_eq!((json.count("sent"), json.count("delivered")), (200_003, 200_003));
    assert_eq!(json.updates.len(), 200_003);
    let texts: Vec<_> = json.updates.iter().rev().take(2).map(|update| &update["text"]).collect();
    assert!(texts[0].as_str().is_some_and(|text| text.starts_with("exited with 0")), "{texts:?}");
    assert_eq!(texts[1], "over");
}

#[test]
fn nothing_is_lost_however_long_the_lines_are() {
    let directory = Directory::new("long");
    let over = directory.fifo("over");
    let lines = "yes \"$(printf '%15000s' x)\" | head -n 1500; echo >\"$OVER\"";
    let mut command = script(&["run", "--json"], lines);
    command.env("OVER", &over);
    let (watch, begin) = Watch::start_unread(command);
    assert_eq!(std::fs::read_to_string(&over).expect("the command writes to it"), "\n");
    begin.send(()).expect("the reader waits");
    let ended = watch.end();
    let json = Json::read(&ended.lines);
    assert!(json.gaps.is_empty(), "{:?}", json.gaps);
    assert_eq!((json.texts("info").len(), json.count("delivered")), (1_500, 1_502));
}

#[test]
fn plain_lines_have_nothing_in_them_that_a_terminal_obeys() {
    let ended = run(script(
        &["run", "--plain"],
        r#"printf '\033[31mred\033[0m\033]0;title\007\n'; printf 'a\tb\000\n'
        printf '%s\n' '{"text":"\u001b[2J\nnext\u009b","key":"k"}'"#,
    ));
    let texts: Vec<_> = ended.lines.iter().map(|line| &line[9..]).collect();
    assert!(texts[0].starts_with("sh workflow started as process "), "{texts:?}");
    assert_eq!(texts[1..4], ["sh info red", "sh info a    b", "sh info ␛[2J␊next\u{fffd}"]);
    assert!(texts[4].starts_with("sh workflow exited with 0 after "), "{texts:?}");
    assert!(!ended.lines.concat().contains(char::is_control));
    assert_eq!(ended.errors, "watch: sent 5, delivered 5, coalesced 0\n");
}

#[test]
fn an_interrupt_is_passed_on_and_what_follows_is_shown() {
    let command = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let mut watch = Watch::start(script(&["run", "--json"], command));
    let mut lines = vec![watch.line_with(r#""text":"ready""#)];
    watch.signal(Signal::TERM);
    let ended = watch.end();
    lines.extend(ended.lines);
    assert_eq!(ended.code, Some(7));
    let json = Json::read(&lines);
    assert_eq!(json.texts("info"), ["ready", "bye"]);
    assert_eq!(json.texts("error").len(), 1);
}

#[test]
fn a_command_that_does_not_end_is_killed() {
    let deaf = "trap '' INT TERM; echo ready; while :; do sleep 0.05; done";
    for (grace, again, first, code) in
        [("1h", true, Signal::TERM, 143), ("50ms", false, Signal::INT, 130)]
    {
        let mut watch = Watch::start(script(&["run", "--json", "--grace", grace], deaf));
        watch.line_with(r#""text":"ready""#);
        watch.signal(first);
        watch.line_with("interrupted: waiting for it to end");
        if again {
            watch.signal(Signal::TERM);
        }
        let ended = watch.end();
        assert_eq!(ended.code, Some(code), "{}", ended.errors);
        assert!(ended.lines.concat().contains("killed by signal 9"), "{:?}", ended.lines);
        assert!(ended.lines.last().is_some_and(|line| line.contains("ledger")));
    }
}

#[test]
fn in_a_group_of_its_own_what_the_command_has_started_ends_with_it() {
    let ending = [
        ("it obeys", "", 1, "killed by signal 15"),
        ("it is deaf", "trap '' TERM;", 2, "killed by signal 9"),
    ];
    for (how, trap, signals, told) in ending {
        let directory = Directory::new(if trap.is_empty() { "obeys" } else { "deaf" });
        let held = directory.fifo("held");
        // What it leaves in the background holds the pipe open for as long as it runs.
        let left = "{ echo ready; exec sleep 600 >/dev/null 2>&1; } 3>\"$HELD\"";
        let text = format!("{trap} {left} & wait");
        let mut command = script(&["run", "--json", "--own-group", "--grace", "1h"], &text);
        command.env("HELD", &held);
        let mut watch = Watch::start(command);
        let gone = end_of(held);
        let mut lines = vec![watch.line_with(r#""text":"ready""#)];
        for _ in 0..signals {
            watch.signal(Signal::TERM);
            if signals > 1 && lines.len() == 1 {
                lines.push(watch.line_with("interrupted: waiting for it to end"));
            }
        }
        gone.recv_timeout(common::PATIENCE).expect("what it has started ends");
        let ended = watch.end();
        assert!(ended.lines.concat().contains(told), "{how}: {:?}", ended.lines);
        assert_eq!(ended.code, Some(143), "{how}: {}", ended.errors);
    }
}

/// Tells when nobody holds a pipe open any more.
fn end_of(pipe: std::path::PathBuf) -> std::sync::mpsc::Receiver<()> {
    let (told, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = std::fs::read(pipe);
        let _ = told.send(());
    });
    end
}

#[test]
fn what_is_left_behind_does_not_keep_it() {
    let ended = run(script(&["run", "--json"], "sleep 600 & echo $!"));
    assert_eq!(ended.code, Some(0));
    let json = Json::read(&ended.lines);
    assert_eq!(json.texts("engine").len(), 1, "it is told");
    let pid = json.texts("info")[0].parse().ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.expect("a pid"), Signal::KILL).expect("it runs");
}
