//! How far something has come: a percentage, or `n/m`; and which lines are about the same thing.

mod count;
mod key;

use count::Count;

/// Longer lines are no progress: it is drawn to fit a terminal.
const LINE_MAX: usize = 512;

/// How far the thing that a line is about has come.
#[derive(Debug, PartialEq)]
pub(super) struct Progress {
    /// The same for every line about that thing; 1 to 128 bytes.
    pub(super) key: String,
    /// 0 to 1.
    pub(super) fraction: f32,
}

/// Reads the first percentage or `n/m` in a line.
///
/// It has to stand by itself, with n at most m: dates, paths, versions, URLs, remainders and ratios
/// are none.
pub(super) fn read(line: &str) -> Option<Progress> {
    if line.len() > LINE_MAX {
        return None;
    }
    let mut before = b' ';
    for (at, &byte) in line.as_bytes().iter().enumerate() {
        if byte.is_ascii_digit()
            && let Some(count) = Count::read(before, &line[at..])
        {
            let (front, back) = (&line[..at], count.rest);
            let counter = counter(front, &count).or_else(|| counter_behind(front, &count));
            let key = counter.unwrap_or_else(|| named(front, back));
            return Some(Progress { key, fraction: count.fraction as f32 });
        }
        before = byte;
    }
    None
}

/// The key of a counter that stands in front, in brackets: `[3/10] Building a`, `[ 45%] Building a`.
///
/// It counts the lines, whatever each of them is about, so that it is the counter that has one
/// current value: `[/10]`, `[%]`.
fn counter(front: &str, count: &Count<'_>) -> Option<String> {
    let open = front.trim();
    let close = match open {
        "[" => ']',
        "(" => ')',
        _ => return None,
    };
    let slash = if count.total == "%" { "" } else { "/" };
    let closed = count.rest.trim_start().starts_with(close);
    closed.then(|| format!("{open}{slash}{}{close}", count.total))
}

/// The key of a counter at the end of a line, in square brackets: `test_a PASSED   [ 45%]`. As with
/// one in front, what is before it is another thing in each line.
fn counter_behind(front: &str, count: &Count<'_>) -> Option<String> {
    let slash = if count.total == "%" { "" } else { "/" };
    let closed = front.trim_end().ends_with(" [") && count.rest.trim() == "]";
    closed.then(|| format!("[{slash}{}]", count.total))
}

/// The key of any other line: its words. What stands right behind a count and a colon is what is
/// being done of it, as in `Building [==>  ] 3/10: serde, syn`: the thing is named in front.
fn named(front: &str, back: &str) -> String {
    if back.starts_with(':') {
        let key = key::of(front, "");
        if key != key::NAMELESS {
            return key;
        }
    }
    key::of(front, back)
}

#[cfg(test)]
mod tests {
    use super::key::KEY_MAX;
    use super::*;

