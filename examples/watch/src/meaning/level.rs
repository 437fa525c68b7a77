//! What the beginning of a line on stderr says about it.

use std::borrow::Cow;

use statusbus_core::Priority;

use super::Said;

/// How far into a line a level is looked for: behind a date, a time, a host and a process.
const WORDS: usize = 6;

/// Names of levels, in any case.
const ERRORS: [&str; 12] = [
    "error",
    "err",
    "fatal",
    "panic",
    "critical",
    "crit",
    "alert",
    "emerg",
    "fail",
    "failed",
    "failure",
    "exception",
];
const WARNINGS: [&str; 2] = ["warning", "warn"];
const INFOS: [&str; 8] = ["info", "notice", "note", "help", "hint", "debug", "trace", "verbose"];

/// What a level comes to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Something failed.
    Error,
    /// Something may.
    Warning,
    /// Anything less.
    Info,
}

impl Level {
    /// The level of that name, in any case.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let among = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if among(&ERRORS) {
            Some(Self::Error)
        } else if among(&WARNINGS) {
            Some(Self::Warning)
        } else if among(&INFOS) {
            Some(Self::Info)
        } else {
            None
        }
    }

    /// `said`, which is of no command's output, at this level.
    pub(super) fn of(self, said: Said<'_>) -> Said<'_> {
        match self {
            // Most programs go on after an error: it is no end.
            Self::Error => {
                Said { category: Cow::Borrowed("error"), priority: Some(Priority::Normal), ..said }
            }
            Self::Warning | Self::Info => {
                Said { category: Cow::Borrowed("info"), priority: None, ..said }
            }
        }
    }
}

/// The level that a line names early: `error: …`, `error[E0308]: …`, `a.c:3:5: warning: …`,
/// `12:00:00 INFO …`, `[warn] …`, `level=debug …`, `npm ERR! …`.
pub(super) fn read(line: &str) -> Option<Level> {
    line.split_ascii_whitespace().take(WORDS).find_map(of_word)
}

fn of_word(word: &str) -> Option<Level> {
    if let Some(name) = word.strip_prefix("level=") {
        return Level::from_name(name.trim_matches(['"', ',']));
    }
    let bare = word.trim_start_matches(['[', '<', '(', '|']);
    let letters = bare.bytes().take_while(u8::is_ascii_alphabetic).count();
    // The longest name has nine letters; most words fail here or in the next line.
    if !(3..=9).contains(&letters) {
        return None;
    }
    let (name, behind) = bare.split_at(letters);
    let marked = match behind.bytes().next() {
        // Prose has such words too: only in capitals is a bare one a level.
        None => name.bytes().all(|byte| byte.is_ascii_uppercase()),
        // A path of Rust's or C++'s is none.
        Some(b':') => !behind.starts_with("::"),
        Some(b'[') => behind.ends_with("]:"),
        Some(b']' | b'>' | b')' | b'|') => bare.len() < word.len(),
        Some(b'!' | b',' | b';') => {
            behind.len() == 1 && name.bytes().all(|byte| byte.is_ascii_uppercase())
        }
        Some(_) => false,
    };
    if marked { Level::from_name(name) } else { None }
}

/// Whether a line is one of those by which cargo says what it does: a capitalised verb that ends
/// in the twelfth column.
pub(super) fn is_cargo_status(line: &str) -> bool {
    let Some((verb, [b' ', _, ..])) = line.as_bytes().split_at_checked(12) else {
        return false;
    };
    match verb.trim_ascii_start() {
        [first, rest @ ..] => {
            first.is_ascii_uppercase()
                && rest.len() >= 2
                && rest.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-')
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_that_lines_name() {
        let rules = [
            ("error: no such file", Some(Level::Error)),
            ("error[E0308]: mismatched types", Some(Level::Error)),
            ("Error: boom", Some(Level::Error)),
            ("ERROR boom", Some(Level::Error)),
            ("fatal: not a git repository", Some(Level::Error)),
            ("panic: runtime error", Some(Level::Error)),
            ("npm ERR! code 1", Some(Level::Error)),
            ("        FAIL [   0.003s] crate test", Some(Level::Error)),
            ("a.c:3:5: error: expected ';'", Some(Level::Error)),
            ("a.c:3:5: warning: unused", Some(Level::Warning)),
            ("warning: unused variable: `error`", Some(Level::Warning)),
            ("   = note: `#[warn(unused)]` on by default", Some(Level::Info)),
            ("2026-11-23T14:14:25.1Z  INFO run: statusbus: up", Some(Level::Info)),
            ("Nov 23 14:14:25 host app[1]: WARNING low", Some(Level::Warning)),
            ("2026/11/23 14:14:25 [error] 1#1: *1 open() failed", Some(Level::Error)),
            ("[INFO] Scanning for projects", Some(Level::Info)),
            ("<warn> low", Some(Level::Warning)),
            ("INFO:root:message", Some(Level::Info)),
            ("time=12:00 level=warning msg=low", Some(Level::Warning)),
            (r#"time="12:00" level="error" msg=boom"#, Some(Level::Error)),
            ("DEBUG] odd", None),
            ("error handling is hard", None),
            ("std::error::Error", None),
            ("error::Kind", None),
            ("an information", None),
            ("one two three four five six ERROR", None),
            ("", None),
            ("é: ü", None),
        ];
        for (line, expected) in rules {
            assert_eq!(read(line), expected, "{line}");
        }
    }

    #[test]
    fn lines_that_cargo_writes() {
        let status = [
            "   Compiling statusbus-core v0.1.0 (/src)",
            "    Checking serde v1.0.0",
            "    Finished `dev` profile [unoptimized] target(s) in 0.03s",
            "     Running unittests src/lib.rs (target/debug/deps/a-1)",
            "   Doc-tests statusbus",
            " Downloading crates ...",
            "  Downloaded memchr v2.8.3",
            "    Blocking waiting for file lock on package cache",
        ];
        let others = [
            "Compiling statusbus-core",
            "   Compiling",
            "            nothing",
            "  compiling statusbus-core",
            "     indented prose, and more",
            "    In 12 days it is over",
            "   äöü Compiling a",
            "",
        ];
        for line in status {
            assert!(is_cargo_status(line), "{line}");
        }
        for line in others {
            assert!(!is_cargo_status(line), "{line}");
        }
    }
}
