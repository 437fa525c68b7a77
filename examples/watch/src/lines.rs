//! From the bytes that a command writes to the lines that a person would read.
//!
//! Output comes in chunks that end anywhere: in the middle of a line, of a character, of an escape
//! sequence. [`Lines`] makes of them what one long chunk would give, in bounded memory.

use std::ops::RangeInclusive;

use memchr::{memchr, memchr_iter};

/// The control characters that UTF-8 writes in two bytes (C1). A terminal may obey them.
const C1: RangeInclusive<char> = '\u{80}'..='\u{9f}';

/// The lead byte that every C1 character has (and some harmless ones, such as `°`).
const C1_LEAD: u8 = 0xc2;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
const CANCEL: u8 = 0x18;
const SUBSTITUTE: u8 = 0x1a;

/// One line of output, without its end, without trailing white space, without escape sequences and
/// without control characters other than tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The text; empty for an empty line.
    pub(crate) text: &'a str,
    /// Whether it can still change.
    pub(crate) state: State,
    /// Bytes of text that were cut off behind the limit; 0: the line is whole.
    pub(crate) skipped: usize,
}

/// Whether a line can still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has ended: nothing changes it any more.
    Finished,
    /// The same, after it was redrawn: it takes the place of the live line.
    Redrawn,
    /// It is being redrawn, as progress bars are: this is what it shows now.
    Live,
}

/// Splits output into lines, whatever the chunks it comes in.
///
/// `\n` and `\r\n` end a line. Behind a lone `\r` the line is drawn anew: what is written next
/// replaces it as a whole, and if nothing is written before the line ends, it stays. All of them end
/// an escape sequence, so that one that is never closed costs no more than the rest of its line.
/// Bytes that are not UTF-8 become U+FFFD, as [`String::from_utf8_lossy`] has them.
///
/// A clean line that lies whole in one chunk is not copied. What is kept between chunks is at most
/// the limit and a few bytes.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The clean text of the line that has not ended yet; never longer than `limit`.
    held: String,
    limit: usize,
    skipped: usize,
    /// The next text replaces the held one.
    returned: bool,
    /// The held text has replaced another one.
    redrawn: bool,
    /// It was not handed out as it is now.
    changed: bool,
    escape: Escape,
    partial: Partial,
}

/// Where in an escape sequence (ECMA-48) the output stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    /// In none.
    #[default]
    Outside,
    /// After ESC and any intermediate bytes.
    Begun,
    /// In a control sequence: `ESC [ … letter`.
    Csi,
    /// In a string that BEL or `ESC \` closes: a title, a hyperlink (OSC), DCS, SOS, PM, APC.
    Text,
}

/// The beginning of a character whose rest is in the next chunk.
#[derive(Clone, Copy, Debug, Default)]
struct Partial {
    bytes: [u8; 4],
    len: usize,
}