    #[test]
    fn lines_that_say_how_far() {
        let rules = [
            ("45%", 0.45, "progress"),
            ("0%", 0.0, "progress"),
            ("100% done", 1.0, "progress"),
            ("45 % of it", 0.45, "of it"),
            ("Downloading foo 41%", 0.41, "Downloading foo"),
            ("Downloading foo: 42.5 %", 0.425, "Downloading foo"),
            ("progress=45%", 0.45, "progress"),
            ("####45%", 0.45, "progress"),
            ("[ 45%] Building CXX object a.o", 0.45, "[%]"),
            ("[3/10] Building CXX object a.o", 0.3, "[/10]"),
            ("test_a.py::test_one PASSED       [ 45%]", 0.45, "[%]"),
            ("installing foo [3/10]", 0.3, "[/10]"),
            ("(3/10) installing foo  [####----]  45%", 0.3, "(/10)"),
            ("[1,002 / 5,010] 4 actions running", 0.2, "[/5,010]"),
            ("Step 3/10 : RUN make", 0.3, "Step RUN make"),
            ("12 / 340", 12.0 / 340.0, "progress"),
            ("(3 of 10) copying", 0.3, "(/10)"),
            ("copied 3 of 10 files.", 0.3, "copied files"),
            ("copied 10 of 10.", 1.0, "copied"),
            ("   Building [====>   ] 3/10: serde, syn", 0.3, "Building"),
            ("   Building [=====>  ] 4/10: syn(build), …", 0.4, "Building"),
            ("3/10: serde", 0.3, "serde"),
            ("Receiving objects:  45% (45/100), 1.2 MiB | 3.1 MiB/s", 0.45, "Receiving objects"),
            ("Receiving objects: 100% (100/100), done.", 1.0, "Receiving objects"),
            ("Load:  45%|████▌     | 45/100 [00:12<00:30,  3.2it/s]", 0.45, "Load"),
            ("Load:   0%|          | 0/100 [00:00<?, ?it/s]", 0.0, "Load"),
            ("   ━━━━━━╺━━━ 1.5/3.0 MB 5.6 MB/s eta 0:00:01", 0.5, "progress"),
            ("a.bin 512KiB/1MiB 12s", 0.5, "a.bin"),
            ("a.tar  45%[===>    ] 1,234,567   3.2MB/s  eta 3s", 0.45, "a.tar"),
            ("5/5 [==============] - 1s 2ms/step", 1.0, "progress"),
            ("read 1,234,567 of them (45%), 3 rows", 0.45, "read of them rows"),
            ("worker 3: 45%", 0.45, "worker 3"),
            ("worker 4 copying 1200 files, 45%", 0.45, "worker 4 copying files"),
            ("foo-1.2.3 45%", 0.45, "foo-1.2.3"),
            ("foo 1.2.3 45%", 0.45, "foo 1.2.3"),
            ("⠋ résumé 45% 3 s", 0.45, "résumé"),
            ("2026-11-23T14:14:25Z INFO fetch: 45%", 0.45, "INFO fetch"),
            ("step 13/2000", 13.0 / 2000.0, "step"),
            ("tests 11/40 00:30 left", 11.0 / 40.0, "tests left"),
        ];
        for (line, fraction, key) in rules {
            let progress = read(line).unwrap_or_else(|| panic!("{line}"));
            assert!((progress.fraction - fraction as f32).abs() < 1e-6, "{line}: {progress:?}");
            assert_eq!(progress.key, key, "{line}");
        }
    }

    #[test]
    fn lines_that_only_look_like_it() {
        let lines = [
            "",
            "45",
            "%",
            "101%",
            "-5%",
            "+5%",
            "x45%",
            "45%20b",
            "a%20b",
            "100%free",
            "45 % 7",
            "printf(\"%5d\")",
            "2024/12",
            "2024/12/01",
            "12/01/2024",
            "03/2024",
            "11/23 14:05 up",
            "a/1/2",
            "/1/2",
            "1/2/3",
            "./3/10",
            "src/3/10",
            "http://host:80/100",
            "http://h/1/2",
            "1/0",
            "0/0",
            "4/3",
            "1/2.5",
            "1.2/3.4",
            "v1/2",
            "x86/64",
            "1/2nd",
            "3/4-inch",
            "-1/2",
            "10.0.0.0/24",
            "127.0.0.1/32",
            "HTTP/1.1 200",
            "km/h",
            "24/7",
            "1/a",
            "3/ 10",
            "3 /10",
            "5MB/10",
            "3 of them",
            "3 out of 10",
            "3of10",
            "1:3/10",
            "99.9.9%",
            "\"3/10\"",
        ];
        for line in lines {
            assert_eq!(read(line), None, "{line}");
        }
        assert_eq!(read(&format!("{}45%", " ".repeat(LINE_MAX))), None);
        assert_eq!(read(&format!("{}/1", "9".repeat(400))), None);
    }

    #[test]
    fn lines_about_one_thing_share_their_key_and_others_do_not() {
        let key = |line: &str| read(line).unwrap().key;
        assert_eq!(key("Downloading foo 41% 3.2MB/s 00:12"), key("Downloading foo 42% 9MB/s 1:00"));
        assert_eq!(key("foo [=>   ] 9% 1 s"), key("foo [====>] 99% 12 s"));
        assert_eq!(key("[1/9] a"), key("[2/9] b"));
        assert_ne!(key("Downloading foo 41%"), key("Downloading bar 41%"));
        assert_ne!(key("worker 3 45%"), key("worker 4 45%"));
        assert_ne!(key("[1/9] a"), key("[1/8] a"));
    }

    #[test]
    fn a_key_is_bounded_at_a_character() {
        let long = read(&format!("{}é {} 45%", "x".repeat(KEY_MAX - 1), "é".repeat(50))).unwrap();
        assert_eq!(long.key, "x".repeat(KEY_MAX - 1));
        let many = read(&format!("{} 45%", "word ".repeat(80))).unwrap();
        assert_eq!(many.key.len(), KEY_MAX);
    }
}
