//! The key of a line that says how far something has come.

use super::count::scale;

/// As long as a key may be, in bytes.
pub(super) const KEY_MAX: usize = 128;

/// The key of a line without words.
pub(super) const NAMELESS: &str = "progress";

/// Words that come and go in a line about one thing.
const PASSING: [&str; 5] = ["eta", "done", "complete", "completed", "elapsed"];

/// What stays the same in a line whose count has been taken out: its words.
///
/// Bars, times, sizes and rates go. A whole number stays if it names the word before it (`worker 3`)
/// and goes if it counts what follows, a plural (`3 files`).
pub(super) fn of(front: &str, back: &str) -> String {
    let mut key = String::new();
    let mut last = Kind::Nothing;
    // The count stands between the two as a token that is nothing.
    let mut words = words(front).chain([""]).chain(words(back)).peekable();
    while let Some(word) = words.next() {
        let kind = Kind::of(word);
        let stays = match kind {
            Kind::Nothing | Kind::Measure => false,
            Kind::Number => last == Kind::Word && !words.peek().is_some_and(|next| is_plural(next)),
            Kind::Word => {
                let unit = matches!(last, Kind::Measure | Kind::Number) && is_unit(word);
                !unit && !PASSING.iter().any(|passing| passing.eq_ignore_ascii_case(word))
            }
        };
        if stays {
            if !key.is_empty() {
                key.push(' ');
            }
            key.push_str(word);
        }
        last = kind;
        if key.len() > KEY_MAX {
            break;
        }
    }
    let mut end = key.len().min(KEY_MAX);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    key.truncate(end);
    if key.is_empty() { NAMELESS.to_owned() } else { key }
}

/// What lies between white space, brackets and the stuff of bars, without the marks around it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let between = |c: char| {
        c.is_whitespace() || "[](){}<>|=;".contains(c) || !(c.is_ascii() || c.is_alphanumeric())
    };
    text.split(between).map(|word| {
        word.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '?')
            .trim_end_matches(|c: char| !c.is_alphanumeric() && !"?%".contains(c))
    })
}

/// What a word of a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Marks only.
    Nothing,
    /// A whole number.
    Number,
    /// A number that says of itself that it changes: `45%`, `1.2MiB`, `3.2it/s`, `00:12`, `1m30s`.
    Measure,
    /// Anything else.
    Word,
}

impl Kind {
    fn of(word: &str) -> Self {
        if word.is_empty() {
            return Self::Nothing;
        }
        // Rates that are not known yet are written with a question mark.
        if !word.starts_with(|c: char| c.is_ascii_digit() || c == '?') {
            return Self::Word;
        }
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::Number;
        }
        let amount = word.split('/').next().unwrap_or(word);
        let version = amount.matches('.').count() > 1;
        let measure = amount
            .split(|c: char| c.is_ascii_digit() || ".,:%?+-#".contains(c))
            .all(|letters| letters.is_empty() || is_unit(letters));
        if measure && !version { Self::Measure } else { Self::Word }
    }
}

fn is_plural(word: &str) -> bool {
    word.ends_with('s') && word.starts_with(char::is_alphabetic) && !is_unit(word)
}

/// Whether letters are a unit of time or data, or a rate (`MB/s`, `it/s`), or in a time stamp.
fn is_unit(word: &str) -> bool {
    if let Some((unit, per)) = word.split_once('/') {
        return !unit.is_empty() && matches!(per, "s" | "sec" | "min" | "h");
    }
    match word {
        "ns" | "us" | "µs" | "μs" | "ms" | "s" | "sec" | "secs" | "seconds" | "m" | "min"
        | "mins" | "minutes" | "h" | "hr" | "hours" | "d" | "T" | "Z" | "it" => true,
        _ => scale(word).is_some() || matches!(word, "bytes" | "bps" | "kbps" | "Mbps" | "Gbps"),
    }
}