impl Lines {
    /// Cuts lines at `limit` bytes of clean text, at the end of a character. A limit below 4, the
    /// longest character, counts as 4.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            held: String::new(),
            limit: limit.max(4),
            skipped: 0,
            returned: false,
            redrawn: false,
            changed: false,
            escape: Escape::Outside,
            partial: Partial::default(),
        }
    }

    /// Takes the next chunk and hands each line that ends in it to `each`.
    pub(crate) fn push(&mut self, chunk: &[u8], mut each: impl FnMut(Line<'_>)) {
        let mut start = 0;
        for end in memchr_iter(b'\n', chunk) {
            let bytes = &chunk[start..end];
            match self.whole(bytes) {
                Some(text) => {
                    each(Line { text: text.trim_end(), state: State::Finished, skipped: 0 });
                }
                None => {
                    self.take(bytes);
                    self.end(&mut each);
                }
            }
            start = end + 1;
        }
        self.take(&chunk[start..]);
    }

    /// The line that is being redrawn, as it is now. `None`: no line is, its text is blank, or the text
    /// has not changed since the last call.
    pub(crate) fn live(&mut self) -> Option<Line<'_>> {
        let text = self.held.trim_end();
        if !self.redrawn || !self.changed || text.is_empty() {
            return None;
        }
        self.changed = false;
        Some(Line { text, state: State::Live, skipped: self.skipped })
    }

    /// The output is over: hands a last line that has no end to `each`, unless it is empty.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(Line<'_>)) {
        self.end(&mut |line: Line<'_>| {
            if !line.text.is_empty() {
                each(line);
            }
        });
    }

    fn end(&mut self, each: &mut impl FnMut(Line<'_>)) {
        self.end_sequence();
        let state = if self.redrawn { State::Redrawn } else { State::Finished };
        each(Line { text: self.held.trim_end(), state, skipped: self.skipped });
        self.erase();
        self.returned = false;
        self.redrawn = false;
    }

    /// Ends what was begun of a character or an escape sequence.
    fn end_sequence(&mut self) {
        if self.partial.forget() {
            self.keep("\u{fffd}");
        }
        self.escape = Escape::Outside;
    }

    fn erase(&mut self) {
        self.held.clear();
        self.skipped = 0;
    }

    /// What was written before the last lone `\r` is no more.
    fn redraw(&mut self) {
        self.erase();
        self.returned = false;
        self.redrawn = true;
    }

    /// Cleans a piece of a line and holds it. There is no `\n` in `bytes`.
    fn take(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if byte == b'\r' {
                self.end_sequence();
                self.returned = true;
                bytes = rest;
            } else if self.escape != Escape::Outside {
                // At the first column both erase the whole line.
                if self.escape == Escape::Csi && matches!(byte, b'J' | b'K') && self.returned {
                    self.redraw();
                }
                match self.escape.next(byte) {
                    Some(next) => {
                        self.escape = next;
                        bytes = rest;
                    }
                    // Not of the sequence, which ends here: read it again, as text.
                    None => self.escape = Escape::Outside,
                }
            } else if self.partial.len > 0 {
                match self.partial.with(byte) {
                    Joined::More => bytes = rest,
                    Joined::Character(c) => {
                        self.keep(c.encode_utf8(&mut [0; 4]));
                        bytes = rest;
                    }
                    Joined::Never => self.keep("\u{fffd}"),
                }
            } else if is_control(byte) {
                if byte == ESCAPE {
                    self.escape = Escape::Begun;
                }
                bytes = rest;
            } else {
                let text = bytes.iter().position(|&b| is_control(b)).unwrap_or(bytes.len());
                let (text, rest) = bytes.split_at(text);
                self.decode(text, rest.is_empty());
                bytes = rest;
            }
        }
    }

    /// Holds bytes that have no ASCII control character among them. `open`: a character at their
    /// end may go on in the next chunk.
    fn decode(&mut self, bytes: &[u8], open: bool) {
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.keep(chunk.valid());
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            if !(open && chunks.peek().is_none() && self.partial.start(invalid)) {
                self.keep("\u{fffd}");
            }
        }
    }

    /// Holds text without ASCII control characters, as far as the limit allows.
    fn keep(&mut self, text: &str) {
        if memchr(C1_LEAD, text.as_bytes()).is_some() {
            text.split(|c| C1.contains(&c)).for_each(|part| self.hold(part));
        } else {
            self.hold(text);
        }
    }

    fn hold(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.returned {
            self.redraw();
        }
        self.changed = true;
        let room = if self.skipped > 0 { 0 } else { self.limit - self.held.len() };
        let mut fits = text.len().min(room);
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        self.held.push_str(&text[..fits]);
        self.skipped += text.len() - fits;
    }

    /// `bytes` without a `\r` at their end, if they are a whole line with nothing to clean.
    fn whole<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let fresh = self.held.is_empty()
            && self.skipped == 0
            && !self.returned
            && !self.redrawn
            && self.partial.len == 0
            && self.escape == Escape::Outside;
        // Every byte is looked at, without a branch: that is what the compiler can vectorize.
        if !fresh
            || bytes.len() > self.limit
            || bytes.iter().fold(false, |any, &byte| any | is_control(byte))
        {
            return None;
        }
        let text = str::from_utf8(bytes).ok()?;
        let harmless = memchr(C1_LEAD, bytes).is_none() || !text.contains(|c| C1.contains(&c));
        harmless.then_some(text)
    }
}

impl Escape {
    /// Where the sequence stands after `byte`; `None`: the byte is not of the sequence.
    fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (_, ESCAPE) => Some(Self::Begun),
            (_, CANCEL | SUBSTITUTE) => Some(Self::Outside),
            (Self::Begun, b'[') => Some(Self::Csi),
            (Self::Begun, b']' | b'P' | b'X' | b'^' | b'_') => Some(Self::Text),
            (Self::Begun, b' '..=b'/') => Some(Self::Begun),
            (Self::Begun, b'0'..=b'~') | (Self::Csi, b'@'..=b'~') => Some(Self::Outside),
            (Self::Csi, b' '..=b'?') => Some(Self::Csi),
            (Self::Text, BELL) => Some(Self::Outside),
            (Self::Text, _) => Some(Self::Text),
            // A terminal obeys other control characters on the way; here they are nothing.
            (Self::Begun | Self::Csi, 0..=0x1f | 0x7f) => Some(self),
            (Self::Outside | Self::Begun | Self::Csi, _) => None,
        }
    }
}

/// What another byte makes of a partial character.
enum Joined {
    /// A longer part of a character.
    More,
    /// The character.
    Character(char),
    /// No character, and the byte is not of it.
    Never,
}

impl Partial {
    /// Keeps `bytes` if they are the beginning of a character.
    fn start(&mut self, bytes: &[u8]) -> bool {
        let begins = str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none());
        if begins && let Some(place) = self.bytes.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
            self.len = bytes.len();
        }
        begins
    }

    fn with(&mut self, byte: u8) -> Joined {
        let Some(place) = self.bytes.get_mut(self.len) else {
            self.len = 0;
            return Joined::Never;
        };
        *place = byte;
        let joined = match str::from_utf8(&self.bytes[..=self.len]) {
            Ok(text) => text.chars().next().map_or(Joined::Never, Joined::Character),
            Err(error) if error.error_len().is_none() => Joined::More,
            Err(_) => Joined::Never,
        };
        self.len = if matches!(joined, Joined::More) { self.len + 1 } else { 0 };
        joined
    }

    /// Forgets the beginning of a character, and says whether there was one.
    fn forget(&mut self) -> bool {
        std::mem::take(&mut self.len) > 0
    }
}

/// Whether a byte is an ASCII control character other than the tab.
const fn is_control(byte: u8) -> bool {
    (byte < b' ') & (byte != b'\t') | (byte == 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (text, skipped) of each finished line.
    type Seen = Vec<(String, usize)>;

    fn split<'a>(limit: usize, chunks: impl IntoIterator<Item = &'a [u8]>) -> Seen {
        let mut seen = Seen::new();
        let mut each = |line: Line<'_>| {
            assert_ne!(line.state, State::Live, "it has ended");
            seen.push((line.text.to_owned(), line.skipped));
        };
        let mut lines = Lines::new(limit);
        for chunk in chunks {
            lines.push(chunk, &mut each);
            assert!(lines.held.len() <= lines.limit);
        }
        lines.finish(&mut each);
        seen
    }

    fn texts(output: &[u8]) -> Vec<String> {
        split(100, [output]).into_iter().map(|(text, ..)| text).collect()
    }

    #[test]
    fn what_ends_a_line_and_what_is_left_of_it() {
        let rules: &[(&str, &[u8], &[&str])] = &[
            ("a newline ends a line", b"one\ntwo\n", &["one", "two"]),
            ("behind a return the next text replaces it", b"10%\r20%\nend\n", &["20%", "end"]),
            ("the last text stays", b"\r10%\r20%\r\r\n", &["20%"]),
            ("the end of the output is one of a line", b"10%\r20%\r", &["20%"]),
            ("blanks replace it, too", b"20%\r   \nend", &["", "end"]),
            ("and erasing", b"20%\r\x1b[2Kone\n20%\r\x1b[K\nend\r\x1b[0m\n", &["one", "", "end"]),
            ("both are one end", b"one\r\ntwo\r\n", &["one", "two"]),
            ("the last line needs none", b"one\ntwo", &["one", "two"]),
            ("empty lines are lines", b"\none\n \t \r\n\x1b[K\ntwo\n", &["", "one", "", "", "two"]),
            ("but for one that has not ended", b"one\n \x1b[0m", &["one"]),
            ("white space stays in front and goes behind", b"  a\tb \t \n", &["  a\tb"]),
            ("control characters go", b"a\0b\x07c\x08d\x7fe\x0bf\n", &["abcdef"]),
            ("colours go", b"\x1b[1;31merror\x1b[0m: no\n", &["error: no"]),
            ("private sequences go", b"\x1b[?25l\x1b[2Kup\x1b[>4;1m\n", &["up"]),
            ("short escapes go", b"\x1b7\x1b(Ba\x1b=\x1bMb\n", &["ab"]),
            ("titles go", b"\x1b]0;title\x07text\n", &["text"]),
            ("hyperlinks leave their text", b"\x1b]8;;http://a/\x1b\\x\x1b]8;;\x1b\\\n", &["x"]),
            ("device strings go", b"\x1bPq#0;2\x1b\\a\x1b_Gb\x1b\\c\n", &["ac"]),
            ("an escape that is cancelled ends", b"\x1b[3\x18a\x1b]0;\x1ab\n", &["ab"]),
            (
                "an open escape ends with its line",
                b"a\x1b]0;never\nb\x1b[\nc\x1b",
                &["a", "b", "c"],
            ),
            ("text ends a broken escape", "\x1b[3é \x1bü\n".as_bytes(), &["é ü"]),
            ("UTF-8 stays", "naïve → 30 °C\n".as_bytes(), &["naïve → 30 °C"]),
            ("two-byte controls go", "a\u{85}b\u{9b}c°\n".as_bytes(), &["abc°"]),
            ("what is not UTF-8 is marked", b"a\xffb\xe2\x82\nc\xf0\x9f", &["a�b�", "c�"]),
        ];
        for (rule, output, expected) in rules {
            assert_eq!(&texts(output), expected, "{rule}");
        }
    }

    #[test]
    fn a_line_that_is_redrawn_is_live_until_it_ends() {
        let mut lines = Lines::new(100);
        let mut after = |chunk: &[u8]| {
            let mut ended = Vec::new();
            lines.push(chunk, |line| ended.push((line.text.to_owned(), line.state)));
            (ended, lines.live().map(|line| line.text.to_owned()))
        };
        let none = (vec![], None);
        let finished = |text: &str, state| vec![(text.to_owned(), state)];
        assert_eq!(after(b"one\r"), none, "it may be the end of the line");
        assert_eq!(after(b"\n"), (finished("one", State::Finished), None));
        assert_eq!(after(b"1%"), none);
        assert_eq!(after(b"\r2%\r3%"), (vec![], Some("3%".to_owned())), "the last one");
        assert_eq!(after(b"\r"), none, "it has not changed");
        assert_eq!(after(b"4%\x1b["), (vec![], Some("4%".to_owned())));
        assert_eq!(after(b"0m  \r   "), none, "it shows nothing");
        assert_eq!(after(b"\rend\nnext"), (finished("end", State::Redrawn), None));
        assert_eq!(after(b"\n").0[0].1, State::Finished);
    }

    #[test]
    fn a_long_line_is_cut_at_a_character_and_the_rest_is_counted() {
        let line = |text: &str, skipped| (text.to_owned(), skipped);
        let cut = |output: &str| split(5, [output.as_bytes()]);
        assert_eq!(cut("12345\nab\n"), [line("12345", 0), line("ab", 0)]);
        assert_eq!(cut("123456789\nab\n"), [line("12345", 4), line("ab", 0)]);
        assert_eq!(cut("1234é6\nab"), [line("1234", 3), line("ab", 0)]);
        assert_eq!(cut("\x1b[31m12345\x1b[0m"), [line("12345", 0)]);
        assert_eq!(cut("123456\x1b]0;title\x07\u{9b}7"), [line("12345", 2)]);
        assert_eq!(cut("123456789\rab\n"), [line("ab", 0)]);
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut lines = Lines::new(1000);
        let mut each = |_: Line<'_>| panic!("no line has ended");
        for open in ["x", "\x1b[1;", "\x1b]0;title"] {
            for _ in 0..2_000 {
                lines.push(open.repeat(100).as_bytes(), &mut each);
            }
        }
        assert!(lines.held.capacity() <= 2_000);
    }

    /// A small generator of the same numbers every time (Knuth's MMIX factor).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 33) as usize % limit
        }
    }

    /// Pieces of output, between bars.
    const PIECES: &[u8] =
        b"a|word |45%|\t| |\n|\r|\r\n|\x1b|\x1b[|31|m|;|\x1b]8;;u|\x1b\\|\x07|\x18\
        |\0|\x7f|\xc3|\xa9|\xc2|\x9b|\xe2\x82\xac|\xf0\x9f\x9a\x80|\xf0\x9f|\xff|\xc2\xb0";

    fn pieces() -> Vec<&'static [u8]> {
        PIECES.split(|&byte| byte == b'|').collect()
    }

    fn output(pieces: &[&[u8]], random: &mut Random) -> Vec<u8> {
        (0..random.below(60)).flat_map(|_| pieces[random.below(pieces.len())]).copied().collect()
    }

    #[test]
    fn any_chunking_gives_the_lines_of_one_chunk() {
        let (mut random, pieces) = (Random(42), pieces());
        for round in 0..5_000 {
            let output = output(&pieces, &mut random);
            let limit = 4 + random.below(40);
            let expected = split(limit, [&output[..]]);

            let mut rest = &output[..];
            let mut chunks = Vec::new();
            while !rest.is_empty() {
                let (chunk, next) = rest.split_at(1 + random.below(rest.len().min(9)));
                chunks.push(chunk);
                rest = next;
            }
            assert_eq!(split(limit, chunks), expected, "round {round}: {output:?}");
            assert_eq!(split(limit, output.chunks(1)), expected, "round {round}: {output:?}");
        }
    }

    #[test]
    fn without_escapes_it_is_what_the_standard_library_says() {
        let mut random = Random(7);
        let mut pieces = pieces();
        pieces.retain(|piece| !piece.contains(&ESCAPE));
        for _ in 0..5_000 {
            let output = output(&pieces, &mut random);
            // The library joins nothing over a control character either.
            let clean = |text: &str| text.replace(|c: char| c != '\t' && c.is_control(), "");
            let last = |line: &str| {
                let drawn = line.split('\r').map(clean).rfind(|text| !text.is_empty());
                drawn.unwrap_or_default().trim_end().to_owned()
            };
            let text = String::from_utf8_lossy(&output);
            let mut expected: Vec<String> = text.split('\n').map(last).collect();
            expected.pop_if(|unfinished| unfinished.is_empty());
            let seen = split(1000, output.chunks(1 + random.below(7)));
            assert_eq!(seen.into_iter().map(|(text, ..)| text).collect::<Vec<_>>(), expected);
        }
    }
}
